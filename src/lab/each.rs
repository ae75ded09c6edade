//! Entries that differ in a number or a word are written once, with `each`; here they become what would
//! otherwise be written out. Of this nothing is left in the tree that is read.

use crate::yaml::diagnostic::Diagnostics;
use crate::yaml::tree::{Node, Position, Value};
use std::collections::HashSet;

/// The field that holds what they differ in.
pub const EACH: &str = "each";
/// What stands for it in names and values.
pub const PLACE: &str = "${each}";
/// As many values may be in all that is written out, which is far more than any lab has.
const MOST: usize = 1_000_000;

/// Where `each` may stand, as paths of fields; `*` is any name or item.
pub const WHERE: [&[&str]; 8] = [
    &["bridges", "*"],
    &["nodes", "*"],
    &["nodes", "*", "links", "*"],
    &["nodes", "*", "routes", "*"],
    &["nodes", "*", "rules", "*"],
    &["nodes", "*", "services", "*"],
    &["tests", "*"],
    &["tests", "*", "steps", "*"],
];

/// Writes out all of `root`, and tells where in the file that stood: whatever is wrong there is so as often as it
/// was written.
pub fn expand(root: &mut Node, diagnostics: &Diagnostics) -> HashSet<Position> {
    let mut expansion = Expansion { diagnostics, size: 0, places: HashSet::new(), inside: false };
    expansion.node(root, &mut Vec::new());
    expansion.places
}

struct Expansion<'a> {
    diagnostics: &'a Diagnostics,
    /// How many values were written.
    size: usize,
    /// Where they stood.
    places: HashSet<Position>,
    /// Whether this is in an entry that has an `each`.
    inside: bool,
}

impl Expansion<'_> {
    fn node(&mut self, node: &mut Node, path: &mut Vec<String>) {
        if !WHERE.iter().any(|pattern| begins(pattern, path)) {
            return;
        }
        match &mut node.value {
            Value::Map(entries) => {
                let mut written = Vec::with_capacity(entries.len());
                for (key, position, mut value) in std::mem::take(entries) {
                    path.push(key);
                    let words = self.words(&mut value, path);
                    self.node_of(&words, &mut value, path);
                    let key = path.pop().expect("was pushed");
                    let Some(words) = words else {
                        written.push((key, position, value));
                        continue;
                    };
                    // One alone is none too many under its own name: a fragment is filled in for it.
                    if !key.contains(PLACE) && words.len() != 1 {
                        let message =
                            format!("each needs a name of its own: put `{PLACE}` into it");
                        self.diagnostics.add(position, &path.join("."), message);
                    }
                    self.places.insert(position);
                    for word in &words {
                        written.push((key.replace(PLACE, word), position, with(&value, word)));
                    }
                }
                *entries = written;
            }
            Value::List(items) => {
                let mut written = Vec::with_capacity(items.len());
                for (number, mut item) in std::mem::take(items).into_iter().enumerate() {
                    path.push(format!("[{number}]"));
                    let words = self.words(&mut item, path);
                    self.node_of(&words, &mut item, path);
                    path.pop();
                    match words {
                        None => written.push(item),
                        Some(words) => written.extend(words.iter().map(|word| with(&item, word))),
                    }
                }
                *items = written;
            }
            _ => {}
        }
    }

    /// What is in an entry that stands for `words`, if it stands for any.
    fn node_of(&mut self, words: &Option<Vec<String>>, node: &mut Node, path: &mut Vec<String>) {
        let around = self.inside;
        self.inside |= words.is_some();
        self.node(node, path);
        self.inside = around;
    }

    /// Takes `each` out of an entry, where it may have one: the words that it stands for.
    fn words(&mut self, entry: &mut Node, path: &[String]) -> Option<Vec<String>> {
        if !WHERE.iter().any(|pattern| pattern.len() == path.len() && begins(pattern, path)) {
            return None;
        }
        let Value::Map(fields) = &mut entry.value else { return None };
        let found = fields.iter().position(|(key, ..)| key == EACH)?;
        let (_, position, value) = fields.remove(found);
        let wrong = |message: &str| {
            let path = format!("{}.{EACH}", path.join(".")).replace(".[", "[");
            self.diagnostics.add(position, &path, message);
        };
        if self.inside {
            wrong(
                "there is an `each` around this one, and only one of them can be meant by `${each}`",
            );
            return Some(Vec::new());
        }
        let large = || wrong("written out, this is too large for a lab file");
        // Nothing more is made of a file that is: there may be very many of these.
        if self.size > MOST {
            large();
            return Some(Vec::new());
        }
        let words = match words(&value) {
            Ok(words) => words,
            Err(message) => {
                wrong(message);
                return Some(Vec::new());
            }
        };
        self.size += size(entry, &mut self.places) * words.len();
        if self.size > MOST {
            large();
            return Some(Vec::new());
        }
        Some(words)
    }
}

/// What `each` stands for.
fn words(value: &Node) -> Result<Vec<String>, &'static str> {
    const WANTED: &str = "expected how many there are, `FIRST-LAST`, or a list of numbers or words";
    let word = |item: &Node| match &item.value {
        Value::Int(number) | Value::Digits(number) => Ok(number.to_string()),
        Value::Text(text) if !text.is_empty() => Ok(text.clone()),
        _ => Err(WANTED),
    };
    let range = |first: u64, last: u64| match last.checked_sub(first) {
        Some(more) if more < MOST as u64 => Ok((first..=last).map(|n| n.to_string()).collect()),
        Some(_) => Err("written out, this is too large for a lab file"),
        None => Err("there is none of these: the first is after the last"),
    };
    match &value.value {
        Value::Int(count) | Value::Digits(count) if *count > 0 => range(1, count.unsigned_abs()),
        Value::Int(_) | Value::Digits(_) => Err("there has to be at least one"),
        Value::Text(text) => {
            let ends = text.split_once('-').and_then(|(first, last)| {
                Some((first.trim().parse().ok()?, last.trim().parse().ok()?))
            });
            ends.ok_or(WANTED).and_then(|(first, last)| range(first, last))
        }
        Value::List(items) if !items.is_empty() => items.iter().map(word).collect(),
        _ => Err(WANTED),
    }
}

/// Whether `path` leads to where `pattern` does, or on the way there.
fn begins(pattern: &[&str], path: &[String]) -> bool {
    path.len() <= pattern.len()
        && path.iter().zip(pattern).all(|(name, wanted)| *wanted == "*" || name == wanted)
}

/// How many values `node` holds; where they stand is added to `places`.
fn size(node: &Node, places: &mut HashSet<Position>) -> usize {
    places.insert(node.position);
    1 + match &node.value {
        Value::Map(entries) => entries
            .iter()
            .map(|(_, position, value)| {
                places.insert(*position);
                size(value, places)
            })
            .sum(),
        Value::List(items) => items.iter().map(|item| size(item, places)).sum::<usize>(),
        _ => 0,
    }
}

/// `node`, with `word` in place of [`PLACE`].
fn with(node: &Node, word: &str) -> Node {
    let value = match &node.value {
        // Nothing else is there, so it may be meant as a number.
        Value::Text(text) if text == PLACE => match word.parse() {
            Ok(number) if format!("{number}") == word => Value::Digits(number),
            _ => Value::Text(word.into()),
        },
        Value::Text(text) => Value::Text(text.replace(PLACE, word)),
        Value::List(items) => Value::List(items.iter().map(|item| with(item, word)).collect()),
        Value::Map(entries) => Value::Map(
            entries
                .iter()
                .map(|(key, position, value)| {
                    (key.replace(PLACE, word), *position, with(value, word))
                })
                .collect(),
        ),
        other => other.clone(),
    };
    Node { position: node.position, value }
}
