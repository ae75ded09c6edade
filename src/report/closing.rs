//! What a run says at its end, above the counts: the failed tests again, the slowest, the skipped.

use crate::record::result::{Attempt, Outcome};
use crate::record::run::{Run, TestRun, seconds};
use crate::report::files::Kind;
use crate::text::count;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// How many of the slowest are named, and how many tests a run must have for that.
const SLOWEST: usize = 3;
/// How many lines of results hide those that failed: a screen.
const SCREEN: usize = 20;

/// A line of the end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Whether it is bad news.
    pub bad: bool,
    /// What it is about: `slowest`.
    pub head: &'static str,
    /// The rest.
    pub text: String,
}

/// The lines for `run`, of which `written` reports were made.
pub fn lines<'a>(run: &'a Run, written: &[(Kind, PathBuf)]) -> Vec<Line> {
    let mut lines = Vec::new();
    let mut add = |bad, head, text| lines.push(Line { bad, head, text });
    let printed: usize = run.tests.iter().map(|t| t.lines.len() + 1).sum();
    if run.tests.len() > SLOWEST || printed > SCREEN {
        for test in run.tests.iter().filter(|t| t.is_bad()) {
            let word = if test.outcome == Outcome::Fail { "failed" } else { "error" };
            let place = test.place().unwrap_or(test.detail.clone());
            let cause = test.story(run).first().cloned().unwrap_or_default();
            let words = [test.test.clone(), place, cause];
            let words: Vec<String> = words.into_iter().filter(|word| !word.is_empty()).collect();
            add(true, word, words.join("  "));
        }
    }
    // Named in any case: nothing else at the end tells them from those that passed.
    for test in run.tests.iter().filter(|t| t.outcome == Outcome::Flaky) {
        let cause = test.attempts.first().map(Attempt::cause).unwrap_or_default();
        let times = count(test.attempts.len(), "attempt");
        add(false, "flaky", format!("{}  {times} failed: {cause}", test.test));
    }
    for (reason, tests) in run.skips() {
        let names = if tests.len() > 5 { count(tests.len(), "test") } else { tests.join(", ") };
        add(false, "skipped", if reason.is_empty() { names } else { format!("{names}: {reason}") });
    }
    let mut ran: Vec<_> = run.tests.iter().filter(|t| t.outcome.ran()).collect();
    if ran.len() > SLOWEST {
        ran.sort_by_key(|test| Reverse(test.ms));
        let slowest: Vec<String> =
            ran.iter().take(SLOWEST).map(|t| format!("{} {}", t.test, seconds(t.ms))).collect();
        add(false, "slowest", slowest.join(", "));
    }
    if let Some(lack) = run.lack() {
        add(true, "incomplete", lack);
    }
    let kept = |test: &'a TestRun| {
        let earlier = test.attempts.iter().filter_map(|attempt| attempt.artifacts.as_deref());
        earlier.chain(test.artifacts.as_deref())
    };
    let folders: BTreeSet<&Path> = run.tests.iter().flat_map(kept).map(Path::new).collect();
    if let Some(folder) = common(folders) {
        add(false, "artifacts", folder.display().to_string());
    }
    for (kind, path) in written {
        add(false, "report", format!("{kind} in {}", path.display()));
    }
    lines
}

/// The folder that `folders` are in, or the only one.
fn common(folders: BTreeSet<&Path>) -> Option<&Path> {
    folders
        .into_iter()
        .reduce(|a, b| a.ancestors().find(|folder| b.starts_with(folder)).unwrap_or(a))
}

/// `line` as plain text.
pub fn plain(line: &Line) -> String {
    format!("{}: {}", line.head, line.text)
}
