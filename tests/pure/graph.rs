//! Drawings of labs: the built-in ones as they were, and any lab without breaking what it is drawn
//! in.

use crate::common;

use common::{User, labrun, text};
use labrun::graph;
use labrun::lab::check;
use labrun::lab::find::BUILT_IN;
use labrun::lab::model::Lab;
use labrun::text::{plain, width};
use proptest::prelude::*;
use regex_lite::Regex;
use std::io::Write;
use std::process::{Command, Stdio};

/// The drawings of all built-in labs, one below the other.
fn all(draw: impl Fn(&Lab) -> String) -> String {
    BUILT_IN.map(|(name, text)| draw(&check::lab(text, name).unwrap())).join("\n")
}

#[test]
fn the_built_in_labs_look_in_a_terminal_as_they_did() {
    insta::assert_snapshot!(all(|lab| graph::terminal(lab, 80)));
}

#[test]
fn the_built_in_labs_are_the_same_in_mermaid_as_they_were() {
    insta::assert_snapshot!(all(graph::mermaid));
}

#[test]
fn the_built_in_labs_are_the_same_in_dot_as_they_were() {
    insta::assert_snapshot!(all(graph::dot));
}

#[test]
fn the_built_in_labs_are_the_same_in_svg_as_they_were() {
    insta::assert_snapshot!(all(graph::svg));
}

#[test]
fn the_built_in_labs_are_the_same_in_json_as_they_were() {
    insta::assert_snapshot!(all(|lab| serde_json::to_string_pretty(&graph::json(lab)).unwrap()));
}

/// A lab of `nodes` nodes; each is on those bridges that `plugged` picks, and cabled to the next.
fn lab(nodes: usize, bridges: usize, plugged: impl Fn(usize, usize) -> bool) -> Lab {
    let mut file = "lab: x\nbridges: [".to_string();
    file.push_str(&(0..bridges).map(|b| format!("br{b}")).collect::<Vec<_>>().join(", "));
    file.push_str("]\nnodes:\n");
    for node in 0..nodes {
        file.push_str(&format!("  n{node}:\n    links:\n      none: {{peer: n{node}/none2}}\n      none2: {{peer: n{node}/none}}\n"));
        for bridge in (0..bridges).filter(|b| plugged(node, *b)) {
            file.push_str(&format!(
                "      e{bridge}: {{bridge: br{bridge}, port: p{node}-{bridge}, addresses: 10.{bridge}.0.{}/24}}\n",
                node + 1
            ));
        }
    }
    check::lab(&file, "x").unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}"))
}

#[test]
fn a_hundred_nodes_take_a_line_for_each_link_and_all_are_there() {
    let drawing = graph::terminal(&lab(100, 1, |_, _| true), 80);
    for node in 0..100 {
        let line = drawing
            .lines()
            .find(|l| l.contains(&format!(" p{node}-0 ")))
            .unwrap_or_else(|| panic!("{drawing}"));
        assert!(line.ends_with(&format!("e0     10.0.0.{}/24", node + 1)), "{line}");
    }
    assert_eq!(drawing.lines().count(), 2 + 1 + 100 * 3, "{drawing}");
}

#[test]
fn with_more_networks_than_there_is_room_for_each_link_says_what_it_is_plugged_into() {
    let drawing = graph::terminal(&lab(3, 12, |_, _| true), 80);
    assert!(
        !drawing.contains('┃')
            && drawing.contains("e11    on br11, 10.11.0.3/24")
            && drawing.contains("to n2/none2"),
        "{drawing}"
    );
}

#[test]
fn networks_that_do_not_meet_share_a_lane() {
    // Each bridge joins two neighbours only, so there are never more than two at a time.
    let drawing =
        graph::terminal(&lab(10, 9, |node, bridge| node == bridge || node == bridge + 1), 80);
    assert!(drawing.lines().all(|l| l.matches('┃').count() <= 2), "{drawing}");
    assert!(
        drawing.contains("\n┏━━┃━ br2\n") && drawing.contains("┤ e8     10.8.0.10/24"),
        "{drawing}"
    );
}

#[test]
fn a_bridge_that_nothing_is_plugged_into_is_named() {
    let lab = lab(1, 1, |_, _| false);
    assert!(graph::terminal(&lab, 80).contains("br0: nothing is plugged in"));
    assert!(graph::svg(&lab).contains("br0: nothing is plugged in"));
}

#[test]
fn the_program_under_test_is_found_by_its_name_as_a_word() {
    let text = |command: &str| {
        format!(
            "lab: x\nsubject: {{program: foo, repository: {{files: [foo]}}, build: make}}\nnodes:\n  a:\n    services: {{s: {{command: {command}, ready: {{running: 1s}}}}}}\n"
        )
    };
    for (command, is) in [
        ("exec foo -v", true),
        ("/usr/bin/foo", true),
        ("exec food", false),
        ("exec a-foo", false),
        ("cat foo.conf", false),
    ] {
        let lab = check::lab(&text(command), "x")
            .unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}"));
        assert_eq!(graph::terminal(&lab, 80).contains("under test: foo"), is, "{command}");
        assert_eq!(graph::json(&lab)["nodes"][0]["subject"], is, "{command}");
    }
}

#[test]
fn graph_prints_each_format_and_refuses_others() {
    let run = |arguments: &[&str]| labrun(User::Own).args(arguments).output().unwrap();
    let begins = [
        ("text", "relay: "),
        ("mermaid", "%%{init"),
        ("dot", "graph lab {"),
        ("svg", "<svg "),
        ("json", "{\"about\""),
    ];
    for (format, begin) in begins {
        let output = run(&["graph", "relay", "--format", format]);
        assert!(
            output.status.success() && output.stdout.starts_with(begin.as_bytes()),
            "{}",
            text(&output)
        );
    }
    // A pipe is 80 columns wide, and has no colours.
    let output = run(&["graph", "relay"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        graph::terminal(&check::lab(BUILT_IN[0].1, "x").unwrap(), 80)
    );
    for wrong in [
        &["graph", "relay", "--format", "png"][..],
        &["list", "--format", "svg"],
        &["graph", "rely"],
    ] {
        let output = run(wrong);
        assert_eq!(output.status.code(), Some(2), "{}", text(&output));
    }
}

/// What Graphviz makes of `dot`; empty if it complains.
fn graphviz(dot: &str) -> String {
    let child = Command::new("dot")
        .arg("-Tsvg")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let mut child = child.expect("dot, of the package graphviz");
    child.stdin.take().unwrap().write_all(dot.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    if output.stderr.is_empty() && output.status.success() {
        String::from_utf8(output.stdout).unwrap()
    } else {
        String::new()
    }
}

#[test]
fn graphviz_draws_the_built_in_labs_without_a_complaint() {
    for (name, text) in BUILT_IN {
        let lab = check::lab(text, name).unwrap();
        let drawn = graphviz(&graph::dot(&lab)).replace("&#45;", "-");
        for node in &lab.topology.nodes {
            assert!(drawn.contains(&format!(">{}</text>", node.name)), "{name}: {drawn}");
        }
    }
    assert!(graphviz("graph {").is_empty(), "this test can fail");
}

/// A lab of hostile names: of nodes, bridges, links and ports.
fn hostile() -> impl Strategy<Value = String> {
    let signs = [
        "<b>",
        "&amp;",
        "\"",
        "`",
        ";",
        "\n",
        "#35;",
        "]",
        "|",
        "%%",
        "\\",
        "\u{202e}",
        "网络",
        "$$",
        "-->",
        "end",
        "]]>",
        "--",
        "fa:fa-car",
        "\u{1b}[1m",
    ];
    let name = || {
        let piece = prop_oneof![
            proptest::sample::select(signs.to_vec()).prop_map(String::from),
            "[^/\0]{1,4}",
            "[a-z]{1,30}"
        ];
        proptest::collection::vec(piece, 1..5).prop_map(|pieces| pieces.concat().replace('/', ""))
    };
    let link = r"[!$&(-,.;-\[\]-~]{1,11}";
    let node = (name(), proptest::collection::vec((link, 0..4usize), 0..4), any::<bool>());
    (proptest::collection::vec(link, 0..4), proptest::collection::vec(node, 1..18), name()).prop_map(|(bridges, nodes, about)| {
        let quote = |text: &str| serde_json::to_string(text).unwrap();
        let mut file = format!("lab: x\nabout: {}\nsubject: {{program: foo, repository: {{files: [foo]}}, build: make}}\n", quote(&about));
        file.push_str(&format!("bridges: [{}]\nnodes:\n", bridges.iter().map(|b| quote(b)).collect::<Vec<_>>().join(", ")));
        for (index, (name, links, subject)) in nodes.iter().enumerate() {
            file.push_str(&format!("  {}:\n    forward: {subject}\n    links:\n", quote(&format!("{name}{index}"))));
            for (nth, (link, bridge)) in links.iter().enumerate() {
                let Some(bridge) = bridges.get(*bridge) else { continue };
                let port = quote(&format!("{}{index}_{nth}", &link[..1]));
                file.push_str(&format!(
                    "      {}: {{bridge: {}, port: {port}, addresses: fd00::{index}:{nth}/64}}\n",
                    quote(&format!("{link}{nth}")),
                    quote(bridge)
                ));
            }
            let command = if *subject { "foo" } else { "bar" };
            file.push_str(&format!("    services: {{s{index}: {{command: {command}, ready: {{udp: [{}, 67]}}}}}}\n", index + 1));
        }
        file.replace("    links:\n    services", "    services")
    })
}

/// The labels of a drawing in DOT, each from `<` to the `>` that ends it.
fn labels(dot: &str) -> Vec<&str> {
    dot.lines().filter_map(|line| Some(line.split_once("label=<")?.1.rsplit_once('>')?.0)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_lab_is_drawn_well_formed(file in hostile(), columns in 1..200usize) {
        let lab = check::lab(&file, "x");
        prop_assume!(lab.is_ok());
        let lab = lab.unwrap();
        let svg = graph::svg(&lab);
        let document = roxmltree::Document::parse(&svg);
        prop_assert!(document.is_ok(), "{:?}: {}", document, svg);
        let texts: Vec<String> = document.unwrap().descendants().filter_map(|n| n.text().map(String::from)).collect();
        for node in &lab.topology.nodes {
            prop_assert!(texts.contains(&plain(&node.name)), "{:?} is not in {}", node.name, svg);
        }

        // Nothing but what is written here: no name can begin a statement of its own.
        let words = r#"[^"`<>;%:|\[\]{}()\\]"#;
        let label = format!(r#""(?:{words}|under test:|<b>|</b>|<br/>|#\d+;|[0-9a-f]*:[0-9a-f:.]+/\d+)*""#);
        let statement = format!(r#"^  (?:[nb]\d+(?:\[{label}\]|\(\[{label}\]\))(?::::(?:bridge|subject))?|[nb]\d+ ---\|{label}\| [nb]\d+|classDef .*)$"#);
        let statement = Regex::new(&statement).unwrap();
        for line in graph::mermaid(&lab).lines().skip(2) {
            prop_assert!(statement.is_match(line), "{}", line);
        }

        let dot = graph::dot(&lab);
        prop_assert_eq!(dot.lines().count(), 5 + lab.topology.bridges.len() + lab.topology.nodes.len() + lab.topology.nodes.iter().map(|n| n.links.len()).sum::<usize>());
        for label in labels(&dot) {
            let label = label.split(">, shape").next().unwrap();
            prop_assert!(roxmltree::Document::parse(&format!("<x>{label}</x>")).is_ok(), "{}", label);
        }

        let drawing = graph::terminal(&lab, columns);
        for line in drawing.lines() {
            prop_assert!(width(line) <= columns.max(40), "{} > {}: {}", width(line), columns, line);
            prop_assert!(!line.chars().any(char::is_control), "{:?}", line);
        }
        prop_assert_eq!(graph::json(&lab)["nodes"].as_array().map(Vec::len), Some(lab.topology.nodes.len()));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn graphviz_draws_any_lab_without_a_complaint(file in hostile()) {
        let lab = check::lab(&file, "x");
        prop_assume!(lab.is_ok());
        let dot = graph::dot(&lab.unwrap());
        prop_assert!(!graphviz(&dot).is_empty(), "{}", dot);
    }
}

#[test]
fn links_inside_of_nodes_are_in_every_drawing() {
    let text = "lab: x\nnodes:\n  a: {links: {e1: {peer: b/e1}, switch: {kind: bridge, ports: e1, addresses: 10.0.0.1/24, vlans: {7: {}}}}}\n  b: {links: {e1: {peer: a/e1}}}\n";
    let lab = labrun::lab::check::lab(text, "x").unwrap();
    let terminal = graph::terminal(&lab, 80);
    for drawing in [graph::svg(&lab), graph::dot(&lab), graph::mermaid(&lab), terminal] {
        for words in ["switch", "bridge of e1", "10.0.0.1", "VLAN 7"] {
            assert!(drawing.contains(words), "{words}: {drawing}");
        }
    }
    let described = graph::json(&lab);
    assert_eq!(described["nodes"][0]["devices"][0]["ports"], serde_json::json!(["e1"]));
}
