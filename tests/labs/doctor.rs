//! Proves that `doctor` looks for what `test` would test, and names all that is lacking.

use crate::common;

use common::labs::{Lab, run};
use common::{User, text, users, write};
use std::process::Command;

/// A lab whose program can be built from a folder with `mark.txt`.
const BUILT: &str = r#"
subject: {program: labrun-nowhere, repository: {files: [mark.txt]}, build: 'cp mark.txt "$OUT/labrun-nowhere"'}
nodes: {host: {}}
tests: {t: {steps: [run: {node: host, command: "true"}]}}
"#;

#[test]
fn a_program_that_test_would_build_or_is_given_is_not_lacking() {
    for user in users() {
        let lab = Lab::new(user, BUILT);
        let program = "/bin/true";
        let folder = common::folder();
        write(folder.path(), "mark.txt", "");
        let doctor = |words: &[&str], built: bool| {
            let mut command = lab.command(&[&["doctor"], words].concat());
            if built {
                command.current_dir(folder.path());
            }
            run(command)
        };
        let done = doctor(&[], false);
        let lacks = "there is no labrun-nowhere: name it with --subject PATH";
        assert!(done.exit == 3 && done.all.contains(lacks), "{}", done.all);
        let done = doctor(&[], true);
        let ok = format!("ok    lab {}, to test what ", lab.name);
        assert!(done.exit == 0 && done.all.contains(&ok), "{}", done.all);
        let done = doctor(&["--subject", program], false);
        let ok = format!("ok    lab {}, to test {program}", lab.name);
        assert!(done.exit == 0 && done.all.contains(&ok), "{}", done.all);
        let done = doctor(&["--subject", folder.path().to_str().unwrap()], false);
        assert!(done.exit == 0 && done.all.contains("ok    lab"), "{}", done.all);
        // What `test` refuses, doctor does, too.
        for verb in ["doctor", "test"] {
            let done = lab.run(&[verb, "--subject", "/nowhere"]);
            let wrong = "--subject: there is no `/nowhere`";
            assert!(done.exit == 2 && done.all.contains(wrong), "{}", done.all);
        }
    }
}

#[test]
fn a_stand_in_is_lacking_where_test_refuses_it() {
    let body = "subject: {program: labrun-nowhere, stand-in: {program: cat, package: coreutils}}\nnodes: {host: {}}\n";
    let lab = Lab::new(User::Own, body);
    assert_eq!(lab.run(&["doctor"]).exit, 0);
    let mut in_ci = lab.command(&["doctor"]);
    in_ci.env("CI", "true");
    let done = run(in_ci);
    assert!(done.exit == 3 && done.all.contains("--strict refuses its stand-in"), "{}", done.all);
    assert_eq!(lab.run(&["doctor", "--strict"]).exit, 3);
}

#[test]
fn all_that_is_lacking_is_named() {
    let lab = Lab::new(
        User::Own,
        "needs: {commands: {labrun-no-command: labrun-no-package}, kernel: [netem]}\nsubject: {program: labrun-nowhere}\nnodes: {host: {}}\n",
    );
    let done = lab.run(&["doctor"]);
    assert_eq!(done.exit, 3);
    for lack in ["there is no labrun-nowhere", "labrun-no-command is missing, install it"] {
        assert!(done.all.contains(lack), "there is no {lack:?} in {}", done.all);
    }
    // As the kernel itself says, when the program that asks it is there.
    let netem = "ip link add p0 type veth peer name p1 && tc qdisc add dev p0 root netem delay 1ms";
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--net", "sh", "-c", netem]);
    if which::which("tc").is_ok() && !unshare.output().unwrap().status.success() {
        assert!(done.all.contains("this kernel has no netem"), "{}", done.all);
    }
}

/// Nothing is installed for it, under the name `none` least of all.
#[test]
fn what_has_no_package_is_left_to_whoever_has_it() {
    let lab = Lab::new(
        User::Own,
        "needs: {commands: {labrun-no-command: none}}\nnodes: {host: {}}\ntests: {t: {steps: [run: {node: host, command: \"true\"}]}}\n",
    );
    for words in [&["doctor"][..], &["doctor", "--install"]] {
        let done = lab.run(words);
        let said =
            "labrun-no-command is missing, and is in no package that can be installed for it";
        assert!(done.exit == 3 && done.all.contains(said), "{}", done.all);
        assert!(!done.all.contains("apt-get"), "{}", done.all);
    }
    let (done, results) = lab.results(&["--no-strict"]);
    assert_eq!(results["t"]["outcome"], "skip", "{}", done.all);
}

/// The action asks doctor about what it is going to test.
#[test]
fn the_action_tells_doctor_what_is_tested() {
    use std::os::unix::fs::PermissionsExt;
    let folder = common::folder();
    let labrun = write(
        folder.path(),
        "labrun",
        "#!/bin/sh\nfor word; do echo \"$word\"; done >\"$RUNNER_TEMP/words\"\n",
    );
    std::fs::set_permissions(labrun, PermissionsExt::from_mode(0o755)).unwrap();
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/.github/action/packages.sh");
    let output = Command::new("bash")
        .arg(script)
        .env("PATH", format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap()))
        .env("RUNNER_TEMP", folder.path())
        .env("TEST", "relay-v4")
        .env("SUBJECT", "one=/opt/one\n\n/opt/a b\n")
        .env("ARGS", "-v --no-strict --subject /opt/c --client dhcpcd --report json=x")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let words = std::fs::read_to_string(folder.path().join("words")).unwrap();
    assert_eq!(
        words.lines().collect::<Vec<_>>(),
        [
            "doctor",
            "--subject=one=/opt/one",
            "--subject=/opt/a b",
            "--no-strict",
            "--subject",
            "/opt/c",
            "--client",
            "dhcpcd",
            "--",
            "relay-v4"
        ]
    );
}
