//! A failure begins with its cause: whose fault it is, where and by which command, in every report,
//! and in the test that it happened in.

use crate::common;
use crate::common::labs;

use common::users;
use labs::{Lab, lines, run};
use std::fs;
use std::os::unix::fs::PermissionsExt;

const DYING: &str = r#"
bridges: [br0]
nodes:
  client:
    links: {eth0: {bridge: br0, port: p-client, addresses: 10.0.0.1/24}}
  server:
    links: {eth0: {bridge: br0, port: p-server, addresses: 10.0.0.2/24}}
    services:
      daemon:
        command: echo $$ >"$TMPDIR/pid"; echo last words; exec sleep 1000
        ready: {log: last words}
tests:
  path:
    steps: [run: {node: server, command: 'kill -9 "$(cat "$TMPDIR/pid")"'}]
    path: [{packet: icmp, crosses: [client, server]}, {packet: tcp, crosses: [client, server]}]
  step:
    steps:
      - run: {node: server, command: 'kill -9 "$(cat "$TMPDIR/pid")"'}
      - ping: {node: client, to: 10.0.0.9, timeout: 300ms}
  output:
    steps:
      - run: {node: server, command: "true"}
      - run: {node: client, command: "echo what I am", stdout: something else}
"#;

#[test]
fn a_daemon_that_died_is_told_first_and_alone_where_packets_were_missed() {
    for user in users() {
        let lab = Lab::new(user, DYING);
        let folder = lab.folder.path().join("out");
        fs::create_dir(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
        let report = |kind: &str| format!("--report={kind}={}", folder.join(kind).display());
        let reports = ["json", "junit", "html"].map(report);
        let summary = folder.join("summary");
        let mut command = lab.command(&["test"]);
        command.args(&reports).env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
        let done = run(command);
        assert_eq!(done.exit, 1, "{}", done.all);
        let read = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
        let cause = "service daemon (node server) died of signal 9";
        let output =
            "step 2, run in client: `echo what I am` printed `what I am`, not `something else`";

        let json: serde_json::Value = serde_json::from_str(&read("json")).unwrap();
        for (index, first) in [cause, cause, output].into_iter().enumerate() {
            let test = &json["tests"][index];
            assert!(test["lines"][0].as_str().unwrap().starts_with(first), "{test}");
        }
        let [path, step] = [0, 1].map(|index| lines(&json["tests"][index]));
        assert!(!path.contains("icmp") && path.contains("| last words"), "{path}");
        assert!(step.contains("\nstep 2, ping in client: 10.0.0.9 answered 0 of 1"), "{step}");
        for (name, cause, output) in [
            ("junit", format!("message=\"{cause}\""), format!("message=\"{output}\"")),
            ("html", format!("<b>{cause}</b>"), format!("<b>{output}</b>")),
            (
                "summary",
                format!("| a service died during the test<br>{cause} |"),
                output.replace('`', "&#96;"),
            ),
        ] {
            let text = read(name);
            assert!(text.contains(&cause) && text.contains(&output), "{name}: {text}");
            assert!(!text.contains("no icmp was seen"), "{name}: {text}");
        }
        // Annotations, and the lines of the run and its end.
        for words in [
            format!("title={}-path failed::{cause}", lab.name),
            format!("title={}-output failed::{output}", lab.name),
            format!("      {output}\n      | what I am\n"),
        ] {
            assert!(done.stdout.contains(&words), "no `{words}` in {}", done.all);
        }
        assert!(!done.stdout.contains("no icmp was seen"), "{}", done.all);
    }
}

#[test]
fn a_service_that_cannot_come_back_is_the_fault_of_the_test_that_broke_it() {
    let lab = |service: &str, steps: &str| {
        format!(
            "nodes:\n  host:\n    services:\n      once: {{{service}}}\ntests:\n  before: {{steps: [run: {{node: host, command: \"true\"}}]}}\n  last: {{steps: [{steps}]}}\n"
        )
    };
    let once = "command: 'echo $$ >\"$TMPDIR/pid\"; [ ! -e been ] || { echo not twice; sleep TIME; exit 3; }; touch been; echo up; exec sleep 1000', ready: {log: up, within: 2s}";
    let kill = "run: {node: host, command: 'kill -9 \"$(cat \"$TMPDIR/pid\")\"'}";
    for user in users() {
        for (time, steps, outcome, first) in [
            // It dies again, and is late.
            (
                "0",
                "service: {kill: once}",
                "error",
                "service once (node host) died with exit status 3",
            ),
            (
                "9",
                "service: {kill: once}",
                "error",
                "service once (node host) was not ready within 2s",
            ),
            ("0", kill, "fail", "service once (node host) died of signal 9"),
        ] {
            let lab = Lab::new(user, &lab(&once.replace("TIME", time), steps));
            let (done, results) = lab.results(&[]);
            assert_eq!(results["before"]["outcome"], "pass", "{}", done.all);
            assert_eq!(results["last"]["outcome"], outcome, "{}", done.all);
            assert!(lines(&results["last"]).starts_with(first), "{first}: {}", done.all);
            assert!(lines(&results["last"]).contains("| not twice"), "{}", done.all);
            assert!(!lab.is_up());
        }
    }
}

#[test]
fn what_a_service_printed_before_it_was_started_again_is_not_waited_for() {
    let lab = Lab::new(
        common::User::Own,
        r#"
nodes:
  host:
    services:
      daemon: {command: 'n=$(ls | wc -l); touch "$n"; echo "go $n"; exec sleep 1000', ready: {log: go}}
tests:
  t:
    steps:
      - service: {restart: daemon}
      - wait: {service: daemon, log: go 1, within: 3s}
      - service: {restart: daemon}
      - wait: {service: daemon, log: go 2, within: 3s}
      - wait: {service: daemon, log: go 1, within: 100ms}
"#,
    );
    let (done, results) = lab.results(&[]);
    assert_eq!(results["t"]["outcome"], "fail", "{}", done.all);
    assert!(lines(&results["t"]).starts_with("step 5, wait: waited 100ms for"), "{}", done.all);
}

#[test]
fn a_status_that_is_no_signal_is_none() {
    for (status, words) in [
        (255, "died with exit status 255"),
        (193, "died with exit status 193"),
        (192, "died of signal 64"),
        (129, "died of signal 1"),
        (128, "died with exit status 128"),
    ] {
        let lab = Lab::new(
            common::User::Own,
            &format!(
                "nodes:\n  host: {{services: {{d: {{command: exit {status}, ready: {{udp: 1}}}}}}}}\ntests:\n  t: {{steps: [run: {{node: host, command: \"true\"}}]}}\n"
            ),
        );
        let done = lab.run(&["test"]);
        assert!(done.exit == 4 && done.all.contains(words), "{words}: {}", done.all);
    }
}

#[test]
fn a_pulled_cable_is_known_at_both_its_ends_when_the_step_is_over() {
    let lab = Lab::new(
        common::User::Own,
        r#"
bridges: [br0]
nodes:
  a: {links: {eth0: {bridge: br0, port: pa}, p2p: {peer: b/p2p}}}
  b: {links: {p2p: {peer: a/p2p}}}
tests:
  t:
    steps:
      - link: {down: a/eth0}
      - run: {node: a, command: ip -j link show eth0, match: '"operstate":"(LOWERLAYER)?DOWN"'}
      - link: {up: a/eth0}
      - run: {node: a, command: ip -j link show eth0, json: [{operstate: UP}]}
      - link: {down: a/p2p}
      - run: {node: b, command: ip -j link show p2p, match: '"operstate":"(LOWERLAYER)?DOWN"'}
      - link: {up: a/p2p}
      - run: {node: b, command: ip -j link show p2p, json: [{operstate: UP}]}
"#,
    );
    lab.passes(&[]);
}

#[test]
fn a_step_with_within_is_tried_again_also_where_an_attempt_hangs() {
    let lab = Lab::new(
        common::User::Own,
        r#"
bridges: [br0]
nodes:
  a: {links: {eth0: {bridge: br0, port: pa, addresses: 10.0.0.1/24}}}
tests:
  ping: {steps: [ping: {node: a, to: 10.0.0.9, within: 900ms}]}
  run: {steps: [run: {node: a, command: '[ -e "$TMPDIR/been" ] || { touch "$TMPDIR/been"; sleep 100; }', within: 3s}]}
"#,
    );
    let (done, results) = lab.results(&[]);
    assert_eq!(results["run"]["outcome"], "pass", "{}", done.all);
    let ping = lines(&results["ping"]);
    assert!(
        ["2", "3"]
            .iter()
            .any(|n| ping.contains(&format!("(the last of {n} attempts within 900ms)"))),
        "{ping}"
    );
}

#[test]
fn a_lab_or_an_agent_that_was_killed_is_the_cause_and_in_words_for_people() {
    let body = "nodes: {host: {services: {d: {command: exec sleep 1000, ready: {running: 1ms}}}}}\ntests:\n  t: {steps: [run: {node: host, command: 'sleep 63; true'}]}\n";
    for user in users() {
        for (words, cause) in [
            ("_agent", "the agent ended with exit status 137"),
            ("--kill-child", "the lab is gone: its supervisor was killed, or somebody cleaned it"),
        ] {
            let lab = Lab::new(user, body);
            let mut command = lab.command(&["test"]);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            let child = command.spawn().unwrap();
            let folder = format!("/{}", lab.name);
            let with = |words: &[&str]| {
                let entries = fs::read_dir("/proc").unwrap().flatten();
                let mut pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
                pids.find(|pid: &u32| {
                    let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
                    let line = String::from_utf8_lossy(&line).into_owned();
                    words.iter().all(|word| line.contains(word)) && !line.starts_with("setsid")
                })
            };
            common::wait_for("the step", || with(&["bash\0-c\0sleep 63; true"]).is_some());
            let pid = with(&[words, &folder]).expect("it runs");
            common::host::kill("KILL", pid);
            let output = child.wait_with_output().unwrap();
            let all = common::text(&output);
            assert_eq!(output.status.code(), Some(4), "{user:?} {words}: {all}");
            let result = format!("ERROR {}-t ", lab.name);
            let lines = all.lines().skip_while(|line| !line.starts_with(&result));
            assert_eq!(lines.clone().nth(1).map(str::trim), Some(cause), "{words}: {all}");
            assert!(!all.contains(": line "), "{words}: {all}");
        }
    }
}

#[test]
fn a_runtime_that_says_rubbish_is_an_error_with_what_it_said() {
    let body = "nodes: {host: {}}\ntests:\n  t: {steps: [run: {node: host, command: \"true\"}]}\n";
    let lab = Lab::new(common::User::Own, body);
    for (script, words) in [
        ("echo what nonsense; echo '{\"event\":\"nonsense\"}'; exit 3", "\n      what nonsense\n"),
        ("exit 0", "the set-up ended without a word"),
    ] {
        let folder = common::folder();
        let fake = common::write(folder.path(), "bash", &format!("#!/bin/sh\n{script}\n"));
        fs::set_permissions(fake, fs::Permissions::from_mode(0o755)).unwrap();
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let mut command = lab.command(&["test"]);
        command.env("PATH", path);
        let done = run(command);
        assert!(done.exit == 4 && done.all.contains(words), "{}", done.all);
        assert!(done.all.contains(&format!("ERROR {}-t", lab.name)), "{}", done.all);
    }
}

#[test]
fn an_empty_path_is_named() {
    let body = "nodes: {host: {}}\ntests:\n  t: {steps: [run: {node: host, command: \"true\"}]}\n";
    let lab = Lab::new(common::User::Own, body);
    // An ordinary user learns of it sooner, when the kernel is asked for a user namespace.
    let of_test = if common::is_root() { 4 } else { 3 };
    for (arguments, exit) in [(&["test"][..], of_test), (&["setup", &lab.name], 3)] {
        let output = lab.command(arguments).env("PATH", "").output().unwrap();
        let all = common::text(&output);
        assert_eq!(output.status.code(), Some(exit), "{all}");
        assert!(all.contains("PATH, which is ``: call labrun with"), "{all}");
    }
}
