//! What may stand in a lab file, found out from the code that reads one: it is run without a file, and
//! each of its readers notes what it would take, as JSON Schema 2020-12 says it.

use crate::yaml::decode::Reader;
use crate::yaml::diagnostic::{Diagnostics, Spanned};
use crate::yaml::tree::{Node, Position, Value};
use serde_json::{Map, json};
use std::cell::RefCell;

/// A field of a mapping: its name, what it is, and an example of what stands there, or nothing.
pub type Known = (&'static str, &'static str, &'static str);

/// Stands for what would be in the file.
static NOTHING: Node = Node { position: Position { line: 1, column: 1 }, value: Value::Null };

/// What is noted of one place.
#[derive(Debug, Default)]
pub struct Outline(RefCell<Map<String, serde_json::Value>>);

/// The schema of what `read` reads: the value of a whole file.
pub fn schema<T>(read: impl FnOnce(Reader) -> T) -> serde_json::Value {
    child("", read).1.into()
}

/// What `read` makes of nothing, and what it would take.
fn child<T>(path: &str, read: impl FnOnce(Reader) -> T) -> (T, Map<String, serde_json::Value>) {
    let (outline, mistakes) = (Outline::default(), Diagnostics::default());
    let value = read(Reader::outlining(&NOTHING, path, &mistakes, &outline));
    (value, outline.0.into_inner())
}

/// The same, inside of something.
fn inner<T>(read: impl FnOnce(Reader) -> T) -> (T, Map<String, serde_json::Value>) {
    child("…", read)
}

impl Outline {
    /// Adds what `schema` says.
    pub fn note(&self, schema: serde_json::Value) {
        if let serde_json::Value::Object(fields) = schema {
            self.0.borrow_mut().extend(fields);
        }
    }

    /// A list of what `read` reads; with `or_one`, also one without a list around it.
    pub fn list<T>(&self, or_one: bool, read: impl FnOnce(Reader) -> T) -> T {
        let (value, item) = inner(read);
        let list = json!({"type": ["array", "null"], "items": item});
        self.note(if or_one { json!({"anyOf": [item, list]}) } else { list });
        value
    }

    /// One of two things that are read apart.
    pub fn either<T>(&self, one: impl FnOnce(Reader) -> T, other: impl FnOnce(Reader) -> T) -> T {
        let ((_, one), (value, other)) = (inner(one), inner(other));
        self.note(json!({"anyOf": [one, other]}));
        value
    }

    /// A mapping from names: those that are `known`, and any others if there may be.
    pub fn entries<T>(
        &self,
        known: &[(&str, String)],
        others: bool,
        mut read: impl FnMut(Spanned<String>, Reader) -> T,
    ) -> Vec<T> {
        let position = NOTHING.position;
        let mut one = |name: &str| {
            let name = Spanned { value: name.into(), position, path: String::new() };
            inner(|reader| read(name, reader))
        };
        let (value, any) = one("NAME");
        let mut properties = Map::new();
        for (name, about) in known {
            let mut schema = one(name).1;
            schema.insert("description".into(), about.as_str().into());
            properties.insert((*name).into(), schema.into());
        }
        let others: serde_json::Value = if others { any.into() } else { false.into() };
        self.note(json!({"type": ["object", "null"], "additionalProperties": others}));
        if !properties.is_empty() {
            self.note(json!({"properties": properties}));
        }
        vec![value]
    }

    /// A mapping with the `known` fields, of which nothing is noted yet.
    pub fn fields(&self, known: &[Known]) {
        let property = |(name, about, example): &Known| {
            let mut schema = json!({"description": about});
            if !example.is_empty() {
                schema["examples"] = json!([value(example)]);
            }
            ((*name).to_string(), schema)
        };
        let properties: Map<_, _> = known.iter().map(property).collect();
        self.note(json!({
            "type": ["object", "null"], "additionalProperties": false, "properties": properties,
        }));
    }

    /// What `read` takes is what stands in the field `name`, if that is a known one.
    pub fn field<T>(&self, name: &str, needed: bool, read: impl FnOnce(Reader) -> T) -> T {
        let (value, schema) = inner(read);
        let mut all = self.0.borrow_mut();
        let properties = all.get_mut("properties").and_then(|p| p.as_object_mut());
        let Some(field) = properties.and_then(|p| p.get_mut(name)?.as_object_mut()) else {
            return value;
        };
        // Examples of its own are better than those of anything of its kind.
        let own = field.clone();
        field.extend(schema);
        field.extend(own);
        if needed {
            // What is empty lacks it.
            all.insert("type".into(), "object".into());
            let required = all.entry("required").or_insert_with(|| json!([]));
            let known = required.as_array_mut().expect("it was made as one");
            if !known.contains(&name.into()) {
                known.push(name.into());
            }
        }
        value
    }

    /// Exactly one of the fields `names` is there.
    pub fn one_of(&self, names: &[&str]) {
        let alone = names.iter().map(|name| json!({"required": [name]})).collect::<Vec<_>>();
        self.note(json!({"oneOf": alone, "type": "object"}));
    }
}

/// The value that `yaml` writes. The agent, which has no outlines, has no parser either.
#[cfg(feature = "cli")]
fn value(yaml: &str) -> serde_json::Value {
    let node = crate::yaml::parse::parse(yaml).expect("examples are YAML");
    Reader::new(&node, "", &Diagnostics::default()).json()
}

#[cfg(not(feature = "cli"))]
fn value(yaml: &str) -> serde_json::Value {
    yaml.into()
}
