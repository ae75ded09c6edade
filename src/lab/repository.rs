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
    let module = go_module(folder).is_some_and(|module| {
        subject.go_modules.iter().any(|m| *m == module || module.starts_with(&format!("{m}/v")))
    });
    let package =
        || cargo_package(folder).is_some_and(|name| subject.cargo_packages.contains(&name));
    module || package() || (!subject.files.is_empty() && has(folder, &subject.files))
}

/// The command by which `subject` is built in `folder`: the first that is for such a repository.
pub fn build_of<'a>(subject: &'a Subject, folder: &Path) -> Option<&'a str> {
    let build = subject.builds.iter().find(|build| has(folder, &build.files))?;
    Some(&build.command)
}

/// Whether all of `files` are in `folder`.
fn has(folder: &Path, files: &[String]) -> bool {
    files.iter().all(|file| folder.join(file).exists())
}

/// The path of the Go module in `folder`.
fn go_module(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("go.mod")).ok()?;
    let line = text.lines().find_map(|line| line.trim().strip_prefix("module "))?;
    Some(line.trim().trim_matches('"').to_string())
}

/// The name of the Cargo package in `folder`. As `cargo new` and all who keep to it write it: that is
/// enough to know a repository by, and what is written otherwise can be known by its files.
fn cargo_package(folder: &Path) -> Option<String> {
    let text = std::fs::read_to_string(folder.join("Cargo.toml")).ok()?;
    let lines = text.lines().map(str::trim).skip_while(|line| *line != "[package]").skip(1);
    let mut fields = lines.take_while(|line| !line.starts_with('['));
    fields.find_map(|line| {
        let value = line.strip_prefix("name")?.trim_start().strip_prefix('=')?;
        value.split(['"', '\'']).nth(1).map(String::from)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::find::Labs;

    #[test]
    fn a_repository_is_known_by_its_module_or_package_and_built_by_what_is_in_it() {
        let labs = Labs::load(&[]).unwrap();
        let relay = labs.labs(&["relay".to_string()]).unwrap();
        let subject = relay[0].topology.subject.as_ref().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let known = |file: &str, text: &str| {
            std::fs::write(folder.path().join(file), text).unwrap();
            let known = is_repository_of(subject, folder.path());
            let build = build_of(subject, folder.path()).map(|command| command[..5].to_string());
            std::fs::remove_file(folder.path().join(file)).unwrap();
            (known, build)
        };
        let (go, cargo) = (Some("go bu".to_string()), Some("cargo".to_string()));
        assert_eq!(known("go.mod", "module github.com/facebook/dhcplb\n"), (true, go.clone()));
        assert_eq!(
            known("go.mod", "module \"github.com/facebook/dhcplb/v2\"\n"),
            (true, go.clone())
        );
        assert_eq!(known("go.mod", "module github.com/facebook/dhcplb2\n"), (false, go));
        let package = |text: &str| known("Cargo.toml", text);
        assert_eq!(package("[package]\nname = \"dhcplb\"\n"), (true, cargo.clone()));
        assert_eq!(
            package("[lib]\n\n[package]\nedition='2024'\nname='dhcplb'\n"),
            (true, cargo.clone())
        );
        assert_eq!(
            package("[package]\nname = \"dhcp\"\n[[bin]]\nname = \"dhcplb\"\n"),
            (false, cargo)
        );
        assert_eq!(known("Makefile", "dhcplb:\n"), (false, None));
    }
}
