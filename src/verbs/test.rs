//! `labrun test`.

use crate::analysis::ladder::Extent;
use crate::cli::{Cli, TestArgs};
use crate::error::Failure;
use crate::host::HostKind;
use crate::interrupt;
use crate::lab::find::{Labs, Selection};
use crate::lab::model::{Lab, Test};
use crate::record::artifacts::{Artifacts, When};
use crate::record::durations::Durations;
use crate::record::event::RunEvent;
use crate::record::recorder::{NotRun, Recorder};
use crate::record::result::{Outcome, TestResult};
use crate::record::run::Parted;
use crate::record::shard;
use crate::record::shard::Shard;
use crate::report::files;
use crate::report::files::Target;
use crate::report::{Reporter, deliver, github};
use crate::run::options::Options;
use crate::run::session::{Session, SetupError};
use crate::run::subject::{Given, Subjects};
use crate::verbs::{artifacts, filters, options, place, prepare};
use anyhow::Result;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::Instant;

/// Runs the chosen tests, or the part of them; several labs at once.
///
/// # Errors
/// Wrong names, broken lab files, reports that can't be written, a build that fails, a machine that
/// can't run labs at all.
pub fn test(cli: &Cli, args: &TestArgs) -> Result<u8> {
    let TestArgs { tests: words, run, partition: part, reports, .. } = args;
    let labs = Labs::load(&cli.files)?;
    let mut chosen = labs.choose(words)?;
    chosen.retain(|c| !c.tests.is_empty());
    if chosen.is_empty() {
        return Err(Failure::usage("none of these labs has a test").into());
    }
    filters::intact(&chosen)?;
    let targets = github::targets(&reports.targets);
    files::prepare(&targets)?;
    if args.artifacts.when != When::Never {
        artifacts::usable(&args.artifacts.folder)?;
    }
    let mut reporter = Reporter::new(cli.format);
    if targets.contains(&Target::GitHub) {
        reporter = reporter.on_github();
    }
    let (durations, warning) = Durations::known(reports.durations.as_deref());
    let keeps = reports.durations.as_deref().filter(|_| warning.is_none());
    let mut tell = |text| reporter.tell(&RunEvent::Note { text });
    warning.into_iter().for_each(&mut tell);
    let order = chosen.iter().map(|c| c.lab.name.clone()).collect();
    let mut subjects = run.tested.subject.clone();
    let partition = part.map(|part| divide(&mut chosen, part, &durations, &mut subjects));
    if let Some(part) = part.filter(|_| chosen.is_empty()) {
        tell(format!("there is no test in part {part}"));
    }

    let began = Instant::now();
    let mut recorder = Recorder::new(&chosen, order, !targets.is_empty());
    let halt = Halt { wanted: args.fail_fast, failed: AtomicBool::new(false) };
    let common = Common { labs: &labs, args, subjects: &subjects, halt: &halt };
    let ended = place::groups(cli, &chosen, run.client, |chosen| chosen.lab).and_then(|groups| {
        let mut groups = groups.iter();
        groups.try_for_each(|(kind, group)| {
            run_group(kind, group, &common, &mut reporter, &mut recorder)
        })
    });
    let unrun = unrun(&ended, halt.is_on());
    let result = recorder.finish(began.elapsed(), run.tested.is_strict(), partition, &unrun);
    if let Some(path) = keeps
        && let Err(error) = Durations::update(path, &result)
    {
        reporter.tell(&RunEvent::Note {
            text: format!("warning: the durations are not kept: {error:#}"),
        });
    }
    if ended.is_err() {
        deliver::write(&result, &targets, &mut reporter);
    }
    ended?;
    let more = result.totals.failed > 0 && !run.verbose && !run.keep;
    let note =
        "to see more: -v shows what the daemons print, --keep leaves the lab up to look around";
    let notes: Vec<String> = more.then(|| note.to_string()).into_iter().collect();
    Ok(deliver::deliver(&result, &targets, &notes, &mut reporter) as u8)
}

/// Leaves of `chosen` the tests of `part`, and of `subjects` what these labs know.
fn divide(
    chosen: &mut Vec<Selection>,
    part: Shard,
    durations: &Durations,
    subjects: &mut Vec<String>,
) -> Parted {
    let programs = |chosen: &[Selection]| -> Vec<String> {
        chosen
            .iter()
            .filter_map(|c| Some(c.lab.topology.subject.as_ref()?.program.clone()))
            .collect()
    };
    let all = programs(chosen);
    let plan = shard::keep(chosen, part, durations);
    let here = programs(chosen);
    let elsewhere =
        |program: &str| all.iter().any(|p| p == program) && !here.iter().any(|p| p == program);
    subjects
        .retain(|subject| !subject.split_once('=').is_some_and(|(program, _)| elsewhere(program)));
    Parted { part, plan }
}

/// Whether no further test is begun, because one has failed.
struct Halt {
    wanted: bool,
    failed: AtomicBool,
}

impl Halt {
    fn is_on(&self) -> bool {
        self.wanted && self.failed.load(Ordering::Relaxed)
    }

    fn hear(&self, message: &RunEvent) {
        if let RunEvent::Result(result) = message
            && matches!(result.outcome, Outcome::Fail | Outcome::Error)
        {
            self.failed.store(true, Ordering::Relaxed);
        }
    }
}

/// What becomes of tests that have no result.
fn unrun(ended: &Result<()>, halted: bool) -> NotRun {
    match ended {
        Err(error) if !interrupt::interrupted() => {
            let text = format!("{error:#}");
            NotRun {
                outcome: Outcome::Error,
                detail: "labrun could not begin".into(),
                lines: text.lines().map(String::from).collect(),
            }
        }
        _ => {
            let why = match halted && !interrupt::interrupted() {
                true => "another test had failed (--fail-fast)",
                false => "labrun was interrupted",
            };
            NotRun { outcome: Outcome::Skip, detail: format!("not run: {why}"), lines: Vec::new() }
        }
    }
}

/// What the groups of a run have in common.
struct Common<'a> {
    labs: &'a Labs,
    args: &'a TestArgs,
    subjects: &'a [String],
    halt: &'a Halt,
}

/// Runs the tests of one host.
fn run_group(
    kind: &HostKind,
    chosen: &[Selection],
    common: &Common,
    reporter: &mut Reporter,
    recorder: &mut Recorder,
) -> Result<()> {
    let Common { labs, args, subjects, halt } = *common;
    if halt.is_on() {
        return Ok(());
    }
    let artifacts = Artifacts { when: args.artifacts.when, folder: args.artifacts.folder.clone() };
    let mut options = Options { artifacts, ..options(kind, &args.run, labs)? };
    let (subjects, files) = {
        let reporter = Mutex::new((&mut *reporter, &mut *recorder));
        let tell = |message| {
            let (reporter, recorder) = &mut *reporter.lock().expect("not poisoned");
            reporter.tell(&message);
            recorder.hear(&message);
        };
        let all: Vec<_> = chosen.iter().map(|c| c.lab).collect();
        prepare(kind, &mut options, subjects, labs, &all, &tell)?
    };
    let cores = std::thread::available_parallelism().map_or(2, usize::from);
    let jobs = args.jobs.map_or(cores.max(2), usize::from).min(chosen.len());
    run_labs(chosen, &options, &subjects, halt, jobs, |lab, message| match message {
        Some(message) => {
            reporter.tell_of(Some(lab), &message);
            recorder.hear(&message);
        }
        None => reporter.done(lab),
    });
    drop(files);
    if interrupt::interrupted() { Ok(()) } else { options.host.check() }
}

/// What happened in a lab, by its name; nothing when its last message has been.
type Told = (String, Option<RunEvent>);

fn run_labs(
    chosen: &[Selection],
    options: &Options,
    subjects: &Subjects,
    halt: &Halt,
    jobs: usize,
    mut hear: impl FnMut(&str, Option<RunEvent>),
) {
    let queue = Mutex::new(chosen.iter());
    let (sender, receiver) = channel::<Told>();
    std::thread::scope(|scope| {
        for _ in 0..jobs {
            let (queue, sender) = (&queue, sender.clone());
            scope.spawn(move || {
                loop {
                    let next = queue.lock().expect("not poisoned").next();
                    match next {
                        Some(chosen) if !interrupt::interrupted() && !halt.is_on() => {
                            run_lab(chosen, options, subjects, halt, &sender);
                            let _ = sender.send((chosen.lab.name.clone(), None));
                        }
                        _ => break,
                    }
                }
            });
        }
        drop(sender);
        for (lab, message) in receiver {
            hear(&lab, message);
        }
    });
}

fn run_lab(
    chosen: &Selection,
    options: &Options,
    subjects: &Subjects,
    halt: &Halt,
    sender: &Sender<Told>,
) {
    let tell = |message: RunEvent| {
        halt.hear(&message);
        let _ = sender.send((chosen.lab.name.clone(), Some(message)));
    };
    let lab = chosen.lab;
    let given = lab.topology.subject.as_ref().and_then(|s| subjects.get(&s.program));
    let tests: Vec<&Test> = chosen.tests.iter().map(|i| &lab.tests[*i]).collect();
    let (runnable, silent): (Vec<&Test>, Vec<&Test>) =
        tests.into_iter().partition(|t| client_speaks(t, options));
    let unrun = |tests: &[&Test], outcome, detail: &str, artifacts: Option<PathBuf>| {
        for test in tests {
            let result = TestResult::new(lab, test, outcome);
            let result =
                TestResult { detail: detail.to_string(), artifacts: artifacts.clone(), ..result };
            tell(RunEvent::Result(Box::new(result)));
        }
    };
    unrun(
        &silent,
        Outcome::Skip,
        &format!("{} does not speak DHCPv6", options.client.name()),
        None,
    );
    if runnable.is_empty() {
        return;
    }
    match session(chosen, options, given, &runnable, halt, &tell) {
        Ok(()) | Err((_, Down { why: SetupError::Interrupted, .. })) => {}
        Err((done, Down { why: SetupError::Skip(reason), .. })) => {
            unrun(&runnable[done..], Outcome::Skip, &reason, None)
        }
        Err((done, Down { why: SetupError::Failed(_), artifacts })) => {
            unrun(&runnable[done..], Outcome::Error, "the lab could not be set up", artifacts)
        }
    }
}

/// A lab that could not be set up.
struct Down {
    why: SetupError,
    /// The folder of its artifacts.
    artifacts: Option<PathBuf>,
}

/// Runs `tests` in the lab. If it could not be set up, how many were run before, and why.
fn session(
    chosen: &Selection,
    options: &Options,
    given: Option<&Given>,
    tests: &[&Test],
    halt: &Halt,
    tell: &dyn Fn(RunEvent),
) -> Result<(), (usize, Down)> {
    // What comes and goes between tests is of interest to few.
    let quiet = |event| match event {
        RunEvent::Setup { .. } | RunEvent::Ready { .. } | RunEvent::Cleaned { .. } => {}
        RunEvent::Subject { .. } => {}
        event => tell(event),
    };
    let mut session =
        begin(chosen.lab, options, given, "session", tell).map_err(|down| (0, down))?;
    let (mut broken, mut kept) = (false, false);
    for (done, test) in tests.iter().enumerate() {
        if interrupt::interrupted() || halt.is_on() {
            break;
        }
        let changes = std::mem::take(&mut session.changes);
        let renew = !broken && (!changes.is_empty() || (test.fresh && session.used));
        if renew && kept {
            // It would be gone before anybody could look at it.
            let text = format!(
                "{} stays as a failed test left it (--keep): {} may see that",
                chosen.lab.name, test.name
            );
            tell(RunEvent::Note { text });
        } else if renew {
            if options.verbose && !changes.is_empty() {
                let text = format!(
                    "{} is made anew, a test left: {}",
                    chosen.lab.name,
                    changes.join(", ")
                );
                tell(RunEvent::Note { text });
            }
            session.tell = &quiet;
            session.end();
            session =
                begin(chosen.lab, options, given, "anew", &quiet).map_err(|down| (done, down))?;
            session.tell = tell;
        }
        let mut result =
            if broken { lost(session.result(test, Outcome::Error)) } else { session.test(test) };
        result.evidence.shown = extent(&result, options.verbose);
        if !broken {
            artifacts::save(chosen.lab, options, &mut result, tell);
        }
        broken |= session.broken || result.outcome == Outcome::Error;
        if options.keep && result.outcome != Outcome::Pass {
            session.keep();
            kept = true;
        }
        tell(RunEvent::Result(Box::new(result)));
    }
    session.end();
    Ok(())
}

/// A session with the lab, which is up. What its set-up says goes to `tell`.
fn begin<'a>(
    lab: &'a Lab,
    options: &'a Options,
    given: Option<&Given>,
    verb: &str,
    tell: &'a dyn Fn(RunEvent),
) -> Result<Session<'a>, Down> {
    let mut session = Session::start(lab, options, given, verb, tell).map_err(|error| {
        let lines = vec![format!("{error:#}")];
        tell(RunEvent::SetupFailed { instance: options.instance_of(lab), lines: lines.clone() });
        Down { why: SetupError::Failed(lines), artifacts: None }
    })?;
    if let Err(why) = session.up() {
        let artifacts = artifacts::save_setup(lab, options, &mut session, &why, tell);
        session.end();
        return Err(Down { why, artifacts });
    }
    if options.verbose {
        session.follow();
    }
    Ok(session)
}

/// How much of the ladder of `result` is shown.
fn extent(result: &TestResult, verbose: bool) -> Option<Extent> {
    let empty = result.evidence.ladder.as_ref().is_none_or(|ladder| ladder.rows.is_empty());
    match result.outcome {
        _ if verbose => Some(Extent::LONG),
        Outcome::Fail | Outcome::Error if !empty => Some(Extent::SHORT),
        _ => None,
    }
}

/// The result of a test that an earlier one left no lab to run in.
fn lost(result: TestResult) -> TestResult {
    TestResult { detail: "the lab was lost in an earlier test".into(), ..result }
}

fn client_speaks(test: &Test, options: &Options) -> bool {
    test.steps.iter().all(|step| step.kind.with_client(options.client).speechless().is_none())
}
