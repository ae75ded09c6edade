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

/// A folder that this lab sees as it is, as it does a user's cache, and in which everybody may write.
fn cache() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let home = std::env::var("HOME").unwrap_or_default();
    let folder = [env!("CARGO_TARGET_TMPDIR"), &home]
        .into_iter()
        .find_map(|folder| tempfile::tempdir_in(folder).ok())
        .expect("a folder to write in");
    std::fs::set_permissions(folder.path(), PermissionsExt::from_mode(0o777)).unwrap();
    folder
}

/// With a real package, which is unpacked and never installed.
#[test]
fn a_package_is_unpacked_for_the_labs_that_need_it() {
    const PACKAGE: &str = "hello";
    let known = Command::new("apt-get").args(["download", "--print-uris", PACKAGE]).output();
    if which::which(PACKAGE).is_ok() || !known.is_ok_and(|output| output.status.success()) {
        return eprintln!("SKIP: there is no {PACKAGE} to download, or it is installed");
    }
    for user in users() {
        let cache = cache();
        let lab = Lab::new(
            user,
            r#"
needs: {commands: {hello: {unpack: hello}}}
nodes:
  host: {services: {greeter: {command: "hello; exec sleep 100", ready: {log: Hello}}}}
tests: {t: {steps: [{run: {node: host, command: hello, match: "^Hello, world"}}]}}
"#,
        );
        let labrun = |words: &[&str]| {
            let mut command = lab.command(words);
            command.env("XDG_CACHE_HOME", cache.path());
            run(command)
        };
        let lacks = "hello is missing, and its package hello is to be unpacked";
        let done = labrun(&["doctor"]);
        assert!(done.exit == 3 && done.all.contains(lacks), "{}", done.all);
        let done = labrun(&["test", "--no-strict"]);
        assert!(done.exit != 1 && done.all.contains("SKIP"), "{}", done.all);
        assert!(done.all.contains(lacks), "{}", done.all);
        // Neither that nor anything else has fetched it without being asked to.
        assert_eq!(std::fs::read_dir(cache.path()).unwrap().count(), 0);
        let done = labrun(&["doctor", "--install"]);
        assert!(done.exit == 0 && done.all.contains("unpacking: hello\n"), "{}", done.all);
        let done = labrun(&["test"]);
        assert!(done.exit == 0 && done.all.contains("1 passed"), "{user:?}: {}", done.all);
        assert!(which::which(PACKAGE).is_err());
        // What is there is not fetched again, and nothing is left of fetching it.
        assert!(!labrun(&["doctor", "--install"]).all.contains("unpacking"));
        let kept: Vec<_> =
            std::fs::read_dir(cache.path().join("labrun/unpacked")).unwrap().collect();
        assert_eq!(kept.len(), 1, "{kept:?}");
        let other = std::fs::read_to_string(&lab.file).unwrap();
        std::fs::write(&lab.file, other.replace("unpack: hello", "unpack: hello=0:0.1")).unwrap();
        let done = labrun(&["doctor", "--install"]);
        assert!(done.exit == 3 && done.all.contains("the installation failed"), "{}", done.all);
        let _ = Command::new("rm").arg("-rf").arg(cache.path().join("labrun")).status();
    }
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
