//! Ends of cables that are impaired, by the lab file and by steps, and that are as they were after a test.

use crate::common;
use crate::common::labs;

use common::users;
use labs::{Lab, have};

/// A rate alone, for which any kernel will do.
const RATE: &str = r#"
nodes:
  a: {links: {eth0: {peer: b/eth0, addresses: 10.0.0.1/24, impair: {rate: 1mbit}}}}
  b: {links: {eth0: {peer: a/eth0, addresses: 10.0.0.2/24}}}
x-a: &a {node: a, command: tc qdisc show dev eth0}
x-b: &b {node: b, command: tc qdisc show dev eth0}
x-own: &own {<<: *a, match: '^qdisc tbf 1: root .* rate 1Mbit burst 1600b '}
tests:
  changes:
    steps:
      - run: *own
      - impair: {link: a/eth0, rate: 2mbit}
      - run: {<<: *a, match: '^qdisc tbf 1: root .* rate 2Mbit '}
      - impair: {link: b/eth0, rate: 3mbit}
      - run: {<<: *b, match: '^qdisc tbf 1: root .* rate 3Mbit '}
      - impair: {clear: a/eth0}
      - run: {<<: *a, match: '^qdisc noqueue '}
      - impair: {clear: a/eth0}
      - ping: {node: a, to: 10.0.0.2}
  finds: &finds
    steps:
      - run: *own
      - run: {<<: *b, match: '^qdisc noqueue '}
  # Silence is another queue in the same place.
  silent:
    steps:
      - link: {silence: a/eth0}
      - impair: {link: b/eth0, rate: 3mbit}
      - run: {<<: *b, match: '^qdisc pfifo '}
      - ping: {node: a, to: 10.0.0.2, timeout: 400ms, fails: true}
      - link: {up: a/eth0}
      - run: *own
      - run: {<<: *b, match: '^qdisc tbf 1: root .* rate 3Mbit '}
      - ping: {node: a, to: 10.0.0.2}
      - link: {silence: a/eth0}
      - impair: {clear: a/eth0}
  finds-again: *finds
  fails: {steps: [impair: {clear: a/eth0}, link: {down: a/eth0}, run: {node: a, command: "false"}]}
  finds-still: *finds
"#;

#[test]
fn the_end_of_a_cable_is_as_slow_as_the_file_and_the_steps_say_and_put_back_after_each_test() {
    if !have("the_end_of_a_cable", &["ping", "tc"]) {
        return;
    }
    for user in users() {
        let lab = Lab::new(user, RATE);
        let (done, results) = lab.results(&["-v"]);
        if results.values().all(|result| result["outcome"] == "skip") {
            assert!(done.all.contains("has no tbf"), "{}", done.all);
            eprintln!("SKIP {user:?}: this kernel has no tbf");
            continue;
        }
        assert_eq!(results.len(), 6);
        for (name, result) in results {
            let wanted = if name == "fails" { "fail" } else { "pass" };
            assert_eq!(result["outcome"], wanted, "{user:?} {name}: {}", done.all);
        }
        // Put back, not made anew.
        assert!(!done.all.contains("anew"), "{user:?}: {}", done.all);
    }
}

/// All else, for which the kernel needs netem. In a VM that has it, .ci/vm runs it.
const NETEM: &str = include_str!("../data/netem.yaml");

#[test]
fn where_the_kernel_has_netem_packets_are_lost_late_and_doubled() {
    if !have("where_the_kernel_has_netem", &["ping", "tc"]) {
        return;
    }
    for user in users() {
        let lab = Lab::new(user, NETEM.split_once('\n').unwrap().1);
        let (done, results) = lab.results(&["-v"]);
        let skipped = done.all.contains("has no netem");
        for (name, result) in results {
            let wanted = if skipped { "skip" } else { "pass" };
            assert_eq!(result["outcome"], wanted, "{user:?} {name}: {}", done.all);
        }
        assert!(done.exit == 0 && !done.all.contains("anew"), "{user:?}: {}", done.all);
        if skipped {
            eprintln!("SKIP {user:?}: this kernel has no netem");
        }
    }
}
