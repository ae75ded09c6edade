//! A full disk is named when a lab cannot be set up because of it, and nothing is left of that lab.

use crate::{common, disaster};

use common::host::{self, Random, Trace, expect};
use common::{User, text, users};
use disaster::{Bench, Disaster, Place};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

#[track_caller]
fn as_root(name: &str, body: impl FnOnce()) {
    host::private_of_root(name, "an ordinary user cannot mount a disk or change its size", body);
}

#[test]
fn a_full_disk_is_named_and_a_lab_comes_up_once_there_is_room() {
    as_root("a_full_disk_is_named_and_a_lab_comes_up_once_there_is_room", || {
        for user in users() {
            // Where the state of labs is.
            let disk = Path::new(if user == User::Own { "/run" } else { "/tmp" });
            disaster::mount(&["-t", "tmpfs", "-o", "size=1M,mode=1777"], disk);
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

/// What refutes a test may be what there is no more room for.
#[test]
fn on_a_full_disk_no_test_passes_that_cannot_and_clean_works() {
    as_root("on_a_full_disk_no_test_passes_that_cannot_and_clean_works", || {
        let mut random = Random::new();
        for user in users() {
            let bench = Bench::new(user);
            for disaster in [Disaster::Full(Place::State, 0), Disaster::NoInodes(Place::State, 0)] {
                bench.lift(disaster, &[], &mut random);
                let before = Trace::now(user);
                let file = bench.truth.to_str().unwrap();
                expect(user, &["--file", file, "setup", "truth"], 0);
                bench.strike(disaster, 0, &before);
                for (name, what) in [("seen", "must avoid b, but was there"), ("said", "printed")] {
                    let test = format!("truth-{name}");
                    let output = host::run(user, &["--file", file, "test", &test]);
                    let said = text(&output);
                    assert!(!output.status.success(), "{user:?}, {disaster:?}: {said}");
                    assert!(said.contains("0 passed"), "{user:?}, {disaster:?}: {said}");
                    // It fails as ever, or because of the disk.
                    let why = said.contains(what) || said.contains("No space left on device");
                    assert!(why, "{user:?}, {disaster:?}: {said}");
                }
                let said = expect(user, &["clean"], 0);
                assert!(said.contains("cleaned truth"), "{user:?}, {disaster:?}: {said}");
                assert!(!host::state_root(user).exists(), "{user:?}, {disaster:?}, still full");
                bench.lift(disaster, &[], &mut random);
                expect(user, &["--file", file, "test", "truth-holds"], 0);
                before.assert_same(&format!("{user:?}, {disaster:?}"));
            }
        }
    });
}

const FRAIL: &str = "
lab: frail
about: a service that dies in the middle of a test
nodes:
  a:
    services:
      frail: {command: 'until [ -e /tmp/die ]; do sleep 0.02; done; exit 3', ready: {running: 100ms, within: 3s}}
tests:
  t:
    steps:
      - run: {node: a, command: 'touch $TMPDIR/begun; until [ -x $TMPDIR/begun ]; do sleep 0.02; done', timeout: 50s}
      - run: {node: a, command: 'touch /tmp/die; sleep 0.1'}
";

/// How it ended cannot be noted then.
#[test]
fn a_service_that_dies_when_the_disk_is_full_is_not_taken_for_one_that_lives() {
    as_root("a_service_that_dies_when_the_disk_is_full_is_not_taken_for_one_that_lives", || {
        let mut random = Random::new();
        let disasters = [Disaster::Full(Place::State, 0), Disaster::NoInodes(Place::State, 0)];
        for (user, disaster) in users().into_iter().zip(disasters.into_iter().cycle()) {
            let bench = Bench::new(user);
            bench.lift(disaster, &[], &mut random);
            let before = Trace::now(user);
            let file = common::write(bench.truth.parent().unwrap(), "frail.yaml", FRAIL);
            let mut test = host::labrun(user);
            test.arg("--file").arg(&file).args(["test", "frail"]);
            let child = test.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            let begun = host::state_root(user).join("frail/tmp/begun");
            common::wait_for("the test", || begun.exists());
            bench.strike(disaster, 0, &before);
            // That takes no room, and makes none.
            fs::set_permissions(begun, fs::Permissions::from_mode(0o755)).unwrap();
            let output = host::finish_within(Duration::from_secs(60), child, "test frail");
            let said = text(&output);
            assert_eq!(output.status.code(), Some(1), "{user:?}, {disaster:?}: {said}");
            let died = "service frail (node a) died, and its exit status could not be noted";
            assert!(said.contains(died), "{user:?}, {disaster:?}: {said}");
            bench.lift(disaster, &[], &mut random);
            before.assert_same(&format!("{user:?}, {disaster:?}"));
        }
    });
}
