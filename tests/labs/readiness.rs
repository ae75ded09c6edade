//! A service is ready when a process of its own has the port, in its own node.

use crate::common::labs::Lab;
use crate::common::users;

/// A lab in whose nodes somebody else has the port already.
fn lab(service: &str, tests: &str) -> String {
    format!(
        r#"
needs: {{commands: {{socat: socat}}}}
nodes:
  global:
    services:
      elsewhere: {{command: "exec socat -u UDP4-RECV:5353 OPEN:/dev/null", ready: {{udp: 5353}}}}
  one:
    services:
      beside: {{command: "exec socat -u UDP4-RECV:5353,bind=127.0.0.2 OPEN:/dev/null", ready: {{udp: 5353}}}}
      late:
        command: '{service}'
        after: [elsewhere, beside]
        ready: {{udp: 5353, within: 400ms}}
tests: {{all: {{steps: [{tests}]}}}}
"#
    )
}

#[test]
fn a_port_that_another_process_has_makes_no_service_ready() {
    for user in users() {
        let lab = Lab::new(user, &lab("exec sleep 60", "{ping: {node: one, to: 127.0.0.1}}"));
        let done = lab.run(&["setup", &lab.name]);
        assert_eq!(done.exit, 4, "{user:?}: {}", done.all);
        assert!(done.all.contains("late") && done.all.contains("udp 5353"), "{}", done.all);
    }
}

#[test]
fn nor_does_it_when_the_service_is_started_again() {
    for user in users() {
        let once = "[ -e once ] && exec sleep 60; : >once; exec socat -u UDP4-RECV:5353,bind=127.0.0.3 OPEN:/dev/null";
        let lab = Lab::new(user, &lab(once, "{service: {restart: late}}"));
        let done = lab.run(&["test", &lab.name]);
        assert_eq!(done.exit, 1, "{user:?}: {}", done.all);
        assert!(done.all.contains("udp 5353"), "{user:?}: {}", done.all);
    }
}

#[test]
fn the_port_may_be_that_of_any_process_that_came_from_the_service() {
    let socat = "socat -u UDP4-RECV:5353,bind=127.0.0.3 OPEN:/dev/null";
    for user in users() {
        for command in [
            format!("{socat} & wait"),
            // In a session of its own, an orphan.
            format!("setsid --fork {socat}; exec sleep 60"),
            // In a session of its own, without the environment.
            format!("env -i PATH=\"$PATH\" setsid {socat} & wait"),
        ] {
            let lab = Lab::new(user, &lab(&command, "{service: {restart: late}}"));
            lab.passes(&[]);
        }
    }
}
