//! Reports as files: what `--report` names.

use crate::error::Failure;
use crate::fs;
use crate::record::run::Run;
use crate::report::{html, junit};
use crate::text::{quoted, slip};
use anyhow::Result;
use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;

/// A kind of report that is a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The run itself (docs/json.md).
    Json,
    /// JUnit XML.
    Junit,
    /// One page that needs nothing else.
    Html,
}

/// What `--report` asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    File(Kind, PathBuf),
    /// Groups, annotations and the step summary of GitHub Actions.
    GitHub,
}

const KINDS: [(&str, Option<Kind>); 4] = [
    ("json", Some(Kind::Json)),
    ("junit", Some(Kind::Junit)),
    ("html", Some(Kind::Html)),
    ("github", None),
];

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(
            KINDS.iter().find(|(_, kind)| *kind == Some(*self)).map_or("", |(name, _)| name),
        )
    }
}

impl FromStr for Target {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Target, Failure> {
        let (name, file) =
            text.split_once('=').map_or((text, None), |(name, file)| (name, Some(file)));
        let names = KINDS.map(|(name, _)| name);
        let Some((_, kind)) = KINDS.iter().find(|(known, _)| *known == name) else {
            let hint = slip(name, names, String::new);
            return Err(Failure::usage(format!(
                "there is no report `{name}`{hint}; there is {}",
                quoted(&names)
            )));
        };
        match (kind, file) {
            (Some(kind), Some(file)) if !file.is_empty() => Ok(Target::File(*kind, file.into())),
            (Some(_), _) => Err(Failure::usage(format!("`{name}` wants a file: `{name}=FILE`"))),
            (None, None) => Ok(Target::GitHub),
            (None, Some(_)) => {
                Err(Failure::usage(format!("`{name}` goes to GitHub, not to a file")))
            }
        }
    }
}

/// Makes sure that every target can be written, before anything is run for it.
///
/// # Errors
/// For the first that can't, or that two reports want.
pub fn prepare(targets: &[Target]) -> Result<()> {
    let mut seen: Vec<&Path> = Vec::new();
    for target in targets {
        let Target::File(kind, path) = target else { continue };
        if seen.contains(&path.as_path()) {
            return Err(
                Failure::usage(format!("two reports are to go to {}", path.display())).into()
            );
        }
        seen.push(path);
        fs::writable(path).map_err(|error| {
            Failure::usage(format!("cannot write the {kind} report: {error:#}"))
        })?;
    }
    Ok(())
}

/// Writes every file of `targets`, all of them though one fails; what was written.
///
/// # Errors
/// Those that could not be written.
pub fn write_all(targets: &[Target], run: &Run) -> (Vec<(Kind, PathBuf)>, Vec<anyhow::Error>) {
    let (mut written, mut failed) = (Vec::new(), Vec::new());
    for target in targets {
        let Target::File(kind, path) = target else { continue };
        let text = match kind {
            Kind::Json => Ok(run.json()),
            Kind::Junit => junit::document(run),
            Kind::Html => {
                Ok(html::page(run, &folder_of(path), &std::env::current_dir().unwrap_or_default()))
            }
        };
        match text.and_then(|text| fs::write(path, text.as_bytes())) {
            Ok(()) => written.push((*kind, path.clone())),
            Err(error) => failed.push(error.context(format!("cannot write the {kind} report"))),
        }
    }
    (written, failed)
}

/// The folder of `path`, which is there, without links and `..`.
fn folder_of(path: &Path) -> PathBuf {
    let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
    folder.canonicalize().unwrap_or(folder.to_path_buf())
}
