//! Whether a frame is of a kind, and what is in its fields.

use crate::packet::dhcp6::duid_mac;
use crate::packet::frame::{Body, Frame, Mac, Ports, Tcp, flags};
use crate::packet::server_id::ServerId;
use crate::packet::{decode, frame};
use crate::rules::model::{Field, FieldCheck, Kind, PortIs, TcpKind, Wanted};
use std::net::IpAddr;

/// Whether `frame` is of `kind`.
pub fn is(frame: &Frame, kind: &Kind) -> bool {
    let like = |wanted: Option<u8>, found: Option<u8>| wanted.is_none() || wanted == found;
    match (kind, &frame.body) {
        (Kind::Ip(version), _) => frame.ip.is_some_and(|ip| ip.source.is_ipv4() == (*version == 4)),
        (Kind::Arp(wanted), Body::Arp(arp)) => wanted.is_none_or(|wanted| wanted == arp.operation),
        (Kind::Icmp(4, wanted), Body::Icmp(icmp)) | (Kind::Icmp(6, wanted), Body::Icmp6(icmp)) => like(*wanted, Some(icmp.kind)),
        (Kind::Tcp(wanted, ports), Body::Tcp(tcp)) => wanted.is_none_or(|wanted| does(tcp, wanted)) && are(tcp.ports, ports),
        (Kind::Udp(wanted), Body::Udp(ports, _) | Body::Dhcp4(ports, _) | Body::Dhcp6(ports, _)) => are(*ports, wanted),
        (Kind::Dhcp4(wanted), Body::Dhcp4(_, message)) => like(*wanted, message.kind),
        (Kind::Dhcp6 { relay, kind }, Body::Dhcp6(_, message)) => {
            like(*kind, message.kind) && (relay.is_none() || message.relays.first().map(|r| r.kind) == *relay)
        }
        _ => false,
    }
}

fn does(tcp: &Tcp, wanted: TcpKind) -> bool {
    let has = |flag| tcp.flags & flag != 0;
    match wanted {
        TcpKind::Syn => has(flags::SYN) && !has(flags::ACK),
        TcpKind::SynAck => has(flags::SYN) && has(flags::ACK),
        TcpKind::Fin => has(flags::FIN),
        TcpKind::Rst => has(flags::RST),
    }
}

fn are(ports: Ports, wanted: &[PortIs]) -> bool {
    wanted.iter().all(|wanted| match wanted {
        PortIs::Either(port) => ports.source == *port || ports.destination == *port,
        PortIs::From(port) => ports.source == *port,
        PortIs::To(port) => ports.destination == *port,
    })
}

/// What was found in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    /// An IP address.
    Address(IpAddr),
    /// A number.
    Number(u64),
    /// A hardware address.
    Mac(Vec<u8>),
    /// A DUID.
    Duid(Vec<u8>),
    /// Bytes that are text, more often than not.
    Bytes(Vec<u8>),
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Found::Address(address) => address.fmt(f),
            Found::Number(number) => number.fmt(f),
            Found::Mac(bytes) => f.write_str(&decode::hex(bytes)),
            Found::Duid(duid) => match duid_mac(duid) {
                Some(mac) => f.write_str(&decode::hex(&mac)),
                None => write!(f, "DUID {}", decode::hex(duid)),
            },
            Found::Bytes(bytes) => write!(f, "`{}`", String::from_utf8_lossy(bytes).escape_debug()),
        }
    }
}

/// What `frame` has in `field`, if it has it.
pub fn field(frame: &Frame, field: Field) -> Option<Found> {
    let mac = |pick: fn((Mac, Mac)) -> Mac| frame.macs.map(|macs| Found::Mac(pick(macs).to_vec()));
    let port = |pick: fn(Ports) -> u16| frame.ports().map(|ports| Found::Number(pick(ports).into()));
    match field {
        Field::SourceMac => return mac(|macs| macs.0),
        Field::DestinationMac => return mac(|macs| macs.1),
        Field::SourcePort => return port(|ports| ports.source),
        Field::DestinationPort => return port(|ports| ports.destination),
        Field::Ttl => return frame.ip.map(|ip| Found::Number(ip.ttl.into())),
        Field::Source | Field::Destination => return ends(frame).map(|(a, b)| Found::Address(if field == Field::Source { a } else { b })),
        _ => {}
    }
    match &frame.body {
        Body::Dhcp4(_, message) => {
            let address = match field {
                Field::Hops => return Some(Found::Number(message.hops.into())),
                Field::Xid => return Some(Found::Number(message.xid.into())),
                Field::Chaddr => return Some(Found::Mac(message.chaddr.clone())),
                Field::Giaddr => message.giaddr,
                Field::Ciaddr => message.ciaddr,
                Field::Yiaddr => message.yiaddr,
                Field::Siaddr => message.siaddr,
                Field::ServerId => message.server,
                _ => None,
            };
            address.map(|address| Found::Address(address.into()))
        }
        Body::Dhcp6(_, message) => {
            let nearest = message.nearest();
            match field {
                Field::Hops => message.relays.first().map(|relay| Found::Number(relay.hops.into())),
                Field::Xid => message.xid.map(|xid| Found::Number(xid.into())),
                Field::ServerId => message.server.clone().map(Found::Duid),
                Field::ClientId => message.client.clone().map(Found::Duid),
                Field::LinkAddress => nearest?.link.map(|address| Found::Address(address.into())),
                Field::PeerAddress => nearest?.peer.map(|address| Found::Address(address.into())),
                Field::InterfaceId => nearest?.interface.clone().map(Found::Bytes),
                _ => None,
            }
        }
        _ => None,
    }
}

/// Whether `found` is one of what `check` wants.
pub fn holds(check: &FieldCheck, found: &Found) -> bool {
    check.wanted.iter().any(|wanted| match (wanted, found) {
        (Wanted::Net(net), Found::Address(address)) => net.contains(address),
        (Wanted::Range(first, last), Found::Address(address)) => first.is_ipv4() == address.is_ipv4() && (first..=last).contains(&address),
        (Wanted::Number(first, last), Found::Number(number)) => (first..=last).contains(&number),
        (Wanted::Mac(mac), Found::Mac(found)) => found == mac,
        (Wanted::Duid(ServerId::Duid(duid)), Found::Duid(found)) => found == duid,
        (Wanted::Duid(ServerId::Mac(mac)), Found::Duid(found)) => duid_mac(found) == Some(*mac),
        (Wanted::Text(text), Found::Bytes(bytes)) => bytes == text.as_bytes(),
        _ => false,
    })
}

/// What `check` wants, for messages.
pub fn wanted(check: &FieldCheck) -> String {
    let shown = check.wanted.iter().map(|wanted| match wanted {
        Wanted::Net(net) if net.prefix_len() == net.max_prefix_len() => net.addr().to_string(),
        Wanted::Net(net) => format!("in {net}"),
        Wanted::Range(first, last) => format!("{first}-{last}"),
        Wanted::Number(first, last) if first == last => first.to_string(),
        Wanted::Number(first, last) => format!("{first}-{last}"),
        Wanted::Mac(mac) | Wanted::Duid(ServerId::Mac(mac)) => decode::hex(mac),
        Wanted::Duid(ServerId::Duid(duid)) => format!("DUID {}", decode::hex(duid)),
        Wanted::Duid(ServerId::Address(address)) => address.to_string(),
        Wanted::Text(text) => format!("`{text}`"),
    });
    shown.collect::<Vec<_>>().join(" or ")
}

/// Source and destination address: those of IP, in ARP those of its question.
fn ends(frame: &frame::Frame) -> Option<(IpAddr, IpAddr)> {
    match (&frame.ip, &frame.body) {
        (Some(ip), _) => Some((ip.source, ip.destination)),
        (None, Body::Arp(arp)) => Some((arp.sender.1.into(), arp.target.1.into())),
        _ => None,
    }
}
