//! Filter expressions choose the frames that tcpdump itself chooses.

use crate::common;
use crate::common::captures;
use crate::common::labs;

use common::{folder, users};
use labrun::packet::bpf::{Instruction, accepts};
use labrun::packet::capture::Packet;
use labrun::packet::pcapng;
use labrun::packet::tcpdump::compile;
use labs::{Lab, have};
use proptest::prelude::*;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;
use std::sync::OnceLock;

/// Frames of all protocols that the built-in labs speak.
fn frames() -> &'static [Packet] {
    static FRAMES: OnceLock<Vec<Packet>> = OnceLock::new();
    FRAMES.get_or_init(|| {
        captures::all()
            .into_iter()
            .flat_map(|(_, capture)| capture.packets.into_iter().step_by(5))
            .collect()
    })
}

/// How many bytes each frame has that tcpdump finds in a file of `frames` with `expression`.
fn tcpdump(frames: &[&[u8]], expression: &str) -> Vec<Vec<u8>> {
    let folder = folder();
    let (all, some) = (folder.path().join("all.pcap"), folder.path().join("some.pcap"));
    let words = [0xa1b2_c3d4u32, 0x0004_0002, 0, 0, 262_144, 1].map(u32::to_ne_bytes).concat();
    let frame = |frame: &&[u8]| {
        [&[0, 0, frame.len() as u32, frame.len() as u32].map(u32::to_ne_bytes).concat()[..], frame]
            .concat()
    };
    std::fs::write(&all, [words, frames.iter().flat_map(frame).collect()].concat()).unwrap();
    let output = Command::new("tcpdump")
        .arg("-r")
        .arg(&all)
        .arg("-w")
        .arg(&some)
        .args(["--", expression])
        .output()
        .unwrap();
    assert!(output.status.success(), "{expression}: {output:?}");
    pcapng::read(&std::fs::read(&some).unwrap())
        .unwrap()
        .packets
        .into_iter()
        .map(|packet| packet.data)
        .collect()
}

fn ours(frames: &[&[u8]], program: &[Instruction]) -> Vec<Vec<u8>> {
    frames
        .iter()
        .filter(|frame| accepts(program, frame, frame.len() as u32))
        .map(|frame| frame.to_vec())
        .collect()
}

/// A filter expression that has something to say of these frames.
fn expression() -> impl Strategy<Value = String> {
    let primitive = prop_oneof![
        prop::sample::select(vec![
            "arp",
            "ip",
            "ip6",
            "icmp",
            "icmp6",
            "tcp",
            "udp",
            "port 67",
            "src port 547",
            "dst port 80",
            "portrange 60-70",
            "host 192.168.200.2",
            "src net 192.168.100.0/24",
            "dst host fd00:200::2",
            "net fd00:100::/64",
            "ether host 02:00:00:00:00:0c",
            "ether broadcast",
            "ether multicast",
            "greater 100",
            "less 70",
            "tcp[tcpflags] & tcp-syn != 0",
            "tcp[13] = 18",
            "udp[8] = 1",
            "ip[8] < 64",
            "ip6[6] = 17",
            "icmp[icmptype] == icmp-echo",
            "ip proto 17",
            "ip6 protochain 58",
            "vlan",
            "vlan 7",
            "len % 2 == 1",
            "ether[0] & 1 != 0",
            "(ip[2:2] - ((ip[0] & 0xf) << 2)) > 40",
            "ether[12:2] ^ 0x0800 == 0",
            "ip[9] * 2 / 3 = 11",
        ])
        .prop_map(String::from),
        (
            0..80u32,
            prop::sample::select(vec![1, 2, 4]),
            prop::sample::select(vec!["=", "!=", ">", "<"]),
            any::<u16>()
        )
            .prop_map(|(at, size, is, value)| format!("ether[{at}:{size}] {is} {value}")),
    ];
    primitive.prop_recursive(3, 8, 2, |inner| {
        prop_oneof![
            inner.clone().prop_map(|a| format!("not ({a})")),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| format!("({a}) and ({b})")),
            (inner.clone(), inner).prop_map(|(a, b)| format!("({a}) or ({b})")),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]
    #[test]
    fn an_expression_chooses_what_tcpdump_chooses(expression in expression(), cut in 0..200usize, tag in any::<bool>()) {
        if which::which("tcpdump").is_err() {
            eprintln!("SKIP an_expression_chooses_what_tcpdump_chooses: no tcpdump");
            return Ok(());
        }
        // Whole frames and the same cut short, some in a VLAN.
        let tagged = |data: &[u8]| [&data[..12], &[0x81, 0, 0, 7], &data[12..]].concat();
        let frames: Vec<Vec<u8>> = frames().iter().flat_map(|packet| {
            let data = if tag { tagged(&packet.data) } else { packet.data.clone() };
            [data[..data.len().min(cut)].to_vec(), data]
        }).collect();
        let frames: Vec<&[u8]> = frames.iter().map(Vec::as_slice).filter(|frame| !frame.is_empty()).collect();
        let program = match compile(&expression) {
            Ok(program) => program,
            // Two parts of it may exclude each other, which tcpdump finds out.
            Err(error) => {
                prop_assert!(error.to_string().contains("expression rejects all packets"), "{}", error);
                return Ok(());
            }
        };
        let (ours, theirs) = (ours(&frames, &program), tcpdump(&frames, &expression));
        let first = ours.iter().zip(&theirs).find(|(a, b)| a != b);
        prop_assert!(ours.len() == theirs.len() && first.is_none(), "{}: {} and {} frames, {:?}", expression, ours.len(), theirs.len(), first);
    }
}

#[test]
fn a_wrong_filter_is_a_mistake_of_the_lab_file_that_tcpdump_explains() {
    if !have("a_wrong_filter", &["tcpdump"]) {
        return;
    }
    let body = "
nodes: {a: {links: {e: {peer: b/e}}}, b: {links: {e: {peer: a/e}}}}
tests:
  t:
    steps: [run: {node: a, command: \"true\"}]
    path:
      - {filter: udp prot 67, avoids: a}
      - {filter: arp, avoids: a}
      - {packet: ip, filter: -w /tmp/file, avoids: a}
";
    for user in users() {
        let lab = Lab::new(user, body);
        let file = lab.file.display().to_string();
        for words in [&["check", file.as_str()][..], &["--file", &file, "test"]] {
            let done = labs::run({
                let mut command = common::labrun(user);
                command.args(words);
                command
            });
            assert_eq!(done.exit, 2, "{}", done.all);
            let place =
                format!("{file}:7:18: tests.t.path[0].filter: `udp prot 67` is not a filter: ");
            assert!(done.all.contains(&place) && done.all.contains("syntax error"), "{}", done.all);
            assert!(
                done.all.contains(&format!(
                    "{file}:9:30: tests.t.path[2].filter: `-w /tmp/file` is not a filter: "
                )),
                "{}",
                done.all
            );
            assert!(!done.all.contains("path[1]"), "{}", done.all);
        }
    }
}

#[test]
fn a_capture_keeps_what_its_filter_and_those_of_its_rules_choose() {
    if !have("a_capture_keeps", &["tcpdump", "ping"]) {
        return;
    }
    let body = r#"
bridges: [br0]
nodes:
  a: {links: {eth0: {bridge: br0, port: pa, addresses: 10.0.0.1/24}}}
  b: {links: {eth0: {bridge: br0, port: pb, addresses: 10.0.0.2/24}}}
x-steps: &steps
- {ping: {node: a, to: 10.0.0.2}}
- {run: {node: a, command: "bash -c 'echo >/dev/udp/10.0.0.2/9'"}}
tests:
  some: {steps: *steps, capture: {filter: "icmp[icmptype] == icmp-echo", nodes: [b]}, path: [{filter: udp port 9, at: b}]}
  # That there was ARP is known, whatever else is kept.
  arp: {fresh: true, steps: *steps, capture: {filter: icmp}, path: [{filter: arp, avoids: pb}]}
  all: {fresh: true, steps: *steps}
"#;
    for user in users() {
        let lab = Lab::new(user, body);
        let out = lab.folder.path().join("out");
        std::fs::create_dir(&out).unwrap();
        std::fs::set_permissions(&out, std::fs::Permissions::from_mode(0o777)).unwrap();
        let folder = format!("--artifacts-dir={}", out.display());
        let (done, results) = lab.results(&["--artifacts=always", &folder]);
        assert_eq!(results["some"]["outcome"], "pass", "{user:?}: {}", done.all);
        assert_eq!(results["arp"]["outcome"], "fail", "{user:?}: {}", done.all);
        assert!(done.all.contains("must avoid pb, but was there"), "{user:?}: {}", done.all);
        let kept = |test: &str| -> Vec<(bool, bool, bool)> {
            let file = out.join(format!("{}-{test}/1/capture.pcapng", lab.name));
            let packets = pcapng::read(&std::fs::read(file).unwrap()).unwrap().packets;
            let is = |packet: &Packet, words: &str| {
                accepts(&compile(words).unwrap(), &packet.data, packet.length)
            };
            let kinds = packets
                .iter()
                .map(|packet| (is(packet, "arp"), is(packet, "icmp"), is(packet, "udp port 9")));
            kinds.collect()
        };
        let count = |test: &str| {
            let kept = kept(test);
            [
                kept.iter().filter(|kind| kind.0).count(),
                kept.iter().filter(|kind| kind.1).count(),
                kept.iter().filter(|kind| kind.2).count(),
                kept.len(),
            ]
        };
        // The request at both ports and in b; so is what the rule is about.
        let [arp, icmp, udp, all] = count("some");
        assert!(arp == 0 && icmp == 3 && udp == 3 && all == 6, "{user:?}: {:?}", count("some"));
        let [arp, icmp, udp, _] = count("arp");
        assert!(arp > 0 && icmp >= 4 && udp == 0, "{user:?}: {:?}", count("arp"));
        let [arp, icmp, udp, _] = count("all");
        assert!(arp > 0 && icmp >= 4 && udp == 2, "{user:?}: {:?}", count("all"));
    }
}
