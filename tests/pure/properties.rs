//! Whatever a lab file holds, checking it ends in a lab or in mistakes with places, never in a
//! panic; and whatever lab comes out compiles to a script that bash can read.

use labrun::compile::plan;
use labrun::compile::script;
use labrun::lab::check;
use labrun::lab::find::BUILT_IN;
use labrun::quote;
use labrun::steps::Client;
use labrun::yaml::decode::parse_duration;
use proptest::prelude::*;
use std::time::Duration;

/// Checks `text` and carries a good lab on to its script.
fn survives(text: &str) -> Result<(), TestCaseError> {
    match check::lab(text, "x") {
        Ok(lab) => {
            plan::plan(&lab.topology);
            prop_assert!(script::compile(&lab, Client::Dhclient).ends_with("main \"$@\"\n"));
        }
        Err(diagnostics) => {
            prop_assert!(!diagnostics.is_empty());
            // To YAML a carriage return alone is a line break, too.
            let lines = text.replace("\r\n", "\n").replace('\r', "\n").lines().count() as u64 + 1;
            for problem in diagnostics {
                prop_assert!(
                    (1..=lines).contains(&problem.position.line) && problem.position.column >= 1,
                    "{problem:?} in {text:?}"
                );
            }
        }
    }
    Ok(())
}

/// A word or sign that lab files are made of.
fn token() -> impl Strategy<Value = String> {
    let words = [
        "lab",
        "nodes",
        "bridges",
        "links",
        "tests",
        "steps",
        "dhcp",
        "run",
        "node",
        "link",
        "family",
        "4",
        "6",
        "eth0",
        "br0",
        "bridge",
        "port",
        "peer",
        "kind",
        "vxlan",
        "macvlan",
        "vrf",
        "ports",
        "on",
        "table",
        "routes",
        "rules",
        "to",
        "a/eth0",
        "addresses",
        "10.0.0.1/24",
        "fd00::1/64",
        "default",
        "via",
        "services",
        "command",
        "ready",
        "udp",
        "running",
        "1s",
        "true",
        "null",
        "~",
        "[",
        "]",
        "{",
        "}",
        ":",
        ": ",
        "- ",
        "\n",
        "\n  ",
        "\n    ",
        "&x ",
        "*x",
        "!!str ",
        "|\n",
        ">\n",
        "\"",
        "'",
        "#",
        ",",
        "---\n",
        "\t",
        "%",
        "@",
    ];
    prop_oneof![8 => proptest::sample::select(words.to_vec()).prop_map(String::from), 1 => "\\PC{1,4}", 1 => any::<char>().prop_map(String::from)]
}

fn built_in() -> impl Strategy<Value = &'static str> {
    proptest::sample::select(BUILT_IN.map(|(_, text)| text).to_vec())
}

/// `text` with the characters from `at` on, `length` of them, replaced.
fn spliced(text: &str, at: usize, length: usize, new: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let at = at % characters.len();
    characters[..at]
        .iter()
        .copied()
        .chain(new.chars())
        .chain(characters[(at + length).min(characters.len())..].iter().copied())
        .collect()
}

proptest! {
    #![proptest_config(crate::hostile::cases(300))]

    #[test]
    fn any_text_is_checked_without_a_panic(text in "\\PC{0,200}") {
        survives(&text)?;
    }

    #[test]
    fn yaml_like_text_is_checked_without_a_panic(tokens in proptest::collection::vec(token(), 0..80)) {
        survives(&tokens.concat())?;
        survives(&format!("lab: x\nnodes:\n  a: {}\n", tokens.concat()))?;
    }

    #[test]
    fn a_built_in_lab_survives_any_slip_of_the_hand(text in built_in(), at in any::<usize>(), length in 0..40usize, new in "[ -~\n]{0,8}") {
        survives(&spliced(text, at, length, &new))?;
    }

    #[test]
    fn a_built_in_lab_survives_lines_that_move(text in built_in(), from in any::<usize>(), to in any::<usize>()) {
        let mut lines: Vec<&str> = text.lines().collect();
        let line = lines.remove(from % lines.len());
        lines.insert(to % lines.len(), line);
        survives(&lines.join("\n"))?;
    }

    #[test]
    fn any_name_of_a_node_is_refused_or_matches_itself_alone(name in "[^\0]{1,12}") {
        let quoted = serde_json::to_string(&name).unwrap();
        survives(&format!("lab: x\nnodes:\n  {quoted}: {{}}\n"))?;
        let script = format!("case {} in {}) printf yes ;; *) printf no ;; esac", quote::shell(&name), quote::pattern(&name));
        let printed = std::process::Command::new("bash").arg("-c").arg(script).output().unwrap();
        prop_assert_eq!(printed.stdout, b"yes");
    }

    #[test]
    fn a_duration_is_read_as_it_was_written(number in 0..1_000_000u64, unit in 0..4usize) {
        let (unit, milliseconds) = [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000)][unit];
        prop_assert_eq!(parse_duration(&format!("{number}{unit}")), Some(Duration::from_millis(number * milliseconds)));
        for wrong in [format!("{number}"), format!("-{number}{unit}"), format!("{number} {unit}"), format!("{number}{unit}x"), format!(" {number}{unit}"), format!("{number}.5{unit}")] {
            prop_assert_eq!(parse_duration(&wrong), None, "{}", wrong);
        }
    }

    #[test]
    fn no_text_is_too_odd_for_a_duration(text in "[0-9]{0,25}\\PC{0,3}") {
        let _ = parse_duration(&text);
    }

    /// `server` of an IPv6 lease: six bytes are a hardware address, more a DUID, anything else is
    /// refused.
    #[test]
    fn a_server_of_an_ipv6_lease_is_a_hardware_address_or_a_duid(bytes in proptest::collection::vec(any::<u8>(), 1..20)) {
        use labrun::packet::server_id::ServerId;
        use labrun::steps::StepKind;
        let text = bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":");
        let lab = check::lab(&format!(
            "lab: x\nbridges: [b]\nnodes: {{a: {{links: {{e: {{bridge: b, port: p}}}}}}}}\ntests: {{t: {{steps: [dhcp: {{node: a, link: e, family: 6, expect: {{server: \"{text}\"}}}}]}}}}\n"
        ), "x");
        let found = lab.ok().map(|lab| match &lab.tests[0].steps[0].kind {
            StepKind::Dhcp(dhcp) => dhcp.expect.server.clone(),
            _ => None,
        });
        let expected = match bytes.len() {
            6 => Some(Some(ServerId::Mac(bytes.clone().try_into().unwrap()))),
            7.. => Some(Some(ServerId::Duid(bytes))),
            _ => None,
        };
        prop_assert_eq!(found, expected);
    }
}
