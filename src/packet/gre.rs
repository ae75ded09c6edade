//! GRE (RFC 2784, RFC 2890): packets and frames over IP. What they hold is a packet, too.

use crate::packet::bytes::number;
use crate::packet::headers::Headers;
use crate::packet::ip::{IP, IP6};
use crate::packet::plain::Plain;
use crate::packet::protocol::{Field, Layer, Protocol, Purpose, Value, ValueKind};

/// The protocol.
pub static GRE: Protocol = Protocol {
    name: "gre",
    title: "GRE",
    over: &[&IP, &IP6],
    fields: &[
        Field::new(
            "key",
            ValueKind::Number,
            "what tells tunnels with the same ends apart, if it has one",
        ),
        Field::new(
            "protocol",
            ValueKind::Number,
            "of what it carries: 0x0800: IPv4, 0x86dd: IPv6, 0x6558: frames",
        ),
    ],
    read,
    ..Protocol::NEW
};

/// Its number in IP headers.
const NUMBER: u8 = 47;

/// What a packet of it says, and holds.
struct Packet<'a> {
    key: Option<u32>,
    /// As Ethernet has it.
    protocol: u16,
    data: &'a [u8],
}

fn packet<'a>(headers: &Headers<'a>) -> Option<Packet<'a>> {
    let all = headers.above_ip(NUMBER)?;
    let (flags, protocol) = (number(all, 0)?, number(all, 2)?);
    // Version 1 is that of PPTP; routing information (RFC 1701) was given up.
    if flags & 0x4007 != 0 {
        return None;
    }
    // A checksum, a key and a sequence number take four bytes each.
    let before = |flag: u16| {
        [0x8000, 0x2000, 0x1000].iter().filter(|f| **f > flag && flags & **f != 0).count() * 4
    };
    let key = match flags & 0x2000 {
        0 => None,
        _ => Some(u32::from_be_bytes(all.get(4 + before(0x2000)..)?.first_chunk().copied()?)),
    };
    Some(Packet { key, protocol, data: all.get(4 + before(0)..)? })
}

fn read<'a>(headers: &Headers<'a>) -> Option<Box<dyn Layer + 'a>> {
    let Packet { key, protocol, data } = packet(headers)?;
    let key = key.map(|key| ("key", Value::number(key)));
    Some(Box::new(Plain {
        protocol: &GRE,
        kind: Some("packet"),
        fields: key.into_iter().chain([("protocol", Value::number(protocol))]).collect(),
        ip: headers.ip,
        data,
        purpose: Purpose::Exchange,
    }))
}

/// The headers of what a packet carries.
pub(crate) fn inside<'a>(headers: &Headers<'a>) -> Option<Headers<'a>> {
    let Packet { protocol, data, .. } = packet(headers)?;
    match protocol {
        0x0800 | 0x86dd => Headers::of_ip(data),
        // Ethernet.
        0x6558 => Some(Headers::of(data)),
        _ => None,
    }
}
