//! What a lab writes where labrun notes things of it harms nobody outside, and keeps labrun from nothing.

use crate::common;

use common::host::{self, Trace, state_root};
use common::{User, folder, text, users, write};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command};

const LAB: &str = r#"
about: its service tries from the first moment on
nodes:
  a:
    services:
      s:
        command: |
          cd "${TMPDIR%/tmp}"
          for name in ready failed supervisor owner; do echo 1 1 >$name; done
          echo tried
          exec sleep 1000
        ready: {log: tried}
tests:
  t:
    steps:
      - run: {node: a, command: 'true'}
"#;

/// What labrun notes in a lab's state folder, and what the services are watched by, which the lab writes itself.
const NOTES: &str = "supervisor owner kept keep dirty identity ready failed subject stand-in connected supervisor.log \
                     lab.sh lab.sh.new control bin gathered device-9.agent device-9.saved";
const LOGS: &str = "log pid exit cut from restarts stopped";

/// Somebody who is not to be harmed: a process and a file of the user who runs labrun. And a file that is not to be.
struct Victim {
    process: Child,
    file: PathBuf,
    ran: PathBuf,
    _folder: tempfile::TempDir,
}

impl Victim {
    fn of(user: User) -> Victim {
        let folder = folder();
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let file = write(folder.path(), "precious", "as it was");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o666)).unwrap();
        let process = host::marked(user, "sleep").arg("1000").spawn().unwrap();
        // Not before it is that user's, and seen by its mark, which it has a moment after its name.
        common::wait_for("sleep", || {
            host::processes().get(&process.id()).is_some_and(|process| process.name == "sleep")
        });
        Victim { process, file, ran: folder.path().join("ran"), _folder: folder }
    }

    fn pid(&self) -> u32 {
        self.process.id()
    }

    /// As labrun notes a process.
    fn note(&self) -> String {
        format!("{} {}", self.pid(), host::process(self.pid()).unwrap().start)
    }

    fn assert_well(&mut self, when: &str) {
        assert!(self.process.try_wait().unwrap().is_none(), "{when}: the process was ended");
        assert_eq!(fs::read_to_string(&self.file).unwrap(), "as it was", "{when}");
        assert!(!self.ran.exists(), "{when}: a program of the lab's ran outside of it");
    }
}

impl Drop for Victim {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A bash command that puts a note into the place of `$1`.
fn forgery(kind: &str, victim: &Victim) -> String {
    match kind {
        "text" => format!("echo '{}' >$1", victim.note()),
        // What bash would evaluate, were it taken for a number.
        "code" => format!("echo '0 CONTROLS[$({{touch,{}}})0]' >$1", victim.ran.display()),
        "pipe" => "rm -rf $1 && mkfifo $1".into(),
        "link" => format!("rm -rf $1 && ln -s {} $1", victim.file.display()),
        _ => unreachable!(),
    }
}

/// The lab, up, and how the host was before.
struct Forged {
    user: User,
    file: String,
    before: Trace,
    _folder: tempfile::TempDir,
}

impl Forged {
    fn up(user: User) -> Forged {
        let folder = folder();
        let file = write(folder.path(), "forged.yaml", &format!("lab: forged\n{LAB}"));
        let file = file.to_str().unwrap().to_string();
        let lab = Forged { user, file, before: Trace::now(user), _folder: folder };
        lab.expect(&["setup", "forged"]);
        lab
    }

    fn state(&self) -> PathBuf {
        state_root(self.user).join("forged")
    }

    fn run(&self, words: &[&str]) {
        host::run(self.user, &[&["--file", &self.file], words].concat());
    }

    /// What labrun says, which ends with 0.
    fn expect(&self, words: &[&str]) -> String {
        host::expect(self.user, &[&["--file", &self.file], words].concat(), 0)
    }

    fn bash(&self, script: &str) -> String {
        self.expect(&["exec", "forged", "a", "--", "bash", "-c", script])
    }
}

#[test]
fn what_labrun_notes_of_a_lab_the_lab_cannot_change() {
    host::private("what_labrun_notes_of_a_lab_the_lab_cannot_change", || {
        for user in users() {
            for kind in ["text", "code", "pipe", "link"] {
                let when = format!("{kind}, {user:?}");
                let mut victim = Victim::of(user);
                let lab = Forged::up(user);
                // Whom labrun has started to be told lines on `control` may be told any.
                let notes = match kind {
                    "text" | "code" => NOTES.replace("control", ""),
                    _ => NOTES.into(),
                };
                let script = format!(
                    "cd ${{TMPDIR%/tmp}}; forge() {{ {{ {}; }} 2>/dev/null; }}
                    for name in {notes}; do ! forge $name || echo changed $name; done
                    for file in /proc/1/fd/255 /proc/1/cwd/x; do ! {{ echo 'touch {}' >>$file; }} 2>/dev/null || echo changed $file; done
                    ! mv log log2 2>/dev/null || echo moved
                    for name in {LOGS}; do forge log/s.$name || echo not log/s.$name; done",
                    forgery(kind, &victim),
                    victim.ran.display()
                );
                let said = lab.bash(&script);
                assert!(!said.contains("changed") && !said.contains("moved"), "{when}: {said}");
                assert!(!said.contains("not log/"), "{when}: {said}");
                let said = lab.expect(&["status"]);
                assert!(said.contains("forged") && said.contains("ready"), "{when}: {said}");
                lab.expect(&["status", "--format", "json"]);
                // What these come to is the lab's own affair, as long as they do.
                lab.run(&["logs", "forged"]);
                lab.run(&["logs", "forged", "s"]);
                lab.bash("true");
                let said = lab.expect(&["setup", "forged"]);
                assert!(said.contains("was up already"), "{when}: {said}");
                let own = lab.state().join("lab.sh");
                let mut script = host::marked(user, "bash");
                script.arg(own).args(["exec", "forged", "a", "true"]);
                let output = host::run_within(std::time::Duration::from_secs(60), &mut script);
                assert!(output.status.success(), "{when}: {}", text(&output));
                lab.run(&["test", "forged", "--artifacts", "never"]);
                victim.assert_well(&when);
                let said = lab.expect(&["clean", "forged"]);
                assert!(said.contains("cleaned forged"), "{when}: {said}");
                victim.assert_well(&when);
                lab.before.assert_same(&when);
            }
        }
    });
}

#[test]
fn the_environment_of_a_labs_first_process_is_for_what_runs_in_the_lab() {
    host::private("the_environment_of_a_labs_first_process_is_for_what_runs_in_the_lab", || {
        for user in users() {
            let mut victim = Victim::of(user);
            let lab = Forged::up(user);
            // Where it lies is the 50th field of proc_pid_stat(5). A word without `=` would be a program for env(1).
            let script = format!(
                r#"read -ra stat </proc/1/stat
                printf 'sh\0-c\0touch {}\0' | dd of=/proc/1/mem bs=1 seek=${{stat[49]}} conv=notrunc status=none
                tr '\0' ' ' </proc/1/environ"#,
                victim.ran.display()
            );
            let said = lab.bash(&script);
            assert!(said.contains("sh -c touch"), "{user:?}: it could not be changed: {said}");
            lab.run(&["exec", "forged", "a", "--", "true"]);
            victim.assert_well(&format!("{user:?}"));
            lab.expect(&["clean", "forged"]);
            lab.before.assert_same(&format!("{user:?}"));
        }
    });
}

/// A lab that has undone its mounts has changed them all the same.
#[test]
fn no_process_but_the_first_of_a_lab_is_ended_as_that() {
    host::private("no_process_but_the_first_of_a_lab_is_ended_as_that", || {
        for user in users() {
            for kind in ["text", "pipe", "link"] {
                let when = format!("{kind}, {user:?}");
                let mut victim = Victim::of(user);
                let lab = Forged::up(user);
                let state = lab.state();
                let supervisor = host::first(&state);
                for name in ["supervisor", "owner", "subject", "identity"] {
                    let mut forge = Command::new("bash");
                    forge.args(["-c", &forgery(kind, &victim), "x", name]).current_dir(&state);
                    // An owner that is alive would keep others out.
                    if name != "owner" || kind != "text" {
                        assert!(forge.status().unwrap().success(), "{when}");
                    }
                }
                let said = lab.expect(&["status"]);
                assert!(said.contains("forged") && said.contains("dead"), "{when}: {said}");
                lab.expect(&["clean", "forged"]);
                victim.assert_well(&when);
                assert!(!state.exists());
                host::kill("KILL", supervisor);
                lab.before.assert_same(&when);
            }
        }
    });
}

/// What the lab has put into /etc/ld.so.preload or on the way of a program is loaded by what begins in its mounts. That must
/// be able to signal the lab's processes only.
#[test]
fn what_is_run_by_hand_is_a_process_of_the_lab() {
    host::private("what_is_run_by_hand_is_a_process_of_the_lab", || {
        for user in users() {
            let lab = Forged::up(user);
            let state = lab.state();
            let own = host::process(host::first(&state)).unwrap();
            let script = "touch $TMPDIR/begun; sleep 1000; exit 5";
            let mut command = host::labrun(user);
            command
                .args(["--file", &lab.file, "exec", "forged", "global", "--", "sh", "-c", script]);
            // Were this test to fail, who reads its output would wait for the command's.
            let null = || std::process::Stdio::null();
            let child = command.stdin(null()).stdout(null()).stderr(null()).spawn().unwrap();
            common::wait_for("the command", || state.join("tmp/begun").exists());
            let (inside, outside): (Vec<_>, Vec<_>) = host::beside(&own)
                .into_iter()
                .partition(|process| process.namespaces.get("pid") == own.namespaces.get("pid"));
            assert!(inside.len() > 2, "{user:?}: {inside:#?}");
            // These are not begun in there: they have forked.
            let outside: std::collections::BTreeSet<_> =
                outside.iter().map(|process| process.name.as_str()).collect();
            assert_eq!(outside, ["nsenter", "unshare"].into(), "{user:?}");
            // It ends as the command does, also by a signal.
            lab.bash("pkill -INT -f '^sh -c touch' && pkill -INT '^sleep$'");
            let limit = std::time::Duration::from_secs(20);
            let output = host::finish_within(limit, child, "exec");
            assert_eq!(output.status.code(), Some(130), "{user:?}");
            lab.expect(&["clean", "forged"]);
            lab.before.assert_same(&format!("{user:?}"));
        }
    });
}
