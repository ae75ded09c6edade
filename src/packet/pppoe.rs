//! PPP over Ethernet (RFC 2516): how a session is found and ended. What is inside of one is not read.

use crate::packet::bytes::{array, number};
use crate::packet::headers::Headers;
use crate::packet::plain::Plain;
use crate::packet::protocol::{Field, Layer, Protocol, Purpose, Value, ValueKind};

/// The protocol.
pub static PPPOE: Protocol = Protocol {
    name: "pppoe",
    title: "PPPoE",
    kinds: &["padi", "pado", "padr", "pads", "padt", "session"],
    message: "PPPoE packet",
    telling: true,
    fields: &[
        Field::new("session-id", ValueKind::Number, "0 while there is none"),
        Field::new("service-name", ValueKind::Text, "empty: any").only(&DISCOVERY, DISCOVERIES),
        Field::new("ac-name", ValueKind::Text, "the access concentrator")
            .only(&DISCOVERY, DISCOVERIES),
    ],
    read,
    ..Protocol::NEW
};

const DISCOVERY: [&str; 5] = ["padi", "pado", "padr", "pads", "padt"];
const DISCOVERIES: &str = "packets of the discovery";
const ETHERTYPES: [u16; 2] = [0x8863, 0x8864];
/// The tags that are fields (RFC 2516, appendix A).
const TAGS: [(u16, &str); 2] = [(0x0101, "service-name"), (0x0102, "ac-name")];

fn read<'a>(headers: &Headers<'a>) -> Option<Box<dyn Layer + 'a>> {
    let data = Some(headers.payload).filter(|_| ETHERTYPES.contains(&headers.ethertype))?;
    let kind = match array::<2>(data, 0)? {
        [0x11, 0x00] => Some("session"),
        [0x11, 0x09] => Some("padi"),
        [0x11, 0x07] => Some("pado"),
        [0x11, 0x19] => Some("padr"),
        [0x11, 0x65] => Some("pads"),
        [0x11, 0xa7] => Some("padt"),
        _ => None,
    };
    let mut fields = vec![("session-id", Value::number(number(data, 2)?))];
    if kind != Some("session") {
        let length = usize::from(number(data, 4)?);
        let mut tags = data.get(6..).unwrap_or_default();
        tags = &tags[..length.min(tags.len())];
        while let (Some(tag), Some(length)) = (number(tags, 0), number(tags, 2)) {
            let Some(value) = tags.get(4..4 + usize::from(length)) else { break };
            tags = &tags[4 + value.len()..];
            if let Some((_, name)) = TAGS.iter().find(|(known, _)| *known == tag) {
                fields.push((name, Value::Text(value.to_vec())));
            }
        }
    }
    Some(Box::new(Plain {
        protocol: &PPPOE,
        kind,
        fields,
        ip: None,
        data,
        purpose: Purpose::Exchange,
    }))
}
