//! Which labs of a run go where: with `auto`, those that this kernel cannot run go into the VM, if
//! the user has one.

use crate::cli::Cli;
use crate::compile::needs::needs;
use crate::compile::script;
use crate::event::Event;
use crate::host::lima::Vm;
use crate::host::lima::progress::Progress;
use crate::host::lima::template::VmConfig;
use crate::host::{Host, HostKind};
use crate::lab::find::Labs;
use crate::lab::model::Lab;
use crate::lab::repository::{build_of, is_repository_of};
use crate::steps::Client;
use crate::topology::model::Subject;
use crate::verbs::running::{kind, new};
use anyhow::Result;
use std::path::Path;

/// What is to run, by the kind of host it runs on; `lab` says what a piece of it belongs to.
///
/// # Errors
/// If no host can be used.
pub fn groups<T: Clone>(
    cli: &Cli,
    all: &[T],
    client: Client,
    lab: impl Fn(&T) -> &Lab,
) -> Result<Vec<(HostKind, Vec<T>)>> {
    let places = places(cli, &all.iter().map(lab).collect::<Vec<_>>(), client)?;
    let mut groups: Vec<(HostKind, Vec<T>)> = Vec::new();
    for (kind, one) in places.into_iter().zip(all) {
        match groups.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, group)) => group.push(one.clone()),
            None => groups.push((kind, vec![one.clone()])),
        }
    }
    Ok(groups)
}

/// The kind of host for each of `labs`.
fn places(cli: &Cli, labs: &[&Lab], client: Client) -> Result<Vec<HostKind>> {
    let kind = kind(cli)?;
    if kind != HostKind::Auto || !Vm::new(VmConfig::default())?.is_configured() {
        return Ok(vec![kind; labs.len()]);
    }
    let Ok(native) = new(&HostKind::Native) else { return Ok(vec![HostKind::Lima; labs.len()]) };
    labs.iter()
        .map(|lab| {
            Ok(if lacks_kernel(&native, lab, client)? { HostKind::Lima } else { HostKind::Native })
        })
        .collect()
}

/// Whether this kernel lacks what `lab` needs. Where it asks for nothing rare, nothing is tried.
fn lacks_kernel(native: &Host, lab: &Lab, client: Client) -> Result<bool> {
    if lab.topology.kernel.iter().all(|feature| ["veth", "bridge"].contains(&feature.as_str())) {
        return Ok(false);
    }
    let mut process =
        native.run(&script::compile(lab, client), &["missing".to_string()], Path::new("."))?;
    let mut lacks = false;
    while let Some(event) = process.event() {
        lacks |= matches!(event, Event::Missing(one) if one.kind == "kernel");
    }
    Ok(lacks)
}

/// Sees to it that the VM can run `chosen`: it is brought up, with what they need. `named` are the
/// values of --subject.
///
/// # Errors
/// If the VM cannot be had.
pub fn ready(client: Client, named: &[String], labs: &Labs, chosen: &[&Lab]) -> Result<()> {
    let folder = |value: &'_ String| {
        let path = Path::new(value.split_once('=').map_or(value.as_str(), |(_, path)| path));
        path.is_dir().then(|| path.to_path_buf())
    };
    let repository = |subject: &Subject| match named {
        [] => is_repository_of(subject, &labs.repository).then(|| labs.repository.clone()),
        named => named.iter().find_map(folder),
    };
    let subjects = chosen.iter().filter_map(|lab| lab.topology.subject.as_ref());
    let builds: Vec<&str> =
        subjects.filter_map(|subject| build_of(subject, &repository(subject)?)).collect();
    let given = |program: &str| {
        let subject = chosen
            .iter()
            .filter_map(|lab| lab.topology.subject.as_ref())
            .find(|s| s.program == program);
        !named.is_empty() || subject.is_some_and(|s| is_repository_of(s, &labs.repository))
    };
    Vm::new(VmConfig::default())?.prepare(&needs(chosen, client, &given, &builds), &Progress::new())
}
