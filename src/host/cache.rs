//! Programs under test that were built here, each in a folder whose name stands for the content it was
//! built from. Only the last few of a program are kept, and none that nobody has used for long.

use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// How many builds of a program are kept, besides those used just now, which may be about to start.
const KEPT: usize = 5;
const JUST_NOW: Duration = Duration::from_secs(60 * 60);
/// How long one is kept that nobody uses.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// `$XDG_CACHE_HOME/labrun`, by the XDG base directory specification.
///
/// # Errors
/// If the environment names no such place.
pub fn folder() -> Result<PathBuf> {
    let set =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_CACHE_HOME")
        .or_else(|| set("HOME").map(|home| home.join(".cache")))
        .map(|cache| cache.join("labrun"))
        .context("neither XDG_CACHE_HOME nor HOME is set, so there is no place for builds")
}

/// Notes that the build in `folder` is used now.
pub fn used(folder: &Path) {
    let _ = fs::File::open(folder).and_then(|folder| folder.set_modified(SystemTime::now()));
}

/// Removes from `cache` what is too old, and all but the last builds of `program`. What cannot be
/// removed stays.
pub fn prune(cache: &Path, program: &str) {
    let age = |entry: &fs::DirEntry| {
        SystemTime::now().duration_since(entry.metadata().ok()?.modified().ok()?).ok()
    };
    let entries = fs::read_dir(cache).into_iter().flatten().flatten();
    let mut old: Vec<(Duration, PathBuf)> = entries
        .filter_map(|entry| Some((age(&entry)?, entry.path())))
        .filter(|(age, _)| *age > JUST_NOW)
        .collect();
    old.sort();
    let mut kept = 0;
    for (age, path) in old {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let own = name.strip_prefix(program).and_then(|rest| rest.strip_prefix('-'));
        let is_own = own.is_some_and(|hash| !hash.contains('-'));
        kept += usize::from(is_own);
        if age > UNUSED || is_own && kept > KEPT {
            let _ = fs::remove_dir_all(&path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_builds_of_a_program_are_kept_and_what_nobody_uses_goes() {
        let cache = tempfile::tempdir().unwrap();
        let made = |name: &str, minutes: u64| {
            let path = cache.path().join(name);
            fs::create_dir(&path).unwrap();
            fs::write(path.join("x"), "").unwrap();
            let then = SystemTime::now() - Duration::from_secs(minutes * 60);
            fs::File::open(path).unwrap().set_modified(then).unwrap();
        };
        for minutes in [0, 1, 2, 90, 91, 92, 93, 94, 95, 96, 97] {
            made(&format!("x-{minutes:02}"), minutes);
        }
        made("x-y-99", 99);
        made("y-99", 99);
        made(".building-a", 99);
        made("y-old", 60 * 24 * 31);
        made(".building-old", 60 * 24 * 31);
        made("x-used", 60 * 24 * 31);
        used(&cache.path().join("x-used"));
        prune(cache.path(), "x");
        let mut left: Vec<String> = fs::read_dir(cache.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let kept = [
            ".building-a",
            "x-00",
            "x-01",
            "x-02",
            "x-90",
            "x-91",
            "x-92",
            "x-93",
            "x-94",
            "x-used",
            "x-y-99",
            "y-99",
        ];
        assert_eq!(left, kept);
        prune(&cache.path().join("nowhere"), "x");
    }
}
