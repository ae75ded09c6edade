//! Judging the path rules of a test from its capture.
//!
//! Every frame of the capture is a sighting: at a place, in a direction. A rule looks at the sightings
//! that are of its kind; those of one message, in the order of their times, are the message's way.

use crate::analysis::ladder;
use crate::packet::bpf;
use crate::packet::bpf::Instruction;
use crate::packet::capture::{Capture, Packet, Place};
use crate::packet::frame::Frame;
use crate::packet::message;
use crate::packet::message::Message;
use crate::rules::model::Rule;
use crate::rules::way::ways;
use crate::rules::{filter, told};
use crate::topology::model::Topology;
use crate::topology::places::{Passage, Places, Spot};
use std::collections::{BTreeMap, HashMap};

/// A rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule's line in the lab file.
    pub line: u64,
    /// What was expected, and which packet did what instead.
    pub lines: Vec<String>,
}

/// The compiled filters of a test's rules, by their text.
pub type Filters = HashMap<String, Vec<Instruction>>;

/// A frame where it was seen.
#[derive(Debug)]
pub struct Sighting<'a> {
    /// The frame and its place.
    pub packet: &'a Packet,
    /// It, taken apart.
    pub frame: Frame<'a>,
    /// The node that it enters or leaves.
    pub passage: Option<Passage<'a>>,
    /// What it carries.
    pub message: Message,
}

/// The sightings of a test.
#[derive(Debug)]
pub struct Story<'a> {
    /// In the order of their times.
    pub sightings: Vec<Sighting<'a>>,
    /// What times are counted from, in nanoseconds.
    pub began: u64,
    places: Places<'a>,
}

impl<'a> Story<'a> {
    /// What `capture` tells of `lab`.
    pub fn of(lab: &'a Topology, capture: &'a Capture) -> Story<'a> {
        let places = Places::of(lab);
        let sighting = |packet: &'a Packet| {
            let frame = Frame::of(&packet.data);
            Sighting { passage: places.passage(packet), message: message::message(&frame), packet, frame }
        };
        let mut sightings: Vec<Sighting> = capture.packets.iter().map(sighting).collect();
        sightings.sort_by_key(|sighting| sighting.packet.time);
        Story { began: ladder::began(capture), sightings, places }
    }

    /// Whether `sighting` is at one of `spots`.
    pub fn is_at(&self, sighting: &Sighting, spots: &[Spot]) -> bool {
        spots.iter().any(|spot| self.places.is_at(&sighting.packet.place, spot))
    }
}

/// What of the `rules` of a test does not hold in `capture`, in the file's order. Rules whose filter is
/// not among `filters` are not judged.
///
/// A capture that lacks packets proves nothing that holds, so that is a violation, too.
pub fn judge(topology: &Topology, rules: &[Rule], capture: &Capture, filters: &Filters) -> Vec<Violation> {
    let story = Story::of(topology, capture);
    let mut violations: Vec<Violation> = Vec::new();
    for rule in rules {
        let program = rule.filter.as_ref().map(|filter| filters.get(&filter.value));
        let Ok(program) = program.map_or(Ok(None), |found| found.map(Some).ok_or(())) else { continue };
        let judging = Judging { story: &story, rule, seen: seen(&story, rule, program.map(Vec::as_slice)) };
        violations.extend(judging.violations().into_iter().map(|lines| Violation { line: rule.line, lines }));
    }
    let lacks = capture.lost + capture.left_out;
    if lacks > 0
        && let Some(rule) = rules.first()
    {
        let line = told::lacking(capture);
        match violations.first_mut() {
            Some(violation) => violation.lines.push(line),
            None => violations.push(Violation { line: rule.line, lines: vec![line] }),
        }
    }
    violations
}

/// The sightings that `rule` is about.
fn seen<'s, 'a>(story: &'s Story<'a>, rule: &Rule, program: Option<&[Instruction]>) -> Vec<&'s Sighting<'a>> {
    let is = |sighting: &&Sighting| {
        rule.packet.as_ref().is_none_or(|kind| filter::is(&sighting.frame, kind))
            && program.is_none_or(|program| bpf::accepts(program, &sighting.packet.data, sighting.packet.length))
    };
    // At the loopback interface nothing goes from node to node.
    story.sightings.iter().filter(|sighting| sighting.passage.is_some()).filter(is).collect()
}

/// A rule, and the sightings that it is about.
struct Judging<'r, 's, 'a> {
    story: &'s Story<'a>,
    rule: &'r Rule,
    seen: Vec<&'s Sighting<'a>>,
}

impl<'s, 'a> Judging<'_, 's, 'a> {
    fn violations(&self) -> Vec<Vec<String>> {
        let rule = self.rule;
        let looked: Vec<&Sighting> =
            self.seen.iter().copied().filter(|sighting| rule.at.is_empty() || self.story.is_at(sighting, &rule.at)).collect();
        if rule.at_most == Some(0) {
            return if looked.is_empty() { Vec::new() } else { vec![told::unwanted(self.story, rule, &looked, &self.seen)] };
        }
        let only_avoids = !rule.avoids.is_empty() && rule.crosses.is_empty() && rule.fields.is_empty() && rule.at_most.is_none();
        if looked.is_empty() {
            return if only_avoids { Vec::new() } else { vec![told::unseen(self.story, rule, &self.seen)] };
        }
        let mut violations = Vec::new();
        violations.extend(self.avoids(&looked));
        violations.extend(self.crosses(&looked));
        violations.extend(self.at_most(&looked));
        violations.extend(self.fields(&looked));
        violations
    }

    fn avoids(&self, looked: &[&Sighting]) -> Option<Vec<String>> {
        let there: Vec<&Sighting> = looked.iter().copied().filter(|sighting| self.story.is_at(sighting, &self.rule.avoids)).collect();
        (!there.is_empty()).then(|| told::not_avoided(self.story, self.rule, &there, &self.seen))
    }

    /// Every message must have gone the whole way, and arrived by no other.
    fn crosses(&self, looked: &[&Sighting]) -> Option<Vec<String>> {
        let last = self.rule.crosses.last()?;
        let mut messages: Vec<Vec<&Sighting>> = Vec::new();
        let mut known: HashMap<&Message, usize> = HashMap::new();
        for sighting in looked {
            let index = *known.entry(&sighting.message).or_insert(messages.len());
            if index == messages.len() {
                messages.push(Vec::new());
            }
            messages[index].push(sighting);
        }
        messages.iter().find_map(|all| {
            let ways: Vec<_> = ways(all).into_iter().map(|way| (self.got_to(&way), way)).collect();
            // Of a message that is sent again one may be lost, but none may take a short cut.
            let arrived = |way: &[&Sighting]| way.iter().any(|s| self.story.is_at(s, std::slice::from_ref(last)));
            let whole = ways.iter().any(|(got, _)| got.is_none());
            let wrong = ways.iter().filter(|(_, way)| !whole || arrived(way));
            let (got, way) = wrong.filter_map(|(got, way)| Some(((*got)?, way))).max_by_key(|(got, _)| *got)?;
            Some(told::not_crossed(self.story, self.rule, got, way))
        })
    }

    /// The index of the first of [`Rule::crosses`] that `way` does not cross, and whether it gets into it;
    /// `None` if there is none.
    fn got_to(&self, way: &[&Sighting]) -> Option<(usize, bool)> {
        let last = self.rule.crosses.len() - 1;
        let mut from = 0;
        for (index, spot) in self.rule.crosses.iter().enumerate() {
            // A node is entered and left, but who sends need not be entered, nor who receives be left.
            let passes: &[Option<bool>] = match spot {
                Spot::Node(_) if last == 0 => &[Some(true), Some(false)],
                Spot::Node(_) if index == 0 => &[Some(false)],
                Spot::Node(_) if index == last => &[Some(true)],
                Spot::Node(_) => &[Some(true), Some(false)],
                _ => &[None],
            };
            for (pass, enters) in passes.iter().enumerate() {
                let here = |sighting: &&Sighting| {
                    self.story.is_at(sighting, std::slice::from_ref(spot))
                        && enters.is_none_or(|enters| sighting.passage.is_some_and(|passage| passage.enters == enters))
                };
                // The next may be seen in the same place: a node, and then its port.
                match way[from..].iter().position(here) {
                    Some(found) => from += found,
                    None => return Some((index, pass > 0)),
                }
            }
        }
        None
    }

    /// DHCP is counted for every exchange, and a client that asks again may be answered again.
    fn at_most(&self, looked: &[&Sighting]) -> Option<Vec<String>> {
        let most = self.rule.at_most?;
        let mut counted: BTreeMap<(&Place, bool, Option<_>), Vec<&Sighting>> = BTreeMap::new();
        for sighting in looked {
            let key = (&sighting.packet.place, sighting.packet.sent, message::exchange(&sighting.frame));
            counted.entry(key).or_default().push(sighting);
        }
        let mut over: Vec<_> = counted
            .into_iter()
            .map(|((_, _, exchange), all)| (self.asked(exchange.as_ref()), all))
            .filter(|(asked, all)| all.len() as u64 > most.saturating_mul(*asked))
            .collect();
        // Where it was seen first is where it began to go wrong.
        over.sort_by_key(|(_, all)| all[0].packet.time);
        over.first().map(|(asked, all)| told::too_often(self.story, self.rule, most, *asked, all))
    }

    /// How often a client asked what a message of this exchange and type answers, counted where the
    /// question was seen first; 1 if it answers nothing that was seen.
    fn asked(&self, answer: Option<&(message::Exchange, u8)>) -> u64 {
        let Some((exchange, kind)) = answer else { return 1 };
        let asks = |sighting: &&Sighting| {
            message::exchange(&sighting.frame)
                .is_some_and(|(other, question)| other == *exchange && message::answers(exchange, *kind, question))
        };
        let questions: Vec<&Sighting> = self.story.sightings.iter().filter(|s| s.passage.is_some()).filter(asks).collect();
        let Some(first) = questions.first().map(|question| question.packet) else { return 1 };
        questions.iter().filter(|question| question.packet.place == first.place && question.packet.sent == first.sent).count() as u64
    }

    fn fields(&self, looked: &[&Sighting]) -> Vec<Vec<String>> {
        let mut violations = Vec::new();
        for check in &self.rule.fields {
            let found = |sighting: &Sighting| filter::field(&sighting.frame, check.field);
            let wrong: Vec<&Sighting> =
                looked.iter().copied().filter(|sighting| !found(sighting).is_some_and(|found| filter::holds(check, &found))).collect();
            if let Some(first) = wrong.first() {
                violations.push(told::wrong_field(self.story, self.rule, check, found(first), &wrong));
            }
        }
        violations
    }
}
