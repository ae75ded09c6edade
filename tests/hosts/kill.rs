//! Proves that `labrun clean` finds and ends everything after a `kill -9` of anything at any
//! moment: of labrun, of the runtime's outer shell, of the sandbox's PID 1, of the agent, of a daemon, of all of
//! them; and what somebody stopped.
//!
//! The moments are random; a failure names the seed that repeats the draw (LABRUN_TEST_SEED), and
//! LABRUN_TEST_ROUNDS makes more of them.

use crate::common;

use common::host::{self, Process, Random, Trace, expect, finish_within};
use common::{User, text, users, wait_for};
use std::path::Path;
use std::process::Stdio;
use std::thread::sleep;
use std::time::{Duration, Instant};

#[derive(Clone, Copy, Debug, PartialEq)]
enum Victim {
    Labrun,
    Shell,
    Supervisor,
    Agent,
    Daemon,
    All,
}

const VICTIMS: [Victim; 6] =
    [Victim::Labrun, Victim::Shell, Victim::Supervisor, Victim::Agent, Victim::Daemon, Victim::All];

#[test]
fn nothing_is_left_after_any_kill_and_clean() {
    host::private("nothing_is_left_after_any_kill_and_clean", || {
        let mut random = Random::new();
        let rounds =
            std::env::var("LABRUN_TEST_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(30);
        for user in users() {
            let before = Trace::now(user);
            let began = Instant::now();
            expect(user, &["test", "relay-v4"], 0);
            let mut usual = began.elapsed();
            before.assert_same("after a test that nobody disturbed");
            let mut done = 0;
            for number in 0..rounds * 10 {
                // Every victim gets its share, whatever is drawn.
                if round(user, VICTIMS[number % VICTIMS.len()], usual, &before, &mut random, number)
                {
                    done += 1;
                } else {
                    // It had ended already: the first run, by which the moments are drawn, was a
                    // slow one.
                    usual = usual.mul_f64(0.95);
                }
                if done == rounds as u32 {
                    break;
                }
            }
            assert_eq!(done, rounds as u32, "too often there was nothing to kill");
            let passed = expect(user, &["test", "relay"], 0);
            assert!(passed.contains("2 passed, 0 failed"), "{passed}");
            before.assert_same("after the last test");
        }
    });
}

#[test]
fn nothing_is_left_of_what_was_stopped_and_cleaned() {
    host::private("nothing_is_left_of_what_was_stopped_and_cleaned", || {
        let mut random = Random::new();
        for user in users() {
            let before = Trace::now(user);
            for victim in VICTIMS {
                let moment = Duration::from_millis(random.below(1000));
                let what = format!("{user:?}, {victim:?} stopped after {moment:?}");
                println!("{what}");
                let mut child = host::labrun(user)
                    .args(["test", "relay-v4"])
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap();
                let labrun = child.id();
                sleep(moment);
                let mut stopped = Vec::new();
                while stopped.is_empty() && child.try_wait().unwrap().is_none() {
                    stopped = pids(victim, labrun, &before);
                    stopped.iter().for_each(|pid| host::kill("STOP", *pid));
                }
                // Whoever has stopped with the lock in hand is named by now, and may go on later.
                host::run(user, &["clean", "--force"]);
                for pid in
                    stopped.into_iter().filter(|pid| Path::new(&format!("/proc/{pid}")).exists())
                {
                    host::kill("CONT", pid);
                }
                finish_within(Duration::from_secs(60), child, &what);
                expect(user, &["clean", "--force"], 0);
                before.wait_for_processes(&what);
                before.assert_same(&what);
            }
            let passed = expect(user, &["test", "relay-v4"], 0);
            assert!(passed.contains("1 passed, 0 failed"), "{passed}");
        }
    });
}

#[test]
fn a_labrun_that_is_stopped_with_the_lock_keeps_nobody_waiting_for_ever() {
    host::private("a_labrun_that_is_stopped_with_the_lock_keeps_nobody_waiting_for_ever", || {
        let user = users()[0];
        expect(user, &["setup", "relay"], 0);
        let root = host::state_root(user);
        let held = std::fs::File::open(&root).unwrap();
        held.lock().unwrap();
        let output = host::run(user, &["clean", "relay"]);
        let said = text(&output);
        assert!(said.contains("keeps") && said.contains("locked; is one stopped"), "{said}");
        assert_eq!(output.status.code(), Some(4), "{said}");
        drop(held);
        expect(user, &["clean", "relay"], 0);
    });
}

/// One kill at a random moment of a set-up or a test, then the clean-up; whether there was
/// something to kill.
fn round(
    user: User,
    victim: Victim,
    usual: Duration,
    before: &Trace,
    random: &mut Random,
    number: usize,
) -> bool {
    let words = [["setup", "relay"], ["test", "relay-v4"]][random.below(2) as usize];
    let moment = usual.mul_f64(random.below(1000) as f64 / 1000.0);
    let at_once = random.below(2) == 0;
    let what = format!(
        "round {number}: {user:?}, `labrun {}`, {victim:?} killed after {moment:?}, clean at once: {at_once}",
        words.join(" ")
    );
    println!("{what}");
    let mut child = host::labrun(user)
        .args(words)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let labrun = child.id();
    if victim == Victim::Labrun && random.below(2) == 0 {
        // The moment that is rarely drawn: its state folder has just been made, nothing runs in it
        // yet.
        while !host::state_root(user).join("relay").exists() && child.try_wait().unwrap().is_none()
        {
        }
    } else {
        sleep(moment);
    }
    let mut killed = 0;
    // What isn't there yet will be there soon, or labrun ends without it.
    while killed == 0 && child.try_wait().unwrap().is_none() {
        for pid in pids(victim, labrun, before) {
            host::kill("KILL", pid);
            killed += 1;
        }
    }
    if !at_once {
        // What was not killed gives up by itself, without anybody asking.
        let output = finish_within(Duration::from_secs(20), child, &what);
        println!("{}", text(&output).lines().take(3).collect::<Vec<_>>().join(" / "));
        if victim == Victim::Labrun && words[0] == "test" {
            wait_for("the runtime to clean up after a labrun that was killed", || {
                !host::state_root(user).exists()
            });
        }
        expect(user, &["clean"], 0);
    } else {
        // What was killed may not be missed, and then a labrun is still at work in the lab.
        expect(user, &["clean", "--force"], 0);
        finish_within(Duration::from_secs(20), child, &what);
    }
    before.wait_for_processes(&what);
    let again = expect(user, &["clean"], 0);
    assert!(
        again.contains("nothing to clean"),
        "{what}: the second clean found something: {again}"
    );
    before.assert_same(&what);
    killed > 0
}

/// The processes to kill, as far as they are there now.
fn pids(victim: Victim, labrun: u32, before: &Trace) -> Vec<u32> {
    if victim == Victim::Labrun {
        return vec![labrun];
    }
    let all = before.added();
    let find = |condition: &dyn Fn(&Process) -> bool| {
        all.iter().filter(|p| condition(p)).map(|p| p.pid).collect::<Vec<_>>()
    };
    let shell = find(&|p| p.parent == labrun && p.name == "bash");
    let unshare = find(&|p| p.name == "unshare" && p.command.contains("--kill-child"));
    let supervisor = find(&|p| unshare.contains(&p.parent));
    let agent = find(&|p| p.command.contains(" _agent "));
    let daemons = find(&|p| ["dnsmasq", "dhcrelay", "dhclient"].contains(&p.name.as_str()));
    match victim {
        Victim::Labrun | Victim::All => [vec![labrun], shell, supervisor, agent, daemons].concat(),
        Victim::Shell => shell,
        Victim::Supervisor => supervisor,
        Victim::Agent => agent,
        Victim::Daemon => daemons.into_iter().take(1).collect(),
    }
}
