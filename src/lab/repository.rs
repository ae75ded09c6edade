//! The repository that labrun runs in, and whether it is that of a program under test.

use crate::topology::model::Subject;
use std::path::{Path, PathBuf};

/// The nearest folder at or above `start` that looks like the root of a project.
pub fn repository(start: &Path) -> PathBuf {
    start.ancestors().find(|folder| is_root(folder)).unwrap_or(start).to_path_buf()
}

/// Whether `folder` looks like the root of a project.
pub fn is_root(folder: &Path) -> bool {
    [".git", "go.mod", "labs"].iter().any(|mark| folder.join(mark).exists())
}

/// Whether `folder` is the repository of `subject`.
pub fn is_repository_of(subject: &Subject, folder: &Path) -> bool {
    let module = std::fs::read_to_string(folder.join("go.mod")).ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.trim().strip_prefix("module "))?;
        Some(line.trim().trim_matches('"').to_string())
    });
    let known = module.is_some_and(|module| {
        subject.go_modules.iter().any(|m| *m == module || module.starts_with(&format!("{m}/v")))
    });
    known
        || (!subject.files.is_empty()
            && subject.files.iter().all(|file| folder.join(file).exists()))
}
