//! A clean that cannot finish says what holds the lab, and the next one finishes, once that is gone.

use crate::{common, hung};

use common::host::{self, Trace, expect, state_root};
use common::{User, text, users, wait_for};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

const LAB: &str = "
lab: held
about: two nodes
nodes:
  a: {links: {a0: {peer: b/b0, addresses: 10.0.0.1/24}}}
  b: {links: {b0: {peer: a/a0, addresses: 10.0.0.2/24}}}
tests:
  t: {steps: [{ping: {node: a, to: 10.0.0.2}}]}
";

/// A lab that is up, and how the host was before.
struct Held {
    user: User,
    file: String,
    before: Trace,
    _folder: tempfile::TempDir,
}

impl Held {
    fn up(user: User) -> Held {
        let folder = common::folder();
        let file = common::write(folder.path(), "held.yaml", LAB).display().to_string();
        let lab = Held { user, file, before: Trace::now(user), _folder: folder };
        expect(user, &["--file", &lab.file, "setup", "held"], 0);
        lab
    }

    fn state(&self) -> PathBuf {
        state_root(self.user).join("held")
    }

    /// Runs `script` in the lab, by hand.
    fn exec(&self, script: &str) {
        let mut exec = host::labrun(self.user);
        exec.args(["--file", &self.file, "exec", "held", "a", "--", "sh", "-c", script]);
        spawn(&mut exec);
    }

    /// Somebody who sees the lab's mounts, and is none of its processes.
    fn visitor(&self) -> u32 {
        let mut enter = host::marked(self.user, "nsenter");
        enter.args(["--target", &host::first(&self.state()).to_string(), "--mount"]);
        if self.user == User::Ordinary || !common::is_root() {
            enter.args(["--user", "--preserve-credentials"]);
        }
        let visitor = spawn(enter.args(["sleep", "1002"]));
        let is_there = |process: &host::Process| process.command == "sleep 1002 ";
        wait_for("the visitor", || self.before.added().iter().any(is_there));
        visitor
    }

    /// Cleans in vain; what is said.
    fn in_vain(&self) -> String {
        let output = host::run(self.user, &["clean"]);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(4), "{:?}: {said}", self.user);
        assert!(!said.contains("cleaned held") && !said.contains("nothing to clean"), "{said}");
        said
    }

    /// Nothing holds it any more.
    fn goes(self) {
        let said = expect(self.user, &["clean"], 0);
        assert!(said.contains("cleaned held"), "{:?}: {said}", self.user);
        self.before.assert_same("after the clean");
        expect(self.user, &["--file", &self.file, "test", "held"], 0);
        self.before.assert_same("after a test");
    }
}

/// Starts `command`, and looks after it no more.
fn spawn(command: &mut Command) -> u32 {
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let pid = child.id();
    std::thread::spawn(move || child.wait());
    pid
}

fn tool(name: &str, words: &[&str], path: &Path) -> bool {
    Command::new(name).args(words).arg(path).output().is_ok_and(|output| output.status.success())
}

#[test]
fn clean_names_who_holds_a_lab() {
    host::private("clean_names_who_holds_a_lab", || {
        for user in users() {
            let lab = Held::up(user);
            let find = |condition: &dyn Fn(&host::Process) -> bool| {
                let mut found = None;
                wait_for("the process", || {
                    found = lab.before.added().into_iter().find(|process| condition(process));
                    found.is_some()
                });
                found.unwrap().pid
            };
            let supervisor = host::first(&lab.state());

            // A command by hand, stopped as by Ctrl-Z.
            lab.exec("sleep 1001; true");
            find(&|process| process.command == "sleep 1001 ");
            // Its environment has nothing of the test's.
            let first = host::process(supervisor).unwrap();
            let stopped = host::beside(&first);
            let stopped = stopped.iter().find(|process| process.name == "nsenter").unwrap().pid;
            host::kill("STOP", stopped);
            // Somebody who looks at the lab's files.
            let visitor = lab.visitor();
            // A debugger that is stopped.
            lab.exec("exec sleep 1003");
            let traced = find(&|process| process.command == "sleep 1003 ");
            let tracer = tracer(user, traced);
            // A program that waits for a disk that never answers.
            let hung = hung::FileSystem::mount(supervisor);
            if let Some(hung) = &hung {
                lab.exec(&format!("exec cat {}", hung.file().display()));
                hung.wait_for_a_request();
            }

            let said = lab.in_vain();
            let nsenter = format!("pid {stopped} (`nsenter ");
            assert!(said.contains(&nsenter), "{user:?}: {said}");
            let stopped_is = format!("is stopped: `kill -KILL {stopped}` ends it");
            assert!(said.contains(&stopped_is), "{user:?}: {said}");
            let enters = format!(
                "pid {visitor} (`sleep 1002`) has entered it from outside: `kill -KILL {visitor}` ends it"
            );
            assert!(said.contains(&enters), "{user:?}: {said}");
            if let Some(tracer) = tracer {
                let traces =
                    format!("pid {traced} (`sleep 1003`) is traced by pid {tracer} (`strace ");
                assert!(said.contains(&traces), "{user:?}: {said}");
                assert!(said.contains(&format!("`kill -KILL {tracer}`")), "{user:?}: {said}");
            }
            if let Some(hung) = &hung {
                let waits = format!("(`cat {}`) waits in the kernel", hung.file().display());
                assert!(said.contains(&waits), "{user:?}: {said}");
            }
            // Nor is it taken for gone when its first process is.
            drop(hung);
            host::kill("KILL", stopped);
            tracer.into_iter().for_each(|pid| host::kill("KILL", pid));
            let said = lab.in_vain();
            assert!(said.contains(&enters) && !said.contains(&nsenter), "{user:?}: {said}");
            host::kill("KILL", visitor);
            lab.before.wait_for_processes("the visitor");
            lab.goes();
        }
    });
}

#[test]
fn a_lab_whose_mounts_somebody_still_sees_is_not_cleaned() {
    host::private("a_lab_whose_mounts_somebody_still_sees_is_not_cleaned", || {
        for user in users() {
            let lab = Held::up(user);
            let visitor = lab.visitor();
            let said = lab.in_vain();
            assert!(said.contains(&format!("`kill -KILL {visitor}`")), "{user:?}: {said}");
            host::kill("KILL", visitor);
            lab.before.wait_for_processes("the visitor");
            lab.goes();
        }
    });
}

/// A debugger that is stopped.
fn tracer(user: User, pid: u32) -> Option<u32> {
    if which::which("strace").is_err() {
        eprintln!("SKIP a process that is traced: there is no strace");
        return None;
    }
    let tracer =
        spawn(host::marked(user, "strace").args(["-o", "/dev/null", "-p", &pid.to_string()]));
    wait_for("the tracer", || {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
        status.contains(&format!("TracerPid:\t{tracer}\n"))
    });
    host::kill("STOP", tracer);
    Some(tracer)
}

#[test]
fn clean_names_what_cannot_be_removed() {
    let why = "an ordinary user cannot mount anything there";
    host::private_of_root("clean_names_what_cannot_be_removed", why, || {
        for user in users() {
            // A mount of somebody's.
            let lab = Held::up(user);
            assert!(tool("mount", &["-t", "tmpfs", "tmpfs"], &lab.state().join("client")));
            let said = lab.in_vain();
            let root = state_root(user);
            let gone = fs::read_dir(&root).unwrap().map(|entry| entry.unwrap().path());
            let gone: Vec<PathBuf> = gone.collect();
            let mount = gone[0].join("client").display().to_string();
            let names = format!("something is mounted on {mount}: `umount {mount}`");
            assert!(gone.len() == 1 && said.contains(&names), "{user:?}: {gone:?}: {said}");
            assert!(lab.in_vain().contains(&names), "{user:?}");
            assert!(tool("umount", &[], Path::new(&mount)));
            lab.goes();

            // A disk that can only be read.
            let lab = Held::up(user);
            let disk = root.parent().unwrap();
            assert!(tool("mount", &["--rbind", &disk.display().to_string()], disk));
            assert!(tool("mount", &["-o", "remount,bind,ro"], disk));
            let said = lab.in_vain();
            let names = format!("the file system of {} can only be read", lab.state().display());
            assert!(said.contains(&names), "{user:?}: {said}");
            assert!(tool("umount", &["-l"], disk));
            lab.goes();

            // What nobody may change, not even root.
            let lab = Held::up(user);
            let file = lab.state().join("client/kept");
            fs::write(&file, "").unwrap();
            if !tool("chattr", &["+i"], &file) {
                eprintln!(
                    "SKIP a file that is immutable: there is no chattr, or this file system has none"
                );
                lab.goes();
                continue;
            }
            let said = lab.in_vain();
            let gone = fs::read_dir(&root).unwrap().next().unwrap().unwrap().path();
            let file = gone.join("client/kept");
            let names = format!("{0} is immutable: `chattr -ia {0}`", file.display());
            assert!(said.contains(&names), "{user:?}: {said}");
            assert!(tool("chattr", &["-ia"], &file));
            lab.goes();
        }
    });
}
