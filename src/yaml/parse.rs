//! From text to a tree.
//!
//! Deserialising straight into structs would stop at the first mistake. The tree always succeeds on
//! well-formed YAML, so that [`crate::yaml::decode`] can report every mistake of a file at once.

use crate::yaml::tree::{Node, Position, Value};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::{DuplicateKeyPolicy, Spanned};
use std::fmt;

/// Parses one YAML document.
///
/// # Errors
/// The place and the words of a syntax error.
pub fn parse(text: &str) -> Result<Node, (Position, String)> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        with_snippet: false,
        // Three times as deep as a lab file goes; the default is more than a thread's stack may
        // hold.
        budget: serde_saphyr::budget! { max_depth: 32 },
        // Repeats are reported by `decode`, all of them and with both places.
        duplicate_keys: DuplicateKeyPolicy::LastWins,
    };
    match serde_saphyr::from_str_with_options::<Spanned<Value>>(text, options) {
        Ok(root) => Ok(node(root)),
        Err(error) => {
            let position =
                error.location().map(position).unwrap_or(Position { line: 1, column: 1 });
            // The library puts "line N column M:" in front, which the caller prints its own way.
            let words = error.without_snippet().to_string();
            let words = words.trim_start_matches("error: ");
            let words = match words.split_once(": ") {
                Some((head, tail)) if head.starts_with("line ") => tail,
                _ => words,
            };
            let words = words.rsplit_once(" at line ").map_or(words, |(words, _)| words);
            Err((position, plain(words)))
        }
    }
}

/// What the library says that speaks of itself, by its first words, and what is meant.
const PLAIN: [(&str, &str); 10] = [
    ("multiple YAML documents", "a second document begins: a lab file holds one"),
    ("budget breached", "nested too deeply or too large for a lab file"),
    ("alias replay", "its aliases make it too large for a lab file"),
    ("alias expansion", "its aliases make it too large for a lab file"),
    ("expected string", "a name is text, not a list or a mapping"),
    ("cannot deserialize null into string", "a name is missing: quote it if `null` or `~` is one"),
    ("cannot deserialize tagged scalar", "a lab file knows no tags such as `!!int`"),
    ("unsupported tag", "a lab file knows no tags such as `!!int`"),
    ("non-finite float", "a number is finite: put it in quotes if it is text"),
    ("invalid boolean", "a boolean is `true` or `false`"),
];
/// Words that a library has for who programs with it.
const FOREIGN: [&str; 5] = ["serialize", "policy", "Option", "internal", "invalid type"];

/// The words of a mistake in the YAML itself, for people.
fn plain(words: &str) -> String {
    let known = PLAIN.iter().find(|(begin, _)| words.starts_with(begin));
    match known {
        Some((_, plain)) => (*plain).into(),
        None if FOREIGN.iter().any(|foreign| words.contains(foreign)) => {
            "this YAML is not what a lab file can hold: names are text, values are text, numbers, lists and mappings".into()
        }
        None => words.into(),
    }
}

fn position(location: serde_saphyr::Location) -> Position {
    Position { line: location.line(), column: location.column() }
}

fn node(spanned: Spanned<Value>) -> Node {
    Node { position: position(spanned.referenced), value: spanned.value }
}

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a YAML value")
    }
    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }
    fn visit_bool<E>(self, b: bool) -> Result<Value, E> {
        Ok(Value::Bool(b))
    }
    fn visit_i64<E>(self, n: i64) -> Result<Value, E> {
        Ok(Value::Int(n))
    }
    fn visit_u64<E>(self, n: u64) -> Result<Value, E> {
        Ok(i64::try_from(n).map_or(Value::Float(n as f64), Value::Int))
    }
    fn visit_f64<E>(self, n: f64) -> Result<Value, E> {
        Ok(Value::Float(n))
    }
    fn visit_str<E>(self, s: &str) -> Result<Value, E> {
        Ok(Value::Text(s.into()))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element::<Spanned<Value>>()? {
            list.push(node(item));
        }
        Ok(Value::List(list))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut map = Vec::new();
        while let Some((key, value)) = entries.next_entry::<Spanned<String>, Spanned<Value>>()? {
            map.push((key.value, position(key.referenced), node(value)));
        }
        Ok(Value::Map(map))
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}
