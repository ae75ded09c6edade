//! What `each` stands for: the same as what would otherwise be written out, with its mistakes said once.

use labrun::compile::script;
use labrun::lab::check;
use labrun::lab::find::show_diagnostics;
use labrun::steps::Client;
use proptest::prelude::*;

fn mistakes(text: &str) -> String {
    check::lab(text, "f").map_or_else(|found| show_diagnostics("f", &found), |_| String::new())
}

/// The lab's own part of its script, without what tells apart the files that it was made from.
fn data(text: &str) -> String {
    let lab = check::lab(text, "f").unwrap_or_else(|found| panic!("{found:#?}\n{text}"));
    let script = script::compile(&lab, Client::Dhclient);
    let (_, data) = script.split_once("\n# ---- the lab\n").unwrap();
    data.lines()
        .filter(|line| !line.starts_with("LAB_HASH="))
        .map(|line| format!("{line}\n"))
        .collect()
}

const EACH: &str = r#"
lab: many
bridges:
  br-${each}: {each: [left, right]}
nodes:
  client-${each}:
    each: 1-3
    links:
      eth0: {bridge: br-left, port: "p-c${each}", addresses: "10.0.0.${each}/24"}
    routes:
    - {each: [7, 8], to: "10.${each}.0.0/16", via: 10.0.0.9}
  server:
    links:
      eth${each}: {each: 2, bridge: br-right, port: "p-s${each}", addresses: "10.1.${each}.1/24"}
    services:
      web-${each}:
        each: [8080, 8081]
        command: exec serve ${each}
        environment: {PORT: "${each}", SHELL_WORD: "${HOME}"}
        ready: {tcp: "${each}"}
tests:
  from-${each}:
    each: 2
    steps:
    - ping: {node: "client-${each}", to: 10.0.0.3}
  all:
    steps:
    - {each: 3, ping: {node: "client-${each}", to: 10.0.0.3}}
"#;
const WRITTEN_OUT: &str = r#"
lab: many
bridges: {br-left: {}, br-right: {}}
nodes:
  client-1:
    links: {eth0: {bridge: br-left, port: p-c1, addresses: 10.0.0.1/24}}
    routes: [{to: 10.7.0.0/16, via: 10.0.0.9}, {to: 10.8.0.0/16, via: 10.0.0.9}]
  client-2:
    links: {eth0: {bridge: br-left, port: p-c2, addresses: 10.0.0.2/24}}
    routes: [{to: 10.7.0.0/16, via: 10.0.0.9}, {to: 10.8.0.0/16, via: 10.0.0.9}]
  client-3:
    links: {eth0: {bridge: br-left, port: p-c3, addresses: 10.0.0.3/24}}
    routes: [{to: 10.7.0.0/16, via: 10.0.0.9}, {to: 10.8.0.0/16, via: 10.0.0.9}]
  server:
    links:
      eth1: {bridge: br-right, port: p-s1, addresses: 10.1.1.1/24}
      eth2: {bridge: br-right, port: p-s2, addresses: 10.1.2.1/24}
    services:
      web-8080: {command: exec serve 8080, environment: {PORT: "8080", SHELL_WORD: "${HOME}"}, ready: {tcp: 8080}}
      web-8081: {command: exec serve 8081, environment: {PORT: "8081", SHELL_WORD: "${HOME}"}, ready: {tcp: 8081}}
tests:
  from-1: {steps: [{ping: {node: client-1, to: 10.0.0.3}}]}
  from-2: {steps: [{ping: {node: client-2, to: 10.0.0.3}}]}
  all:
    steps:
    - {ping: {node: client-1, to: 10.0.0.3}}
    - {ping: {node: client-2, to: 10.0.0.3}}
    - {ping: {node: client-3, to: 10.0.0.3}}
"#;

#[test]
fn each_is_what_would_be_written_out() {
    // One outside of the other would mean two things by one name.
    let inner = "    routes:\n    - {each: [7, 8], to: \"10.${each}.0.0/16\", via: 10.0.0.9}\n";
    let outer =
        "    routes: [{to: 10.7.0.0/16, via: 10.0.0.9}, {to: 10.8.0.0/16, via: 10.0.0.9}]\n";
    assert_eq!(
        mistakes(EACH),
        "f:11:8: nodes.client-${each}.routes[0].each: there is an `each` around this one, and only one of them can be \
         meant by `${each}`"
    );
    let each = EACH.replace(inner, outer);
    assert_eq!(data(&each), data(WRITTEN_OUT));
    let names = |text: &str| -> Vec<String> {
        let lab = check::lab(text, "f").unwrap();
        lab.tests.iter().map(|test| format!("{} {}", test.name, test.steps.len())).collect()
    };
    assert_eq!(names(&each), names(WRITTEN_OUT));
    assert_eq!(names(&each), ["many-from-1 1", "many-from-2 1", "many-all 3"]);
}

/// One alone may have any name, and fills a fragment in that others use, too.
#[test]
fn a_fragment_is_filled_in_for_each_of_its_nodes() {
    let text = |nodes: &str| {
        format!(
            "lab: x\nbridges: [br0]\nx-host: &host\n  links: {{eth0: {{bridge: br0, port: \"p-${{each}}\", addresses: \"10.0.0.${{each}}/24\"}}}}\nnodes:\n{nodes}"
        )
    };
    let written = |name: &str, n: u8| {
        format!(
            "  {name}: {{links: {{eth0: {{bridge: br0, port: p-{n}, addresses: 10.0.0.{n}/24}}}}}}\n"
        )
    };
    assert_eq!(
        data(&text("  red: {<<: *host, each: [7]}\n  blue: {<<: *host, each: [9]}\n")),
        data(&text(&(written("red", 7) + &written("blue", 9))))
    );
    assert_eq!(
        mistakes(&text("  red: {<<: *host, each: [7, 9]}\n")),
        "f:6:3: nodes: each needs a name of its own: put `${each}` into it"
    );
}

#[test]
fn a_mistake_in_what_each_stands_for_is_said_once() {
    let text = "\
lab: x
nodes:
  n-${each}: {each: 100, links: {e: {bridge: none, port: \"p${each}\", mut: 5}}}
  same: {each: 2}
  a${each}: {each: 0}
  b${each}: {each: 5-3}
  c${each}: {each: [x, {}]}
  d${each}: {each: 99999999}
  e${each}: {each: many}
  f${each}: {each: []}
tests:
  t: {steps: [{each: 3, ping: {node: \"n-${each}\", too: 10.0.0.1}}]}
";
    insta::assert_snapshot!(mistakes(text));
}

#[test]
fn what_each_stands_for_is_bounded() {
    let text = "lab: x\nnodes:\n  a${each}: {each: 900000, forward: true}\n";
    assert_eq!(
        mistakes(text),
        "f:3:14: nodes.a${each}.each: written out, this is too large for a lab file"
    );
    // However many there are, no more is written out than one of them may be.
    let many: String =
        (0..20_000).map(|n| format!("  a{n}-${{each}}: {{each: 900000}}\n")).collect();
    let found = mistakes(&format!("lab: x\nnodes:\n{many}"));
    assert_eq!(found.matches("this is too large for a lab file").count(), 19_999);
}

proptest! {
    #[test]
    fn a_hundred_clients_are_three_lines(first in 1u8..100, more in 0u8..100) {
        let last = first + more;
        let text = |nodes: &str| format!("lab: x\nbridges: [br0]\nnodes:\n{nodes}");
        let each = text(&format!(
            "  c-${{each}}:\n    each: {first}-{last}\n    links: {{e: {{bridge: br0, port: 'p${{each}}', addresses: '10.0.0.${{each}}/24'}}}}\n"
        ));
        let nodes: String = (first..=last)
            .map(|n| format!("  c-{n}: {{links: {{e: {{bridge: br0, port: p{n}, addresses: 10.0.0.{n}/24}}}}}}\n"))
            .collect();
        prop_assert_eq!(data(&each), data(&text(&nodes)));
    }
}
