//! Proves that `labrun clean` finds and ends everything after any disaster at any moment: a `kill -9` of labrun,
//! of the runtime's outer shell, of the sandbox's PID 1, of the agent, of a daemon, of all of them; what somebody
//! stopped; a disk that is full; no memory. And that no such run says of a test that it passed if it cannot.
//!
//! The moments are random; a failure names the seed that repeats the draw (LABRUN_TEST_SEED), and
//! LABRUN_TEST_ROUNDS makes more of them.

use crate::{common, disaster, lack};

use common::host::{self, Random, Trace, expect, finish_within};
use common::{User, text, users, wait_for};
use disaster::{Bench, Disaster, Place, Victim};
use lack::Memory;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Output, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

#[test]
fn nothing_is_left_after_any_disaster_and_clean() {
    host::private("nothing_is_left_after_any_disaster_and_clean", || {
        let mut random = Random::new();
        let rounds =
            std::env::var("LABRUN_TEST_ROUNDS").ok().and_then(|n| n.parse().ok()).unwrap_or(30);
        for user in users() {
            let bench = Bench::new(user);
            // The first may have to make the folder that mount(8) keeps notes in.
            bench.lift(Disaster::Full(Place::State, 0), &[], &mut random);
            let mut cycles = Cycles { before: Trace::now(user), bench, usual: [Duration::ZERO; 2] };
            for (lab, words) in [["test", "relay-v4"], ["test", "truth-holds"]].iter().enumerate() {
                let began = Instant::now();
                let child = cycles.spawn(words, Disaster::Kill(Victim::All));
                let output = cycles.finish(child, words, "undisturbed", true);
                assert!(output.status.success(), "{}", text(&output));
                cycles.usual[lab] = began.elapsed();
            }
            cycles.before.assert_same("after tests that nobody disturbed");
            let mut done = 0;
            for number in 0..rounds * 10 {
                if cycles.play(number, &mut random) {
                    done += 1;
                }
                if done == rounds {
                    break;
                }
            }
            assert_eq!(done, rounds, "too often it had ended before");
            let killed = cycles.bench.memory.as_ref().map_or(0, Memory::killed);
            println!("{done} cycles as {user:?}; lack of memory has cost {killed} processes");
            let passed = expect(user, &["test", "relay"], 0);
            assert!(passed.contains("2 passed, 0 failed"), "{passed}");
            cycles.before.assert_same("after the last test");
        }
    });
}

struct Cycles {
    bench: Bench,
    before: Trace,
    /// How long a test of the relay takes, and one of the tests above.
    usual: [Duration; 2],
}

impl Cycles {
    /// One disaster at a random moment of a set-up or a test, then the clean-up; whether there was something that it
    /// could happen to.
    fn play(&mut self, number: usize, random: &mut Random) -> bool {
        let user = self.bench.user;
        let disaster = Disaster::draw(number, random, &self.bench);
        let all = [
            ["setup", "relay"],
            ["test", "relay-v4"],
            ["test", "truth-holds"],
            ["test", "truth-seen"],
            ["test", "truth-said"],
        ];
        let of_relay = matches!(disaster, Disaster::Kill(_) | Disaster::Stop(_));
        let words = all[random.below(if of_relay { 3 } else { 5 }) as usize];
        let lab = usize::from(words[1].starts_with("truth"));
        let moment = self.usual[lab].mul_f64(random.below(1000) as f64 / 1000.0);
        // The moment that is rarely drawn: its state folder has just been made, nothing runs in it yet.
        let early = random.below(5) == 0;
        // What is stopped ends by itself never.
        let at_once = random.below(2) == 0 || matches!(disaster, Disaster::Stop(_));
        let when = if early { "its begin".into() } else { format!("{moment:?}") };
        let what = format!(
            "cycle {number}: {user:?}, `labrun {}`, {disaster:?} after {when}, clean at once: {at_once}",
            words.join(" ")
        );
        println!("{what}");
        let mut child = self.spawn(&words, disaster);
        let pid = child.id();
        let root = host::state_root(user);
        let began = Instant::now();
        while if early {
            !root.join(["relay", "truth"][lab]).exists()
        } else {
            began.elapsed() < moment
        } && child.try_wait().unwrap().is_none()
        {
            sleep(Duration::from_micros(300));
        }
        let mut struck = Vec::new();
        // What isn't there yet will be there soon, or labrun ends without it.
        while struck.is_empty() && child.try_wait().unwrap().is_none() {
            struck = self.bench.strike(disaster, pid, &self.before);
        }
        if struck.is_empty() {
            // The first run, by which the moments are drawn, was a slow one.
            self.usual[lab] = self.usual[lab].mul_f64(0.95);
        }
        if at_once {
            // What befell it may not be missed, and then a labrun is still at work in the lab. Whoever has stopped
            // with the lock in hand is named by now, and may go on later.
            let output = host::run(user, &["clean", "--force"]);
            let stopped = matches!(disaster, Disaster::Stop(_));
            assert!(output.status.success() || stopped, "{what}: {}", text(&output));
            self.bench.lift(disaster, &struck, random);
            self.finish(child, &words, &what, false);
            // It may have begun only then.
            expect(user, &["clean", "--force"], 0);
        } else {
            // What was not killed gives up by itself, without anybody asking.
            self.finish(child, &words, &what, true);
            if words[0] == "test" {
                wait_for("the runtime to clean up after a labrun that has ended", || {
                    disaster != Disaster::Kill(Victim::Labrun) || !root.exists()
                });
            }
            // Without any room, too. Where memory lacks, the runtime may yet be killed that is at work after labrun was.
            let clean = match disaster {
                Disaster::NoMemory(_) => &["clean", "--force"][..],
                _ => &["clean"],
            };
            let early = random.below(2) == 0;
            if early {
                self.bench.lift(disaster, &struck, random);
            }
            expect(user, clean, 0);
            if !early {
                self.bench.lift(disaster, &struck, random);
            }
        }
        self.before.wait_for_processes(&what);
        let again = expect(user, &["clean"], 0);
        assert!(again.contains("nothing to clean"), "{what}: the second clean found: {again}");
        self.before.assert_same(&what);
        let next = ["test", "truth-holds"];
        let child = self.spawn(&next, Disaster::Kill(Victim::All));
        let output = self.finish(child, &next, &format!("after {what}"), true);
        assert!(output.status.success(), "after {what}: {}", text(&output));
        self.before.assert_same(&format!("after the test after {what}"));
        !struck.is_empty()
    }

    /// labrun with `words`, where `disaster` can strike it.
    fn spawn(&self, words: &[&str], disaster: Disaster) -> Child {
        let Bench { user, desk, .. } = &self.bench;
        for entry in fs::read_dir(desk).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }.unwrap();
        }
        let mut command = host::labrun(*user);
        for name in ["XDG_CACHE_HOME", "XDG_STATE_HOME", "TMPDIR"] {
            command.env(name, desk);
        }
        if words[1].starts_with("truth") {
            command.arg("--file").arg(&self.bench.truth);
        }
        command.args(words);
        if words[0] == "test" {
            command.args(["--artifacts", "always", "--artifacts-dir"]).arg(desk.join("artifacts"));
            for (kind, name) in [("json", "run.json"), ("junit", "run.xml")] {
                command.arg("--report").arg(format!("{kind}={}", desk.join(name).display()));
            }
        }
        if let (Disaster::NoMemory(_), Some(memory)) = (disaster, &self.bench.memory) {
            command = within(&memory.words(), &command);
        }
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// What labrun has said when it has ended, which is true: also what its reports say. `alone`: nobody has cleaned up
    /// meanwhile.
    fn finish(&self, child: Child, words: &[&str], what: &str, alone: bool) -> Output {
        let output = finish_within(Duration::from_secs(60), child, what);
        let said = text(&output);
        println!("    {}", said.lines().take(4).collect::<Vec<_>>().join(" / "));
        let desk = &self.bench.desk;
        let read = |name: &str| fs::read_to_string(desk.join(name)).unwrap_or_default();
        let [json, junit] = ["run.json", "run.xml"].map(read);
        let holds = ["relay-v4", "truth-holds"].contains(&words[1]);
        let passed = said.contains("1 passed") || json.contains("\"outcome\": \"pass\"");
        assert!(holds || !passed, "{what}: it says that {} passed: {said}\n{json}", words[1]);
        // A report is there as a whole or not at all.
        assert!(json.is_empty() || json.ends_with("}\n"), "{what}: {json}");
        assert!(junit.is_empty() || junit.trim_end().ends_with("</testsuites>"), "{what}: {junit}");
        if !output.status.success() {
            return output;
        }
        let root = host::state_root(self.bench.user);
        if words[0] == "setup" {
            assert!(!alone || root.join("relay/ready").exists(), "{what}: it is not up: {said}");
            return output;
        }
        assert!(said.contains("1 passed, 0 failed"), "{what}: {said}");
        assert!(json.contains("\"passed\": 1,"), "{what}: {json}");
        assert!(junit.contains("tests=\"1\""), "{what}: {junit}");
        let artifacts = desk.join("artifacts").join(words[1]).join("1");
        for name in ["capture.pcapng", "result.json", "lab.sh", "ladder.txt"] {
            let size = fs::metadata(artifacts.join(name)).map_or(0, |file| file.len());
            assert!(size > 0, "{what}: {name} is not there, and labrun says so nowhere: {said}");
        }
        output
    }
}

/// `command`, by the program and the first arguments of `words`.
fn within(words: &[String], command: &Command) -> Command {
    let mut outer = Command::new(&words[0]);
    outer.args(&words[1..]).arg(command.get_program()).args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer.stdin(Stdio::null()).current_dir("/");
    outer
}

/// Such a sandbox can do nothing, which says nothing of what this machine can.
#[test]
fn a_sandbox_whose_mapping_of_ids_was_killed_is_an_error_and_no_reason_to_skip_tests() {
    let root = |user| user == User::Own && common::is_root();
    let Some(user) = users().into_iter().find(|user| !root(*user) && common::has_range(*user))
    else {
        eprintln!("skipped: there is no ordinary user with a range of ids");
        return;
    };
    let name = "a_sandbox_whose_mapping_of_ids_was_killed_is_an_error_and_no_reason_to_skip_tests";
    host::private(name, || {
        let bench = Bench::new(user);
        let before = Trace::now(user);
        // It ends who has called it, if that is the lab's.
        let path = std::env::var("PATH").unwrap();
        let script = format!(
            "#!/bin/sh\n! grep -q kill-child /proc/$PPID/cmdline || {{ kill -KILL $PPID; exit; }}\nPATH='{path}' exec newuidmap \"$@\"\n"
        );
        let program = common::write(bench.truth.parent().unwrap(), "newuidmap", &script);
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        let mut test = host::labrun(user);
        test.env("PATH", format!("{}:{path}", program.parent().unwrap().display()));
        test.arg("--file").arg(&bench.truth).args(["test", "truth-holds"]);
        let output = host::run_within(Duration::from_secs(60), &mut test);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(4), "{said}");
        assert!(said.contains("0 passed, 1 failed (1 in set-up)"), "{said}");
        before.assert_same("afterwards");
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
