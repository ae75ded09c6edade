//! A YAML document as a tree in which every key and value knows its line and column.

/// A place in the lab file, both counted from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    pub line: u64,
    /// Column, in characters.
    pub column: u64,
}

/// A value and where it stands.
#[derive(Clone, Debug)]
pub struct Node {
    /// Where it begins.
    pub position: Position,
    pub value: Value,
}

/// What YAML's core schema makes of a value.
#[derive(Clone, Debug)]
pub enum Value {
    /// `~`, `null` or nothing.
    Null,
    /// `true` or `false` (not `yes`, `on` and their like).
    Bool(bool),
    /// An integer.
    Int(i64),
    /// An integer, or the text of its digits: it was put there for a word that is used for both.
    Digits(i64),
    /// A number with a fraction.
    Float(f64),
    Text(String),
    List(Vec<Node>),
    /// A mapping, in the file's order; keys may repeat.
    Map(Vec<(String, Position, Node)>),
}

impl Value {
    /// What a person would call it, for messages.
    pub fn kind(&self) -> String {
        match self {
            Value::Null => "nothing".into(),
            Value::Bool(b) => format!("the boolean {b}"),
            Value::Int(n) | Value::Digits(n) => format!("the number {n}"),
            Value::Float(n) => format!("the number {n}"),
            Value::Text(_) => "text".into(),
            Value::List(_) => "a list".into(),
            Value::Map(_) => "a mapping".into(),
        }
    }
}
