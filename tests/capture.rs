//! Captures are complete: every packet of a test is in its capture, once for each interface that it
//! crosses, and no packet of another test is. Packets carry numbers, so that they can be counted.

mod common;

use common::host::{self, expect};
use common::{User, folder, users, write};
use labrun::event::{self, Event};
use labrun::evidence::packet::{Capture, Packet};
use labrun::evidence::pcapng;
use labrun::lab::check;
use labrun::lab::model::Client;
use labrun::script;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Two hosts on a switch. The datagrams of `burst` come from one socket, without a pause, and the first
/// and the last are what the test begins and ends with.
const LAB: &str = r#"
lab: counted
bridges: [br0]
nodes:
  a:
    links: {eth0: {bridge: br0, port: p-a, addresses: 10.0.0.1/24}}
  b:
    links: {eth0: {bridge: br0, port: p-b, addresses: 10.0.0.2/24}}
    services:
      sink: {command: "exec socat -u UDP-RECV:9 OPEN:/dev/null", ready: {udp: 9}}
      bulk: {command: "exec socat -u TCP-LISTEN:80,fork OPEN:/dev/null", ready: {tcp: 80}}
tests:
  burst:
    capture: [a, b]
    steps:
      - run: {node: a, command: 'exec 3>/dev/udp/10.0.0.2/9; for ((n = 0; n < 500; n++)); do printf "burst %05d" $n >&3; done'}
  many:
    steps:
      - run: {node: a, timeout: 30s, command: 'exec 3>/dev/udp/10.0.0.2/9; for ((n = 0; n < 25000; n++)); do printf "many %05d" $n >&3; done'}
  big:
    steps:
      - run: {node: a, timeout: 30s, command: 'head -c 24000000 /dev/zero | socat -u -b 65536 STDIN TCP:10.0.0.2:80'}
  bulk:
    steps:
      - run: {node: a, command: 'head -c 1000000 /dev/zero | socat -u -b 65536 STDIN TCP:10.0.0.2:80'}
  loop:
    capture: [a]
    steps:
      - run: {node: a, command: 'printf "loop %05d" 1 >/dev/udp/127.0.0.1/9'}
  tagged:
    steps:
      - run: {node: a, command: 'printf "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\1\x81\0\0\7\x88\xb5tagged" | socat -u STDIN INTERFACE:eth0'}
  none:
    steps:
      - run: {node: a, command: 'true'}
"#;

/// A session with the lab, as labrun has it.
struct Session {
    child: Child,
    input: ChildStdin,
    events: Lines<BufReader<ChildStdout>>,
}

impl Session {
    fn start(user: User, folder: &Path, capturer: &str) -> Session {
        let lab = check::lab(LAB, "counted").unwrap();
        let script = write(folder, "lab.sh", &script::compile(&lab, Client::Dhclient));
        let mut command = common::command(user, "bash");
        command.arg(script).args(["--tied", "--capturer", capturer, "session"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let events = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut session = Session { input: child.stdin.take().unwrap(), child, events };
        session.until(|event| matches!(event, Event::Ready { .. }));
        session
    }

    fn say(&mut self, request: &str) {
        writeln!(self.input, "{request}").unwrap();
    }

    /// All events up to the one that `last` knows.
    fn until(&mut self, last: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let line = self.events.next().unwrap_or_else(|| panic!("the session ended after {events:?}")).unwrap();
            let event = event::parse(&line).unwrap_or_else(|line| panic!("no event: {line}"));
            let over = last(&event);
            events.push(event);
            if over {
                return events;
            }
        }
    }

    fn step(&mut self, test: &str) {
        self.say(&format!("step {test}/0"));
        let events = self.until(|event| matches!(event, Event::Step { .. }));
        assert_eq!(events.last(), Some(&Event::Step { exit: 0 }), "{events:?}");
    }

    fn captured(&mut self) -> Vec<u8> {
        self.say("captured");
        let events = self.until(|event| matches!(event, Event::Captured { .. } | Event::NoCapture { .. }));
        let Some(Event::Captured { packets, lost, left_out }) = events.last() else { panic!("{events:?}") };
        let chunks = events.iter().filter_map(|event| match event {
            Event::Output { stream, data, .. } if stream == "capture" => Some(event::bytes(data)),
            _ => None,
        });
        let file: Vec<u8> = chunks.flatten().collect();
        let capture = pcapng::read(&file).unwrap();
        assert_eq!((capture.packets.len() as u64, capture.lost, capture.left_out), (*packets, *lost, *left_out));
        file
    }

    /// Runs a test whose nodes are captured; the file with its packets.
    fn test(&mut self, name: &str, nodes: &str) -> Vec<u8> {
        self.say(&format!("begin global {nodes}"));
        self.until(|event| matches!(event, Event::Begun));
        self.step(name);
        let file = self.captured();
        self.say("restore");
        self.until(|event| matches!(event, Event::Restored));
        file
    }

    fn end(mut self) {
        drop(self.input);
        for _ in self.events.by_ref() {}
        assert!(self.child.wait().unwrap().success());
    }
}

/// The numbered datagrams of `test` by node, interface and direction, in the order of the capture.
fn numbers(capture: &Capture, test: &str) -> BTreeMap<(String, String, bool), Vec<usize>> {
    let mut seen: BTreeMap<_, Vec<usize>> = BTreeMap::new();
    for packet in &capture.packets {
        if let Some(text) = datagram(packet)
            && let Some(number) = text.strip_prefix(test).and_then(|rest| rest.trim().parse().ok())
        {
            seen.entry((packet.place.node.clone(), packet.place.link.clone(), packet.sent)).or_default().push(number);
        }
    }
    seen
}

/// What a UDP datagram over IPv4 carries.
fn datagram(packet: &Packet) -> Option<String> {
    let data = &packet.data;
    let udp = data.get(12..14)? == [8, 0] && *data.get(23)? == 17;
    udp.then(|| String::from_utf8_lossy(data.get(42..).unwrap_or_default()).into_owned())
}

fn key(node: &str, link: &str, sent: bool) -> (String, String, bool) {
    (node.into(), link.into(), sent)
}

const LABRUN: &str = env!("CARGO_BIN_EXE_labrun");

#[test]
fn every_packet_is_captured_once_at_every_interface_and_none_of_another_test() {
    host::private("every_packet_is_captured_once_at_every_interface_and_none_of_another_test", || {
        for user in users() {
            let folder = folder();
            let mut session = Session::start(user, folder.path(), LABRUN);
            for _ in 0..5 {
                let capture = pcapng::read(&session.test("burst", "a b")).unwrap();
                let seen = numbers(&capture, "burst");
                let all: Vec<usize> = (0..500).collect();
                let places = [key("global", "p-a", false), key("global", "p-b", true), key("a", "eth0", true), key("b", "eth0", false)];
                assert_eq!(seen.len(), places.len(), "{:?}", seen.keys());
                for place in &places {
                    assert_eq!(seen[place], all, "{place:?}");
                }
                assert_eq!((capture.lost, capture.left_out), (0, 0));
                assert!(capture.packets.is_sorted_by_key(|packet| packet.time));

                // The next test, which sends nothing, sees nothing of it; nor nodes that it does not name.
                let capture = pcapng::read(&session.test("none", "")).unwrap();
                assert!(numbers(&capture, "burst").is_empty(), "{capture:?}");
                let capture = pcapng::read(&session.test("burst", "")).unwrap();
                assert!(capture.packets.iter().all(|packet| packet.place.node == "global"));
                assert_eq!(numbers(&capture, "burst")[&key("global", "p-b", true)], all);
            }
            session.end();
        }
    });
}
