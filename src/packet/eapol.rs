//! EAP over LANs (IEEE 802.1X) with the EAP inside (RFC 3748): who may use a port.

use crate::packet::bytes::array;
use crate::packet::headers::Headers;
use crate::packet::plain::Plain;
use crate::packet::protocol::{Field, Layer, Protocol, Purpose, Value, ValueKind};

/// The protocol.
pub static EAPOL: Protocol = Protocol {
    name: "eapol",
    title: "EAPOL",
    kinds: &["start", "logoff", "key", "request", "response", "success", "failure"],
    message: "EAPOL packet",
    telling: true,
    fields: &[
        Field::new("id", ValueKind::Number, "that a response has of its request")
            .only(&["request", "response", "success", "failure"], "EAP packets"),
        Field::new("method", ValueKind::Number, "1: identity, 4: MD5, 13: TLS, 25: PEAP")
            .only(&["request", "response"], "requests and responses"),
    ],
    read,
    ..Protocol::NEW
};

const ETHERTYPE: u16 = 0x888e;

fn read<'a>(headers: &Headers<'a>) -> Option<Box<dyn Layer + 'a>> {
    let data = Some(headers.payload).filter(|_| headers.ethertype == ETHERTYPE)?;
    let mut fields = Vec::new();
    let kind = match (array::<2>(data, 0)?[1], array::<2>(data, 4)) {
        (0, Some([code, id])) => {
            fields.push(("id", Value::number(id)));
            if let (1 | 2, Some(method)) = (code, data.get(8)) {
                fields.push(("method", Value::number(*method)));
            }
            [None, Some("request"), Some("response"), Some("success"), Some("failure")]
                .get(usize::from(code))
                .copied()
                .flatten()
        }
        (1, _) => Some("start"),
        (2, _) => Some("logoff"),
        (3, _) => Some("key"),
        _ => None,
    };
    Some(Box::new(Plain {
        protocol: &EAPOL,
        kind,
        fields,
        ip: None,
        data,
        purpose: Purpose::Exchange,
    }))
}
