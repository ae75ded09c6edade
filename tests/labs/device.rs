//! `device`: an interface of the machine that is lent to a lab. The machine is a network namespace of the test's own, and
//! the interface one end of a cable in it.

use crate::common::labs::{self, Done, Lab, have};
use crate::common::{User, command, is_root, users, wait_for};
use crate::uplink::Namespace;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const LENT: &str = "
nodes:
  vpn:
    links: {wan: {device: h0, addresses: [10.77.0.1/24, \"fd00:77::1/64\"]}}
    routes: [{to: 10.78.0.0/16, via: 10.77.0.2}]
tests:
  far:
    steps:
      - ping: {node: vpn, to: 10.77.0.2}
      - run: {node: vpn, command: ip route, match: '10.78.0.0/16 via 10.77.0.2 dev wan'}
";

/// A machine with a cable from `h0`, which has all that an interface may have, to `h1`.
fn machine() -> Namespace {
    let machine = Namespace::new();
    let script =
        "for scope in all default; do echo 0 >/proc/sys/net/ipv6/conf/$scope/accept_dad; done";
    assert!(machine.command("bash").args(["-c", script]).status().unwrap().success());
    for words in [
        "link add h0 type veth peer name h1",
        "addr add 192.168.10.10/24 brd + dev h0 label h0:one",
        "addr add 192.168.10.11/24 brd + dev h0",
        "addr add 192.168.20.1/24 dev h0 noprefixroute",
        "addr add 192.168.30.1/24 dev h0 metric 50",
        "addr add fd00:9::1/64 dev h0 nodad",
        "addr add fe80::5/64 dev h0 nodad",
        "link set h0 mtu 1400 alias cable",
        "link set h0 up",
        "addr add 10.77.0.2/24 dev h1",
        "link set h1 up",
        "route add 172.30.0.0/16 via 192.168.10.1 dev h0 metric 7 proto static",
        "route add 172.31.0.0/16 via 192.168.10.1 dev h0 table 100",
        "route add fd01::/64 via fd00:9::2 dev h0",
        // As NetworkManager does it.
        "route add 192.168.20.0/24 dev h0 proto kernel scope link src 192.168.20.1 metric 100",
        // One that stands before the one that it needs.
        "route add 192.168.40.0/24 dev h0",
        "route add 10.60.0.0/16 via 192.168.40.1 dev h0",
    ] {
        machine.ip(words);
    }
    // The kernel gives it that by itself, a little later.
    wait_for("an address of the link", || looks(&machine).matches("inet6 fe80:").count() == 2);
    machine
}

/// What the machine has of interfaces, addresses and routes, without what differs by itself.
fn looks(machine: &Namespace) -> String {
    let script = "ip -o link show dev h0 | sed 's/^[0-9]*: h0@[^:]*//; s/state [A-Z]*//; s/qdisc [a-z]*//'
ip -4 -o addr show dev h0 | sed 's/^[0-9]*://'
ip -6 -o addr show dev h0 | sed 's/^[0-9]*://' | sort
for version in -4 -6; do ip $version route show table all dev h0 | grep -v multicast | sed 's/ linkdown//'; done";
    let output = machine.command("bash").args(["-c", script]).output().unwrap();
    String::from_utf8(output.stdout).unwrap()
}

/// The machine is as it was, or becomes so: addresses of the link come a little later.
fn is_as(machine: &Namespace, before: &str, when: &str) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while looks(machine) != before && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(looks(machine), before, "{when}");
}

/// Ends when the test does, if not before.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn kill(signal: &str, pid: &str) {
    assert!(Command::new("kill").args([signal, pid]).status().unwrap().success());
}

/// Whether this can be tried here; else that is said.
fn can(test: &str) -> bool {
    if !is_root() || !users().contains(&User::Own) {
        eprintln!("SKIP {test}: only root can lend an interface");
        return false;
    }
    have(test, &["ip", "nsenter"])
}

fn setup(machine: &Namespace, lab: &Lab) -> Done {
    labs::run(machine.labrun(lab, &["setup", &lab.name, "--allow", "device"]))
}

fn clean(machine: &Namespace, lab: &Lab) -> Done {
    labs::run(machine.labrun(lab, &["clean", &lab.name]))
}

/// The process that `file` of the lab's state names, or of what it has outside.
fn pid(lab: &Lab, file: &str) -> String {
    let folder = if file.starts_with("device") { ".outside-" } else { "" };
    let file = format!("/run/labrun/{folder}{}/{file}", lab.name);
    let text = std::fs::read_to_string(file).unwrap();
    text.split(' ').next().unwrap().into()
}

#[test]
fn an_interface_is_lent_and_given_back_as_it_was() {
    if !can("an_interface_is_lent") {
        return;
    }
    let machine = machine();
    let before = looks(&machine);
    assert!(before.contains("172.30.0.0/16") && before.contains("fd01::/64"), "{before}");
    let lab = Lab::new(User::Own, LENT);
    let done =
        labs::run(machine.labrun(&lab, &["test", &lab.name, "--allow", "device", "--strict"]));
    assert_eq!(done.exit, 0, "{}", done.all);
    is_as(&machine, &before, "after a test");
    // It is used, and not seen in the machine for as long.
    let done = setup(&machine, &lab);
    assert_eq!((done.exit, looks(&machine)), (0, String::new()), "{}", done.all);
    // Another lab that wants it is told who has it.
    let other = Lab::new(User::Own, LENT);
    let done = setup(&machine, &other);
    let has =
        format!("the interface h0 is in the lab {}: `labrun clean {0}` gives it back", lab.name);
    assert!(done.exit == 4 && done.all.contains(&has), "{}", done.all);
    let done = clean(&machine, &lab);
    assert_eq!(done.exit, 0, "{}", done.all);
    is_as(&machine, &before, "after clean");
    // One that is down stays so.
    machine.ip("link set h0 down");
    let before = looks(&machine);
    assert_eq!(setup(&machine, &lab).exit, 0);
    assert_eq!(clean(&machine, &lab).exit, 0);
    is_as(&machine, &before, "after clean, down");
}

#[test]
fn an_interface_comes_back_whoever_is_killed() {
    if !can("an_interface_comes_back") {
        return;
    }
    let machine = machine();
    let before = looks(&machine);
    let lab = Lab::new(User::Own, LENT);
    // The first process of the lab: nobody has to clean up for that.
    assert_eq!(setup(&machine, &lab).exit, 0);
    kill("-KILL", &pid(&lab, "supervisor"));
    is_as(&machine, &before, "after the first process was killed");
    assert_eq!(clean(&machine, &lab).exit, 0);
    // What gives it back: that is left to `clean`, or to who sets the lab up.
    for again in [false, true] {
        assert_eq!(setup(&machine, &lab).exit, 0);
        kill("-KILL", &pid(&lab, "device-0"));
        if again {
            std::fs::write(
                &lab.file,
                format!(
                    "lab: {}\n{LENT}  more: {{steps: [{{ping: {{node: vpn, to: 10.77.0.2}}}}]}}\n",
                    lab.name
                )
                .replace("10.78", "10.79"),
            )
            .unwrap();
            let done = setup(&machine, &lab);
            assert_eq!((done.exit, looks(&machine)), (0, String::new()), "{}", done.all);
        }
        let done = clean(&machine, &lab);
        assert_eq!(done.exit, 0, "{}", done.all);
        is_as(&machine, &before, "after what gives it back was killed");
    }
    // labrun, and Ctrl-C, while the lab is tested and while it is set up.
    for (signal, ready) in [("-KILL", true), ("-INT", true), ("-KILL", false), ("-INT", false)] {
        let slow = LENT.replace(
            "      - ping",
            "      - run: {node: vpn, command: sleep 60, within: 90s}\n      - ping",
        );
        let slow = if ready {
            slow
        } else {
            LENT.replace("    routes", "    services: {slow: {command: sleep 60, ready: {file: never, within: 60s}}}\n    routes")
        };
        let lab = Lab::new(User::Own, &slow);
        let mut test = machine.labrun(&lab, &["test", &lab.name, "--allow", "device"]);
        test.process_group(0).stdout(Stdio::null()).stderr(Stdio::null());
        let mut test = Running(test.spawn().unwrap());
        wait_for("the interface to be lent", || looks(&machine).is_empty());
        kill(signal, &test.0.id().to_string());
        test.0.wait().unwrap();
        is_as(&machine, &before, signal);
    }
    // With both gone, so is an interface that is no hardware: that is said, and nothing is left.
    assert_eq!(setup(&machine, &lab).exit, 0);
    kill("-KILL", &pid(&lab, "device-0"));
    kill("-KILL", &pid(&lab, "supervisor"));
    wait_for("the end of the lab", || {
        machine.command("ip").args(["link", "show", "h1"]).output().unwrap().status.code()
            != Some(0)
    });
    let done = clean(&machine, &lab);
    assert!(done.all.contains("the interface h0 has gone with the lab"), "{}", done.all);
    assert!(!std::path::Path::new("/run/labrun").join(&lab.name).exists(), "{}", done.all);
}

#[test]
fn an_interface_that_the_machine_needs_is_not_lent() {
    if !can("an_interface_that_the_machine_needs") {
        return;
    }
    let machine = machine();
    let lab = Lab::new(User::Own, LENT);
    let refused = |expected: &str| {
        let before = looks(&machine);
        let done = setup(&machine, &lab);
        assert!(done.exit == 4 && done.all.contains(expected), "{expected}: {}", done.all);
        is_as(&machine, &before, expected);
    };
    machine.ip("route add default via 192.168.10.1 dev h0");
    refused("the machine's default route leads by the interface h0");
    machine.ip("route del default");
    for to in ["default", "10.50.0.0/16"] {
        let hops = "nexthop via 192.168.10.1 dev h0 nexthop via 192.168.10.2 dev h0";
        machine.ip(&format!("route add {to} {hops}"));
        refused("a route with several next hops leads by the interface h0");
        machine.ip(&format!("route del {to}"));
    }
    machine.ip("link add up0 link h0 type macvlan");
    refused("is on the interface h0, and the kernel would remove it");
    machine.ip("link del up0");
    machine.ip("link add sw0 type bridge");
    machine.ip("link set h0 master sw0");
    refused("the interface h0 belongs to sw0: `ip link set dev h0 nomaster` first");
    machine.ip("link set h0 nomaster");
    machine.ip("link set h0 down");
    machine.ip("link set h0 name other0");
    refused("this machine has no interface h0");
}

#[test]
fn an_interface_comes_back_whatever_has_become_of_names_and_addresses() {
    if !can("an_interface_comes_back_whatever") {
        return;
    }
    let machine = machine();
    let before = looks(&machine);
    let lab = Lab::new(User::Own, LENT);
    // Its name has been taken in the meantime: it is there by another one until it can have its own.
    assert_eq!(setup(&machine, &lab).exit, 0);
    machine.ip("link add h0 type veth peer name x0");
    let done = clean(&machine, &lab);
    let called = "the interface h0 is back, but called lr";
    assert!(done.exit == 4 && done.all.contains(called), "{}", done.all);
    machine.ip("link del h0");
    let done = clean(&machine, &lab);
    assert_eq!(done.exit, 0, "{}", done.all);
    is_as(&machine, &before, "after its name was taken");
    // Its hardware address was changed in the lab, and another interface has the old one.
    let mac = before.split("link/ether ").nth(1).and_then(|rest| rest.split(' ').next()).unwrap();
    machine.ip(&format!("link add twin0 address {mac} type veth peer name twin1"));
    machine.ip("link set twin0 up");
    assert_eq!(setup(&machine, &lab).exit, 0);
    let change = ["ip", "link", "set", "wan", "address", "02:00:00:00:00:07"];
    assert_eq!(lab.exec("vpn", &change).exit, 0);
    let done = clean(&machine, &lab);
    assert_eq!(done.exit, 0, "{}", done.all);
    is_as(&machine, &before, "after its address was changed");
    let twin = machine.command("ip").args(["link", "show", "dev", "twin0", "up"]).output().unwrap();
    assert!(!twin.stdout.is_empty(), "the other one is still up");
    // One without a hardware address.
    if std::path::Path::new("/dev/net/tun").exists() {
        machine.ip("tuntap add t0 mode tun");
        let lab = Lab::new(User::Own, &LENT.replace("device: h0", "device: t0"));
        assert_eq!(setup(&machine, &lab).exit, 0);
        let done = clean(&machine, &lab);
        assert_eq!(done.exit, 0, "{}", done.all);
        machine.ip("link show dev t0");
    }
}

#[test]
fn an_interface_is_lent_only_where_it_was_granted_and_by_root() {
    for user in users() {
        let lab = Lab::new(user, LENT);
        let asks = format!("`device` ({}:4) asks for h0: add `--allow device`", lab.file.display());
        let done = lab.run(&["test", &lab.name]);
        assert!(done.exit == 0 && done.all.contains(&asks), "{user:?}: {}", done.all);
        let done = lab.run(&["test", &lab.name, "--strict", "--allow", "env,write,uplink"]);
        assert!(done.exit == 3 && done.all.contains(&asks), "{user:?}: {}", done.all);
        if user == User::Ordinary || !is_root() {
            let done = lab.run(&["test", &lab.name, "--allow", "device"]);
            let why = "the interface h0 cannot be lent to the lab: only labrun as root does that";
            assert!(done.exit == 0 && done.all.contains(why), "{user:?}: {}", done.all);
            assert!(done.all.contains("SKIP"), "{user:?}: {}", done.all);
        }
        // A script by itself would have nobody to give it back.
        let script = lab.run(&["script", &lab.name]).stdout;
        let file = crate::common::write(lab.folder.path(), "lab.sh", &script);
        let mut bash = command(user, "bash");
        bash.arg(&file).args(["--allow", "device"]);
        let done = labs::run(bash);
        let why = r#""kind":"device","name":"h0","why":"only labrun as root does that"#;
        assert!(done.exit == 3 && done.all.contains(why), "{user:?}: {}", done.all);
    }
}
