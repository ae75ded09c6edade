//! PIM (RFC 7761): how routers tell each other which groups to send where.

use crate::packet::headers::Headers;
use crate::packet::ip::{IP, IP6};
use crate::packet::plain::Plain;
use crate::packet::protocol::{Layer, Protocol, Purpose};

/// The protocol.
pub static PIM: Protocol = Protocol {
    name: "pim",
    title: "PIM",
    over: &[&IP, &IP6],
    kinds: &KINDS,
    message: "PIM message",
    telling: true,
    read,
    ..Protocol::NEW
};

/// In the order of their numbers, which begin with 0.
const KINDS: [&str; 9] = [
    "hello",
    "register",
    "register-stop",
    "join-prune",
    "bootstrap",
    "assert",
    "graft",
    "graft-ack",
    "candidate",
];
/// Its number in IP headers.
const NUMBER: u8 = 103;

fn read<'a>(headers: &Headers<'a>) -> Option<Box<dyn Layer + 'a>> {
    let data = headers.above_ip(NUMBER)?;
    let kind = KINDS.get(usize::from(data.first()? & 0xf)).copied();
    Some(Box::new(Plain {
        protocol: &PIM,
        kind,
        fields: Vec::new(),
        ip: headers.ip,
        data,
        purpose: if kind == Some("hello") { Purpose::Housekeeping } else { Purpose::Exchange },
    }))
}
