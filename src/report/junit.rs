//! The JUnit report: a suite a lab, a test case a test.

use crate::record::result::{Attempt, Outcome, tries};
use crate::record::run::{Run, TestRun};
use crate::steps::figures::{Bench, MEASURES};
use anyhow::{Context, Result};
use chrono::DateTime;
use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestRerun, TestSuite};
use std::time::Duration;

/// The document, in the dialect that Jenkins, GitLab and most others read.
///
/// # Errors
/// None that is known: what XML forbids is left out of the texts.
pub fn document(run: &Run) -> Result<String> {
    let mut report = Report::new("labrun");
    let started = DateTime::parse_from_rfc3339(&run.started).ok();
    report.set_time(Duration::from_millis(run.ms));
    if let Some(started) = started {
        report.set_timestamp(started);
    }
    for lab in &run.labs {
        let mut suite = TestSuite::new(lab.name.as_str());
        if let Some(started) = started {
            suite.set_timestamp(started);
        }
        suite.set_time(Duration::from_millis(run.tests_of(&lab.name).map(|t| t.ms).sum()));
        suite.add_property(("about", lab.about.as_str()));
        suite.add_property(("file", lab.file.as_str()));
        if run.nothing_ran {
            suite.add_property(("nothing-ran", "every test of the run was skipped"));
        }
        if let Some(subject) = &lab.subject {
            suite.add_property(("subject", subject.program.as_str()));
            suite.add_property(("subject-how", subject.how.as_str()));
            suite.add_property(("subject-path", subject.path.as_str()));
        }
        // Not all dialects have properties of test cases.
        for number in run.tests_of(&lab.name).flat_map(numbers) {
            suite.add_property(number);
        }
        suite.add_test_cases(run.tests_of(&lab.name).map(|test| case(run, test)));
        report.add_test_suite(suite);
    }
    // Two characters that XML 1.0 forbids (2.2) get past quick-junit.
    let text = report.to_string().context("cannot write XML")?;
    Ok(text.replace(['\u{fffe}', '\u{ffff}'], ""))
}

/// What the `bench` steps of `test` measured, each number under a name of its own: connections a second, Mbit/s,
/// milliseconds, and per cent.
fn numbers(test: &TestRun) -> Vec<(String, String)> {
    let mut numbers = Vec::new();
    for (index, bench) in test.benches.iter().enumerate() {
        let of = [("direct", &bench.direct), ("through", &bench.through), ("ratio", &bench.ratio)];
        for (way, figures) in of {
            numbers.extend(MEASURES.map(|measure| {
                let name = format!("{}.bench{}.{}.{way}", test.test, index + 1, measure.name());
                (name, figures.get(measure).to_string())
            }));
        }
    }
    numbers
}

fn case(run: &Run, test: &TestRun) -> TestCase {
    let mut status = match test.outcome {
        // Its earlier attempts make it another success than others.
        Outcome::Pass | Outcome::Flaky => TestCaseStatus::success(),
        Outcome::Fail => TestCaseStatus::non_success(NonSuccessKind::Failure),
        Outcome::Error => TestCaseStatus::non_success(NonSuccessKind::Error),
        Outcome::Skip => TestCaseStatus::skipped(),
    };
    if !matches!(test.outcome, Outcome::Pass | Outcome::Flaky) {
        let story = test.story(run);
        let first = story.first().filter(|_| test.is_bad()).unwrap_or(&test.detail);
        status.set_message(first.as_str());
        if test.is_bad() {
            status.set_type(if test.outcome == Outcome::Fail { "failure" } else { "error" });
            status.set_description([std::slice::from_ref(&test.detail), story].concat().join("\n"));
        }
    }
    status.add_reruns(test.attempts.iter().map(rerun));
    let mut case = TestCase::new(test.test.as_str(), status);
    case.set_classname(test.lab.as_str());
    case.set_time(Duration::from_millis(test.ms));
    let mut said: Vec<String> = match test.outcome {
        Outcome::Pass | Outcome::Flaky if !test.detail.is_empty() => vec![test.detail.clone()],
        _ => Vec::new(),
    };
    said.extend(test.benches.iter().flat_map(Bench::lines));
    said.extend(tries(test.outcome, &test.attempts));
    said.extend(test.stand_in().map(|name| format!("tested the stand-in {name}")));
    said.extend(test.artifacts.iter().map(|folder| format!("artifacts: {folder}")));
    // What programs print differs from run to run; that of a test that passed would only hide
    // changes.
    said.extend(test.logs.iter().filter(|_| test.is_bad()).map(|log| {
        let cut = if log.left_out > 0 {
            format!(" (the first {} bytes are left out)", log.left_out)
        } else {
            String::new()
        };
        format!("--- {}{cut}\n{}", log.name, log.text.trim_end())
    }));
    if !said.is_empty() {
        case.set_system_out(said.join("\n"));
    }
    case
}

/// An earlier attempt: `flakyFailure` or `flakyError` of a test that passed in the end, else
/// `rerunFailure` or `rerunError`, as Surefire has them.
fn rerun(attempt: &Attempt) -> TestRerun {
    let kind = match attempt.outcome {
        Outcome::Fail => NonSuccessKind::Failure,
        _ => NonSuccessKind::Error,
    };
    let mut rerun = TestRerun::new(kind);
    rerun.set_type(if kind == NonSuccessKind::Failure { "failure" } else { "error" });
    rerun.set_message(attempt.lines.first().unwrap_or(&attempt.detail).as_str());
    let story = [std::slice::from_ref(&attempt.detail), &attempt.lines].concat().join("\n");
    rerun.set_stack_trace(story);
    if let Some(folder) = &attempt.artifacts {
        rerun.set_system_out(format!("artifacts: {folder}"));
    }
    rerun
}
