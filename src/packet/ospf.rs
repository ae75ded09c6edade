//! OSPF (RFC 2328, RFC 5340), the header that all of its packets have.

use crate::packet::bytes::array;
use crate::packet::headers::Headers;
use crate::packet::ip::{IP, IP6};
use crate::packet::plain::Plain;
use crate::packet::protocol::{Field, Layer, Protocol, Purpose, Value, ValueKind};
use std::net::Ipv4Addr;

/// The protocol.
pub static OSPF: Protocol = Protocol {
    name: "ospf",
    title: "OSPF",
    over: &[&IP, &IP6],
    kinds: &KINDS,
    message: "OSPF packet",
    fields: &[
        Field::new("router-id", ValueKind::Ipv4, "the sender"),
        Field::new("area", ValueKind::Ipv4, "as an address: 0.0.0.0"),
        Field::new("version", ValueKind::Number, "2 or 3"),
    ],
    read,
    ..Protocol::NEW
};

/// In the order of their numbers, which begin with 1.
const KINDS: [&str; 5] = ["hello", "description", "request", "update", "acknowledgement"];
/// Its number in IP headers.
const NUMBER: u8 = 89;

fn read<'a>(headers: &Headers<'a>) -> Option<Box<dyn Layer + 'a>> {
    let data = headers.above_ip(NUMBER)?;
    let [version, number] = array(data, 0)?;
    let address = |at| array::<4>(data, at).map(|address| Value::address(Ipv4Addr::from(address)));
    let mut fields = Vec::new();
    fields.extend(address(4).map(|router| ("router-id", router)));
    fields.extend(address(8).map(|area| ("area", area)));
    fields.push(("version", Value::number(version)));
    let kind = KINDS.get(usize::from(number).wrapping_sub(1)).copied();
    Some(Box::new(Plain {
        protocol: &OSPF,
        kind,
        fields,
        ip: headers.ip,
        data,
        // Said over and over by every router.
        purpose: if kind == Some("hello") { Purpose::Housekeeping } else { Purpose::Exchange },
    }))
}
