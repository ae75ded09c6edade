//! A script is imported also where something is mounted below a folder that is hidden from it: a user namespace can
//! put no layer over that, and may not look beneath it.

use crate::common;

use common::host::{labrun, private, run_within};
use common::{User, folder, is_root, text, write};
use std::fs;
use std::os::unix::fs::PermissionsExt;
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
