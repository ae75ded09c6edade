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
use crate::lab::model::Lab;
use crate::run::subject::{self, Sources};
use crate::steps::Client;
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

/// Sees to it that the VM can run `chosen`: it is brought up, with what they need, and what builds
/// their programs from `sources`.
///
/// # Errors
/// If the VM cannot be had.
pub fn ready(client: Client, sources: &Sources, chosen: &[&Lab]) -> Result<()> {
    let given = |program: &str| sources.contains_key(program);
    let needs = needs(chosen, client, &given, &subject::builds(sources));
    Vm::new(VmConfig::default())?.prepare(&needs, &Progress::new())
}
