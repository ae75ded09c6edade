//! Which programs a repository is the source of, and how they are built.

use crate::starter::{c, compiled, scripts};
use std::fs;
use std::path::{Path, PathBuf};

/// A program of a repository.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Project {
    /// For people: `Go`, `C with Make`.
    pub language: &'static str,
    pub program: String,
    pub known_by: KnownBy,
    /// The file by which the lab knows that `command` is how it is built.
    pub mark: String,
    /// The shell command that leaves the program in `$OUT`.
    pub command: String,
}

/// By what a lab knows the repository of its program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KnownBy {
    GoModule(String),
    CargoPackage(String),
    /// All of them are there.
    Files(Vec<String>),
}

/// The programs that `folder` builds, the likeliest first: compiled ones, then those of interpreters,
/// and scripts only where there is nothing else. Reads no more than the files of build tools and
/// the first lines of sources.
pub fn detect(folder: &Path) -> Vec<Project> {
    let mut found = built(folder);
    if found.is_empty() {
        found = scripts::scripts(folder);
    }
    found.sort_by_key(|project| is_chore(&project.program));
    found
}

/// The same without scripts that can be run as they are, which any folder may have.
pub(super) fn built(folder: &Path) -> Vec<Project> {
    let kinds: [fn(&Path) -> Vec<Project>; 9] = [
        compiled::go,
        compiled::rust,
        compiled::zig,
        c::cmake,
        c::meson,
        c::autotools,
        c::make,
        scripts::python,
        scripts::node,
    ];
    let mut found: Vec<Project> = Vec::new();
    for kind in kinds {
        for project in kind(folder) {
            if !found.iter().any(|other| other.program == project.program) {
                found.push(project);
            }
        }
    }
    found
}

/// Whether a program is there for the sake of others.
fn is_chore(program: &str) -> bool {
    let chores =
        ["test", "tests", "bench", "benchmark", "example", "examples", "fuzz", "gen", "demo"];
    program.split(['-', '_', '.']).any(|word| chores.contains(&word))
}

/// The text of a file, empty if there is none that can be read.
pub(crate) fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

/// The paths in `folder`, sorted; no hidden ones.
pub(crate) fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| !name(path).is_empty() && !name(path).starts_with('.'));
    paths.sort();
    paths
}

/// The files in `folder` that end with one of `extensions`.
pub(crate) fn with_extension(folder: &Path, extensions: &[&str]) -> Vec<PathBuf> {
    let wanted = |path: &PathBuf| {
        path.extension().is_some_and(|e| extensions.iter().any(|wanted| e == *wanted))
    };
    entries(folder).into_iter().filter(|path| path.is_file() && wanted(path)).collect()
}

/// The last part of a path; empty if it is not text.
pub(crate) fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}

/// The name without its extension.
pub(crate) fn stem(path: &Path) -> &str {
    path.file_stem().and_then(|name| name.to_str()).unwrap_or_default()
}

/// Whether `text` can be the name of a program, as lab files and shell commands take it without quotes.
pub fn is_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
        && text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// What stands between quotes (double or single) in `text`, from the first one on.
pub(crate) fn quoted_in(text: &str) -> Option<&str> {
    let begin = text.find(['"', '\''])?;
    let rest = &text[begin + 1..];
    Some(&rest[..rest.find(&text[begin..begin + 1])?])
}
