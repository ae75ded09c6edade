//! What services, steps and rules of a lab file can say, and what is said of mistakes in it.

use labrun::compile::script;
use labrun::lab::check;
use labrun::lab::find::show_diagnostics;
use labrun::packet::frame::Frame;
use labrun::steps::Client;

fn mistakes(text: &str) -> String {
    check::lab(text, "f").map_or_else(|found| show_diagnostics("f", &found), |_| String::new())
}

fn script_of(text: &str) -> String {
    let lab = check::lab(text, "f").unwrap_or_else(|found| panic!("{found:#?}\n{text}"));
    script::compile(&lab, Client::Dhclient)
}

/// Two nodes with a service of one name each, and one service that only `left` has.
fn twins(after: &str, step: &str) -> String {
    format!(
        r#"
lab: twins
x-services: &services
  http:
    command: serve ${{node}} ${{name}} $node
    files: {{"${{node}}.conf": "host ${{node}}\n"}}
    environment: {{WHO: "${{name}}@${{node}}"}}
    ready: {{log: "${{node}} is up"}}
nodes:
  left:
    services:
      <<: *services
      one: {{command: x, ready: {{running: 1ms}}, after: {after}}}
  right: {{services: *services}}
tests:
  t: {{steps: [{step}]}}
"#
    )
}

#[test]
fn services_of_several_nodes_may_share_a_name_and_a_description() {
    let script = script_of(&twins("left/http", "service: {kill: one}"));
    for line in [
        "  names=(one left@http right@http)",
        "  command='serve left http $node'",
        "  command='serve right http $node'",
        "  files+=(right.conf 'host right",
        "  environment=('WHO=http@left')",
        "  ready=(log 'right is up')",
        "  after=(left@http)",
    ] {
        assert!(script.lines().any(|found| found == line), "{line}\n{script}");
    }
    for step in [
        "service: {kill: right/http}",
        "service: {kill: left/one}",
        "wait: {service: left/http, log: x}",
        "run: {node: left, command: 'echo ${node}'}",
    ] {
        assert_eq!(mistakes(&twins("[right/http, left/http]", step)), "", "{step}");
    }
}

#[test]
fn a_service_that_could_be_several_or_is_none_is_a_mistake() {
    let said = |after: &str, step: &str| mistakes(&twins(after, step));
    let several = "there are several services `http`: `left/http`, `right/http`";
    for (after, step, message) in [
        ("http", "service: {kill: one}", several),
        ("left/http", "service: {kill: http}", several),
        ("left/http", "wait: {service: http, log: x}", several),
        (
            "right/one",
            "service: {kill: one}",
            "there is no service `right/one`, there is `left/one`",
        ),
        (
            "left/http",
            "service: {kill: right/one}",
            "there is no service `right/one`, there is `left/one`",
        ),
        ("left/http", "service: {kill: onne}", "there is no service `onne`, did you mean `one`?"),
        (
            "left/one",
            "service: {kill: one}",
            "`one` can never start: it waits for `left/one`, which in the end waits for it",
        ),
    ] {
        let said = said(after, step);
        assert!(said.lines().count() == 1 && said.contains(message), "{after} {step}: {said}");
    }
}

/// A lab with two nodes on a cable, a service, and a test of these steps.
fn steps(steps: &str) -> String {
    format!(
        r#"
lab: l
nodes:
  a: {{links: {{eth0: {{peer: b/eth0, addresses: 10.0.0.1/24}}}}}}
  b:
    links: {{eth0: {{peer: a/eth0, addresses: 10.0.0.2/24}}}}
    services:
      http: {{command: "serve ${{dir}}", ready: {{file: "${{dir}}/up"}}, files: {{c: "${{dir}}/x"}}}}
tests:
  t: {{steps: [{steps}]}}
"#
    )
}

/// That a lab with each of these steps has the one mistake.
fn one_mistake(cases: &[(&str, &str)]) {
    for (text, message) in cases {
        let said = mistakes(&steps(text));
        assert!(said.lines().count() == 1 && said.contains(message), "{text}: {said}");
    }
}

#[test]
fn a_service_knows_its_folder() {
    let script = script_of(&steps("service: {kill: http}"));
    for line in [
        "  command='serve /run/service/http'",
        "  files+=(c /run/service/http/x)",
        "  ready=(file /run/service/http/up)",
    ] {
        assert!(script.lines().any(|found| found == line), "{line}\n{script}");
    }
}

#[test]
fn what_is_saved_must_be_saved_before_it_is_used() {
    let save = "run: {service: http, command: x, save: {id: .a.0, all: .}}";
    let used = "http: {node: a, url: 'http://b/${id}/${all}'}";
    assert_eq!(mistakes(&steps(&format!("{save}, {used}"))), "");
    let late = mistakes(&steps(&format!("{used}, {save}")));
    assert!(late.contains("there is no saved value `id`"), "{late}");
    one_mistake(&[
        ("run: {node: a, command: x, save: {id: a}}", "expected the way to it in a JSON document"),
        ("run: {node: a, command: x, save: {id: .a..b}}", "expected the way to it"),
        ("run: {node: a, command: x, save: {i-d: .}}", "cannot name an environment variable"),
        ("run: {node: a, command: x, save: {PATH: .}}", "`PATH` is set for every command already"),
        ("run: {command: x}", "expected either a `node` or a `service`"),
        ("run: {node: a, service: http, command: x}", "expected either a `node` or a `service`"),
        ("run: {service: htp, command: x}", "there is no service `htp`, did you mean `http`?"),
    ]);
}

#[test]
fn commands_after_a_start_and_for_reloading_are_not_empty() {
    let text = |fields: &str| {
        steps("service: {reload: http}").replace("files: {c:", &format!("{fields}, files: {{c:"))
    };
    assert_eq!(mistakes(&text("started: [a, b], reload: c")), "");
    let script = script_of(&text("started: ['add ${dir}/x', b]"));
    assert!(script.contains("\n  started=('add /run/service/http/x' b)\n"), "{script}");
    for fields in ["started: ''", "started: [a, ' ']", "reload: ''"] {
        let said = mistakes(&text(fields));
        assert!(said.lines().count() == 1 && said.contains("an empty command"), "{fields}: {said}");
    }
    assert!(!script.contains("restart=on-failure"), "{script}");
    let script = script_of(&text("restart: on-failure"));
    assert!(script.contains("\n  restart=on-failure\n"), "{script}");
    for (fields, expected) in [
        ("restart: always", "expected one of `never`, `on-failure`"),
        ("restart: on-failure, started: a", "nobody would run `started`"),
    ] {
        let said = mistakes(&text(fields));
        assert!(said.lines().count() == 1 && said.contains(expected), "{fields}: {said}");
    }
    assert_eq!(mistakes(&text("restart: never, started: a")), "");
    one_mistake(&[("service: {reload: htp}", "there is no service `htp`, did you mean `http`?")]);
}

/// A lab with a rule.
fn rule(rule: &str) -> String {
    format!("{}    path: [{{packet: icmp, {rule}}}]\n", steps("ping: {node: a, to: 10.0.0.2}"))
        .replace("  t: {steps: [", "  t:\n    steps: [")
        .replace("]}\n    path", "]\n    path")
}

#[test]
fn numbers_of_packets_must_be_possible() {
    for good in [
        "at-least: 3, at-most: 3",
        "count: 3",
        "count: 90 - 110, at: [a, b]",
        "share: {a: 40-60, b: 60}",
        "fields: {ttl: 64}, some: true",
    ] {
        assert_eq!(mistakes(&rule(good)), "", "{good}");
    }
    for (text, message) in [
        ("at-least: 0", "0 is out of range: 1 to 1000000"),
        ("count: 0-3", "this holds without any such packet"),
        ("count: x", "`x`: expected a number up to 1000000 or a range such as `10-20`"),
        ("count: 3-2", "`3-2`: expected a number"),
        ("count: 1, at-most: 3", "`count` stands for both `at-least` and `at-most`"),
        ("at-least: 3, at-most: 2", "this can never hold: `at-most` is 2"),
        ("at-least: 3, at-most: 0", "`at-most: 0` wants no such packet"),
        ("share: {a: 100}", "these are shares of what is seen at all of them: name several"),
        ("share: {a: 10-40, b: 50}", "this can never hold: together they are 60 to 90 per cent"),
        ("share: {a: 40-101, b: 50}", "`40-101`: expected a number up to 100"),
        ("share: {a: 50, c: 50}", "there is no node, bridge or port `c`"),
        ("share: {a: 50, b: 50}, at: a", "`share` says itself where it looks"),
        ("some: true", "`some` is about `fields`, and there are none"),
    ] {
        let said = mistakes(&rule(text));
        assert!(said.lines().count() == 1 && said.contains(message), "{text}: {said}");
    }
}

#[test]
fn steps_have_paths_of_their_own() {
    let ping = "ping: {node: a, to: 10.0.0.2}";
    let with = |path: &str| steps(&format!("{{{ping}, path: {path}}}"));
    assert_eq!(mistakes(&with("[{packet: icmp, crosses: [a, b]}]")), "");
    for (text, message) in [
        (with("[{packet: icpm}]"), "there is no kind of packet `icpm`"),
        (with("[{packet: icmp, at: c}]"), "there is no node, bridge or port `c`"),
        (steps("{path: [{packet: icmp}]}"), "a step is one of `dhcp`"),
        (steps(&format!("{{{ping}, pahts: []}}")), "unknown field `pahts`, did you mean `path`?"),
        (
            with("[{packet: icmp}]").replace("t: {steps", "t: {capture: none, steps"),
            "`path` is judged from the capture",
        ),
    ] {
        let said = mistakes(&text);
        assert!(said.lines().count() == 1 && said.contains(message), "{text}: {said}");
    }
    // What its rules look at is captured.
    let nodes: String = (0..10)
        .map(|n| format!("  x{n}: {{links: {{e: {{peer: y{n}/e}}}}}}\n  y{n}: {{links: {{e: {{peer: x{n}/e}}}}}}\n"))
        .collect();
    let many = |path: &str| {
        let text = with(path).replace("nodes:\n", &format!("nodes:\n{nodes}"));
        check::lab(&text, "f").unwrap().tests[0].capture.clone()
    };
    assert_eq!(many("[{packet: icmp, at: x3}]"), ["x3"]);
    assert_eq!(many("[{packet: icmp}]"), Vec::<String>::new());
}

#[test]
fn only_lines_are_waited_for_by_number() {
    assert_eq!(mistakes(&steps("wait: {service: http, log: x, count: 3}")), "");
    one_mistake(&[
        ("wait: {service: http, log: x, count: 0}", "0 is out of range: 1 to 100000"),
        ("wait: {node: a, tcp: 80, count: 3}", "`count` is about the lines that `log` matches"),
    ]);
}

#[test]
fn files_and_folders_of_a_lab_are_its_own() {
    let with = |fields: &str| {
        steps("service: {kill: http}").replace("nodes:\n", &format!("{fields}\nnodes:\n"))
    };
    let text = with("private: [/opt, /run/x, /etc/y]\nfiles: {/opt/a: a, /run/lab/b: 'b c'}");
    let script = script_of(&text);
    let lines = "[mounts of global]\nmkdir -p /opt\nmount -t tmpfs -o mode=755 tmpfs /opt\nmkdir -p /run/x\nmkdir -p /etc/y\nmount -t tmpfs -o mode=755 tmpfs /etc/y\n";
    assert!(script.contains(lines), "{script}");
    let file = "  try 'cannot write /run/lab/b' service_file /run/lab/b 'b c' || return\n";
    assert!(script.contains(file), "{script}");
    for (fields, message) in [
        ("pass-env: 7UP", "`7UP`: expected the name of a variable"),
        ("pass-env: [A, PATH]", "`PATH`: this variable is set by labrun or bash"),
        ("pass-env: BASH_ENV", "`BASH_ENV`: this variable is set by labrun or bash"),
        ("writable: out", "`out`: expected the whole path of a folder"),
        ("writable: /etc", "`/etc`: this folder cannot be opened for writing"),
        ("writable: /dev/disk", "`/dev/disk`: this folder cannot be opened for writing"),
        ("private: opt", "`opt`: expected the whole path of a folder"),
        ("private: /opt/../etc", "expected the whole path"),
        ("private: '/opt/a b'", "expected the whole path"),
        ("private: /opt/", "expected the whole path"),
        ("private: /", "this folder cannot begin empty"),
        ("private: /usr", "this folder cannot begin empty"),
        ("private: /proc/1", "this folder cannot begin empty"),
        ("private: [/opt, /opt/a]", "this folder, or one around or in it, is there already"),
        (
            "files: {/opt/a: a}",
            "`/opt/a`: expected a file in one of `/etc`, `/run`, `/tmp`, `/var/tmp`",
        ),
        ("files: {a: a}", "`a`: expected a file"),
        ("files: {/run/../opt/a: a}", "expected a file"),
        ("files: {/run/netns/a: a}", "expected a file"),
        ("private: /opt\nfiles: {/opt: a}", "expected a file"),
    ] {
        let said = mistakes(&with(fields));
        assert!(said.lines().count() == 1 && said.contains(message), "{fields}: {said}");
    }
}

const PARAMS: &str = r#"
lab: l
params: {count: 2, net: 10.7.0, colours: [red, 7], port: 80, unset: ""}
bridges: [br0]
nodes:
  n-${each}:
    each: ${count}
    links: {eth0: {bridge: br0, port: "p${each}", addresses: "${net}.${each}/24"}}
    services: {"s-${count}": {command: "serve ${port}${unset} ${other}", ready: {tcp: "${port}"}}}
  c-${each}: {each: "${colours}", links: {eth0: {bridge: br0, port: "${each}"}}}
tests:
  t: {tags: "${colours}", steps: [ping: {node: n-1, to: "${net}.2", count: "${count}"}]}
"#;

fn set(text: &str, settings: &[&str]) -> Result<labrun::lab::model::Lab, String> {
    let settings: Vec<_> = settings.iter().map(|one| one.parse().unwrap()).collect();
    check::lab_with(text, "f", &settings).map_err(|found| show_diagnostics("f", &found))
}

#[test]
fn parameters_stand_for_their_values() {
    let text = PARAMS.replace(", 7]", ", blue]").replace("tags: \"${colours}\", ", "");
    let all = |settings: &[&str]| {
        let lab = set(&text, settings).unwrap();
        let nodes: Vec<String> = lab.topology.nodes.iter().map(|node| node.name.clone()).collect();
        let service = &lab.topology.services[0];
        let address = lab.topology.nodes[0].links[0].addresses[0];
        (nodes.join(" "), format!("{} {} {address}", service.name, service.run.command))
    };
    assert_eq!(
        all(&[]),
        ("n-1 n-2 c-red c-blue".into(), "s-2 serve 80 ${other} 10.7.0.1/24".into())
    );
    assert_eq!(
        all(&["count=3", "net=10.8.1", "colours=green", "unset=x=y", "port=81", "count=1"]),
        ("n-1 c-green".into(), "s-1 serve 81x=y ${other} 10.8.1.1/24".into())
    );
}

#[test]
fn parameters_must_make_sense() {
    let ok = PARAMS.replace("tags: \"${colours}\", ", "");
    assert_eq!(mistakes(&ok), "");
    for (text, settings, message) in [
        (ok.clone(), vec!["count=x"], "params.count: --set count: expected a number, found `x`"),
        (ok.clone(), vec!["port=70000"], "70000 is out of range: 1 to 65535"),
        (ok.clone(), vec!["colours="], "--set colours: an empty list"),
        (ok.replace("port: 80", "port: 80, more: 1"), vec![], "nothing in the file uses `${more}`"),
        (
            ok.replace("port: 80", "port: {a: 1}"),
            vec![],
            "expected a number, text, or a list of these",
        ),
        (
            ok.replace("serve", "serve ${colours}"),
            vec![],
            "`${colours}` is a list, so nothing else can stand here",
        ),
        (
            ok.replace("port: 80", "node: 80").replace("${port}", "${node}"),
            vec![],
            "`${node}` stands for something else already",
        ),
        (
            ok.replace("net: 10.7.0", "n-et: 1, net: 10.7.0"),
            vec![],
            "`n-et` cannot name a parameter",
        ),
    ] {
        let said = set(&text, &settings).unwrap_err();
        assert!(said.contains(message), "{message}: {said}");
    }
}

#[test]
fn links_are_silent_by_their_ends() {
    assert_eq!(mistakes(&steps("link: {silence: a/eth0}")), "");
    let lab = check::lab(&steps("link: {silence: a/eth0}"), "f").unwrap();
    assert!(
        script::commands(&lab, Client::Dhclient, false).contains(&("tc".into(), "iproute2".into()))
    );
    one_mistake(&[
        ("link: {silence: a/eth1}", "there is no link of `a` `eth1`, did you mean `eth0`?"),
        (
            "link: {silence: a/eth0, down: a/eth0}",
            "expected exactly one of `up`, `down`, `silence`",
        ),
    ]);
}

#[test]
fn impairments_make_sense() {
    for (step, feature) in [
        (
            "impair: {link: a/eth0, loss: 100%, delay: 1s, jitter: 1s, duplicate: 0.001%, reorder: 50%, corrupt: 1%, rate: 8kbit}",
            Some("netem"),
        ),
        ("impair: {link: a/eth0, rate: 1000gbit}", Some("tbf")),
        ("impair: {clear: a/eth0}", None),
    ] {
        let lab = check::lab(&steps(step), "f").unwrap();
        assert_eq!(lab.topology.kernel, Vec::from_iter(feature), "{step}");
        let tc = ("tc".into(), "iproute2".into());
        assert!(script::commands(&lab, Client::Dhclient, false).contains(&tc), "{step}");
    }
    one_mistake(&[
        (
            "impair: {link: a/eth0}",
            "nothing is said of what happens to the packets, such as `loss: 10%`",
        ),
        ("impair: {loss: 10%}", "expected exactly one of `link`, `clear`"),
        (
            "impair: {link: a/eth0, clear: a/eth0, loss: 10%}",
            "expected exactly one of `link`, `clear`",
        ),
        ("impair: {clear: a/eth0, loss: 10%}", "`clear` ends all of it, and begins nothing"),
        (
            "impair: {link: a/eth1, loss: 10%}",
            "there is no link of `a` `eth1`, did you mean `eth0`?",
        ),
        ("impair: {link: aa/eth0, loss: 10%}", "there is no node `aa`"),
        ("impair: {link: eth0, loss: 10%}", "`eth0`: expected NODE/LINK"),
        ("impair: {link: a/lo, loss: 10%}", "there is no link of `a` `lo`"),
        ("impair: {link: a/eth0, los: 10%}", "unknown field `los`, did you mean `loss`?"),
        ("impair: {link: a/eth0, loss: 101%}", "`101%` is not a share of up to 100 per cent"),
        ("impair: {link: a/eth0, loss: 10}", "expected text, found"),
        ("impair: {link: a/eth0, loss: 0%}", "`0%` of the packets is none: leave it out"),
        ("impair: {link: a/eth0, jitter: 1ms}", "`jitter` is that of a `delay`, which is missing"),
        ("impair: {link: a/eth0, delay: 1ms, jitter: 2ms}", "it is more than the `delay`, 1ms"),
        ("impair: {link: a/eth0, reorder: 1%}", "only what has no `delay` overtakes others"),
        ("impair: {link: a/eth0, delay: 0ms}", "expected a time such as"),
        ("impair: {link: a/eth0, rate: 1mbps}", "`1mbps` is not a rate such as"),
        ("impair: {link: a/eth0, rate: 1bit}", "`1bit` is out of range: 8kbit to 1000gbit"),
    ]);
    // The same of a link.
    let link = |impair: &str| {
        mistakes(&format!(
            "lab: x\nnodes:\n  a: {{links: {{e: {{peer: b/e, {impair}}}}}}}\n  b: {{links: {{e: {{peer: a/e}}, d: {{kind: dummy}}}}}}\n"
        ))
    };
    assert_eq!(link("impair: {loss: 10%}"), "");
    for (impair, words) in [
        (
            "impair: {}",
            "f:3:38: nodes.a.links.e.impair: nothing is said of what happens to the packets",
        ),
        ("impair:", "nodes.a.links.e.impair: nothing is said"),
        ("impair: {jitter: 1s}", "nodes.a.links.e.impair.jitter: `jitter` is that of a `delay`"),
        ("impair: {link: a/e, loss: 1%}", "nodes.a.links.e.impair.link: unknown field `link`"),
        ("impair: 10%", "nodes.a.links.e.impair: expected a mapping"),
    ] {
        assert!(link(impair).contains(words), "{impair}: {}", link(impair));
    }
    let inside = "lab: x\nnodes: {a: {links: {d: {kind: dummy, impair: {loss: 1%}}}}}\n";
    let words = "nodes.a.links.d.impair: a link of the kind `dummy` has no `impair`";
    assert!(mistakes(inside).contains(words), "{}", mistakes(inside));
}

#[test]
fn router_advertisements_have_fields() {
    // Lifetime 1800, managed, the prefix fd00:1::, the servers fd00::53 and fd00::54.
    let mut message = vec![134, 0, 0, 0, 64, 0x80, 7, 8, 0, 0, 0, 0, 0, 0, 0, 0];
    message.extend([1, 1, 2, 0, 0, 0, 0, 1, 3, 4, 64, 0xc0, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 0]);
    message.extend([0xfd, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    message.extend([25, 5, 0, 0, 0, 0, 0, 9]);
    for last in [0x53, 0x54] {
        message.extend([0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, last]);
    }
    let frame_of = |message: &[u8]| {
        let mut frame = vec![51, 51, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 0x86, 0xdd, 0x60, 0, 0, 0];
        frame.extend((message.len() as u16).to_be_bytes());
        frame.extend([58, 255]);
        frame.extend([0xfe; 32]);
        frame.extend(message);
        frame
    };
    let fields = ["router-lifetime", "managed", "other", "prefix", "dns"];
    let told = |message: &[u8]| {
        let data = frame_of(message);
        let frame = Frame::of(&data);
        let field = |name: &&str| frame.field(name).map_or("-".into(), |value| value.to_string());
        fields.iter().map(field).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(told(&message), "1800 1 0 fd00:1:: fd00::53");
    // Cut short or broken it has what is there.
    assert_eq!(told(&message[..16]), "1800 1 0 - -");
    assert_eq!(told(&message[..40]), "1800 1 0 - -");
    assert_eq!(told(&[&message[..16], &[9, 0, 0, 0]].concat()), "1800 1 0 - -");
    assert_eq!(told(&[&[133], &message[1..]].concat()), "- - - - -");
    let packet = |packet: &str| {
        rule("fields: {managed: 0-1}").replace("packet: icmp,", &format!("packet: {packet},"))
    };
    assert_eq!(mistakes(&packet("icmp6 router-advertisement")), "");
    assert!(
        mistakes(&packet("icmp6 echo-request"))
            .contains("only router advertisements have `managed`")
    );
}

/// A UDP datagram over IPv4.
fn datagram(from: u16, to: u16, data: &[u8]) -> Vec<u8> {
    let length = data.len() as u16 + 8;
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0, 0x45, 0];
    frame.extend((length + 20).to_be_bytes());
    frame.extend([0, 7, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    for number in [from, to, length, 0] {
        frame.extend(number.to_be_bytes());
    }
    frame.extend(data);
    frame
}

fn summary(frame: &[u8]) -> String {
    let summary = Frame::of(frame).summary();
    format!("{} {} {}", summary.protocol.name, summary.label, summary.detail)
}

#[test]
fn tftp_is_known_by_its_port_and_what_it_looks_like() {
    for (from, to, data, told) in [
        (4000, 69, &b"\0\x01boot.img\0octet\0"[..], "tftp READ file `boot.img`"),
        (4000, 69, b"\0\x02x\0octet\0blksize\x001428\0", "tftp WRITE file `x`"),
        (5000, 4000, b"\0\x03\x01\x02data", "tftp DATA block 258"),
        (69, 4000, b"\0\x03\0\x01", "tftp DATA block 1"),
        (4000, 5000, b"\0\x04\0\0", "tftp ACKNOWLEDGEMENT block 0"),
        (5000, 4000, b"\0\x05\0\x01no such file\0", "tftp ERROR code 1"),
        (5000, 4000, b"\0\x06blksize\x001428\0", "tftp OPTIONS "),
        // Requests elsewhere, and what only begins like it.
        (4000, 5000, b"\0\x01boot.img\0octet\0", "udp DATAGRAM 17 bytes"),
        (4000, 69, b"\0\x01boot.img", "udp DATAGRAM 10 bytes"),
        (4000, 69, b"\0\x01\0\0", "udp DATAGRAM 4 bytes"),
        (4000, 5000, b"\0\x04\0\0x", "udp DATAGRAM 5 bytes"),
        (5000, 4000, b"\0\x05\0\x09x\0", "udp DATAGRAM 6 bytes"),
        (5000, 4000, b"\0\x03\0", "udp DATAGRAM 3 bytes"),
        (5000, 4000, b"\0\0\0\0", "udp DATAGRAM 4 bytes"),
        (500, 4000, b"\0\x03\0\x01", "udp DATAGRAM 4 bytes"),
    ] {
        assert_eq!(summary(&datagram(from, to, data)), told);
    }
    for (packet, bulk) in [
        ("tftp", true),
        ("tftp data", true),
        ("tftp read", false),
        ("tcp syn", false),
        ("udp", true),
    ] {
        assert_eq!(
            labrun::rules::kind::Kind::read(packet).unwrap().may_be_bulk(),
            bulk,
            "{packet}"
        );
    }
}

#[test]
fn what_gre_carries_is_a_packet_too() {
    let inner = datagram(4000, 69, b"\0\x01boot.img\0octet\0");
    let gre = |header: &[u8], data: &[u8]| {
        let length = (20 + header.len() + data.len()) as u16;
        let [high, low] = length.to_be_bytes();
        let ip = [0x45, 0, high, low, 0, 9, 0, 0, 64, 47, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        [&inner[..14], &ip, header, data].concat()
    };
    // A key, after a checksum or not; none.
    for (header, key) in [
        (&[0x20, 0, 0x65, 0x58, 0, 1, 0, 2][..], Some("65538")),
        (&[0xb0, 0, 0x65, 0x58, 9, 9, 9, 9, 0, 0, 0, 7, 8, 8, 8, 8], Some("7")),
        (&[0x10, 0, 0x65, 0x58, 8, 8, 8, 8], None),
    ] {
        let outer = gre(header, &inner);
        assert_eq!(summary(&outer), "tftp READ file `boot.img`");
        let frame = Frame::of(&outer);
        assert_eq!(frame.field("key").map(|key| key.to_string()).as_deref(), key);
        assert_eq!(frame.field("protocol").unwrap().to_string(), 0x6558.to_string());
        let is = |packet: &str| labrun::rules::kind::Kind::read(packet).unwrap().is(&frame);
        assert!(is("gre") && is("udp to port 69") && is("tftp read") && !is("vxlan"));
    }
    let packet = gre(&[0, 0, 0x08, 0x00], &inner[14..]);
    assert_eq!(summary(&packet), "tftp READ file `boot.img`");
    // What it carries may be nothing that is known; PPTP's is another one, and so is what was cut short.
    assert_eq!(
        summary(&gre(&[0x20, 0, 0x88, 0xb7, 0, 0, 0, 3], b"?")),
        "gre PACKET key 3 protocol 34999"
    );
    for other in [&[0x20, 0x01, 0x88, 0x0b, 0, 0, 0, 3][..], &[0x20, 0, 0x65, 0x58, 0, 0], &[0x20]]
    {
        let is = |packet: &str| {
            labrun::rules::kind::Kind::read(packet).unwrap().is(&Frame::of(&gre(other, b"")))
        };
        assert!(!is("gre") && is("ip"), "{other:?}");
    }
}

#[test]
fn what_vxlan_carries_is_a_packet_too() {
    let inner = datagram(4000, 69, b"\0\x01boot.img\0octet\0");
    let outer = datagram(40000, 4789, &[&[8, 0, 0, 0, 0x01, 0x02, 0x03, 0], &inner[..]].concat());
    assert_eq!(summary(&outer), "tftp READ file `boot.img`");
    let frame = Frame::of(&outer);
    assert_eq!(frame.field("vni").unwrap().to_string(), "66051");
    let is = |packet: &str| labrun::rules::kind::Kind::read(packet).unwrap().is(&frame);
    assert!(is("vxlan") && is("udp to port 4789") && is("udp to port 69") && is("tftp read"));
    assert!(!is("icmp"));
    // Without a valid number it is none, cut short neither.
    let none = datagram(40000, 4789, &[&[0; 8], &inner[..]].concat());
    assert_eq!(summary(&none), format!("udp DATAGRAM {} bytes", inner.len() + 8));
    assert_eq!(summary(&datagram(40000, 4789, &[8, 0, 0])), "udp DATAGRAM 3 bytes");
    assert_eq!(summary(&datagram(40000, 8472, &[8, 0, 0, 0, 0, 0, 7, 0])), "vxlan FRAME vni 7");
    // One in the other, without end.
    let mut deep = inner;
    for _ in 0..10 {
        deep = datagram(40000, 4789, &[&[8, 0, 0, 0, 0, 0, 1, 0], &deep[..]].concat());
    }
    assert_eq!(summary(&deep), "vxlan FRAME vni 1");
}

#[test]
fn packets_that_are_waited_for_are_checked_like_those_of_rules() {
    for good in [
        "wait: {packet: icmp echo-request}",
        "wait: {packet: tcp to port 80, at: [a, b/eth0], fields: {ttl: 64, source: 10.0.0.0/24}, within: 2s}",
    ] {
        assert_eq!(mistakes(&steps(good)), "", "{good}");
    }
    let nodes = |step: &str| check::lab(&steps(step), "f").unwrap().tests[0].capture.join(" ");
    assert_eq!(nodes("wait: {packet: icmp, at: a}"), "a b");
    one_mistake(&[
        ("wait: {packet: icpm}", "there is no kind of packet `icpm`, did you mean `icmp`?"),
        ("wait: {packet: icmp, at: c}", "there is no node, bridge or port `c`"),
        ("wait: {packet: icmp, fields: {tll: 64}}", "`tll`"),
        ("wait: {packet: icmp, fields: {ttl: x}}", "`x`"),
        ("wait: {packet: icmp, node: a}", "where a `packet` is seen is said by `at`"),
        ("wait: {packet: icmp, tcp: 80}", "expected exactly one of"),
        ("wait: {node: a, tcp: 80, at: a}", "`at` and `fields` are about a `packet`"),
    ]);
    let none = steps("wait: {packet: icmp}").replace("t: {steps", "t: {capture: none, steps");
    assert!(mistakes(&none).contains("`wait` finds a packet there"), "{}", mistakes(&none));
}

#[test]
fn of_ids_only_a_range_can_be_needed() {
    let text = |ids: &str| format!("lab: x\nneeds: {{ids: {ids}}}\nnodes: {{a: {{}}}}\n");
    assert_eq!(mistakes(&text("range")), "");
    for wrong in ["many", "\"\"", "65536", "[range]"] {
        let said = mistakes(&text(wrong));
        assert!(said.contains("needs.ids") && said.lines().count() == 1, "{wrong}: {said}");
    }
}

#[test]
fn a_package_that_is_unpacked_is_named_as_others_are() {
    let lab = |needs| format!("lab: x\nneeds: {{commands: {{x: {needs}}}}}\nnodes: {{a: {{}}}}\n");
    let text = script_of(&lab("{unpack: a-b=1:2.3}"));
    assert!(text.contains("a-b=1%3a2.3"), "{text}");
    for (needs, wrong) in [
        ("{unpack: a b}", "`a b` cannot name a package"),
        ("{unpack: -y}", "`-y` cannot name a package"),
        ("{unpak: a}", "unknown field `unpak`, did you mean `unpack`?"),
        ("{}", "the field `unpack` is missing"),
        ("unpack/a", "`unpack/a` cannot name a package"),
    ] {
        let found = mistakes(&lab(needs));
        assert!(found.contains(wrong) && found.starts_with("f:2:"), "{needs}: {found}");
    }
}
