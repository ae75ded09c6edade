//! DNS (RFC 1035) and multicast DNS (RFC 6762), read as far as it goes: the header and the first
//! question.

use crate::packet::bytes::{name, names, number};
use crate::packet::headers::Headers;
use crate::packet::ip::{IP, IP6};
use crate::packet::protocol::{Field, Identity, Layer, Protocol, Value, ValueKind};
use crate::packet::tcp::TCP;
use crate::packet::udp::UDP;

/// The protocol.
pub static DNS: Protocol = Protocol {
    name: "dns",
    title: "DNS",
    over: &[&UDP, &TCP, &IP, &IP6],
    kinds: &["query", "answer"],
    message: "DNS message",
    fields: &[
        Field::new("id", ValueKind::Number, "0 in multicast DNS"),
        Field::new("name", ValueKind::Domain, "that is asked for"),
        Field::new("type", ValueKind::Word(&names(&TYPES)), "that is asked for"),
        Field::new("rcode", ValueKind::Word(&names(&RCODES)), "").only(&["answer"], "answers"),
    ],
    answers: &[("answer", &["query"])],
    reads: &[PORT, MULTICAST_PORT],
    ends: false,
    read: |headers| Some(Box::new(Message::read(payload(headers)?)?)),
    ..Protocol::NEW
};

/// The types of records that have a name here (IANA, Resource Record TYPEs).
const TYPES: [(u16, &str); 17] = [
    (1, "A"),
    (2, "NS"),
    (5, "CNAME"),
    (6, "SOA"),
    (12, "PTR"),
    (15, "MX"),
    (16, "TXT"),
    (28, "AAAA"),
    (33, "SRV"),
    (35, "NAPTR"),
    (43, "DS"),
    (46, "RRSIG"),
    (48, "DNSKEY"),
    (64, "SVCB"),
    (65, "HTTPS"),
    (252, "AXFR"),
    (255, "ANY"),
];

/// How a question was answered (IANA, DNS RCODEs).
const RCODES: [(u8, &str); 11] = [
    (0, "NOERROR"),
    (1, "FORMERR"),
    (2, "SERVFAIL"),
    (3, "NXDOMAIN"),
    (4, "NOTIMP"),
    (5, "REFUSED"),
    (6, "YXDOMAIN"),
    (7, "YXRRSET"),
    (8, "NXRRSET"),
    (9, "NOTAUTH"),
    (10, "NOTZONE"),
];

const PORT: u16 = 53;
const MULTICAST_PORT: u16 = 5353;
const HEADER: usize = 12;
/// A name has at most that many labels: 255 bytes, and each label two (RFC 1035, 2.3.4).
const MOST_LABELS: usize = 127;

/// The message in a datagram, or in a segment that holds one whole: longer ones are TCP to us.
fn payload<'a>(headers: &Headers<'a>) -> Option<&'a [u8]> {
    let segment = || {
        let (length, message) = headers.tcp(&[PORT])?.split_at_checked(2)?;
        (usize::from(number(length, 0)?) == message.len()).then_some(message)
    };
    headers.udp(&[PORT, MULTICAST_PORT]).or_else(segment)
}

#[derive(Debug)]
struct Message<'a> {
    data: &'a [u8],
    id: u16,
    answer: bool,
    rcode: u8,
    /// Name and type of the first question, or in an answer of multicast DNS of the first record.
    question: Option<(String, u16)>,
}

impl<'a> Message<'a> {
    /// Reads a message; `None` if it cannot be one.
    fn read(data: &'a [u8]) -> Option<Message<'a>> {
        let [Some(id), Some(flags), Some(questions), Some(records), Some(_), Some(_)] =
            [0, 2, 4, 6, 8, 10].map(|at| number(data, at))
        else {
            return None;
        };
        let question = || {
            let (name, after) = domain(data, HEADER)?;
            Some((name, number(data, after)?))
        };
        let message = Message {
            data,
            id,
            answer: flags & 0x8000 != 0,
            rcode: (flags & 0x000f) as u8,
            question: if questions > 0 || records > 0 { question() } else { None },
        };
        // What has neither question nor record may be anything else on this port.
        (message.question.is_some() || data.len() == HEADER).then_some(message)
    }

    fn kind(&self) -> &'static str {
        if self.answer { "answer" } else { "query" }
    }

    fn rcode(&self) -> String {
        name(&RCODES, self.rcode, |code| format!("RCODE{code}"))
    }
}

/// The name of a type that is not known here (RFC 3597, 5).
fn type_name(kind: u16) -> String {
    name(&TYPES, kind, |kind| format!("TYPE{kind}"))
}

/// The name at `at` without its last dot, in small letters because that makes no difference, and
/// where it ends. Names may refer to what they have in common with another one (RFC 1035, 4.1.4).
fn domain(data: &[u8], mut at: usize) -> Option<(String, usize)> {
    let mut labels: Vec<String> = Vec::new();
    let mut end = None;
    // A reference may lead in a circle.
    for _ in 0..MOST_LABELS * 2 {
        let length = *data.get(at)?;
        match length {
            0 => return Some((labels.join("."), end.unwrap_or(at + 1))),
            1..=63 => {
                let label = data.get(at + 1..)?.get(..length.into())?;
                labels.push(label.to_ascii_lowercase().escape_ascii().to_string());
                at += 1 + usize::from(length);
            }
            0xc0.. => {
                end = end.or(Some(at + 2));
                at = usize::from(number(data, at)? & 0x3fff);
            }
            _ => return None,
        }
    }
    None
}

impl Layer for Message<'_> {
    fn protocol(&self) -> &'static Protocol {
        &DNS
    }

    fn is(&self, kind: &str) -> bool {
        self.kind() == kind
    }

    fn field(&self, name: &str) -> Option<Value> {
        let text = |text: String| Some(Value::Text(text.into()));
        match name {
            "id" => Some(Value::number(self.id)),
            "name" => text(self.question.as_ref()?.0.clone()),
            "type" => text(type_name(self.question.as_ref()?.1)),
            "rcode" if self.answer => text(self.rcode()),
            _ => None,
        }
    }

    fn words(&self) -> (String, String) {
        let mut detail = Vec::new();
        if let Some((name, kind)) = &self.question {
            // The root has an empty name.
            detail.push(format!(
                "{} {}",
                if name.is_empty() { "." } else { name },
                type_name(*kind)
            ));
        }
        if self.answer && self.rcode != 0 {
            detail.push(self.rcode());
        }
        detail.push(format!("id {:04x}", self.id));
        (self.kind().to_uppercase(), detail.join(" "))
    }

    /// All of it: routers and NAT leave it alone, and a resolver that passes a question on makes
    /// another.
    fn identity(&self, identity: &mut Identity) {
        identity.add(self.data);
    }

    /// An exchange is a question under an identifier.
    fn exchange(&self, exchange: &mut Identity) -> Option<String> {
        let (name, kind) = self.question.as_ref()?;
        exchange.add(&self.id.to_be_bytes());
        exchange.add(name.as_bytes());
        exchange.add(&kind.to_be_bytes());
        Some(self.kind().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A message with this identifier, these flags and numbers of questions and records, and the
    /// rest.
    fn message(flags: u16, questions: u16, records: u16, rest: &[u8]) -> Vec<u8> {
        [&[0x1f2e, flags, questions, records, 0, 0].map(u16::to_be_bytes).concat(), rest].concat()
    }

    const WWW: &[u8] = b"\x03wWw\x07example\x03org\x00\x00\x1c\x00\x01";

    #[test]
    fn a_question_and_its_answer_are_of_one_exchange() {
        // The record's name refers to the question's.
        let record = b"\xc0\x0c\x00\x1c\x00\x01\x00\x00\x00\x3c\x00\x10";
        let (query, answer) = (
            message(0x0100, 1, 0, WWW),
            message(0x8183, 1, 1, &[WWW, record, &[0xfd; 16]].concat()),
        );
        let [query, answer] = [&query, &answer].map(|data| Message::read(data).unwrap());
        assert_eq!(query.words(), ("QUERY".into(), "www.example.org AAAA id 1f2e".into()));
        assert_eq!(
            answer.words(),
            ("ANSWER".into(), "www.example.org AAAA NXDOMAIN id 1f2e".into())
        );
        assert_eq!(
            (query.field("rcode"), answer.field("rcode")),
            (None, Some(Value::Text(b"NXDOMAIN".to_vec())))
        );
        let [query, answer] = [&query as &dyn Layer, &answer]
            .map(|layer| crate::packet::protocol::Exchange::of(layer).unwrap());
        assert!(answer.answers(&query) && !query.answers(&answer));
    }

    #[test]
    fn names_that_lead_in_a_circle_or_out_of_the_message_are_none() {
        for name in [&b"\xc0\x0c"[..], b"\x01a\xc0\x0c", b"\xff\xff", b"\x3fabc", b"\x80a\x00"] {
            assert!(
                Message::read(&message(0, 1, 0, &[name, &[0, 1, 0, 1]].concat())).is_none(),
                "{name:?}"
            );
        }
        assert_eq!(
            Message::read(&message(0, 1, 0, b"\x00\x00\x02\x00\x01")).unwrap().words().1,
            ". NS id 1f2e"
        );
        assert_eq!(
            Message::read(&message(0, 1, 0, b"\x02\x00.\x00\xff\x00\x00\x01")).unwrap().words().1,
            "\\x00. TYPE65280 id 1f2e"
        );
    }

    #[test]
    fn what_is_no_message_is_none() {
        assert!(Message::read(b"four").is_none());
        assert!(Message::read(&[0; 40]).is_none());
        assert_eq!(
            Message::read(&message(0x8185, 0, 0, &[])).unwrap().words(),
            ("ANSWER".into(), "REFUSED id 1f2e".into())
        );
    }
}
