//! IGMP (RFC 1112, RFC 2236, RFC 3376): who listens to which IPv4 groups.

use crate::packet::bytes::{array, number};
use crate::packet::headers::Headers;
use crate::packet::ip::IP;
use crate::packet::plain::Plain;
use crate::packet::protocol::{Field, Layer, Protocol, Purpose, Value, ValueKind};
use std::net::Ipv4Addr;

/// The protocol.
pub static IGMP: Protocol = Protocol {
    name: "igmp",
    title: "IGMP",
    over: &[&IP],
    kinds: &["query", "join", "leave"],
    message: "IGMP message",
    telling: true,
    fields: &[Field::new(
        "group",
        ValueKind::Ipv4,
        "0.0.0.0 in a query for all; of several the first",
    )],
    read,
    ..Protocol::NEW
};

/// Its number in IP headers.
const NUMBER: u8 = 2;

fn read<'a>(headers: &Headers<'a>) -> Option<Box<dyn Layer + 'a>> {
    let data = headers.above_ip(NUMBER)?;
    let (kind, group) = match *data.first()? {
        0x11 => (Some("query"), array::<4>(data, 4)),
        0x12 | 0x16 => (Some("join"), array(data, 4)),
        0x17 => (Some("leave"), array(data, 4)),
        0x22 => (record(data), array(data, 12)),
        _ => (None, None),
    };
    Some(Box::new(Plain {
        protocol: &IGMP,
        kind,
        fields: group
            .map(|group| ("group", Value::address(Ipv4Addr::from(group))))
            .into_iter()
            .collect(),
        ip: headers.ip,
        data,
        purpose: Purpose::Housekeeping,
    }))
}

/// What the first record of a report of version 3 says (RFC 3376, 4.2.12): to include no source is
/// to leave.
fn record(data: &[u8]) -> Option<&'static str> {
    match (*data.get(8)?, number(data, 10)?) {
        (1 | 3 | 6, 0) => Some("leave"),
        (6, _) => Some("leave"),
        (1..=5, _) => Some("join"),
        _ => None,
    }
}
