//! `labrun man`: the manual pages, made of what `--help` says.

use crate::cli::{Cli, EXIT_CODES};
use crate::error::{Exit, Failure};
use crate::report::{outln, print_exactly};
use anyhow::Result;
use clap::{Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};
use std::io;
use std::path::Path;

/// Prints labrun(1), or writes it and the page of each verb into `folder`.
///
/// # Errors
/// If a page cannot be written.
pub fn man(folder: Option<&Path>) -> Result<u8> {
    let pages = pages()?;
    let Some(folder) = folder else {
        print_exactly(String::from_utf8_lossy(&pages[0].1).trim_end());
        return Ok(Exit::Passed as u8);
    };
    let write = || {
        std::fs::create_dir_all(folder)?;
        pages.iter().try_for_each(|(name, page)| std::fs::write(folder.join(name), page))
    };
    let shown = folder.display();
    write().map_err(|error| Failure::usage(format!("cannot write to {shown}: {error}")))?;
    outln!("wrote {} manual pages to {shown}", pages.len());
    Ok(Exit::Passed as u8)
}

/// The pages, each with its file name; labrun(1) is the first.
fn pages() -> io::Result<Vec<(String, Vec<u8>)>> {
    fn of(command: &Command, pages: &mut Vec<(String, Vec<u8>)>) -> io::Result<()> {
        let man = Man::new(command.clone());
        pages.push((man.get_filename(), page(&man, command)?));
        command.get_subcommands().try_for_each(|verb| of(verb, pages))
    }
    let mut command = Cli::command().disable_help_subcommand(true);
    // Then each verb knows its full name, and the options that all have.
    command.build();
    let mut pages = Vec::new();
    of(&command, &mut pages)?;
    Ok(pages)
}

fn page(man: &Man, command: &Command) -> io::Result<Vec<u8>> {
    // As the crate writes it, but with the date that it leaves out, which is none: pages are the same
    // whenever they are made.
    let (name, version) = (man.get_filename(), env!("CARGO_PKG_VERSION"));
    let name = name.trim_end_matches(".1").to_uppercase();
    let mut page = format!(".TH {name} 1 \"\" \"labrun {version}\"\n").into_bytes();
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut rest = Roff::new();
    if command.has_subcommands() {
        man.render_subcommands_section(&mut page)?;
    }
    if name == "LABRUN" {
        rest.control("SH", ["EXIT STATUS"]);
        for (code, meaning) in EXIT_CODES {
            rest.control("TP", ["6"]).text([roman(code.to_string())]).text([roman(meaning)]);
        }
    } else {
        rest.control("SH", ["SEE ALSO"]).text([bold("labrun"), roman("(1)")]);
    }
    rest.to_writer(&mut page)?;
    Ok(page)
}
