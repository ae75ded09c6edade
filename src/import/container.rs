//! What runs in a container, as a service.

use crate::import::services::file;
use crate::import::topology::Node;
use crate::import::translate::plain;
use crate::import::words::words;
use crate::quote::{yaml, yaml_line};
use std::collections::BTreeMap;
use std::path::{Component, Path};

/// The files that a node's programs see, by the path outside; none that is no text.
pub(crate) type Reading<'r> = &'r dyn Fn(&str) -> Option<String>;

/// What stays in front and does nothing, as images do that are only entered.
const IDLE: [&str; 7] = ["sh", "bash", "ash", "zsh", "sleep", "tail", "cat"];

/// The service that is what runs in a node, and does once what has no field of its own.
pub(crate) fn service(
    node: &Node,
    left: &[String],
    read: Reading,
    remarks: &mut Vec<String>,
    lost: &mut Vec<String>,
) -> Vec<String> {
    let is_idle = |main: &&String| {
        let words = words(main).unwrap_or_default();
        let program = words.first().and_then(|word| word.rsplit('/').next()).unwrap_or_default();
        let shell = !["sleep", "tail", "cat"].contains(&program);
        IDLE.contains(&program) && (words.len() == 1 || !shell)
    };
    let main = node.main.as_ref().filter(|main| !is_idle(main));
    let mut files: BTreeMap<String, String> = BTreeMap::new();
    // Where a file of the service's folder is in the container.
    let mut moved: Vec<String> = Vec::new();
    for bind in &node.binds {
        let mut parts = bind.split(':');
        let (from, to) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let normal =
            Path::new(to).components().skip(1).all(|part| matches!(part, Component::Normal(_)));
        let text = (to.starts_with('/') && normal).then(|| read(from)).flatten();
        match text {
            Some(text) if ["/etc/", "/run/"].iter().any(|below| to.starts_with(below)) => {
                files.insert(to.into(), text);
            }
            Some(text) => {
                files.insert(to.trim_start_matches('/').into(), text);
                moved.push(to.into());
            }
            None => {
                remarks
                    .push(format!("CHANGE: what is bound, {bind}, is no text file that is there"));
                lost.push(format!("what is bound into the node {}: {bind}", node.name));
            }
        }
    }
    if main.is_none() && left.is_empty() && files.is_empty() {
        if !node.environment.is_empty() {
            let names: Vec<&str> = node.environment.iter().map(|(name, _)| name.as_str()).collect();
            remarks.push(format!(
                "CHANGE: no command is there for the variables {}",
                names.join(", ")
            ));
            lost.push(format!("the variables of the node {}, in which nothing runs", node.name));
        }
        return Vec::new();
    }
    // labrun fills them in, which the shell was to do.
    let texts = files.values().chain(main).chain(left);
    for own in ["${node}", "${name}", "${dir}"] {
        if texts.clone().any(|text| text.contains(own)) {
            remarks.push(format!(
                "CHANGE: {own} means something else in a lab file: rename the variable"
            ));
            lost.push(format!("the variable {own} of the node {}", node.name));
        }
    }
    let inside = |text: &str| moved.iter().fold(text.to_string(), |text, path| beside(&text, path));
    let mut lines = Vec::new();
    match main {
        Some(main) => {
            let words = words(main).unwrap_or_default();
            let exec = if words.is_empty() { main.clone() } else { format!("exec {main}") };
            let stem = words.first().and_then(|word| Path::new(word).file_stem()?.to_str());
            let known =
                stem.filter(|stem| stem.chars().all(|c| c.is_ascii_alphanumeric() || c == '-'));
            lines.push(format!("{}:", yaml(known.unwrap_or("main"))));
            lines.push(format!("  command: {}", yaml_line(&inside(&exec))));
        }
        None => {
            lines.push("setup:".into());
            lines.push("  command: exec sleep infinity".into());
        }
    }
    if !node.environment.is_empty() {
        let all: Vec<String> = node
            .environment
            .iter()
            .map(|(name, value)| format!("{name}: {}", plain(value)))
            .collect();
        lines.push(format!("  environment: {{{}}}", all.join(", ")));
    }
    if !files.is_empty() {
        lines.push("  files:".into());
        lines.extend(files.iter().flat_map(|(path, text)| file(path, text)));
    }
    match main {
        Some(_) => {
            lines.push("  ready: {running: 1s}   # CHANGE: what tells that it is ready".into())
        }
        None => lines.push("  ready: {command: \"true\"}".into()),
    }
    if !left.is_empty() {
        lines.push("  started:   # CHANGE: each must succeed".into());
        lines.extend(left.iter().map(|command| format!("    - {}", yaml_line(&inside(command)))));
    }
    lines
}

/// `text`, in which the file `path` of a container, and the folder that it is in, are in the service's own.
fn beside(text: &str, path: &str) -> String {
    let folder = Path::new(path).parent().and_then(Path::to_str).unwrap_or_default();
    // What is next to the root is the machine's, too.
    let folder = Some(folder).filter(|folder| folder.matches('/').count() > 1);
    let edge = |c: Option<char>| c.is_none_or(|c| c.is_whitespace() || "=:,;'\"<>()".contains(c));
    std::iter::once(path).chain(folder).fold(text.to_string(), |text, path| {
        let mut moved = String::new();
        let mut rest = text.as_str();
        while let Some(at) = rest.find(path) {
            let (before, after) = (&rest[..at], &rest[at + path.len()..]);
            moved.push_str(before);
            let whole = edge(moved.chars().next_back()) && edge(after.chars().next());
            moved.push_str(if whole { "${dir}" } else { "" });
            moved.push_str(path);
            rest = after;
        }
        moved + rest
    })
}
