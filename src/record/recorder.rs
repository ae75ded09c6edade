//! Collects what happens in a run, for the reports.

use crate::analysis::Evidence;
use crate::analysis::detail::details;
use crate::graph;
use crate::lab::find::Selection;
use crate::lab::model::{Lab, Test};
use crate::record::event::RunEvent;
use crate::record::result::{Outcome, ResolvedSubject, TestResult};
use crate::record::run::{
    FORMAT, LabRun, Link, Log, Parted, Run, Setup, SetupState, TestRun, Totals,
};
use crate::record::timing::Timing;
use crate::rules::said::About;
use chrono::{DateTime, SecondsFormat, Utc};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, SystemTime};

/// How much of one log a report holds, in bytes.
const LOG: usize = 64 << 10;
/// How much of all logs of a test.
const LOGS: usize = 256 << 10;
/// How many files of a test's artifacts are named.
const FILES: usize = 100;

/// What a test is taken for that has no result.
#[derive(Clone, Debug)]
pub struct NotRun {
    /// How that counts.
    pub outcome: Outcome,
    /// Why it is so.
    pub detail: String,
    /// What went wrong.
    pub lines: Vec<String>,
}

/// What is known of a run so far.
pub struct Recorder<'a> {
    chosen: &'a [Selection<'a>],
    /// Whether anybody will look at drawings.
    draws: bool,
    /// All labs of the whole run, in their order.
    order: Vec<String>,
    started: SystemTime,
    setups: BTreeMap<String, Setup>,
    subjects: BTreeMap<String, ResolvedSubject>,
    results: BTreeMap<String, TestRun>,
    timings: Vec<Timing>,
}

impl<'a> Recorder<'a> {
    /// For a run of `chosen`, which may be a part of the labs that `order` names; with drawings if
    /// it `draws`.
    pub fn new(chosen: &'a [Selection<'a>], order: Vec<String>, draws: bool) -> Recorder<'a> {
        let (setups, subjects, results, timings) = Default::default();
        let started = SystemTime::now();
        Recorder { chosen, draws, order, started, setups, subjects, results, timings }
    }

    /// Takes in what happened.
    pub fn hear(&mut self, message: &RunEvent) {
        let setup = |state, time: Duration, lines: &[String]| Setup {
            state,
            ms: time.as_millis() as u64,
            lines: lines.to_vec(),
        };
        match message {
            RunEvent::Subject { lab, subject } => {
                self.subjects.insert(lab.clone(), subject.clone());
            }
            RunEvent::Ready { instance, time, reused, .. } => {
                let state = if *reused { SetupState::Reused } else { SetupState::Ready };
                self.setups.insert(lab_of(instance), setup(state, *time, &[]));
            }
            RunEvent::SetupFailed { instance, lines } => {
                self.setups
                    .insert(lab_of(instance), setup(SetupState::Failed, Duration::ZERO, lines));
            }
            RunEvent::Timing(timing) => self.timings.push(timing.clone()),
            RunEvent::Result(result) => {
                let found = self.chosen.iter().find(|c| c.lab.name == result.lab);
                let test = found.and_then(|c| {
                    c.lab
                        .tests
                        .iter()
                        .position(|t| t.name == result.test)
                        .map(|index| (c.lab, index))
                });
                if let Some((lab, index)) = test {
                    let mut run = test_run(lab, index, result);
                    if self.draws {
                        packets(&mut run, lab, result);
                    }
                    self.results.insert(result.test.clone(), run);
                }
            }
            _ => {}
        }
    }

    /// The run, which took `time`.
    pub fn finish(
        mut self,
        time: Duration,
        strict: bool,
        partition: Option<Parted>,
        unrun: &NotRun,
    ) -> Run {
        let interrupted = crate::interrupt::interrupted();
        let mut tests = Vec::new();
        for chosen in self.chosen {
            for index in &chosen.tests {
                let test = &chosen.lab.tests[*index];
                tests.push(self.results.remove(&test.name).unwrap_or_else(|| {
                    let result = TestResult::new(chosen.lab, test, unrun.outcome);
                    let NotRun { detail, lines, .. } = unrun.clone();
                    test_run(chosen.lab, *index, &TestResult { detail, lines, ..result })
                }));
            }
        }
        let labs = self.chosen.iter().map(|chosen| self.lab_run(chosen.lab)).collect();
        let started =
            DateTime::<Utc>::from(self.started).to_rfc3339_opts(SecondsFormat::Millis, true);
        let mut run = Run {
            format: FORMAT,
            labrun: env!("CARGO_PKG_VERSION").into(),
            started,
            ms: time.as_millis() as u64,
            strict,
            interrupted,
            partition,
            missing: Vec::new(),
            totals: Totals::default(),
            nothing_ran: false,
            labs,
            tests,
            timings: std::mem::take(&mut self.timings),
        };
        run.sort();
        run.count();
        run
    }

    fn lab_run(&self, lab: &Lab) -> LabRun {
        let (drawing, plan) = self.draws.then(|| graph::planned(lab)).unzip();
        LabRun {
            name: lab.name.clone(),
            about: lab.about.clone(),
            order: self.order.iter().position(|name| *name == lab.name).unwrap_or_default(),
            file: lab.file.clone(),
            subject: self.subjects.get(&lab.name).cloned(),
            setup: self.setups.get(&lab.name).cloned().unwrap_or_default(),
            drawing,
            plan,
            mermaid: self.draws.then(|| graph::mermaid(lab)),
        }
    }
}

/// The lab of LAB or LAB@INSTANCE.
fn lab_of(instance: &str) -> String {
    instance.split('@').next().unwrap_or_default().to_string()
}

fn test_run(lab: &Lab, index: usize, result: &TestResult) -> TestRun {
    let test: &Test = &lab.tests[index];
    let artifacts = result.artifacts.as_deref();
    TestRun {
        test: test.name.clone(),
        lab: lab.name.clone(),
        about: test.about.clone(),
        order: index,
        outcome: result.outcome,
        ms: result.time.as_millis() as u64,
        detail: result.detail.clone(),
        lines: result.lines.clone(),
        file: lab.file.clone(),
        line: result.place.as_ref().map(|(_, line)| *line),
        subject: result.subject.clone(),
        artifacts: artifacts.map(|folder| folder.display().to_string()),
        files: artifacts.map(files_in).unwrap_or_default(),
        benches: result.benches.clone(),
        attempts: result.attempts.clone(),
        runs: result.runs,
        ladder: None,
        messages: Vec::new(),
        links: Vec::new(),
        logs: logs(&result.evidence.files),
    }
}

/// Adds who sent what to whom, and which messages the lines are about.
fn packets(run: &mut TestRun, lab: &Lab, result: &TestResult) {
    let Evidence { ladder: Some(ladder), capture, .. } = &result.evidence else { return };
    if ladder.rows.is_empty() {
        return;
    }
    let row = |packet: &usize| ladder.rows.iter().position(|row| row.packets.contains(packet));
    let link = |about: &About| Some(Link { line: about.line, row: row(&about.packet)? });
    run.links = result.about.iter().filter_map(link).collect();
    let wanted = run.links.iter().map(|link| link.row).collect();
    let taken_apart =
        capture.as_ref().map(|capture| details(&lab.topology, capture, ladder, &wanted));
    run.messages = taken_apart.unwrap_or_default();
    run.ladder = Some(ladder.clone());
}

/// The files in `folder` and below, by their paths in it, in order.
fn files_in(folder: &Path) -> Vec<String> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(next) = folders.pop() {
        for entry in std::fs::read_dir(next).into_iter().flatten().flatten() {
            let path = entry.path();
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => folders.push(path),
                _ => files.extend(path.strip_prefix(folder).ok().map(|p| p.display().to_string())),
            }
        }
    }
    files.sort();
    files.truncate(FILES);
    files
}

/// The ends of those of `files` that are text.
fn logs(files: &[(String, Vec<u8>)]) -> Vec<Log> {
    let mut room = LOGS;
    // The states of the nodes are in the artifacts, where there is room for them.
    let told = |name: &str| {
        name.starts_with("steps/") || (name.starts_with("services/") && name.ends_with(".log"))
    };
    let text =
        files.iter().filter(|(name, bytes)| told(name) && !bytes.is_empty() && !bytes.contains(&0));
    text.map(|(name, bytes)| {
        let log = end(name, bytes, LOG.min(room));
        room -= log.text.len().min(room);
        log
    })
    .collect()
}

/// At most the last `most` bytes, from the beginning of a line.
fn end(name: &str, bytes: &[u8], most: usize) -> Log {
    let mut from = bytes.len().saturating_sub(most);
    if from > 0 {
        from += bytes[from..].iter().position(|b| *b == b'\n').map_or(0, |line| line + 1);
    }
    Log {
        name: name.into(),
        text: String::from_utf8_lossy(&bytes[from..]).into_owned(),
        left_out: from,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_keeps_whole_lines_of_its_end() {
        let log = end("x", b"one\ntwo\nthree\n", 9);
        assert_eq!((log.text.as_str(), log.left_out), ("three\n", 8));
        assert_eq!(
            end("x", b"one\n", 9),
            Log { name: "x".into(), text: "one\n".into(), left_out: 0 }
        );
    }

    #[test]
    fn logs_are_bounded_and_text() {
        let many: Vec<(String, Vec<u8>)> =
            (0..9).map(|n| (format!("steps/{n}"), b"0123456789\n".repeat(10_000))).collect();
        let kept = logs(&many);
        assert!(
            kept.iter().all(|l| l.text.len() <= LOG)
                && kept.iter().map(|l| l.text.len()).sum::<usize>() <= LOGS
        );
        assert_eq!(kept.len(), 9, "each is named");
        // What is not text, what is empty, and the state of a node.
        let others =
            [("steps/binary", &b"\n\r\0"[..]), ("steps/empty", b""), ("nodes/a/links", b"text\n")];
        assert!(logs(&others.map(|(name, bytes)| (name.to_string(), bytes.to_vec()))).is_empty());
    }
}
