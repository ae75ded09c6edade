//! Where the kernel refuses user namespaces to ordinary users, labrun runs its script through sudo,
//! says so, and everything works as before.
//!
//! The refusal is real: the test makes a user namespace that has all users but may not contain
//! another one, and an ordinary user runs labrun in it. The host's limit is not touched.

use crate::common;

use common::{is_root, text};
use std::io::Write;
use std::process::{Command, Stdio};

/// Runs `script` as `nobody`, who may use sudo but no user namespaces. `None` where this can't be
/// made.
fn without_user_namespaces(script: &str) -> Option<std::process::Output> {
    if !is_root() || which::which("sudo").is_err() {
        eprintln!("skipped: needs root and sudo");
        return None;
    }
    let inner = format!(
        r#"
        read -r _
        mount -t tmpfs -o mode=755 tmpfs /run
        mount -t tmpfs -o mode=755 tmpfs /etc/sudoers.d
        echo 'nobody ALL=(ALL) NOPASSWD: ALL' >/etc/sudoers.d/labrun-test
        chmod 440 /etc/sudoers.d/labrun-test
        echo 0 >/proc/sys/user/max_user_namespaces
        exec setpriv --reuid nobody --regid nogroup --clear-groups env HOME=/tmp labrun={} bash -c "$1"
        "#,
        env!("CARGO_BIN_EXE_labrun")
    );
    let mut child = Command::new("unshare")
        .args([
            "--user",
            "--mount",
            "bash",
            "-c",
            &format!(
                "read -r _; exec setpriv --reuid 0 --regid 0 --clear-groups bash -c {} x {}",
                labrun::quote::shell(&inner),
                labrun::quote::shell(script)
            ),
        ])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .current_dir("/")
        .env_remove("CI")
        .spawn()
        .unwrap();
    // unshare(1) has to have made the namespace before its ids can be mapped.
    let process = format!("/proc/{}", child.id());
    let own = std::fs::read_link("/proc/self/ns/user").unwrap();
    common::wait_for("the user namespace", || {
        std::fs::read_link(format!("{process}/ns/user")).is_ok_and(|other| other != own)
    });
    for map in ["gid_map", "uid_map"] {
        std::fs::write(format!("{process}/{map}"), "0 0 65536").unwrap();
    }
    child.stdin.take().unwrap().write_all(b"go\ngo\n").unwrap();
    Some(child.wait_with_output().unwrap())
}

#[test]
fn labs_run_through_sudo_where_user_namespaces_are_refused() {
    let script = r#"
        ! unshare --user true 2>/dev/null || { echo 'the kernel did not refuse'; exit 99; }
        set -e
        $labrun test relay-v4
        $labrun setup vpn
        $labrun exec vpn pc1 id -u
        $labrun status
        $labrun clean
        test ! -e /run/labrun
    "#;
    let Some(output) = without_user_namespaces(script) else { return };
    let text = text(&output);
    assert!(output.status.success(), "{text}");
    assert!(text.contains("run through sudo"), "{text}");
    assert!(text.contains("PASS  relay-v4"), "{text}");
    assert!(text.contains("cleaned relay"), "{text}");
    assert!(text.contains("\n0\n"), "exec is root's: {text}");
    assert!(text.contains("cleaned vpn"), "{text}");
}

#[test]
fn variables_that_a_lab_is_granted_and_no_others_come_through_sudo() {
    let script = r#"
        set -e
        cd "$(mktemp -d /tmp/labrun-test-XXXXXX)"
        trap 'rm -rf "$PWD"' EXIT
        printf '%s\n' 'lab: s' 'pass-env: [ONE, OTHER]' 'nodes: {a: {}}' 'tests: {t: {steps: [run: {node: a, command: "[[ $ONE$OTHER$UID == 120 && ! -v THIRD ]]"}]}}' >lab.yaml
        export ONE=1 OTHER=2 THIRD=3
        $labrun test --file lab.yaml --allow env --strict
    "#;
    let Some(output) = without_user_namespaces(script) else { return };
    let text = text(&output);
    assert!(output.status.success() && text.contains("PASS  s-t"), "{text}");
}

#[test]
fn what_is_kept_of_a_failure_is_the_users_though_the_lab_was_roots() {
    let script = r#"
        set -e
        cd "$(mktemp -d /tmp/labrun-test-XXXXXX)"
        trap 'rm -rf "$PWD"' EXIT
        printf '%s\n' 'lab: s' 'nodes: {a: {}}' 'tests: {t: {steps: [run: {node: a, command: "echo by $(id -u); exit 3"}]}}' >lab.yaml
        ! $labrun test --file lab.yaml
        cat labrun-artifacts/s-t/1/steps/1-run/stdout
        grep 'lo:' labrun-artifacts/s-t/1/nodes/a/addresses.txt
        stat -c 'owner %U' labrun-artifacts labrun-artifacts/s-t/1/lab.sh
    "#;
    let Some(output) = without_user_namespaces(script) else { return };
    let text = text(&output);
    assert!(output.status.success() && text.contains("\nby 0\n"), "{text}");
    assert_eq!(text.matches("owner nobody").count(), 2, "{text}");
}

#[test]
fn without_sudo_either_the_reason_is_named_and_the_exit_code_is_3() {
    let script = r#"
        cd "$(mktemp -d /tmp/labrun-test-XXXXXX)"
        trap 'rm -rf "$PWD"' EXIT
        ln -s "$(command -v unshare)" .
        PATH=$PWD $labrun test vpn-routed
    "#;
    let Some(output) = without_user_namespaces(script) else { return };
    let text = text(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("refuses user namespaces"), "{text}");
    assert!(text.contains("run labrun as root"), "{text}");
}

/// As in a container. What is refused is told before anything runs, by every verb that is about labs.
#[test]
fn root_without_the_capabilities_that_labs_need_is_told_which_and_runs_nothing() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    for (lacked, flag) in [("sys_admin", "SYS_ADMIN"), ("net_admin", "NET_ADMIN")] {
        for words in [&["test", "vpn-routed"][..], &["doctor", "vpn"]] {
            let output = Command::new("setpriv")
                .arg(format!("--bounding-set=-{lacked}"))
                .arg(env!("CARGO_BIN_EXE_labrun"))
                .args(words)
                .env_remove("CI")
                .output()
                .unwrap();
            let text = text(&output);
            assert_eq!(output.status.code(), Some(3), "{text}");
            assert!(text.contains("root lacks capabilities here"), "{text}");
            assert!(text.contains(&format!("start it with `--cap-add {flag}`")), "{text}");
            assert!(!text.contains("nothing ran"), "{text}");
        }
    }
}

/// As in a container, too: its /proc has parts that nobody is to see, so the kernel lets no ordinary user have another.
#[test]
fn an_ordinary_user_with_a_masked_proc_is_told_of_it() {
    if !is_root() {
        eprintln!("skipped: needs root");
        return;
    }
    let script = r#"
        mount --bind /dev/null /proc/timer_list || mount --bind /dev/null /proc/kcore
        cd /
        mkdir /tmp/labrun-test-masked-$$
        trap 'rm -r /tmp/labrun-test-masked-$$' EXIT
        ln -s "$(type -P unshare)" "$(type -P mount)" "$(type -P true)" /tmp/labrun-test-masked-$$
        setpriv --reuid nobody --regid nogroup --clear-groups env HOME=/tmp PATH=/tmp/labrun-test-masked-$$ "$labrun" test vpn-routed
    "#;
    let output = Command::new("unshare")
        .args(["--mount", "bash", "-c", script])
        .env("labrun", env!("CARGO_BIN_EXE_labrun"))
        .env_remove("CI")
        .output()
        .unwrap();
    let text = text(&output);
    if text.contains("this kernel refuses user namespaces") {
        eprintln!("skipped: this kernel lets no ordinary user have a user namespace");
        return;
    }
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("not mount /proc in them, and there is no sudo"), "{text}");
    assert!(text.contains("unmask=ALL"), "{text}");
}
