//! A frame taken apart, from Ethernet up to the transport, as far as it can be read.
//!
//! Frames may be cut short by the capture or be nonsense sent by the program under test; both must
//! still be shown and matched. So nothing here is an error: what cannot be read is [`Body::Other`],
//! and checksums are not looked at, because on a veth pair the kernel leaves them for hardware that
//! is never reached.

pub use crate::packet::transport::*;
use crate::packet::{dhcp4, dhcp6};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A hardware address.
pub type Mac = [u8; 6];

/// A frame.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Hardware addresses, source and destination; `None` if not even they are there.
    pub macs: Option<(Mac, Mac)>,
    /// The innermost VLAN (IEEE 802.1Q).
    pub vlan: Option<u16>,
    /// What the frame carries, behind all VLAN tags (IEEE 802 numbers).
    pub ethertype: u16,
    /// The IP header.
    pub ip: Option<Ip>,
    /// What is behind it.
    pub body: Body<'a>,
}

/// What matters of an IPv4 (RFC 791) or IPv6 (RFC 8200) header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Time to live, hop limit.
    pub ttl: u8,
    /// What tells the fragments of two datagrams apart. IPv6 has it in fragments only.
    pub id: Option<u32>,
    /// Protocol of the body (IANA protocol numbers), behind IPv6 extension headers.
    pub protocol: u8,
    /// Whether this is a fragment other than the first, so that the body has no header of its own.
    pub fragment: bool,
}

/// What a frame carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Body<'a> {
    /// ARP for IPv4 (RFC 826).
    Arp(Arp),
    /// ICMP (RFC 792).
    Icmp(Icmp<'a>),
    /// ICMPv6 (RFC 4443).
    Icmp6(Icmp<'a>),
    /// TCP (RFC 9293).
    Tcp(Tcp<'a>),
    /// UDP (RFC 768) with anything but DHCP.
    Udp(Ports, &'a [u8]),
    /// DHCPv4.
    Dhcp4(Ports, dhcp4::Message),
    /// DHCPv6.
    Dhcp6(Ports, dhcp6::Message),
    /// Something else, or cut too short to tell.
    Other(&'a [u8]),
}

/// An ARP packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Arp {
    /// 1 asks, 2 answers.
    pub operation: u16,
    /// Who asks or answers: hardware and IP address.
    pub sender: (Mac, Ipv4Addr),
    /// Who is asked or answered.
    pub target: (Mac, Ipv4Addr),
}

const ARP: u16 = 0x0806;
const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
const VLAN_TAGS: [u16; 2] = [0x8100, 0x88a8];

impl<'a> Frame<'a> {
    /// Takes apart the frame that begins with the Ethernet header `data`.
    pub fn of(data: &'a [u8]) -> Frame<'a> {
        let mut frame = Frame { macs: None, vlan: None, ethertype: 0, ip: None, body: Body::Other(data) };
        let (Some(destination), Some(source), Some(mut ethertype)) = (array(data, 0), array(data, 6), number(data, 12)) else {
            return frame;
        };
        frame.macs = Some((source, destination));
        let mut at = 14;
        while VLAN_TAGS.contains(&ethertype)
            && let (Some(tag), Some(next)) = (number(data, at), number(data, at + 2))
        {
            (frame.vlan, ethertype, at) = (Some(tag & 0x0fff), next, at + 4);
        }
        frame.ethertype = ethertype;
        let rest = &data[at..];
        let packet = match ethertype {
            ARP => arp(rest).map(|arp| (None, Body::Arp(arp))),
            IPV4 => ipv4(rest),
            IPV6 => ipv6(rest),
            _ => None,
        };
        (frame.ip, frame.body) = packet.unwrap_or((None, Body::Other(rest)));
        frame
    }

    /// The ports of UDP or TCP.
    pub fn ports(&self) -> Option<Ports> {
        match &self.body {
            Body::Udp(ports, _) | Body::Dhcp4(ports, _) | Body::Dhcp6(ports, _) => Some(*ports),
            Body::Tcp(tcp) => Some(tcp.ports),
            _ => None,
        }
    }
}

/// The `N` bytes from `at` on.
pub(crate) fn array<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk().copied()
}

/// The 16 bits from `at` on, in network order.
pub(crate) fn number(data: &[u8], at: usize) -> Option<u16> {
    array(data, at).map(u16::from_be_bytes)
}

fn arp(data: &[u8]) -> Option<Arp> {
    // Ethernet and IPv4 with addresses of their sizes; others are not used in labs.
    if data.get(..6)? != [0, 1, 8, 0, 6, 4] {
        return None;
    }
    let address = |at| array::<4>(data, at).map(Ipv4Addr::from);
    Some(Arp { operation: number(data, 6)?, sender: (array(data, 8)?, address(14)?), target: (array(data, 18)?, address(24)?) })
}

fn ipv4(data: &[u8]) -> Option<(Option<Ip>, Body<'_>)> {
    let header = usize::from(data.first()? & 0x0f) * 4;
    let address = |at| array::<4>(data, at).map(IpAddr::from);
    let fragment = number(data, 6)? & 0x1fff != 0;
    let (ttl, protocol) = (*data.get(8)?, *data.get(9)?);
    let ip = Ip { source: address(12)?, destination: address(16)?, ttl, id: Some(number(data, 4)?.into()), protocol, fragment };
    // Ethernet pads short frames, so the length in the header counts; zero stands for more than it can say.
    let length = usize::from(number(data, 2)?);
    let rest = data.get(header.max(20)..).unwrap_or_default();
    let length = if length == 0 { usize::MAX } else { length.saturating_sub(header) };
    Some((Some(ip), body(&ip, &rest[..rest.len().min(length)])))
}

fn ipv6(data: &[u8]) -> Option<(Option<Ip>, Body<'_>)> {
    let address = |at| array::<16>(data, at).map(IpAddr::from);
    let mut ip =
        Ip { source: address(8)?, destination: address(24)?, ttl: *data.get(7)?, id: None, protocol: *data.get(6)?, fragment: false };
    let length = usize::from(number(data, 4)?);
    let mut rest = &data[40..];
    rest = &rest[..rest.len().min(if length == 0 { usize::MAX } else { length })];
    // Extension headers (RFC 8200, 4): hop-by-hop, routing and destination options say their length in
    // units of eight bytes, a fragment header has eight bytes.
    while let 0 | 43 | 44 | 60 = ip.protocol {
        let (Some(next), Some(size)) = (rest.first(), rest.get(1)) else { break };
        let mut length = 8 + usize::from(*size) * 8;
        if ip.protocol == 44 {
            ip.id = array(rest, 4).map(u32::from_be_bytes);
            ip.fragment |= number(rest, 2).is_some_and(|offset| offset >> 3 != 0);
            length = 8;
        }
        let Some(behind) = rest.get(length..) else { break };
        (ip.protocol, rest) = (*next, behind);
        if ip.fragment {
            break;
        }
    }
    Some((Some(ip), body(&ip, rest)))
}

fn body<'a>(ip: &Ip, data: &'a [u8]) -> Body<'a> {
    let known = match ip.protocol {
        _ if ip.fragment => None,
        1 if ip.source.is_ipv4() => icmp(data).map(Body::Icmp),
        58 if ip.source.is_ipv6() => icmp(data).map(Body::Icmp6),
        6 => tcp(data).map(Body::Tcp),
        17 => udp(ip, data),
        _ => None,
    };
    known.unwrap_or(Body::Other(data))
}

fn udp<'a>(ip: &Ip, data: &'a [u8]) -> Option<Body<'a>> {
    let ports = ports(data)?;
    let payload = data.get(8..).unwrap_or_default();
    let length = usize::from(number(data, 4).unwrap_or(u16::MAX)).saturating_sub(8);
    let payload = &payload[..payload.len().min(length)];
    let uses = |a, b| [ports.source, ports.destination].iter().any(|port| [a, b].contains(port));
    let dhcp = match ip.source {
        IpAddr::V4(_) if uses(67, 68) => dhcp4::Message::read(payload).map(|message| Body::Dhcp4(ports, message)),
        IpAddr::V6(_) if uses(546, 547) => dhcp6::Message::read(payload).map(|message| Body::Dhcp6(ports, message)),
        _ => None,
    };
    Some(dhcp.unwrap_or(Body::Udp(ports, payload)))
}

/// The IPv6 address from `at` on.
pub(crate) fn ipv6_address(data: &[u8], at: usize) -> Option<Ipv6Addr> {
    array::<16>(data, at).map(Ipv6Addr::from)
}
