//! The program under test: named by the user, or built from the repository labrun runs in.

use crate::error::Failure;
use crate::host::transfer::files::Build;
use crate::host::{Files, Host, Native};
use crate::lab::model::Lab;
use crate::lab::repository::{build_of, is_repository_of};
use crate::record::event::RunEvent;
use crate::topology::model::Subject;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Instant;

/// A program under test that was settled before the lab is set up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The binary.
    pub path: PathBuf,
    /// `given`, `built` or `path`.
    pub how: &'static str,
}

/// The subjects of a run, by program.
pub type Subjects = BTreeMap<String, Given>;

/// Where a program under test is to come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source<'a> {
    /// This binary, which the user named.
    Given(PathBuf),
    /// A build of this repository, by this command.
    Repository(PathBuf, &'a str),
    /// This binary, found on PATH.
    Path(PathBuf),
}

impl Source<'_> {
    /// `given`, `built` or `path`, as [`Given`] has it.
    pub fn how(&self) -> &'static str {
        match self {
            Source::Given(_) => "given",
            Source::Repository(..) => "built",
            Source::Path(_) => "path",
        }
    }
}

/// Where the subjects of a run come from, by program; of one that is not among them the runtime
/// decides, which looks at PATH and else takes the stand-in.
pub type Sources<'a> = BTreeMap<&'a str, (&'a Subject, Source<'a>)>;

/// Settles where the subjects of `labs` come from: `named` are the `--subject` values,
/// `[PROGRAM=]PATH`; `repository` is the one labrun runs in, `host` where they will be run.
///
/// # Errors
/// If a path is neither a program nor a repository, or the lab cannot build from one.
pub fn settle<'a>(
    labs: &[&'a Lab],
    named: &[String],
    repository: &Path,
    host: &Host,
) -> Result<Sources<'a>> {
    let mut sources = Sources::new();
    let programs: BTreeMap<&str, &Subject> = labs
        .iter()
        .filter_map(|l| l.topology.subject.as_ref())
        .map(|s| (s.program.as_str(), s))
        .collect();
    let named = named.iter().map(|value| name(value, &programs)).collect::<Result<Vec<_>>>()?;
    for (program, subject) in programs {
        let path = named
            .iter()
            .rev()
            .find(|(name, _)| name.as_deref().is_none_or(|n| n == program))
            .map(|(_, path)| path);
        let source = match path {
            Some(path) if path.is_dir() => built_from(subject, path)?,
            Some(path) => Source::Given(executable(path)?),
            None if is_repository_of(subject, repository) => built_from(subject, repository)?,
            // Elsewhere the runtime looks at PATH, but sudo replaces it.
            None if matches!(host, Host::Native(Native { elevated: true })) => {
                match which::which(program) {
                    Ok(path) => Source::Path(path),
                    Err(_) => continue,
                }
            }
            None => continue,
        };
        sources.insert(program, (subject, source));
    }
    Ok(sources)
}

/// The commands that build programs of `sources`.
pub fn builds<'a>(sources: &Sources<'a>) -> Vec<&'a str> {
    let command = |(_, source): &(&'a Subject, Source<'a>)| match source {
        Source::Repository(_, command) => Some(*command),
        Source::Given(_) | Source::Path(_) => None,
    };
    sources.values().filter_map(command).collect()
}

/// Gets the programs of `sources` to where they are run, whose files `files` are; builds those that
/// have to be.
///
/// # Errors
/// If a build fails; then with the compiler's words.
pub fn resolve(sources: &Sources, files: &mut Files, tell: &dyn Fn(RunEvent)) -> Result<Subjects> {
    let mut subjects = Subjects::new();
    for (program, (subject, source)) in sources {
        let path = match source {
            Source::Repository(repository, command) => {
                build(subject, repository, command, files, tell)?
            }
            Source::Given(path) => files.program(path, &|copied| tell(RunEvent::from(copied)))?,
            Source::Path(path) => path.clone(),
        };
        subjects.insert((*program).to_string(), Given { path, how: source.how() });
    }
    Ok(subjects)
}

fn name(value: &str, programs: &BTreeMap<&str, &Subject>) -> Result<(Option<String>, PathBuf)> {
    let (program, path) = match value.split_once('=') {
        Some((program, path)) if programs.contains_key(program) => {
            (Some(program.to_string()), path)
        }
        _ => (None, value),
    };
    let path = std::path::absolute(path)?;
    if !path.exists() {
        return Err(Failure::usage(format!("--subject: there is no `{}`", path.display())).into());
    }
    Ok((program, path))
}

fn executable(path: &Path) -> Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let metadata = path.metadata()?;
    if !metadata.is_file() || metadata.permissions().mode() & 0o111 == 0 {
        return Err(Failure::usage(format!(
            "--subject: `{}` is neither an executable file nor a repository",
            path.display()
        ))
        .into());
    }
    Ok(path.to_path_buf())
}

/// Builds `subject` from `repository` by `command`, unless the same content was built before.
fn build(
    subject: &Subject,
    repository: &Path,
    command: &str,
    files: &mut Files,
    tell: &dyn Fn(RunEvent),
) -> Result<PathBuf> {
    let began = Instant::now();
    let name = format!(
        "{}-{}",
        subject.program,
        content_hash(repository, &files.sources(repository)?, command)?
    );
    let build = Build { program: &subject.program, command, repository, name };
    let earlier = files.built(&build)?;
    let cached = earlier.is_some();
    let path = match earlier {
        Some(path) => path,
        None => {
            tell(RunEvent::Building {
                program: subject.program.clone(),
                repository: repository.display().to_string(),
            });
            files.build(&build, &|copied| tell(RunEvent::from(copied)))?
        }
    };
    tell(RunEvent::Built {
        program: subject.program.clone(),
        path: path.display().to_string(),
        cached,
        time: began.elapsed(),
    });
    Ok(path)
}

/// `repository`, if a command of `subject` builds it.
fn built_from<'a>(subject: &'a Subject, repository: &Path) -> Result<Source<'a>> {
    if let Some(command) = build_of(subject, repository) {
        return Ok(Source::Repository(repository.to_path_buf(), command));
    }
    let program = &subject.program;
    let wanted: Vec<String> =
        subject.builds.iter().map(|build| build.files.join(" and ")).collect();
    let why = match wanted.as_slice() {
        [] => format!("the lab does not say how to build {program}"),
        _ => format!(
            "{} has nothing by which the lab knows how to build {program} ({})",
            repository.display(),
            wanted.join(", or ")
        ),
    };
    Err(Failure::usage(format!("{why}: give the binary with --subject")).into())
}

/// A hash of everything a build depends on that is in the repository: the files git would take,
/// tracked or not, less the artifacts of failed tests, and the command. What is tracked but not
/// there has no content.
fn content_hash(repository: &Path, files: &[PathBuf], command: &str) -> Result<String> {
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    add(command.as_bytes());
    for name in ["GOFLAGS", "GOOS", "GOARCH", "CGO_ENABLED", "CFLAGS", "RUSTFLAGS"] {
        add(std::env::var_os(name).unwrap_or_default().as_encoded_bytes());
    }
    for file in files {
        add(file.as_os_str().as_encoded_bytes());
        let file = repository.join(file);
        match std::fs::read_link(&file) {
            Ok(target) => add(target.as_os_str().as_encoded_bytes()),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(_) if file.is_dir() => {}
            Err(_) => {
                add(&std::fs::read(&file)
                    .with_context(|| format!("cannot read {}", file.display()))?)
            }
        }
    }
    Ok(hash.finalize()[..8].iter().map(|b| format!("{b:02x}")).collect())
}
