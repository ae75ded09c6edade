//! A lab that is set up below a user's service manager, as from a terminal of a desktop, ends with the last login of
//! that user. That is said, unless systemd lets the user's services stay.

use crate::common;

use common::host::private;
use common::{User, folder, is_root, labrun, text, write};
use std::process::Command;

/// As systemd has it: what it started for the user is in a control group of that name. The hierarchy is the test's own.
const DESKTOP: &str = r#"
mkdir groups && mount -t cgroup -o none,name=labrun-login none groups || exit 77
ended() { rmdir groups/user@0.service/app.slice groups/user@0.service && umount groups; }
trap ended EXIT
mkdir -p groups/user@0.service/app.slice
mount -t tmpfs tmpfs /var/lib
in_desktop() { (echo "$BASHPID" >groups/user@0.service/app.slice/cgroup.procs && exec "$@"); }
echo "== a login"
"$@" setup below && "$@" clean below
echo "== a desktop"
in_desktop "$@" setup below && "$@" clean below
echo "== a desktop whose services stay"
mkdir -p /var/lib/systemd/linger && touch "/var/lib/systemd/linger/$(id -un)"
in_desktop "$@" setup below && "$@" clean below
"#;

#[test]
fn a_lab_that_ends_with_the_last_login_says_so() {
    if !is_root() {
        eprintln!("skipped: control groups of such names are root's to make");
        return;
    }
    private("a_lab_that_ends_with_the_last_login_says_so", || {
        let folder = folder();
        let file = write(folder.path(), "below.yaml", "lab: below\nnodes: {a: {}}\n");
        let program = labrun(User::Own);
        let mut bash = Command::new("bash");
        bash.args(["-c", DESKTOP, "bash"]).arg(program.get_program());
        bash.args(["--file", file.to_str().unwrap()]).current_dir(folder.path());
        let output = bash.output().unwrap();
        let all = text(&output);
        if output.status.code() == Some(77) {
            eprintln!("skipped: this kernel makes no such control groups: {all}");
            return;
        }
        assert!(output.status.success(), "{all}");
        let parts: Vec<&str> = all.split("== ").skip(1).collect();
        let said: Vec<bool> = parts.iter().map(|part| part.contains("loginctl")).collect();
        assert_eq!(said, [false, true, false], "{all}");
        assert_eq!(all.matches("cleaned below").count(), 3, "{all}");
        let note =
            "note: with the last login of root systemd ends all that user@0.service has started";
        assert!(parts[1].contains(note), "{all}");
        assert!(parts[1].contains("`loginctl enable-linger root` lets it stay"), "{all}");
    });
}
