//! How a test ended, and all that is known of it.

use crate::analysis::Evidence;
use crate::lab::model::{Lab, Test};
use crate::record::milliseconds;
use crate::rules::said::{About, Said};
use crate::steps::figures::Bench;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// How a test ended. These are five different results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All steps held, at the first attempt.
    Pass,
    /// All steps held, but only when it was tried again (`--retries`).
    Flaky,
    /// A step did not hold.
    Fail,
    /// This machine cannot run it.
    Skip,
    /// The lab could not be set up, or broke.
    Error,
}

impl Outcome {
    /// Whether it fails the run by itself.
    pub fn is_bad(self) -> bool {
        matches!(self, Outcome::Fail | Outcome::Error)
    }

    /// Whether the test was brought to its end, so that its time tells something.
    pub fn ran(self) -> bool {
        matches!(self, Outcome::Pass | Outcome::Flaky | Outcome::Fail)
    }
}

/// Which program a lab tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ResolvedSubject {
    /// The name the lab calls it by.
    pub program: String,
    /// `given`, `built`, `path` or `stand-in`.
    pub how: String,
    /// Its path, or the stand-in's name.
    pub path: String,
}

/// How a test ended, and what is said of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct TestResult {
    /// LAB-NAME.
    pub test: String,
    /// The lab's name.
    pub lab: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, set-up not included.
    #[serde(serialize_with = "milliseconds", rename = "ms")]
    #[schemars(with = "u64")]
    pub time: Duration,
    /// One line: the lease and who gave it, or why it was skipped.
    pub detail: String,
    /// What was wrong and what was seen.
    pub lines: Vec<String>,
    /// Which of these are about a packet.
    #[serde(skip)]
    pub about: Vec<About>,
    /// The program under test.
    pub subject: Option<ResolvedSubject>,
    /// Where in the lab file what did not hold is written: the file, and the line in it.
    #[serde(skip)]
    pub place: Option<(String, u64)>,
    /// The folder of its artifacts, if they were kept.
    #[serde(serialize_with = "path")]
    #[schemars(with = "Option<String>")]
    pub artifacts: Option<PathBuf>,
    /// What its `bench` steps measured.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub benches: Vec<Bench>,
    /// The attempts before this one, which all failed.
    pub attempts: Vec<Attempt>,
    /// Of a test that was run many times (`--stress`), how many failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub runs: Option<Runs>,
    /// What it left.
    #[serde(skip)]
    pub evidence: Evidence,
}

/// Of the runs of a test, how many failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Runs {
    /// How many there were.
    pub of: usize,
    /// How many of them failed, or could not be brought to their end.
    pub failed: usize,
}

/// An attempt at a test that failed, so that the test was tried again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, in milliseconds, set-up not included.
    pub ms: u64,
    /// One line: the place in the lab file, say.
    pub detail: String,
    /// What was wrong and what was seen.
    pub lines: Vec<String>,
    /// The line of the lab file in which what did not hold is written.
    pub line: Option<u64>,
    /// The folder of what was kept of it.
    pub artifacts: Option<String>,
}

impl Attempt {
    /// `failed` or `error`.
    pub fn word(&self) -> &'static str {
        if self.outcome == Outcome::Fail { "failed" } else { "error" }
    }

    /// Where it failed, and the first line of why.
    pub fn cause(&self) -> String {
        let first = self.lines.first().map_or("", String::as_str);
        [self.detail.as_str(), first].map(str::trim).join("  ").trim().to_string()
    }
}

/// What the attempts at a test say of it, if it needed several: `flaky: passed at attempt 2`.
pub fn tries(outcome: Outcome, earlier: &[Attempt]) -> Option<String> {
    match outcome {
        _ if earlier.is_empty() => None,
        Outcome::Flaky => Some(format!("flaky: passed at attempt {}", earlier.len() + 1)),
        _ => Some(format!("failed at each of {} attempts", earlier.len() + 1)),
    }
}

/// The outcome of a test whose last attempt ended with `last`, after attempts that failed or none:
/// one that passed only then never counts as one that passed.
fn overall(last: Outcome, earlier: &[Attempt]) -> Outcome {
    match last {
        Outcome::Pass if !earlier.is_empty() => Outcome::Flaky,
        last => last,
    }
}

impl TestResult {
    /// A result of `test` of `lab` that says nothing but how it ended.
    pub fn new(lab: &Lab, test: &Test, outcome: Outcome) -> TestResult {
        TestResult {
            test: test.name.clone(),
            lab: lab.name.clone(),
            outcome,
            time: Duration::ZERO,
            detail: String::new(),
            lines: Vec::new(),
            about: Vec::new(),
            subject: None,
            place: None,
            artifacts: None,
            benches: Vec::new(),
            attempts: Vec::new(),
            runs: None,
            evidence: Evidence::default(),
        }
    }

    /// The same as the last attempt after `earlier` ones, which failed.
    pub fn after(self, earlier: Vec<Attempt>) -> TestResult {
        TestResult { outcome: overall(self.outcome, &earlier), attempts: earlier, ..self }
    }

    /// What is told of it once the test was tried again.
    pub fn attempt(&self) -> Attempt {
        Attempt {
            outcome: self.outcome,
            ms: self.time.as_millis() as u64,
            detail: self.detail.clone(),
            lines: self.lines.clone(),
            line: self.place.as_ref().map(|(_, line)| *line),
            artifacts: self.artifacts.as_ref().map(|folder| folder.display().to_string()),
        }
    }

    /// Adds what was wrong with packets.
    pub fn say(&mut self, more: Said) {
        let mut said =
            Said { lines: std::mem::take(&mut self.lines), about: std::mem::take(&mut self.about) };
        said.append(more);
        Said { lines: self.lines, about: self.about } = said;
    }

    /// Notes where in the lab file what did not hold is written, and shows it.
    pub fn at(&mut self, file: &str, line: u64) {
        self.detail = format!("{file}:{line}");
        self.place = Some((file.into(), line));
    }
}

/// Paths need not be UTF-8, but JSON must.
fn path<S: serde::Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(serializer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed() -> Attempt {
        Attempt {
            outcome: Outcome::Fail,
            ms: 1,
            detail: "labs/x.yaml:7".into(),
            lines: vec!["step 1: no answer".into(), "| more".into()],
            line: Some(7),
            artifacts: None,
        }
    }

    #[test]
    fn what_passed_only_when_it_was_tried_again_has_not_passed() {
        use Outcome::{Error, Fail, Flaky, Pass, Skip};
        for (last, earlier, wanted) in [
            (Pass, 0, Pass),
            (Pass, 1, Flaky),
            (Pass, 2, Flaky),
            (Fail, 0, Fail),
            (Fail, 1, Fail),
            (Error, 2, Error),
            (Skip, 0, Skip),
        ] {
            assert_eq!(overall(last, &vec![failed(); earlier]), wanted, "{last:?} {earlier}");
        }
        assert_eq!(tries(Pass, &[]), None);
        assert_eq!(tries(Flaky, &[failed()]).unwrap(), "flaky: passed at attempt 2");
        assert_eq!(tries(Fail, &[failed(), failed()]).unwrap(), "failed at each of 3 attempts");
        assert_eq!(failed().cause(), "labs/x.yaml:7  step 1: no answer");
    }
}
