//! What a lab's programs send and print without end is bounded: in the capture, in the logs, on the
//! way to the terminal; and what remains is still judged and shown.

use crate::common::labs::{Lab, have};
use crate::common::{folder, text, users, wait_for};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

/// Two hosts on a switch, and more data between them than a capture holds.
const FLOOD: &str = r#"
bridges: [br0]
nodes:
  a: {links: {eth0: {bridge: br0, port: p-a, addresses: 10.0.0.1/24}}}
  b:
    links: {eth0: {bridge: br0, port: p-b, addresses: 10.0.0.2/24}}
    services:
      drain: {command: "exec socat -u UDP-RECV:9 OPEN:/dev/null", ready: {udp: 9}}
tests:
  told:
    steps:
      - run: {node: a, timeout: 60s, command: 'head -c 12M /dev/zero | socat -u -b 1400 - UDP-SENDTO:10.0.0.2:9 & ping -q -c 20 -i 0.01 10.0.0.2; wait $!'}
    path:
      - {packet: icmp echo-request, crosses: [a, b]}
      - {packet: icmp echo-reply, crosses: [b, a]}
  none:
    capture: none
    steps:
      - run: {node: a, command: 'head -c 1M /dev/zero | socat -u -b 1400 - UDP-SENDTO:10.0.0.2:9'}
"#;

#[test]
fn a_flood_beside_a_ping_leaves_its_verdict_and_the_report_says_what_was_left_out() {
    if !have("a_flood_beside_a_ping_leaves_its_verdict", &["socat", "ping"]) {
        return;
    }
    let flood = FLOOD;
    for user in users() {
        let lab = Lab::new(user, flood);
        let (done, results) = lab.results(&[]);
        assert_eq!(results["told"]["outcome"], "pass", "{user:?}: {}", done.all);
        let detail = results["told"]["detail"].as_str().unwrap();
        assert!(detail.contains("its capture leaves out") && detail.contains("bulk"), "{detail}");
        assert_eq!(results["none"]["outcome"], "pass", "{user:?}: {}", done.all);
    }
}

#[test]
fn a_test_without_a_capture_can_have_no_path_rules() {
    let flood = FLOOD.replace("  told:\n", "  told:\n    capture: none\n");
    let lab = Lab::new(users()[0], &flood);
    let done = lab.run(&["check", lab.file.to_str().unwrap()]);
    assert!(
        done.exit == 2 && done.all.contains("`path` is judged from the capture"),
        "{}",
        done.all
    );
}

/// Services that print much: many lines, and one that never ends.
const TALK: &str = r#"
nodes:
  a:
    services:
      many: {command: "echo the first line; yes 'one of very many lines' | head -c 40000000; echo; echo the last line; exec sleep 600", ready: {log: the last line}}
      long: {command: "printf begun; head -c 20000000 /dev/zero | tr '\\0' x; exec sleep 600", ready: {log: begun}}
      rude: {command: "printf 'begin\\033]52;c;aGk=\\007 \\033[2J \\302\\233H \\033[31mred\\033[0m\\n'; exec sleep 600", ready: {log: begin}}
tests:
  fails:
    steps:
      - run: {node: a, command: "printf '\\033]0;title\\007'; printf '\\033[2J' >&2; false"}
"#;

#[test]
fn logs_keep_their_start_and_their_end_and_name_what_is_left_out_between() {
    for user in users() {
        let lab = Lab::new(user, TALK);
        let setup = lab.run(&["setup", &lab.name]);
        assert_eq!(setup.exit, 0, "{user:?}: {}", setup.all);
        let status = lab.run(&["--format", "json", "status"]).stdout;
        let status: serde_json::Value = serde_json::from_str(&status).unwrap();
        let instance = status
            .as_array()
            .unwrap()
            .iter()
            .find(|instance| instance["instance"] == lab.name.as_str())
            .unwrap();
        let log = format!("{}/log/many.log", instance["state"].as_str().unwrap());
        wait_for("the log to be bounded", || {
            std::fs::metadata(&log).is_ok_and(|log| log.blocks() * 512 < 10 << 20)
        });
        let done = lab.run(&["logs", &lab.name, "many"]);
        let shown = &done.stdout;
        assert!(shown.starts_with("many | the first line\nmany | one of very many lines\n"));
        assert!(shown.ends_with("\nmany | the last line\n"));
        let gap = shown.lines().find(|line| line.contains("bytes are left out here)"));
        assert!(gap.is_some_and(|gap| gap.starts_with("many | (")), "{gap:?}");
        assert!(shown.len() < 40 << 20 && !shown.contains('\0'), "{} bytes", shown.len());
        let done = lab.run(&["logs", &lab.name, "long"]);
        assert!(done.stdout.len() < 4000 && done.stdout.contains("begunxxx"), "{}", done.stdout);
        assert!(done.time < Duration::from_secs(5), "{:?}", done.time);
        lab.run(&["clean", &lab.name]);
    }
}

#[test]
fn a_failing_test_is_told_soon_however_much_was_printed_and_rings_no_bells() {
    for user in users() {
        let lab = Lab::new(user, TALK);
        let folder = folder();
        for arguments in [&["test"][..], &["test", "-v"]] {
            let mut command = lab.command(arguments);
            command.env("LABRUN_ARTIFACTS_DIR", folder.path());
            let done = crate::common::labs::run(command);
            assert_eq!(done.exit, 1, "{user:?}: {}", done.all);
            assert!(done.time < Duration::from_secs(15), "{user:?}: {:?}", done.time);
            assert!(harmless(&done.all), "{:?}", done.all);
            assert!(done.all.contains("\\u{1b}[2J"), "{}", done.all);
        }
        lab.run(&["setup", &lab.name]);
        let done = lab.run(&["logs", &lab.name, "rude"]);
        assert!(harmless(&done.all), "{:?}", done.all);
        assert!(
            done.stdout.contains("\\u{1b}]52;c;aGk=\\u{7} \\u{1b}[2J \\u{9b}H \x1b[31mred\x1b[0m"),
            "{}",
            done.stdout
        );
        lab.run(&["clean", &lab.name]);
    }
}

/// Whether a terminal would only be coloured by it.
fn harmless(text: &str) -> bool {
    let colours = regex_lite::Regex::new("\x1b\\[[0-9;:]*m").unwrap();
    !colours.replace_all(text, "").chars().any(|c| c.is_control() && c != '\n' && c != '\t')
}

#[test]
fn a_recording_that_finds_the_disk_full_says_so_and_fails() {
    let lab = Lab::new(users()[0], FLOOD);
    assert_eq!(lab.run(&["setup", &lab.name]).exit, 0);
    let mut command = lab.command(&["capture", &lab.name, "a", "-w", "/dev/full"]);
    command.stdin(std::process::Stdio::null());
    let mut bounded = crate::common::labs::bounded(&command);
    let capture = bounded
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut capture = Some(capture);
    wait_for("the recording to fail", || {
        lab.exec("a", &["ping", "-q", "-c", "1", "10.0.0.2"]);
        capture.as_mut().unwrap().try_wait().unwrap().is_some()
    });
    let output = capture.take().unwrap().wait_with_output().unwrap();
    let all = text(&output);
    assert!(output.status.code() != Some(0) && all.contains("No space left"), "{all}");
    lab.run(&["clean", &lab.name]);
}
