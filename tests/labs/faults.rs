//! What labrun's own labs notice: the project's own subject (tests/subject) with one fault at a time.
//!
//! Each fault fails the tests that it should, by what it should, and no other.

use crate::common::labs::{Lab, have, subject};
use crate::common::{User, users};
use serde_json::Value;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A test that notices: its name, its outcome, what the first line says of it, and what is said, too.
type Notices = (&'static str, &'static str, &'static str, &'static str);

/// A fault and all tests that notice it.
type Case = (&'static str, &'static [Notices]);

const NO_LEASE: &str = "no lease within 5s: dhcpcd was still asking on v-cli";

const CASES: [Case; 18] = [
    (
        "sends-on-twice",
        &[
            (
                "relay-v4",
                "fail",
                "dhcp4 discover must be seen at most once, but was ",
                "dhcp4 request must be seen at most once, but was ",
            ),
            ("relay-v6", "fail", "dhcp6 relay-forward must be seen at most once, but was ", ""),
        ],
    ),
    (
        "leaves-hops",
        &[
            (
                "relay-v4",
                "fail",
                "dhcp4 discover at v-br-srv: hops must be 2, but it is 1:",
                "dhcp4 request at v-br-srv: hops must be 2, but it is 1:",
            ),
            (
                "relay-v6",
                "fail",
                "dhcp6 relay-forward at v-br-srv: hops must be 1, but it is 0:",
                "",
            ),
        ],
    ),
    (
        "rewrites-giaddr",
        &[(
            "relay-v4",
            "fail",
            NO_LEASE,
            "dhcp4 discover at v-br-srv: giaddr must be 192.168.100.1, but it is 192.168.100.77:",
        )],
    ),
    (
        "other-link-address",
        &[(
            "relay-v6",
            "fail",
            "dhcp6 relay-forward at v-br-srv: outer-link-address must be :: or fd00:100::1 or fd00:200::2, but it is fd00:666::1:",
            "",
        )],
    ),
    (
        "drops-relay-replies",
        &[(
            "relay-v6",
            "fail",
            NO_LEASE,
            "dhcp6 advertise must cross ns-server → ns-dhcplb → ns-relay → ns-client, but one got no further than ns-dhcplb:",
        )],
    ),
    (
        "drops-requests",
        &[
            (
                "relay-v4",
                "fail",
                NO_LEASE,
                "dhcp4 request must cross ns-client → ns-relay → ns-dhcplb → ns-server, but one got no further than ns-dhcplb:",
            ),
            (
                "relay-v6",
                "fail",
                NO_LEASE,
                "dhcp6 request must cross ns-client → ns-relay → ns-dhcplb → ns-server, but one got no further than ns-dhcplb:",
            ),
            ("server-v4", "fail", NO_LEASE, ""),
            ("server-v6", "fail", NO_LEASE, ""),
        ],
    ),
    // Of the last answer one is enough for the client, so the test may have ended before the second.
    (
        "answers-twice",
        &[
            ("relay-v6", "fail", "dhcp6 advertise must be seen at most once, but was ", ""),
            ("server-v4", "fail", "dhcp4 offer must be seen at most once, but was ", ""),
            ("server-v6", "fail", "dhcp6 advertise must be seen at most once, but was ", ""),
        ],
    ),
    (
        "outside-the-pool",
        &[
            (
                "server-v4",
                "fail",
                "the address 192.168.100.154 is outside the pool 192.168.100.10-192.168.100.49",
                "",
            ),
            (
                "server-v6",
                "fail",
                "the address fd00:100::a0 is outside the pool fd00:100::10-fd00:100::4f",
                "",
            ),
        ],
    ),
    ("leaves-out-router", &[("server-v4", "fail", "the router is none, not 192.168.100.1", "")]),
    (
        "wrong-link",
        &[
            (
                "relay-v6",
                "fail",
                NO_LEASE,
                "dhcp6 advertise must cross ns-server → ns-dhcplb → ns-relay → ns-client, but one got no further than ns-dhcplb:",
            ),
            ("server-v4", "fail", NO_LEASE, ""),
            ("server-v6", "fail", NO_LEASE, ""),
        ],
    ),
    (
        "wrong-server-id",
        &[
            ("server-v4", "fail", "the lease is from 192.0.2.1, not from 192.168.100.1", ""),
            (
                "server-v6",
                "fail",
                "the lease is from 02:00:00:00:00:fe, not from 02:00:00:00:00:01",
                "",
            ),
        ],
    ),
    (
        "lease-time-zero",
        &[
            ("server-v4", "fail", "the lease is for 0 seconds, not 600", ""),
            // The kernel takes such an address away at once.
            (
                "server-v6",
                "fail",
                "the address fd00:100::10 is not on v-cli, which has no address",
                "the lease is for 0 seconds, not 600",
            ),
        ],
    ),
    // The client asks again.
    ("loses-first", &[]),
    // None of these tests has as many packets.
    ("loses-every-20th", &[]),
    (
        "crashes",
        &[
            ("relay-v4", "fail", "", "service lb-v4 (node ns-dhcplb) died with exit status 101"),
            ("relay-v6", "fail", "", "service lb-v6 (node ns-dhcplb) died with exit status 101"),
            ("server-v4", "fail", "", "service dhcp-v4 (node ns-dhcplb) died with exit status 101"),
            ("server-v6", "fail", "", "service dhcp-v6 (node ns-dhcplb) died with exit status 101"),
        ],
    ),
    (
        "never-listens",
        &[
            (
                "relay-v4",
                "error",
                "service lb-v",
                "was not ready within 2s, still waiting for: udp ",
            ),
            (
                "relay-v6",
                "error",
                "service lb-v",
                "was not ready within 2s, still waiting for: udp ",
            ),
            (
                "server-v4",
                "error",
                "service dhcp-v",
                "was not ready within 2s, still waiting for: udp ",
            ),
            (
                "server-v6",
                "error",
                "service dhcp-v",
                "was not ready within 2s, still waiting for: udp ",
            ),
        ],
    ),
    (
        "exits-at-once",
        &[
            ("relay-v4", "error", "service lb-v", "died with exit status 1\n"),
            ("relay-v6", "error", "service lb-v", "died with exit status 1\n"),
            ("server-v4", "error", "service dhcp-v", "died with exit status 1\n"),
            ("server-v6", "error", "service dhcp-v", "died with exit status 1\n"),
        ],
    ),
    ("starts-late", &[]),
];

#[test]
fn each_fault_of_the_subject_fails_the_tests_that_it_should_by_what_it_should_and_no_other() {
    let name =
        "each_fault_of_the_subject_fails_the_tests_that_it_should_by_what_it_should_and_no_other";
    let Some(subject) = subject(name) else { return };
    if !have(name, &["dnsmasq", "dhcpcd"]) {
        return;
    }
    // They mostly wait, so many go at once. Each fault is for one of the users.
    let users = users();
    let jobs: Vec<_> = (0..CASES.len() * 2)
        .map(|n| (&CASES[n / 2], ["relay", "server"][n % 2], users[n / 2 % users.len()]))
        .collect();
    let (next, wrong) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                while let Some(job) = jobs.get(next.fetch_add(1, Ordering::SeqCst)) {
                    wrong.lock().unwrap().extend(run(*job, &subject));
                }
            });
        }
    });
    let wrong = wrong.into_inner().unwrap();
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// What is wrong with how `lab` judges the subject with this fault.
fn run(((fault, notices), lab, user): (&Case, &str, User), subject: &Path) -> Vec<String> {
    let built_in = lab;
    let noticed = |test: &str| {
        let name = format!("{built_in}-{test}");
        notices.iter().find(|(noticing, ..)| *noticing == name)
    };
    let soon = |test: &str| {
        noticed(test).is_some_and(|(_, _, first, _)| *first == NO_LEASE || first.is_empty())
    };
    let lab = Lab::built_in(user, lab, |text| {
        let mut text = text.replace("exec dhcplb ", &format!("exec dhcplb --fault {fault} "));
        assert_eq!(text.matches("--fault").count(), 2, "{text}");
        // Nobody has to wait for what never comes.
        for (test, family) in [("v4", "family: 4\n"), ("v6", "family: 6\n")] {
            assert!(text.contains(family));
            if soon(test) {
                text = text.replace(family, &format!("{family}          within: 5s\n"));
            }
        }
        for port in [67, 547] {
            if *fault == "never-listens" {
                text = text.replace(
                    &format!("ready: {{udp: {port}}}"),
                    &format!("ready: {{udp: {port}, within: 2s}}"),
                );
            }
        }
        text
    });
    let (done, results) =
        lab.results(&["--strict", "--client", "dhcpcd", "--subject", subject.to_str().unwrap()]);
    let set_up = crate::common::schema::events(&done.stdout)
        .into_iter()
        .find(|message| message["event"] == "setup-failed");
    let mut wrong = Vec::new();
    for test in ["v4", "v6"] {
        let (outcome, first, then) = noticed(test)
            .map_or(("pass", "", ""), |(_, outcome, first, then)| (outcome, first, then));
        let result = &results[test];
        let lines = match &set_up {
            Some(failed) => said(failed),
            None => said(result),
        };
        if result["outcome"] != outcome
            || !lines.lines().next().unwrap_or_default().contains(first)
            || !lines.contains(then)
        {
            wrong.push(format!(
                "{fault}, {built_in}-{test}, {user:?}: wanted {outcome}, {first:?} and {then:?}: {result:#}\n{}",
                done.all
            ));
        }
    }
    wrong
}

fn said(message: &Value) -> String {
    let lines = message["lines"].as_array().map(Vec::as_slice).unwrap_or_default();
    lines.iter().map(|line| format!("{}\n", line.as_str().unwrap())).collect()
}
