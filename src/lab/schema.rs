//! The lab file as JSON Schema, for editors: what its readers read, and what they say of it.

use crate::lab::each::{EACH, PLACE, WHERE};
use crate::lab::file;
use crate::yaml::outline;
use serde_json::{Value, json};

/// What every lab file is valid by that `check` accepts. Where it only sees text, such as an
/// address, `check` sees more.
pub fn schema() -> Value {
    let mut schema = outline::schema(file::lab);
    let fields = schema.get_mut("properties").and_then(Value::as_object_mut);
    // What is needed does not differ from run to run.
    let fields = fields.into_iter().flatten().filter(|(name, _)| *name != "needs");
    fields.for_each(|(_, field)| open(field));
    for path in WHERE {
        at(&mut schema, path, &mut |entry| {
            let fields = entry.get_mut("properties").and_then(Value::as_object_mut);
            let Some(fields) = fields else { return };
            fields.insert(EACH.into(), each());
        });
    }
    schema["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    schema["title"] = json!("a labrun lab");
    schema["description"] =
        json!("Hosts and cables, the daemons that run on the hosts, and tests.");
    schema
}

/// Calls `change` with what is said of the values that `path` leads to; `*` is any name or item.
fn at(schema: &mut Value, path: &[&str], change: &mut dyn FnMut(&mut Value)) {
    for one in schema.get_mut("anyOf").and_then(Value::as_array_mut).into_iter().flatten() {
        at(one, path, change);
    }
    match path {
        [] => change(schema),
        ["*", rest @ ..] => {
            for key in ["additionalProperties", "items"] {
                schema.get_mut(key).into_iter().for_each(|part| at(part, rest, change));
            }
        }
        [name, rest @ ..] => {
            let field = schema.get_mut("properties").and_then(|fields| fields.get_mut(name));
            field.into_iter().for_each(|part| at(part, rest, change));
        }
    }
}

fn each() -> Value {
    json!({
        "description": format!("stands for several of these: how many, a range, or a list; `{PLACE}` is the number or word"),
        "examples": [100, "10-19", ["red", "blue"]],
        "anyOf": [
            {"type": "integer", "minimum": 1},
            {"type": "string", "pattern": r"^\$\{[A-Za-z_][A-Za-z0-9_]*\}$"},
            {"type": "string", "pattern": "^ *[0-9]+ *- *[0-9]+ *$"},
            {"type": "array", "minItems": 1, "items": {"type": ["string", "integer"]}},
        ],
    })
}

/// Where something else than any text is wanted, `${NAME}` is good as well: `each` or a parameter.
fn open(schema: &mut Value) {
    let Some(parts) = schema.as_object_mut() else { return };
    for key in ["properties", "patternProperties"] {
        let fields = parts.get_mut(key).and_then(Value::as_object_mut);
        fields.into_iter().flat_map(|fields| fields.values_mut()).for_each(open);
    }
    for key in ["items", "additionalProperties"] {
        parts.get_mut(key).into_iter().for_each(open);
    }
    if let Some(ways) = parts.get_mut("anyOf").and_then(Value::as_array_mut) {
        ways.iter_mut().for_each(open);
    } else if parts.get("type") == Some(&json!("integer"))
        || ["enum", "pattern"].iter().any(|key| parts.contains_key(*key))
    {
        let own = ["description", "examples"].map(|key| (key, parts.remove(key)));
        let wanted = std::mem::take(parts);
        let replaced = json!({"type": "string", "pattern": r"\$\{[A-Za-z_][A-Za-z0-9_]*\}"});
        parts.insert("anyOf".into(), json!([wanted, replaced]));
        parts.extend(own.into_iter().filter_map(|(key, value)| Some((key.into(), value?))));
    }
}
