//! Debian and Ubuntu mount /run noexec, and root's labs keep their state below it: the program
//! under test must run from there all the same.

use crate::common;

use common::host::{expect, private};
use common::{User, folder, is_root, write};
use std::os::unix::fs::PermissionsExt;

const LAB: &str = r#"
lab: noexec
about: a program under test that says hello
subject: {program: hello}
nodes:
  a: {}
tests:
  says:
    about: it runs in a node
    steps:
      - run: {node: a, command: hello, stdout: hello}
"#;

#[test]
fn the_program_under_test_runs_though_run_is_mounted_noexec() {
    if !is_root() {
        eprintln!("skipped: an ordinary user's labs are not below /run");
        return;
    }
    private("the_program_under_test_runs_though_run_is_mounted_noexec", || {
        let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap();
        assert!(
            mounts
                .lines()
                .any(|line| line.starts_with("tmpfs /run tmpfs ") && line.contains("noexec")),
            "{mounts}"
        );
        let folder = folder();
        let file = write(folder.path(), "lab.yaml", LAB);
        let program = write(folder.path(), "hello", "#!/bin/sh\necho hello\n");
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        expect(
            User::Own,
            &["--file", file.to_str().unwrap(), "test", "--subject", program.to_str().unwrap()],
            0,
        );
    });
}
