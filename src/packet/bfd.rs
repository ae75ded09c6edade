//! BFD (RFC 5880) over UDP, one hop (RFC 5881) or several (RFC 5883): whether a neighbour is alive.

use crate::packet::bytes::array;
use crate::packet::headers::Headers;
use crate::packet::ip::{IP, IP6};
use crate::packet::plain::Plain;
use crate::packet::protocol::{Field, Layer, Protocol, Purpose, Value, ValueKind};
use crate::packet::udp::UDP;

/// The protocol.
pub static BFD: Protocol = Protocol {
    name: "bfd",
    title: "BFD",
    over: &[&UDP, &IP, &IP6],
    kinds: &STATES,
    message: "state of a session",
    fields: &[
        Field::new("my-discriminator", ValueKind::Number, "the session, as the sender calls it"),
        Field::new("your-discriminator", ValueKind::Number, "as the receiver does, or 0"),
        Field::new("diagnostic", ValueKind::Number, "why the session went down"),
    ],
    reads: &[3784, 4784],
    read,
    ..Protocol::NEW
};

/// The states of a session, in the order of their numbers.
const STATES: [&str; 4] = ["admin-down", "down", "init", "up"];

fn read<'a>(headers: &Headers<'a>) -> Option<Box<dyn Layer + 'a>> {
    let data = headers.udp(BFD.reads)?;
    let [head, state] = array(data, 0)?;
    let number = |at| array::<4>(data, at).map(|bytes| Value::number(u32::from_be_bytes(bytes)));
    let mut fields = Vec::new();
    fields.extend(number(4).map(|mine| ("my-discriminator", mine)));
    fields.extend(number(8).map(|yours| ("your-discriminator", yours)));
    fields.push(("diagnostic", Value::number(head & 0x1f)));
    let kind = STATES[usize::from(state >> 6)];
    (head >> 5 == 1).then(|| -> Box<dyn Layer + 'a> {
        Box::new(Plain {
            protocol: &BFD,
            kind: Some(kind),
            fields,
            ip: headers.ip,
            data,
            // A session that is up says so many times a second.
            purpose: if kind == "up" { Purpose::Housekeeping } else { Purpose::Exchange },
        })
    })
}
