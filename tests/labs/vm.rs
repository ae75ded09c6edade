//! States of Lima that cannot be provoked at will, with a limactl that plays them and notes how it
//! is called. That labs run in a real VM is proved by .ci/vm.

use crate::common;

use common::{User, folder, is_root, labrun, text, wait_for, write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

/// What runs is `$FAKE/VERB`, if there is such a script; `list` prints what it finds in
/// `$FAKE/instance`.
const LIMACTL: &str = r#"#!/bin/sh
echo "$*" >>"$FAKE/calls"
verb=
for word; do case $word in -*) ;; *) verb=$word && break ;; esac done
if [ "$1" = --version ]; then cat "$FAKE/version"; exit; fi
if [ -e "$FAKE/$verb" ]; then . "$FAKE/$verb"; exit; fi
if [ "$verb" = list ]; then
  [ -s "$FAKE/instance" ] && cat "$FAKE/instance" && exit
  echo 'time="t" level=warning msg="No instance matching labrun found."' >&2
  exit 1
fi
"#;

struct Fake(tempfile::TempDir);

impl Fake {
    /// Lima 1.2 without an instance.
    fn new() -> Fake {
        let folder = folder();
        std::fs::create_dir(folder.path().join("state")).unwrap();
        for name in ["", "state"] {
            std::fs::set_permissions(
                folder.path().join(name),
                std::fs::Permissions::from_mode(0o777),
            )
            .unwrap();
        }
        let fake = Fake(folder);
        let program = fake.with("limactl", LIMACTL);
        std::fs::set_permissions(program, std::fs::Permissions::from_mode(0o755)).unwrap();
        fake.with("version", "limactl version 1.2.2\n");
        fake
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn with(&self, name: &str, text: &str) -> std::path::PathBuf {
        write(self.path(), name, text)
    }

    /// An instance in `status`, made by labrun if it has a `mark`.
    fn instance(&self, status: &str, mark: Option<&str>) -> String {
        let env =
            mark.map_or("{}".to_string(), |mark| format!(r#"{{"LABRUN_TEMPLATE":"{mark}"}}"#));
        format!(
            r#"{{"name":"labrun","status":"{status}","dir":"/d/labrun","cpus":2,"memory":2147483648,"disk":1,"config":{{"env":{env}}}}}"#
        )
    }

    fn labrun(&self, words: &[&str]) -> Command {
        let user = if is_root() { User::Ordinary } else { User::Own };
        let mut command = labrun(user);
        let path = format!("{}:{}", self.path().display(), std::env::var("PATH").unwrap());
        command
            .args(words)
            .env("FAKE", self.path())
            .env("PATH", path)
            .env("XDG_STATE_HOME", self.path().join("state"));
        // Lima's QEMU is never started here, so it need not be there.
        command.env("QEMU_SYSTEM_X86_64", "/bin/true").env("QEMU_SYSTEM_AARCH64", "/bin/true");
        for name in ["LABRUN_VM", "LABRUN_VM_TEMPLATE", "LABRUN_VM_IMAGE", "LABRUN_HOST"] {
            command.env_remove(name);
        }
        command
    }

    fn run(&self, words: &[&str]) -> Output {
        self.labrun(words).output().unwrap()
    }

    /// How limactl was called, but for the looks.
    fn calls(&self) -> Vec<String> {
        let calls = std::fs::read_to_string(self.path().join("calls")).unwrap_or_default();
        calls
            .lines()
            .filter(|call| !call.starts_with("list") && *call != "--version")
            .map(String::from)
            .collect()
    }
}

#[track_caller]
fn refused(output: &Output, words: &[&str]) {
    let text = text(output);
    assert!(text.starts_with("exit Some(3)"), "{text}");
    for word in words {
        assert!(text.contains(word), "it does not say {word}: {text}");
    }
}

#[test]
fn a_lima_that_is_too_old_is_named_with_the_version_it_takes() {
    let fake = Fake::new();
    fake.with("version", "limactl version 0.23.2\n");
    refused(
        &fake.run(&["vm", "up"]),
        &["Lima 0.23 is too old", "1.0 or later", "brew upgrade lima"],
    );
    assert_eq!(fake.calls(), Vec::<String>::new());
}

#[test]
fn what_is_not_labruns_is_left_alone() {
    let fake = Fake::new();
    for status in ["Running", "Stopped"] {
        fake.with("instance", &fake.instance(status, None));
        for words in [
            &["vm", "up"][..],
            &["vm", "delete"],
            &["vm", "stop"],
            &["vm", "up", "--recreate"],
            &["test", "server-v4", "--host", "lima"],
        ] {
            refused(
                &fake.run(words),
                &["the Lima instance `labrun` was not made by labrun", "LABRUN_VM"],
            );
        }
    }
    assert_eq!(fake.calls(), Vec::<String>::new());
}

#[test]
fn a_broken_one_is_ended_and_started_once_and_then_given_up() {
    let fake = Fake::new();
    fake.with(
        "instance",
        &fake
            .instance("Broken", Some("own-1"))
            .replace("\"config\"", "\"errors\":[\"the driver is gone\"],\"config\""),
    );
    refused(
        &fake.run(&["vm", "up"]),
        &[
            "the VM `labrun` is broken (the driver is gone)",
            "labrun vm up --recreate",
            "/d/labrun/ha.stderr.log",
        ],
    );
    assert_eq!(
        fake.calls(),
        ["--tty=false stop --force labrun", "--tty=false start --timeout=15m labrun"]
    );
}

#[test]
fn one_that_was_cut_short_is_made_anew() {
    let fake = Fake::new();
    fake.with("instance", &fake.instance("Uninitialized", Some("own-1")));
    fake.with(
        "create",
        &format!("echo '{}' >\"$FAKE/made\"", fake.instance("Stopped", Some("own-1"))),
    );
    fake.with(
        "start",
        &format!("echo '{}' >\"$FAKE/made\"", fake.instance("Running", Some("own-1"))),
    );
    fake.with(
        "list",
        "if [ -e \"$FAKE/made\" ]; then cat \"$FAKE/made\"; else cat \"$FAKE/instance\"; fi",
    );
    let output = fake.run(&["vm", "up"]);
    assert!(output.status.success(), "{}", text(&output));
    let calls = fake.calls();
    assert_eq!(calls[0], "--tty=false delete --force labrun");
    assert!(
        calls[1]
            .starts_with("--tty=false create --name=labrun --set=.env.LABRUN_TEMPLATE = \"own-"),
        "{calls:?}"
    );
    assert_eq!(calls[2], "--tty=false start --timeout=15m labrun");
}

#[test]
fn a_full_disk_is_called_one() {
    let fake = Fake::new();
    fake.with("instance", &fake.instance("Stopped", Some("own-1")));
    fake.with("start", "echo 'time=\"t\" level=fatal msg=\"write /d/labrun/diffdisk: no space left on device\"' >&2; exit 1");
    refused(
        &fake.run(&["vm", "up"]),
        &[
            "cannot start the VM `labrun`: write /d/labrun/diffdisk: ",
            "no space left on device: this machine's disk is full",
        ],
    );
}

#[test]
fn one_that_does_not_come_up_can_be_made_anew() {
    let fake = Fake::new();
    fake.with("instance", &fake.instance("Stopped", Some("own-1")));
    fake.with("start", "echo 'time=\"t\" level=fatal msg=\"did not receive an event with the \\\"running\\\" status\"' >&2; exit 1");
    let why = "cannot start the VM `labrun`: did not receive an event with the \"running\" status; `labrun vm up --recreate` makes it anew";
    refused(&fake.run(&["vm", "up"]), &[why]);
}

#[test]
fn what_limactl_never_says_is_shown() {
    let fake = Fake::new();
    fake.with("list", "echo 'Segmentation fault'");
    refused(
        &fake.run(&["vm", "status"]),
        &["limactl list said something else than expected", "Segmentation fault"],
    );
    fake.with("list", "echo 'time=\"t\" level=fatal msg=\"no home\"' >&2; exit 1");
    refused(&fake.run(&["vm", "status"]), &["limactl list failed: no home"]);
}

#[test]
fn a_template_that_has_changed_is_said_and_the_vm_used_all_the_same() {
    let fake = Fake::new();
    fake.with("instance", &fake.instance("Running", Some("own-0")));
    let output = fake.run(&["vm", "up", "--cpus", "4"]);
    assert!(output.status.success(), "{}", text(&output));
    assert!(text(&output).contains("its template has changed since it was made, it has 2 processors, not 4: `labrun vm up --recreate`"));
}

#[test]
fn one_that_does_not_run_is_not_started_to_be_asked_what_is_up() {
    let fake = Fake::new();
    fake.with("instance", &fake.instance("Stopped", Some("own-1")));
    for words in [&["status", "--host", "lima"][..], &["clean", "--host", "lima"]] {
        let output = fake.run(words);
        assert!(
            output.status.success()
                && text(&output).contains("no lab is up: the VM `labrun` is stopped"),
            "{}",
            text(&output)
        );
    }
    let output = fake.run(&["exec", "--host", "lima", "relay", "ns-client", "--", "true"]);
    assert!(
        output.status.code() == Some(2) && text(&output).contains("the VM `labrun` is stopped"),
        "{}",
        text(&output)
    );
    assert_eq!(fake.calls(), Vec::<String>::new());
}

#[test]
fn an_interrupt_ends_a_start_that_hangs() {
    let fake = Fake::new();
    fake.with("instance", &fake.instance("Stopped", Some("own-1")));
    // As Lima's host agent does, something goes on in the background.
    fake.with("start", "sleep 300 & echo $! >\"$FAKE/sleeper\"; wait");
    let mut child =
        fake.labrun(&["vm", "up"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    wait_for("limactl to be started", || {
        std::fs::read_to_string(fake.path().join("sleeper")).is_ok_and(|pid| pid.ends_with('\n'))
    });
    let killed =
        Command::new("bash").args(["-c", &format!("kill -INT {}", child.id())]).status().unwrap();
    assert!(killed.success());
    wait_for("labrun to end", || child.try_wait().unwrap().is_some());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", text(&output));
    let sleeper = std::fs::read_to_string(fake.path().join("sleeper")).unwrap();
    let stat = format!("/proc/{}/stat", sleeper.trim());
    // A zombie that nobody reaps has ended, too.
    wait_for("what limactl started to end", || {
        std::fs::read_to_string(&stat).map_or(true, |stat| stat.contains(") Z "))
    });
}

#[test]
fn a_name_that_could_be_something_else_is_refused() {
    let fake = Fake::new();
    for name in ["-x", "a b", "../x", "", "x/y"] {
        let output = fake.labrun(&["vm", "status"]).env("LABRUN_VM", name).output().unwrap();
        let expected = if name.is_empty() { 0 } else { 2 };
        assert_eq!(output.status.code(), Some(expected), "{name}: {}", text(&output));
    }
}
