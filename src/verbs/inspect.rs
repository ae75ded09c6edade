//! What only reads lab files: `check`, `script`, `graph`.

use crate::cli::Cli;
use crate::compile::script as compiler;
use crate::error::{Exit, Failure};
use crate::graph;
use crate::lab::check;
use crate::lab::find::{Labs, lab_files, show_diagnostics};
use crate::lab::model::Lab;
use crate::lab::params::{self, Setting};
use crate::lab::repository::repository;
use crate::report::outln;
use crate::report::{Format, colours, columns, print_exactly};
use crate::steps::Client;
use crate::text::{count, suggest};
use crate::topology::model::Subject;
use crate::verbs::filters;
use crate::yaml::diagnostic::Diagnostic;
use anyhow::Context;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Checks files; every mistake on a line of its own, on standard output. What is wrong with one
/// does not keep the others from being checked. Without `paths`, those of the repository.
///
/// # Errors
/// If there is none.
pub fn check(paths: &[PathBuf], settings: &[Setting]) -> anyhow::Result<u8> {
    let own;
    let paths = match paths {
        [] => {
            own = own_files()?;
            &own
        }
        named => named,
    };
    let mut exit = Exit::Passed;
    // Labs that are good, by name, and where they are.
    let mut seen: BTreeMap<String, &Path> = BTreeMap::new();
    let mut good: Vec<Lab> = Vec::new();
    for path in paths {
        let shown = path.display().to_string();
        let lab = checked(path, &shown, settings).and_then(|lab| match seen.get(&lab.name) {
            Some(other) if !is_same(other, path) => Err(format!(
                "{shown}:1:1: the lab `{}` is already in {}",
                lab.name,
                other.display()
            )),
            _ => Ok(lab),
        });
        match lab {
            Ok(lab) => {
                let subject = lab.topology.subject.as_ref();
                if let Some((build, why)) = subject.and_then(Subject::never_built) {
                    let warning = Diagnostic {
                        position: build.position,
                        path: build.path.clone(),
                        message: format!("warning: {why}"),
                    };
                    outln!("{}", show_diagnostics(&shown, &[warning]));
                }
                outln!(
                    "{shown}: lab `{}`, {}, {}, {}: ok",
                    lab.name,
                    count(lab.topology.nodes.len(), "node"),
                    count(lab.topology.services.len(), "service"),
                    count(lab.tests.len(), "test")
                );
                seen.entry(lab.name.clone()).or_insert(path);
                good.push(lab);
            }
            Err(mistakes) => {
                outln!("{mistakes}");
                exit = Exit::Usage;
            }
        }
    }
    if matches!(exit, Exit::Passed) {
        params::known(settings, &good.iter().collect::<Vec<_>>())?;
    }
    Ok(exit as u8)
}

/// The lab files of the repository labrun runs in, as seen from here.
fn own_files() -> anyhow::Result<Vec<PathBuf>> {
    let here = std::env::current_dir().context("cannot tell the working directory")?;
    let folder = repository(&here).join("labs");
    let files = lab_files(&folder);
    if files.is_empty() {
        return Err(Failure::usage(format!(
            "there is no lab file in {}: name one, or `labrun init` writes one",
            folder.display()
        ))
        .into());
    }
    let shown = |path: &PathBuf| path.strip_prefix(&here).unwrap_or(path).to_path_buf();
    Ok(files.iter().map(shown).collect())
}

/// The file of the repository that may have been meant by `word`, a path or the name of a lab.
fn meant(word: &str) -> String {
    let files = own_files().unwrap_or_default();
    let stems = files.iter().filter_map(|file| Some((file.file_stem()?.to_str()?, file)));
    let stems: BTreeMap<&str, &PathBuf> = stems.collect();
    let near = suggest(word, files.iter().filter_map(|file| file.to_str()))
        .or_else(|| stems.get(suggest(word, stems.keys().copied())?)?.to_str());
    near.map_or(String::new(), |near| format!(", did you mean `{near}`?"))
}

/// The lab in a file, or all of its mistakes, ready to print.
fn checked(path: &Path, shown: &str, settings: &[Setting]) -> Result<Lab, String> {
    let text = std::fs::read(path)
        .map_err(|error| format!("cannot read {shown}: {error}{}", meant(shown)))?;
    let text =
        String::from_utf8(text).map_err(|_| format!("{shown}:1:1: the file is not UTF-8 text"))?;
    let lab =
        check::lab_with(&text, shown, settings).and_then(|lab| match filters::diagnostics(&lab) {
            none if none.is_empty() => Ok(lab),
            some => Err(some),
        });
    lab.map_err(|diagnostics| show_diagnostics(shown, &diagnostics))
}

fn is_same(one: &Path, other: &Path) -> bool {
    one.canonicalize().is_ok_and(|one| other.canonicalize().is_ok_and(|other| one == other))
}

/// Prints the compiled lab.
///
/// # Errors
/// If there is no such lab.
pub fn script(cli: &Cli, lab: &str, client: Client, settings: &[Setting]) -> anyhow::Result<u8> {
    let words = [lab.to_string()];
    let labs = Labs::load_for(&words, &cli.files, settings)?;
    let chosen = labs.labs(&words)?;
    params::known(settings, &chosen)?;
    for lab in chosen {
        print_exactly(compiler::compile(lab, client).trim_end());
    }
    Ok(Exit::Passed as u8)
}

/// Draws a lab.
///
/// # Errors
/// If there is no such lab.
pub fn graph(cli: &Cli, lab: &str, format: Format, settings: &[Setting]) -> anyhow::Result<u8> {
    let words = [lab.to_string()];
    let labs = Labs::load_for(&words, &cli.files, settings)?;
    let chosen = labs.labs(&words)?;
    params::known(settings, &chosen)?;
    for lab in chosen {
        let drawing = match format {
            Format::Text if colours() => graph::coloured(lab, columns()),
            Format::Text => graph::terminal(lab, columns()),
            Format::Mermaid => graph::mermaid(lab),
            Format::Dot => graph::dot(lab),
            Format::Svg => graph::svg(lab),
            // The last is none of those that `graph` takes.
            Format::Json | Format::GithubMatrix => graph::json(lab).to_string(),
        };
        print_exactly(drawing.trim_end());
    }
    Ok(Exit::Passed as u8)
}
