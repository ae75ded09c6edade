//! What of a folder may go to another machine: a project does, a home folder never.
//!
//! A folder with `labs/` in it is where labs are found, but that makes it no project: its owner may
//! have put `labs/` beside everything else he has. Then only `labs/` goes.

use crate::host::transfer::sync::Entry;
use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// So many names of what is left out are told.
const NAMED: usize = 5;
/// The folder with the labs.
const LABS: &str = "labs";
/// Folders of version control systems.
const VERSION_CONTROL: [&str; 5] = [".git", ".hg", ".jj", ".svn", "_darcs"];
/// Files that say how a project is built.
const BUILD_FILES: [&str; 22] = [
    "BUILD.bazel",
    "CMakeLists.txt",
    "Cargo.toml",
    "GNUmakefile",
    "MODULE.bazel",
    "Makefile",
    "build.gradle",
    "build.gradle.kts",
    "build.zig",
    "composer.json",
    "configure",
    "configure.ac",
    "flake.nix",
    "go.mod",
    "justfile",
    "makefile",
    "meson.build",
    "mix.exs",
    "package.json",
    "pom.xml",
    "pyproject.toml",
    "setup.py",
];

/// How much of a folder goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// All that git would take.
    Whole,
    /// Of that, only what is in `labs/`, and why.
    Labs(&'static str),
}

impl Scope {
    /// That of `folder` for a user whose home is `home`; `project` is known to be one otherwise.
    pub fn of(folder: &Path, home: Option<&Path>, project: bool) -> Scope {
        let mut marks = VERSION_CONTROL.iter().chain(&BUILD_FILES);
        if is_home(folder, home) {
            Scope::Labs("it is a home folder, or above one")
        } else if project || marks.any(|mark| folder.join(mark).exists()) {
            Scope::Whole
        } else {
            Scope::Labs("it has neither a version control folder nor a build file")
        }
    }

    /// The folder in that folder which goes.
    pub fn part(self) -> &'static str {
        if self == Scope::Whole { "" } else { LABS }
    }
}

impl Scope {
    /// What is left out of `folder`, of which `entries` are copied, in words after those of how much
    /// that is.
    pub fn left_out(self, folder: &Path, entries: &[Entry]) -> String {
        let copied: BTreeSet<&OsStr> =
            entries.iter().filter_map(|entry| entry.path.iter().next()).collect();
        let all = fs::read_dir(folder).into_iter().flatten().flatten();
        let mut names: Vec<String> = all
            .map(|entry| entry.file_name())
            .filter(|name| !copied.contains(name.as_os_str()))
            .map(|name| name.to_string_lossy().into_owned())
            .collect();
        names.sort();
        let more = names.len().saturating_sub(NAMED);
        names.truncate(NAMED);
        let mut parts = Vec::new();
        if let Scope::Labs(why) = self {
            parts.push(format!("only {LABS}/ of {}, because {why}", folder.display()));
        }
        if !names.is_empty() {
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            parts.push(format!("left out: {}{more}", names.join(", ")));
        }
        if parts.is_empty() { String::new() } else { format!(" ({})", parts.join("; ")) }
    }
}

/// Whether `folder` is somebody's home, or above the home of this user, as `/` is.
pub fn is_home(folder: &Path, home: Option<&Path>) -> bool {
    let real = |path: &Path| path.canonicalize().unwrap_or(path.to_path_buf());
    let folder = real(folder);
    // With sudo, $HOME is not that of the user whose folder this is.
    let others = ["/home", "/Users"].iter().any(|homes| folder.parent() == Some(Path::new(homes)));
    let above =
        folder.parent().is_none() || home.is_some_and(|home| real(home).starts_with(&folder));
    above || others || folder == Path::new("/root")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_goes_whole_and_anything_else_only_with_its_labs() {
        let root = tempfile::tempdir().unwrap();
        let scope = |folder: &str, mark: &str| {
            let folder = root.path().join(folder);
            fs::create_dir_all(folder.join(mark)).unwrap();
            fs::create_dir_all(folder.join("labs")).unwrap();
            Scope::of(&folder, Some(&root.path().join("me")), false)
        };
        for mark in VERSION_CONTROL.iter().chain(&BUILD_FILES) {
            assert_eq!(scope(&format!("me/{mark}-project"), mark), Scope::Whole, "{mark}");
        }
        assert!(matches!(scope("me/things", "Pictures"), Scope::Labs(_)));
        assert_eq!(Scope::of(&root.path().join("me/things"), None, true), Scope::Whole);
        // A home folder that is a checkout, such as of dotfiles, and what is above it.
        assert!(matches!(scope("me", ".git"), Scope::Labs(_)));
        assert!(matches!(scope(".", ".git"), Scope::Labs(_)));
        assert!(matches!(
            Scope::of(&root.path().join("me"), Some(&root.path().join("me")), true),
            Scope::Labs(_)
        ));
    }

    #[test]
    fn the_homes_of_others_and_the_root_are_homes_too() {
        for folder in ["/", "/home/somebody", "/Users/somebody", "/root"] {
            assert!(is_home(Path::new(folder), None), "{folder}");
        }
        for folder in ["/srv/project", "/home/somebody/project", "/tmp"] {
            assert!(!is_home(Path::new(folder), Some(Path::new("/home/me"))), "{folder}");
        }
    }
}
