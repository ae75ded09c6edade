//! ICMP and TCP, and the ports that TCP and UDP begin with.

use crate::packet::frame::{array, number};

/// Source and destination port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Source.
    pub source: u16,
    /// Destination.
    pub destination: u16,
}

/// An ICMP message of either version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Icmp<'a> {
    /// Type.
    pub kind: u8,
    /// Code.
    pub code: u8,
    /// What is behind the checksum; of an echo its identifier, its sequence number and its data.
    pub rest: &'a [u8],
}

/// The types of ICMP that have a name here.
pub const ICMP: [(u8, &str); 5] = [(0, "echo-reply"), (3, "unreachable"), (5, "redirect"), (8, "echo-request"), (11, "time-exceeded")];

/// The types of ICMPv6 that have a name here (RFC 4443, RFC 4861, RFC 3810).
pub const ICMP6: [(u8, &str); 11] = [
    (1, "unreachable"),
    (2, "too-big"),
    (3, "time-exceeded"),
    (128, "echo-request"),
    (129, "echo-reply"),
    (133, "router-solicitation"),
    (134, "router-advertisement"),
    (135, "neighbor-solicitation"),
    (136, "neighbor-advertisement"),
    (137, "redirect"),
    (143, "multicast-report"),
];

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tcp<'a> {
    /// Ports.
    pub ports: Ports,
    /// Sequence number.
    pub sequence: u32,
    /// Acknowledgement number.
    pub acknowledgement: u32,
    /// Flags, see [`flags`].
    pub flags: u8,
    /// Data.
    pub payload: &'a [u8],
}

/// The flags of a TCP header that begin and end a connection, and `ACK`.
pub mod flags {
    /// The sender has no more data.
    pub const FIN: u8 = 0x01;
    /// The connection begins.
    pub const SYN: u8 = 0x02;
    /// The connection is refused or given up.
    pub const RST: u8 = 0x04;
    /// Data was received.
    pub const ACK: u8 = 0x10;
}

/// Reads an ICMP message.
pub(crate) fn icmp(data: &[u8]) -> Option<Icmp<'_>> {
    Some(Icmp { kind: *data.first()?, code: *data.get(1)?, rest: data.get(4..).unwrap_or_default() })
}

/// Reads the ports of TCP and UDP.
pub(crate) fn ports(data: &[u8]) -> Option<Ports> {
    Some(Ports { source: number(data, 0)?, destination: number(data, 2)? })
}

/// Reads a TCP segment.
pub(crate) fn tcp(data: &[u8]) -> Option<Tcp<'_>> {
    let header = usize::from(*data.get(12)? >> 4) * 4;
    let word = |at| array(data, at).map(u32::from_be_bytes);
    Some(Tcp {
        ports: ports(data)?,
        sequence: word(4)?,
        acknowledgement: word(8)?,
        flags: *data.get(13)?,
        payload: data.get(header.max(20)..).unwrap_or_default(),
    })
}
