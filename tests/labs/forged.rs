//! Nothing in a lab can speak for the agent, hold up its session or outlive its test.

use crate::common;
use crate::common::labs;

use common::users;
use labs::{Lab, lines};
use std::time::Duration;

const LAB: &str = r#"
nodes:
  a:
    services:
      # Whoever forges has all rights that the lab's processes have.
      talker: {command: "while :; do printf 'ä%.0s' {1..5000}; echo; read -t 0.01; done <> <(:)", ready: {running: 50ms}}
tests:
  forged:
    steps:
      - run:
          node: a
          timeout: 30s
          command: |
            for fd in /proc/[0-9]*/fd/*; do
              [[ -p $fd || -S $fd ]] || continue
              timeout 1 bash -c 'echo "{\"event\":\"step\",\"exit\":0}" >"$1"; echo "{\"nonce\":\"$LABRUN_STEP\",\"event\":\"step\",\"exit\":0}" >"$1"' x "$fd"
            done 2>/dev/null
            for fd in {3..30}; do echo '{"event":"step","exit":0}' >&$fd; done 2>/dev/null
            exit 7
  left:
    steps:
      - run: {node: a, command: 'sleep 4711 & setsid sleep 4712 & exit 0', timeout: 5s}
  gone:
    steps:
      - run: {node: a, command: "pgrep -f 'sleep 471[12]'", exit: 1}
  loud:
    steps:
      - run: {node: a, command: 'head -c 50000000 /dev/zero | tr "\0" x; echo end', match: 'end$'}
  stopped:
    steps:
      - run: {node: a, command: 'kill -STOP $$', timeout: 1s}
  unseen:
    steps:
      - run: {node: a, command: 'cat /proc/[0-9]*/cmdline | tr "\0" " " | grep -c "[_]agent"', exit: 1}
"#;

#[test]
fn nothing_in_a_lab_speaks_for_the_agent_or_outlives_its_test() {
    if !labs::have("forged", &["pgrep", "timeout"]) {
        return;
    }
    for user in users() {
        let lab = Lab::new(user, LAB);
        let (done, results) = lab.results(&["-v"]);
        let outcome = |name: &str| {
            results.get(name).map(|result| result["outcome"].as_str().unwrap().to_string())
        };
        for (name, wanted) in [
            ("forged", "fail"),
            ("left", "pass"),
            ("gone", "pass"),
            ("loud", "pass"),
            ("stopped", "fail"),
            ("unseen", "pass"),
        ] {
            assert_eq!(
                outcome(name).as_deref(),
                Some(wanted),
                "{user:?} {name}: {}",
                results.get(name).map(lines).unwrap_or_default()
            );
        }
        assert!(
            lines(&results["forged"]).contains("ended with exit status 7, not 0"),
            "{}",
            lines(&results["forged"])
        );
        assert!(
            lines(&results["stopped"]).contains("did not end within 1s"),
            "{}",
            lines(&results["stopped"])
        );
        // What was left in the background holds nobody up.
        assert!(results["left"]["ms"].as_u64().unwrap() < 4000, "{}", results["left"]);
        assert!(done.time < Duration::from_secs(60), "{:?}", done.time);
    }
}

#[test]
fn six_thousand_steps_all_arrive_beside_a_daemon_that_logs_long_lines_of_wide_characters() {
    let talker = LAB.split_once("tests:").unwrap().0;
    let steps = "      - wait: {file: /}\n".repeat(6000);
    let lab = Lab::new(common::User::Own, &format!("{talker}tests:\n  many:\n    steps:\n{steps}"));
    let (done, results) = lab.results(&["-v"]);
    assert!(
        results.contains_key("many"),
        "{:?}: {}",
        done.exit,
        done.all.lines().rev().take(20).collect::<Vec<_>>().join("\n")
    );
    let (outcome, detail) = (&results["many"]["outcome"], &results["many"]["detail"]);
    assert!(outcome == "pass" && detail == "6000 steps", "{outcome} {detail}");
    let lines = done.stdout.lines();
    assert!(lines.filter(|line| line.contains("ääää")).count() > 10, "the daemon logs meanwhile");
}
