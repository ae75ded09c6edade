//! The parameters of a lab file: values that stand in many of its places, each with a default in `params`,
//! and another for a run with `--set`. They are filled in before anything else is made of the file.

use crate::error::Failure;
use crate::lab::model::Lab;
use crate::text::{quoted, slip};
use crate::yaml::diagnostic::Diagnostics;
use crate::yaml::tree::{Node, Position, Value};
use crate::yaml::values;
use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

/// The field that holds them.
pub const PARAMS: &str = "params";
/// What stands for something else in a lab file.
const TAKEN: [&str; 4] = ["each", "node", "name", "dir"];
const WANTED: &str = "expected a number, text, or a list of these";

/// A value for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    name: String,
    value: String,
}

impl FromStr for Setting {
    type Err = String;

    fn from_str(text: &str) -> Result<Setting, String> {
        let (name, value) = text.split_once('=').ok_or("expected NAME=VALUE")?;
        Ok(Setting { name: name.into(), value: value.into() })
    }
}

/// Refuses settings of what none of the `chosen` labs has.
///
/// # Errors
/// The first of them, and what there is.
pub fn known(settings: &[Setting], chosen: &[&Lab]) -> Result<(), Failure> {
    let all: BTreeSet<&str> =
        chosen.iter().flat_map(|lab| &lab.params).map(String::as_str).collect();
    let Some(Setting { name, .. }) = settings.iter().find(|one| !all.contains(one.name.as_str()))
    else {
        return Ok(());
    };
    let all: Vec<&str> = all.into_iter().collect();
    let hint = slip(name, all.iter().copied(), || match all.is_empty() {
        true => ": the lab has no `params`".into(),
        false => format!(", there is {}", quoted(&all)),
    });
    Err(Failure::usage(format!("--set {name}: there is no parameter `{name}`{hint}")))
}

/// Fills in all parameters of a file; their names.
pub fn fill(root: &mut Node, settings: &[Setting], diagnostics: &Diagnostics) -> Vec<String> {
    let Value::Map(fields) = &mut root.value else { return Vec::new() };
    let Some(Value::Map(params)) =
        fields.iter().find(|(key, ..)| key == PARAMS).map(|(.., node)| &node.value)
    else {
        return Vec::new();
    };
    let mut filling = Filling { values: BTreeMap::new(), used: BTreeSet::new(), diagnostics };
    let mut places: Vec<(String, Position)> = Vec::new();
    for (name, position, default) in params {
        let path = format!("{PARAMS}.{name}");
        if let Err(message) = values::variable(name) {
            diagnostics.add(
                *position,
                &path,
                message.replace("an environment variable", "a parameter"),
            );
        } else if TAKEN.contains(&name.as_str()) {
            let message = format!("`${{{name}}}` stands for something else already");
            diagnostics.add(*position, &path, message);
        }
        let setting = settings.iter().rfind(|setting| setting.name == *name);
        match value(default, setting) {
            Ok(value) => _ = filling.values.insert(name.clone(), value),
            Err(message) => diagnostics.add(default.position, &path, message),
        }
        places.push((name.clone(), *position));
    }
    for (key, _, node) in fields.iter_mut().filter(|(key, ..)| key != PARAMS) {
        filling.node(node, key);
    }
    for (name, position) in &places {
        if filling.values.contains_key(name) && !filling.used.contains(name) {
            let message = format!("nothing in the file uses `${{{name}}}`");
            diagnostics.add(*position, &format!("{PARAMS}.{name}"), message);
        }
    }
    places.into_iter().map(|(name, _)| name).collect()
}

/// What a parameter is, of the kind of its default.
fn value(default: &Node, setting: Option<&Setting>) -> Result<Value, String> {
    let is_one = |node: &Node| matches!(node.value, Value::Int(_) | Value::Text(_));
    match &default.value {
        Value::Int(_) | Value::Text(_) => {}
        Value::List(items) if !items.is_empty() && items.iter().all(is_one) => {}
        _ => return Err(WANTED.into()),
    }
    let Some(Setting { name, value }) = setting else { return Ok(default.value.clone()) };
    let position = default.position;
    let one = |word: &str| match word.parse::<i64>() {
        Ok(number) if number.to_string() == word => Value::Int(number),
        _ => Value::Text(word.into()),
    };
    match &default.value {
        Value::List(_) if value.is_empty() => Err(format!("--set {name}: an empty list")),
        Value::List(_) => Ok(Value::List(
            value.split(',').map(|word| Node { position, value: one(word.trim()) }).collect(),
        )),
        Value::Int(_) => match one(value) {
            Value::Int(number) => Ok(Value::Int(number)),
            _ => Err(format!("--set {name}: expected a number, found `{value}`")),
        },
        _ => Ok(Value::Text(value.clone())),
    }
}

struct Filling<'a> {
    values: BTreeMap<String, Value>,
    used: BTreeSet<String>,
    diagnostics: &'a Diagnostics,
}

impl Filling<'_> {
    fn node(&mut self, node: &mut Node, path: &str) {
        match &mut node.value {
            Value::Text(text) => {
                // Nothing else is there, so it is what the parameter is.
                let whole = text.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
                if let Some((name, value)) = whole.and_then(|name| self.values.get_key_value(name))
                {
                    self.used.insert(name.clone());
                    node.value = match value {
                        Value::Int(number) => Value::Digits(*number),
                        other => other.clone(),
                    };
                } else if let Some(filled) = self.text(text, node.position, path) {
                    *text = filled;
                }
            }
            Value::List(items) => {
                for (index, item) in items.iter_mut().enumerate() {
                    self.node(item, &format!("{path}[{index}]"));
                }
            }
            Value::Map(entries) => {
                for (key, position, value) in entries {
                    if let Some(filled) = self.text(key, *position, path) {
                        *key = filled;
                    }
                    self.node(value, &format!("{path}.{key}"));
                }
            }
            _ => {}
        }
    }

    /// `text` with the parameters in their places, if there are any.
    fn text(&mut self, text: &str, position: Position, path: &str) -> Option<String> {
        if !text.contains("${") {
            return None;
        }
        let mut filled = String::with_capacity(text.len());
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${") {
            filled.push_str(before);
            let found = after.split_once('}');
            let found = found.and_then(|(name, after)| Some((name, self.values.get(name)?, after)));
            let Some((name, value, after)) = found else {
                filled.push_str("${");
                rest = after;
                continue;
            };
            self.used.insert(name.to_string());
            match value {
                Value::Int(number) => filled.push_str(&number.to_string()),
                Value::Text(text) => filled.push_str(text),
                _ => {
                    let message =
                        format!("`${{{name}}}` is a list, so nothing else can stand here");
                    self.diagnostics.add(position, path, message);
                }
            }
            rest = after;
        }
        Some(filled + rest)
    }
}
