//! Services that are started again when they have failed, and what `status` tells of services.

use crate::common::labs::Lab;
use crate::common::{users, wait_for};
use serde_json::Value;

const LAB: &str = r#"
nodes:
  a:
    services:
      mortal:
        command: "echo run >>runs; test ! -e broken || exit 3; echo up; exec tail -f /dev/null"
        ready: {log: up}
        restart: on-failure
      leaver: {command: "while ! test -e leave; do sleep 0.02; done", ready: {running: 1ms}, restart: on-failure}
      strict: {command: exec tail -f /dev/null, ready: {running: 1ms}}
tests:
  a-back:
    steps:
      - run: {service: mortal, command: "kill -KILL $(cat ../../log/mortal.pid)"}
      - wait: {node: a, command: "test $(wc -l </run/service/mortal/runs) = 2"}
      - run: {service: mortal, command: "kill -TERM $(cat ../../log/mortal.pid)"}
  b-calm:
    steps:
      # It is ready again, with the process that was started last.
      - run: {service: mortal, command: "kill -0 $(cat ../../log/mortal.pid) && wc -l <runs", stdout: 3}
  c-on-purpose:
    steps:
      - service: {kill: mortal}
      - run: {service: mortal, command: cat ../../log/mortal.exit, stdout: 137}
      - service: {start: mortal}
      - run: {service: mortal, command: wc -l <runs, stdout: 4}
  strict: {steps: [run: {service: strict, command: "kill -KILL $(cat ../../log/strict.pid)"}]}
  left:
    steps:
      - run: {service: leaver, command: touch leave}
      - wait: {node: a, command: test -s /run/service/leaver/../../log/leaver.exit}
  over-and-over:
    steps:
      - run: {service: mortal, command: "touch broken; kill -KILL $(cat ../../log/mortal.pid)"}
      - wait: {node: a, command: test -s /run/service/mortal/../../log/mortal.exit, within: 20s}
      - run: {service: mortal, command: wc -l <runs, stdout: 6}
"#;

#[test]
fn a_service_that_failed_is_started_again_if_it_wants_and_its_test_says_so() {
    for user in users() {
        let lab = Lab::new(user, LAB);
        let chosen =
            ["a-back", "b-calm", "c-on-purpose"].map(|test| format!("{}-{test}", lab.name));
        let (done, results) = lab.results(&chosen.each_ref().map(String::as_str));
        for (name, detail) in [
            (
                "a-back",
                "3 steps; service mortal was started again 2 times: it died of signal 9, died of signal 15",
            ),
            ("b-calm", "1 step"),
            ("c-on-purpose", "4 steps"),
        ] {
            assert_eq!(results[name]["outcome"], "pass", "{name}: {}", done.all);
            assert_eq!(results[name]["detail"], detail, "{name}: {}", done.all);
        }
        // Others die as ever, and so does what never works.
        for (name, said) in [
            ("strict", "service strict (node a) died of signal 9"),
            ("left", "service leaver (node a) died with exit status 0"),
            ("over-and-over", "service mortal (node a) died with exit status 3"),
        ] {
            let (done, results) = lab.results(&[&format!("{}-{name}", lab.name)]);
            assert_eq!(results[name]["outcome"], "fail", "{name}: {}", done.all);
            assert_eq!(results[name]["detail"], "a service died during the test", "{}", done.all);
            assert!(results[name]["lines"].to_string().contains(said), "{name}: {}", done.all);
        }
    }
}

#[test]
fn status_tells_how_long_services_run_what_they_use_and_how_often_they_were_started_again() {
    for user in users() {
        let lab = Lab::new(user, LAB);
        assert_eq!(lab.run(&["setup", &lab.name]).exit, 0);
        let mortal = || {
            let done = lab.run(&["status", "--format", "json"]);
            let all: Value = serde_json::from_str(&done.stdout).expect(&done.all);
            let own = all.as_array().unwrap().iter().find(|i| i["instance"] == lab.name.as_str());
            let services = own.expect(&done.all)["services"].as_array().unwrap().clone();
            services.into_iter().find(|service| service["name"] == "mortal").expect(&done.all)
        };
        let first = mortal();
        assert!(first["memory"].as_u64() > Some(10_000), "{first}");
        assert!(first["uptime"].as_f64().is_some_and(|time| time < 600.0), "{first}");
        assert_eq!((&first["processes"], &first["restarts"]), (&1.into(), &0.into()), "{first}");
        wait_for("the time to pass", || mortal()["uptime"].as_f64() > first["uptime"].as_f64());

        let signal = |signal: &str| {
            let text = format!("kill -{signal} $(cat /run/service/mortal/../../log/mortal.pid)");
            assert_eq!(lab.run(&["exec", &lab.name, "a", "sh", "-c", &text]).exit, 0);
        };
        signal("STOP");
        wait_for("it to be halted", || mortal()["state"] == "halted");
        assert!(lab.run(&["status"]).stdout.contains("  mortal         stopped (SIGSTOP), up "));
        signal("KILL");
        wait_for("it to run again", || {
            let now = mortal();
            now["state"] == "running" && now["memory"].is_u64() && now["restarts"] == 1
        });
        let said = lab.run(&["status"]).stdout;
        let mut own = said.lines().skip_while(|line| !line.starts_with(&lab.name));
        let line = own.find(|line| line.starts_with("  mortal ")).unwrap_or(&said);
        assert!(line.contains("running, up ") && line.ends_with(", started again once"), "{said}");
    }
}
