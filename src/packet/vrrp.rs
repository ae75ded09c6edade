//! VRRP (RFC 3768, RFC 9568): which of several routers is at work.

use crate::packet::bytes::array;
use crate::packet::headers::Headers;
use crate::packet::ip::{IP, IP6};
use crate::packet::plain::Plain;
use crate::packet::protocol::{Field, Layer, Protocol, Purpose, Value, ValueKind};
use std::net::IpAddr;

/// The protocol.
pub static VRRP: Protocol = Protocol {
    name: "vrrp",
    title: "VRRP",
    over: &[&IP, &IP6],
    kinds: &["advertisement"],
    message: "VRRP message",
    fields: &[
        Field::new("vrid", ValueKind::Number, "the virtual router"),
        Field::new("priority", ValueKind::Number, "0: the sender stops being the master"),
        Field::new("version", ValueKind::Number, "2 or 3"),
    ],
    read,
    ..Protocol::NEW
};

/// Its number in IP headers.
const NUMBER: u8 = 112;

fn read<'a>(headers: &Headers<'a>) -> Option<Box<dyn Layer + 'a>> {
    let data = headers.above_ip(NUMBER)?;
    let [head, vrid, priority, _] = array(data, 0)?;
    let mut fields = vec![
        ("vrid", Value::number(vrid)),
        ("priority", Value::number(priority)),
        ("version", Value::number(head >> 4)),
    ];
    // Version 2 has IPv4 only; both have the addresses after eight bytes.
    let address: Option<IpAddr> = match headers.ip?.source {
        IpAddr::V4(_) => array::<4>(data, 8).map(IpAddr::from),
        IpAddr::V6(_) => array::<16>(data, 8).map(IpAddr::from),
    };
    fields.extend(address.map(|address| ("address", Value::Address(address))));
    Some(Box::new(Plain {
        protocol: &VRRP,
        kind: (head & 0xf == 1).then_some("advertisement"),
        fields,
        ip: headers.ip,
        data,
        purpose: Purpose::Exchange,
    }))
}
