//! The path rules of a test at its end: what is not kept fails it.

use crate::lab::model::{Lab, Step, Test};
use crate::packet::capture::Capture;
use crate::packet::protocol::Purpose;
use crate::packet::tcpdump;
use crate::record::result::{Outcome, TestResult};
use crate::rules::judge::{ALWAYS, Filters, Span, Violation, blame, judge};
use crate::rules::model::Rule;
use crate::rules::observations::Observations;
use crate::text::count;
use crate::topology::model::GLOBAL;
use crate::topology::places::Passage;
use anyhow::Result;
use std::collections::BTreeMap;

/// Judges the rules of `test`, all of whose steps held, from the capture in `result`; those of a step
/// from the time that `spans` has for it. What cannot be judged has not been proved, so that fails the
/// test, too.
pub fn path(lab: &Lab, test: &Test, spans: &BTreeMap<usize, Span>, result: &mut TestResult) {
    let Some(first) = test.rules().next() else { return };
    let one = |lines: Vec<String>| vec![Violation { line: first.line, said: lines.into() }];
    let violations = match (&result.evidence.capture, filters(test)) {
        (Some(capture), Ok(filters)) => {
            let steps = test.steps.iter().enumerate();
            let of_steps = steps.map(|(index, step)| Part {
                rules: &step.path,
                span: spans.get(&index).cloned().unwrap_or(0..=0),
                steps: std::slice::from_ref(step),
            });
            let whole = Part { rules: &test.path, span: ALWAYS, steps: &test.steps };
            let parts = std::iter::once(whole).chain(of_steps);
            let judged = |part: Part| {
                let Some(first) = part.rules.first() else { return Vec::new() };
                let violations = judge(&lab.topology, part.rules, capture, &filters, &part.span);
                if !violations.is_empty() {
                    return violations;
                }
                let idle = idle(lab, test, &part, capture);
                idle.map(|lines| Violation { line: first.line, said: lines.into() })
                    .into_iter()
                    .collect()
            };
            parts.flat_map(judged).collect()
        }
        (None, _) => {
            let reason = result.evidence.no_capture.as_deref().unwrap_or("nobody says why");
            one(vec![format!("the path cannot be judged without a capture: {reason}")])
        }
        (_, Err(error)) => one(vec![format!("the path cannot be judged: {error:#}")]),
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
        result.say(violation.said);
    }
    let left_out = result.evidence.capture.as_ref().map_or(0, |capture| capture.bulk_left_out);
    if result.outcome == Outcome::Pass && left_out > 0 {
        let packets = count(left_out as usize, "packet");
        result.detail.push_str(&format!("; its capture leaves out {packets} of bulk data"));
    }
}

/// What rules are about: the whole of a test, or one of its steps.
struct Part<'a> {
    rules: &'a [Rule],
    span: Span,
    steps: &'a [Step],
}

/// What is said of a part of a test whose rules only forbid packets, and are kept because nothing was sent:
/// by the nodes that its steps do something in, or by anybody where it has no such steps.
fn idle(lab: &Lab, test: &Test, part: &Part, capture: &Capture) -> Option<Vec<String>> {
    if !part.rules.iter().all(|rule| rule.only_forbids()) {
        return None;
    }
    let steps = part.steps.iter().filter_map(|step| step.kind.node());
    let named = |netns: &str| lab.topology.nodes.iter().find(|node| node.netns.0 == netns);
    let mut nodes: Vec<&str> = steps
        .filter(|node| node.0 != GLOBAL)
        .filter_map(|node| named(&node.0).map(|node| node.name.as_str()))
        .collect();
    nodes.sort_unstable();
    nodes.dedup();
    // What a node sends that is on no bridge and not looked into is seen where it arrives, if at all.
    let is_seen = |name: &&str| {
        test.capture.iter().any(|captured| captured == name)
            || lab.topology.ports().any(|port| port.node.name == **name)
    };
    if !nodes.iter().all(is_seen) {
        nodes.clear();
    }
    let observations = Observations::of(&lab.topology, capture);
    let sent = observations.all.iter().any(|one| {
        let by = |passage: &Passage| {
            !passage.enters && (nodes.is_empty() || nodes.contains(&passage.node))
        };
        part.span.contains(&one.packet.time)
            && one.passage.as_ref().is_some_and(by)
            && one.frame.purpose() != Purpose::Housekeeping
    });
    let who = match nodes.as_slice() {
        [] => "nobody".to_string(),
        [one] => format!("{one} never"),
        many => format!("none of {}", many.join(", ")),
    };
    let rules = if part.rules.len() == 1 { "the rule forbids" } else { "the rules forbid" };
    (!sent).then(|| {
        vec![
            format!("{who} sent a packet, so that what {rules} was not seen proves nothing"),
            "let a step send what may be forbidden, or add a rule about a packet that must be seen"
                .into(),
        ]
    })
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
        result.say(violation.said);
    }
}

/// The filters of the rules, compiled.
fn filters(test: &Test) -> Result<Filters> {
    test.rules()
        .filter_map(|rule| rule.filter.as_ref())
        .map(|text| Ok((text.value.clone(), tcpdump::compile(text)?)))
        .collect()
}
