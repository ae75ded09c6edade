//! Which frames carry the same message, and how often a message may be said.
//!
//! A message changes on its way: routers count the time to live down, NAT writes other addresses and
//! ports, relay agents of DHCP write a message of their own around it. What is left the same tells it
//! from all others:
//!
//! | message | is known by |
//! |---|---|
//! | DHCPv4 | type, transaction, client, server identifier, offered address |
//! | DHCPv6 | type and transaction of the client's or server's message, client, server |
//! | ICMP   | type, code and everything behind the checksum |
//! | TCP    | flags, sequence and acknowledgement number, data |
//! | UDP, other IP | IP identification (IPv4), data |
//! | ARP, other    | all of it |

use crate::packet::frame::{Body, Frame};
use crate::packet::{dhcp4, dhcp6};

/// What the frames of one message have in common.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Message(Vec<u8>);

/// What `frame` carries.
pub fn message(frame: &Frame) -> Message {
    let mut key = Vec::new();
    let mut add = |part: &[u8]| {
        key.extend((part.len() as u32).to_be_bytes());
        key.extend(part);
    };
    match &frame.body {
        Body::Dhcp4(_, message) => {
            add(b"dhcp4");
            add(&[message.kind.unwrap_or_default(), message.reply.into()]);
            add(&message.xid.to_be_bytes());
            add(&message.chaddr);
            for address in [message.server, message.yiaddr] {
                add(&address.map_or([0; 4], |address| address.octets()));
            }
        }
        Body::Dhcp6(_, message) => {
            add(b"dhcp6");
            add(&[message.kind.unwrap_or_default()]);
            add(&message.xid.unwrap_or_default().to_be_bytes());
            add(message.client.as_deref().unwrap_or_default());
            add(message.server.as_deref().unwrap_or_default());
        }
        Body::Icmp(icmp) | Body::Icmp6(icmp) => {
            add(b"icmp");
            add(&[icmp.kind, icmp.code]);
            add(icmp.rest);
        }
        Body::Tcp(tcp) => {
            add(b"tcp");
            add(&[tcp.flags]);
            add(&tcp.sequence.to_be_bytes());
            add(&tcp.acknowledgement.to_be_bytes());
            add(tcp.payload);
        }
        Body::Udp(_, data) => datagram(frame, b"udp", data, add),
        Body::Arp(arp) => {
            add(b"arp");
            add(&arp.operation.to_be_bytes());
            for (mac, address) in [arp.sender, arp.target] {
                add(&mac);
                add(&address.octets());
            }
        }
        Body::Other(data) => datagram(frame, b"other", data, add),
    }
    Message(key)
}

fn datagram(frame: &Frame, tag: &[u8], data: &[u8], mut add: impl FnMut(&[u8])) {
    add(tag);
    add(&frame.ethertype.to_be_bytes());
    if let Some(ip) = frame.ip {
        add(&[ip.protocol, ip.fragment.into()]);
        add(&ip.id.unwrap_or_default().to_be_bytes());
    }
    add(data);
}

/// A DHCP client's exchange: IP version, transaction and client.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exchange(u8, u32, Vec<u8>);

/// The exchange that `frame` is part of, and the type of its message.
pub fn exchange(frame: &Frame) -> Option<(Exchange, u8)> {
    match &frame.body {
        Body::Dhcp4(_, message) => Some((Exchange(4, message.xid, message.chaddr.clone()), message.kind?)),
        Body::Dhcp6(_, message) => Some((Exchange(6, message.xid?, message.client.clone().unwrap_or_default()), message.kind?)),
        _ => None,
    }
}

/// Whether a message of type `kind` answers one of type `question` in the same exchange.
pub fn answers(exchange: &Exchange, kind: u8, question: u8) -> bool {
    let names: &[&str] = if exchange.0 == 4 { &dhcp4::TYPES } else { &dhcp6::TYPES };
    let name = |number: u8| names.get(usize::from(number).wrapping_sub(1)).copied().unwrap_or_default();
    match (exchange.0, name(kind)) {
        (4, "offer") => name(question) == "discover",
        (4, "ack" | "nak") => matches!(name(question), "request" | "inform"),
        (6, "advertise") => name(question) == "solicit",
        // Also to a SOLICIT with the Rapid Commit option (RFC 8415, 18.3.1).
        (6, "reply") => !matches!(name(question), "advertise" | "reply" | "reconfigure" | ""),
        _ => false,
    }
}
