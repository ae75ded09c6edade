//! What a frame is, in a few words for people.

use crate::packet::dhcp6;
use crate::packet::frame::{Body, Frame, Icmp, Tcp, flags};
use crate::packet::{dhcp4, frame};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// A frame in a few words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// The highest protocol that is known: `DHCPv4`.
    pub protocol: String,
    /// The kind of message: `DISCOVER`.
    pub label: String,
    /// What tells it from others of its kind: `xid 1f2e3d4c`.
    pub detail: String,
    /// Who sent it: `0.0.0.0:68`.
    pub source: String,
    /// Whom it is for: `255.255.255.255:67`.
    pub destination: String,
}

/// The few words for the frame that begins with the Ethernet header `data`. It may be cut short or be
/// no sensible frame at all.
pub fn summary(data: &[u8]) -> Summary {
    let frame = Frame::of(data);
    let (source, destination) = ends(&frame);
    let (protocol, label, detail) = words(&frame, data.len());
    Summary { protocol: protocol.into(), label, detail, source, destination }
}

fn ends(frame: &Frame) -> (String, String) {
    if let Some(ip) = &frame.ip {
        let show = |address: IpAddr, port: Option<u16>| match port {
            Some(port) => SocketAddr::new(address, port).to_string(),
            None => address.to_string(),
        };
        let ports = frame.ports();
        return (show(ip.source, ports.map(|p| p.source)), show(ip.destination, ports.map(|p| p.destination)));
    }
    match (&frame.body, frame.macs) {
        (Body::Arp(arp), _) => (arp.sender.1.to_string(), arp.target.1.to_string()),
        (_, Some((source, destination))) => (hex(&source), hex(&destination)),
        _ => Default::default(),
    }
}

fn words(frame: &Frame, length: usize) -> (&'static str, String, String) {
    let version = if frame.ip.is_some_and(|ip| ip.source.is_ipv6()) { "IPv6" } else { "IPv4" };
    match &frame.body {
        Body::Arp(arp) => {
            let detail = match arp.operation {
                1 => format!("who has {}?", arp.target.1),
                2 => format!("{} is at {}", arp.sender.1, hex(&arp.sender.0)),
                other => format!("operation {other}"),
            };
            ("ARP", ["REQUEST", "REPLY"].get(usize::from(arp.operation).wrapping_sub(1)).unwrap_or(&"?").to_string(), detail)
        }
        Body::Icmp(icmp) => ("ICMP", upper(&icmp_name(&frame::ICMP, icmp.kind)), icmp_detail(icmp, [0, 8])),
        Body::Icmp6(icmp) => ("ICMPv6", upper(&icmp_name(&frame::ICMP6, icmp.kind)), icmp_detail(icmp, [128, 129])),
        Body::Tcp(tcp) => ("TCP", tcp_label(tcp), format!("{} bytes", tcp.payload.len())),
        Body::Udp(_, payload) => ("UDP", "DATAGRAM".into(), format!("{} bytes", payload.len())),
        Body::Dhcp4(_, message) => ("DHCPv4", upper(&message.name()), dhcp4_detail(message)),
        Body::Dhcp6(_, message) => ("DHCPv6", dhcp6_label(message), dhcp6_detail(message)),
        Body::Other(rest) => match &frame.ip {
            Some(ip) if ip.fragment => (version, "FRAGMENT".into(), format!("{} bytes", rest.len())),
            Some(ip) => (version, name(&PROTOCOLS, ip.protocol, || format!("PROTOCOL {}", ip.protocol)), format!("{} bytes", rest.len())),
            None if frame.macs.is_none() => ("Ethernet", "CUT SHORT".into(), format!("{length} bytes")),
            None => {
                let kind = frame.ethertype;
                ("Ethernet", name(&ETHERTYPES, kind, || format!("TYPE 0x{kind:04x}")), format!("{} bytes", rest.len()))
            }
        },
    }
}

/// What labs carry and labrun does not look into (IANA, Assigned Internet Protocol Numbers).
const PROTOCOLS: [(u8, &str); 11] = [
    (2, "IGMP"),
    (4, "IPIP"),
    (41, "6IN4"),
    (47, "GRE"),
    (50, "ESP"),
    (51, "AH"),
    (89, "OSPF"),
    (103, "PIM"),
    (112, "VRRP"),
    (115, "L2TP"),
    (132, "SCTP"),
];

/// The same below IP (IANA, IEEE 802 Numbers).
const ETHERTYPES: [(u16, &str); 7] = [
    (0x8809, "LACP"),
    (0x8847, "MPLS"),
    (0x8863, "PPPOE-DISCOVERY"),
    (0x8864, "PPPOE-SESSION"),
    (0x888e, "EAPOL"),
    (0x88cc, "LLDP"),
    (0x88e5, "MACSEC"),
];

fn name<T: PartialEq>(names: &[(T, &str)], number: T, unknown: impl Fn() -> String) -> String {
    names.iter().find(|(known, _)| *known == number).map_or_else(unknown, |(_, name)| name.to_string())
}

fn upper(name: &str) -> String {
    name.to_uppercase()
}

fn icmp_name(names: &[(u8, &str)], kind: u8) -> String {
    name(names, kind, || format!("type {kind}"))
}

/// Identifier and sequence number of the types `echoes`, else the code.
fn icmp_detail(icmp: &Icmp, echoes: [u8; 2]) -> String {
    match (frame::number(icmp.rest, 0), frame::number(icmp.rest, 2)) {
        (Some(id), Some(sequence)) if echoes.contains(&icmp.kind) => format!("id {id} seq {sequence}"),
        _ => format!("code {}", icmp.code),
    }
}

fn tcp_label(tcp: &Tcp) -> String {
    let names = [(flags::SYN, "SYN"), (flags::FIN, "FIN"), (flags::RST, "RST"), (flags::ACK, "ACK")];
    let set: Vec<&str> = names.iter().filter(|(flag, _)| tcp.flags & flag != 0).map(|(_, name)| *name).collect();
    if set.is_empty() { "NO FLAGS".into() } else { set.join("-") }
}

fn dhcp4_detail(message: &dhcp4::Message) -> String {
    let mut detail = Vec::new();
    let mut add = |name: &str, address: Option<Ipv4Addr>| {
        if let Some(address) = address.filter(|address| !address.is_unspecified()) {
            detail.push(format!("{name}{address}"));
        }
    };
    add("", message.yiaddr);
    if !message.reply {
        add("asks for ", message.requested);
    }
    add("server ", message.server);
    add("giaddr ", message.giaddr);
    detail.push(format!("xid {:08x}", message.xid));
    detail.join(" ")
}

fn dhcp6_label(message: &dhcp6::Message) -> String {
    let kinds = message.outermost().into_iter().chain(message.kind.filter(|_| !message.relays.is_empty()));
    upper(&kinds.map(dhcp6::name).collect::<Vec<_>>().join(" "))
}

fn dhcp6_detail(message: &dhcp6::Message) -> String {
    let mut detail: Vec<String> = message.addresses.first().map(|address| address.to_string()).into_iter().collect();
    if let Some(link) = message.nearest().and_then(|relay| relay.link) {
        detail.push(format!("link {link}"));
    }
    detail.extend(message.xid.map(|xid| format!("xid {xid:06x}")));
    detail.join(" ")
}

/// `02:00:…`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":")
}
