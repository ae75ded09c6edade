//! The path rules of a test at its end: what is not kept fails it.

use crate::lab::model::{Lab, Test};
use crate::packet::tcpdump;
use crate::record::result::{Outcome, TestResult};
use crate::rules::judge::{Filters, Violation, blame, judge};
use anyhow::Result;

/// Judges the rules of `test`, all of whose steps held, from the capture in `result`. What cannot
/// be judged has not been proved, so that fails the test, too.
pub fn path(lab: &Lab, test: &Test, result: &mut TestResult) {
    let Some(first) = test.path.first() else { return };
    let violations = match (&result.evidence.capture, filters(test)) {
        (Some(capture), Ok(filters)) => judge(&lab.topology, &test.path, capture, &filters),
        (None, _) => {
            let reason = result.evidence.no_capture.as_deref().unwrap_or("nobody says why");
            vec![Violation {
                line: first.line,
                lines: vec![format!("the path cannot be judged without a capture: {reason}")],
            }]
        }
        (_, Err(error)) => vec![Violation {
            line: first.line,
            lines: vec![format!("the path cannot be judged: {error:#}")],
        }],
    };
    for violation in violations {
        // The place of the first stands beside the test's name, those of the others before their
        // lines.
        if result.outcome == Outcome::Fail {
            result.lines.push(format!("{}:{}", lab.file, violation.line));
        } else {
            result.outcome = Outcome::Fail;
            result.at(&lab.file, violation.line);
        }
        result.lines.extend(violation.lines);
    }
}

/// Adds to a `test` that a step has failed what its packets did against its rules until then: that is
/// often why.
pub fn suspects(lab: &Lab, test: &Test, result: &mut TestResult) {
    let (Some(capture), Ok(filters)) = (&result.evidence.capture, filters(test)) else { return };
    let violations = blame(&lab.topology, &test.path, capture, &filters);
    if !violations.is_empty() {
        result.lines.push("before that, packets broke rules of the path:".into());
    }
    for violation in violations {
        result.lines.push(format!("{}:{}", lab.file, violation.line));
        result.lines.extend(violation.lines);
    }
}

/// The filters of the rules, compiled.
fn filters(test: &Test) -> Result<Filters> {
    test.path
        .iter()
        .filter_map(|rule| rule.filter.as_ref())
        .map(|text| Ok((text.value.clone(), tcpdump::compile(text)?)))
        .collect()
}
