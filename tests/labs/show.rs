//! Ladders where people see them: `labrun capture show`, and below the result of a test.

use crate::common;
use crate::common::captures;

use common::{User, folder, labrun, text, users, write};
use labrun::analysis::ladder::{Extent, Ladder, Packets};
use labrun::lab::check;
use labrun::lab::find::BUILT_IN;
use labrun::packet::capture::{Capture, Direction, InterfaceId, Packet};
use labrun::packet::pcapng;
use std::path::Path;
use std::process::Output;

fn save(path: &Path, capture: &Capture) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    pcapng::write(std::fs::File::create(path).unwrap(), capture, &|_| String::new()).unwrap();
}

/// `labrun capture show ARGUMENTS` in `folder`.
fn show(folder: &Path, arguments: &[&str]) -> Output {
    labrun(User::Own)
        .current_dir(folder)
        .args(["capture", "show"])
        .args(arguments)
        .output()
        .unwrap()
}

fn drawn(capture: &str) -> String {
    let (name, lab) = BUILT_IN.into_iter().find(|(lab, _)| capture.starts_with(lab)).unwrap();
    Ladder::of(&check::lab(lab, name).unwrap().topology, &captures::read(capture))
        .text(80, Extent::LONG)
        .iter()
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn a_capture_is_drawn_in_the_lab_whose_interfaces_it_has() {
    let folder = folder();
    // Those of the server lab are among those of the relay lab, too.
    for name in ["relay-v4", "server-v4", "vpn-routed", "balance-spread"] {
        save(&folder.path().join("x.pcapng"), &captures::read(name));
        let output = show(folder.path(), &["x.pcapng"]);
        assert_eq!(String::from_utf8_lossy(&output.stdout), drawn(name), "{name}");
    }
    let output = show(folder.path(), &["x.pcapng", "--lab", "relay"]);
    assert_eq!(String::from_utf8_lossy(&output.stdout), "no messages\n");
}

#[test]
fn a_capture_is_listed_or_told_to_programs_on_demand() {
    let folder = folder();
    let capture = captures::read("server-v4");
    save(&folder.path().join("x"), &capture);
    let output = show(folder.path(), &["x", "--list"]);
    let lines = String::from_utf8(output.stdout).unwrap();
    assert_eq!(lines.lines().count(), capture.packets.len());
    assert!(lines.lines().any(|l| l.contains("v-br-cli") && l.contains("DISCOVER")), "{lines}");
    let output = show(folder.path(), &["x", "--format", "json"]);
    let ladder: Ladder = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((ladder.nodes.len(), ladder.rows[0].label.as_str()), (2, "DISCOVER"));
}

#[test]
fn what_was_lost_is_said_and_strange_interfaces_are_no_reason_to_show_nothing() {
    let folder = folder();
    let interface = InterfaceId { node: "global".into(), link: "wlan0".into() };
    let packet =
        Packet { time: 1, interface, direction: Direction::Sent, data: vec![0xff; 60], length: 60 };
    save(
        &folder.path().join("x"),
        &Capture { packets: vec![packet], lost: 3, left_out: 1, bulk_left_out: 7 },
    );
    let output = show(folder.path(), &["x"]);
    let all = text(&output);
    assert!(output.status.success() && all.contains("wlan0"), "{all}");
    for words in [
        "no lab has these interfaces",
        "3 packets lost by the kernel",
        "1 packet left out",
        "7 packets of bulk data left out",
    ] {
        assert!(all.contains(words), "{all}");
    }
}

#[test]
fn the_newest_capture_of_a_test_is_found_by_the_tests_name() {
    let folder = folder();
    let path = |test: &str, attempt: &str| {
        folder.path().join("labrun-artifacts").join(test).join(attempt).join("capture.pcapng")
    };
    for (age, test, attempt, of) in [
        (3, "relay-v6", "1", "relay-v6"),
        (2, "relay-v4", "2", "relay-v4"),
        (1, "relay-v4", "1", "relay-v4-stand-in"),
    ] {
        save(&path(test, attempt), &captures::read(of));
        let time = std::time::SystemTime::now() - std::time::Duration::from_secs(age * 100);
        std::fs::File::options()
            .append(true)
            .open(path(test, attempt))
            .unwrap()
            .set_modified(time)
            .unwrap();
    }
    let shown = |what: &[&str]| String::from_utf8(show(folder.path(), what).stdout).unwrap();
    assert_eq!(
        shown(&["relay-v4"]),
        format!("labrun-artifacts/relay-v4/1/capture.pcapng\n{}", drawn("relay-v4-stand-in"))
    );
    assert_eq!(
        shown(&["relay-v6"]),
        format!("labrun-artifacts/relay-v6/1/capture.pcapng\n{}", drawn("relay-v6"))
    );
    assert_eq!(shown(&[]), shown(&["relay-v4"]));
}

#[test]
fn captures_are_looked_for_where_the_tests_leave_them() {
    let folder = folder();
    save(&folder.path().join("kept/relay-v4/1/capture.pcapng"), &captures::read("relay-v4"));
    let output = labrun(User::Own)
        .args(["capture", "show"])
        .env("LABRUN_ARTIFACTS_DIR", folder.path().join("kept"))
        .output()
        .unwrap();
    assert!(
        String::from_utf8_lossy(&output.stdout).ends_with(&drawn("relay-v4")),
        "{}",
        text(&output)
    );
}

#[test]
fn of_a_capture_that_was_cut_off_what_comes_before_is_shown() {
    let folder = folder();
    let capture = captures::read("relay-v4");
    save(&folder.path().join("x"), &capture);
    let whole = std::fs::read(folder.path().join("x")).unwrap();
    std::fs::write(folder.path().join("x"), &whole[..whole.len() - 5]).unwrap();
    let output = show(folder.path(), &["x", "--list"]);
    let all = text(&output);
    assert!(output.status.success(), "{all}");
    let lines = String::from_utf8_lossy(&output.stdout).lines().count();
    assert_eq!(lines, capture.packets.len() - 1, "{all}");
    assert!(all.contains("x: the capture ends in the middle of a packet"), "{all}");
    assert!(text(&show(folder.path(), &["x"])).contains("DISCOVER"));
    // Of what is not even one packet there is nothing to show.
    std::fs::write(folder.path().join("x"), &whole[..60]).unwrap();
    assert_eq!(show(folder.path(), &["x"]).status.code(), Some(2));
}

#[test]
fn a_capture_of_any_size_is_drawn_as_a_small_one_is() {
    let lab = check::lab(LAB, "rungs").unwrap().topology;
    let mut capture = Capture::default();
    for number in 0..500u64 {
        for (link, sent) in [("pa", false), ("pb", true)] {
            let mut data = vec![0; 60];
            data[12..14].copy_from_slice(&[0x88, 0xb5]);
            data[14..22].copy_from_slice(&number.to_be_bytes());
            capture.packets.push(Packet {
                time: number * 3_000_000,
                interface: InterfaceId { node: "global".into(), link: link.into() },
                direction: Direction::of(sent),
                length: 60,
                data,
            });
        }
    }
    let whole = Ladder::of(&lab, &capture);
    assert_eq!((whole.rows.len(), whole.hidden), (500, 0));
    let mut packets = Packets::new(&lab, capture.began(), Extent::LONG);
    capture.packets.iter().for_each(|packet| packets.add(packet));
    let drawn = packets.ladder();
    assert_eq!((drawn.rows.len(), drawn.hidden), (60, 440));
    assert_eq!(drawn.text(80, Extent::LONG), whole.text(80, Extent::LONG));
}

#[test]
fn what_is_no_capture_is_wrong_usage() {
    let folder = folder();
    write(folder.path(), "no-capture", "hello");
    for (arguments, message) in [
        (&["no-capture"][..], "no-capture: "),
        (
            &["relay-v4"],
            "there is no file `relay-v4`, and no capture of a test `relay-v4` in labrun-artifacts",
        ),
        (&["../etc"], "there is no file `../etc`"),
        (&[], "there is no capture in labrun-artifacts: name a file"),
    ] {
        let output = show(folder.path(), arguments);
        assert!(
            output.status.code() == Some(2) && text(&output).contains(message),
            "{}",
            text(&output)
        );
    }
    save(&folder.path().join("x"), &captures::read("relay-v4"));
    let output = show(folder.path(), &["x", "--lab", "rely"]);
    assert!(
        output.status.code() == Some(2) && text(&output).contains("did you mean `relay`?"),
        "{}",
        text(&output)
    );
}

#[test]
fn of_labs_with_the_same_interfaces_the_first_is_taken() {
    let folder = folder();
    save(&folder.path().join("x"), &captures::read("server-v4"));
    let (_, server) = BUILT_IN.into_iter().find(|(name, _)| *name == "server").unwrap();
    for lab in ["one", "two"] {
        write(
            folder.path(),
            lab,
            &server.replace("lab: server", &format!("lab: {lab}")).replace("ns-client", lab),
        );
    }
    let output = show(folder.path(), &["x", "--file", "one", "--file", "two"]);
    let drawn = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(drawn.lines().next().unwrap().contains("one"), "{drawn}");
}

const LAB: &str = "
lab: rungs
bridges: [br0]
nodes:
  a: {links: {eth0: {bridge: br0, port: pa, addresses: 10.0.0.1/24}}}
  b: {links: {eth0: {bridge: br0, port: pb, addresses: 10.0.0.2/24}}}
tests:
  good: {steps: [ping: {node: a, to: 10.0.0.2}]}
  bad: {steps: [ping: {node: a, to: 10.0.0.2, fails: true}]}
";

/// Which fails after so many messages.
const MANY: &str =
    "  many: {steps: [run: {node: a, command: ping -c 40 -i 0.002 10.0.0.2, exit: 1}]}\n";

#[test]
fn a_test_shows_its_ladder_if_it_fails_or_with_verbose() {
    let folder = folder();
    let file = write(folder.path(), "rungs.yaml", &format!("{LAB}{MANY}"));
    for user in users() {
        let instance = format!("show-{}-{user:?}", std::process::id());
        let run = |arguments: &[&str]| {
            let mut command = labrun(user);
            command
                .args(["test", "--no-strict", "--instance", &instance, "--file"])
                .arg(&file)
                .args(arguments);
            String::from_utf8(command.output().unwrap().stdout).unwrap()
        };
        // The ladder is below the result.
        let ladder = |text: &str, test: &str| {
            let below = text.lines().skip_while(|l| {
                !l.contains(test) || !(l.starts_with("PASS") || l.starts_with("FAIL"))
            });
            below
                .filter(|l| l.contains("├─ ECHO-REQUEST ─") || l.contains("◀── ECHO-REPLY ─"))
                .count()
        };
        let quiet = run(&["rungs-good", "rungs-bad"]);
        assert_eq!((ladder(&quiet, "rungs-good"), ladder(&quiet, "rungs-bad")), (2, 2), "{quiet}");
        let good = run(&["rungs-good"]);
        assert!(good.contains("PASS") && ladder(&good, "rungs-good") == 0, "{good}");
        let verbose = run(&["rungs-good", "-v"]);
        assert_eq!(ladder(&verbose, "rungs-good"), 2, "{verbose}");
        // Of 80 messages the first ten and the last twenty, which are nearest to what failed.
        let many = run(&["rungs-many"]);
        assert!(ladder(&many, "rungs-many") == 30 && many.contains("…  50 more\n"), "{many}");
        assert_eq!(many.lines().filter(|line| line.contains("seq 40")).count(), 2, "{many}");
    }
}
