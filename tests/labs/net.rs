//! A lab's network is the same whether labrun builds it in one process or iproute2 does, line by
//! line.
//!
//! Both build every lab here, and what the kernel then has is compared: links, addresses, routes
//! and bridges of each namespace, all settings, the mounts of the sandbox.

use crate::common;

use common::host::Random;
use common::{User, command, folder, text, users, write};
use labrun::compile::kernel::trial;
use labrun::compile::script;
use labrun::lab::check;
use labrun::lab::find::BUILT_IN;
use labrun::lab::model::Lab;
use labrun::steps::Client;
use labrun::topology::model::End;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fmt::Write;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

const LABRUN: &str = env!("CARGO_BIN_EXE_labrun");

/// What is looked at in each namespace: tables of JSON, then all settings.
const KINDS: [&str; 9] = [
    "ip -j -d link",
    "ip -j -d addr",
    "ip -j -4 route show table all",
    "ip -j -6 route show table all",
    "ip -j -d -4 rule",
    "ip -j -d -6 rule",
    "bridge -j -d link",
    "bridge -j vlan",
    "tc qdisc | sed 's/ seed [0-9]*//; s/.*/\"&\",/; 1s/^/[/; $s/,$/]/'",
];
const MARK: &str = "\nsettings:\n";
const SETTINGS: &str = "printf '\\nsettings:\\n'; cd /proc/sys/net && grep -rs . ipv4/conf ipv6/conf ipv4/ip_forward ipv4/tcp_rmem bridge | sort";

/// What else is looked at, in the sandbox as a whole.
const MOUNTS: &str =
    "cat /proc/self/mountinfo; hostname; stat -c '%n %a %u %F' /run /run/* /run/netns/* /etc";

/// What one of the two has built, by namespace and kind.
type State = BTreeMap<String, Value>;

#[test]
fn the_kernel_has_the_same_of_every_built_in_lab() {
    for (name, text) in BUILT_IN {
        let mut lab = check::lab(text, name).unwrap();
        // The network is all that this is about.
        lab.topology.services.clear();
        lab.tests.clear();
        (lab.topology.subject, lab.topology.commands) = (None, Vec::new());
        if !lab.topology.kernel.iter().all(|feature| kernel_has(User::Own, feature)) {
            eprintln!("SKIP {name}: this kernel lacks one of {:?}", lab.topology.kernel);
            continue;
        }
        for user in users() {
            assert_same(user, &lab);
        }
    }
}

#[test]
fn the_kernel_has_the_same_of_any_lab() {
    let mut random = Random::new();
    let vlans = kernel_has(User::Own, "vlan");
    for _ in 0..6 {
        let text = any_lab(&mut random, vlans);
        for user in users() {
            let text = text.clone() + &inside(user);
            let lab = check::lab(&text, "any")
                .unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}\n{text}"));
            assert_same(user, &lab);
        }
    }
}

fn kernel_has(user: User, feature: &str) -> bool {
    let mut unshare = command(user, "unshare");
    unshare
        .args(["--user", "--map-root-user", "--net", "sh", "-c", &trial(feature)])
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    unshare.status().unwrap().success()
}

/// A lab file with something of everything that the planner can plan.
fn any_lab(random: &mut Random, vlans: bool) -> String {
    let mut coin = |of: u64| random.below(of) == 0;
    let mut text = String::from("lab: any\nbridges:\n");
    for bridge in 0..2 {
        let (mtu, mac) = (
            if coin(2) { "mtu: 1400, " } else { "" },
            if coin(2) { format!("mac: \"02:00:00:00:ff:0{bridge}\", ") } else { String::new() },
        );
        let addresses = if coin(2) {
            format!("10.9.{bridge}.1/24, \"fd09:{bridge}::1/64\"")
        } else {
            String::new()
        };
        let _ = writeln!(text, "  b{bridge}: {{{mtu}{mac}addresses: [{addresses}]}}");
    }
    text.push_str("nodes:\n");
    for node in 0..4 {
        let _ = writeln!(text, "  n{node}:\n    forward: {}\n    links:", coin(2));
        if coin(2) {
            let _ = writeln!(
                text,
                "      lo: {{addresses: [198.51.100.{node}/32, \"2001:db8::{node}/128\"]}}"
            );
        }
        for bridge in 0..2 {
            let (mtu, mac) = (
                if coin(2) { "mtu: 1300, " } else { "" },
                if coin(2) {
                    format!("mac: \"02:00:00:00:{node:02}:{bridge:02}\", ")
                } else {
                    String::new()
                },
            );
            let more = if coin(2) {
                format!(
                    ", 10.{bridge}.{node}.{node}/31, 10.77.{bridge}.{node}/32, \"fd77:{bridge}::{node}/128\""
                )
            } else {
                String::new()
            };
            let tagged = if vlans && coin(2) {
                format!("vlans: {{7: {{addresses: [10.7{bridge}.0.{}/24]}}}}, ", node + 1)
            } else {
                String::new()
            };
            let _ = writeln!(
                text,
                "      e{bridge}: {{bridge: b{bridge}, port: {{name: p{node}-{bridge}, isolated: {}}}, {mtu}{mac}{tagged}addresses: [10.1{bridge}.0.{}/24, \"fd1{bridge}::{}/64\"{more}]}}",
                coin(2),
                node + 1,
                node + 1
            );
        }
        let (peer, address) = (node ^ 1, 1 + node % 2);
        let impair = if coin(2) { ", impair: {rate: 1gbit}" } else { "" };
        let _ = writeln!(
            text,
            "      c: {{peer: n{peer}/c, addresses: [192.0.2.{address}/30, \"2001:db8::{address}/127\"]{impair}}}"
        );
        let _ = writeln!(
            text,
            "    routes:\n      - {{to: 203.0.113.0/24, via: 10.10.0.200, src: 10.10.0.{}, metric: 50}}",
            node + 1
        );
        let _ = writeln!(
            text,
            "      - {{to: \"2001:db8:1::/48\", via: \"fd10::99\", dev: e0, metric: 7}}\n      - {{to: \"2001:db8:2::/48\", dev: c}}"
        );
        if coin(2) {
            let _ = writeln!(
                text,
                "      - {{to: default, via: 10.11.0.254}}\n      - {{to: default, via: \"fe80::1\", dev: e1}}\n      - {{to: 198.51.100.7/32, dev: c}}"
            );
        }
        if coin(2) {
            let _ = writeln!(
                text,
                "    sysctls: {{net.ipv4.conf.e0.rp_filter: 2, net.ipv4.tcp_rmem: 4096 131072 6291456, net.ipv6.conf.e1.hop_limit: 7}}"
            );
        }
    }
    text.push_str("  last:\n    links: {e: {peer: global/own, addresses: 10.200.0.2/24}}\n");
    text.push_str(
        "  global:\n    links: {own: {peer: last/e, addresses: [10.200.0.1/24, \"fd20::1/64\"]}}\n",
    );
    text.push_str(
        "    routes: [{to: 10.66.0.0/16, via: 10.200.0.2}, {to: 10.67.0.0/16, dev: own}]\n",
    );
    text
}

/// A node with a link of each kind that is made inside of one, as far as this kernel has them for `user`.
fn inside(user: User) -> String {
    let mut text = String::from("  inside:\n    links:\n");
    for (number, end) in ["a", "b", "c", "d"].into_iter().enumerate() {
        // Those in the middle belong to others.
        let addresses = match number {
            0 | 3 => format!(", addresses: [10.9{number}.0.2/24, \"fd9{number}::2/64\"]"),
            _ => String::new(),
        };
        let _ = writeln!(text, "      {end}: {{peer: outside/{end}{addresses}}}");
    }
    for (feature, link) in [
        (
            "bridge",
            "s0: {kind: bridge, ports: {name: b, isolated: true, locked: true, learning: false}, mtu: 1400, stp: true, priority: 4096, forward-delay: 2s}",
        ),
        (
            "bridge",
            "s1: {kind: bridge, snooping: true, querier: true, addresses: [10.80.0.1/24, \"fd80::1/64\"]}",
        ),
        ("vlan-filtering", "s2: {kind: bridge, vlan-filtering: true}"),
        ("dummy", "d0: {kind: dummy, mac: \"02:00:00:00:dd:00\", addresses: 10.81.0.1/24}"),
        ("tun", "t0: {kind: tap, mtu: 1400, addresses: 10.88.0.1/24}"),
        ("tun", "longest-of-all0: {kind: tap, mac: \"02:00:00:00:00:77\"}"),
        ("bond", "o0: {kind: bond, mode: active-backup, ports: d, addresses: 10.89.0.1/24}"),
        ("vrf", "v0: {kind: vrf, table: 10, ports: [c, s1]}"),
        ("vrf", "v1: {kind: vrf, table: 1000}"),
        (
            "vxlan",
            "x0: {kind: vxlan, id: 7, local: 10.90.0.2, remote: 10.90.0.1, mtu: 1450, addresses: 10.82.0.1/24}",
        ),
        (
            "vxlan",
            "x1: {kind: vxlan, id: 8, local: \"fd90::2\", remote: \"ff05::100\", on: a, dstport: 8472}",
        ),
        ("vxlan", "x2: {kind: vxlan, id: 16777215}"),
        (
            "wireguard",
            "w0: {kind: wireguard, mtu: 1420, addresses: [10.87.0.1/24, \"fd87::1/64\"]}",
        ),
        ("gre", "g0: {kind: gre, local: 10.90.0.2, remote: 10.90.0.1, addresses: 10.83.0.1/30}"),
        ("gre", "g1: {kind: gre, local: 10.90.0.2, remote: 10.90.0.1, key: 9}"),
        ("macvlan", "m0: {kind: macvlan, on: m1, mode: private}"),
        ("macvlan", "m1: {kind: macvlan, on: d, addresses: 10.93.0.9/24}"),
        ("ipvlan", "i0: {kind: ipvlan, on: c, mode: l3, addresses: 10.84.0.1/24}"),
    ] {
        if kernel_has(user, feature) {
            let _ = writeln!(text, "      {link}");
        } else {
            eprintln!("SKIP {link}: this kernel has no {feature} for {user:?}");
        }
    }
    text.push_str(
        "    routes:
      - {to: default, metric: 9, via: [{via: 10.90.0.1, weight: 3}, {via: 10.93.0.1, dev: d}]}
      - {to: \"2001:db8:5::/48\", via: [{via: \"fd90::1\", weight: 2}, {via: \"fd93::1\"}]}
      - {to: 10.85.0.0/16, via: 10.93.0.1, table: 300, src: 10.93.0.2}
      - {to: \"2001:db8:6::/48\", via: \"fd93::1\", table: 77}
      - {to: 10.86.0.0/16, type: blackhole, table: 77}
      - {to: default, type: prohibit, metric: 1000}
      - {to: \"2001:db8:7::/48\", type: unreachable}
      - {to: \"::/0\", type: blackhole, metric: 70}
    rules:
      - {from: 10.80.0.0/16, table: 300}
      - {from: 10.80.0.0/16, to: 10.90.0.0/24, iif: d, fwmark: 0x10/0xff, table: 77, priority: 1500}
      - {fwmark: 7, table: 254}
      - {from: \"::/0\", fwmark: 7, iif: a, table: 77, priority: 90}
      - {to: \"fd00::/8\", table: 1000}
",
    );
    text.push_str("  outside:\n    links:\n");
    for (number, end) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let _ =
            writeln!(text, "      {end}: {{peer: inside/{end}, addresses: 10.9{number}.0.1/24}}");
    }
    text
}

fn assert_same(user: User, lab: &Lab) {
    let (fast, slow) = (Built::new(user, lab, true), Built::new(user, lab, false));
    let deadline = Instant::now() + Duration::from_secs(10);
    loop {
        // The kernel tells of a carrier up to a second later than it has it, and a look costs more
        // than to wait for that.
        std::thread::sleep(Duration::from_secs(1));
        let (fast, slow) = (fast.state(lab), slow.state(lab));
        if fast == slow {
            assert!(fast.len() > 4, "{fast:?}");
            return;
        }
        if Instant::now() > deadline {
            let differs = fast.iter().filter(|(what, value)| slow.get(*what) != Some(value));
            let both: Vec<String> = differs
                .map(|(what, value)| {
                    format!("{what}\n  labrun: {value}\n  iproute2: {}", slow[what])
                })
                .collect();
            panic!("{} as {user:?} is not the same: {}", lab.name, both.join("\n"));
        }
    }
}

/// A lab that is up, and goes when dropped.
struct Built {
    user: User,
    folder: tempfile::TempDir,
    instance: String,
}

impl Built {
    fn new(user: User, lab: &Lab, fast: bool) -> Built {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let folder = folder();
        write(folder.path(), "lab.sh", &script::compile(lab, Client::Dhclient));
        let instance =
            format!("net{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let built = Built { user, folder, instance: format!("{}@{instance}", lab.name) };
        let mut words = vec!["--instance", &instance];
        if fast {
            words.extend(["--agent", LABRUN]);
        }
        let said = built.run(&[&words[..], &["setup"]].concat());
        // Falling back to iproute2 would compare that with itself.
        assert!(said.contains(r#""event":"ready""#) && !said.contains("does not start"), "{said}");
        built
    }

    fn run(&self, words: &[&str]) -> String {
        let output = command(self.user, "bash")
            .arg(self.folder.path().join("lab.sh"))
            .args(words)
            .output()
            .unwrap();
        assert!(
            output.status.success(),
            "{} as {:?}: {}",
            words.join(" "),
            self.user,
            text(&output)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    fn state(&self, lab: &Lab) -> State {
        // All in one command: entering a lab takes as long as it does to ask the kernel.
        let look = format!("{}; {SETTINGS}", KINDS.join("; echo; echo @; "));
        let said = self.run(&[
            "exec",
            &self.instance,
            "global",
            "sh",
            "-c",
            &format!(
                "look() {{ printf '\\0%s\\n' \"$1\"; shift; \"$@\" sh -c \"$LOOK\"; }}
                export LOOK=\"$1\"
                look global
                for netns in /run/netns/*; do look \"${{netns##*/}}\" nsenter --net=\"$netns\"; done
                printf '\\0'; {MOUNTS}"
            ),
            "look",
            &look,
        ]);
        let mut parts: Vec<&str> = said.split('\0').skip(1).collect();
        let mounts = parts.pop().unwrap();
        assert_eq!(
            parts.len(),
            1 + lab.topology.nodes.iter().filter(|node| node.name != "global").count()
        );
        let mut state = State::new();
        for part in parts {
            let (title, part) = part.split_once('\n').unwrap();
            let (tables, settings) = part.split_once(MARK).unwrap();
            for (kind, table) in KINDS.iter().zip(tables.split("\n@\n")) {
                let mut value = if table.trim().is_empty() {
                    Value::Null
                } else {
                    serde_json::from_str(table).unwrap()
                };
                plain(&mut value, &macs(lab));
                // In which order the links of a namespace got their own depends on when the kernel
                // told them of a carrier.
                if let (true, Value::Array(routes)) = (kind.contains("-6"), &mut value) {
                    routes.sort_by_key(Value::to_string);
                }
                state.insert(format!("{title}: {kind}"), value);
            }
            state.insert(format!("{title}: settings"), settings.into());
        }
        // Before the fourth field are numbers of mounts and devices; those of namespaces and peers
        // differ, too.
        let plain = |word: &str| {
            word.trim_end_matches(|c: char| c.is_ascii_digit() || c == ']')
                .replace(&self.instance, "INSTANCE")
        };
        let lines = mounts.lines().map(|line| {
            line.split(' ')
                .skip(if line.contains(" - ") { 3 } else { 0 })
                .map(plain)
                .collect::<Vec<_>>()
                .join(" ")
        });
        state.insert("mounts".into(), lines.collect::<Vec<_>>().into());
        state
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        let mut clean = command(self.user, "bash");
        clean
            .arg(self.folder.path().join("lab.sh"))
            .args(["clean", &self.instance])
            .output()
            .unwrap();
    }
}

/// The hardware addresses that the plan gives, all others are the kernel's choice.
fn macs(lab: &Lab) -> Vec<String> {
    let of_nodes =
        lab.topology.nodes.iter().flat_map(|node| node.links.iter().map(|link| link.mac.clone()));
    let devices = lab.topology.nodes.iter().flat_map(|node| &node.devices);
    let of_nodes = of_nodes.chain(devices.filter_map(|device| device.mac.clone()));
    of_nodes.chain(lab.topology.bridges.iter().filter_map(|bridge| bridge.mac.clone())).collect()
}

/// Takes out of `value` what no two labs have in common: numbers of links, timers, hardware
/// addresses that the kernel draws, and what it makes of those.
fn plain(value: &mut Value, macs: &[String]) {
    match value {
        Value::Object(fields) => {
            // A bridge without an address of its own takes that of a port.
            let numbers = ["ifindex", "link_index", "link_netnsid", "bridge_id", "root_id"];
            // Who asks for multicast is only known once somebody has asked.
            let is_steady =
                |key: &str| !key.ends_with("_timer") && !key.starts_with("mcast_querier_state");
            fields.retain(|key, _| !numbers.contains(&key.as_str()) && is_steady(key));
            fields.values_mut().for_each(|value| plain(value, macs));
        }
        Value::Array(values) => values.iter_mut().for_each(|value| plain(value, macs)),
        Value::String(text) => {
            if is_mac(text) && !macs.contains(text) {
                *text = "drawn".into();
            } else if text.starts_with("fe80::")
                && !macs.iter().any(|mac| *text == link_local(mac))
                && text.len() > 9
            {
                *text = "of a drawn one".into();
            }
        }
        _ => {}
    }
}

fn is_mac(text: &str) -> bool {
    text.split(':').count() == 6
        && text
            .split(':')
            .all(|byte| byte.len() == 2 && byte.chars().all(|c| c.is_ascii_hexdigit()))
}

/// RFC 4291, appendix A
fn link_local(mac: &str) -> String {
    let b: Vec<u16> = mac.split(':').map(|byte| u16::from_str_radix(byte, 16).unwrap()).collect();
    let parts = [
        0xfe80,
        0,
        0,
        0,
        (b[0] ^ 2) << 8 | b[1],
        b[2] << 8 | 0xff,
        0xfe00 | b[3],
        b[4] << 8 | b[5],
    ];
    std::net::Ipv6Addr::from(parts).to_string()
}

/// What `apply` of the runtime says and does about `text`, in namespaces of its own.
fn applied(text: &str, fast: bool) -> (bool, String) {
    let runtime = script::runtime();
    let runtime = runtime.strip_suffix("main \"$@\"\n").unwrap();
    let folder = folder();
    let file = write(
        folder.path(),
        "apply.sh",
        &format!(
            "{runtime}\nmount -t tmpfs tmpfs /run\nmkdir /run/netns\nAGENT=$1\napply \"$2\" && printf 'refused %s.' \"$REFUSED\""
        ),
    );
    let agent = if fast { LABRUN } else { "" };
    let mut unshare = Command::new("unshare");
    unshare
        .args(["--user", "--map-root-user", "--mount", "--net", "bash"])
        .arg(file)
        .args([agent, text]);
    let output = unshare.output().unwrap();
    (output.status.success(), String::from_utf8(output.stdout).unwrap())
}

#[test]
fn what_goes_wrong_is_said_in_the_same_words() {
    for (text, words) in [
        (
            "[links of global]\nlink add name b type bridge mcast_snooping 0\nlink add name b type bridge mcast_snooping 0",
            "links of global: RTNETLINK answers: File exists (ip link add name b type bridge mcast_snooping 0)",
        ),
        (
            "[addresses of global]\nlink set dev nowhere up",
            r#"addresses of global: Cannot find device \"nowhere\" (ip link set dev nowhere up)"#,
        ),
        (
            "[addresses of global]\naddr add 10.0.0.1/24 brd + dev nowhere",
            r#"addresses of global: Cannot find device \"nowhere\" (ip addr add"#,
        ),
        (
            "[addresses of global]\nlink set dev lo up\nroute add 10.0.0.0/8 via 192.0.2.1",
            "addresses of global: Error: Nexthop has invalid gateway. (ip route add 10.0.0.0/8 via 192.0.2.1)",
        ),
        (
            "[addresses of global]\nlink set dev lo up\nroute add fd00::/64 via fd01::1",
            "addresses of global: RTNETLINK answers: No route to host (ip route add",
        ),
        (
            "[links of global]\nlink add name x mtu 1 type bridge mcast_snooping 0",
            "links of global: Error: mtu less than device minimum. (ip link add name x mtu 1",
        ),
    ] {
        for fast in [true, false] {
            let (success, said) = applied(text, fast);
            assert!(!success && said.contains(words), "fast {fast}: {text}\n{said}");
        }
    }
    // The shell does not say why.
    for fast in [true, false] {
        let (success, said) = applied(
            "[settings of global]\nsysctl ?net/ipv4/nothing 1\nsysctl net/ipv4/ip_forward 1\nsysctl net/ipv4/nothing 1",
            fast,
        );
        assert!(
            !success
                && said.contains("settings of global: ")
                && said.contains("(sysctl net/ipv4/nothing 1)"),
            "fast {fast}: {said}"
        );
    }
}

#[test]
fn what_may_fail_is_told_and_what_is_not_understood_is_refused_before_anything_is_done() {
    for fast in [true, false] {
        let (success, said) = applied(
            "[mounts of global]\n? mount -t nothing none /run/netns\nmkdir /run/made\nmount -t tmpfs -o mode=755 tmpfs /run/made",
            fast,
        );
        assert!(
            success
                && said.starts_with("refused mount -t nothing none /run/netns")
                && said.matches("mount").count() == 1,
            "fast {fast}: {said}"
        );
        let (success, said) = applied("[mounts of global]\nmkdir /run/netns", fast);
        assert!(
            !success
                && said.contains("mounts of global: ")
                && said.contains("File exists (mkdir /run/netns)"),
            "fast {fast}: {said}"
        );
    }
    for (line, words) in [
        ("link add name x type team", "links of type `team` are not known here"),
        ("link set dev lo down", "`down` is not understood"),
        ("link add name x type bridge hello_time 1", "`hello_time` is not understood"),
        ("tunnel add x", "`tunnel` is not understood"),
        ("addr add 10.0.0.1/33 dev lo", "`10.0.0.1/33`"),
        ("route add 10.0.0.0/8 via fd00::1", "a route has addresses of one IP version"),
    ] {
        let (success, said) = applied(
            &format!("[links of global]\nlink add name first type bridge mcast_snooping 0\n{line}"),
            true,
        );
        assert!(!success && said.contains(words) && said.contains(line), "{line}: {said}");
    }
}

#[test]
fn an_agent_that_does_not_start_leaves_it_to_iproute2_and_one_that_fails_does_not() {
    let lab =
        check::lab("lab: x\nbridges: [b]\nnodes: {n: {links: {e: {bridge: b, port: p}}}}\n", "x")
            .unwrap();
    let End::Port { .. } = &lab.topology.nodes[0].links[0].end else { panic!("a port") };
    let folder = folder();
    for (name, body, fine) in [
        ("missing", "", true),
        ("foreign", "\x7fELF\x02\x01\x01", true),
        ("older", "#!/bin/sh\necho unknown verb >&2\nexit 2\n", true),
        ("broken", "#!/bin/sh\necho it is broken >&2\nexit 101\n", false),
        ("refusing", "#!/bin/sh\necho 'links of global: no' >&2\nexit 4\n", false),
    ] {
        let agent = write(folder.path(), name, body);
        make_executable(&agent);
        let agent = if name == "missing" { folder.path().join("nowhere") } else { agent };
        let script = write(folder.path(), "lab.sh", &script::compile(&lab, Client::Dhclient));
        let instance = format!("{name}{}", std::process::id());
        let output = command(User::Own, "bash")
            .arg(&script)
            .args(["--instance", &instance, "--agent"])
            .arg(&agent)
            .output()
            .unwrap();
        let said = text(&output);
        command(User::Own, "bash")
            .arg(&script)
            .args(["clean", &format!("x@{instance}")])
            .output()
            .unwrap();
        assert_eq!(output.status.success(), fine, "{name}: {said}");
        let words = match name {
            "broken" => "ended with status 101: it is broken",
            "refusing" => r#""message":"links of global: no""#,
            _ => r#""event":"log""#,
        };
        assert!(said.contains(words), "{name}: {said}");
    }
}

fn make_executable(file: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(file, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn what_runs_as_pid_1_is_what_is_printed() {
    let folder = folder();
    let lab = write(folder.path(), "x.yaml", "lab: x\nnodes: {n: {}}\n").display().to_string();
    let printed =
        command(User::Own, LABRUN).args(["--file", &lab, "script", "x"]).output().unwrap().stdout;
    let script = write(folder.path(), "lab.sh", std::str::from_utf8(&printed).unwrap())
        .display()
        .to_string();
    for (way, how) in [
        ("labrun", format!("{LABRUN} --host native --file {lab} setup x --instance")),
        ("file", format!("bash {script} --instance")),
        ("pipe", format!("cat {script} | bash -s -- --instance")),
        ("substitution", format!("bash <(cat {script}) --instance")),
        ("argument", format!("bash -c \"$(cat {script})\" labrun --instance")),
    ] {
        for user in users() {
            let instance = format!("{way}{}", std::process::id());
            let output =
                command(user, "bash").args(["-c", &format!("{how} {instance}")]).output().unwrap();
            let show = format!(
                "bash {script} exec x@{instance} global sh -c 'cat \"${{TMPDIR%/tmp}}/lab.sh\"'"
            );
            let saved = command(user, "bash").args(["-c", &show]).output().unwrap();
            command(user, "bash")
                .args([&script, "clean", &format!("x@{instance}")])
                .output()
                .unwrap();
            assert!(output.status.success(), "{way} as {user:?}: {}", text(&output));
            assert!(saved.stdout == printed, "{way} as {user:?}: {}", text(&saved));
        }
    }
}
