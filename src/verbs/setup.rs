//! `labrun setup`.

use crate::cli::{Cli, RunArgs};
use crate::error::{Exit, Failure};
use crate::host::{Host, HostKind, login};
use crate::interrupt;
use crate::lab::find::Labs;
use crate::lab::model::Lab;
use crate::lab::params;
use crate::quote::shell;
use crate::record::event::RunEvent;
use crate::report::{Format, Reporter, commands};
use crate::run::options::Options;
use crate::run::session::{Session, SetupError};
use crate::verbs::{options, place, prepare};
use anyhow::Result;
use std::sync::Mutex;

/// Brings the named labs up, one after the other.
///
/// # Errors
/// Wrong names, broken lab files, a build that fails, a machine that lacks something.
pub fn setup(cli: &Cli, words: &[String], run: &RunArgs) -> Result<u8> {
    let labs = Labs::load_for(words, &cli.files, &run.params.settings)?;
    let labs = labs.waiting_longer(run.timeout_scale);
    let chosen = labs.labs(words)?;
    params::known(&run.params.settings, &chosen)?;
    for (kind, group) in place::groups(cli, &chosen, run.client, |lab| lab)? {
        match setup_on(&kind, cli, run, &labs, &group)? {
            Exit::Passed => {}
            other => return Ok(other as u8),
        }
    }
    Ok(Exit::Passed as u8)
}

/// Brings the labs of one host up.
fn setup_on(
    kind: &HostKind,
    cli: &Cli,
    run: &RunArgs,
    labs: &Labs,
    chosen: &[&Lab],
) -> Result<Exit> {
    let mut options = options(kind, run, labs)?;
    let reporter = Mutex::new(Reporter::new(cli.format));
    let tell = |message| reporter.lock().expect("not poisoned").tell(&message);
    // What was copied stays as long as the labs that are up.
    let (subjects, _files) = prepare(kind, &mut options, &run.tested.subject, labs, chosen, &tell)?;
    for lab in chosen.iter().copied() {
        if interrupt::interrupted() {
            return Ok(Exit::Interrupted);
        }
        let given = lab.topology.subject.as_ref().and_then(|s| subjects.get(&s.program));
        let mut session = Session::start(lab, &options, given, "setup", &tell)?;
        // An interrupt counts until the lab is left up; after that, `clean` is the way to end it.
        let up = match session.up() {
            Ok(()) if session.settle() => Ok(()),
            Ok(()) if interrupt::interrupted() => Err(SetupError::Interrupted),
            Ok(()) => Err(session.lost()),
            Err(down) => Err(down),
        };
        session.end();
        options.host.check()?;
        match up {
            Ok(()) if cli.format == Format::Text => {
                next(cli, &options, lab)
                    .iter()
                    .for_each(|text| tell(RunEvent::Note { text: format!("   next: {text}") }));
            }
            Ok(()) => {}
            Err(SetupError::Skip(reason)) => {
                return Err(Failure::machine(format!("{}: {reason}", lab.name)).into());
            }
            Err(SetupError::Failed(_)) => return Ok(Exit::Setup),
            Err(SetupError::Interrupted) => return Ok(Exit::Interrupted),
        }
    }
    let note = matches!(options.host, Host::Native(_)).then(login::ends_with_login).flatten();
    note.into_iter().for_each(|text| tell(RunEvent::Note { text }));
    Ok(Exit::Passed)
}

/// What can be done with `lab` now.
fn next(cli: &Cli, options: &Options, lab: &Lab) -> Vec<String> {
    let (name, at) = (options.instance_of(lab), &options.at);
    let tests: Vec<&str> = lab.tests.iter().map(|t| t.name.as_str()).collect();
    // The others find the instance by its name, wherever its file is.
    let files = cli.files.iter().map(|file| format!(" --file {}", shell(&file.to_string_lossy())));
    let instance = options.instance.iter().map(|instance| format!(" --instance {instance}"));
    let more: String = files.chain(instance).collect();
    let test = (!tests.is_empty()).then(|| format!("labrun test {}{more}{at}", tests.join(" ")));
    test.into_iter().chain(commands(&name, lab.topology.entrance(), at)).collect()
}
