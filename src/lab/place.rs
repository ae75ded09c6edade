//! What stands for the names around it, so that one description of a service, or of a step, does in
//! several nodes: `${node}` and `${name}` in services, `${node}` in steps. They are filled in before the
//! tree is read, whatever they stand in: what a shell gets is the name.

use crate::yaml::tree::{Node, Value};

/// Fills in all of them.
pub fn fill(root: &mut Node) {
    for (node, _, fields) in named(root, "nodes") {
        for (name, _, service) in named(fields, "services") {
            replace(service, &[("${node}", node), ("${name}", name)]);
        }
    }
    for (_, _, test) in named(root, "tests") {
        for step in field(test, "steps").map(items).unwrap_or_default() {
            // The kind of the step, and what it is made of.
            for (_, _, kind) in entries(step) {
                let node = field(kind, "node").map(|node| node.value.clone());
                if let Some(Value::Text(node)) = node {
                    replace(kind, &[("${node}", &node)]);
                }
            }
        }
    }
}

type Entry = (String, crate::yaml::tree::Position, Node);

fn entries(node: &mut Node) -> &mut [Entry] {
    match &mut node.value {
        Value::Map(entries) => entries,
        _ => &mut [],
    }
}

fn items(node: &mut Node) -> &mut [Node] {
    match &mut node.value {
        Value::List(items) => items,
        _ => &mut [],
    }
}

fn field<'a>(node: &'a mut Node, name: &str) -> Option<&'a mut Node> {
    entries(node).iter_mut().find(|(key, ..)| key == name).map(|(.., value)| value)
}

/// What stands in the field `name`, which is a mapping.
fn named<'a>(node: &'a mut Node, name: &str) -> &'a mut [Entry] {
    field(node, name).map(entries).unwrap_or_default()
}

/// Puts names in the places of others, in keys as well, which are the names of files.
fn replace(node: &mut Node, names: &[(&str, &str)]) {
    let fill = |text: &mut String| {
        if text.contains("${") {
            for (place, name) in names {
                *text = text.replace(place, name);
            }
        }
    };
    match &mut node.value {
        Value::Text(text) => fill(text),
        Value::List(items) => items.iter_mut().for_each(|item| replace(item, names)),
        Value::Map(entries) => {
            for (key, _, value) in entries {
                fill(key);
                replace(value, names);
            }
        }
        _ => {}
    }
}
