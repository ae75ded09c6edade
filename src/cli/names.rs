//! The names that a shell completes: those of what is there. It asks at each Tab, so nothing is started
//! and no machine asked; where something is wrong, nothing is offered.

use crate::cli::Cli;
use crate::lab::find::Labs;
use crate::lab::model::Lab;
use crate::text::service;
use clap::{ArgMatches, CommandFactory};
use clap_complete::engine::{CompletionCandidate, PathCompleter, ValueCompleter};
use rustix::process::geteuid;
use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};

/// The variable by which a shell asks, instead of running a verb.
pub const ASKED: &str = "LABRUN_COMPLETE";

/// Labs.
pub fn labs() -> Vec<CompletionCandidate> {
    let Some(found) = find(&before()) else { return Vec::new() };
    found.labs.iter().map(|(_, lab)| candidate(&lab.name, &lab.about)).collect()
}

/// Labs, tests, and, once a folder is typed, lab files.
pub fn tests(typed: &OsStr) -> Vec<CompletionCandidate> {
    let is_lab = |path: &Path| path.extension().is_some_and(|end| end == "yaml" || end == "yml");
    let files = match typed.to_string_lossy().contains('/') {
        true => PathCompleter::any().filter(is_lab).complete(typed),
        false => Vec::new(),
    };
    let Some(found) = find(&before()) else { return files };
    let tests = found.labs.iter().flat_map(|(_, lab)| &lab.tests);
    let tests = tests.map(|test| candidate(&test.name, &test.about));
    let labs = found.labs.iter().map(|(_, lab)| candidate(&lab.name, &lab.about));
    let fits = |name: &CompletionCandidate| starts(name, typed);
    labs.chain(tests).filter(fits).chain(files).collect()
}

/// Tags of tests.
pub fn tags() -> Vec<CompletionCandidate> {
    let Some(found) = find(&before()) else { return Vec::new() };
    let tests = found.labs.iter().flat_map(|(_, lab)| &lab.tests);
    let tags: BTreeSet<&String> = tests.flat_map(|test| &test.tags).collect();
    tags.into_iter().map(CompletionCandidate::new).collect()
}

/// Tests, whose captures are kept under their names, and files.
pub fn captures(typed: &OsStr) -> Vec<CompletionCandidate> {
    let mut all = PathCompleter::file().complete(typed);
    if let Some(found) = find(&before()) {
        let tests = found.labs.iter().flat_map(|(_, lab)| &lab.tests);
        let tests = tests.map(|test| candidate(&test.name, &test.about));
        all.splice(0..0, tests.filter(|name| starts(name, typed)));
    }
    all
}

/// The instances that are up on this machine.
pub fn instances() -> Vec<CompletionCandidate> {
    let visible = |name: &String| !name.starts_with('.');
    entries(&state_root()).into_iter().filter(visible).map(CompletionCandidate::new).collect()
}

/// The same; if there are none, labs: they may be up elsewhere.
pub fn running() -> Vec<CompletionCandidate> {
    Some(instances()).filter(|all| !all.is_empty()).unwrap_or_else(labs)
}

/// The nodes of the lab that was named before.
pub fn nodes() -> Vec<CompletionCandidate> {
    let before = before();
    let global = candidate("global", "the lab's own namespace");
    let nodes = with_lab(&before, |lab| {
        lab.topology.nodes.iter().map(|node| CompletionCandidate::new(&node.name)).collect()
    });
    let mut nodes: Vec<CompletionCandidate> = nodes.unwrap_or_default();
    if !nodes.contains(&CompletionCandidate::new("global")) {
        nodes.push(global);
    }
    nodes
}

/// The services of the lab that was named before: of the instance, if it is up, else as its file says.
pub fn services() -> Vec<CompletionCandidate> {
    let before = before();
    let Some(name) = lab(&before) else { return Vec::new() };
    let logs = entries(&state_root().join(name).join("log"));
    let logs: Vec<_> = logs.iter().filter_map(|file| file.strip_suffix(".log")).collect();
    if !logs.is_empty() {
        return logs.into_iter().map(|id| CompletionCandidate::new(service(id))).collect();
    }
    with_lab(&before, |lab| {
        lab.topology.services.iter().map(|s| CompletionCandidate::new(&s.name)).collect()
    })
    .unwrap_or_default()
}

fn candidate(name: &str, about: &str) -> CompletionCandidate {
    CompletionCandidate::new(name).help((!about.is_empty()).then(|| about.to_string().into()))
}

fn starts(name: &CompletionCandidate, typed: &OsStr) -> bool {
    name.get_value().as_encoded_bytes().starts_with(typed.as_encoded_bytes())
}

/// The words that are typed so far, which a shell says after `--`, and which of them is asked for.
pub fn asked() -> (Vec<OsString>, usize) {
    let words: Vec<OsString> =
        std::env::args_os().skip_while(|word| word != "--").skip(1).collect();
    let index = std::env::var("_CLAP_COMPLETE_INDEX").ok().and_then(|index| index.parse().ok());
    let last = words.len().saturating_sub(1);
    (words, index.unwrap_or(last))
}

/// The words before the one that is asked for, as far as they make sense.
fn before() -> ArgMatches {
    let (words, index) = asked();
    let command = Cli::command().ignore_errors(true);
    command.try_get_matches_from(words.into_iter().take(index)).unwrap_or_default()
}

/// The labs that the verb would find.
fn find(before: &ArgMatches) -> Option<Labs> {
    let files = before.try_get_many::<PathBuf>("files").ok()?.unwrap_or_default();
    Labs::load(&files.cloned().collect::<Vec<_>>()).ok()
}

/// The lab or instance that was named before.
fn lab(before: &ArgMatches) -> Option<&String> {
    before.subcommand()?.1.try_get_one::<String>("lab").ok()?
}

/// What `read` finds in the lab that was named before.
fn with_lab<T>(before: &ArgMatches, read: impl FnOnce(&Lab) -> T) -> Option<T> {
    let name = lab(before)?;
    let name = name.split_once('@').map_or(name.as_str(), |(lab, _)| lab);
    let found = find(before)?;
    found.labs.iter().find(|(_, lab)| lab.name == name).map(|(_, lab)| read(lab))
}

/// Where the runtime keeps a folder for each of this user's instances: `state_root` in
/// scripts/sandbox.sh.
fn state_root() -> PathBuf {
    match geteuid() {
        user if user.is_root() => "/run/labrun".into(),
        user => format!("/tmp/labrun-{}", user.as_raw()).into(),
    }
}

/// The names in `folder`, sorted; none if it cannot be read.
fn entries(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}
