//! The tests of one lab, run again and again (`--stress`), to find one that fails only now and then.
//!
//! They are run in rounds, so that each has had the same number of runs when the time is over. A test
//! has one result, which its first failure tells of: one run that failed is enough.

use crate::analysis::difference::Course;
use crate::interrupt;
use crate::lab::model::Test;
use crate::record::event::RunEvent;
use crate::record::result::{Outcome, Runs, TestResult};
use crate::run::session::SetupError;
use crate::verbs::sessions::{Down, NOT_UP, Sessions};
use std::time::{Duration, Instant};

/// So many courses of runs that passed are kept; more would seldom be others.
const COURSES: usize = 100;

/// How often every test is run.
#[derive(Clone, Copy, Debug)]
pub enum Stress {
    /// So many times.
    Runs(usize),
    /// Until so much time is over.
    For(Duration),
}

/// What the runs of a test came to so far.
#[derive(Default)]
struct Tally {
    runs: usize,
    failed: usize,
    time: Duration,
    /// What was seen of those that passed, each course once.
    passed: Vec<Course>,
    /// The first that failed, or the first of all where none has.
    shown: Option<TestResult>,
}

impl Tally {
    fn add(&mut self, result: TestResult) {
        let bad = result.outcome.is_bad();
        self.runs += 1;
        self.failed += usize::from(bad);
        self.time += result.time;
        if result.outcome == Outcome::Pass
            && self.passed.len() < COURSES
            && let Some(course) = result.evidence.ladder.as_ref().map(Course::of)
            && !self.passed.contains(&course)
        {
            self.passed.push(course);
        }
        // One that did not hold says more than one for which there was no lab.
        let weight = |outcome| match outcome {
            Outcome::Fail => 2,
            Outcome::Error => 1,
            _ => 0,
        };
        let shown = self.shown.as_ref().map(|shown| weight(shown.outcome));
        if shown.is_none_or(|shown| weight(result.outcome) > shown) {
            self.shown = Some(result);
        }
    }

    /// The result of all of them, if there were any.
    fn result(self) -> Option<TestResult> {
        let Tally { runs, failed, time, passed, shown } = self;
        let mut result = shown?;
        result.time = time / u32::try_from(runs).unwrap_or(u32::MAX);
        result.runs = Some(Runs { of: runs, failed });
        if failed == 0 {
            result.detail = format!("{} ({runs} of {runs} runs)", result.detail);
        } else {
            let why = format!("{failed} of {runs} runs failed, the first: ");
            match result.lines.first_mut() {
                Some(first) => first.insert_str(0, &why),
                None => result.lines.push(format!("{why}{}", result.detail)),
            }
            let course = result.evidence.ladder.as_ref().map(Course::of);
            result.lines.extend(course.and_then(|course| course.parting(&passed)));
        }
        Some(result)
    }
}

impl Sessions<'_> {
    /// Runs `tests` as often as `stress` says, with `fail_fast` until the first failure, and begins
    /// none once `is_over`. If the lab could not be set up before each had its first run, how many had
    /// one, and why.
    pub fn stress(
        &mut self,
        tests: &[&Test],
        stress: Stress,
        fail_fast: bool,
        is_over: &dyn Fn() -> bool,
    ) -> Result<(), (usize, Down)> {
        let began = Instant::now();
        let mut tallies: Vec<Tally> = tests.iter().map(|_| Tally::default()).collect();
        let mut round = 0;
        let mut ended = Ok(());
        'rounds: while match stress {
            Stress::Runs(runs) => round < runs,
            // Whatever the time, each is run once.
            Stress::For(time) => round == 0 || began.elapsed() < time,
        } {
            round += 1;
            for (index, (test, tally)) in tests.iter().zip(&mut tallies).enumerate() {
                if interrupt::interrupted() || is_over() {
                    break 'rounds;
                }
                let (result, down) = match self.attempt(test, &[], true) {
                    Ok(result) => (result, false),
                    Err(down) if round == 1 => {
                        ended = Err((index, down));
                        break 'rounds;
                    }
                    Err(down) => {
                        let result = TestResult::new(self.lab, test, Outcome::Error);
                        let lines = match down.why {
                            SetupError::Failed(lines) => lines,
                            SetupError::Skip(why) => vec![why],
                            SetupError::Interrupted => break 'rounds,
                        };
                        let (detail, artifacts) = (NOT_UP.into(), down.artifacts);
                        (TestResult { detail, lines, artifacts, ..result }, true)
                    }
                };
                // What was cut short tells nothing of the test.
                if interrupt::interrupted() {
                    break 'rounds;
                }
                let bad = result.outcome.is_bad();
                if bad {
                    (self.tell)(RunEvent::Note { text: failure(&result, round) });
                }
                tally.add(result);
                if down || (bad && fail_fast) {
                    break 'rounds;
                }
            }
        }
        for result in tallies.into_iter().filter_map(Tally::result) {
            (self.tell)(RunEvent::Result(Box::new(result)));
        }
        self.end();
        ended
    }
}

/// What is told of a run that failed, once it has.
fn failure(result: &TestResult, run: usize) -> String {
    let first = result.lines.first().map_or("", String::as_str);
    let kept = result.artifacts.as_ref();
    let kept = kept.map_or(String::new(), |at| format!(" (artifacts: {})", at.display()));
    format!("{} failed in run {run}: {}  {first}{kept}", result.test, result.detail)
}
