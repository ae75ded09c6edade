//! Mounts below the folders of the machine that labs and imported scripts see in their own way: a user namespace can
//! put no layer over these, and may not look beneath them.

use crate::common;

use common::host::{labrun, private, run_within};
use common::{User, folder, is_root, text, write};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[test]
fn a_script_is_imported_where_something_is_mounted_below_opt() {
    if !is_root() {
        eprintln!("skipped: an ordinary user cannot mount anything there");
        return;
    }
    private("a_script_is_imported_where_something_is_mounted_below_opt", || {
        let mount = "mount -t tmpfs tmpfs /opt && mkdir /opt/below && mount -t tmpfs -o mode=777 tmpfs /opt/below";
        assert!(Command::new("sh").args(["-c", mount]).status().unwrap().success());
        for user in [User::Own, User::Ordinary] {
            let folder = folder();
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777)).unwrap();
            write(folder.path(), "one.sh", "ip netns add alone\ntouch /opt/x /opt/below/x || :\n");
            let mut command = labrun(user);
            command.args(["import", "--", "bash", "one.sh"]).current_dir(folder.path());
            let output = run_within(Duration::from_secs(60), &mut command);
            let said = text(&output);
            assert!(said.contains("wrote labs/one.yaml: 1 node, 0 services"), "{user:?}: {said}");
            assert!(fs::read_dir("/opt").unwrap().count() == 1, "{user:?}: {said}");
            assert!(fs::read_dir("/opt/below").unwrap().count() == 0, "{user:?}: {said}");
        }
    });
}

#[test]
fn a_lab_runs_in_a_home_that_is_mounted_and_leaves_it_alone() {
    if !is_root() {
        eprintln!("skipped: an ordinary user cannot mount anything there");
        return;
    }
    private("a_lab_runs_in_a_home_that_is_mounted_and_leaves_it_alone", || {
        let mount = "mount -t tmpfs tmpfs /home && mkdir /home/one && mount -t tmpfs -o mode=777 tmpfs /home/one &&
            umask 0 && mkdir -p /home/one/project/below/labs && echo seen >/home/one/tool && touch /home/one/project/Makefile";
        assert!(Command::new("sh").args(["-c", mount]).status().unwrap().success());
        let below = Path::new("/home/one/project/below");
        let step = "cat ../../tool && echo >here && cat here && ! echo >../../there";
        write(
            below,
            "labs/one.yaml",
            &format!(
                "lab: one\nnodes: {{a: {{}}}}\ntests: {{t: {{steps: [{{run: {{node: a, command: '{step}', match: '^seen$'}}}}]}}}}\n"
            ),
        );
        for user in [User::Own, User::Ordinary] {
            let mut command = labrun(user);
            command.args(["test", "one"]).current_dir(below);
            let output = run_within(Duration::from_secs(60), &mut command);
            assert!(output.status.success(), "{user:?}: {}", text(&output));
            for name in ["there", "project/here", "project/below/here"] {
                assert!(!Path::new("/home/one").join(name).exists(), "{user:?}: {name}");
            }
        }
    });
}
