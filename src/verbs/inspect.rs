//! What only reads lab files: `list`, `check`, `script`, `graph`.

use crate::cli::Cli;
use crate::error::{Exit, Failure};
use crate::graph;
use crate::lab::check;
use crate::lab::find::{Labs, Origin, show_problems};
use crate::lab::model::Client;
use crate::outln;
use crate::report::{Format, colours, columns};
use crate::script as compiler;
use anyhow::Result;
use serde_json::json;
use std::path::PathBuf;

/// Lists labs and tests.
///
/// # Errors
/// If lab files are broken: their mistakes, after the list of the others.
pub fn list(cli: &Cli) -> Result<u8> {
    let labs = Labs::load(&cli.files)?;
    let names = labs.labs.iter().flat_map(|(_, lab)| lab.tests.iter().map(|t| t.name.chars().count() + 2).chain([lab.name.len()]));
    let width = names.max().unwrap_or_default().max(2);
    for (origin, lab) in &labs.labs {
        let from = if *origin == Origin::BuiltIn { "built in".to_string() } else { lab.file.clone() };
        if cli.format == Format::Json {
            let tests: Vec<_> = lab.tests.iter().map(|t| json!({"name": t.name, "about": t.about})).collect();
            outln!("{}", json!({"lab": lab.name, "about": lab.about, "from": from, "tests": tests}));
            continue;
        }
        outln!("{:<width$}  {} ({from})", lab.name, lab.about);
        for test in &lab.tests {
            outln!("  {:<rest$}  {}", test.name, test.about, rest = width - 2);
        }
    }
    labs.intact()?;
    Ok(Exit::Passed as u8)
}

/// Checks files; every mistake on a line of its own, on standard output.
///
/// # Errors
/// If a file cannot be read.
pub fn check(paths: &[PathBuf]) -> Result<u8> {
    let mut exit = Exit::Passed;
    for path in paths {
        let shown = path.display().to_string();
        let text = std::fs::read(path).map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?;
        let text = String::from_utf8(text).map_err(|_| Failure::usage(format!("{shown}:1:1: the file is not UTF-8 text")))?;
        match check::lab(&text, &shown) {
            Ok(lab) => outln!(
                "{shown}: lab `{}`, {} nodes, {} services, {} tests: ok",
                lab.name,
                lab.nodes.len(),
                lab.services.len(),
                lab.tests.len()
            ),
            Err(problems) => {
                outln!("{}", show_problems(&shown, &problems));
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
        outln!("{}", compiler::compile(lab, client).trim_end());
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
            Format::Json => graph::json(lab).to_string(),
        };
        outln!("{}", drawing.trim_end());
    }
    Ok(Exit::Passed as u8)
}
