//! From a lab file to a checked lab: every reference resolved, every rule applied, and all mistakes
//! reported together.

use crate::lab::each;
use crate::lab::file;
use crate::lab::file::{StepEntry, TestFile};
use crate::lab::model::{Lab, Step, Test};
use crate::lab::params::{self, Setting};
use crate::lab::place;
use crate::rules::check as rules;
use crate::rules::file::{RuleFile, ValueFile};
use crate::rules::inside::inside;
use crate::rules::model::Rule;
use crate::steps::check::Checker;
use crate::steps::{PacketFile, StepFile};
use crate::topology::check as topology;
use crate::topology::model::Topology;
use crate::yaml::decode::Reader;
use crate::yaml::diagnostic::{Diagnostic, Diagnostics, Spanned};
use crate::yaml::parse::parse;
use std::collections::{BTreeSet, HashSet};

/// What a test without a capture says instead of the names of nodes.
const NONE: &str = "none";

/// Reads and checks a lab file; `file` is how messages call it.
///
/// # Errors
/// All of its mistakes, in the order of the file.
pub fn lab(text: &str, file: &str) -> Result<Lab, Vec<Diagnostic>> {
    lab_with(text, file, &[])
}

/// The same with these parameters, of which it need not have all.
///
/// # Errors
/// As [`lab`].
pub fn lab_with(text: &str, file: &str, settings: &[Setting]) -> Result<Lab, Vec<Diagnostic>> {
    let mut root = parse(text).map_err(|(position, message)| {
        vec![Diagnostic { position, path: String::new(), message }]
    })?;
    let diagnostics = Diagnostics::default();
    let params = params::fill(&mut root, settings, &diagnostics);
    let written_out = each::expand(&mut root, &diagnostics);
    place::fill(&mut root);
    let read = file::lab(Reader::new(&root, "", &diagnostics));
    diagnostics.name("lab", &read.lab);
    let mut topology = topology::topology(&read.lab, &read.topology, &diagnostics);
    let tests: Vec<Test> =
        read.tests.iter().map(|file| test(&read.lab, file, &topology, &diagnostics)).collect();
    for feature in tests.iter().flat_map(|test| &test.steps).filter_map(|step| step.kind.feature())
    {
        if !topology.kernel.iter().any(|known| known == feature) {
            topology.kernel.push(feature.into());
        }
    }
    // What is wrong with all is said of the first.
    let mut said = HashSet::new();
    let mut mistakes = diagnostics.into_sorted();
    mistakes.retain(|mistake| {
        !written_out.contains(&mistake.position) || said.insert(mistake.position)
    });
    match mistakes {
        none if none.is_empty() => Ok(Lab {
            name: read.lab.value,
            about: read.about.trim().to_string(),
            file: file.into(),
            source: text.into(),
            topology,
            tests,
            params,
        }),
        some => Err(some),
    }
}

/// The rule that holds once there is such a packet.
fn awaited(file: &PacketFile) -> RuleFile {
    let value = |value: &Spanned<(String, bool)>| {
        let (text, number) = &value.value;
        let number = text.parse().ok().filter(|_| *number);
        value.with(number.map_or(ValueFile::Text(text.clone()), ValueFile::Number))
    };
    let fields = file.fields.iter();
    let fields = fields.map(|(name, values)| (name.clone(), values.iter().map(value).collect()));
    let (packet, at) = (file.packet.clone(), file.at.clone());
    RuleFile::there_is(file.position, packet, at, fields.collect())
}

fn test(lab: &str, file: &TestFile, topology: &Topology, diagnostics: &Diagnostics) -> Test {
    diagnostics.name("test", &file.name);
    if file.steps.is_empty() {
        diagnostics.wrong(&file.name, "a test without steps proves nothing");
    }
    for (index, tag) in file.tags.iter().enumerate() {
        diagnostics.name("tag", tag);
        if file.tags[..index].iter().any(|other| other.value == tag.value) {
            diagnostics.wrong(tag, format!("the tag `{}` is there twice", tag.value));
        }
    }
    let checker = Checker { diagnostics, topology, saved: Default::default() };
    let path = rules::rules(diagnostics, topology, &file.path);
    let of_steps: Vec<_> =
        (file.steps.iter()).map(|step| rules::rules(diagnostics, topology, &step.path)).collect();
    let awaited: Vec<Option<Rule>> = (file.steps.iter())
        .map(|step| step.kind.value.as_ref()?.packet().map(awaited))
        .map(|rule| rules::rules(diagnostics, topology, &[rule?]).pop())
        .collect();
    let all = path.iter().chain(of_steps.iter().flatten()).chain(awaited.iter().flatten());
    let all: Vec<&Rule> = all.collect();
    let unwanted = matches!(file.capture.as_slice(), [none]
        if none.value == NONE && file.capture_filter.is_none() && topology.nodes.iter().all(|node| node.name != NONE));
    let usual = file.capture.is_empty() && file.capture_filter.is_none();
    // A capture costs more than half of what could be transferred without it.
    let measures = |step: &&StepEntry| step.kind.value.as_ref().is_some_and(StepFile::measures);
    let bench = file.steps.iter().find(measures);
    let captured = !unwanted && bench.is_none();
    let mut capture = BTreeSet::new();
    if captured {
        for node in &file.capture {
            checker.node(node);
        }
        capture.extend(inside(topology, &all));
        capture.extend(file.capture.iter().map(|node| node.value.clone()));
    } else if let Some(bench) = bench.filter(|_| !all.is_empty() || !(unwanted || usual)) {
        diagnostics
            .wrong(&bench.kind, "`bench` measures without a capture: `path`, `capture` and a `wait` for a packet belong in another test");
    } else if bench.is_none() && !all.is_empty() {
        diagnostics
            .wrong(&file.capture[0], "`path` is judged from the capture, and `wait` finds a packet there: leave out one of both");
    }
    if let Some(filter) = &file.capture_filter {
        if filter.trim().is_empty() {
            diagnostics.wrong(filter, "an empty filter: without one all packets are kept");
        }
        for rule in all.iter().filter(|rule| rule.filter.is_none()) {
            diagnostics.wrong(
                filter,
                format!(
                    "`{}` in line {} would be judged from what this happens to keep: give it a `filter`, too, by which its packets are kept besides",
                    rule.name, rule.line
                ),
            );
        }
    }
    let steps =
        file.steps.iter().zip(of_steps).zip(awaited).filter_map(|((step, path), awaited)| {
            let kind = step.kind.value.as_ref()?.check(&checker)?;
            Some(Step { line: step.kind.position.line, kind, path, awaited })
        });
    Test {
        name: format!("{lab}-{}", file.name.value),
        short: file.name.value.clone(),
        about: file.about.trim().to_string(),
        tags: file.tags.iter().map(|tag| tag.value.clone()).collect(),
        timeout: file.timeout,
        fresh: file.fresh,
        captured,
        capture: capture.into_iter().collect(),
        keep: file.capture_filter.clone(),
        steps: steps.collect(),
        path,
    }
}
