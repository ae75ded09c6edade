//! Proves that SIGINT, SIGTERM, SIGHUP and a terminal's Ctrl-C end labrun with 130, soon and with
//! nothing left, whatever it is doing: building, setting up, inside a step, between two attempts.

use crate::common;

use common::host::{self, Random, Trace, finish_within, labrun, state_root};
use common::{User, folder, text, users, wait_for, write};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// No interrupt may take longer, on a busy machine either.
const SOON: Duration = Duration::from_secs(5);

/// A lab whose test `lease` asks a network without a server, `retry` never succeeds and sleeps long
/// between attempts, and `stubborn` ignores every polite signal.
const LAB: &str = r#"
lab: idle
about: nothing here ever comes to an end
bridges: [br0]
nodes:
  one:
    links:
      eth0: {bridge: br0, port: p-eth0}
tests:
  lease:
    about: there is no server
    steps:
      - dhcp: {node: one, link: eth0, family: 4, within: 60s}
  retry:
    about: it fails at once
    steps:
      - run: {node: one, command: 'mkdir "$TMPDIR/tried"; exit 1', within: 60s, every: 30s}
  stubborn:
    about: it cannot be talked to
    steps:
      - run: {node: one, command: "trap '' INT TERM HUP; while :; do sleep 60 & wait; done", timeout: 60s}
"#;

/// A lab that never gets ready.
const NEVER: &str = r#"
lab: never
about: its service is awaited in vain
nodes:
  one:
    services:
      deaf: {command: exec sleep 61, ready: {udp: 67, within: 60s}}
tests:
  none:
    about: not reached
    steps:
      - run: {node: one, command: "true"}
"#;

fn start(user: User, lab: &Path, words: &[&str]) -> Child {
    let mut command = labrun(user);
    command.arg("--file").arg(lab).args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

/// Sends `signal` and expects exit code 130, soon, and nothing left.
fn interrupt(signal: &str, child: Child, before: &Trace, what: &str) -> String {
    let what = format!("SIG{signal} {what}");
    host::kill(signal, child.id());
    let began = Instant::now();
    let output = finish_within(Duration::from_secs(30), child, &what);
    let took = began.elapsed();
    let text = text(&output);
    assert_eq!(output.status.code(), Some(130), "{what}: {text}");
    assert!(took < SOON, "{what}: took {took:?}: {text}");
    before.assert_same(&what);
    text
}

/// Whether a process of the lab has `words` in its command line.
fn runs(before: &Trace, words: &str) -> bool {
    before.added().iter().any(|p| {
        p.command.contains(words) && p.name != "bash" && p.name != "labrun" && p.name != "setpriv"
    })
}

#[test]
fn a_step_can_be_interrupted() {
    host::private("a_step_can_be_interrupted", || {
        let folder = folder();
        let lab = write(folder.path(), "idle.yaml", LAB);
        for user in users() {
            let before = Trace::now(user);
            for signal in ["INT", "TERM", "HUP"] {
                let child = start(user, &lab, &["test", "idle-lease"]);
                wait_for("dhclient", || runs(&before, "dhclient -4"));
                interrupt(signal, child, &before, &format!("in a dhcp step as {user:?}"));
            }
            let child = start(user, &lab, &["test", "idle-stubborn"]);
            wait_for("the step's command", || runs(&before, "sleep 60"));
            interrupt(
                "INT",
                child,
                &before,
                &format!("in a step that ignores signals as {user:?}"),
            );
        }
    });
}

#[test]
fn the_pause_between_two_attempts_can_be_interrupted() {
    host::private("the_pause_between_two_attempts_can_be_interrupted", || {
        let folder = folder();
        let lab = write(folder.path(), "idle.yaml", LAB);
        for user in users() {
            let before = Trace::now(user);
            let child = start(user, &lab, &["test", "idle-retry"]);
            wait_for("the first attempt", || state_root(user).join("idle/tmp/tried").exists());
            // The attempt takes milliseconds, the pause after it 30 seconds.
            sleep(Duration::from_millis(300));
            interrupt("INT", child, &before, &format!("between two attempts as {user:?}"));
        }
    });
}

#[test]
fn waiting_for_a_service_can_be_interrupted() {
    host::private("waiting_for_a_service_can_be_interrupted", || {
        let folder = folder();
        let lab = write(folder.path(), "never.yaml", NEVER);
        for user in users() {
            let before = Trace::now(user);
            for (signal, verb, keep) in
                [("INT", "test", false), ("TERM", "setup", false), ("INT", "setup", true)]
            {
                let words: &[&str] =
                    if keep { &[verb, "never", "--keep"] } else { &[verb, "never"] };
                let child = start(user, &lab, words);
                wait_for("the service", || runs(&before, "sleep 61"));
                let text = interrupt(
                    signal,
                    child,
                    &before,
                    &format!("while {words:?} waits for a service as {user:?}"),
                );
                assert!(text.contains("cleaned never"), "{text}");
            }
        }
    });
}

#[test]
fn any_moment_of_a_setup_can_be_interrupted() {
    host::private("any_moment_of_a_setup_can_be_interrupted", || {
        let mut random = Random::new();
        for user in users() {
            let before = Trace::now(user);
            let began = Instant::now();
            host::expect(user, &["setup", "relay"], 0);
            let usual = began.elapsed();
            host::expect(user, &["clean"], 0);
            for number in 0..15 {
                let moment = usual.mul_f64(random.below(1200) as f64 / 1000.0);
                let what = format!(
                    "`labrun setup relay` as {user:?} interrupted after {moment:?} (round {number})"
                );
                println!("{what}");
                let child = labrun(user)
                    .args(["setup", "relay"])
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped())
                    .spawn()
                    .unwrap();
                let pid = child.id();
                // Before its first instructions a program dies of the signal like any other.
                wait_for("labrun's handler", || handles_interrupts(pid));
                if number % 3 == 0 {
                    // The moment that is rarely drawn: the lab is up, and labrun is about to be
                    // told.
                    while !state_root(user).join("relay/ready").exists() {}
                } else {
                    sleep(moment);
                }
                host::kill("INT", pid);
                let output = finish_within(SOON, child, &what);
                let text = text(&output);
                match output.status.code() {
                    Some(130) => before.assert_same(&what),
                    // It was done already: then the lab is up, whole.
                    Some(0) => {
                        let status = host::expect(user, &["status"], 0);
                        assert!(
                            status.contains("relay            ready"),
                            "{what}: {text}{status}"
                        );
                        host::expect(user, &["clean", "relay"], 0);
                        before.assert_same(&what);
                    }
                    _ => panic!("{what}: {text}"),
                }
            }
        }
    });
}

/// Whether `pid` has a handler for SIGINT, or has ended.
fn handles_interrupts(pid: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let caught = status
        .lines()
        .find_map(|line| line.strip_prefix("SigCgt:"))
        .map(|mask| u64::from_str_radix(mask.trim(), 16).unwrap());
    caught.is_none_or(|mask| mask & 0b10 != 0)
}

#[test]
fn a_build_can_be_interrupted() {
    host::private("a_build_can_be_interrupted", || {
        for user in users() {
            let folder = folder();
            let lab = "
lab: built
about: its program takes a minute to build
subject: {program: slow, repository: {files: [slow.txt]}, build: sleep 62 | cat}
nodes:
  one: {}
tests:
  none:
    about: not reached
    steps:
      - run: {node: one, command: slow}
";
            let lab = write(folder.path(), "built.yaml", lab);
            write(folder.path(), "slow.txt", "");
            let before = Trace::now(user);
            let cache = common::folder();
            fs::set_permissions(cache.path(), fs::Permissions::from_mode(0o777)).unwrap();
            let mut command = labrun(user);
            command.arg("--file").arg(&lab).args(["test", "built", "--subject"]).arg(folder.path());
            command
                .env("XDG_CACHE_HOME", cache.path())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped());
            let child = command.spawn().unwrap();
            wait_for("the build", || runs(&before, "sleep 62"));
            host::kill("TERM", child.id());
            let output = finish_within(SOON, child, "SIGTERM in a build");
            assert_eq!(output.status.code(), Some(130), "{}", text(&output));
            drop(cache);
            before.assert_same("after an interrupted build");
        }
    });
}

/// In a terminal Ctrl-C goes to the whole foreground process group, and labrun prints what it does
/// there in its own way.
#[test]
fn ctrl_c_in_a_terminal_cleans_up() {
    host::private("ctrl_c_in_a_terminal_cleans_up", || {
        if which::which("script").is_err() {
            eprintln!("SKIP ctrl_c_in_a_terminal_cleans_up: there is no script(1)");
            return;
        }
        let folder = folder();
        let lab = write(folder.path(), "idle.yaml", LAB);
        for user in users() {
            let before = Trace::now(user);
            let mut command = labrun(user);
            command.arg("--file").arg(&lab).args(["test", "idle-lease"]);
            let mut child = host::on_terminal(&command);
            let mut keys = child.stdin.take().unwrap();
            wait_for("dhclient", || runs(&before, "dhclient -4"));
            std::io::Write::write_all(&mut keys, b"\x03").unwrap();
            let output = finish_within(SOON, child, "Ctrl-C in a terminal");
            assert_eq!(output.status.code(), Some(130), "{}", text(&output));
            before.assert_same("after Ctrl-C in a terminal");
        }
    });
}

/// The report that labrun wrote to `path`, which says that the run was interrupted.
fn reported(path: &Path, what: &str) {
    let text = fs::read_to_string(path).unwrap_or_else(|e| panic!("{what}: no report: {e}"));
    let run: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(run["interrupted"], true, "{what}: {text}");
}

/// timeout(1) signals labrun, and then its process group, to which labrun belongs.
#[test]
fn timeout_is_one_interrupt_also_on_a_busy_machine() {
    host::private("timeout_is_one_interrupt_also_on_a_busy_machine", || {
        let folder = folder();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let lab = write(folder.path(), "idle.yaml", LAB);
        // Until the test ends, however it does.
        let busy = "while kill -0 $PPID 2>/dev/null; do :; done";
        let busy = || std::process::Command::new("sh").args(["-c", busy]).spawn();
        let mut load: Vec<Child> = (0..4).map(|_| busy().unwrap()).collect();
        for user in users() {
            let before = Trace::now(user);
            for round in 0..3 {
                let what = format!("timeout(1) as {user:?}, round {round}");
                let report = folder.path().join(format!("{user:?}-{round}.json"));
                let mut command = host::marked(user, "timeout");
                command.args(["0.8", env!("CARGO_BIN_EXE_labrun"), "--file"]).arg(&lab);
                command.args(["test", "idle-stubborn", "--artifacts", "never", "--report"]);
                command.arg(format!("json={}", report.display()));
                let output = host::run_within(Duration::from_secs(30), &mut command);
                assert_eq!(output.status.code(), Some(124), "{what}: {}", text(&output));
                reported(&report, &what);
                before.assert_same(&what);
            }
        }
        for child in &mut load {
            child.kill().unwrap();
            child.wait().unwrap();
        }
    });
}

/// What does not end by itself, here because somebody stopped it, is killed.
#[test]
fn who_interrupts_again_gets_the_report_and_a_clean_machine_at_once() {
    host::private("who_interrupts_again_gets_the_report_and_a_clean_machine_at_once", || {
        let folder = folder();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let lab = write(folder.path(), "idle.yaml", LAB);
        for user in users() {
            let before = Trace::now(user);
            let report = folder.path().join(format!("{user:?}.json"));
            let target = format!("json={}", report.display());
            let mut child = start(user, &lab, &["test", "idle-lease", "--report", &target]);
            wait_for("dhclient", || runs(&before, "dhclient -4"));
            let agent = before.added().into_iter().find(|p| p.command.contains(" _agent "));
            host::kill("STOP", agent.unwrap().pid);
            for _ in 0..3 {
                host::kill("INT", child.id());
                sleep(Duration::from_millis(100));
            }
            assert_eq!(child.try_wait().unwrap(), None, "it waits for the agent");
            sleep(Duration::from_millis(1000));
            let said = interrupt("INT", child, &before, &format!("again as {user:?}"));
            assert!(said.contains("interrupted again"), "{said}");
            reported(&report, &format!("as {user:?}"));
        }
    });
}

/// A command that counts the signals it gets, and ends at the second.
const COUNTS: &str = "n=0; trap 'n=$((n+1)); echo caught-$n; [ $n -lt 2 ] || exit 9' INT TERM; \
                      echo ready; while :; do sleep 0.1; done";

/// `words` for labrun on a terminal of its own.
fn in_terminal(user: User, words: &[&str]) -> Child {
    host::on_terminal(labrun(user).args(words))
}

/// Reads what `child` prints until `word` comes.
fn wait_for_word(child: &mut Child, word: &str) {
    use rustix::event::{PollFd, PollFlags, Timespec, poll};
    use std::io::Read;
    let (mut seen, mut byte) = (Vec::new(), [0]);
    let limit = Timespec { tv_sec: 20, tv_nsec: 0 };
    while !String::from_utf8_lossy(&seen).contains(word) {
        let output = child.stdout.as_mut().unwrap();
        let ready = poll(&mut [PollFd::new(output, PollFlags::IN)], Some(&limit)).unwrap();
        let count = if ready > 0 { output.read(&mut byte).unwrap() } else { 0 };
        assert!(count > 0, "{word} has not come: {}", String::from_utf8_lossy(&seen));
        seen.push(byte[0]);
    }
}

#[test]
fn signals_are_for_the_command_of_exec_and_its_status_is_labruns() {
    host::private("signals_are_for_the_command_of_exec_and_its_status_is_labruns", || {
        let folder = folder();
        let lab = write(folder.path(), "idle.yaml", LAB);
        for user in users() {
            let before = Trace::now(user);
            host::expect(user, &["--file", lab.to_str().unwrap(), "setup", "idle"], 0);
            let exec = ["exec", "idle", "one", "sh", "-c", COUNTS];
            for signal in ["INT", "TERM"] {
                let mut child = start(user, &lab, &exec);
                wait_for_word(&mut child, "ready");
                host::kill(signal, child.id());
                wait_for_word(&mut child, "caught-1");
                host::kill(signal, child.id());
                let output = finish_within(SOON, child, "exec");
                assert_eq!(
                    output.status.code(),
                    Some(9),
                    "SIG{signal} as {user:?}: {}",
                    text(&output)
                );
            }
            // Who does not catch it ends by it.
            let mut child = start(
                user,
                &lab,
                &["exec", "idle", "one", "sh", "-c", "echo ready; exec sleep 60"],
            );
            wait_for_word(&mut child, "ready");
            host::kill("TERM", child.id());
            let output = finish_within(SOON, child, "exec sleep");
            assert_eq!(output.status.code(), Some(128 + 15), "as {user:?}: {}", text(&output));
            if which::which("script").is_ok() {
                let mut child = in_terminal(user, &exec);
                let mut keys = child.stdin.take().unwrap();
                wait_for_word(&mut child, "ready");
                std::io::Write::write_all(&mut keys, b"\x03").unwrap();
                wait_for_word(&mut child, "caught-1");
                std::io::Write::write_all(&mut keys, b"\x03").unwrap();
                let output = finish_within(SOON, child, "Ctrl-C in exec");
                assert_eq!(output.status.code(), Some(9), "as {user:?}: {}", text(&output));
                let mut child = in_terminal(user, &["shell", "idle", "one"]);
                let mut keys = child.stdin.take().unwrap();
                wait_for_word(&mut child, "(idle one)");
                std::io::Write::write_all(&mut keys, b"sleep 60\n").unwrap();
                wait_for("sleep", || runs(&before, "sleep 60"));
                std::io::Write::write_all(&mut keys, b"\x03").unwrap();
                wait_for("the end of sleep", || !runs(&before, "sleep 60"));
                std::io::Write::write_all(&mut keys, b"exit 5\n").unwrap();
                let output = finish_within(SOON, child, "Ctrl-C in shell");
                assert_eq!(output.status.code(), Some(5), "as {user:?}: {}", text(&output));
            } else {
                eprintln!("SKIP exec in a terminal: there is no script(1)");
            }
            host::expect(user, &["clean", "idle"], 0);
            before.assert_same("after exec");
        }
    });
}

/// A machine that takes the connection and then says nothing.
#[test]
fn an_interrupt_is_heard_while_ssh_connects() {
    host::private("an_interrupt_is_heard_while_ssh_connects", || {
        if which::which("ssh").is_err() {
            return eprintln!("SKIP an_interrupt_is_heard_while_ssh_connects: there is no ssh");
        }
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let host = format!("ssh://127.0.0.1:{}", silent.local_addr().unwrap().port());
        for user in users() {
            let before = Trace::now(user);
            for words in [&["test", "relay"][..], &["status"]] {
                let mut command = labrun(user);
                command.args(["--host", &host]).args(words);
                let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
                let _connection = silent.accept().unwrap();
                interrupt(
                    "INT",
                    child,
                    &before,
                    &format!("{words:?} while ssh connects as {user:?}"),
                );
            }
        }
    });
}

/// A signal that is handled ends the wait for whoever is to read, which random moments seldom meet: strace(1) makes every
/// other of these waits end so.
#[test]
fn a_signal_while_the_script_is_handed_over_breaks_nothing() {
    let test = "a_signal_while_the_script_is_handed_over_breaks_nothing";
    let ends =
        ["-qq", "-o", "/dev/null", "-e", "trace=ppoll", "-e", "inject=ppoll:error=EINTR:when=1+2"];
    let traces = Command::new("strace").args(ends).arg("true").status();
    if !traces.is_ok_and(|status| status.success()) {
        eprintln!("SKIP {test}: there is no strace, or it may trace nothing here");
        return;
    }
    host::private(test, || {
        let folder = folder();
        let file = write(folder.path(), "small.yaml", "lab: small\nnodes: {a: {}}\n");
        let program = labrun(User::Own);
        let mut command = Command::new("strace");
        command
            .args(ends)
            .arg(program.get_program())
            .arg("--file")
            .arg(file)
            .args(["setup", "small"]);
        let output = host::run_within(SOON, &mut command);
        assert!(output.status.success(), "{}", text(&output));
        host::expect(User::Own, &["clean", "small"], 0);
    });
}
