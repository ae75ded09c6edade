//! Reading a [`Node`] into typed values while collecting every mistake.
//!
//! A reader never stops at a mistake: it notes it with its place and its path in the file and goes
//! on with a default, so that a file with five mistakes is mended in one go. Nothing built from a
//! file with mistakes is ever used.

pub use crate::yaml::fields::Fields;

use crate::text::{quoted, suggest};
use crate::yaml::diagnostic::{Diagnostics, Spanned};
use crate::yaml::outline::{Known, Outline};
use crate::yaml::tree::{Node, Position, Value};
use serde_json::json;
use std::collections::HashMap;
use std::time::Duration;

/// The longest that anything may be waited for.
pub const MAX_WAIT: Duration = Duration::from_secs(3600);

/// How keys begin that hold what is used elsewhere in the file, by anchors and aliases.
const FRAGMENT: &str = "x-";

/// Reads one value of the tree.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    node: &'a Node,
    path: &'a str,
    diagnostics: &'a Diagnostics,
    /// Where it is noted what would be read, if there is no file.
    outline: Option<&'a Outline>,
}

impl<'a> Reader<'a> {
    /// Begins at `node`, which `path` leads to.
    pub fn new(node: &'a Node, path: &'a str, diagnostics: &'a Diagnostics) -> Self {
        Reader { node, path, diagnostics, outline: None }
    }

    /// Reads nothing, but notes in `outline` what it would.
    pub fn outlining(
        node: &'a Node,
        path: &'a str,
        diagnostics: &'a Diagnostics,
        outline: &'a Outline,
    ) -> Self {
        Reader { node, path, diagnostics, outline: Some(outline) }
    }

    /// Notes `schema`, if that is all that is wanted.
    fn outlined(&self, schema: serde_json::Value) -> bool {
        self.outline.map(|outline| outline.note(schema)).is_some()
    }

    /// Where the value stands.
    pub fn position(&self) -> Position {
        self.node.position
    }

    pub fn value(&self) -> &'a Value {
        &self.node.value
    }

    /// Notes a mistake at this value.
    pub fn wrong(&self, message: impl Into<String>) {
        self.diagnostics.add(self.node.position, self.path, message);
    }

    /// `value` with this reader's place and path.
    pub fn at<T>(&self, value: T) -> Spanned<T> {
        Spanned { value, position: self.node.position, path: self.path.into() }
    }

    /// Text. Numbers and booleans must be quoted to be text, because YAML reads `010` and `1.10` as
    /// other numbers than they look.
    pub fn text(&self) -> String {
        if self.outlined(json!({"type": "string"})) {
            return String::new();
        }
        match &self.node.value {
            Value::Text(text) => {
                if text.contains('\0') {
                    self.wrong("text cannot hold a NUL: neither files written by a shell nor arguments can");
                }
                text.clone()
            }
            Value::Digits(n) => n.to_string(),
            Value::Bool(_) | Value::Int(_) | Value::Float(_) => {
                self.wrong(format!(
                    "expected text, found {}: put it in quotes",
                    self.node.value.kind()
                ));
                String::new()
            }
            other => {
                self.wrong(format!("expected text, found {}", other.kind()));
                String::new()
            }
        }
    }

    /// Text, one of `words`; that is checked with the rest of the lab.
    pub fn word(&self, words: &[&str]) -> String {
        let text = self.text();
        self.outlined(json!({"enum": words}));
        text
    }

    /// Text that begins like one of `words`.
    pub fn words(&self, words: &[&str]) -> String {
        let text = self.text();
        self.outlined(json!({"examples": words}));
        text
    }

    /// Text, or a number as its digits.
    pub fn text_or_number(&self) -> String {
        if self.outlined(json!({"type": ["string", "integer"]})) {
            return String::new();
        }
        match &self.node.value {
            Value::Int(n) => n.to_string(),
            _ => self.text(),
        }
    }

    pub fn boolean(&self) -> bool {
        if self.outlined(json!({"type": "boolean"})) {
            return false;
        }
        match &self.node.value {
            Value::Bool(b) => *b,
            Value::Text(t) if matches!(t.to_lowercase().as_str(), "yes" | "no" | "on" | "off") => {
                self.wrong(format!("`{t}` is not a boolean here: write `true` or `false`"));
                false
            }
            other => {
                self.wrong(format!("expected `true` or `false`, found {}", other.kind()));
                false
            }
        }
    }

    /// An integer in `range`.
    pub fn integer(&self, range: std::ops::RangeInclusive<i64>) -> i64 {
        let (first, last) = (range.start(), range.end());
        if self.outlined(json!({"type": "integer", "minimum": first, "maximum": last})) {
            return *first;
        }
        match self.node.value {
            Value::Int(n) | Value::Digits(n) if range.contains(&n) => n,
            Value::Int(n) | Value::Digits(n) => {
                self.wrong(format!("{n} is out of range: {} to {}", range.start(), range.end()));
                *range.start()
            }
            ref other => {
                self.wrong(format!("expected a number, found {}", other.kind()));
                *range.start()
            }
        }
    }

    /// One of two numbers.
    pub fn number(&self, known: [i64; 2]) -> i64 {
        if self.outlined(json!({"enum": known})) {
            return known[0];
        }
        match self.node.value {
            Value::Int(n) | Value::Digits(n) if known.contains(&n) => n,
            _ => {
                self.wrong(format!(
                    "expected {} or {}, found {}",
                    known[0],
                    known[1],
                    self.shown()
                ));
                known[0]
            }
        }
    }

    /// A time: `250ms`, `10s`, `2m`, `12h`. At most `most`, never zero.
    pub fn duration(&self, most: Duration) -> Duration {
        if self.outlined(json!({"type": "string", "pattern": "^[0-9]+(ms|s|m|h)$"})) {
            return Duration::from_secs(1);
        }
        let parsed = match &self.node.value {
            Value::Text(text) => parse_duration(text),
            _ => None,
        };
        match parsed {
            Some(d) if d > most => {
                self.wrong(format!(
                    "{} is too long: at most {} minutes",
                    self.shown(),
                    most.as_secs() / 60
                ));
                d
            }
            Some(d) if !d.is_zero() => d,
            _ => {
                self.wrong(format!(
                    "expected a time such as `500ms`, `10s` or `2m`, found {}",
                    self.shown()
                ));
                Duration::from_secs(1)
            }
        }
    }

    /// Text that `parse` understands; its error is the mistake.
    pub fn parsed<T: Default>(&self, parse: impl FnOnce(&str) -> Result<T, String>) -> T {
        if self.outline.is_some() || !matches!(self.node.value, Value::Text(_) | Value::Digits(_)) {
            self.text();
            return T::default();
        }
        parse(&self.text()).unwrap_or_else(|message| {
            self.wrong(message);
            T::default()
        })
    }

    pub fn json(&self) -> serde_json::Value {
        match &self.node.value {
            Value::Null => serde_json::Value::Null,
            Value::Bool(b) => (*b).into(),
            Value::Int(n) | Value::Digits(n) => (*n).into(),
            Value::Float(n) => (*n).into(),
            Value::Text(t) => t.clone().into(),
            Value::List(_) => self.list(|r| r.json()).into(),
            Value::Map(_) => self
                .entries(|key, r| (key.value, r.json()))
                .into_iter()
                .collect::<serde_json::Map<_, _>>()
                .into(),
        }
    }

    /// The items of a list; nothing is an empty list.
    pub fn list<T>(&self, mut read: impl FnMut(Reader) -> T) -> Vec<T> {
        if let Some(outline) = self.outline {
            return vec![outline.list(false, read)];
        }
        match &self.node.value {
            Value::Null => Vec::new(),
            Value::List(items) => items
                .iter()
                .enumerate()
                .map(|(i, item)| {
                    read(Reader::new(item, &format!("{}[{i}]", self.path), self.diagnostics))
                })
                .collect(),
            other => {
                self.wrong(format!("expected a list, found {}", other.kind()));
                Vec::new()
            }
        }
    }

    /// A single value or a list of them.
    pub fn one_or_more<T>(&self, mut read: impl FnMut(Reader) -> T) -> Vec<T> {
        if let Some(outline) = self.outline {
            return vec![outline.list(true, read)];
        }
        match &self.node.value {
            Value::Null | Value::List(_) => self.list(read),
            _ => vec![read(*self)],
        }
    }

    /// What `one` reads where the value is of that kind, else what `other` reads.
    pub fn either<T>(
        &self,
        is_one: impl FnOnce(&Value) -> bool,
        one: impl FnOnce(Reader) -> T,
        other: impl FnOnce(Reader) -> T,
    ) -> T {
        match self.outline {
            Some(outline) => outline.either(one, other),
            None if is_one(&self.node.value) => one(*self),
            None => other(*self),
        }
    }

    /// The entries of a mapping whose keys are names that the author chose.
    pub fn entries<T>(&self, read: impl FnMut(Spanned<String>, Reader) -> T) -> Vec<T> {
        self.named_entries(&[], true, read)
    }

    /// The same, where some names mean something, each with what it is. Whether there may be
    /// `others` is checked with the rest of the lab.
    pub fn named_entries<T>(
        &self,
        known: &[(&str, String)],
        others: bool,
        mut read: impl FnMut(Spanned<String>, Reader) -> T,
    ) -> Vec<T> {
        if let Some(outline) = self.outline {
            return outline.entries(known, others, read);
        }
        let Some(map) = self.map() else { return Vec::new() };
        map.iter()
            .map(|(key, position, node)| {
                let path = join(self.path, key);
                let name = Spanned { value: key.clone(), position: *position, path: path.clone() };
                read(name, Reader::new(node, &path, self.diagnostics))
            })
            .collect()
    }

    /// The fields of a mapping whose keys are fixed: `known` lists them all. Of the whole file, those that
    /// begin with [`FRAGMENT`] are nobody's, but to be referred to by aliases.
    pub fn fields(&self, known: &[Known]) -> Fields<'a> {
        if let Some(outline) = self.outline {
            outline.fields(known);
            if self.path.is_empty() {
                let about = "What is used elsewhere in the file, by anchors and aliases";
                let fragments = json!({format!("^{FRAGMENT}"): {"description": about}});
                outline.note(json!({"patternProperties": fragments}));
            }
        }
        let known: Vec<&str> = known.iter().map(|(name, ..)| *name).collect();
        let map = self.map().unwrap_or(&[]);
        let fragment = |key: &str| self.path.is_empty() && key.starts_with(FRAGMENT);
        for (key, position, _) in map {
            if !known.contains(&key.as_str()) && !fragment(key) {
                let mut message = format!("unknown field `{key}`");
                match suggest(key, known.iter().copied()) {
                    Some(near) => message.push_str(&format!(", did you mean `{near}`?")),
                    None => message.push_str(&format!(", expected one of {}", quoted(&known))),
                }
                self.diagnostics.add(*position, &join(self.path, key), message);
            }
        }
        Fields {
            map,
            position: self.node.position,
            path: self.path.into(),
            diagnostics: self.diagnostics,
            outline: self.outline,
        }
    }

    fn map(&self) -> Option<&'a [(String, Position, Node)]> {
        match &self.node.value {
            Value::Null => None,
            Value::Map(map) => {
                let mut seen: HashMap<&str, &Position> = HashMap::with_capacity(map.len());
                for (key, position, _) in map {
                    if key.contains('\0') {
                        self.diagnostics.add(*position, self.path, "a name cannot hold a NUL");
                    }
                    if let Some(first) = seen.get(key.as_str()) {
                        let message =
                            format!("`{key}` stands here twice, first in line {}", first.line);
                        self.diagnostics.add(*position, &join(self.path, key), message);
                    } else {
                        seen.insert(key, position);
                    }
                }
                Some(map)
            }
            other => {
                self.wrong(format!("expected a mapping, found {}", other.kind()));
                None
            }
        }
    }

    /// The value as a message shows it.
    pub fn shown(&self) -> String {
        match &self.node.value {
            Value::Text(text) => format!("`{text}`"),
            other => other.kind(),
        }
    }
}

/// Parses `250ms`, `10s`, `2m` or `12h`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let digits = text.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = text[..digits].parse().ok()?;
    match &text[digits..] {
        "ms" => Some(Duration::from_millis(number)),
        "s" => Some(Duration::from_secs(number)),
        "m" => Some(Duration::from_secs(number.checked_mul(60)?)),
        "h" => Some(Duration::from_secs(number.checked_mul(3600)?)),
        _ => None,
    }
}

pub(super) fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.into() } else { format!("{path}.{key}") }
}
