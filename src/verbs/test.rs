//! `labrun test`.

use super::{options, prepare};
use crate::cli::{Cli, RunArgs};
use crate::error::{Exit, Failure};
use crate::host::interrupt;
use crate::lab::find::{Chosen, Labs};
use crate::lab::model::{StepKind, Test};
use crate::report::{Message, Outcome, Reporter, TestResult};
use crate::run::session::{Down, Options, Session};
use crate::subject::{Given, Subjects};
use anyhow::Result;
use std::sync::Mutex;
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

/// Runs the chosen tests; several labs at once.
///
/// # Errors
/// Wrong names, broken lab files, a build that fails, a machine that can't run labs at all.
pub fn test(cli: &Cli, words: &[String], run: &RunArgs, jobs: Option<u16>) -> Result<u8> {
    let labs = Labs::load(&cli.files)?;
    let mut chosen = labs.choose(words)?;
    chosen.retain(|c| !c.tests.is_empty());
    if chosen.is_empty() {
        return Err(Failure::usage("none of these labs has a test").into());
    }
    let mut options = options(cli, run, &labs)?;
    let began = Instant::now();
    let mut reporter = Reporter::new(cli.format);
    let (subjects, files) = {
        let reporter = Mutex::new(&mut reporter);
        let tell = |message| reporter.lock().expect("not poisoned").tell(&message);
        let all: Vec<_> = chosen.iter().map(|c| c.lab).collect();
        prepare(&mut options, run, &labs, &all, &tell)?
    };
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let jobs = jobs.map_or(cores.max(2), usize::from).min(chosen.len());
    let results = run_labs(&chosen, &options, &subjects, jobs, &mut reporter);
    drop(files);
    if interrupt::interrupted() {
        reporter.tell(&Message::Note { text: "interrupted, and cleaned up".into() });
        return Ok(Exit::Interrupted as u8);
    }
    let count = |outcome| results.iter().filter(|r: &&TestResult| r.outcome == outcome).count();
    let (passed, failed, errors, skipped) = (count(Outcome::Pass), count(Outcome::Fail), count(Outcome::Error), count(Outcome::Skip));
    if failed > 0 && !options.verbose && !options.keep {
        let text = "to see more: -v shows what the daemons print, --keep leaves the lab up to look around".into();
        reporter.tell(&Message::Note { text });
    }
    reporter.tell(&Message::Summary { passed, failed, errors, skipped, time: began.elapsed() });
    options.host.check()?;
    Ok(match (failed, errors, skipped) {
        (_, 1.., _) => Exit::Setup,
        (1.., ..) => Exit::TestFailed,
        (0, 0, 1..) if options.strict => Exit::Machine,
        _ => Exit::Passed,
    } as u8)
}

fn run_labs(chosen: &[Chosen], options: &Options, subjects: &Subjects, jobs: usize, reporter: &mut Reporter) -> Vec<TestResult> {
    let queue = Mutex::new(chosen.iter());
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (queue, sender) = (&queue, sender.clone());
            scope.spawn(move || {
                loop {
                    let next = queue.lock().expect("not poisoned").next();
                    match next {
                        Some(chosen) if !interrupt::interrupted() => run_lab(chosen, options, subjects, &sender),
                        _ => break,
                    }
                }
            });
        }
        drop(sender);
        let mut results = Vec::new();
        for message in receiver {
            reporter.tell(&message);
            if let Message::Result(result) = message {
                results.push(result);
            }
        }
        results
    })
}

fn run_lab(chosen: &Chosen, options: &Options, subjects: &Subjects, sender: &Sender<Message>) {
    let tell = |message: Message| {
        let _ = sender.send(message);
    };
    let lab = chosen.lab;
    let given = lab.subject.as_ref().and_then(|s| subjects.get(&s.program));
    let tests: Vec<&Test> = chosen.tests.iter().map(|i| &lab.tests[*i]).collect();
    let (runnable, silent): (Vec<&Test>, Vec<&Test>) = tests.into_iter().partition(|t| client_speaks(t, options));
    let unrun = |tests: &[&Test], outcome, detail: &str, lines: &[String]| {
        for test in tests {
            let result = TestResult::new(lab, test, outcome);
            let result = TestResult { detail: detail.to_string(), lines: lines.to_vec(), ..result };
            tell(Message::Result(result));
        }
    };
    unrun(&silent, Outcome::Skip, &format!("{} does not speak DHCPv6", options.client.name()), &[]);
    if runnable.is_empty() {
        return;
    }
    match session(chosen, options, given, &runnable, &tell) {
        Ok(()) | Err(Down::Interrupted) => {}
        Err(Down::Skip(reason)) => unrun(&runnable, Outcome::Skip, &reason, &[]),
        Err(Down::Failed(_)) => unrun(&runnable, Outcome::Error, "the lab could not be set up", &[]),
    }
}

fn session(chosen: &Chosen, options: &Options, given: Option<&Given>, tests: &[&Test], tell: &dyn Fn(Message)) -> Result<(), Down> {
    let failed = |error: anyhow::Error| Down::Failed(vec![format!("{error:#}")]);
    let mut session = Session::start(chosen.lab, options, given, "session", tell).map_err(failed)?;
    if let Err(down) = session.up() {
        session.end();
        return Err(down);
    }
    if options.verbose {
        session.follow();
    }
    let mut broken = false;
    for test in tests {
        if interrupt::interrupted() {
            break;
        }
        let result = if broken { lost(session.result(test, Outcome::Error)) } else { session.test(test) };
        broken |= session.broken || result.outcome == Outcome::Error;
        if options.keep && result.outcome != Outcome::Pass {
            session.keep();
        }
        tell(Message::Result(result));
    }
    session.end();
    Ok(())
}

/// The result of a test that an earlier one left no lab to run in.
fn lost(result: TestResult) -> TestResult {
    TestResult { detail: "the lab was lost in an earlier test".into(), ..result }
}

fn client_speaks(test: &Test, options: &Options) -> bool {
    test.steps.iter().all(|step| match &step.kind {
        StepKind::Dhcp(dhcp) => dhcp.client.unwrap_or(options.client).speaks(dhcp.family),
        _ => true,
    })
}
