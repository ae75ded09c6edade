//! What each verb does.

pub mod clean;
pub mod doctor;
pub mod inspect;
pub mod place;
pub mod running;
pub mod setup;
pub mod test;
pub mod vm;

use crate::cli::{Cli, RunArgs, Verb};
use crate::error::Failure;
use crate::host::{Host, Native};
use crate::lab::find::Labs;
use crate::run::session::Options;
use anyhow::Result;

/// Runs the verb; the exit code.
///
/// # Errors
/// What kept it from running; [`crate::error::exit_code`] knows the code.
pub fn run(cli: &Cli) -> Result<u8> {
    match &cli.verb {
        Verb::Setup { labs, run } => setup::setup(cli, labs, run),
        Verb::Test { tests, run, jobs } => test::test(cli, tests, run, *jobs),
        Verb::Clean { labs } => clean::clean(cli, labs),
        Verb::Status => running::status(cli),
        Verb::Exec { lab, node, command } => running::exec(cli, lab, node, command),
        Verb::Shell { lab, node } => running::exec(cli, lab, node, &[]),
        Verb::Logs { lab, services, follow } => running::logs(cli, lab, services, *follow),
        Verb::List => inspect::list(cli),
        Verb::Check { paths } => inspect::check(paths),
        Verb::Script { lab, client } => inspect::script(cli, lab, *client),
        Verb::Vm { verb } => vm::vm(cli, verb),
        Verb::Doctor { labs, install, client } => doctor::doctor(cli, labs, *install, *client),
    }
}

/// The host's readiness and the options of a run.
fn options(cli: &Cli, run: &RunArgs, labs: &Labs) -> Result<Options> {
    if let Some(instance) = &run.instance
        && !instance.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    {
        return Err(Failure::usage(format!("--instance: `{instance}` may have letters, digits, `-`, `_` and `.`")).into());
    }
    let host = running::host(cli)?;
    if let Host::Native(Native { elevated: true }) = host {
        eprintln!("labrun: this kernel refuses user namespaces to ordinary users, so the labs run through sudo");
    }
    Ok(Options {
        host,
        folder: labs.repository.clone(),
        instance: run.instance.clone(),
        client: run.client,
        strict: run.is_strict(),
        keep: run.keep,
        verbose: run.verbose,
    })
}
