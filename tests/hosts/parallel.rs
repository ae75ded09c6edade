//! Proves that labs and instances run side by side, that labs which are up are used again and left
//! up, made anew when they are outdated, and cleaned one by one.

use crate::common;

use common::host::{self, Trace, expect, finish_within, labrun, processes, run};
use common::{User, folder, text, users, wait_for, write};
use std::process::{Child, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);

fn spawn(user: User, words: &[&str]) -> Child {
    labrun(user).args(words).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn passed(child: Child, what: &str) -> String {
    let output = finish_within(LIMIT, child, what);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(0), "{what}: {text}");
    text
}

#[test]
fn instances_and_labs_run_at_once() {
    host::private("instances_and_labs_run_at_once", || {
        for user in users() {
            let before = Trace::now(user);
            let a = spawn(user, &["test", "relay", "--instance", "a"]);
            let b = spawn(user, &["test", "relay", "--instance", "b"]);
            let server = spawn(user, &["test", "server"]);
            assert!(passed(a, "relay@a").contains("2 passed, 0 failed"));
            assert!(passed(b, "relay@b").contains("2 passed, 0 failed"));
            assert!(passed(server, "server").contains("2 passed, 0 failed"));
            before.assert_same("after three labs at once");
        }
    });
}

#[test]
fn two_runs_of_one_lab_each_get_their_own() {
    host::private("two_runs_of_one_lab_each_get_their_own", || {
        for user in users() {
            let before = Trace::now(user);
            let runs = [
                spawn(user, &["test", "relay"]),
                spawn(user, &["test", "relay"]),
                spawn(user, &["test", "relay"]),
            ];
            let texts = runs.map(|child| passed(child, "one of three"));
            let all = texts.concat();
            for instance in [
                "setup relay\n",
                "setup relay@2\n",
                "setup relay@3\n",
                "cleaned relay\n",
                "cleaned relay@2\n",
                "cleaned relay@3\n",
            ] {
                assert_eq!(all.matches(instance).count(), 1, "{instance} in {all}");
            }
            assert_eq!(all.matches("2 passed, 0 failed").count(), 3, "{all}");
            before.assert_same("after three runs of one lab at once");
        }
    });
}

/// Ends and beginnings meet in every way when many short runs overlap.
#[test]
fn runs_that_come_and_go_do_not_disturb_each_other() {
    host::private("runs_that_come_and_go_do_not_disturb_each_other", || {
        let folder = folder();
        let lab = write(folder.path(), "tiny.yaml", TINY);
        let lab = lab.to_str().unwrap();
        for user in users() {
            let before = Trace::now(user);
            std::thread::scope(|scope| {
                // Only two, so that often the last lab goes just when another one comes.
                for _ in 0..2 {
                    scope.spawn(|| {
                        for _ in 0..25 {
                            passed(spawn(user, &["--file", lab, "test", "tiny"]), "one of many");
                        }
                    });
                }
            });
            before.assert_same("after many overlapping runs");
        }
    });
}

const TINY: &str = "
lab: tiny
about: one node
bridges: [br0]
nodes:
  one:
    links:
      eth0: {bridge: br0, port: p-eth0, addresses: 10.7.7.7/24}
tests:
  address:
    about: the node has its address
    steps:
      - run: {node: one, command: ip -4 addr show dev eth0, match: 10\\.7\\.7\\.7}
";

#[test]
fn a_lab_that_is_up_is_used_and_stays_up() {
    host::private("a_lab_that_is_up_is_used_and_stays_up", || {
        for user in users() {
            let before = Trace::now(user);
            expect(user, &["setup", "relay"], 0);
            let supervisor = supervisor(user, "relay");
            for _ in 0..2 {
                let text = expect(user, &["test", "relay-v4"], 0);
                assert!(
                    text.contains("ready relay: was up already")
                        && !text.contains("setup relay")
                        && !text.contains("cleaned"),
                    "{text}"
                );
                assert_eq!(self::supervisor(user, "relay"), supervisor);
            }
            // Setting up what is up changes nothing either.
            let text = expect(user, &["setup", "relay"], 0);
            assert!(text.contains("was up already"), "{text}");
            assert_eq!(self::supervisor(user, "relay"), supervisor);
            assert!(expect(user, &["status"], 0).contains("relay            ready"));
            // What is being tested is not to be had under its own name: a second run gets another.
            let first = spawn(user, &["test", "relay-v6"]);
            wait_for("the first run's session", || {
                expect(user, &["status"], 0).contains("relay            testing")
            });
            let second = spawn(user, &["test", "relay-v4"]);
            assert!(passed(second, "the second run").contains("setup relay@2"));
            assert!(passed(first, "the first run").contains("was up already"));
            assert_eq!(self::supervisor(user, "relay"), supervisor);
            expect(user, &["clean"], 0);
            before.assert_same("after the lab that was up");
        }
    });
}

/// Pid and start time of PID 1 of a sandbox.
fn supervisor(user: User, instance: &str) -> String {
    std::fs::read_to_string(host::state_root(user).join(instance).join("supervisor")).unwrap()
}

#[test]
fn an_outdated_lab_is_set_up_again_and_stays_up() {
    host::private("an_outdated_lab_is_set_up_again_and_stays_up", || {
        let folder = folder();
        for user in users() {
            let lab = write(folder.path(), "tiny.yaml", TINY);
            let before = Trace::now(user);
            let file = lab.to_str().unwrap();
            let words = |verb| ["--file", file, verb, "tiny"];
            expect(user, &words("setup"), 0);
            let first = supervisor(user, "tiny");
            // A test or a comment that changes is no reason: the lab is the same.
            write(
                folder.path(),
                "tiny.yaml",
                &TINY.replace("the node has its address", "in other words # and a comment"),
            );
            assert!(expect(user, &words("test"), 0).contains("was up already"));
            assert_eq!(supervisor(user, "tiny"), first);
            // Another address is another lab.
            write(folder.path(), "tiny.yaml", &TINY.replace("10.7.7.7/24", "10.7.7.8/24"));
            let text = expect(user, &words("test"), 1);
            assert!(text.contains("setup tiny again: it was made from something else"), "{text}");
            assert!(text.contains("10.7.7.8"), "the test did not see the new lab: {text}");
            let second = supervisor(user, "tiny");
            assert_ne!(second, first);
            let ready = expect(user, &["status"], 0);
            assert!(ready.contains("tiny             ready"), "{ready}");
            write(folder.path(), "tiny.yaml", TINY);
            let text = expect(user, &words("setup"), 0);
            assert!(text.contains("setup tiny again"), "{text}");
            assert!(expect(user, &words("test"), 0).contains("was up already"));
            expect(user, &["clean", "tiny"], 0);
            before.assert_same("after an outdated lab");
        }
    });
}

#[test]
fn a_lab_whose_program_changed_is_set_up_again() {
    host::private("a_lab_whose_program_changed_is_set_up_again", || {
        let folder = folder();
        let lab = write(folder.path(), "prog.yaml", PROGRAM);
        let file = lab.to_str().unwrap();
        for user in users() {
            let one = program(folder.path(), "one", "echo one");
            let two = program(folder.path(), "two", "echo two");
            let before = Trace::now(user);
            let test = |subject: &str, code| {
                expect(user, &["--file", file, "test", "prog", "--subject", subject], code)
            };
            expect(user, &["--file", file, "setup", "prog", "--subject", &one], 0);
            assert!(test(&one, 0).contains("was up already"));
            // Another program, and the same one built anew.
            let text = test(&two, 1);
            assert!(text.contains("setup prog again") && text.contains("two"), "{text}");
            assert!(test(&one, 0).contains("setup prog again"));
            program(folder.path(), "one", "echo one; # built anew");
            assert!(test(&one, 0).contains("setup prog again"));
            // Without a name it is the program the lab was set up with.
            let text = expect(user, &["--file", file, "test", "prog"], 0);
            assert!(
                text.contains("was up already") && text.contains(&format!("testing {one}")),
                "{text}"
            );
            expect(user, &["clean"], 0);
            before.assert_same(&format!("after a changed program as {user:?}"));
        }
    });
}

const PROGRAM: &str = "
lab: prog
about: a program that says a word
subject: {program: sayer}
nodes:
  one: {}
tests:
  word:
    about: it says one
    steps:
      - run: {node: one, command: sayer, match: ^one$}
";

/// An executable shell script.
fn program(folder: &std::path::Path, name: &str, body: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = write(folder, name, &format!("#!/bin/sh\n{body}\n"));
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().into()
}

#[test]
fn clean_takes_down_what_is_named_and_nothing_else() {
    host::private("clean_takes_down_what_is_named_and_nothing_else", || {
        let folder = folder();
        let lab = write(folder.path(), "tiny.yaml", TINY);
        let file = lab.to_str().unwrap();
        for user in users() {
            let before = Trace::now(user);
            for instance in ["a", "b"] {
                expect(user, &["--file", file, "setup", "tiny", "--instance", instance], 0);
            }
            expect(user, &["setup", "server"], 0);
            expect(user, &["--file", file, "setup", "tiny"], 0);
            assert_eq!(up(user), ["server", "tiny", "tiny@a", "tiny@b"]);

            let text = expect(user, &["clean", "tiny@a"], 0);
            assert!(text.contains("cleaned tiny@a") && !text.contains("tiny@b"), "{text}");
            assert_eq!(up(user), ["server", "tiny", "tiny@b"]);
            // What is left still works.
            let node = expect(
                user,
                &["exec", "tiny@b", "one", "ip", "-4", "addr", "show", "dev", "eth0"],
                0,
            );
            assert!(node.contains("10.7.7.7"), "{node}");
            assert!(expect(user, &["test", "server-v4"], 0).contains("was up already"));

            let text = expect(user, &["clean", "tiny@a"], 0);
            assert!(text.contains("no instance `tiny@a` is up"), "{text}");
            // A lab's name stands for all of its instances.
            expect(user, &["clean", "tiny"], 0);
            assert_eq!(up(user), ["server"]);
            expect(user, &["clean"], 0);
            assert!(up(user).is_empty());
            assert!(expect(user, &["clean"], 0).contains("nothing to clean"));
            before.assert_same("after all was cleaned");
        }
    });
}

/// The instances that `status` lists, which must all be ready.
fn up(user: User) -> Vec<String> {
    let output = run(user, &["status", "--format", "json"]);
    let all: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let all = all.as_array().unwrap();
    assert!(all.iter().all(|i| i["condition"] == "ready"), "{all:#?}");
    all.iter().map(|i| i["instance"].as_str().unwrap().to_string()).collect()
}

#[test]
fn status_tells_the_states_apart() {
    host::private("status_tells_the_states_apart", || {
        let folder = folder();
        let lab = "
lab: states
about: a service that can be awaited, killed and broken
nodes:
  one:
    services:
      idler: {command: 'while ! test -e go; do sleep 0.01; done; touch up; exec sleep 1000', ready: {file: up, within: 60s}}
tests:
  none:
    about: takes its time
    steps:
      - run: {node: one, command: sleep 2}
";
        let lab = write(folder.path(), "states.yaml", lab);
        let file = lab.to_str().unwrap();
        for user in users() {
            let before = Trace::now(user);
            let state = host::state_root(user).join("states");
            let shows = |words: &str| expect(user, &["status"], 0).contains(words);
            assert!(shows("no lab is up"));

            let setup = spawn(user, &["--file", file, "setup", "states"]);
            wait_for("the starting lab", || {
                shows("states           starting") && state.join("service/idler").exists()
            });
            // Set-up by somebody else is not waited for under a name of one's own choice.
            let busy = expect(user, &["--file", file, "setup", "states"], 4);
            assert!(busy.contains("states is in use by another labrun"), "{busy}");
            std::fs::write(state.join("service/idler/go"), "").unwrap();
            passed(setup, "the set-up");
            assert!(shows("states           ready") && shows("idler          running"));

            let test = spawn(user, &["--file", file, "test", "states"]);
            wait_for("the test", || shows("states           testing"));
            passed(test, "the test");
            assert!(shows("states           ready"));

            let daemon = || processes().into_values().find(|p| p.command.starts_with("sleep 1000"));
            host::kill("KILL", daemon().expect("the service runs").pid);
            wait_for("the service's death to show", || shows("idler          ended by signal 9"));

            let supervisor = supervisor(user, "states");
            host::kill("KILL", supervisor.split(' ').next().unwrap().parse().unwrap());
            wait_for("the sandbox's death to show", || {
                shows("states           dead") && shows("(run `labrun clean`)")
            });
            // A dead lab is no obstacle to the next run of it.
            let again = spawn(user, &["--file", file, "setup", "states"]);
            wait_for("the next set-up", || {
                shows("states           starting") && state.join("service/idler").exists()
            });
            std::fs::write(state.join("service/idler/go"), "").unwrap();
            passed(again, "the set-up after a dead lab");
            assert!(shows("states           ready"));
            expect(user, &["clean"], 0);

            // Kept although its set-up failed.
            let broken = write(folder.path(), "broken.yaml", BROKEN);
            let text =
                expect(user, &["--file", broken.to_str().unwrap(), "setup", "broken", "--keep"], 4);
            assert!(
                text.contains("service dier (node one) died with exit status 7")
                    && text.contains("| last words"),
                "{text}"
            );
            assert!(
                shows("broken           failed")
                    && shows("dier           ended with exit status 7")
            );
            expect(user, &["clean"], 0);
            let text = expect(user, &["--file", broken.to_str().unwrap(), "test", "broken"], 4);
            assert!(text.contains("ERROR broken-none"), "{text}");
            before.assert_same("after all states");
        }
    });
}

const BROKEN: &str = "
lab: broken
about: its service dies at once
nodes:
  one:
    services:
      dier: {command: echo last words; exit 7, ready: {udp: 67}}
tests:
  none:
    about: not reached
    steps:
      - run: {node: one, command: 'true'}
";
