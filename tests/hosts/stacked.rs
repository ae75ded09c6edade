//! The kernel stacks two overlays and no third: a repository in such a stack gets no layer of its own, and can
//! only be read in a lab.

use crate::common;

use common::host::{expect, labrun, private, run_within};
use common::{folder, is_root, text, users, write};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const LAB: &str = "
lab: stacked
about: a step that writes into the repository, and one that reads it
nodes: {n: {}}
tests:
  writes: {about: it may not, steps: [run: {node: n, command: echo two >file}]}
  reads: {about: it may, steps: [run: {node: n, command: cat file, stdout: one}]}
";

#[test]
fn without_a_layer_the_repository_can_only_be_read() {
    if !is_root() {
        eprintln!("skipped: an ordinary user cannot mount overlays below this");
        return;
    }
    private("without_a_layer_the_repository_can_only_be_read", || {
        for user in users() {
            let folder = folder();
            fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).unwrap();
            let lowest = folder.path().join("lowest");
            fs::create_dir_all(lowest.join("labs")).unwrap();
            write(&lowest, "labs/stacked.yaml", LAB);
            write(&lowest, "file", "one\n");
            let middle = stack(folder.path(), &lowest, "middle");
            let repository = stack(folder.path(), &middle, "repository");

            let mut command = labrun(user);
            command.args(["test", "stacked", "--artifacts", "never"]).current_dir(&repository);
            let output = run_within(Duration::from_secs(60), &mut command);
            let said = text(&output);
            assert_eq!(output.status.code(), Some(1), "{user:?}: {said}");
            assert!(said.contains("file: Read-only file system"), "{user:?}: {said}");
            assert!(said.contains("PASS  stacked-reads"), "{user:?}: {said}");
            assert_eq!(fs::read_to_string(repository.join("file")).unwrap(), "one\n");
            expect(user, &["clean"], 0);
            for mount in [&repository, &middle] {
                assert!(Command::new("umount").arg(mount).status().unwrap().success());
            }
        }
    });
}

/// An overlay over `lower`, called `name`.
fn stack(folder: &Path, lower: &Path, name: &str) -> PathBuf {
    let path = |end: &str| folder.join(format!("{name}{end}"));
    for part in ["", "-upper", "-work"] {
        fs::create_dir(path(part)).unwrap();
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        lower.display(),
        path("-upper").display(),
        path("-work").display()
    );
    let mut mount = Command::new("mount");
    mount.args(["-t", "overlay", "overlay", "-o", &options]).arg(path(""));
    assert!(mount.status().unwrap().success(), "{options}");
    path("")
}
