//! What is said of a path rule that does not hold: what was expected, and which packet took which
//! way instead.

use crate::packet::capture::Capture;
use crate::packet::pcapng::interface_name;
use crate::packet::protocol::{Purpose, Value};
use crate::packet::summary::Summary;
use crate::rules::model::{FieldCheck, Rule};
use crate::rules::observations::{Observation, Observations};
use crate::rules::said::Said;
use crate::text::time;
use crate::topology::places::Location;
use std::collections::BTreeSet;

/// More packets than this are only counted.
const SHOWN: usize = 4;

/// A capture that lacks packets.
pub(crate) fn lacking(capture: &Capture) -> String {
    let mut reasons = Vec::new();
    if capture.lost > 0 {
        reasons.push(format!("{} were lost", capture.lost));
    }
    if capture.left_out > 0 {
        reasons.push(format!("{} were left out because of its size", capture.left_out));
    }
    if capture.bulk_left_out > 0 {
        reasons.push(format!("{} of bulk data were lost or left out", capture.bulk_left_out));
    }
    format!(
        "the capture lacks packets, so nobody can tell whether the path was kept: {}",
        reasons.join(", ")
    )
}

/// A packet that was not to occur.
pub(crate) fn unwanted(
    observations: &Observations,
    rule: &Rule,
    looked: &[&Observation],
    seen: &[&Observation],
) -> Said {
    let mut said = Said::of(format!("{} must not be seen{}, but was:", rule.name, at(rule)));
    packets(&mut said, observations, looked);
    said.push(way(rule, looked[0], seen));
    said
}

/// A packet that did not occur.
pub(crate) fn unseen(observations: &Observations, rule: &Rule, elsewhere: &[&Observation]) -> Said {
    let mut said = Said::of(format!("no {} was seen{}", rule.name, at(rule)));
    if !elsewhere.is_empty() {
        said.push("it was seen elsewhere:".into());
        packets(&mut said, observations, &elsewhere[..1]);
        said.push(way(rule, elsewhere[0], elsewhere));
        return said;
    }
    // Messages, not frames, which are seen wherever they pass.
    let mut messages = BTreeSet::new();
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for observation in &observations.all {
        if !messages.insert(&observation.message)
            || observation.frame.purpose() != Purpose::Exchange
        {
            continue;
        }
        let summary = observation.frame.summary();
        let kind = format!("{} {}", summary.protocol.title, summary.label);
        match kinds.iter_mut().find(|(name, _)| *name == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let more = kinds.len().saturating_sub(8);
    let mut kinds: Vec<String> =
        kinds.into_iter().take(8).map(|(kind, count)| format!("{count} {kind}")).collect();
    if more > 0 {
        kinds.push(format!("{more} other kinds"));
    }
    said.push(if kinds.is_empty() {
        "seen instead: nothing".into()
    } else {
        format!("seen instead: {}", kinds.join(", "))
    });
    said
}

/// A packet where it was not to be.
pub(crate) fn not_avoided(
    observations: &Observations,
    rule: &Rule,
    there: &[&Observation],
    seen: &[&Observation],
) -> Said {
    let mut said = Said::of(format!(
        "{} must avoid {}, but was there:",
        rule.name,
        locations(&rule.avoids, " and ")
    ));
    packets(&mut said, observations, there);
    said.push(way(rule, there[0], seen));
    said
}

/// A message that did not go the whole way.
pub(crate) fn not_crossed(
    observations: &Observations,
    rule: &Rule,
    got: (usize, bool),
    all: &[&Observation],
) -> Said {
    let missed = match (got, rule.crosses.len()) {
        ((index, true), _) => format!("one got no further than {}", rule.crosses[index]),
        (_, 1) => "one did not".to_string(),
        ((0, _), _) => format!("one did not come from {}", rule.crosses[0]),
        ((index, _), _) => {
            format!("one did not get from {} to {}", rule.crosses[index - 1], rule.crosses[index])
        }
    };
    let mut said = Said::of(format!(
        "{} must cross {}, but {missed}:",
        rule.name,
        locations(&rule.crosses, " → ")
    ));
    packets(&mut said, observations, &all[..1]);
    said.push(way(rule, all[0], all));
    said
}

fn times(count: u64) -> String {
    if count == 1 { "once".into() } else { format!("{count} times") }
}

/// A packet that came too often.
pub(crate) fn too_often(
    observations: &Observations,
    rule: &Rule,
    most: u64,
    asked: u64,
    all: &[&Observation],
) -> Said {
    let asked =
        if asked > 1 { format!(" (the client asked {})", times(asked)) } else { String::new() };
    let place = interface_name(&all[0].packet.interface);
    let mut said = Said::of(format!(
        "{} must be seen at most {}, but was {} at {place}{asked}:",
        rule.name,
        times(most),
        times(all.len() as u64)
    ));
    all.iter().take(SHOWN).for_each(|one| packet(&mut said, observations, one));
    said
}

/// A packet that holds something else.
pub(crate) fn wrong_field(
    observations: &Observations,
    rule: &Rule,
    check: &FieldCheck,
    found: Option<Value>,
    wrong: &[&Observation],
) -> Said {
    let (field, wanted) = (check.field, check.wanted());
    let found = found.map_or(format!("one has no {field}"), |found| format!("it is {found}"));
    let mut said =
        Said::of(format!("{}{}: {field} must be {wanted}, but {found}:", rule.name, at(rule)));
    packets(&mut said, observations, wrong);
    said
}

/// Packets that came too often or too seldom in `place`, or in any place.
pub(crate) fn miscounted(
    observations: &Observations,
    rule: &Rule,
    place: Option<&Location>,
    number: u64,
    looked: &[&Observation],
) -> Said {
    let wanted = match rule.count {
        Some((least, Some(most))) if least == most => times(least),
        Some((least, Some(most))) => format!("{least} to {most} times"),
        Some((least, None)) => format!("at least {}", times(least)),
        None => String::new(),
    };
    let place = place.map(|place| format!(" at {place}")).unwrap_or_default();
    let mut said = Said::of(format!(
        "{} must be seen {wanted}{place} in one direction, but was {}:",
        rule.name,
        times(number)
    ));
    looked.iter().take(SHOWN).for_each(|one| packet(&mut said, observations, one));
    said
}

/// A place at which too many or too few of `all` the packets came.
pub(crate) fn wrong_share(
    rule: &Rule,
    place: &Location,
    (least, most): (u64, u64),
    number: u64,
    all: u64,
) -> String {
    let per_cent = (number * 100).checked_div(all).unwrap_or_default();
    format!(
        "{}: {least} to {most} per cent must be seen at {place}, but were {per_cent} per cent ({number} of {all})",
        rule.name
    )
}

/// Packets of which none holds all that one must hold.
pub(crate) fn none_such(observations: &Observations, rule: &Rule, looked: &[&Observation]) -> Said {
    let wanted: Vec<String> =
        rule.fields.iter().map(|check| format!("{} {}", check.field, check.wanted())).collect();
    let mut said = Said::of(format!(
        "one {}{} must have {}, but none has:",
        rule.name,
        at(rule),
        wanted.join(" and ")
    ));
    packets(&mut said, observations, looked);
    said
}

/// ` at v-br-lb`, if the rule says where.
fn at(rule: &Rule) -> String {
    if rule.at.is_empty() { String::new() } else { format!(" at {}", locations(&rule.at, " or ")) }
}

fn locations(locations: &[Location], glue: &str) -> String {
    locations.iter().map(Location::to_string).collect::<Vec<_>>().join(glue)
}

/// The first of these packets, one a line. The next hop tells nothing new unless it changes something.
fn packets(said: &mut Said, observations: &Observations, all: &[&Observation]) {
    let mut different: Vec<&Observation> = Vec::new();
    for observation in all {
        let same = |other: &&Observation| {
            other.message == observation.message
                && other.frame.summary() == observation.frame.summary()
        };
        if !different.iter().any(same) {
            different.push(observation);
        }
    }
    different.iter().take(SHOWN).for_each(|one| packet(said, observations, one));
    if different.len() > SHOWN {
        said.push(format!("  … and {} more", different.len() - SHOWN));
    }
}

/// A packet with its time, as in the ladder.
fn packet(said: &mut Said, observations: &Observations, observation: &Observation) {
    let Summary { label, detail, source, destination, .. } = observation.frame.summary();
    let time = time(observation.packet.time.saturating_sub(observations.began) / 1000);
    let line = format!(
        "  {}  {}  {label} {detail}  {source} → {destination}",
        time.trim(),
        hop(observations, observation)
    );
    said.push_about(line, observation);
}

/// From which node to which, and where that was seen. What a node has sent may have reached
/// several.
fn hop(observations: &Observations, observation: &Observation) -> String {
    let place = interface_name(&observation.packet.interface);
    let Some(passage) = observation.passage else { return place };
    let same: Vec<&Observation> =
        observations.all.iter().filter(|other| other.message == observation.message).collect();
    let here = same.iter().position(|other| std::ptr::eq(*other, observation)).unwrap_or_default();
    let (before, after) = same.split_at(here + 1);
    let (from, to) = if passage.enters {
        let from = before.iter().filter_map(|other| other.passage).rfind(|passage| !passage.enters);
        (from.map_or("?", |from| from.node), passage.node.to_string())
    } else {
        let entered =
            after.iter().filter_map(|other| other.passage).take_while(|passage| passage.enters);
        let mut to: Vec<&str> = entered.map(|passage| passage.node).collect();
        to.dedup();
        (passage.node, if to.is_empty() { "?".into() } else { to.join(" and ") })
    };
    format!("{from} → {to} ({place})")
}

/// The way of the message in `one`: by its interfaces if the rule speaks of any, else by its nodes.
fn way(rule: &Rule, one: &Observation, seen: &[&Observation]) -> String {
    let by_node = [&rule.at, &rule.crosses, &rule.avoids]
        .into_iter()
        .flatten()
        .all(|location| matches!(location, Location::Node(_)));
    let mut hops: Vec<(String, Vec<String>)> = Vec::new();
    for observation in seen.iter().filter(|observation| observation.message == one.message) {
        let Some(passage) = observation.passage else { continue };
        let name = if by_node {
            passage.node.to_string()
        } else {
            interface_name(&observation.packet.interface)
        };
        match hops.last_mut() {
            _ if !passage.enters => hops.push((name, Vec::new())),
            None => hops.push(("?".into(), vec![name])),
            Some((_, to)) if to.contains(&name) => {}
            Some((_, to)) => to.push(name),
        }
    }
    let mut text = String::new();
    for (index, (from, to)) in hops.iter().enumerate() {
        // The same way once more tells nothing new.
        if hops[..index].contains(&hops[index]) {
            continue;
        }
        let on = index > 0 && hops[index - 1].1 == [from.clone()];
        text.push_str(&match index {
            _ if on => String::new(),
            0 => from.clone(),
            _ => format!(", {from}"),
        });
        text.push_str(&format!(
            " → {}",
            if to.is_empty() { "?".to_string() } else { to.join(" and ") }
        ));
    }
    format!("  its way: {text}")
}
