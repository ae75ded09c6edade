//! `labrun test`.

use crate::cli::{Cli, TestArgs};
use crate::error::Exit;
use crate::host::HostKind;
use crate::interrupt;
use crate::lab::find::{Labs, Selection};
use crate::lab::params;
use crate::record::artifacts::{Artifacts, When};
use crate::record::durations::Durations;
use crate::record::event::RunEvent;
use crate::record::failures::Failures;
use crate::record::recorder::{NotRun, Recorder};
use crate::record::result::Outcome;
use crate::record::run::{Parted, TestRun};
use crate::record::timing::{Phase, Timing};
use crate::record::{engine, shard, shuffle};
use crate::report::files;
use crate::report::files::Target;
use crate::report::{Reporter, deliver, github};
use crate::run::options::Options;
use crate::run::subject::Subjects;
use crate::verbs::stress::Stress;
use crate::verbs::tries::{Halt, Tries, run_lab};
use crate::verbs::watch::absolute;
use crate::verbs::{artifacts, filters, list, options, place, prepare};
use anyhow::Result;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::time::Instant;

/// Lab files, each as [`absolute`] has it.
type Files = BTreeSet<PathBuf>;

/// Whether any of the chosen tests is of a lab in one of the files `only`, or something is wrong with the choice.
pub fn concerns(cli: &Cli, args: &TestArgs, only: Option<&Files>) -> bool {
    let Ok(labs) = list::labs(cli, args) else { return true };
    let chosen = list::chosen(&labs, &args.choice);
    chosen.is_ok_and(|chosen| chosen.iter().any(|one| is_among(one, only)))
        || !labs.broken.is_empty()
}

fn is_among(chosen: &Selection, only: Option<&Files>) -> bool {
    only.is_none_or(|only| only.contains(&absolute(Path::new(&chosen.lab.file))))
}

/// Runs the chosen tests, or the part of them; several labs at once. With `only`, those of labs in these files.
///
/// # Errors
/// Wrong names, broken lab files, reports that can't be written, a build that fails, a machine that
/// can't run labs at all.
pub fn once(cli: &Cli, args: &TestArgs, only: Option<&Files>) -> Result<u8> {
    let TestArgs { run, reports, .. } = args;
    let part = args.partition.map(|asked| asked.part(engine::environment)).transpose()?;
    let settings = &run.params.settings;
    let begun = Instant::now();
    let labs = list::labs(cli, args)?.waiting_longer(run.timeout_scale);
    let parsed = begun.elapsed();
    let mut chosen = list::chosen(&labs, &args.choice)?;
    chosen.retain(|one| is_among(one, only));
    params::known(settings, &chosen.iter().map(|chosen| chosen.lab).collect::<Vec<_>>())?;
    let all = programs(&chosen);
    let nothing = match args.last_failed {
        true => Failures::read(&labs.repository)?.keep(&mut chosen),
        false => None,
    };
    filters::intact(&chosen)?;
    let targets = github::targets(&reports.targets);
    files::prepare(&targets)?;
    if args.artifacts.when != When::Never {
        artifacts::usable(&args.artifacts.folder)?;
    }
    let mut reporter = Reporter::new(cli.format).quiet(args.quiet);
    if targets.contains(&Target::GitHub) {
        reporter = reporter.on_github();
    }
    let (durations, warning) = Durations::known(reports.durations.as_deref());
    let keeps = reports.durations.as_deref().filter(|_| warning.is_none());
    let mut tell = |text| reporter.tell(&RunEvent::Note { text });
    warning.into_iter().for_each(&mut tell);
    let any = !chosen.is_empty();
    let order = chosen.iter().map(|c| c.lab.name.clone()).collect();
    let partition = part.map(|part| {
        let plan = shard::keep(&mut chosen, part, &durations);
        Parted { part, plan }
    });
    let subjects = subjects(&run.tested.subject, &all, &programs(&chosen));
    nothing.into_iter().for_each(&mut tell);
    let shuffled = args.shuffle.map(|seed| {
        let seed = seed.unwrap_or_else(shuffle::seed);
        shuffle::shuffle(&mut chosen, seed);
        format!("the order of the tests is that of --shuffle={seed}")
    });
    shuffled.iter().cloned().for_each(&mut tell);
    if args.list {
        list::show(&labs, &chosen, cli.format);
        return Ok(Exit::Passed as u8);
    }
    if let Some(part) = part.filter(|_| any && chosen.is_empty()) {
        tell(format!("there is no test in part {part}"));
    }

    let began = Instant::now();
    let mut recorder = Recorder::new(&chosen, order, !targets.is_empty());
    if args.timings {
        let (lab, test, name) = Default::default();
        let parsed = Timing { lab, test, phase: Phase::Parse, name, us: parsed.as_micros() as u64 };
        reporter.tell(&RunEvent::Timing(parsed.clone()));
        recorder.hear(&RunEvent::Timing(parsed));
    }
    let stress = args.stress.map(|runs| Stress::Runs(runs as usize));
    let stress = stress.or(args.stress_for.map(Stress::For));
    let tries = Tries { retries: args.retries.into(), stress, halt: Halt::new(args.fail_fast) };
    let common = Common { labs: &labs, args, subjects: &subjects, tries: &tries };
    let ended = place::groups(cli, &chosen, run.client, |chosen| chosen.lab).and_then(|groups| {
        let mut groups = groups.iter();
        groups.try_for_each(|(kind, group)| {
            run_group(kind, group, &common, &mut reporter, &mut recorder)
        })
    });
    let unrun = unrun(&ended, tries.halt.is_on());
    let result = recorder.finish(began.elapsed(), run.tested.is_strict(), partition, &unrun);
    // Where it cannot be kept, --last-failed says so.
    let _ = Failures::update(&labs.repository, &result);
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
    let again = shuffled.filter(|_| result.tests.iter().any(TestRun::is_bad));
    let notes: Vec<String> = more.then(|| note.to_string()).into_iter().chain(again).collect();
    Ok(match deliver::deliver(&result, &targets, &notes, &mut reporter) {
        Exit::Passed if artifacts::incomplete() => Exit::Machine,
        exit => exit,
    } as u8)
}

/// The programs that the labs of `chosen` test.
fn programs(chosen: &[Selection]) -> Vec<String> {
    let subjects = chosen.iter().filter_map(|c| c.lab.topology.subject.as_ref());
    subjects.map(|subject| subject.program.clone()).collect()
}

/// Those of `named` that are for the programs `here`; what is for another of `all` is no mistake.
fn subjects(named: &[String], all: &[String], here: &[String]) -> Vec<String> {
    let elsewhere = |program: &String| all.contains(program) && !here.contains(program);
    let program = |subject: &str| subject.split_once('=').map(|(program, _)| program.to_string());
    let kept = named.iter().filter(|subject| !program(subject).as_ref().is_some_and(elsewhere));
    kept.cloned().collect()
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
    tries: &'a Tries,
}

/// Runs the tests of one host.
fn run_group(
    kind: &HostKind,
    chosen: &[Selection],
    common: &Common,
    reporter: &mut Reporter,
    recorder: &mut Recorder,
) -> Result<()> {
    let Common { labs, args, subjects, tries } = *common;
    if tries.halt.is_on() {
        return Ok(());
    }
    let artifacts = Artifacts { when: args.artifacts.when, folder: args.artifacts.folder.clone() };
    let mut options =
        Options { artifacts, timings: args.timings, ..options(kind, &args.run, labs)? };
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
    run_labs(chosen, &options, &subjects, tries, jobs, |lab, message| match message {
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
    tries: &Tries,
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
                        Some(chosen) if !interrupt::interrupted() && !tries.halt.is_on() => {
                            let send = |message| {
                                let _ = sender.send((chosen.lab.name.clone(), message));
                            };
                            let tell = |message| send(Some(message));
                            run_lab(chosen, options, subjects, tries, &tell);
                            send(None);
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
