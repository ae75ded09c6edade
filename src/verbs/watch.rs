//! `labrun test --watch`: the tests again whenever something has changed that they depend on.
//!
//! Files are looked at, not listened for: that works on every filesystem, and over several repositories. The tests
//! run as they would by hand, each time with all that is read anew.

use crate::cli::{Cli, TestArgs};
use crate::error::Exit;
use crate::host::transfer::sync;
use crate::interrupt;
use crate::lab::find::has_lab_name;
use crate::lab::repository::repository;
use crate::record::event::RunEvent;
use crate::report::files::Target;
use crate::report::{self, Reporter};
use crate::verbs::test;
use anyhow::{Context, Result};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

/// How often is looked, and how long nothing may change before tests are run: an editor or a checkout writes more than
/// one file. Where looking takes long, there is more time in between.
const EVERY: Duration = Duration::from_millis(300);
/// So many changed files are named.
const NAMED: usize = 3;

/// What there is: when each file was written, and its size.
type Files = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// Runs the chosen tests, and those that a change concerns after each, until it is interrupted.
///
/// # Errors
/// If the sources cannot be read.
pub fn watch(cli: &Cli, args: &TestArgs) -> Result<u8> {
    let reporter = || Reporter::new(cli.format).quiet(args.quiet);
    let sources = Sources::of(cli, args)?;
    let mut only = None;
    loop {
        // Before the tests, so that what changes meanwhile counts.
        let mut seen = sources.files()?;
        if let Err(error) = test::once(cli, args, only.as_ref()) {
            report::print_error(&report::error_text(&error));
        }
        let text = format!("watching {} files; Ctrl-C ends", seen.len());
        reporter().tell(&RunEvent::Note { text });
        only = loop {
            let Some(changed) = change(&sources, &mut seen)? else {
                return Ok(Exit::Interrupted as u8);
            };
            let concerned = sources.labs_alone(&changed);
            let (first, more) = (changed.iter().take(NAMED), changed.len().saturating_sub(NAMED));
            let here = std::env::current_dir().unwrap_or_default();
            let name =
                |path: &PathBuf| path.strip_prefix(&here).unwrap_or(path).display().to_string();
            let mut names: Vec<String> = first.map(name).collect();
            if more > 0 {
                names.push(format!("{more} more"));
            }
            let text = format!("changed: {}", names.join(", "));
            reporter().tell(&RunEvent::Note { text });
            if test::concerns(cli, args, concerned.as_ref()) {
                break concerned;
            }
        };
    }
}

/// Waits for a change since `seen`, which it brings up to date; `None` if it was interrupted, or nobody reads what is
/// printed.
fn change(sources: &Sources, seen: &mut Files) -> Result<Option<BTreeSet<PathBuf>>> {
    let mut changed = BTreeSet::new();
    let mut pause = EVERY;
    loop {
        interrupt::sleep(pause);
        if interrupt::interrupted() || report::unprinted().is_some() {
            return Ok(None);
        }
        let began = Instant::now();
        let now = sources.files()?;
        pause = EVERY.max(began.elapsed() * 5);
        let before = changed.len();
        let differs = |one: &Files, two: &Files| {
            one.iter()
                .filter(|(path, stamp)| two.get(*path) != Some(stamp))
                .map(|(path, _)| path.clone())
                .collect::<Vec<_>>()
        };
        let news = [differs(&now, seen), differs(seen, &now)].concat();
        let calm = news.is_empty();
        changed.extend(news);
        *seen = now;
        if calm && before > 0 {
            return Ok(Some(changed));
        }
    }
}

/// `path` as it is told apart from others.
pub fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.into())
}

/// Where files are that tests depend on.
struct Sources {
    roots: Vec<PathBuf>,
    /// The folder of the repository's lab files, and those that were named.
    labs: PathBuf,
    named: Vec<PathBuf>,
    /// What the runs write themselves.
    own: Vec<PathBuf>,
    artifacts: PathBuf,
}

impl Sources {
    fn of(cli: &Cli, args: &TestArgs) -> Result<Sources> {
        let here = std::env::current_dir().context("cannot tell the working directory")?;
        let repository = repository(&here);
        let named: Vec<PathBuf> = cli.files.iter().map(|file| absolute(file)).collect();
        let labs = repository.join("labs");
        let mut roots = vec![repository];
        roots.extend(named.iter().cloned());
        let subject = |subject: &String| {
            let path = subject.split_once('=').map_or(subject.as_str(), |(_, path)| path);
            absolute(Path::new(path))
        };
        roots.extend(args.run.tested.subject.iter().map(subject));
        let report = |target: &Target| match target {
            Target::File(_, path) => Some(absolute(path)),
            Target::GitHub => None,
        };
        let own = args.reports.targets.iter().filter_map(report);
        let own = own.chain(args.reports.durations.as_deref().map(absolute)).collect();
        Ok(Sources { roots, labs, named, own, artifacts: args.artifacts.folder.clone() })
    }

    /// The lab files among `changed`, if there is nothing else: only their labs are concerned then. What else there is
    /// may be a source of any program under test.
    fn labs_alone(&self, changed: &BTreeSet<PathBuf>) -> Option<BTreeSet<PathBuf>> {
        let is_lab = |path: &PathBuf| {
            self.named.contains(path) || path.parent() == Some(&self.labs) && has_lab_name(path)
        };
        changed.iter().all(is_lab).then(|| changed.clone())
    }

    /// All of them, as git would take them.
    fn files(&self) -> Result<Files> {
        let mut files = Files::new();
        for root in &self.roots {
            let inside = if root.is_dir() {
                sync::files(root, "", &self.artifacts)?
            } else {
                vec![PathBuf::new()]
            };
            for path in inside {
                let path = if path.as_os_str().is_empty() { root.clone() } else { root.join(path) };
                // It may have gone by now.
                let Ok(metadata) = path.metadata() else { continue };
                if !self.own.contains(&path) {
                    files.insert(path, (metadata.modified().ok(), metadata.len()));
                }
            }
        }
        Ok(files)
    }
}
