//! What each verb does.

mod artifacts;
mod capture;
mod clean;
mod completions;
mod doctor;
mod filters;
mod import;
mod init;
mod inspect;
mod list;
mod man;
mod place;
mod report;
mod running;
mod schema;
mod sessions;
mod setup;
mod show;
mod status;
mod stress;
mod test;
mod tries;
mod vm;
mod watch;

pub use completions::answered;

use crate::cli::{CaptureVerb, Cli, ReportVerb, RunArgs, Verb};
use crate::error::Failure;
use crate::host::{Files, Host, HostKind, Native};
use crate::lab::find::Labs;
use crate::lab::model::Lab;
use crate::lab::repository::is_repository_of;
use crate::record::artifacts::{Artifacts, FOLDER, When};
use crate::record::event::RunEvent;
use crate::report::Format;
use crate::report::{errln, in_colour};
use crate::run::options::Options;
use crate::run::subject;
use crate::run::subject::Subjects;
use anyhow::Result;
use std::path::PathBuf;

/// Runs the verb; the exit code.
///
/// # Errors
/// What kept it from running; [`crate::error::exit_code`] knows the code.
pub fn run(cli: &Cli) -> Result<u8> {
    in_colour(cli.color);
    match &cli.verb {
        Verb::Init(args) => init::init(args),
        Verb::Import(args) => import::import(args),
        Verb::Setup { labs, run } => setup::setup(cli, labs, run),
        Verb::Test(args) if args.watch => watch::watch(cli, args),
        Verb::Test(args) => test::once(cli, args, None),
        Verb::Report { verb: ReportVerb::Merge { inputs, reports } } => {
            report::merge(cli, inputs, reports)
        }
        Verb::Clean { labs, force } => clean::clean(cli, labs, *force),
        Verb::Status => status::status(cli),
        Verb::Exec { lab, node, command } => running::exec(cli, lab, node, command),
        Verb::Shell { lab, node } => running::exec(cli, lab, node, &[]),
        Verb::Logs { lab, services, follow } => running::logs(cli, lab, services, *follow),
        Verb::Capture(args) => match &args.verb {
            Some(CaptureVerb::Show(args)) => show::show(cli, args),
            None => capture::live(cli, args),
        },
        Verb::List(args) => match args.format {
            Format::GithubMatrix => list::matrix(cli, args),
            _ => list::list(cli, args),
        },
        Verb::Check { paths, params } => inspect::check(paths, &params.settings),
        Verb::Script { lab, client, params } => {
            inspect::script(cli, lab, *client, &params.settings)
        }
        Verb::Vm { verb } => vm::vm(cli, verb),
        Verb::Graph { lab, format, params } => inspect::graph(cli, lab, *format, &params.settings),
        Verb::Doctor { labs, install, tested, client } => {
            doctor::doctor(cli, labs, *install, tested, *client)
        }
        Verb::Completions { shell } => completions::completions(*shell),
        Verb::Schema { of } => schema::schema(*of),
        Verb::Man { folder } => man::man(folder.as_deref()),
    }
}

/// The host's readiness and the options of a run; what [`prepare`] brings there is still missing.
fn options(kind: &HostKind, run: &RunArgs, labs: &Labs) -> Result<Options> {
    if let Some(instance) = &run.instance
        && !instance.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
    {
        return Err(Failure::usage(format!(
            "--instance: `{instance}` may have letters, digits, `-`, `_` and `.`"
        ))
        .into());
    }
    let host = running::new(kind)?;
    if let Host::Native(Native { elevated: true }) = host {
        errln!(
            "labrun: this kernel refuses user namespaces to ordinary users, so the labs run through sudo"
        );
    }
    Ok(Options {
        timings: false,
        host,
        at: running::at(kind),
        folder: labs.repository.clone(),
        instance: run.instance.clone(),
        client: run.client,
        strict: run.tested.is_strict(),
        keep: run.keep,
        allow: run.allow.clone(),
        copy_large: run.copy_large,
        verbose: run.verbose,
        artifacts: Artifacts { when: When::Never, folder: FOLDER.into() },
        agent: PathBuf::new(),
    })
}

/// Brings what `chosen` need to the host: packages, if that is the VM, the programs under test, of
/// which `named` are the user's, and the folder their steps run in.
fn prepare(
    kind: &HostKind,
    options: &mut Options,
    named: &[String],
    labs: &Labs,
    chosen: &[&Lab],
    tell: &dyn Fn(RunEvent),
) -> Result<(Subjects, Files)> {
    let sources = subject::settle(chosen, named, &labs.repository, &options.host)?;
    if *kind == HostKind::Lima {
        place::ready(options.client, &sources, chosen)?;
    }
    let mut files =
        Files::on(&options.host, &options.artifacts.folder).permitting(options.copy_large);
    options.agent = files.agent().map_err(|error| match error.is::<Failure>() {
        true => error,
        false => Failure::machine(format!("{error:#}")).into(),
    })?;
    let subjects = subject::resolve(&sources, &mut files, tell)?;
    options.folder = match options.host {
        Host::Remote(_) if !labs.need_repository(chosen) => PathBuf::new(),
        _ => {
            let subjects = chosen.iter().filter_map(|lab| lab.topology.subject.as_ref());
            let project = subjects.into_iter().any(|s| is_repository_of(s, &labs.repository));
            files.folder(&labs.repository, project, &|copied| tell(RunEvent::from(copied)))?
        }
    };
    Ok((subjects, files))
}
