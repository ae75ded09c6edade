//! Path rules judged from captures of real runs: those of the built-in labs hold in them, and what
//! each kind of rule says when it does not hold stands in snapshots.

use crate::common::captures;

use labrun::lab::check;
use labrun::lab::find::{BUILT_IN, show_diagnostics};
use labrun::lab::model::Lab;
use labrun::packet::capture::Capture;
use labrun::packet::tcpdump;
use labrun::rules::judge::{ALWAYS, Filters, judge};
use std::collections::BTreeMap;

fn lab(text: &str) -> Lab {
    check::lab(text, "lab.yaml")
        .unwrap_or_else(|diagnostics| panic!("{}", show_diagnostics("lab.yaml", &diagnostics)))
}

fn text_of(name: &str) -> &'static str {
    BUILT_IN.into_iter().find(|(n, _)| *n == name).unwrap().1
}

/// The topology of a built-in lab with a test `t` that has these rules.
fn with_rules(name: &str, rules: &str) -> Lab {
    let (topology, _) = text_of(name).split_once("\ntests:\n").unwrap();
    lab(&format!(
        "{topology}\ntests: {{t: {{steps: [run: {{node: global, command: x}}], path: [{rules}]}}}}\n"
    ))
}

/// What is said of test `index` of `lab`; nothing if all its rules hold.
fn said(lab: &Lab, index: usize, capture: &Capture) -> String {
    let test = &lab.tests[index];
    let filters: Filters = test
        .path
        .iter()
        .filter_map(|rule| rule.filter.as_ref())
        .map(|f| (f.value.clone(), tcpdump::compile(f).unwrap()))
        .collect();
    let violations = judge(&lab.topology, &test.path, capture, &filters, &ALWAYS);
    violations
        .iter()
        .flat_map(|violation| &violation.said.lines)
        .map(|line| format!("{line}\n"))
        .collect()
}

/// Each of `rules` and what is said of it.
fn all_said(name: &str, capture: &Capture, rules: &[&str]) -> String {
    rules
        .iter()
        .map(|rule| format!("{rule}\n{}\n", said(&with_rules(name, rule), 0, capture)))
        .collect()
}

#[test]
fn the_rules_of_the_built_in_labs_hold_in_real_runs() {
    // Those without a dash are of no built-in lab.
    for (name, capture) in captures::all().into_iter().filter(|(name, _)| name.contains('-')) {
        let words: Vec<&str> = name.split('-').collect();
        let lab = lab(text_of(words[0]));
        let index = lab.tests.iter().position(|test| test.short == words[1]).unwrap();
        assert!(!lab.tests[index].path.is_empty(), "{name}");
        assert_eq!(said(&lab, index, &capture), "", "{name}");
        // They do not hold where nothing was seen.
        assert_ne!(said(&lab, index, &Capture::default()), "", "{name}");
    }
}

#[test]
fn packets_are_counted_and_shared_out() {
    let said = all_said(
        "relay",
        &captures::read("relay-v4"),
        &[
            "{packet: dhcp4 discover, at-least: 1}",
            "{packet: dhcp4 discover, at-least: 2}",
            "{packet: dhcp4, count: 1-2}",
            "{packet: dhcp4, at: [ns-client, ns-server], count: 2}",
            "{packet: dhcp4 offer, at: [ns-client, ns-server], at-least: 2}",
            "{packet: dhcp4 ack, count: 1}",
            "{packet: dhcp4, share: {ns-client: 50, ns-server: 50}}",
            "{packet: dhcp4, share: {ns-client: 0-49, ns-server: 51-100}}",
            "{packet: dhcp4, fields: {hops: 0}, some: true}",
            "{packet: dhcp4, fields: {hops: 0, giaddr: 10.9.9.9}, some: true}",
            "{packet: dhcp4 nak, at-least: 1}",
            "{packet: dhcp4 nak, share: {ns-client: 50, ns-server: 50}}",
            "{packet: dhcp4 nak, fields: {hops: 0}, some: true}",
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn a_rule_that_does_not_hold_says_what_went_which_way_instead() {
    let said = all_said(
        "relay",
        &captures::read("relay-v4"),
        &[
            "{packet: dhcp4 offer, avoids: ns-relay}",
            "{packet: dhcp4 discover, avoids: [v-br-srv, v-br-lb]}",
            "{packet: dhcp4 offer, crosses: [ns-server, ns-dhcplb, ns-relay, ns-client]}",
            "{packet: dhcp4 discover, crosses: [ns-client, ns-dhcplb, ns-relay, ns-server]}",
            "{packet: dhcp4 discover, crosses: [ns-relay, ns-client]}",
            "{packet: dhcp4 ack, crosses: [v-br-srv, v-br-rly-int]}",
            "{packet: dhcp4 ack, crosses: br-ext}",
            "{packet: dhcp4 offer, crosses: ns-dhcplb}",
            "{packet: dhcp4 nak}",
            "{packet: dhcp4 offer, at: ns-dhcplb}",
            "{packet: dhcp4 ack, at-most: 0}",
            "{packet: dhcp4 discover, at: v-br-srv-int, at-most: 0}",
            "{packet: dhcp4 offer, fields: {giaddr: 192.168.100.9, server-id: [192.168.100.0/24, 192.168.200.4-192.168.200.9]}}",
            "{packet: dhcp4 discover, fields: {hops: 1, chaddr: \"02:00:00:00:00:0d\"}}",
            "{packet: dhcp4 discover, at: v-br-srv, fields: {source: 192.168.100.1}}",
            "{packet: icmp echo-request, at: ns-client, at-most: 1, fields: {ttl: 1-63}}",
            "{filter: arp, fields: {ttl: 64}}",
            "{filter: udp port 67 and host 192.168.200.2, avoids: v-br-rly-ext}",
            "{packet: dhcp4 request, filter: src host 192.168.200.2, at: v-br-cli}",
            "{packet: dhcp6 solicit, avoids: ns-server, fields: {xid: 1}}",
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn a_dhcpv6_rule_that_does_not_hold_says_what_went_which_way_instead() {
    let said = all_said(
        "relay",
        &captures::read("relay-v6-stand-in"),
        &[
            "{packet: dhcp6 reply, avoids: ns-dhcplb}",
            "{packet: dhcp6 relay-forward, fields: {link-address: \"fd00:200::/64\", hops: 0}}",
            "{packet: dhcp6 relay-forward solicit, crosses: [ns-client, ns-server]}",
            "{packet: dhcp6 relay-reply reply, crosses: [ns-server, ns-client]}",
            "{packet: dhcp6 advertise, fields: {server-id: \"02:00:00:00:02:04\"}}",
            "{packet: dhcp6 relay-forward, fields: {interface-id: eth0}}",
        ],
    );
    insta::assert_snapshot!(said);
}

#[test]
fn rules_hold_for_what_happened() {
    let holds = |name: &str, capture: &str, rules: &[&str]| {
        assert_eq!(
            all_said(name, &captures::read(capture), rules),
            rules.iter().map(|rule| format!("{rule}\n\n")).collect::<String>()
        );
    };
    holds(
        "relay",
        "relay-v4",
        &[
            "{packet: dhcp4 offer, crosses: [v-br-srv-int, v-br-rly-int, v-br-cli], avoids: [v-br-lb, br-ext], at-most: 1}",
            "{packet: dhcp4 offer, crosses: [ns-server, v-br-srv-int, br-int, ns-relay, ns-client/v-cli, ns-client]}",
            "{packet: dhcp4 discover, crosses: [ns-dhcplb, ns-server]}",
            "{packet: dhcp4 discover, crosses: ns-dhcplb}",
            "{packet: dhcp4, at: ns-dhcplb, fields: {giaddr: [192.168.100.1, 10.0.0.1], destination-port: 67, chaddr: \"02:00:00:00:00:0c\"}}",
            "{packet: dhcp4 offer, at: ns-dhcplb, at-most: 0}",
            "{packet: dhcp4 nak, avoids: ns-client}",
            "{packet: udp to port 67}",
            "{packet: icmp echo-reply, at: v-br-cli, at-most: 1, fields: {source: 192.168.200.3, ttl: [63, 64]}}",
            "{filter: udp port 67 and host 192.168.200.2, avoids: v-br-cli}",
        ],
    );
    holds(
        "relay",
        "relay-v6",
        &[
            "{packet: dhcp6 relay-reply, crosses: [ns-server, ns-dhcplb, ns-relay], avoids: br-int}",
            "{packet: dhcp6 relay-forward solicit, crosses: [ns-relay, ns-dhcplb, ns-server]}",
            "{packet: dhcp6 relay-forward, at: v-br-rly-ext, fields: {hops: 0, peer-address: \"fe80::ff:fe00:c\"}}",
        ],
    );
    // Only those from pc1 pass the nodes in this order.
    holds(
        "vpn",
        "vpn-routed",
        &[
            "{packet: icmp echo-request, filter: src host 192.168.10.1, crosses: [pc1, vpn10, vpn20, pc2]}",
        ],
    );
    holds(
        "vpn",
        "vpn-routed",
        &[
            "{packet: icmp echo-request, filter: dst host 192.168.20.1, at: pc2/eth0, fields: {ttl: 62}}",
        ],
    );
    // The balancer writes other addresses, and it is the same connection.
    holds(
        "balance",
        "balance-spread",
        &[
            "{packet: tcp syn, crosses: [global/wan0, br1]}",
            "{packet: tcp syn-ack from port 80, crosses: [br1, global/wan0]}",
        ],
    );
    holds("balance", "balance-spread", &["{packet: tcp syn to port 80, at: server1, at-most: 2}"]);
}

#[test]
fn every_message_must_have_gone_the_whole_way() {
    let rules = "{packet: icmp echo-request, crosses: [pc1, vpn10, vpn20, pc2]}";
    let found = all_said("vpn", &captures::read("vpn-routed"), &[rules]);
    assert!(
        found.contains("but one did not come from pc1:")
            && found.contains("its way: pc2 → vpn20 → vpn10 → pc1"),
        "{found}"
    );
    let found = all_said(
        "balance",
        &captures::read("balance-spread"),
        &["{packet: tcp syn to port 80, at: server1, at-most: 1}"],
    );
    assert!(found.contains("must be seen at most once, but was 2 times at br-veth1:"), "{found}");
}

/// `capture` once more after itself, but only the frames that `again` picks, which it may change.
fn repeated(capture: &Capture, again: impl Fn(&str, &mut Vec<u8>) -> bool) -> Capture {
    let mut all = capture.clone();
    let end = all.packets.last().unwrap().time;
    for mut packet in capture.packets.clone() {
        let label = labrun::packet::summary::Summary::of(&packet.data).label;
        if again(&label, &mut packet.data) {
            packet.time += end;
            all.packets.push(packet);
        }
    }
    all
}

#[test]
fn an_answer_given_twice_is_found_out_be_it_the_same_or_another() {
    let capture = captures::read("server-v4");
    let rule = "{packet: dhcp4 offer, at-most: 1}";
    let twice = repeated(&capture, |label, _| label == "OFFER");
    insta::assert_snapshot!(all_said("server", &twice, &[rule]));
    // yiaddr is 16 bytes into the message, after 14 + 20 + 8 bytes of headers.
    let another = repeated(&capture, |label, data| {
        label == "OFFER" && {
            data[61] += 1;
            true
        }
    });
    assert!(all_said("server", &another, &[rule]).contains("but was 2 times"), "{rule}");
    // A client that asks twice may be answered twice, but not three times.
    let asked = repeated(&capture, |label, _| ["DISCOVER", "OFFER"].contains(&label));
    assert_eq!(said(&with_rules("server", rule), 0, &asked), "");
    let thrice = repeated(&asked, |label, _| label == "OFFER");
    assert!(
        all_said("server", &thrice, &[rule]).contains("(the client asked 2 times)"),
        "{}",
        all_said("server", &thrice, &[rule])
    );
    // Another exchange is another matter: the transaction is 4 bytes into the message.
    let other = repeated(&capture, |label, data| {
        label == "OFFER" && {
            data[46] ^= 1;
            true
        }
    });
    assert_eq!(said(&with_rules("server", rule), 0, &other), "");
}

/// `capture` with every frame `label` at the bridge's port `link` once more, right after itself.
fn twice_at(capture: &Capture, link: &str, label: &str) -> Capture {
    let mut all = capture.clone();
    all.packets.clear();
    for packet in &capture.packets {
        let is = packet.interface.link == link
            && labrun::packet::summary::Summary::of(&packet.data).label == label;
        let again =
            is.then(|| labrun::packet::capture::Packet { time: packet.time + 1, ..packet.clone() });
        all.packets.extend(std::iter::once(packet.clone()).chain(again));
    }
    all
}

#[test]
fn a_question_sent_on_more_often_than_it_came_in_is_found_out_and_a_client_that_asks_again_is_not()
{
    let v4 = captures::read("relay-v4");
    let rule = "{packet: dhcp4 discover, at: [v-br-lb, v-br-srv], at-most: 1}";
    assert_eq!(said(&with_rules("relay", rule), 0, &v4), "");
    // The balancer sends it twice, though it came once.
    let sent_on = twice_at(&v4, "v-br-srv", "DISCOVER");
    let text = said(&with_rules("relay", rule), 0, &sent_on);
    assert!(
        text.starts_with(
            "dhcp4 discover must be seen at most once, but was 2 times at v-br-srv:\n"
        ),
        "{text}"
    );
    // The client asks twice: then all that follows may be seen twice.
    let asked = repeated(&v4, |label, _| label == "DISCOVER");
    assert_eq!(said(&with_rules("relay", rule), 0, &asked), "");
    // But not more often, and whoever looks at the client itself sees that it has asked again.
    let thrice = twice_at(&asked, "v-br-srv", "DISCOVER");
    let text = said(&with_rules("relay", rule), 0, &thrice);
    assert!(text.contains("but was 4 times at v-br-srv (the client asked 2 times):"), "{text}");
    let strict = "{packet: dhcp4 discover, at: v-br-cli, at-most: 1}";
    assert_eq!(said(&with_rules("relay", strict), 0, &sent_on), "");
    let text = said(&with_rules("relay", strict), 0, &asked);
    assert!(text.contains("must be seen at most once, but was 2 times at v-br-cli:"), "{text}");
    // So in the built-in lab, and for DHCPv6.
    let relay = lab(text_of("relay"));
    for (index, capture, label) in
        [(0, &v4, "REQUEST"), (1, &captures::read("relay-v6"), "RELAY-FORWARD REQUEST")]
    {
        let text = said(&relay, index, &twice_at(capture, "v-br-srv", label));
        assert!(text.contains("must be seen at most once, but was 2 times at v-br-srv"), "{text}");
        let all = ["DISCOVER", "REQUEST", "SOLICIT", "RELAY-FORWARD SOLICIT", label];
        let again = repeated(capture, |label, _| all.contains(&label));
        assert_eq!(said(&relay, index, &again), "", "{label}");
    }
}

#[test]
fn an_answer_inside_gre_is_found_out() {
    // An outer header of IPv4 with protocol 47, and GRE's own with a key.
    let tunnel = |kind: [u8; 2], inner: &[u8]| {
        let length = (20 + 8 + inner.len() as u16).to_be_bytes();
        let outer = [
            0x45, 0, length[0], length[1], 0, 9, 0, 0, 64, 47, 0, 0, 192, 168, 100, 1, 192, 168,
            100, 9,
        ];
        [&outer[..], &[0x20, 0], &kind, &[0, 0, 0, 7], inner].concat()
    };
    for (name, version, label) in [("server-v4", 0, "OFFER"), ("server-v6", 1, "REPLY")] {
        let capture = captures::read(name);
        let server = lab(text_of("server"));
        assert_eq!(said(&server, version, &capture), "");
        let hidden = repeated(&capture, |found, data| {
            let inner = data[14..].to_vec();
            let kind = [data[12], data[13]];
            data.truncate(12);
            data.extend([8, 0]);
            data.extend(tunnel(kind, &inner));
            found == label
        });
        let text = said(&server, version, &hidden);
        assert!(
            text.contains("must be seen at most once, but was 2 times at v-br-lb:"),
            "{name}: {text}"
        );
        // The whole frame in the tunnel.
        let framed = repeated(&capture, |found, data| {
            let frame = data.clone();
            data.truncate(12);
            data.extend([8, 0]);
            data.extend(tunnel([0x65, 0x58], &frame));
            found == label
        });
        assert_eq!(said(&server, version, &framed), text, "{name}");
    }
}

#[test]
fn the_outermost_relay_message_has_fields_of_its_own() {
    let capture = captures::read("relay-v6-stand-in");
    let holds = "{packet: dhcp6 relay-forward, at: v-br-srv, fields: {link-address: \"fd00:100::1\", \
                 outer-link-address: \"fd00:200::2\", outer-peer-address: \"fd00:200::1\"}}";
    assert_eq!(said(&with_rules("relay", holds), 0, &capture), "");
    // Of a single one they are the same.
    let single = "{packet: dhcp6 relay-forward, at: v-br-rly-ext, fields: {outer-link-address: \"fd00:100::1\"}}";
    assert_eq!(said(&with_rules("relay", single), 0, &capture), "");
    // What a balancer must not do: the outer link is 2 bytes into the message after 14 + 40 + 8.
    let mut wrong = capture.clone();
    for packet in wrong.packets.iter_mut().filter(|packet| packet.interface.link == "v-br-srv") {
        let forward =
            labrun::packet::summary::Summary::of(&packet.data).label.starts_with("RELAY-FORWARD");
        packet.data[64 + 3] ^= if forward { 9 } else { 0 };
    }
    let text = said(&lab(text_of("relay")), 1, &wrong);
    let said = "dhcp6 relay-forward at v-br-srv: outer-link-address must be :: or fd00:100::1 or fd00:200::2, but it is fd00:209::2:";
    assert!(text.starts_with(said), "{text}");
}

#[test]
fn a_client_that_asks_again_before_it_is_answered_has_asked_two_times_the_whole_way() {
    let mut capture = captures::read("relay-v4");
    let discover = |packet: &&mut labrun::packet::capture::Packet| {
        labrun::packet::summary::Summary::of(&packet.data).label == "DISCOVER"
    };
    let mut again: Vec<_> =
        capture.packets.iter_mut().filter(discover).map(|packet| packet.clone()).collect();
    assert_eq!(again.len(), 7);
    // The first three come from the client, and again before the relay agent has sent anything on.
    let (first, relayed) = (again[2].time, again[3].time);
    for (packet, time) in again.iter_mut().zip([first + 1, first + 2, first + 3]) {
        packet.time = time;
    }
    assert!(first + 3 < relayed);
    for packet in &mut again[3..] {
        packet.time += 1;
    }
    capture.packets.extend(again.clone());
    let rule = "{packet: dhcp4 discover, crosses: [ns-client, ns-relay, ns-dhcplb, ns-server]}";
    assert_eq!(said(&with_rules("relay", rule), 0, &capture), "");
    // Where the balancer swallows both, that is told of the one that got so far.
    capture.packets.retain(|packet| {
        packet.interface.link != "v-br-srv"
            && (packet.interface.link != "v-br-lb" || packet.direction.is_sent())
    });
    assert!(
        said(&with_rules("relay", rule), 0, &capture)
            .contains("but one got no further than ns-dhcplb:")
    );
}

#[test]
fn a_question_that_was_lost_and_asked_again_fails_nothing_though_its_broadcast_reached_the_server()
{
    for (name, index, kinds) in [
        ("relay-v4", 0, ["DISCOVER", "DISCOVER"]),
        ("relay-v6", 1, ["SOLICIT", "RELAY-FORWARD SOLICIT"]),
    ] {
        let capture = captures::read(name);
        // What came to the balancer, a second before.
        let mut lost: Vec<_> = capture.packets.clone();
        lost.retain(|packet| {
            let label = labrun::packet::summary::Summary::of(&packet.data).label;
            let from_balancer = packet.interface.link == "v-br-lb" && !packet.direction.is_sent();
            kinds.contains(&label.as_str()) && packet.interface.link != "v-br-srv" && !from_balancer
        });
        assert_eq!(lost.len(), 5, "{name}");
        let mut again = capture.clone();
        again.packets.iter_mut().for_each(|packet| packet.time += 1_000_000_000);
        again.packets.extend(lost);
        assert_eq!(said(&lab(text_of("relay")), index, &again), "", "{name}");
    }
}

#[test]
fn an_answer_that_also_takes_a_short_cut_is_found_out() {
    let mut capture = captures::read("relay-v6");
    let end = capture.packets.last().unwrap().time;
    let bare = |packet: &&labrun::packet::capture::Packet| {
        labrun::packet::summary::Summary::of(&packet.data).label == "REPLY"
    };
    let mut direct: Vec<_> = capture.packets.iter().filter(bare).cloned().collect();
    // From the server's own interface in the client's network.
    assert_eq!(
        direct.iter().map(|packet| packet.interface.link.as_str()).collect::<Vec<_>>(),
        ["v-br-rly-int", "v-br-cli"]
    );
    direct[0].interface.link = "v-br-srv-int".into();
    for packet in &mut direct {
        packet.time += end;
        packet.data[6..12].copy_from_slice(&[2, 0, 0, 0, 2, 4]);
    }
    let rule = "{packet: dhcp6 reply, crosses: [ns-server, ns-dhcplb, ns-relay, ns-client]}";
    assert_eq!(said(&with_rules("relay", rule), 0, &capture), "");
    capture.packets.extend(direct);
    let said = said(&with_rules("relay", rule), 0, &capture);
    assert!(said.contains("but one did not get from ns-server to ns-dhcplb:"), "{said}");
}

#[test]
fn a_dhcpv6_answer_given_twice_is_found_out() {
    let capture = captures::read("server-v6");
    let rule = "{packet: dhcp6 reply, at-most: 1}";
    assert_eq!(said(&with_rules("server", rule), 0, &capture), "");
    let twice = repeated(&capture, |label, _| label == "REPLY");
    assert!(
        all_said("server", &twice, &[rule])
            .contains("must be seen at most once, but was 2 times at v-br-lb:"),
        "{rule}"
    );
}

#[test]
fn a_capture_that_lacks_packets_proves_nothing() {
    let lab = with_rules("server", "{packet: dhcp4 offer}, {packet: dhcp4 ack, at-most: 0}");
    let whole = captures::read("server-v4");
    let (lost, left_out) =
        (Capture { lost: 3, ..whole.clone() }, Capture { left_out: 7, ..whole.clone() });
    assert!(said(&lab, 0, &lost).contains(
        "the capture lacks packets, so nobody can tell whether the path was kept: 3 were lost"
    ));
    assert!(
        said(&lab, 0, &left_out).contains("dhcp4 ack must not be seen, but was:"),
        "what was seen was seen"
    );
    let holds = with_rules("server", "{packet: dhcp4 offer}");
    assert_eq!(said(&holds, 0, &whole), "");
    assert!(said(&holds, 0, &left_out).contains("7 were left out because of its size"));
    // Where it is bulk data that is lacking, what is none can be judged.
    let bulk = Capture { bulk_left_out: 9, ..whole };
    assert_eq!(said(&holds, 0, &bulk), "");
    let never = with_rules("server", "{packet: tcp syn, avoids: ns-client}");
    assert_eq!(said(&never, 0, &bulk), "");
    for rule in ["{packet: udp}", "{packet: ip}", "{packet: tcp to port 80, at-most: 0}"] {
        let said = said(&with_rules("server", rule), 0, &bulk);
        assert!(said.contains("9 of bulk data were lost or left out"), "{rule}: {said}");
    }
}

#[test]
fn without_a_capture_the_test_fails_and_says_why() {
    use labrun::record::result::{Outcome, TestResult};
    let lab = with_rules("server", "{packet: dhcp4 nak, avoids: ns-client}");
    let mut result = TestResult::new(&lab, &lab.tests[0], Outcome::Pass);
    result.evidence.no_capture = Some("the kernel has no AF_PACKET".into());
    labrun::run::path::path(&lab, &lab.tests[0], &BTreeMap::new(), &mut result);
    assert_eq!(
        (result.outcome, result.place),
        (Outcome::Fail, Some(("lab.yaml".into(), lab.tests[0].path[0].line)))
    );
    assert_eq!(
        result.lines,
        ["the path cannot be judged without a capture: the kernel has no AF_PACKET"]
    );
    // A test that asks nothing of its packets needs none.
    let mut result = TestResult::new(&lab, &lab.tests[0], Outcome::Pass);
    let test = labrun::lab::model::Test { path: Vec::new(), ..lab.tests[0].clone() };
    labrun::run::path::path(&lab, &test, &BTreeMap::new(), &mut result);
    assert_eq!(result.outcome, Outcome::Pass);
}

#[test]
fn nodes_on_cables_are_captured_inside() {
    let captured = |lab: Lab| lab.tests[0].capture.join(" ");
    let inside = |name: &str, rule: &str| captured(with_rules(name, rule));
    assert_eq!(inside("vpn", ""), "pc1 pc2 vpn10 vpn20");
    assert_eq!(
        inside("balance", "{packet: icmp, crosses: [server1, global, global/wan0], at-most: 9}"),
        "outside"
    );
    assert_eq!(
        inside(
            "relay",
            "{packet: icmp, crosses: [ns-client, ns-relay/v-rly-int, v-br-srv, br-ext]}"
        ),
        ""
    );
    // Of many nodes those that matter: all of them, where it is the way that does.
    let chain = |rule: &str| {
        let ends = |n: usize| {
            [
                (n > 1).then(|| format!("l: {{peer: n{}/r}}", n - 1)),
                (n < 9).then(|| format!("r: {{peer: n{}/l}}", n + 1)),
            ]
        };
        let links = |n: usize| ends(n).into_iter().flatten().collect::<Vec<_>>().join(", ");
        let nodes: String =
            (1..=9).map(|n| format!("  n{n}: {{links: {{{}}}}}\n", links(n))).collect();
        captured(lab(&format!(
            "lab: chain\nnodes:\n{nodes}tests: {{t: {{steps: [run: {{node: n1, command: x}}], path: [{rule}]}}}}\n"
        )))
    };
    assert_eq!(chain(""), "");
    assert_eq!(chain("{packet: icmp, at: [n1, n2/r]}"), "n1 n2");
    assert_eq!(chain("{packet: icmp, crosses: [n1, n2/r]}"), "n1 n2 n3 n4 n5 n6 n7 n8 n9");
}
