//! A device that there is, but not for this user, is told from one that there is not.

use crate::common;

use common::host::{expect, private};
use common::{User, folder, is_root, write};
use std::process::Command;

const LAB: &str = "
lab: tunnel
about: it needs a device
needs: {kernel: [tun]}
nodes: {n: {}}
tests: {t: {about: nothing, steps: [run: {node: n, command: \"true\"}]}}
";

#[test]
fn a_device_that_may_not_be_used_is_told_from_one_that_there_is_not() {
    if !is_root() {
        eprintln!("skipped: an ordinary user cannot make devices");
        return;
    }
    private("a_device_that_may_not_be_used_is_told_from_one_that_there_is_not", || {
        let folder = folder();
        let file = write(folder.path(), "lab.yaml", LAB).display().to_string();
        let test = ["--file", &file, "test"];
        let none = "SKIP  tunnel-t this kernel has no tun: ";
        let closed = "SKIP  tunnel-t tun may not be used by this user (open: Permission denied)";
        let boot =
            |line: &str| assert!(Command::new("sh").args(["-c", line]).status().unwrap().success());
        boot("mkdir -p /dev/net && mount -t tmpfs -o mode=755 tmpfs /dev/net");
        for user in [User::Own, User::Ordinary] {
            let said = expect(user, &test, 0);
            assert!(said.contains(none), "{user:?}: {said}");
        }
        boot("mknod -m 600 /dev/net/tun c 10 200");
        let said = expect(User::Ordinary, &test, 0);
        assert!(said.contains(closed), "{said}");
        boot("umount /dev/net");
    });
}
