//! Joins the JSON reports of the parts of a run.

use crate::error::Failure;
use crate::record::run::{FORMAT, Run};
use crate::record::shard::Shard;
use anyhow::Result;
use std::collections::{BTreeMap, BTreeSet};

/// Reads a JSON report; `name` is how messages call it.
///
/// # Errors
/// If it is none, or that of another version.
pub fn read(name: &str, text: &str) -> Result<Run> {
    let wrong =
        |why: String| Failure::usage(format!("{name} is not a JSON report of labrun: {why}"));
    let document: serde_json::Value =
        serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    match document.get("format").and_then(serde_json::Value::as_u64) {
        Some(format) if format == u64::from(FORMAT) => {}
        Some(format) => {
            return Err(Failure::usage(format!(
                "{name} has the format {format}, this labrun reads {FORMAT}"
            ))
            .into());
        }
        None => return Err(wrong("it names no `format`".into()).into()),
    }
    let run: Run = serde_json::from_value(document).map_err(|error| wrong(error.to_string()))?;
    match run
        .tests
        .iter()
        .find(|test| test.ladder.as_ref().is_some_and(|ladder| !ladder.is_sound()))
    {
        Some(test) => {
            Err(wrong(format!("the ladder of {} names a node that it doesn't have", test.test))
                .into())
        }
        None => Ok(run),
    }
}

/// Joins `runs`, each with the name messages call it by.
///
/// # Errors
/// If two of them have different results for one test, or belong to different divisions: then a
/// test may have been left out by all.
pub fn join(runs: Vec<(String, Run)>) -> Result<Run> {
    let missing = missing(&runs)?;
    let mut runs = runs.into_iter();
    let Some((first, mut joined)) = runs.next() else {
        return Err(Failure::usage("there is no report to merge").into());
    };
    let mut from: BTreeMap<String, String> =
        joined.tests.iter().map(|t| (t.test.clone(), first.clone())).collect();
    for (name, run) in runs {
        joined.started = joined.started.min(run.started);
        // Parts run side by side.
        joined.ms = joined.ms.max(run.ms);
        joined.strict |= run.strict;
        joined.interrupted |= run.interrupted;
        joined.timings.extend(run.timings);
        for lab in run.labs {
            match joined.labs.iter_mut().find(|l| l.name == lab.name) {
                Some(known) => {
                    known.subject = known.subject.take().or(lab.subject);
                    if lab.setup.state > known.setup.state {
                        known.setup = lab.setup;
                    }
                }
                None => joined.labs.push(lab),
            }
        }
        for test in run.tests {
            match joined.tests.iter().find(|t| t.test == test.test) {
                Some(known) if *known == test => {}
                Some(_) => {
                    let message = format!(
                        "the test {} is in {} and in {name}, with different results",
                        test.test, from[&test.test]
                    );
                    return Err(Failure::usage(message).into());
                }
                None => {
                    from.insert(test.test.clone(), name.clone());
                    joined.tests.push(test);
                }
            }
        }
    }
    (joined.partition, joined.missing) = (None, missing);
    joined.sort();
    joined.count();
    Ok(joined)
}

/// The parts that none of `runs` is, where they are parts.
fn missing(runs: &[(String, Run)]) -> Result<Vec<Shard>> {
    let parted: Vec<_> =
        runs.iter().filter_map(|(name, run)| run.partition.as_ref().map(|p| (name, p))).collect();
    let Some((first, model)) = parted.first() else { return Ok(Vec::new()) };
    if let Some((name, _)) =
        parted.iter().find(|(_, p)| p.part.of != model.part.of || p.plan != model.plan)
    {
        let message = format!(
            "{first} and {name} are parts of different divisions, so a test may be in none or in two of them: \
             run all parts with the same tests and the same durations"
        );
        return Err(Failure::usage(message).into());
    }
    let there: BTreeSet<usize> = parted.iter().map(|(_, p)| p.part.number).collect();
    let of = model.part.of;
    Ok((1..=of)
        .filter(|number| !there.contains(number))
        .map(|number| Shard { number, of })
        .collect())
}
