//! A full disk is named when a lab cannot be set up because of it, and nothing is left of that lab.

use crate::common;

use common::host::{expect, private};
use common::{User, is_root, users};
use std::fs;
use std::path::Path;
use std::process::Command;

#[test]
fn a_full_disk_is_named_and_a_lab_comes_up_once_there_is_room() {
    if !is_root() {
        eprintln!("skipped: an ordinary user cannot mount a small disk");
        return;
    }
    private("a_full_disk_is_named_and_a_lab_comes_up_once_there_is_room", || {
        for user in users() {
            // Where the state of labs is.
            let disk = Path::new(if user == User::Own { "/run" } else { "/tmp" });
            let mut mount = Command::new("mount");
            mount.args(["-t", "tmpfs", "-o", "size=1M,mode=1777", "tmpfs"]).arg(disk);
            assert!(mount.status().unwrap().success());
            let filler = disk.join("filler");
            fs::write(&filler, vec![0; 2 << 20]).unwrap_err();
            let said = expect(user, &["setup", "bridge"], 4);
            assert!(said.contains("No space left on device"), "{user:?}: {said}");
            fs::remove_file(&filler).unwrap();
            expect(user, &["setup", "bridge"], 0);
            expect(user, &["clean", "bridge"], 0);
            // An ordinary user's own folder stays, for the next lab.
            let left = fs::read_dir(disk).unwrap().map(|entry| entry.unwrap().file_name());
            let left: Vec<_> =
                left.filter(|name| !name.to_string_lossy().starts_with("labrun-")).collect();
            assert!(left.is_empty(), "{user:?}: {left:?}");
            assert!(Command::new("umount").arg(disk).status().unwrap().success());
        }
    });
}
