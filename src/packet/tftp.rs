//! TFTP (RFC 1350), with options (RFC 2347). Requests go to its port; what follows is between ports that
//! only they know, so it is told by what it looks like.

use crate::packet::bytes::number;
use crate::packet::headers::Headers;
use crate::packet::ip::{IP, IP6};
use crate::packet::plain::Plain;
use crate::packet::protocol::{Field, Layer, Protocol, Purpose, Value, ValueKind};
use crate::packet::udp::UDP;
use etherparse::TransportSlice;

/// The protocol.
pub static TFTP: Protocol = Protocol {
    name: "tftp",
    title: "TFTP",
    over: &[&UDP, &IP, &IP6],
    kinds: &KINDS,
    message: "TFTP message",
    bulk: true,
    bulk_kinds: &["data", "acknowledgement", "error", "options"],
    fields: &[
        Field::new("file", ValueKind::Text, "").only(&["read", "write"], "requests"),
        Field::new("block", ValueKind::Number, "from 1 on; 0 acknowledges a request")
            .only(&["data", "acknowledgement"], "data and acknowledgements"),
        Field::new("code", ValueKind::Number, "1: there is no such file, 2: it may not be had")
            .only(&["error"], "errors"),
    ],
    reads: &[PORT],
    read,
    ..Protocol::NEW
};

const PORT: u16 = 69;
/// In the order of their numbers, which begin with 1.
const KINDS: [&str; 6] = ["read", "write", "data", "acknowledgement", "error", "options"];
/// The first port that servers and clients take of themselves.
const FREE: u16 = 1024;

fn read<'a>(headers: &Headers<'a>) -> Option<Box<dyn Layer + 'a>> {
    let Some(TransportSlice::Udp(udp)) = &headers.transport else { return None };
    let (from, to) = (udp.source_port(), udp.destination_port());
    if !(to == PORT || from == PORT || from >= FREE && to >= FREE) {
        return None;
    }
    let data = udp.payload();
    let kind = *KINDS.get(usize::from(number(data, 0)?).checked_sub(1)?)?;
    let rest = &data[2..];
    let fields = match kind {
        "read" | "write" => {
            // A name and a mode, each with a zero at its end.
            let name = rest.split(|byte| *byte == 0).next().filter(|name| !name.is_empty())?;
            let is_request = to == PORT && rest.iter().filter(|byte| **byte == 0).count() >= 2;
            is_request.then(|| vec![("file", Value::Text(name.to_vec()))])?
        }
        "data" => vec![("block", Value::number(number(rest, 0)?))],
        "acknowledgement" if rest.len() == 2 => vec![("block", Value::number(number(rest, 0)?))],
        "error" if rest.len() > 2 && rest.last() == Some(&0) => {
            vec![("code", Value::number(number(rest, 0).filter(|code| *code <= 8)?))]
        }
        // Pairs of texts.
        "options" if rest.last() == Some(&0) => Vec::new(),
        _ => return None,
    };
    Some(Box::new(Plain {
        protocol: &TFTP,
        kind: Some(kind),
        fields,
        ip: headers.ip,
        data,
        purpose: Purpose::Exchange,
    }))
}
