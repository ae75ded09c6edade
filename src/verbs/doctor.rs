//! `labrun doctor`: what this machine lacks, and how to get it.

use crate::cli::Cli;
use crate::error::Exit;
use crate::event::Event;
use crate::host::Native;
use crate::host::native::{is_root, run_tool};
use crate::lab::find::Labs;
use crate::lab::model::{Client, Lab};
use crate::outln;
use crate::run::describe::{describe_missing, install_command};
use crate::script;
use anyhow::Result;
use std::path::Path;

/// Looks at everything the labs need that `words` name, or that have the tests they name; with
/// `install`, installs the packages first.
///
/// # Errors
/// Wrong names or broken lab files.
pub fn doctor(cli: &Cli, words: &[String], install: bool, client: Client) -> Result<u8> {
    let labs = Labs::load(&cli.files)?;
    let chosen = if words.is_empty() { labs.all() } else { labs.choose(words)?.into_iter().map(|chosen| chosen.lab).collect() };
    if install {
        let packages = packages(&chosen, client);
        if !packages.is_empty() {
            let mut command = install_command(&packages);
            // Some packages ask questions (isc-dhcp-relay does); sudo would drop a variable set outside of it.
            let apt = command.iter().position(|word| word == "apt-get").unwrap_or_default();
            command.splice(apt..apt, ["env", "DEBIAN_FRONTEND=noninteractive"].map(String::from));
            outln!("running: {}", command.join(" "));
            if !run_tool(&command)? {
                outln!("the installation failed; if a package is unknown, `apt-get update` first");
                return Ok(Exit::Machine as u8);
            }
        }
    }
    let mut lacking = false;
    let host = match Native::detect() {
        Ok(host) => {
            let how = if host.elevated {
                "through sudo: this kernel refuses user namespaces to ordinary users"
            } else if is_root() {
                "as root"
            } else {
                "as this user, in user namespaces"
            };
            outln!("ok    sandbox  {how}");
            host
        }
        Err(error) => {
            outln!("LACKS sandbox  {error:#}");
            return Ok(Exit::Machine as u8);
        }
    };
    for lab in chosen {
        let missing = missing(&host, lab, client)?;
        lacking |= !missing.is_empty();
        match missing.as_slice() {
            [] => outln!("ok    lab {}", lab.name),
            some => some.iter().for_each(|text| outln!("LACKS lab {}: {text}", lab.name)),
        }
    }
    Ok(if lacking { Exit::Machine } else { Exit::Passed } as u8)
}

/// What the runtime finds missing for `lab`.
fn missing(host: &Native, lab: &Lab, client: Client) -> Result<Vec<String>> {
    let mut process = host.run(&script::compile(lab, client), &["missing".to_string()], Path::new("."))?;
    let mut missing = Vec::new();
    while let Some(event) = process.event() {
        match event {
            Event::Missing(one) => missing.push(one),
            Event::Refused => return Ok(vec!["this kernel refuses user namespaces to ordinary users".into()]),
            _ => {}
        }
    }
    Ok(describe_missing(&missing))
}

/// The Debian packages of the commands that are not there.
fn packages(labs: &[&Lab], client: Client) -> Vec<String> {
    let mut packages: Vec<String> = Vec::new();
    for lab in labs {
        for (command, package) in script::commands(lab, client, true) {
            let there = ["/usr/sbin", "/sbin", "/usr/local/sbin"].iter().any(|folder| Path::new(folder).join(&command).exists());
            if !there && which::which(&command).is_err() && !packages.contains(&package) {
                packages.push(package);
            }
        }
    }
    packages
}
