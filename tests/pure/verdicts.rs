//! Every expectation of a step can fail, by itself, with words that name what was wanted and what
//! was found; and what is as wanted passes.

use labrun::lab::check;
use labrun::steps::{Client, StepKind, StepOutput, Verdict};
use std::time::Duration;

/// The verdict on `seen` for a step that is written as `step` in a lab file.
fn verdict(step: &str, seen: &StepOutput) -> Verdict {
    let text = format!(
        "lab: x\nbridges: [br0]\nnodes:\n  a:\n    links: {{eth0: {{bridge: br0, port: p}}}}\n    services: {{s: {{command: x, ready: {{udp: 1}}}}}}\ntests: {{t: {{steps: [{step}]}}}}\n"
    );
    let lab =
        check::lab(&text, "x").unwrap_or_else(|diagnostics| panic!("{step}: {diagnostics:?}"));
    let kind: &StepKind = &lab.tests[0].steps[0].kind;
    kind.with_client(Client::Dhclient).judge(seen)
}

/// What a client saw that got the lease of tests/data/leases.
fn leased(family: u8) -> StepOutput {
    let (lease, address, prefix) = match family {
        4 => (include_str!("../data/leases/dhclient-4"), "192.168.100.44", 24),
        _ => (include_str!("../data/leases/dhclient-6"), "fd00:100::30", 128),
    };
    let addresses = format!(
        r#"[{{"ifname":"eth0","addr_info":[{{"local":"{address}","prefixlen":{prefix},"scope":"global"}},{{"local":"fe80::1","prefixlen":64,"scope":"link"}}]}}]"#
    );
    StepOutput { lease: lease.into(), addresses, ..StepOutput::default() }
}

fn dhcp(family: u8, expect: &str) -> String {
    format!("{{dhcp: {{node: a, link: eth0, family: {family}, expect: {{{expect}}}}}}}")
}

#[test]
fn a_lease_that_is_as_wanted_passes_and_says_what_it_is() {
    let all = "pool: 192.168.100.40-192.168.100.44, prefix: 24, router: 192.168.100.1, dns: 192.168.100.1, lease: 10m, server: 192.168.100.1";
    assert_eq!(
        verdict(&dhcp(4, all), &leased(4)),
        Ok("192.168.100.44/24 from 192.168.100.1".into())
    );
    let late = StepOutput { time: Duration::from_millis(3250), ..leased(4) };
    assert_eq!(
        verdict(&dhcp(4, all), &late),
        Ok("192.168.100.44/24 from 192.168.100.1 in 3.25 s".into())
    );
    let all = "pool: fd00:100::30-fd00:100::30, prefix: 128, dns: fd00:100::1, lease: 10m, server: \"02:00:00:00:00:01\"";
    assert_eq!(
        verdict(&dhcp(6, all), &leased(6)),
        Ok("fd00:100::30/128 from 02:00:00:00:00:01".into())
    );
    assert!(verdict(&dhcp(4, ""), &leased(4)).is_ok());
}

#[test]
fn every_expectation_of_a_lease_can_fail_by_itself() {
    let cases = [
        (
            4,
            "pool: 192.168.100.45-192.168.100.50",
            "the address 192.168.100.44 is outside the pool 192.168.100.45-192.168.100.50",
        ),
        (
            4,
            "pool: 192.168.100.40-192.168.100.43",
            "the address 192.168.100.44 is outside the pool 192.168.100.40-192.168.100.43",
        ),
        (4, "prefix: 25", "the prefix length on the link is 24, not 25"),
        (4, "router: 192.168.100.2", "the router is 192.168.100.1, not 192.168.100.2"),
        (
            4,
            "dns: [192.168.100.1, 192.168.100.2]",
            "the DNS servers are [192.168.100.1], not [192.168.100.1, 192.168.100.2]",
        ),
        (4, "dns: 192.168.100.2", "the DNS servers are [192.168.100.1], not [192.168.100.2]"),
        (4, "lease: 599s", "the lease is for 600 seconds, not 599"),
        (4, "server: 192.168.100.2", "the lease is from 192.168.100.1, not from 192.168.100.2"),
        (
            6,
            "pool: fd00:100::31-fd00:100::40",
            "the address fd00:100::30 is outside the pool fd00:100::31-fd00:100::40",
        ),
        (6, "prefix: 64", "the prefix length on the link is 128, not 64"),
        (6, "dns: fd00:100::2", "the DNS servers are [fd00:100::1], not [fd00:100::2]"),
        (6, "lease: 1h", "the lease is for 600 seconds, not 3600"),
        (
            6,
            "server: \"02:00:00:00:00:02\"",
            "the lease is from 02:00:00:00:00:01, not from 02:00:00:00:00:02",
        ),
        (
            6,
            "server: \"00:03:00:01:02:00:00:00:00:01\"",
            "not from DUID 00:03:00:01:02:00:00:00:00:01",
        ),
    ];
    for (family, expect, words) in cases {
        let wrong = verdict(&dhcp(family, expect), &leased(family)).expect_err(expect);
        assert!(wrong[0].contains(words), "{expect}: {wrong:?}");
        assert!(wrong.last().unwrap().starts_with("the lease: "), "{wrong:?}");
    }
}

#[test]
fn a_lease_that_lacks_what_is_wanted_fails() {
    let bare =
        StepOutput { lease: "lease {\n  fixed-address 192.168.100.44;\n}\n".into(), ..leased(4) };
    for (expect, words) in [
        ("router: 192.168.100.1", "the router is none"),
        ("dns: 192.168.100.1", "the DNS servers are []"),
        ("lease: 10m", "the lease is for none seconds"),
        ("server: 192.168.100.1", "the lease is from an unnamed server"),
    ] {
        let wrong = verdict(&dhcp(4, expect), &bare).expect_err(expect);
        assert!(wrong[0].contains(words), "{expect}: {wrong:?}");
    }
}

#[test]
fn a_lease_that_is_not_on_the_link_is_none() {
    for (addresses, words) in [
        ("[]", "which has no address"),
        (
            r#"[{"addr_info":[{"local":"192.168.100.99","prefixlen":24,"scope":"global"}]}]"#,
            "which has 192.168.100.99/24",
        ),
    ] {
        let wrong = verdict(&dhcp(4, ""), &StepOutput { addresses: addresses.into(), ..leased(4) })
            .expect_err(addresses);
        assert!(
            wrong[0].contains("192.168.100.44 is not on eth0") && wrong[0].contains(words),
            "{wrong:?}"
        );
    }
}

#[test]
fn no_lease_fails_and_says_how_the_client_ended() {
    for (exit, words) in [
        (124, "no lease within 10s: dhclient was still asking on eth0"),
        (2, "dhclient gave up with exit status 2"),
        (127, "dhclient could not be run"),
        (0, "dhclient ended without a lease"),
    ] {
        let seen =
            StepOutput { exit, stderr: "DHCPDISCOVER on eth0\n".into(), ..StepOutput::default() };
        let wrong = verdict(&dhcp(4, ""), &seen).unwrap_err();
        assert!(wrong[0].contains(words) && wrong[1] == "| DHCPDISCOVER on eth0", "{wrong:?}");
    }
    let wrong = verdict(&dhcp(4, ""), &StepOutput { exit: 1, ..leased(4) }).unwrap_err();
    assert!(wrong[0].contains("yet its exit status is 1"), "{wrong:?}");
}

#[test]
fn no_lease_is_a_pass_only_where_none_is_wanted_and_the_client_asked() {
    let step = "{dhcp: {node: a, link: eth0, family: 4, fails: true}}";
    assert!(verdict(step, &StepOutput { exit: 124, ..StepOutput::default() }).is_ok());
    assert!(verdict(step, &StepOutput { exit: 2, ..StepOutput::default() }).is_ok());
    for (seen, words) in [
        (leased(4), "no lease was wanted, but dhclient got 192.168.100.44 from 192.168.100.1"),
        (
            StepOutput { exit: 124, lease: String::new(), ..leased(4) },
            "no lease was wanted, but eth0 has 192.168.100.44/24",
        ),
        (
            StepOutput { exit: 127, ..StepOutput::default() },
            "dhclient could not ask: exit status 127",
        ),
        (StepOutput { exit: 1, ..StepOutput::default() }, "dhclient could not ask: exit status 1"),
        (
            StepOutput { exit: 2, unsent: Some("eth0 is down".into()), ..StepOutput::default() },
            "dhclient did not even ask, which proves nothing: eth0 is down",
        ),
    ] {
        let wrong = verdict(step, &seen).expect_err(words);
        assert!(wrong[0].contains(words), "{wrong:?}");
    }
}

#[test]
fn every_expectation_of_a_command_can_fail() {
    let out =
        |exit, stdout: &str| StepOutput { exit, stdout: stdout.into(), ..StepOutput::default() };
    let run = |more: &str| format!("{{run: {{node: a, command: x{more}}}}}");
    let passes = [
        ("", out(0, "anything")),
        (", exit: 3", out(3, "")),
        (", exit: 127", out(127, "")),
        (", fails: true", out(1, "")),
        (", stdout: \"a\\nb\"", out(0, "\na\nb\n\n")),
        (", match: ^b$", out(0, "a\nb\nc\n")),
        (", not-match: ^b$", out(0, "ab\nbc\n")),
        (
            ", json: {a: [{b: 1}], c: null, d: 1.5}",
            out(0, r#"{"x": 0, "a": [7, {"b": 1.0, "c": 2}], "c": null, "d": 1.5}"#),
        ),
        (", json: [2, 1]", out(0, "[1, 2, 3]")),
        (", fails: true, stdout: no", out(9, "no\n")),
    ];
    for (more, seen) in passes {
        assert!(verdict(&run(more), &seen).is_ok(), "{more}: {:?}", verdict(&run(more), &seen));
    }
    let fails = [
        ("", out(1, ""), "`x` ended with exit status 1, not 0"),
        (", exit: 3", out(0, ""), "`x` ended with exit status 0, not 3"),
        (", exit: 3", out(4, ""), "`x` ended with exit status 4, not 3"),
        (", fails: true", out(0, ""), "`x` succeeded, but was to fail"),
        (", timeout: 2s", out(124, ""), "`x` did not end within 2s"),
        (", fails: true", out(124, ""), "`x` did not end within 10s"),
        (", fails: true", out(126, ""), "could not be run (exit status 126), which proves nothing"),
        (", fails: true", out(127, ""), "could not be run (exit status 127), which proves nothing"),
        (", stdout: a", out(0, "ab\n"), "`x` printed `ab`, not `a`"),
        (", stdout: ''", out(0, "a"), "`x` printed `a`, not ``"),
        (", match: ^b$", out(0, "ab\n"), "nothing in what `x` printed matches `^b$`"),
        (", not-match: b$", out(0, "bc\nab\n"), "`x` printed `ab`, which `b$` matches"),
        (", json: {a: 1}", out(0, "a: 1"), "what `x` printed is not JSON"),
        (", json: {a: 1}", out(0, ""), "what `x` printed is not JSON"),
        (
            ", json: {a: {b: 1}}",
            out(0, r#"{"a": {"b": 2}}"#),
            "what `x` printed, as JSON: .a.b is 2, not 1",
        ),
        (", json: {a: {b: 1}}", out(0, r#"{"a": {}}"#), "JSON: .a has no `b`"),
        (", json: {a: 1}", out(0, "[]"), "JSON: the document is [], not {\"a\":1}"),
        (
            ", json: [{b: 1}]",
            out(0, r#"[{"b": 2}, {"c": 1}]"#),
            "the document has no item {\"b\":1}",
        ),
        (", json: \"1\"", out(0, "1"), "the document is 1, not \"1\""),
        (", stdout: 'a b'", out(0, "\n"), "`x` printed nothing, not `a b`"),
        (", stdout: a", out(0, "a\nb\n"), "`x` printed `a …`, not `a`"),
        (", fails: true, stdout: a", out(1, "b"), "`x` printed `b`, not `a`"),
    ];
    for (more, seen, words) in fails {
        let wrong = verdict(&run(more), &seen).expect_err(more);
        assert!(wrong[0].contains(words), "{more}: {wrong:?}");
    }
}

#[test]
fn a_failure_shows_the_end_of_what_was_printed() {
    let stdout: String = (1..=30).map(|n| format!("line {n}\n\n")).collect();
    let seen = StepOutput { exit: 1, stdout, stderr: "at last\n".into(), ..StepOutput::default() };
    let wrong = verdict("{run: {node: a, command: x}}", &seen).unwrap_err();
    assert_eq!(wrong.len(), 13);
    assert_eq!((wrong[1].as_str(), wrong[12].as_str()), ("| line 20", "| at last"));
}

#[test]
fn pings_count_answers_not_lines() {
    let answer = |n: usize| "64 bytes from 10.0.0.1: icmp_seq=1 ttl=64 time=0.05 ms\n".repeat(n);
    let seen = |exit, n| StepOutput {
        exit,
        stdout: format!("PING 10.0.0.1\n{}", answer(n)),
        ..StepOutput::default()
    };
    let step = "{ping: {node: a, to: 10.0.0.1, count: 2}}";
    assert_eq!(verdict(step, &seen(0, 2)), Ok("10.0.0.1 answers".into()));
    for (seen, words) in [
        (seen(0, 1), "answered 1 of 2 requests"),
        (seen(1, 0), "answered 0 of 2 requests"),
        (seen(124, 1), "answered 1 of 2 requests"),
        (seen(0, 3), "answered 3 of 2 requests"),
        (
            StepOutput {
                stdout: format!("{}64 bytes from 10.0.0.1: icmp_seq=1 (DUP!)\n", answer(2)),
                ..StepOutput::default()
            },
            "answers more than once",
        ),
    ] {
        let wrong = verdict(step, &seen).expect_err(words);
        assert!(wrong[0].contains(words), "{wrong:?}");
    }
    let silent = "{ping: {node: a, to: 10.0.0.1, fails: true}}";
    assert!(verdict(silent, &seen(1, 0)).is_ok() && verdict(silent, &seen(124, 0)).is_ok());
    assert!(
        verdict(silent, &seen(0, 1)).unwrap_err()[0].contains("10.0.0.1 answers, but was not to")
    );
    assert!(verdict(silent, &seen(127, 0)).unwrap_err()[0].contains("ping could not be run"));
    assert!(verdict(silent, &seen(2, 0)).unwrap_err()[0].contains("could not even be asked"));
    let lost = StepOutput { unsent: Some("eth0 is down".into()), ..seen(1, 0) };
    assert!(verdict(silent, &lost).unwrap_err()[0].ends_with("proves nothing: eth0 is down"));
}

#[test]
fn other_steps_fail_with_what_they_were_about() {
    let late = StepOutput { exit: 124, ..StepOutput::default() };
    for (step, words) in [
        ("{wait: {node: a, udp: 67, within: 2s}}", "waited 2s for UDP port 67"),
        ("{wait: {node: a, tcp: 80}}", "waited 10s for TCP port 80"),
        ("{wait: {service: s, log: 'a|b'}}", "a line of s that matches `a|b`"),
        ("{wait: {file: x/y}}", "the file x/y"),
        ("{wait: {node: a, command: test 1}}", "`test 1` to succeed"),
        ("{service: {restart: s}}", "could not restart the service s"),
        ("{link: {down: a/eth0}}", "could not set the link eth0 of a down"),
    ] {
        assert!(verdict(step, &StepOutput::default()).is_ok(), "{step}");
        let wrong = verdict(step, &late).expect_err(step);
        assert!(wrong[0].contains(words), "{step}: {wrong:?}");
    }
}
