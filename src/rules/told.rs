//! What is said of a path rule that does not hold: what was expected, and which packet took which way
//! instead.

use crate::analysis::ladder_text;
use crate::packet::capture::Capture;
use crate::packet::decode;
use crate::rules::filter;
use crate::rules::filter::Found;
use crate::rules::model::{FieldCheck, Rule};
use crate::rules::path::{Sighting, Story};
use crate::topology::places;
use crate::topology::places::Spot;
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
    format!("the capture lacks packets, so nobody can tell whether the path was kept: {}", reasons.join(", "))
}

/// A packet that was not to occur.
pub(crate) fn unwanted(story: &Story, rule: &Rule, looked: &[&Sighting], seen: &[&Sighting]) -> Vec<String> {
    let mut lines = vec![format!("{} must not be seen{}, but was:", rule.name, at(rule))];
    lines.extend(packets(story, looked));
    lines.push(way(rule, looked[0], seen));
    lines
}

/// A packet that did not occur.
pub(crate) fn unseen(story: &Story, rule: &Rule, elsewhere: &[&Sighting]) -> Vec<String> {
    let mut lines = vec![format!("no {} was seen{}", rule.name, at(rule))];
    if !elsewhere.is_empty() {
        lines.push("it was seen elsewhere:".into());
        lines.extend(packets(story, &elsewhere[..1]));
        lines.push(way(rule, elsewhere[0], elsewhere));
        return lines;
    }
    // Messages, not frames, which are seen wherever they pass.
    let mut messages = BTreeSet::new();
    let mut kinds: Vec<(String, usize)> = Vec::new();
    for sighting in &story.sightings {
        let summary = decode::summary(&sighting.packet.data);
        if !messages.insert(&sighting.message) || ["ARP", "ICMPv6"].contains(&summary.protocol.as_str()) {
            continue;
        }
        let kind = format!("{} {}", summary.protocol, summary.label);
        match kinds.iter_mut().find(|(name, _)| *name == kind) {
            Some((_, count)) => *count += 1,
            None => kinds.push((kind, 1)),
        }
    }
    let more = kinds.len().saturating_sub(8);
    let mut kinds: Vec<String> = kinds.into_iter().take(8).map(|(kind, count)| format!("{count} {kind}")).collect();
    if more > 0 {
        kinds.push(format!("{more} other kinds"));
    }
    lines.push(if kinds.is_empty() { "seen instead: nothing".into() } else { format!("seen instead: {}", kinds.join(", ")) });
    lines
}

/// A packet where it was not to be.
pub(crate) fn not_avoided(story: &Story, rule: &Rule, there: &[&Sighting], seen: &[&Sighting]) -> Vec<String> {
    let mut lines = vec![format!("{} must avoid {}, but was there:", rule.name, spots(&rule.avoids, " and "))];
    lines.extend(packets(story, there));
    lines.push(way(rule, there[0], seen));
    lines
}

/// A message that did not go the whole way.
pub(crate) fn not_crossed(story: &Story, rule: &Rule, got: (usize, bool), all: &[&Sighting]) -> Vec<String> {
    let missed = match (got, rule.crosses.len()) {
        ((index, true), _) => format!("one got no further than {}", rule.crosses[index]),
        (_, 1) => "one did not".to_string(),
        ((0, _), _) => format!("one did not come from {}", rule.crosses[0]),
        ((index, _), _) => format!("one did not get from {} to {}", rule.crosses[index - 1], rule.crosses[index]),
    };
    let mut lines = vec![format!("{} must cross {}, but {missed}:", rule.name, spots(&rule.crosses, " → "))];
    lines.extend(packets(story, &all[..1]));
    lines.push(way(rule, all[0], all));
    lines
}

/// A packet that came too often.
pub(crate) fn too_often(story: &Story, rule: &Rule, most: u64, asked: u64, all: &[&Sighting]) -> Vec<String> {
    let times = |count: u64| if count == 1 { "once".to_string() } else { format!("{count} times") };
    let asked = if asked > 1 { format!(" (to a client that asked {})", times(asked)) } else { String::new() };
    let place = places::shown(&all[0].packet.place);
    let mut lines =
        vec![format!("{} must be seen at most {}, but was {} at {place}{asked}:", rule.name, times(most), times(all.len() as u64))];
    lines.extend(all.iter().take(SHOWN).map(|sighting| packet(story, sighting)));
    lines
}

/// A packet that holds something else.
pub(crate) fn wrong_field(story: &Story, rule: &Rule, check: &FieldCheck, found: Option<Found>, wrong: &[&Sighting]) -> Vec<String> {
    let (field, wanted) = (check.field.name(), filter::wanted(check));
    let found = found.map_or(format!("one has no {field}"), |found| format!("it is {found}"));
    let mut lines = vec![format!("{}{}: {field} must be {wanted}, but {found}:", rule.name, at(rule))];
    lines.extend(packets(story, wrong));
    lines
}

/// ` at v-br-lb`, if the rule says where.
fn at(rule: &Rule) -> String {
    if rule.at.is_empty() { String::new() } else { format!(" at {}", spots(&rule.at, " or ")) }
}

fn spots(spots: &[Spot], glue: &str) -> String {
    spots.iter().map(Spot::to_string).collect::<Vec<_>>().join(glue)
}

/// The first of these packets, one a line. The next hop is no news unless it changes something.
fn packets(story: &Story, all: &[&Sighting]) -> Vec<String> {
    let mut different: Vec<&Sighting> = Vec::new();
    for sighting in all {
        let same = |other: &&Sighting| {
            other.message == sighting.message && decode::summary(&other.packet.data) == decode::summary(&sighting.packet.data)
        };
        if !different.iter().any(same) {
            different.push(sighting);
        }
    }
    let mut lines: Vec<String> = different.iter().take(SHOWN).map(|sighting| packet(story, sighting)).collect();
    if different.len() > SHOWN {
        lines.push(format!("  … and {} more", different.len() - SHOWN));
    }
    lines
}

/// A packet with its time, as in the ladder.
fn packet(story: &Story, sighting: &Sighting) -> String {
    let summary = decode::summary(&sighting.packet.data);
    let time = ladder_text::time(sighting.packet.time.saturating_sub(story.began) / 1000);
    let decode::Summary { label, detail, source, destination, .. } = summary;
    format!("  {}  {}  {label} {detail}  {source} → {destination}", time.trim(), hop(story, sighting))
}

/// From which node to which, and where that was seen. What a node has sent may have reached several.
fn hop(story: &Story, sighting: &Sighting) -> String {
    let place = places::shown(&sighting.packet.place);
    let Some(passage) = sighting.passage else { return place };
    let same: Vec<&Sighting> = story.sightings.iter().filter(|other| other.message == sighting.message).collect();
    let here = same.iter().position(|other| std::ptr::eq(*other, sighting)).unwrap_or_default();
    let (before, behind) = same.split_at(here + 1);
    let (from, to) = if passage.enters {
        let from = before.iter().filter_map(|other| other.passage).rfind(|passage| !passage.enters);
        (from.map_or("?", |from| from.node), passage.node.to_string())
    } else {
        let entered = behind.iter().filter_map(|other| other.passage).take_while(|passage| passage.enters);
        let mut to: Vec<&str> = entered.map(|passage| passage.node).collect();
        to.dedup();
        (passage.node, if to.is_empty() { "?".into() } else { to.join(" and ") })
    };
    format!("{from} → {to} ({place})")
}

/// The way of the message in `one`: by its interfaces if the rule speaks of any, else by its nodes.
fn way(rule: &Rule, one: &Sighting, seen: &[&Sighting]) -> String {
    let by_node = [&rule.at, &rule.crosses, &rule.avoids].into_iter().flatten().all(|spot| matches!(spot, Spot::Node(_)));
    let mut hops: Vec<(String, Vec<String>)> = Vec::new();
    for sighting in seen.iter().filter(|sighting| sighting.message == one.message) {
        let Some(passage) = sighting.passage else { continue };
        let name = if by_node { passage.node.to_string() } else { places::shown(&sighting.packet.place) };
        match hops.last_mut() {
            _ if !passage.enters => hops.push((name, Vec::new())),
            None => hops.push(("?".into(), vec![name])),
            Some((_, to)) if to.contains(&name) => {}
            Some((_, to)) => to.push(name),
        }
    }
    let mut text = String::new();
    for (index, (from, to)) in hops.iter().enumerate() {
        // The same way once more is no news.
        if hops[..index].contains(&hops[index]) {
            continue;
        }
        let on = index > 0 && hops[index - 1].1 == [from.clone()];
        text.push_str(&match index {
            _ if on => String::new(),
            0 => from.clone(),
            _ => format!(", {from}"),
        });
        text.push_str(&format!(" → {}", if to.is_empty() { "?".to_string() } else { to.join(" and ") }));
    }
    format!("  its way: {text}")
}
