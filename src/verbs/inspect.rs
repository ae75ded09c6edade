//! What only reads lab files: `check`, `script`, `graph`.

use crate::cli::Cli;
use crate::compile::script as compiler;
use crate::error::{Exit, Failure};
use crate::graph;
use crate::lab::check;
use crate::lab::find::{Labs, show_diagnostics};
use crate::report::outln;
use crate::report::{Format, colours, columns, print_exactly};
use crate::steps::Client;
use crate::topology::model::Subject;
use crate::verbs::filters;
use crate::yaml::diagnostic::Diagnostic;
use anyhow::Result;
use std::path::PathBuf;

/// Checks files; every mistake on a line of its own, on standard output.
///
/// # Errors
/// If a file cannot be read.
pub fn check(paths: &[PathBuf]) -> Result<u8> {
    let mut exit = Exit::Passed;
    for path in paths {
        let shown = path.display().to_string();
        let text = std::fs::read(path)
            .map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?;
        let text = String::from_utf8(text)
            .map_err(|_| Failure::usage(format!("{shown}:1:1: the file is not UTF-8 text")))?;
        let lab = check::lab(&text, &shown).and_then(|lab| match filters::diagnostics(&lab) {
            none if none.is_empty() => Ok(lab),
            some => Err(some),
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
                    "{shown}: lab `{}`, {} nodes, {} services, {} tests: ok",
                    lab.name,
                    lab.topology.nodes.len(),
                    lab.topology.services.len(),
                    lab.tests.len()
                );
            }
            Err(diagnostics) => {
                outln!("{}", show_diagnostics(&shown, &diagnostics));
                exit = Exit::Usage;
            }
        }
    }
    Ok(exit as u8)
}

/// Prints the compiled lab.
///
/// # Errors
/// If there is no such lab.
pub fn script(cli: &Cli, lab: &str, client: Client) -> Result<u8> {
    let labs = Labs::load(&cli.files)?;
    for lab in labs.labs(&[lab.to_string()])? {
        print_exactly(compiler::compile(lab, client).trim_end());
    }
    Ok(Exit::Passed as u8)
}

/// Draws a lab.
///
/// # Errors
/// If there is no such lab.
pub fn graph(cli: &Cli, lab: &str, format: Format) -> Result<u8> {
    let labs = Labs::load(&cli.files)?;
    for lab in labs.labs(&[lab.to_string()])? {
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
