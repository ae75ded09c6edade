//! The path rules of a lab file as they are written.

use crate::yaml::decode::Reader;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::tree::{Position, Value};

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
    /// What they must hold: by the field's name any of these values.
    pub fields: Vec<(Spanned<String>, Vec<Spanned<ValueFile>>)>,
}

/// A value of `fields`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ValueFile {
    /// A number.
    Number(i64),
    /// Anything else.
    Text(String),
}

/// Reads an entry of `path`.
pub fn rule(reader: Reader) -> RuleFile {
    let fields =
        reader.fields(&["packet", "filter", "at", "crosses", "avoids", "at-most", "fields"]);
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
        packet: fields.get("packet", |r| r.at(r.text())),
        filter: fields.get("filter", |r| r.at(r.text())),
        at: fields.get("at", locations),
        crosses: fields.get("crosses", locations),
        avoids: fields.get("avoids", locations),
        at_most: fields.get("at-most", |r| r.at(r.integer(0..=1_000_000))),
        fields: fields
            .get("fields", |r| r.entries(|name, r| (name, r.one_or_more(value))))
            .unwrap_or_default(),
    }
}

fn value(reader: Reader) -> Spanned<ValueFile> {
    reader.at(match reader.value() {
        Value::Int(number) | Value::Digits(number) => ValueFile::Number(*number),
        _ => ValueFile::Text(reader.text()),
    })
}
