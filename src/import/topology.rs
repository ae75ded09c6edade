//! What the topology files of other tools describe, whichever tool it is.

use crate::import::{containerlab, tinet};
use crate::yaml::parse::parse;
use crate::yaml::tree::{Node as Tree, Value};

/// What a topology file describes.
#[derive(Debug, Default)]
pub struct Topology {
    /// What the file is written for.
    pub(crate) tool: &'static str,
    /// The lab's name, where the file says it.
    pub name: Option<String>,
    pub(crate) bridges: Vec<String>,
    /// In the file's order.
    pub(crate) nodes: Vec<Node>,
    pub(crate) cables: Vec<Cable>,
    pub(crate) tests: Vec<Test>,
    /// What it has that is of no node.
    pub(crate) lost: Vec<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Node {
    pub name: String,
    pub image: Option<String>,
    /// What it is, if that is not plain Linux: what runs in it is another system's.
    pub system: Option<String>,
    /// What runs in it as long as it is there.
    pub main: Option<String>,
    /// What is run in it once the links are there.
    pub commands: Vec<String>,
    pub environment: Vec<(String, String)>,
    pub sysctls: Vec<(String, String)>,
    /// As `docker run --volume` takes them.
    pub binds: Vec<String>,
    /// What it has that a lab file cannot say.
    pub lost: Vec<String>,
}

#[derive(Debug)]
pub(crate) struct Cable {
    pub ends: [End; 2],
    pub mtu: Option<String>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct End {
    pub node: String,
    pub link: String,
    pub mac: Option<String>,
}

#[derive(Debug)]
pub(crate) struct Test {
    pub name: String,
    pub commands: Vec<String>,
}

/// Reads a topology file. Whose it is tells what is in it.
///
/// # Errors
/// What is no YAML, with its place, and what is neither tool's.
pub fn read(text: &str) -> Result<Topology, String> {
    let tree = parse(text)
        .map_err(|(at, message)| format!("line {}, column {}: {message}", at.line, at.column))?;
    let root = &tree.value;
    if root.get("topology").is_some_and(|topology| topology.get("nodes").is_some()) {
        return Ok(containerlab::read(root));
    }
    let listed = |field| root.get(field).is_some_and(|nodes| matches!(nodes, Value::List(_)));
    if listed("nodes") {
        return Ok(tinet::read(root));
    }
    Err("neither a topology of containerlab, which has `topology` with `nodes` in it, nor a specification of tinet, which has a list of `nodes`".into())
}

impl Value {
    /// The field `name` of a mapping; nothing is there where nothing stands.
    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        let found = self.map().iter().find(|(key, ..)| key == name);
        found.map(|(.., node)| &node.value).filter(|value| !matches!(value, Value::Null))
    }

    pub(crate) fn map(&self) -> &[(String, crate::yaml::tree::Position, Tree)] {
        match self {
            Value::Map(entries) => entries,
            _ => &[],
        }
    }

    /// The items of a list; what stands alone is one.
    pub(crate) fn items(&self) -> Vec<&Value> {
        match self {
            Value::List(items) => items.iter().map(|item| &item.value).collect(),
            Value::Null => Vec::new(),
            one => vec![one],
        }
    }

    /// A text, or what a number or a boolean is as one.
    pub(crate) fn scalar(&self) -> Option<String> {
        match self {
            Value::Text(text) => Some(text.clone()),
            Value::Int(number) | Value::Digits(number) => Some(number.to_string()),
            Value::Float(number) => Some(number.to_string()),
            Value::Bool(value) => Some(value.to_string()),
            Value::Null | Value::List(_) | Value::Map(_) => None,
        }
    }

    /// The field `name`, if it is a text or can be one.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.scalar()
    }

    /// The texts of the list `name`.
    pub(crate) fn texts(&self, name: &str) -> Vec<String> {
        let items = self.get(name).map(Value::items).unwrap_or_default();
        items.into_iter().filter_map(Value::scalar).collect()
    }

    /// The names of the mapping `name`, each with its text.
    pub(crate) fn pairs(&self, name: &str) -> Vec<(String, String)> {
        let entries = self.get(name).map(Value::map).unwrap_or_default();
        let pair = |(key, _, node): &(String, _, Tree)| Some((key.clone(), node.value.scalar()?));
        entries.iter().filter_map(pair).collect()
    }

    /// The fields that are not among `known`, and not empty.
    pub(crate) fn others<'v>(&'v self, known: &[&str]) -> Vec<&'v str> {
        let names = self.map().iter().filter(|(.., node)| match &node.value {
            Value::Null => false,
            Value::List(items) => !items.is_empty(),
            Value::Map(entries) => !entries.is_empty(),
            _ => true,
        });
        names.map(|(key, ..)| key.as_str()).filter(|key| !known.contains(key)).collect()
    }
}
