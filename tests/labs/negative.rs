//! A lab that is wrong is found out: every way of failing has its result, its exit code and its
//! words, and comes to an end.

use crate::common;
use crate::common::labs;

use common::{User, labrun, users};
use labs::{Lab, have, lines, run};
use std::process::Command;
use std::time::Duration;

/// A client and a DHCP server on one switch; `tests` follows.
fn dhcp_lab(user: User, tests: &str) -> Lab {
    Lab::new(user, &format!("{DHCP}tests:\n{tests}"))
}

const DHCP: &str = "
needs: {commands: {dnsmasq: dnsmasq-base}}
bridges: [br0]
nodes:
  client:
    links: {eth0: {bridge: br0, port: p-client}}
  server:
    links: {eth0: {bridge: br0, port: p-server, addresses: 10.0.0.1/24}}
    services:
      dhcp:
        command: exec dnsmasq --no-daemon --conf-file=dnsmasq.conf
        files:
          dnsmasq.conf: |
            port=0
            no-ping
            user=root
            group=root
            interface=eth0
            dhcp-range=10.0.0.10,10.0.0.20,12h
            dhcp-option=option:router,10.0.0.1
            dhcp-option=option:dns-server,10.0.0.1
            dhcp-leasefile=leases
        ready: {udp: 67}
";

#[test]
fn a_wrong_lease_fails_and_names_what_was_wanted_and_found() {
    if !have("a_wrong_lease_fails", &["dnsmasq", "dhclient"]) {
        return;
    }
    let test = |name: &str, expect: &str| {
        format!(
            "  {name}: {{steps: [dhcp: {{node: client, link: eth0, family: 4, expect: {{{expect}}}}}]}}\n"
        )
    };
    let tests = [
        test("pool", "pool: 10.0.0.30-10.0.0.40"),
        test("router", "router: 10.0.0.2"),
        test("server", "server: 10.0.0.2"),
        test("prefix", "prefix: 25"),
        test("dns", "dns: 10.0.0.9"),
        test("lease", "lease: 11h"),
        test(
            "right",
            "pool: 10.0.0.10-10.0.0.20, router: 10.0.0.1, server: 10.0.0.1, prefix: 24, dns: 10.0.0.1, lease: 12h",
        ),
    ];
    for user in users() {
        let lab = dhcp_lab(user, &tests.concat());
        let (done, results) = lab.results(&[]);
        assert_eq!(done.exit, 1, "{}", done.all);
        for (name, words) in [
            ("pool", "is outside the pool 10.0.0.30-10.0.0.40"),
            ("pool", "the address 10.0.0."),
            ("router", "the router is 10.0.0.1, not 10.0.0.2"),
            ("server", "the lease is from 10.0.0.1, not from 10.0.0.2"),
            ("prefix", "the prefix length on the link is 24, not 25"),
            ("dns", "not [10.0.0.9]"),
            ("lease", "the lease is for 43200 seconds, not 39600"),
        ] {
            assert_eq!(results[name]["outcome"], "fail", "{}", done.all);
            assert!(lines(&results[name]).contains(words), "{name}: {}", done.all);
            // The place in the file, too.
            assert!(
                results[name]["detail"]
                    .as_str()
                    .unwrap()
                    .starts_with(&format!("{}:", lab.file.display())),
                "{}",
                done.all
            );
        }
        assert_eq!(results["right"]["outcome"], "pass", "{}", done.all);
    }
}

#[test]
fn without_a_server_no_lease_comes_in_bounded_time() {
    if !have("without_a_server", &["dnsmasq", "dhclient", "dhcpcd", "udhcpc"]) {
        return;
    }
    let step = |client: &str, family: u8, more: &str| {
        format!(
            "dhcp: {{node: client, link: eth0, family: {family}, client: {client}, within: 2s{more}}}"
        )
    };
    let tests = format!(
        "  dead: {{steps: [service: {{kill: dhcp}}, {}]}}\n  wanted: {{steps: [service: {{stop: dhcp}}, {}, {}]}}\n  six: {{steps: [{}]}}\n",
        step("dhclient", 4, ""),
        step("dhcpcd", 4, ", fails: true"),
        step("udhcpc", 4, ", fails: true"),
        // This server speaks no DHCPv6.
        step("dhclient", 6, ", fails: true"),
    );
    for user in users() {
        let (done, results) = dhcp_lab(user, &tests).results(&[]);
        assert_eq!(done.exit, 1, "{}", done.all);
        assert_eq!(results["dead"]["outcome"], "fail", "{}", done.all);
        assert!(
            lines(&results["dead"])
                .contains("no lease within 2s: dhclient was still asking on eth0"),
            "{}",
            done.all
        );
        assert!(lines(&results["dead"]).contains("| DHCPDISCOVER on eth0"), "{}", done.all);
        assert_eq!(
            (&results["wanted"]["outcome"], &results["six"]["outcome"]),
            (&"pass".into(), &"pass".into()),
            "{}",
            done.all
        );
        // Four clients of two seconds each.
        assert!(done.time < Duration::from_secs(20), "{:?}", done.time);
    }
}

#[test]
fn a_lease_where_none_is_wanted_fails() {
    if !have("a_lease_where_none_is_wanted_fails", &["dnsmasq", "dhclient"]) {
        return;
    }
    let (done, results) = dhcp_lab(
        User::Own,
        "  t: {steps: [dhcp: {node: client, link: eth0, family: 4, fails: true}]}\n",
    )
    .results(&[]);
    assert_eq!((done.exit, &results["t"]["outcome"]), (1, &"fail".into()), "{}", done.all);
    assert!(
        lines(&results["t"]).contains("no lease was wanted, but dhclient got 10.0.0."),
        "{}",
        done.all
    );
}

/// A lab of one node with one service and one test that would pass.
fn service_lab(user: User, service: &str) -> Lab {
    Lab::new(
        user,
        &format!(
            "nodes:\n  host:\n    services:\n      daemon: {service}\ntests:\n  t: {{steps: [run: {{node: host, command: \"true\"}}]}}\n"
        ),
    )
}

#[test]
fn a_service_that_does_not_come_up_is_an_error_that_says_why() {
    let cases = [
        (
            "{command: echo it is broken; exit 3, ready: {udp: 67}}",
            "died with exit status 3",
            "| it is broken",
        ),
        (
            "{command: exec no-such-command, ready: {udp: 67}}",
            "could not be run (exit status 127)",
            "no-such-command: not found",
        ),
        (
            "{command: 'echo here I hang; exec sleep 1000', ready: {udp: 67, within: 500ms}}",
            "was not ready within 500ms, still waiting for: udp 67",
            "| here I hang",
        ),
        (
            "{command: exec sleep 1000, ready: {log: ready, file: up, within: 300ms}}",
            "still waiting for: log ready, file up",
            "| (it printed nothing)",
        ),
        ("{command: 'kill -SEGV $$', ready: {udp: 67}}", "died of signal 11", ""),
        ("{command: exit 5, ready: {exit: 0}}", "died with exit status 5", ""),
        (
            "{command: exec sleep 1000, ready: {exit: 0, within: 300ms}}",
            "still waiting for: exit 0",
            "",
        ),
        ("{command: exec sleep 0.2, ready: {running: 1s}}", "died with exit status 0", ""),
        (
            "{command: exec sleep 1000, ready: {command: 'false', within: 300ms}}",
            "still waiting for: command false",
            "",
        ),
    ];
    for user in users() {
        for (service, what, line) in cases {
            let lab = service_lab(user, service);
            let done = lab.run(&["test"]);
            assert_eq!(done.exit, 4, "{service}: {}", done.all);
            assert!(
                done.all.contains("service daemon (node host) ") && done.all.contains(what),
                "{service}: {}",
                done.all
            );
            assert!(
                done.all.contains(line) && done.all.contains("command: "),
                "{service}: {}",
                done.all
            );
            assert!(done.all.contains(&format!("ERROR {}-t", lab.name)), "{}", done.all);
            assert!(!lab.is_up(), "{service}");
            assert!(done.time < Duration::from_secs(8), "{service}: {:?}", done.time);
            // `setup` ends the same way.
            if service.contains("500ms") {
                assert_eq!(lab.run(&["setup", &lab.name]).exit, 4);
            }
        }
    }
}

#[test]
fn a_service_that_dies_in_the_middle_of_a_test_fails_it_and_is_there_again_for_the_next() {
    for user in users() {
        let lab = Lab::new(
            user,
            r#"
nodes:
  host:
    services:
      daemon:
        command: echo $$ >"$TMPDIR/daemon.pid"; echo these were its last words; exec sleep 1000
        ready: {log: last words}
tests:
  first: {steps: [run: {node: host, command: 'kill -9 "$(cat "$TMPDIR/daemon.pid")"'}]}
  second: {steps: [run: {node: host, command: 'kill -0 "$(cat "$TMPDIR/daemon.pid")"'}]}
"#,
        );
        let (done, results) = lab.results(&[]);
        assert_eq!(
            (done.exit, &results["first"]["outcome"], &results["second"]["outcome"]),
            (1, &"fail".into(), &"pass".into()),
            "{}",
            done.all
        );
        let lines = lines(&results["first"]);
        assert!(
            lines.contains("service daemon (node host) died of signal 9")
                && lines.contains("| these were its last words"),
            "{}",
            done.all
        );
    }
}

#[test]
fn a_service_that_does_not_come_back_ends_the_run_instead_of_hanging_it() {
    let lab = Lab::new(
        User::Own,
        r#"
nodes:
  host:
    services:
      once:
        command: '[ ! -e been ] || { echo not twice; exit 3; }; touch been; echo up; exec sleep 1000'
        ready: {log: up}
tests:
  first: {steps: [service: {kill: once}]}
  second: {steps: [run: {node: host, command: "true"}]}
"#,
    );
    let (done, results) = lab.results(&[]);
    assert_eq!((done.exit, &results["second"]["outcome"]), (4, &"error".into()), "{}", done.all);
    assert!(lines(&results["first"]).contains("| not twice"), "{}", done.all);
    assert!(!lab.is_up());
}

#[test]
fn commands_that_do_not_end_are_ended_and_fail() {
    let lab = Lab::new(
        User::Own,
        r#"
nodes: {host: {}}
tests:
  slow: {steps: [run: {node: host, command: sleep 100, timeout: 300ms}]}
  stubborn: {steps: [run: {node: host, command: "trap '' TERM; sleep 100 & wait; sleep 100", timeout: 300ms, fails: true}]}
  retried: {steps: [run: {node: host, command: "echo again; false", within: 600ms, every: 100ms}]}
"#,
    );
    let (done, results) = lab.results(&[]);
    assert_eq!(done.exit, 1, "{}", done.all);
    for test in ["slow", "stubborn"] {
        assert_eq!(results[test]["outcome"], "fail", "{}", done.all);
        assert!(lines(&results[test]).contains("did not end within 300ms"), "{test}: {}", done.all);
    }
    assert!(
        lines(&results["retried"]).contains(
            "step 1, run in host: `echo again; false` ended with exit status 1, not 0 (the last of "
        ),
        "{}",
        done.all
    );
    assert!(done.time < Duration::from_secs(10), "{:?}", done.time);
}

#[test]
fn a_missing_command_is_a_skip_with_the_command_that_installs_it() {
    for user in users() {
        let lab = Lab::new(
            user,
            "needs: {commands: {some-nonexistent-command: some-package}}\nnodes: {host: {}}\ntests: {t: {steps: [run: {node: host, command: \"true\"}]}}\n",
        );
        let sudo = if user == User::Own && common::is_root() { "" } else { "sudo " };
        let words = format!(
            "some-nonexistent-command is missing, install it: {sudo}apt-get install -y --no-install-recommends some-package"
        );
        let done = lab.run(&["test"]);
        assert!(
            done.exit == 0
                && done.stdout.contains(&format!("SKIP  {}-t", lab.name))
                && done.stdout.contains(&words),
            "{}",
            done.all
        );
        assert!(done.stdout.contains("0 passed, 0 failed, 1 skipped"), "{}", done.all);
        assert_eq!(lab.run(&["test", "--strict"]).exit, 3);
        // CI=true makes it strict, --no-strict takes that back.
        let in_ci = |more: &[&str]| {
            let mut command = lab.command(&[&["test"], more].concat());
            command.env("CI", "true");
            run(command).exit
        };
        assert_eq!((in_ci(&[]), in_ci(&["--no-strict"])), (3, 0));
        let setup = lab.run(&["setup", &lab.name]);
        assert!(setup.exit == 3 && setup.all.contains(&words), "{}", setup.all);
        let doctor = lab.run(&["doctor"]);
        assert!(doctor.exit == 3 && doctor.all.contains(&words), "{}", doctor.all);
    }
}

#[test]
fn a_missing_kernel_feature_is_a_skip_that_names_it() {
    let lacks = |kind: &&str| {
        let mut unshare = Command::new("unshare");
        unshare.args(["--map-root-user", "--net", "ip", "link", "add", "k0", "type", kind]);
        !unshare.output().unwrap().status.success()
    };
    let Some(feature) = ["dummy", "wireguard", "ifb"].into_iter().find(lacks) else {
        eprintln!(
            "SKIP a_missing_kernel_feature_is_a_skip_that_names_it: this kernel has them all"
        );
        return;
    };
    for user in users() {
        let lab = Lab::new(
            user,
            &format!(
                "needs: {{kernel: [{feature}]}}\nnodes: {{host: {{}}}}\ntests: {{t: {{steps: [run: {{node: host, command: \"true\"}}]}}}}\n"
            ),
        );
        let done = lab.run(&["test"]);
        assert!(done.exit == 0 && done.stdout.contains("SKIP"), "{}", done.all);
        assert!(done.stdout.contains(&format!("this kernel has no {feature}")), "{}", done.all);
        assert_eq!(lab.run(&["test", "--strict"]).exit, 3);
    }
}

#[test]
fn without_its_subject_or_a_stand_in_a_lab_is_skipped() {
    let lab = Lab::new(
        User::Own,
        "subject: {program: no-such-program}\nnodes: {host: {}}\ntests: {t: {steps: [run: {node: host, command: \"true\"}]}}\n",
    );
    let done = lab.run(&["test"]);
    assert!(
        done.exit == 0
            && done.stdout.contains("there is no no-such-program: name it with --subject PATH"),
        "{}",
        done.all
    );
    let done = lab.run(&["test", "--subject", "/nowhere"]);
    assert!(
        done.exit == 2 && done.all.contains("--subject: there is no `/nowhere`"),
        "{}",
        done.all
    );
    let done = lab.run(&["test", "--subject", lab.file.to_str().unwrap()]);
    assert!(
        done.exit == 2 && done.all.contains("neither an executable file nor a repository"),
        "{}",
        done.all
    );
}

#[test]
fn strict_refuses_a_stand_in() {
    if !have("strict_refuses_a_stand_in", &["dnsmasq"]) || which::which("dhcplb").is_ok() {
        return;
    }
    let lab = Lab::built_in(User::Own, "server", |text| text);
    let done = lab.run(&["test", "--strict"]);
    assert!(
        done.exit == 3
            && done
                .stdout
                .contains("there is no dhcplb, and --strict refuses its stand-in dnsmasq"),
        "{}",
        done.all
    );
}

#[test]
fn an_unknown_name_is_wrong_usage_with_a_suggestion() {
    for (arguments, words) in [
        (["test", "relay-v5"], "there is no lab or test `relay-v5`, did you mean `relay-v4`?"),
        (["test", "serer"], "there is no lab or test `serer`, did you mean `server`?"),
        (["setup", "brigde"], "there is no lab or test `brigde`, did you mean `bridge`?"),
        (["setup", "relay-v4"], "`relay-v4` is a test of the lab `relay`, a lab is wanted"),
        (["script", "nonsense"], "there is no lab or test `nonsense`; there is `relay`"),
        (["tset", "relay"], "unrecognized subcommand"),
    ] {
        let mut command = labrun(User::Own);
        command.args(arguments);
        let done = run(command);
        assert!(done.exit == 2 && done.all.contains(words), "{arguments:?}: {}", done.all);
    }
}

#[test]
fn keep_leaves_a_failed_lab_up_to_be_entered_until_it_is_cleaned() {
    for user in users() {
        let lab = Lab::new(
            user,
            "nodes: {\"the host\": {}}\ntests:\n  bad: {steps: [run: {node: the host, command: 'echo evidence >\"$TMPDIR/left\"; false'}]}\n  good: {steps: [run: {node: the host, command: \"true\"}]}\n",
        );
        let done = lab.run(&["test", "--keep"]);
        let hint = format!(
            "kept {0}: enter it with `labrun shell {0} 'the host'`, end it with `labrun clean {0}`",
            lab.name
        );
        assert!(done.exit == 1 && done.stdout.contains(&hint), "{}", done.all);
        let exec =
            lab.exec("the host", &["sh", "-c", "cat \"$TMPDIR/left\"; echo \"in $LABRUN_LAB\""]);
        assert_eq!((exec.exit, exec.stdout), (0, format!("evidence\nin {}\n", lab.name)));
        let clean = lab.run(&["clean", &lab.name]);
        assert!(
            clean.exit == 0 && clean.stdout.contains(&format!("cleaned {}", lab.name)),
            "{}",
            clean.all
        );
        assert!(!lab.is_up());
        // A lab whose tests pass is not kept.
        let done = lab.run(&["test", "--keep", &format!("{}-good", lab.name)]);
        assert!(done.exit == 0 && !lab.is_up(), "{}", done.all);
    }
}

#[test]
fn keep_leaves_a_lab_up_whose_set_up_failed() {
    let lab = service_lab(
        User::Own,
        "{command: 'echo broken; exec sleep 1000', ready: {udp: 67, within: 200ms}}",
    );
    let done = lab.run(&["test", "--keep"]);
    assert!(done.exit == 4 && done.stdout.contains(&format!("kept {}", lab.name)), "{}", done.all);
    assert_eq!(lab.exec("host", &["echo", "inside"]).stdout, "inside\n");
    assert!(
        lab.run(&["status"])
            .stdout
            .lines()
            .any(|l| l.starts_with(&lab.name) && l.contains("failed"))
    );
    assert_eq!(lab.run(&["logs", &lab.name]).stdout, "daemon | broken\n");
}
