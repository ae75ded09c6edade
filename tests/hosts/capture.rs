//! Captures are complete: every packet of a test is in its capture, once for each interface that it
//! crosses, and no packet of another test is. Packets carry numbers, so that they can be counted.

use crate::common;

use common::host::{self, expect, finish_within};
use common::{User, command, folder, labrun, users, wait_for, write};
use labrun::agent::message::{self, Event, Request, Stream};
use labrun::compile::script;
use labrun::event;
use labrun::lab::check;
use labrun::lab::model::Lab;
use labrun::packet::capture::{Capture, Packet};
use labrun::packet::pcapng;
use labrun::steps::Client;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::SystemTime;

/// Two hosts on a switch. The datagrams of `burst` come from one socket, without a pause, and the
/// first and the last are what the test begins and ends with.
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
  odd = one:
    links: {eth0: {bridge: br0, port: p-c}}
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
      - run: {node: a, timeout: 30s, command: 'head -c 12000000 /dev/zero | socat -u -b 1400 STDIN UDP-SENDTO:10.0.0.2:9'}
  bulk:
    steps:
      - run: {node: a, command: 'head -c 1000000 /dev/zero | socat -u -b 65536 STDIN TCP:10.0.0.2:80'}
  loop:
    capture: [a]
    steps:
      - run: {node: a, command: 'printf "loop %05d" 1 >/dev/udp/127.0.0.1/9'}
  odd:
    capture: odd = one
    steps:
      - run: {node: odd = one, command: 'printf "odd %05d" 1 >/dev/udp/127.0.0.1/9'}
  tagged:
    steps:
      - run: {node: a, command: 'printf "\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\1\x81\0\0\7\x88\xb5tagged" | socat -u STDIN INTERFACE:eth0'}
  flow:
    steps:
      - run: {node: a, command: '(exec 3>/dev/udp/10.0.0.2/9; exec 4<> <(:); for ((n = 0; ; n++)); do printf "flow %05d" $n >&3; read -t 0.0002 -u 4; done) &'}
  none:
    steps:
      - run: {node: a, command: 'true'}
"#;

/// What the agent's answers bear.
const NONCE: &str = "0123456789abcdef";

/// A session with the lab, as labrun has it.
struct Session {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    lab: Lab,
}

impl Session {
    fn start(user: User, folder: &Path, agent: &str) -> Session {
        let lab = check::lab(LAB, "counted").unwrap();
        let script = write(folder, "lab.sh", &script::compile(&lab, Client::Dhclient));
        let mut command = command(user, "bash");
        command.arg(script).args(["--tied", "--agent", agent, "session"]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut session = Session { input: child.stdin.take().unwrap(), child, lines, lab };
        while !matches!(event::parse(&session.line()), Ok(event::Event::Ready { .. })) {}
        let layout = Box::new(script::layout(&session.lab, Client::Dhclient, Path::new("/")));
        session.ask(&Request::Hello { nonce: NONCE.into(), layout, gather: false });
        session
    }

    fn ask(&mut self, request: &Request) {
        writeln!(self.input, "{}", serde_json::to_string(request).unwrap()).unwrap();
    }

    fn line(&mut self) -> String {
        self.lines.next().expect("the session has not ended").unwrap()
    }

    /// All that the agent says, up to the event that `last` knows.
    fn until(&mut self, last: impl Fn(&Event) -> bool) -> Vec<Event> {
        let mut events = Vec::new();
        loop {
            let line = self.line();
            let event = message::parse(&line, NONCE)
                .unwrap_or_else(|| panic!("not of the agent: {line}, after {events:?}"));
            let over = last(&event);
            events.push(event);
            if over {
                return events;
            }
        }
    }

    fn step(&mut self, test: &str) {
        let test = self.lab.tests.iter().find(|known| known.short == test).unwrap();
        let step = Box::new(test.steps[0].kind.clone());
        self.ask(&Request::Step { step });
        let events = self.until(|event| matches!(event, Event::Step { .. }));
        assert!(
            matches!(events.last(), Some(Event::Step { exit: 0, unsent: None, .. })),
            "{events:?}"
        );
    }

    fn captured(&mut self) -> Vec<u8> {
        self.ask(&Request::Captured);
        let events =
            self.until(|event| matches!(event, Event::Captured { .. } | Event::NoCapture { .. }));
        let Some(Event::Captured { packets, lost, left_out, bulk_left_out }) = events.last() else {
            panic!("{events:?}")
        };
        let chunks = events.iter().filter_map(|event| match event {
            Event::Output { stream: Stream::Capture, data, .. } => Some(data.clone()),
            _ => None,
        });
        let file: Vec<u8> = chunks.flatten().collect();
        let capture = pcapng::read(&file).unwrap();
        assert_eq!(
            (capture.packets.len() as u64, capture.lost, capture.left_out, capture.bulk_left_out),
            (*packets, *lost, *left_out, *bulk_left_out)
        );
        file
    }

    /// Asks for the capture of a test; how that was answered.
    fn begins(&mut self, nodes: &str) -> Event {
        let nodes =
            ["global"].into_iter().chain(nodes.split_whitespace()).map(String::from).collect();
        self.ask(&Request::Begin { nodes, keep: Vec::new() });
        self.until(|event| matches!(event, Event::Begun | Event::NoCapture { .. })).pop().unwrap()
    }

    fn begin(&mut self, nodes: &str) {
        assert_eq!(self.begins(nodes), Event::Begun);
    }

    fn restore(&mut self) {
        self.ask(&Request::Restore { gather: false });
        self.until(|event| matches!(event, Event::Restored { .. }));
    }

    /// Runs a test whose nodes are captured; the file with its packets.
    fn test(&mut self, name: &str, nodes: &str) -> Vec<u8> {
        self.begin(nodes);
        self.step(name);
        let file = self.captured();
        self.restore();
        file
    }

    fn end(mut self) {
        drop(self.input);
        for _ in self.lines.by_ref() {}
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
            seen.entry((
                packet.interface.node.clone(),
                packet.interface.link.clone(),
                packet.direction.is_sent(),
            ))
            .or_default()
            .push(number);
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

/// Every user, with labrun and with the static agent that it brings to other machines, if it has
/// one.
fn agents() -> Vec<(User, String)> {
    let brought =
        common::agent(std::env::consts::ARCH).map(|path| path.to_str().unwrap().to_string());
    let agents: Vec<String> = [LABRUN.to_string()].into_iter().chain(brought).collect();
    users()
        .into_iter()
        .flat_map(|user| agents.clone().into_iter().map(move |agent| (user, agent)))
        .collect()
}

#[test]
fn every_packet_is_captured_once_at_every_interface_and_none_of_another_test() {
    host::private(
        "every_packet_is_captured_once_at_every_interface_and_none_of_another_test",
        || {
            for (user, agent) in agents() {
                let folder = folder();
                let mut session = Session::start(user, folder.path(), &agent);
                for _ in 0..5 {
                    let capture = pcapng::read(&session.test("burst", "a b")).unwrap();
                    let seen = numbers(&capture, "burst");
                    let all: Vec<usize> = (0..500).collect();
                    let places = [
                        key("global", "p-a", false),
                        key("global", "p-b", true),
                        key("a", "eth0", true),
                        key("b", "eth0", false),
                    ];
                    assert_eq!(seen.len(), places.len(), "{:?}", seen.keys());
                    for place in &places {
                        assert_eq!(seen[place], all, "{place:?}");
                    }
                    assert_eq!((capture.lost, capture.left_out), (0, 0));
                    assert!(capture.packets.is_sorted_by_key(|packet| packet.time));

                    // The next test, which sends nothing, sees nothing of it; nor nodes that it
                    // does not name.
                    let capture = pcapng::read(&session.test("none", "")).unwrap();
                    assert!(numbers(&capture, "burst").is_empty(), "{capture:?}");
                    let capture = pcapng::read(&session.test("burst", "")).unwrap();
                    assert!(capture.packets.iter().all(|packet| packet.interface.node == "global"));
                    assert_eq!(numbers(&capture, "burst")[&key("global", "p-b", true)], all);
                }
                session.end();
            }
        },
    );
}

/// Nanoseconds since 1970, by the clock that packets have their times from.
fn now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64
}

#[test]
fn a_capture_begins_and_ends_at_once_in_the_middle_of_a_flow() {
    host::private("a_capture_begins_and_ends_at_once_in_the_middle_of_a_flow", || {
        for (user, agent) in agents() {
            let folder = folder();
            let mut session = Session::start(user, folder.path(), &agent);
            session.step("flow");
            wait_for("the flow", || {
                session.begin("");
                !numbers(&pcapng::read(&session.captured()).unwrap(), "flow").is_empty()
            });
            let (mut next, mut rounds) = (BTreeMap::new(), 0);
            // The sender may get no time in a round.
            wait_for("ten captures of the flow", || {
                let asked = now();
                session.begin("b");
                let begun = now();
                while now() < begun + 10_000_000 {}
                let capture = pcapng::read(&session.captured()).unwrap();
                let ended = now();
                assert_eq!((capture.lost, capture.left_out), (0, 0));
                assert!(
                    capture.packets.iter().all(|packet| (asked..ended).contains(&packet.time)),
                    "{asked}..{ended}: {capture:?}"
                );
                let seen = numbers(&capture, "flow");
                for (place, numbers) in &seen {
                    // Nothing is missing in between, and nothing was in the capture before.
                    let last = numbers[0] + numbers.len();
                    assert_eq!(*numbers, (numbers[0]..last).collect::<Vec<_>>(), "{place:?}");
                    let next = next.insert(place.clone(), last).unwrap_or(0);
                    assert!(numbers[0] >= next, "{place:?}: {} was seen before {next}", numbers[0]);
                }
                rounds += usize::from(seen.len() == 3);
                rounds == 10
            });
            session.end();
        }
    });
}

#[test]
fn a_burst_of_many_is_counted_to_the_last() {
    host::private("a_burst_of_many_is_counted_to_the_last", || {
        for (user, agent) in agents() {
            let folder = folder();
            let mut session = Session::start(user, folder.path(), &agent);
            let capture = pcapng::read(&session.test("many", "")).unwrap();
            let seen = numbers(&capture, "many");
            let counted =
                seen[&key("global", "p-a", false)].len() + seen[&key("global", "p-b", true)].len();
            // What the kernel had to drop is known by its number, and nothing else is missing.
            assert_eq!((capture.lost, capture.left_out), (0, 0));
            let lost = capture.bulk_left_out;
            assert!(counted as u64 + lost >= 50_000, "{counted} seen, {lost} lost");
            assert!(lost > 0 || counted == 50_000, "{counted} seen, none lost");
            session.end();
        }
    });
}

#[test]
fn a_capture_has_a_size_and_counts_what_it_leaves_out() {
    host::private("a_capture_has_a_size_and_counts_what_it_leaves_out", || {
        for (user, agent) in agents() {
            let folder = folder();
            let mut session = Session::start(user, folder.path(), &agent);
            let file = session.test("big", "");
            let capture = pcapng::read(&file).unwrap();
            let left_out = capture.bulk_left_out;
            assert!(left_out > 0 && !capture.packets.is_empty(), "{left_out} left out");
            assert_eq!((capture.lost, capture.left_out), (0, 0));
            // Each frame is seen at both ports of the bridge, and is kept or counted. On a busy machine
            // the kernel drops some itself, and then there may be room to spare.
            let frames = 2 * 12_000_000_u64.div_ceil(1400);
            let seen = capture.packets.len() as u64 + left_out;
            assert!(seen >= frames, "{seen} of {frames}");
            assert!((1 << 20..13 << 20).contains(&file.len()), "{} bytes", file.len());
            // The next one has all its room again.
            let capture = pcapng::read(&session.test("burst", "")).unwrap();
            assert_eq!(
                (
                    capture.bulk_left_out,
                    numbers(&capture, "burst")[&key("global", "p-a", false)].len()
                ),
                (0, 500)
            );
            session.end();
        }
    });
}

#[test]
fn frames_are_as_they_were_sent() {
    host::private("frames_are_as_they_were_sent", || {
        for (user, agent) in agents() {
            let folder = folder();
            let mut session = Session::start(user, folder.path(), &agent);
            // Of a segment that nobody has split yet, which is longer than any frame on a wire, the
            // beginning is kept.
            let capture = pcapng::read(&session.test("bulk", "")).unwrap();
            let longest = capture.packets.iter().max_by_key(|packet| packet.length).unwrap();
            assert!(
                longest.length > 20_000 && longest.data.len() == 14 + 20 + 32 + 2048,
                "{} of {} bytes",
                longest.data.len(),
                longest.length
            );

            // The kernel takes VLAN tags out of what it receives.
            let capture = pcapng::read(&session.test("tagged", "")).unwrap();
            let tagged = b"\xff\xff\xff\xff\xff\xff\x02\0\0\0\0\x01\x81\0\0\x07\x88\xb5tagged";
            let seen: Vec<_> = capture
                .packets
                .iter()
                .filter(|packet| packet.data == tagged)
                .map(|packet| &packet.interface.link)
                .collect();
            assert!(
                seen.contains(&&"p-a".to_string()) && seen.contains(&&"p-b".to_string()),
                "{capture:?}"
            );
            assert!(
                capture.packets.iter().all(|packet| packet.length as usize == packet.data.len()),
                "{capture:?}"
            );

            let capture = pcapng::read(&session.test("loop", "a")).unwrap();
            assert_eq!(
                numbers(&capture, "loop"),
                BTreeMap::from([(key("a", "lo", true), vec![1]), (key("a", "lo", false), vec![1])])
            );
            // Inside, a node that the kernel cannot call by its name has another.
            let capture = pcapng::read(&session.test("odd", "_node-2")).unwrap();
            assert_eq!(numbers(&capture, "odd")[&key("_node-2", "lo", true)], [1]);
            session.end();
        }
    });
}

#[test]
fn tcpdump_and_wireshark_read_the_file() {
    host::private("tcpdump_and_wireshark_read_the_file", || {
        for (user, agent) in agents() {
            let folder = folder();
            let mut session = Session::start(user, folder.path(), &agent);
            let file = session.test("burst", "b");
            session.end();
            let path = folder.path().join("burst.pcap");
            fs::write(&path, &file).unwrap();
            let lines = |program: &str, words: &[&str]| {
                let output = Command::new(program)
                    .args(words)
                    .arg(&path)
                    .stdin(Stdio::null())
                    .output()
                    .unwrap();
                let text = common::text(&output);
                assert!(output.status.success(), "{program}: {text}");
                text
            };
            if which::which("tcpdump").is_ok() {
                // A pcapng of several interfaces is read by tcpdump, too, as they are all of
                // Ethernet.
                let text = lines("tcpdump", &["-nr"]);
                assert_eq!(text.matches("10.0.0.2.9: UDP, length 11").count(), 3 * 500, "{text}");
            } else {
                eprintln!("SKIP tcpdump: not installed");
            }
            if which::which("capinfos").is_ok() {
                let text = lines("capinfos", &["-M"]);
                for words in
                    ["Name = p-a", "Name = b/eth0", "Strict time order:   True", "nanoseconds"]
                {
                    assert!(text.contains(words), "{words} in {text}");
                }
            } else {
                eprintln!("SKIP capinfos: not installed");
            }
        }
    });
}

/// A program in `folder` that stands for the agent.
fn agent(folder: &Path, name: &str, text: &str) -> String {
    use std::os::unix::fs::PermissionsExt;
    let path = write(folder, name, text);
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    path.to_str().unwrap().to_string()
}

#[test]
fn a_test_goes_on_without_a_capture_and_says_why() {
    host::private("a_test_goes_on_without_a_capture_and_says_why", || {
        if !common::is_root() {
            return eprintln!(
                "SKIP without a capture: only root can be kept from packets, others get all rights in their sandbox"
            );
        }
        let folder = folder();
        let refused = agent(
            folder.path(),
            "refused",
            &format!("#!/bin/sh\nexec setpriv --bounding-set -net_raw {LABRUN} \"$@\"\n"),
        );
        let mut session = Session::start(User::Own, folder.path(), &refused);
        for _ in 0..2 {
            let reason = |event: Event| {
                if let Event::NoCapture { reason } = event { reason } else { panic!("{event:?}") }
            };
            let why = reason(session.begins(""));
            assert!(
                why.starts_with("cannot capture in ")
                    && why.ends_with("Operation not permitted (os error 1)"),
                "{why}"
            );
            session.step("burst");
            session.ask(&Request::Captured);
            let events = session
                .until(|event| matches!(event, Event::NoCapture { .. } | Event::Captured { .. }));
            assert_eq!(events, [Event::NoCapture { reason: why }]);
            session.restore();
        }
        session.end();
    });
}

/// `labrun capture` with `words`, once it captures.
fn live(user: User, words: &[&str]) -> Child {
    let mut command = labrun(user);
    command.arg("capture").args(words).stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn a_running_lab_is_captured_until_an_interrupt() {
    host::private("a_running_lab_is_captured_until_an_interrupt", || {
        let folder = folder();
        let file = write(folder.path(), "counted.yaml", LAB);
        let file = file.to_str().unwrap();
        for user in users() {
            // The user of the moment must be able to write there.
            let out = common::folder();
            fs::set_permissions(out.path(), std::os::unix::fs::PermissionsExt::from_mode(0o777))
                .unwrap();
            let path = out.path().join("b.pcap");
            expect(user, &["setup", "counted", "--file", file], 0);
            let send = |name: &str| {
                let command = format!(
                    "exec 3>/dev/udp/10.0.0.2/9; for ((n = 0; n < 200; n++)); do printf '{name} %05d' $n >&3; done"
                );
                expect(user, &["exec", "counted", "a", "bash", "-c", &command], 0)
            };

            let mut capture = live(
                user,
                &["counted", "b", "--filter", "udp port 9", "-w", path.to_str().unwrap()],
            );
            let mut words = BufReader::new(capture.stderr.take().unwrap()).lines();
            assert_eq!(
                words.next().unwrap().unwrap(),
                "labrun: capturing in b of counted, until Ctrl-C"
            );
            send("live");
            host::kill("INT", capture.id());
            assert_eq!(words.next().unwrap().unwrap(), "200 packets");
            assert_eq!(capture.wait().unwrap().code(), Some(0));
            let capture = pcapng::read(&fs::read(&path).unwrap()).unwrap();
            assert_eq!(
                numbers(&capture, "live"),
                BTreeMap::from([(key("b", "eth0", false), (0..200).collect())])
            );

            // A node may be called anything.
            let mut capture = live(user, &["counted", "odd = one", "-w", path.to_str().unwrap()]);
            let mut words = BufReader::new(capture.stderr.take().unwrap()).lines();
            words.next().unwrap().unwrap();
            expect(
                user,
                &[
                    "exec",
                    "counted",
                    "odd = one",
                    "bash",
                    "-c",
                    "printf 'odd %05d' 7 >/dev/udp/127.0.0.1/9",
                ],
                0,
            );
            host::kill("INT", capture.id());
            assert_eq!(capture.wait().unwrap().code(), Some(0));
            let capture = pcapng::read(&fs::read(&path).unwrap()).unwrap();
            assert_eq!(numbers(&capture, "odd")[&key("odd = one", "lo", false)], [7]);

            // A line a packet, until nobody reads any more.
            let mut capture = live(user, &["counted"]);
            let mut lines = BufReader::new(capture.stdout.take().unwrap()).lines();
            // It says nothing before the first packet, so something is sent until it does.
            std::thread::scope(|scope| {
                let sender = scope.spawn(|| (0..20).for_each(|_| drop(send("line"))));
                let line = lines.next().unwrap().unwrap();
                assert!(
                    line.contains("0.000000  ")
                        && (line.contains("  p-") || line.contains("  br0")),
                    "{line}"
                );
                drop(lines);
                sender.join().unwrap();
            });
            let output = finish_within(
                std::time::Duration::from_secs(10),
                capture,
                "labrun capture counted",
            );
            assert_eq!(output.status.code(), Some(0), "{}", common::text(&output));

            // The end of the lab is the end of its capture, whose file is whole.
            let mut capture = live(user, &["counted", "-w", path.to_str().unwrap()]);
            let mut words = BufReader::new(capture.stderr.take().unwrap()).lines();
            words.next().unwrap().unwrap();
            send("last");
            expect(user, &["clean", "counted"], 0);
            assert_eq!(capture.wait().unwrap().code(), Some(0));
            assert!(words.next().unwrap().unwrap().ends_with(" packets"));
            let capture = pcapng::read(&fs::read(&path).unwrap()).unwrap();
            assert_eq!(
                numbers(&capture, "last")[&key("global", "p-a", false)],
                (0..200).collect::<Vec<_>>()
            );
        }
    });
}

#[test]
fn what_cannot_be_captured_is_refused_and_leaves_no_file() {
    host::private("what_cannot_be_captured_is_refused_and_leaves_no_file", || {
        let folder = folder();
        let file = write(folder.path(), "counted.yaml", LAB);
        expect(User::Own, &["setup", "counted", "--file", file.to_str().unwrap()], 0);
        let path = folder.path().join("none.pcap");
        for (words, reason) in [
            (vec!["counted", "c"], "the lab counted has no node c"),
            (vec!["missing"], "no lab `missing` is up"),
            (vec!["counted", "--filter", "udp prot 67"], "`udp prot 67` is not a filter: "),
            (vec![], "required arguments"),
        ] {
            let text = expect(
                User::Own,
                &[&["capture", "-w", path.to_str().unwrap()], words.as_slice()].concat(),
                2,
            );
            assert!(text.contains(reason), "{text}");
            assert!(!path.exists());
        }
        expect(User::Own, &["clean"], 0);
        let text = expect(User::Own, &["capture", "show", file.to_str().unwrap()], 2);
        assert!(text.contains("neither pcapng nor pcap"), "{text}");
    });
}

#[test]
fn only_nodes_that_there_are_can_be_captured_in() {
    let lab = check::lab(LAB, "counted").unwrap();
    assert_eq!(
        (lab.tests[0].capture.as_slice(), lab.tests[1].capture.as_slice()),
        (["a".to_string(), "b".into()].as_slice(), [].as_slice())
    );
    let nodes = script::captured_nodes(&lab);
    assert_eq!(
        nodes.iter().map(|node| node.name.as_str()).collect::<Vec<_>>(),
        ["a", "b", "odd = one"]
    );
    let diagnostics =
        check::lab(&LAB.replace("capture: [a, b]", "capture: [a, bb]"), "counted").unwrap_err();
    assert!(
        format!("{diagnostics:?}").contains("no node `bb`, did you mean `b`?"),
        "{diagnostics:?}"
    );
}
