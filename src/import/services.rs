//! Processes that a script left behind, as services.

use crate::import::found::{Found, Process};
use crate::quote::{json, shell, yaml, yaml_line};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// The services by their nodes, each as its lines, and what of them got lost.
#[derive(Debug, Default)]
pub(crate) struct Services {
    pub by_node: BTreeMap<String, Vec<String>>,
    pub lost: Vec<String>,
}

/// What runs other programs, and so gives no name to a service.
const INTERPRETERS: [&str; 6] = ["python", "bash", "sh", "node", "perl", "busybox"];
/// Variables that shells set.
const SHELLS: [&str; 4] = ["_", "SHLVL", "PWD", "OLDPWD"];

/// The services of what was `found`; `exists` knows whether there is a file outside, too.
pub(crate) fn services(found: &Found, exists: &dyn Fn(&Path) -> bool) -> Services {
    let mut services = Services::default();
    let mut used: BTreeSet<&str> = BTreeSet::new();
    let folders = folders(found, exists);
    for (process, name) in found.processes.iter().zip(names(&found.processes)) {
        let mut files: BTreeMap<String, &str> = BTreeMap::new();
        let mut words: Vec<String> = Vec::new();
        for (index, word) in process.words.iter().enumerate() {
            let shown = with_files(found, process, word, &mut files, &mut used);
            let beside = Path::new(&process.folder).join(word);
            // A service has a folder of its own, in which only the script's own files are.
            let theirs = index > 0 && shown == *word && !word.starts_with(['-', '/']);
            let theirs = theirs && !files.keys().any(|file| Path::new(file).starts_with(word));
            let shown =
                if theirs && exists(&beside) { beside.display().to_string() } else { shown };
            words.push(quoted(&inside(&shown, &folders)));
        }
        let mut command = format!("exec {}", words.join(" "));
        // Daemons go to the root by themselves.
        if process.folder != found.folder && process.folder != "/" {
            // It was started there on purpose.
            let beside = format!("{}/", process.folder.trim_end_matches('/'));
            let written = found.files.iter().filter(|(path, _)| !is_daemons_own(path));
            let written =
                written.filter_map(|(path, text)| Some((path, path.strip_prefix(&beside)?, text)));
            for (path, own, text) in written {
                files.insert(own.into(), text);
                used.insert(path);
            }
            if files.is_empty() && exists(Path::new(&process.folder)) {
                command = format!("cd {} && {command}", shell(&process.folder));
            }
        }
        let mut lines = vec![format!("{name}:")];
        if process.detached {
            lines.push("  # CHANGE: it went to the background by itself; a service stays in front, mostly by an option.".into());
        }
        lines.push(format!("  command: {}", yaml_line(&command)));
        let variables = variables(found, process);
        if !variables.is_empty() {
            lines.push(format!("  environment: {{{}}}", variables.join(", ")));
        }
        if !files.is_empty() {
            lines.push("  files:".into());
            lines.extend(files.iter().flat_map(|(path, text)| file(path, &inside(text, &folders))));
        }
        lines.push(format!("  ready: {}", ready(found, process)));
        services.by_node.entry(process.namespace.clone()).or_default().extend(lines);
    }
    let written = found.files.keys().map(String::as_str).filter(|path| !used.contains(path));
    for path in written.chain(found.binaries.iter().map(String::as_str)) {
        services.lost.push(format!("the file {path}, which no command of a service names"));
    }
    services
}

/// Whether a daemon has written the file, and will write it again.
fn is_daemons_own(path: &str) -> bool {
    [".pid", ".log", ".sock", ".leases"].iter().any(|end| path.ends_with(end))
}

/// The lines of a file of a service.
pub(crate) fn file(path: &str, text: &str) -> Vec<String> {
    // A block of YAML keeps what can be seen, and begins with no blank.
    let block = text.ends_with('\n')
        && !text.starts_with([' ', '\n', '\t'])
        && !text.ends_with("\n\n")
        && !text.contains(|c: char| c.is_control() && c != '\n' && c != '\t');
    match block {
        true => std::iter::once(format!("    {}: |", yaml(path)))
            .chain(text.lines().map(|line| format!("      {line}")))
            .collect(),
        false => vec![format!("    {}: {}", yaml(path), json(text))],
    }
}

/// Folders that the script has made, such as by `mktemp -d`: in the lab they are the services' own.
fn folders(found: &Found, exists: &dyn Fn(&Path) -> bool) -> BTreeSet<String> {
    let files = found.files.keys().chain(&found.binaries);
    let parents = files.filter_map(|path| Path::new(path).parent());
    let made = parents.filter(|folder| folder.components().count() > 2 && !exists(folder));
    made.map(|folder| format!("{}/", folder.display())).collect()
}

/// `text` with paths in one of `folders` as they are in the service's own.
fn inside(text: &str, folders: &BTreeSet<String>) -> String {
    // The longer ones come last, and contain the others.
    folders.iter().rev().fold(text.to_string(), |text, folder| text.replace(folder.as_str(), ""))
}

/// A word of a command, with no quotes around the name of an option.
fn quoted(word: &str) -> String {
    match word.split_once('=') {
        Some((option, value)) if option.starts_with('-') => {
            format!("{}={}", shell(option), shell(value))
        }
        _ => shell(word),
    }
}

/// What the services are called: as their programs, or what those interpret; where several nodes have the same
/// one, with the node's name.
fn names(processes: &[Process]) -> Vec<String> {
    let bases: Vec<String> = processes.iter().map(base).collect();
    let mut names: Vec<String> = Vec::new();
    for (process, base) in processes.iter().zip(&bases) {
        let several = bases.iter().filter(|other| *other == base).count() > 1;
        let name = if several { format!("{base}-{}", process.namespace) } else { base.clone() };
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let free = std::iter::once(name.clone()).chain(numbered).find(|name| !names.contains(name));
        names.push(free.expect("there is no end of numbers"));
    }
    names
}

fn base(process: &Process) -> String {
    let stem = |word: &str| {
        let stem = Path::new(word).file_stem().and_then(|stem| stem.to_str()).unwrap_or_default();
        let good = |c: char| if c.is_ascii_alphanumeric() || "-_".contains(c) { c } else { '-' };
        stem.chars().map(good).collect::<String>().trim_matches('-').to_string()
    };
    let program = process.words.first().map(|word| stem(word)).unwrap_or_default();
    let interpreted = process.words.get(1).filter(|word| {
        INTERPRETERS.iter().any(|name| program.starts_with(name)) && !word.starts_with('-')
    });
    match interpreted.map(|word| stem(word)).unwrap_or(program) {
        none if none.is_empty() => "service".into(),
        some => some,
    }
}

/// `word`, in which the files that the script wrote have their paths in the service's folder; these go to
/// `files`. What is below /etc and /run keeps its path.
fn with_files<'f>(
    found: &'f Found,
    process: &Process,
    word: &str,
    files: &mut BTreeMap<String, &'f str>,
    used: &mut BTreeSet<&'f str>,
) -> String {
    let mut shown = word.to_string();
    for (path, text) in &found.files {
        if is_daemons_own(path) {
            used.insert(path);
            continue;
        }
        // The file itself, or a folder that it is in, but not one that is always there.
        let parts = Path::new(path).ancestors().filter(|part| part.components().count() > 2);
        let beside = path.strip_prefix(&format!("{}/", process.folder.trim_end_matches('/')));
        if let Some(part) = parts.filter_map(Path::to_str).find(|part| has(word, part)) {
            let parent = Path::new(part).parent().and_then(Path::to_str).unwrap_or_default();
            let own = path[parent.len()..].trim_start_matches('/');
            let kept = path.starts_with("/etc/") || path.starts_with("/run/");
            if !kept {
                shown = shown.replace(part, part[parent.len()..].trim_start_matches('/'));
            }
            files.insert(if kept { path.clone() } else { own.into() }, text);
            used.insert(path);
        } else if let Some(beside) = beside
            && Path::new(beside)
                .ancestors()
                .filter_map(Path::to_str)
                .any(|part| !part.is_empty() && has(word, part))
        {
            files.insert(beside.into(), text);
            used.insert(path);
        }
    }
    shown
}

/// Whether `word` has the path `part` in it, and not just another that begins with it.
fn has(word: &str, part: &str) -> bool {
    let edge = |c: Option<char>| c.is_none_or(|c| "=:,".contains(c));
    word.match_indices(part).any(|(at, _)| {
        let after = &word[at + part.len()..];
        let after = after.strip_prefix('/').unwrap_or(after);
        edge(word[..at].chars().next_back()) && edge(after.chars().next())
    })
}

/// The variables that the process has and the script had not.
fn variables(found: &Found, process: &Process) -> Vec<String> {
    let own = process.environment.iter().filter(|variable| !found.environment.contains(variable));
    let parts = own.filter_map(|variable| variable.split_once('='));
    let parts = parts.filter(|(name, _)| !SHELLS.contains(name) && !name.starts_with("BASH_FUNC"));
    parts.map(|(name, value)| format!("{name}: {}", yaml(value))).collect()
}

/// When it is ready: its sockets are open, or, if it has none, it lives.
fn ready(found: &Found, process: &Process) -> String {
    let sockets = found.namespaces.get(&process.namespace).map(|n| n.sockets.as_str());
    let mut ports: BTreeMap<&str, BTreeSet<u16>> = BTreeMap::new();
    for line in sockets.unwrap_or_default().lines() {
        let fields: Vec<&str> = line.split_whitespace().collect();
        if let (Some(transport @ ("tcp" | "udp")), Some(local)) =
            (fields.first().copied(), fields.get(4))
            && line.contains(&format!("pid={},", process.pid))
            && let Some(port) = local.rsplit(':').next().and_then(|port| port.parse().ok())
        {
            ports.entry(transport).or_default().insert(port);
        }
    }
    let condition = |(transport, ports): (&&str, &BTreeSet<u16>)| {
        let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
        format!("{transport}: [{}]", ports.join(", "))
    };
    match ports.is_empty() {
        true => "{running: 1s}   # it listens nowhere".into(),
        false => format!("{{{}}}", ports.iter().map(condition).collect::<Vec<_>>().join(", ")),
    }
}
