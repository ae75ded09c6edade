//! DHCP as labrun reads it is DHCP as dhcproto reads it, which takes only what the RFCs allow: in
//! all captures, and in messages that it has written.

use crate::common::captures;
use dhcproto::v4::DhcpOption as Option4;
use dhcproto::v6::{DhcpOption as Option6, IAAddr, IANA, OptionCode};
use dhcproto::{Decodable, Encodable, v4, v6};
use labrun::packet::{dhcp4, dhcp6};
use proptest::prelude::*;
use std::net::{Ipv4Addr, Ipv6Addr};

/// What follows `headers` bytes in all captured frames that go from or to one of the UDP `ports`.
fn payloads(headers: usize, ethertype: [u8; 2], ports: [u16; 2]) -> Vec<Vec<u8>> {
    let frames = captures::all()
        .into_iter()
        .flat_map(|(_, capture)| capture.packets)
        .map(|packet| packet.data);
    let is = |data: &Vec<u8>| {
        let next = if headers == 42 { 23 } else { 20 };
        data.len() > headers && data[12..14] == ethertype && data[next] == 17 && {
            let port =
                |at: usize| u16::from_be_bytes([data[headers + at - 8], data[headers + at - 7]]);
            ports.contains(&port(0)) || ports.contains(&port(2))
        }
    };
    frames.filter(is).map(|data| data[headers..].to_vec()).collect()
}

fn same_v4(data: &[u8]) {
    let theirs = v4::Message::from_bytes(data).unwrap();
    let ours = dhcp4::Message::read(data).unwrap();
    let address = |code| match theirs.opts().get(code) {
        Some(Option4::ServerIdentifier(address) | Option4::RequestedIpAddress(address)) => {
            Some(*address)
        }
        _ => None,
    };
    let wanted = dhcp4::Message {
        kind: theirs.opts().msg_type().map(u8::from),
        reply: theirs.opcode() == v4::Opcode::BootReply,
        hops: theirs.hops(),
        xid: theirs.xid(),
        ciaddr: Some(theirs.ciaddr()),
        yiaddr: Some(theirs.yiaddr()),
        siaddr: Some(theirs.siaddr()),
        giaddr: Some(theirs.giaddr()),
        chaddr: theirs.chaddr().to_vec(),
        server: address(v4::OptionCode::ServerIdentifier),
        requested: address(v4::OptionCode::RequestedIpAddress),
    };
    assert_eq!(ours, wanted, "{theirs}");
}

/// All relay messages in `data`, and what is in the last.
fn same_v6(data: &[u8]) {
    let ours = dhcp6::Message::read(data).unwrap();
    let mut inner = data.to_vec();
    for relay in &ours.relays {
        let theirs = v6::RelayMessage::from_bytes(&inner).unwrap();
        let interface = match theirs.opts().get(OptionCode::InterfaceId) {
            Some(Option6::InterfaceId(id)) => Some(id.clone()),
            _ => None,
        };
        let (kind, hops) = (u8::from(theirs.msg_type()), theirs.hop_count());
        assert_eq!(
            *relay,
            dhcp6::Relay {
                kind,
                hops,
                link: Some(theirs.link_addr()),
                peer: Some(theirs.peer_addr()),
                interface
            }
        );
        // Their option for it takes relay messages only, so it is found by its code and length.
        let begin = (34..inner.len() - 4).find(|at| {
            inner[*at..*at + 2] == [0, 9]
                && usize::from(u16::from_be_bytes([inner[at + 2], inner[at + 3]]))
                    <= inner.len() - at - 4
        });
        let begin = begin.expect("an option with the message");
        let length = usize::from(u16::from_be_bytes([inner[begin + 2], inner[begin + 3]]));
        inner = inner[begin + 4..][..length].to_vec();
    }
    let theirs = v6::Message::from_bytes(&inner).unwrap();
    assert_eq!((ours.kind, ours.xid), (Some(theirs.msg_type().into()), Some(theirs.xid_num())));
    let id = |code| match theirs.opts().get(code) {
        Some(Option6::ClientId(id) | Option6::ServerId(id)) => Some(id.clone()),
        _ => None,
    };
    assert_eq!((ours.client, ours.server), (id(OptionCode::ClientId), id(OptionCode::ServerId)));
    let addresses = theirs
        .opts()
        .iter()
        .filter_map(|option| if let Option6::IANA(ia) = option { Some(&ia.opts) } else { None });
    let addresses = addresses.flat_map(|opts| opts.iter());
    let addresses: Vec<Ipv6Addr> = addresses
        .filter_map(|o| if let Option6::IAAddr(ia) = o { Some(ia.addr) } else { None })
        .collect();
    assert_eq!(ours.addresses, addresses);
}

#[test]
fn captured_messages_are_read_alike() {
    let (v4, v6) = (payloads(42, [8, 0], [67, 68]), payloads(62, [0x86, 0xdd], [546, 547]));
    assert!(v4.len() > 50 && v6.len() > 50, "{} and {}", v4.len(), v6.len());
    v4.iter().for_each(|data| same_v4(data));
    v6.iter().for_each(|data| same_v6(data));
}

fn bytes(length: impl Into<prop::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), length)
}

proptest! {
    #[test]
    fn any_dhcpv4_message_is_read_alike(
        addresses in any::<[u32; 6]>(), xid in any::<u32>(), chaddr in bytes(0..=16), hops in any::<u8>(), kind in 1..=8u8,
        options in any::<[bool; 3]>(), name in "[a-z]{1,200}"
    ) {
        let [ciaddr, yiaddr, siaddr, giaddr, server, requested] = addresses.map(Ipv4Addr::from);
        let mut message = v4::Message::new_with_id(xid, ciaddr, yiaddr, siaddr, giaddr, &chaddr);
        message.set_hops(hops).set_opcode(if options[0] { v4::Opcode::BootReply } else { v4::Opcode::BootRequest });
        message.opts_mut().insert(Option4::MessageType(kind.into()));
        message.opts_mut().insert(Option4::Hostname(name));
        if options[1] {
            message.opts_mut().insert(Option4::ServerIdentifier(server));
        }
        if options[2] {
            message.opts_mut().insert(Option4::RequestedIpAddress(requested));
        }
        same_v4(&message.to_vec().unwrap());
    }

    #[test]
    fn any_dhcpv6_message_is_read_alike(
        kind in 1..=11u8, xid in any::<[u8; 3]>(), client in prop::option::of(bytes(0..130)), server in prop::option::of(bytes(0..130)),
        addresses in prop::collection::vec(any::<u128>(), 0..4)
    ) {
        let mut message = v6::Message::new_with_id(kind.into(), xid);
        client.into_iter().for_each(|id| message.opts_mut().insert(Option6::ClientId(id)));
        server.into_iter().for_each(|id| message.opts_mut().insert(Option6::ServerId(id)));
        let mut opts = v6::DhcpOptions::new();
        for address in addresses {
            let empty = v6::DhcpOptions::new();
            opts.insert(Option6::IAAddr(IAAddr { addr: address.into(), preferred_life: 1, valid_life: 2, opts: empty }));
        }
        message.opts_mut().insert(Option6::IANA(IANA { id: 7, t1: 1, t2: 2, opts }));
        same_v6(&message.to_vec().unwrap());
    }
}
