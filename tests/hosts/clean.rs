//! Proves that `clean` takes what it is meant to take, and nothing that is somebody else's.

use crate::common;

use common::host::{self, Trace, finish_within, labrun, state_root};
use common::{User, folder, text, users, wait_for, write};
use std::fs;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

fn lab(folder: &Path, name: &str) -> String {
    let text = format!(
        "lab: {name}\nabout: one node\nnodes:\n  a: {{}}\ntests:\n  sleeps:\n    about: it takes long\n    steps:\n      - run: {{node: a, command: 'touch $TMPDIR/begun; exec sleep 60', timeout: 70s}}\n"
    );
    write(folder, &format!("{name}.yaml"), &text).to_str().unwrap().into()
}

fn up(user: User, instance: &str) -> bool {
    state_root(user).join(instance).exists()
}

/// Runs a lab's own script as `user`.
fn script(user: User, folder: &Path, words: &[&str]) -> String {
    let mut command = host::marked(user, "bash");
    command.args(words).current_dir(folder);
    let output = host::run_within(Duration::from_secs(30), &mut command);
    let text = text(&output);
    assert!(output.status.success(), "bash {words:?} as {user:?}: {text}");
    text
}

#[test]
fn a_lab_that_another_labrun_is_at_work_in_stays_unless_it_is_named_or_forced() {
    host::private(
        "a_lab_that_another_labrun_is_at_work_in_stays_unless_it_is_named_or_forced",
        || {
            let folder = folder();
            let (busy, idle) = (lab(folder.path(), "busy"), lab(folder.path(), "idle"));
            for user in users() {
                let before = Trace::now(user);
                for last in [&["clean", "--force"][..], &["clean", "busy"]] {
                    let mut command = labrun(user);
                    command.args(["--file", &busy, "test", "busy", "--artifacts", "never"]);
                    let mut child =
                        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
                    wait_for("the test", || state_root(user).join("busy/tmp/begun").exists());
                    host::expect(user, &["--file", &idle, "setup", "idle"], 0);
                    let said = host::expect(user, &["clean"], 0);
                    assert!(said.contains("cleaned idle"), "{said}");
                    assert!(said.contains("busy stays: another labrun is at work in it"), "{said}");
                    assert!(said.contains("`labrun clean --force`"), "{said}");
                    // By its own script, without a name, neither.
                    let own = state_root(user).join("busy/lab.sh");
                    let said = script(user, Path::new("/"), &[own.to_str().unwrap(), "clean"]);
                    assert!(said.contains(r#""event":"owned""#), "{said}");
                    assert!(up(user, "busy") && child.try_wait().unwrap().is_none());
                    let said = host::expect(user, last, 0);
                    assert!(said.contains("cleaned busy"), "{said}");
                    let output = finish_within(Duration::from_secs(20), child, "test busy");
                    assert!(!output.status.success(), "{}", text(&output));
                    before.assert_same(&format!("after {last:?} as {user:?}"));
                }
            }
        },
    );
}

#[test]
fn a_labs_own_script_cleans_its_own_instance() {
    host::private("a_labs_own_script_cleans_its_own_instance", || {
        let folder = folder();
        let (one, other) = (lab(folder.path(), "one"), lab(folder.path(), "other"));
        for user in users() {
            let before = Trace::now(user);
            let setup = |file: &str, name: &str, more: &[&str]| {
                let words = [&["--file", file, "setup", name][..], more].concat();
                host::expect(user, &words, 0);
            };
            setup(&one, "one", &[]);
            setup(&one, "one", &["--instance", "second"]);
            setup(&other, "other", &[]);
            let state = state_root(user);
            // From where it lies, by a path that says nothing of the instance.
            let said = script(user, &state.join("one@second"), &["lab.sh", "clean"]);
            assert!(said.contains(r#""instance":"one@second""#), "{said}");
            assert_eq!(
                [up(user, "one"), up(user, "one@second"), up(user, "other")],
                [true, false, true]
            );
            // As `labrun script` prints it, wherever that lies.
            let printed =
                labrun(user).args(["--file", &other, "script", "other"]).output().unwrap();
            let printed =
                write(folder.path(), "lab.sh", std::str::from_utf8(&printed.stdout).unwrap());
            script(user, folder.path(), &[printed.to_str().unwrap(), "clean"]);
            assert_eq!([up(user, "one"), up(user, "other")], [true, false]);
            script(user, folder.path(), &[state.join("one/lab.sh").to_str().unwrap(), "clean"]);
            assert!(!fs::exists(&state).unwrap());
            before.assert_same("after clean");
        }
    });
}
