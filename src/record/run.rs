//! A run and all it found: what every report is made from, and the JSON report itself.
//!
//! Everything stands in the order of the lab files, not in that in which things ended, so that the
//! same run with the same result is the same document but for its times.

use crate::analysis::detail::Detail;
use crate::analysis::ladder::Ladder;
use crate::error::Exit;
use crate::graph::plan::Plan;
use crate::record::result::{Attempt, Outcome, ResolvedSubject, Runs};
use crate::record::shard::Shard;
use crate::record::timing::Timing;
use crate::steps::figures::Bench;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// The version of the JSON document; one more when a field changes its meaning or goes.
pub const FORMAT: u32 = 1;

/// A run, or several joined into one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// [`FORMAT`].
    pub format: u32,
    /// The version of labrun.
    pub labrun: String,
    /// When it began, as RFC 3339 writes it, in UTC.
    pub started: String,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// Whether a skipped test counts as a failure.
    pub strict: bool,
    /// Whether it was ended before its time.
    pub interrupted: bool,
    /// Which part of the tests it ran, if not all.
    pub partition: Option<Parted>,
    /// The parts that were not among those which this was joined from.
    pub missing: Vec<Shard>,
    /// How many tests ended how.
    pub totals: Totals,
    /// Whether all tests were skipped.
    #[serde(default)]
    pub nothing_ran: bool,
    pub labs: Vec<LabRun>,
    pub tests: Vec<TestRun>,
    /// Where the time went, if that was asked for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timings: Vec<Timing>,
}

/// A part of a divided run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Parted {
    pub part: Shard,
    /// Names the division: parts of one run have the same.
    pub plan: String,
}

/// How many tests ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// All steps held, at the first attempt.
    pub passed: usize,
    /// All steps held, but only when it was tried again.
    #[serde(default)]
    pub flaky: usize,
    /// A step did not hold.
    pub failed: usize,
    /// The lab could not be set up, or broke.
    pub errors: usize,
    /// This machine could not run it.
    pub skipped: usize,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LabRun {
    pub name: String,
    /// A sentence about it.
    pub about: String,
    /// Its place among the labs of the whole run, of which this may be a part.
    pub order: usize,
    /// The lab file as messages show it.
    pub file: String,
    /// The program under test.
    pub subject: Option<ResolvedSubject>,
    /// How its set-up went.
    pub setup: Setup,
    /// Its topology as `<svg>`, if it can be drawn.
    pub drawing: Option<String>,
    /// Where things are in that drawing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<Plan>,
    /// Its topology in the words of Mermaid.
    pub mermaid: Option<String>,
}

/// How the set-up of a lab went.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setup {
    /// How it ended.
    pub state: SetupState,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// What went wrong: the service, its exit status, its last lines.
    pub lines: Vec<String>,
}

/// How a set-up ended; of several that of the last variant counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SetupState {
    /// There was none.
    #[default]
    None,
    /// The lab was up already.
    Reused,
    /// It is up.
    Ready,
    /// It could not be set up.
    Failed,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestRun {
    /// LAB-NAME.
    pub test: String,
    pub lab: String,
    /// A sentence about it.
    pub about: String,
    /// Its place among the tests of its lab.
    pub order: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, in milliseconds, set-up not included.
    pub ms: u64,
    /// One line: the lease and who gave it, or why it was skipped.
    pub detail: String,
    /// What was wrong and what was seen.
    pub lines: Vec<String>,
    /// The lab file as messages show it.
    pub file: String,
    /// Its line in which what did not hold is written.
    pub line: Option<u64>,
    /// The program under test.
    pub subject: Option<ResolvedSubject>,
    /// The folder of what was kept of it.
    pub artifacts: Option<String>,
    /// The files in that folder, by their paths in it.
    pub files: Vec<String>,
    /// What its `bench` steps measured.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub benches: Vec<Bench>,
    /// The attempts before the one that all this is told of, which failed.
    #[serde(default)]
    pub attempts: Vec<Attempt>,
    /// Of a test that was run many times, how many runs failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<Runs>,
    /// The exchange of packets.
    pub ladder: Option<Ladder>,
    /// Its rows taken apart, as many as are drawn.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<Detail>,
    /// Which of `lines` are about a row of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<Link>,
    /// What daemons and clients printed.
    pub logs: Vec<Log>,
}

/// A line that is about a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Link {
    /// Its number among the lines.
    pub line: usize,
    /// The message's row in the ladder.
    pub row: usize,
}

/// What a program printed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Log {
    pub name: String,
    /// Its end.
    pub text: String,
    /// How many bytes in front of it were left out.
    pub left_out: usize,
}

impl Totals {
    /// Whether there were tests, and all of them were skipped: that proves nothing.
    pub fn nothing_ran(&self) -> bool {
        let Totals { passed, flaky, failed, errors, skipped } = *self;
        passed + flaky + failed + errors == 0 && skipped > 0
    }

    /// `3 passed, 1 failed in 2.41 s`.
    pub fn line(&self, time: Duration) -> String {
        let Totals { passed, flaky, failed, errors, skipped } = self;
        let nothing = if self.nothing_ran() { "nothing ran: " } else { "" };
        let mut text = format!("{passed} passed, {} failed", failed + errors);
        if *errors > 0 {
            text.push_str(&format!(" ({errors} in set-up)"));
        }
        if *flaky > 0 {
            text.push_str(&format!(", {flaky} flaky"));
        }
        if *skipped > 0 {
            text.push_str(&format!(", {skipped} skipped"));
        }
        format!("{nothing}{text} in {}", crate::text::seconds(time))
    }
}

impl Run {
    /// Counts the tests anew.
    pub fn count(&mut self) {
        let count = |outcome| self.tests.iter().filter(|t| t.outcome == outcome).count();
        self.totals = Totals {
            passed: count(Outcome::Pass),
            flaky: count(Outcome::Flaky),
            failed: count(Outcome::Fail),
            errors: count(Outcome::Error),
            skipped: count(Outcome::Skip),
        };
        self.nothing_ran = self.totals.nothing_ran();
    }

    /// Puts labs and tests into the order of the lab files.
    pub fn sort(&mut self) {
        self.labs.sort_by(|a, b| (a.order, &a.name).cmp(&(b.order, &b.name)));
        let place = |lab: &str| self.labs.iter().position(|l| l.name == lab);
        self.tests.sort_by(|a, b| {
            (place(&a.lab), a.order, &a.test).cmp(&(place(&b.lab), b.order, &b.test))
        });
        // Those of a lab stay in their order.
        self.timings.sort_by_key(|timing| timing.lab.as_deref().map(place));
    }

    /// The exit code that this result stands for.
    pub fn exit(&self) -> Exit {
        let Totals { failed, errors, skipped, .. } = self.totals;
        match (failed, errors, skipped) {
            _ if self.interrupted => Exit::Interrupted,
            (_, 1.., _) => Exit::Setup,
            (1.., ..) => Exit::TestFailed,
            (0, 0, 1..) if self.strict => Exit::Machine,
            // Tests that nobody ran must not look like tests that passed.
            _ if !self.missing.is_empty() => Exit::Usage,
            _ => Exit::Passed,
        }
    }

    /// The tests of `lab`.
    pub fn tests_of<'a>(&'a self, lab: &'a str) -> impl Iterator<Item = &'a TestRun> {
        self.tests.iter().filter(move |t| t.lab == lab)
    }

    /// The last line of every summary.
    pub fn summary(&self) -> String {
        self.totals.line(Duration::from_millis(self.ms))
    }

    /// `the parts 2/4 and 3/4 are missing`.
    pub fn lack(&self) -> Option<String> {
        let parts: Vec<String> = self.missing.iter().map(Shard::to_string).collect();
        match parts.as_slice() {
            [] => None,
            [one] => Some(format!("the part {one} is missing")),
            [many @ .., last] => {
                Some(format!("the parts {} and {last} are missing", many.join(", ")))
            }
        }
    }

    /// Why tests were skipped, each reason with its tests.
    pub fn skips(&self) -> Vec<(&str, Vec<&str>)> {
        let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
        for test in self.tests.iter().filter(|t| t.outcome == Outcome::Skip) {
            match reasons.iter_mut().find(|(reason, _)| *reason == test.detail) {
                Some((_, tests)) => tests.push(&test.test),
                None => reasons.push((&test.detail, vec![&test.test])),
            }
        }
        reasons
    }

    /// The JSON document.
    pub fn json(&self) -> String {
        serde_json::to_string_pretty(self).expect("a run is plain data") + "\n"
    }
}

impl TestRun {
    /// Whether it fails the run by itself.
    pub fn is_bad(&self) -> bool {
        self.outcome.is_bad()
    }

    /// `labs/relay.yaml:123`, where what did not hold is written.
    pub fn place(&self) -> Option<String> {
        self.line.map(|line| format!("{}:{line}", self.file))
    }

    /// The packaged daemon that was tested in the subject's place.
    pub fn stand_in(&self) -> Option<&str> {
        self.subject.as_ref().filter(|s| s.how == "stand-in").map(|s| s.path.as_str())
    }

    /// Everything that was wrong: its own lines, else those of its lab's set-up.
    pub fn story<'a>(&'a self, run: &'a Run) -> &'a [String] {
        if self.outcome == Outcome::Error && self.lines.is_empty() {
            let lab = run.labs.iter().find(|l| l.name == self.lab);
            return lab.map_or(&[], |lab| &lab.setup.lines);
        }
        &self.lines
    }
}

/// `0.24 s`, of milliseconds.
pub fn seconds(ms: u64) -> String {
    crate::text::seconds(Duration::from_millis(ms))
}
