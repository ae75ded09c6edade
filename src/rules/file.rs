//! The path rules of a lab file as they are written.

use crate::packet::PROTOCOLS;
use crate::packet::ethernet::ETHERNET;
use crate::yaml::decode::Reader;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use crate::yaml::tree::{Position, Value};
use crate::yaml::values::range;

/// An entry of `path`.
#[derive(Debug)]
pub struct RuleFile {
    /// Where it begins.
    pub position: Position,
    /// The packets it is about, in words.
    pub packet: Option<Spanned<String>>,
    /// A tcpdump expression for them.
    pub filter: Option<Spanned<String>>,
    /// Where it looks at them.
    pub at: Option<Spanned<Vec<Spanned<String>>>>,
    /// What they must cross, in this order.
    pub crosses: Option<Spanned<Vec<Spanned<String>>>>,
    /// Where they must not be seen.
    pub avoids: Option<Spanned<Vec<Spanned<String>>>>,
    /// How often they may be seen in one place.
    pub at_most: Option<Spanned<i64>>,
    /// How often they must be seen.
    pub at_least: Option<Spanned<i64>>,
    /// The same as both, from and to.
    pub count: Option<Spanned<(u64, u64)>>,
    /// How many per cent of them must be seen at each of these places.
    pub share: Option<Spanned<Vec<Share>>>,
    /// What they must hold: by the field's name any of these values.
    pub fields: Vec<(Spanned<String>, Vec<Spanned<ValueFile>>)>,
    /// Whether one must hold that, not every.
    pub some: Option<Spanned<bool>>,
}

/// A place, and how many per cent.
type Share = (Spanned<String>, Spanned<(u64, u64)>);

impl RuleFile {
    /// That there is such a packet.
    pub fn there_is(
        position: Position,
        packet: Spanned<String>,
        at: Option<Spanned<Vec<Spanned<String>>>>,
        fields: Vec<(Spanned<String>, Vec<Spanned<ValueFile>>)>,
    ) -> RuleFile {
        let some = (!fields.is_empty()).then(|| packet.with(true));
        RuleFile {
            position,
            packet: Some(packet),
            filter: None,
            at,
            crosses: None,
            avoids: None,
            at_most: None,
            at_least: None,
            count: None,
            share: None,
            fields,
            some,
        }
    }
}

/// A value of `fields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueFile {
    /// A number.
    Number(i64),
    /// Anything else.
    Text(String),
}

/// No capture has as many packets.
const MOST: i64 = 1_000_000;
const RULE: [Known; 11] = [
    ("packet", "which packets the rule is about: a protocol, and the kind of the message", ""),
    (
        "filter",
        "the same as a tcpdump expression (pcap-filter(7)); with `packet` both must hold. Needs tcpdump",
        "udp port 67",
    ),
    (
        "at",
        "the rule looks only at what is seen in these places. Not with `crosses` and `avoids`, which are about the whole way",
        "p-server",
    ),
    (
        "crosses",
        "places that every such message must pass, in this order. The first node must send it and the last one get it, those between and one that stands alone must do both. A message that is sent again may be lost, but not take a short cut",
        "[client, relay, server]",
    ),
    ("avoids", "places where no such packet may be seen, one or a list", "balancer"),
    (
        "at-most",
        "how often such packets may be seen in any one place in one direction; `0`: never. DHCP is counted for each exchange (transaction and client), DNS for each question. A client that asks again may be answered again, and its question may be sent on again: only where the client itself sends it, it may ask no more often",
        "1",
    ),
    (
        "at-least",
        "how often such packets must be seen in one place in one direction, whatever they belong to; with `at` in each of its places",
        "3",
    ),
    ("count", "the same from and to, in place of `at-least` and `at-most`", "90-110"),
    (
        "share",
        "how many per cent must be seen at each of these places of what is seen at all of them, in the direction that most go. Not with `at`",
        "{p-one: 40-60, p-two: 40-60}",
    ),
    ("some", "`true`: it is enough that one packet holds all of `fields`", "true"),
    ("fields", "what every such packet must hold", "{giaddr: 10.0.1.1, hops: 1-2}"),
];

/// The fields that packets have, each with what it is.
fn packet_fields() -> Vec<(&'static str, String)> {
    let mut all: Vec<(&str, String)> = Vec::new();
    for protocol in PROTOCOLS.iter().copied().chain([&ETHERNET]) {
        for field in protocol.fields {
            let of = match protocol.name == ETHERNET.name {
                true => field.about.to_string(),
                false => format!("{}: {}", protocol.name, field.about),
            };
            match all.iter_mut().find(|(name, _)| *name == field.name) {
                Some((_, about)) => *about += &format!("; {of}"),
                None => all.push((field.name, of)),
            }
        }
    }
    all
}

/// Reads an entry of `path`.
pub fn rule(reader: Reader) -> RuleFile {
    let fields = reader.fields(&RULE);
    let packets: Vec<&str> = PROTOCOLS.iter().map(|protocol| protocol.name).collect();
    let locations = |r: Reader| {
        let locations = r.one_or_more(|r| r.at(r.text()));
        if locations.is_empty() && matches!(r.value(), Value::Null | Value::List(_)) {
            r.wrong("names no place");
        }
        r.at(locations)
    };
    if fields.present(&["packet", "filter"]).is_empty() && matches!(reader.value(), Value::Map(_)) {
        reader.wrong("which packets is the rule about? Say so with `packet`, `filter` or both");
    }
    RuleFile {
        position: reader.position(),
        packet: fields.get("packet", |r| r.at(r.words(&packets))),
        filter: fields.get("filter", |r| r.at(r.text())),
        at: fields.get("at", locations),
        crosses: fields.get("crosses", locations),
        avoids: fields.get("avoids", locations),
        at_most: fields.get("at-most", |r| r.at(r.integer(0..=MOST))),
        at_least: fields.get("at-least", |r| r.at(r.integer(1..=MOST))),
        count: fields.get("count", |r| r.at(range(&r, MOST as u64))),
        share: fields.get("share", |r| r.at(r.entries(|name, r| (name, r.at(range(&r, 100)))))),
        some: fields.get("some", |r| r.at(r.boolean())),
        fields: fields
            .get("fields", |r| {
                r.named_entries(&packet_fields(), false, |name, r| (name, r.one_or_more(value)))
            })
            .unwrap_or_default(),
    }
}

fn value(reader: Reader) -> Spanned<ValueFile> {
    reader.at(match reader.value() {
        Value::Int(number) | Value::Digits(number) => ValueFile::Number(*number),
        _ => ValueFile::Text(reader.text_or_number()),
    })
}
