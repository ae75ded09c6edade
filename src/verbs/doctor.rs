//! `labrun doctor`: what this machine lacks, and how to get it.

use crate::cli::Cli;
use crate::compile::script;
use crate::error::Exit;
use crate::event::{Event, Missing};
use crate::host::{Files, Host};
use crate::lab::find::Labs;
use crate::lab::model::Lab;
use crate::record::artifacts::FOLDER;
use crate::report::outln;
use crate::run::describe::{describe_missing, install_command};
use crate::steps::Client;
use crate::verbs::running::host;
use anyhow::Result;
use std::path::Path;

/// Looks at everything the labs need that `words` name, or that have the tests they name; with
/// `install`, installs the packages first.
///
/// # Errors
/// Wrong names or broken lab files, a machine that cannot be reached.
pub fn doctor(cli: &Cli, words: &[String], install: bool, client: Client) -> Result<u8> {
    let labs = Labs::load(&cli.files)?;
    let chosen = if words.is_empty() {
        labs.all()
    } else {
        labs.choose(words)?.into_iter().map(|chosen| chosen.lab).collect()
    };
    let host = match host(cli) {
        Ok(host) => host,
        Err(error) => {
            outln!("LACKS sandbox  {error:#}");
            return Ok(Exit::Machine as u8);
        }
    };
    if install && !install_packages(&host, &chosen, client)? {
        outln!("the installation failed; if a package is unknown, `apt-get update` first");
        return Ok(Exit::Machine as u8);
    }
    let mut lacking = false;
    let all = chosen
        .iter()
        .map(|lab| Ok((lab, missing(&host, lab, client)?)))
        .collect::<Result<Vec<_>>>()?;
    outln!("ok    sandbox  {}", host.how());
    if let Host::Remote(_) = host {
        // Here it is labrun itself, which is there.
        match Files::on(&host, Path::new(FOLDER)).agent() {
            Ok(_) => outln!("ok    agent"),
            Err(why) => {
                lacking = true;
                outln!("LACKS agent    {why:#}");
            }
        }
    }
    for (lab, missing) in all {
        lacking |= !missing.is_empty();
        match describe(&missing, &host).as_slice() {
            [] => outln!("ok    lab {}", lab.name),
            some => some.iter().for_each(|text| outln!("LACKS lab {}: {text}", lab.name)),
        }
    }
    Ok(if lacking { Exit::Machine } else { Exit::Passed } as u8)
}

/// Something the runtime finds wrong.
enum Lack {
    Missing(Missing),
    Refused,
}

fn describe(lacks: &[Lack], host: &Host) -> Vec<String> {
    if lacks.iter().any(|lack| matches!(lack, Lack::Refused)) {
        return vec!["this kernel refuses user namespaces to ordinary users".into()];
    }
    let missing: Vec<Missing> = lacks
        .iter()
        .filter_map(|lack| if let Lack::Missing(one) = lack { Some(one.clone()) } else { None })
        .collect();
    describe_missing(&missing, host)
}

/// What the runtime finds missing for `lab`.
fn missing(host: &Host, lab: &Lab, client: Client) -> Result<Vec<Lack>> {
    let mut process =
        host.run(&script::compile(lab, client), &["missing".to_string()], Path::new("."))?;
    let mut lacks = Vec::new();
    while let Some(event) = process.event() {
        match event {
            Event::Missing(one) => lacks.push(Lack::Missing(one)),
            Event::Refused => lacks.push(Lack::Refused),
            _ => {}
        }
    }
    host.check()?;
    Ok(lacks)
}

/// Installs what is missing, those of the stand-ins too; whether that succeeded.
fn install_packages(host: &Host, labs: &[&Lab], client: Client) -> Result<bool> {
    let packages = packages(host, labs, client)?;
    if packages.is_empty() {
        return Ok(true);
    }
    let mut command = install_command(&packages, host);
    // Some packages ask questions (isc-dhcp-relay does); sudo would drop a variable set outside of
    // it.
    let apt = command.iter().position(|word| word == "apt-get").unwrap_or_default();
    command.splice(apt..apt, ["env", "DEBIAN_FRONTEND=noninteractive"].map(String::from));
    outln!("running: {}", command.join(" "));
    host.run_tool(&command)
}

/// The Debian packages of the commands that are not there.
fn packages(host: &Host, labs: &[&Lab], client: Client) -> Result<Vec<String>> {
    let mut packages: Vec<String> = Vec::new();
    for lab in labs {
        // Another machine's programs only the runtime can look for.
        let missing = match host {
            Host::Remote(_) => missing(host, lab, client)?
                .into_iter()
                .filter_map(|lack| {
                    if let Lack::Missing(Missing { kind, package, .. }) = lack {
                        (kind == "command").then_some(package)
                    } else {
                        None
                    }
                })
                .collect(),
            Host::Native(_) => script::commands(lab, client, true)
                .into_iter()
                .filter(|(command, _)| !is_there(command))
                .map(|(_, package)| package)
                .collect::<Vec<_>>(),
        };
        for package in missing {
            if !packages.contains(&package) {
                packages.push(package);
            }
        }
    }
    Ok(packages)
}

fn is_there(command: &str) -> bool {
    ["/usr/sbin", "/sbin", "/usr/local/sbin"]
        .iter()
        .any(|folder| Path::new(folder).join(command).exists())
        || which::which(command).is_ok()
}
