//! What labrun makes of frames: real ones, as tcpdump recorded them in the built-in labs, and ones
//! that no sensible program sends.

use crate::common::captures;

use labrun::packet::frame::Frame;
use labrun::packet::protocol::Value;
use labrun::packet::summary::Summary;
use labrun::packet::{PROTOCOLS, dhcp4, dhcp6};
use labrun::rules::kind::Kind;
use proptest::prelude::*;

/// What a capture holds, a line a frame, but for what every kernel says at every link.
fn told(name: &str) -> String {
    let packets =
        captures::read(name).packets.into_iter().map(|packet| (Summary::of(&packet.data), packet));
    let told = packets.filter(|(summary, _)| summary.label != "MULTICAST-REPORT").map(
        |(summary, packet)| {
            let direction = if packet.direction.is_sent() { ">" } else { "<" };
            format!(
                "{:>12} {direction} {} {} {} | {} -> {}\n",
                packet.interface.link,
                summary.protocol.title,
                summary.label,
                summary.detail,
                summary.source,
                summary.destination
            )
        },
    );
    told.collect()
}

#[test]
fn a_dhcpv4_lease_through_a_relay_agent_is_told_message_by_message() {
    insta::assert_snapshot!(told("relay-v4"));
}

#[test]
fn a_dhcpv6_lease_through_two_relay_agents_is_told_message_by_message() {
    insta::assert_snapshot!(told("relay-v6-stand-in"));
}

#[test]
fn pings_and_connections_are_told() {
    insta::assert_snapshot!(told("vpn-routed").lines().take(24).collect::<Vec<_>>().join("\n"));
    insta::assert_snapshot!(told("balance-spread").lines().take(24).collect::<Vec<_>>().join("\n"));
}

/// BIRD, keepalived, hostapd with wpa_supplicant, rp-pppoe and the kernel's bridge, one message of each kind.
#[test]
fn real_routers_bridges_and_access_servers_are_told() {
    insta::assert_snapshot!(told("routers"));
}

/// `data` as `ether`, a header of IPv4 or IPv6 and a UDP header to `port` carry it.
fn udp(version: u8, port: u16, data: &[u8]) -> Vec<u8> {
    let mut frame = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2];
    let length = data.len() as u16 + 8;
    if version == 4 {
        frame.extend([8, 0, 0x45, 0]);
        frame.extend((length + 20).to_be_bytes());
        frame.extend([0, 7, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2]);
    } else {
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0]);
        frame.extend(length.to_be_bytes());
        frame.extend([17, 64]);
        frame.extend([0xfd; 16]);
        frame.extend([0xfc; 16]);
    }
    frame.extend(port.to_be_bytes());
    frame.extend(port.to_be_bytes());
    frame.extend(length.to_be_bytes());
    frame.extend([0, 0]);
    frame.extend(data);
    frame
}

/// A DHCPv4 answer with these options.
fn answer(options: &[u8]) -> Vec<u8> {
    let mut data = vec![0; 240];
    data[..4].copy_from_slice(&[2, 1, 6, 1]);
    data[4..8].copy_from_slice(&[0x1f, 0x2e, 0x3d, 0x4c]);
    data[16..20].copy_from_slice(&[10, 0, 0, 9]);
    data[28..34].copy_from_slice(&[2, 0, 0, 0, 0, 0x0c]);
    data[236..240].copy_from_slice(&[99, 130, 83, 99]);
    data.extend(options);
    data
}

fn dhcp4(data: &[u8]) -> dhcp4::Message {
    assert_eq!(Summary::of(&udp(4, 67, data)).protocol.name, "dhcp4");
    dhcp4::Message::read(data).unwrap()
}

fn dhcp6(data: &[u8]) -> dhcp6::Message {
    assert_eq!(Summary::of(&udp(6, 547, data)).protocol.name, "dhcp6");
    dhcp6::Message::read(data).unwrap()
}

/// What a frame holds in the end, and so many bytes of it: `UDP 4 bytes`.
fn told_shortly(data: &[u8]) -> String {
    let Summary { protocol, detail, .. } = Summary::of(data);
    format!("{} {detail}", protocol.title)
}

#[test]
fn a_dhcpv4_message_with_broken_options_is_read_as_far_as_it_goes() {
    // The server identifier is cut off, the type is not.
    let message = dhcp4(&answer(&[53, 1, 2, 54, 4, 10, 0]));
    assert_eq!((message.kind, message.server, message.xid), (Some(2), None, 0x1f2e_3d4c));
    // No options at all, or cut within the header: BOOTP.
    assert_eq!(dhcp4(&answer(&[])).name(), "bootp reply");
    let cut = dhcp4(&answer(&[])[..20]);
    assert_eq!((cut.yiaddr, cut.giaddr, cut.chaddr.len()), (Some([10, 0, 0, 9].into()), None, 0));
    // A type that nobody knows.
    assert_eq!(dhcp4(&answer(&[53, 1, 99, 255])).name(), "type 99");
    // A hardware address longer than its field.
    let mut long = answer(&[53, 1, 2]);
    long[2] = 255;
    assert_eq!(dhcp4(&long).chaddr.len(), 16);
    // Another magic cookie is no DHCP.
    let mut other = answer(&[53, 1, 2]);
    other[236] = 0;
    assert_eq!(told_shortly(&udp(4, 67, &other)), format!("UDP {} bytes", other.len()));
}

#[test]
fn options_of_dhcpv4_that_overflow_into_other_fields_are_found_there() {
    let mut data = answer(&[52, 1, 3, 255]);
    data[44..50].copy_from_slice(&[54, 4, 10, 0, 0, 3]);
    data[108..111].copy_from_slice(&[53, 1, 5]);
    let message = dhcp4(&data);
    assert_eq!((message.name().as_str(), message.server), ("ack", Some([10, 0, 0, 3].into())));
}

/// A relay message around `inner`, with an interface-id in front.
fn relayed(kind: u8, hops: u8, inner: &[u8]) -> Vec<u8> {
    let mut data = vec![kind, hops];
    data.extend([0xfd, 0, 1, hops].into_iter().chain([0; 12]));
    data.extend([0xfe, 0x80].into_iter().chain([0; 14]));
    data.extend([0, 18, 0, 2, b'i', b'0' + hops]);
    data.extend([0, 9]);
    data.extend((inner.len() as u16).to_be_bytes());
    data.extend(inner);
    data
}

#[test]
fn a_dhcpv6_message_is_found_in_the_relay_messages_around_it() {
    // SOLICIT with a client identifier and an IA_NA that has an address.
    let mut solicit = vec![1, 0xab, 0xcd, 0xef, 0, 1, 0, 10, 0, 3, 0, 1, 2, 0, 0, 0, 0, 0x0c];
    solicit.extend(
        [0, 3, 0, 40]
            .into_iter()
            .chain([0; 12])
            .chain([0, 5, 0, 24])
            .chain([0xfd; 16])
            .chain([0; 8]),
    );
    let frame = udp(6, 547, &relayed(12, 1, &relayed(12, 0, &solicit)));
    let message = dhcp6(&relayed(12, 1, &relayed(12, 0, &solicit)));
    assert_eq!(
        (message.outermost(), message.kind, message.xid),
        (Some(12), Some(1), Some(0xabcdef))
    );
    assert_eq!(message.relays.iter().map(|relay| relay.hops).collect::<Vec<_>>(), [1, 0]);
    let nearest = message.nearest().unwrap();
    assert_eq!(
        (nearest.interface.as_deref(), nearest.link),
        (Some(&b"i0"[..]), Some("fd00:100::".parse().unwrap()))
    );
    assert_eq!(
        (message.client.as_deref().map(<[u8]>::len), message.addresses.len()),
        (Some(10), 1)
    );
    let told = Summary::of(&frame);
    assert_eq!((told.protocol.title, told.label.as_str()), ("DHCPv6", "RELAY-FORWARD SOLICIT"));
    assert!(
        told.detail.contains("link fd00:100::") && told.detail.contains("xid abcdef"),
        "{told:?}"
    );
}

#[test]
fn relay_messages_without_end_come_to_an_end() {
    let mut data = vec![1, 0, 0, 1];
    for _ in 0..600 {
        data = relayed(12, 0, &data);
    }
    assert_eq!(dhcp6(&data).relays.len(), 33);
    // The inner message is missing.
    let empty = dhcp6(&relayed(13, 0, &[]));
    assert_eq!((empty.kind, empty.xid, empty.relays.len()), (None, None, 1));
}

#[test]
fn vlan_tags_padding_and_extension_headers_are_seen_through() {
    let plain = udp(4, 5353, b"four");
    let mut tagged = plain[..12].to_vec();
    tagged.extend([0x88, 0xa8, 0, 9, 0x81, 0, 0x20, 7]);
    tagged.extend(&plain[12..]);
    tagged.extend([0; 10]);
    assert_eq!(told_shortly(&tagged), "UDP 4 bytes");
    let fields = ["destination-port", "vlan"].map(|name| Frame::of(&tagged).field(name));
    assert_eq!(fields, [5353u64, 7].map(|number| Some(Value::Number(number))));

    // Hop-by-hop options, then a fragment header.
    let plain = udp(6, 5353, b"four");
    let with = |offset: u8| {
        let mut extended = plain[..54].to_vec();
        extended[19] += 16;
        extended[20] = 0;
        extended.extend([44, 0, 0, 0, 0, 0, 0, 0]);
        extended.extend([17, 0, 0, offset, 0, 0, 0, 5]);
        extended.extend(&plain[54..]);
        extended
    };
    assert_eq!(told_shortly(&with(1)), "UDP 4 bytes");
    assert_eq!(Summary::of(&with(8)).label, "FRAGMENT");
}

#[test]
fn what_is_not_looked_into_has_its_name_or_number() {
    let told = |at: usize, value: &[u8]| {
        let mut frame = udp(4, 9, b"data");
        frame[at..at + value.len()].copy_from_slice(value);
        let told = Summary::of(&frame);
        format!("{} {}", told.protocol.title, told.label)
    };
    assert_eq!(
        [told(23, &[132]), told(23, &[50]), told(23, &[253])],
        ["IPv4 SCTP", "IPv4 ESP", "IPv4 PROTOCOL 253"]
    );
    assert_eq!(
        [told(12, &[0x88, 0xcc]), told(12, &[0x88, 0xb5])],
        ["Ethernet LLDP", "Ethernet TYPE 0x88b5"]
    );
}

#[test]
fn dns_is_told_over_udp_tcp_and_in_multicast() {
    let query = b"\x1f\x2e\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03www\x07example\x03org\x00\x00\x01\x00\x01";
    for (version, port) in [(4, 53), (6, 53), (4, 5353)] {
        assert_eq!(told_shortly(&udp(version, port, query)), "DNS www.example.org A id 1f2e");
    }
    assert_eq!(told_shortly(&udp(4, 54, query)), "UDP 33 bytes");
    // In a segment it has its length in front.
    let segment = |length: u8| {
        let mut frame = udp(4, 53, query);
        (frame[17], frame[23]) = (frame[17] + 14, 6);
        let header = [[0, 53, 0, 53], [0; 4], [0; 4], [0x50, 0x18, 0, 0], [0; 4]].concat();
        frame.splice(34..42, [&header[..], &[0, length]].concat());
        frame
    };
    assert_eq!(told_shortly(&segment(33)), "DNS www.example.org A id 1f2e");
    assert!(Kind::read("tcp port 53").unwrap().is(&Frame::of(&segment(33))));
    assert_eq!(told_shortly(&segment(34)), "TCP 35 bytes");
}

#[test]
fn rules_ask_for_the_fields_of_dns() {
    let rules = |fields: &str| {
        let nodes = "a: {links: {e: {peer: b/e}}}, b: {links: {e: {peer: a/e}}}";
        let test = format!("{{steps: [ping: {{node: a, to: 10.0.0.1}}], path: [{fields}]}}");
        labrun::lab::check::lab(&format!("lab: x\nnodes: {{{nodes}}}\ntests: {{t: {test}}}\n"), "x")
    };
    let query =
        udp(4, 53, b"\x1f\x2e\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x03WWW\x00\x00\x1c\x00\x01");
    let frame = Frame::of(&query);
    for (fields, holds) in
        [("{name: Www., type: AAAA, id: 7982}", true), ("{type: A}", false), ("{name: ww}", false)]
    {
        let lab = rules(&format!("{{packet: dns query, fields: {fields}}}")).unwrap();
        let checks = &lab.tests[0].path[0].fields;
        let all = checks
            .iter()
            .all(|check| frame.field(check.field).is_some_and(|found| check.holds(&found)));
        assert_eq!(all, holds, "{fields}");
    }
    let wrong = |rule: &str| {
        rules(rule).unwrap_err().into_iter().map(|problem| problem.message).collect::<String>()
    };
    assert_eq!(
        wrong("{packet: dns query, fields: {rcode: NOERROR}}"),
        "only answers have `rcode`: name one, such as `dns answer`"
    );
    assert_eq!(
        wrong("{packet: dns, fields: {type: AAA}}"),
        "there is no type `AAA`, did you mean `AAAA`?"
    );
}

/// `data` as Ethernet carries it after `ethertype`.
fn ethernet(ethertype: u16, data: &[u8]) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2], &ethertype.to_be_bytes()[..], data].concat()
}

/// `data` as IPv4 carries it for the protocol `number`.
fn above_ip(number: u8, data: &[u8]) -> Vec<u8> {
    let length = (data.len() as u16 + 20).to_be_bytes();
    let header = [0x45, 0, length[0], length[1], 0, 7, 0, 0, 1, number, 0, 0];
    ethernet(0x0800, &[&header[..], &[10, 0, 0, 1, 224, 0, 0, 9], data].concat())
}

#[test]
fn what_routers_bridges_and_access_servers_say_is_told() {
    let igmp3 = |kind, sources: u8| {
        let mut data = vec![0x22, 0, 0, 0, 0, 0, 0, 1, kind, 0, 0, sources, 239, 1, 2, 3];
        data.extend((0..sources).flat_map(|_| [10, 0, 0, 7]));
        above_ip(2, &data)
    };
    let bpdu = |kind| {
        let mut data = vec![0x42, 0x42, 3, 0, 0, 2, kind, 0x3c, 0x80, 0, 2, 0, 0, 0, 0, 9];
        data.extend([0, 0, 0, 4, 0x90, 0, 2, 0, 0, 0, 0, 8, 0x80, 1]);
        ethernet(data.len() as u16, &data)
    };
    let ospf = [2, 1, 0, 44, 10, 0, 0, 1, 0, 0, 0, 5, 0, 0];
    let pado = [0x11, 7, 0, 0, 0, 12, 1, 1, 0, 0, 1, 2, 0, 4, b'b', b'r', b'a', b's', 9, 9];
    let frames: [(&str, Vec<u8>); 26] = [
        ("IGMP QUERY group 0.0.0.0", above_ip(2, &[0x11, 100, 0, 0, 0, 0, 0, 0])),
        ("IGMP JOIN group 239.1.2.3", above_ip(2, &[0x16, 0, 0, 0, 239, 1, 2, 3])),
        ("IGMP LEAVE group 239.1.2.3", above_ip(2, &[0x17, 0, 0, 0, 239, 1, 2, 3])),
        ("IGMP JOIN group 239.1.2.3", igmp3(4, 0)),
        ("IGMP LEAVE group 239.1.2.3", igmp3(3, 0)),
        ("IGMP JOIN group 239.1.2.3", igmp3(3, 1)),
        ("IGMP LEAVE group 239.1.2.3", igmp3(6, 1)),
        ("IGMP ? ", above_ip(2, &[0x22, 0, 0])),
        (
            "VRRP ADVERTISEMENT vrid 7 priority 100 version 3 address 10.0.0.254",
            above_ip(112, &[0x31, 7, 100, 1, 0, 100, 0, 0, 10, 0, 0, 254]),
        ),
        ("OSPF HELLO router-id 10.0.0.1 area 0.0.0.5 version 2", above_ip(89, &ospf)),
        ("OSPF UPDATE router-id 10.0.0.1 version 2", above_ip(89, &[2, 4, 0, 44, 10, 0, 0, 1])),
        ("PIM JOIN-PRUNE ", above_ip(103, &[0x23, 0, 0, 0])),
        (
            "BFD UP my-discriminator 1 your-discriminator 2 diagnostic 0",
            udp(4, 3784, &[0x20, 0xc0, 3, 24, 0, 0, 0, 1, 0, 0, 0, 2]),
        ),
        (
            "BFD DOWN my-discriminator 1 your-discriminator 0 diagnostic 1",
            udp(6, 4784, &[0x21, 0x40, 3, 24, 0, 0, 0, 1, 0, 0, 0, 0]),
        ),
        ("UDP DATAGRAM 2 bytes", udp(4, 3784, &[0x40, 0xc0])),
        (
            "STP RAPID root 02:00:00:00:00:09 root-priority 32768 bridge 02:00:00:00:00:08 cost 4",
            bpdu(2),
        ),
        ("STP TOPOLOGY-CHANGE ", bpdu(0x80)),
        ("Ethernet TYPE 0x0003 3 bytes", ethernet(3, &[0x42, 0x42, 4])),
        ("EAPOL START ", ethernet(0x888e, &[1, 1, 0, 0])),
        ("EAPOL REQUEST id 7 method 1", ethernet(0x888e, &[1, 0, 0, 5, 1, 7, 0, 5, 1])),
        ("EAPOL SUCCESS id 7", ethernet(0x888e, &[1, 0, 0, 4, 3, 7, 0, 4])),
        ("EAPOL ? id 7", ethernet(0x888e, &[1, 0, 0, 4, 200, 7, 0, 4])),
        (
            "PPPoE PADI session-id 0 service-name ``",
            ethernet(0x8863, &[0x11, 9, 0, 0, 0, 4, 1, 1, 0, 0]),
        ),
        ("PPPoE PADO session-id 0 service-name `` ac-name `bras`", ethernet(0x8863, &pado)),
        ("PPPoE PADT session-id 7", ethernet(0x8863, &[0x11, 0xa7, 0, 7, 0, 0])),
        ("PPPoE SESSION session-id 7", ethernet(0x8864, &[0x11, 0, 0, 7, 0, 4, 0, 0x21, 1, 2])),
    ];
    for (wanted, frame) in frames {
        let Summary { protocol, label, detail, .. } = Summary::of(&frame);
        assert_eq!(format!("{} {label} {detail}", protocol.title), wanted);
        for length in 0..frame.len() {
            all_of(&Frame::of(&frame[..length]));
        }
    }
}

/// Everything that can be asked of a frame.
fn all_of(frame: &Frame) {
    frame.identity();
    frame.exchange();
    frame.purpose();
    for protocol in PROTOCOLS {
        let fields = protocol.fields.iter().filter_map(|field| frame.field(field.name));
        fields.for_each(|value| drop(value.to_string()));
        if let Some(layer) = frame.layer(protocol) {
            // Flags of TCP are independent of each other.
            let most = if protocol.title == "TCP" { protocol.kinds.len() } else { 2 };
            let kinds = protocol.kinds.iter().filter(|kind| layer.is(kind)).count();
            assert!(kinds <= most, "{layer:?}");
        }
    }
    assert!(!frame.summary().label.is_empty());
}

proptest! {
    #![proptest_config(crate::hostile::cases(256))]

    #[test]
    fn no_bytes_are_too_odd(data in proptest::collection::vec(any::<u8>(), 0..200)) {
        for frame in [data.clone(), udp(4, 67, &data), udp(6, 547, &data), udp(4, 53, &data)] {
            all_of(&Frame::of(&frame));
        }
    }

    #[test]
    fn real_frames_survive_any_damage(which in any::<prop::sample::Index>(), cut in any::<prop::sample::Index>(), changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6)) {
        static FRAMES: std::sync::OnceLock<Vec<Vec<u8>>> = std::sync::OnceLock::new();
        let frames = FRAMES.get_or_init(|| captures::all().into_iter().flat_map(|(_, capture)| capture.packets).map(|p| p.data).collect());
        let mut data = which.get(frames).clone();
        let whole = Summary::of(&data);
        prop_assert!(!whole.label.is_empty() && !whole.source.is_empty(), "{whole:?}");
        for (at, value) in changes {
            let at = at.index(data.len());
            data[at] = value;
        }
        data.truncate(cut.index(data.len() + 1));
        all_of(&Frame::of(&data));
    }
}
