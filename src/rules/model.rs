//! The path rules of a checked test: which packets must go which way.

use crate::packet::server_id::ServerId;
use crate::topology::places::Spot;
use crate::yaml::problem::At;
use ipnet::IpNet;
use std::net::IpAddr;

/// A rule: what holds of all packets that it is about.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Line of the lab file.
    pub line: u64,
    /// What messages call the packets: `dhcp4 offer`.
    pub name: String,
    /// The packets it is about; any if `None`.
    pub packet: Option<Kind>,
    /// A tcpdump expression that holds of them, too.
    pub filter: Option<At<String>>,
    /// The places that it looks at; all if empty.
    pub at: Vec<Spot>,
    /// What every message crosses, in this order.
    pub crosses: Vec<Spot>,
    /// Where none is seen.
    pub avoids: Vec<Spot>,
    /// How often one is seen in any place in any direction.
    pub at_most: Option<u64>,
    /// What they hold.
    pub fields: Vec<FieldCheck>,
}

/// A kind of packet. What is `None` or empty may be anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// IP of this version.
    Ip(u8),
    /// ARP: 1 asks, 2 answers.
    Arp(Option<u16>),
    /// ICMP of this IP version, and its type.
    Icmp(u8, Option<u8>),
    /// TCP.
    Tcp(Option<TcpKind>, Vec<PortIs>),
    /// UDP.
    Udp(Vec<PortIs>),
    /// DHCPv4, and the message's type (RFC 2132, 9.6).
    Dhcp4(Option<u8>),
    /// DHCPv6.
    Dhcp6 {
        /// The type of the outermost message, if that is to be a relay's.
        relay: Option<u8>,
        /// The type of the client's or server's message, bare or in relay messages.
        kind: Option<u8>,
    },
}

/// What a TCP segment does to its connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TcpKind {
    /// Asks for it.
    Syn,
    /// Accepts it.
    SynAck,
    /// Ends one direction of it.
    Fin,
    /// Refuses it or gives it up.
    Rst,
}

/// A condition on the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PortIs {
    /// One of both.
    Either(u16),
    /// The source.
    From(u16),
    /// The destination.
    To(u16),
}

/// A field of a packet and what it may be.
#[derive(Clone, Debug)]
pub struct FieldCheck {
    /// Which.
    pub field: Field,
    /// One of these.
    pub wanted: Vec<Wanted>,
}

/// A field of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// IP address of the sender.
    Source,
    /// IP address of the receiver.
    Destination,
    /// Port of the sender.
    SourcePort,
    /// Port of the receiver.
    DestinationPort,
    /// Hardware address of the sender on this link.
    SourceMac,
    /// Hardware address of the receiver on this link.
    DestinationMac,
    /// Time to live, hop limit.
    Ttl,
    /// Relay agents passed, as DHCP counts them.
    Hops,
    /// Transaction of DHCP.
    Xid,
    /// DHCPv4: the relay agent next to the client.
    Giaddr,
    /// DHCPv4: the client's present address.
    Ciaddr,
    /// DHCPv4: the client's address to be.
    Yiaddr,
    /// DHCPv4: the next server of a boot.
    Siaddr,
    /// DHCPv4: the client's hardware address.
    Chaddr,
    /// The DHCP server.
    ServerId,
    /// DHCPv6: the client's DUID.
    ClientId,
    /// DHCPv6: the client's link, as the relay agent next to it says.
    LinkAddress,
    /// DHCPv6: the client, as the relay agent next to it says.
    PeerAddress,
    /// DHCPv6: what the relay agent next to the client calls its link.
    InterfaceId,
}

/// All fields with the names that lab files have for them.
pub const FIELDS: [(&str, Field); 19] = [
    ("source", Field::Source),
    ("destination", Field::Destination),
    ("source-port", Field::SourcePort),
    ("destination-port", Field::DestinationPort),
    ("source-mac", Field::SourceMac),
    ("destination-mac", Field::DestinationMac),
    ("ttl", Field::Ttl),
    ("hops", Field::Hops),
    ("xid", Field::Xid),
    ("giaddr", Field::Giaddr),
    ("ciaddr", Field::Ciaddr),
    ("yiaddr", Field::Yiaddr),
    ("siaddr", Field::Siaddr),
    ("chaddr", Field::Chaddr),
    ("server-id", Field::ServerId),
    ("client-id", Field::ClientId),
    ("link-address", Field::LinkAddress),
    ("peer-address", Field::PeerAddress),
    ("interface-id", Field::InterfaceId),
];

impl Field {
    /// Its name in lab files.
    pub fn name(self) -> &'static str {
        FIELDS.iter().find(|(_, field)| *field == self).map_or("", |(name, _)| name)
    }
}

/// What a field may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// In this network; a single address is a network of its own.
    Net(IpNet),
    /// From this to that address.
    Range(IpAddr, IpAddr),
    /// From this to that number.
    Number(u64, u64),
    /// This hardware address.
    Mac([u8; 6]),
    /// This DHCPv6 server or client.
    Duid(ServerId),
    /// This text.
    Text(String),
}
