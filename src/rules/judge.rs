//! Judging the path rules of a test from its capture.
//!
//! Every frame of the capture is an observation: at a place, in a direction. A rule looks at those
//! that are of its kind; those of one message, in the order of their times, are the message's
//! trace.

use crate::packet::bpf;
use crate::packet::bpf::Instruction;
use crate::packet::capture::{Capture, Direction, InterfaceId};
use crate::packet::protocol::{Exchange, Identity, Value};
use crate::rules::explain;
use crate::rules::kind::Kind;
use crate::rules::model::Rule;
use crate::rules::observations::{Observation, Observations};
use crate::rules::said::Said;
use crate::rules::trace::traces;
use crate::topology::model::Topology;
use crate::topology::places::Location;
use std::collections::{BTreeMap, HashMap};
use std::ops::RangeInclusive;

/// A rule that does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The rule's line in the lab file.
    pub line: u64,
    /// What was expected, and which packet did what instead.
    pub said: Said,
}

/// The compiled filters of a test's rules, by their text.
pub type Filters = HashMap<String, Vec<Instruction>>;

/// Of which times packets are looked at, in nanoseconds since 1970.
pub type Span = RangeInclusive<u64>;

/// All of a capture.
pub const ALWAYS: Span = 0..=u64::MAX;

/// What of the `rules` of a test does not hold in that `span` of `capture`, in the file's order. Rules whose
/// filter is not among `filters` are not judged.
///
/// A capture that lacks packets proves nothing that holds, so that is a violation, too. Where only
/// bulk data is lacking, rules on anything else can be judged.
pub fn judge(
    topology: &Topology,
    rules: &[Rule],
    capture: &Capture,
    filters: &Filters,
    span: &Span,
) -> Vec<Violation> {
    let mut violations = judge_packets(topology, rules, capture, filters, span, Unseen::Violates);
    let lacks = |rule: &&Rule| {
        let bulk = rule.packet.as_ref().is_none_or(Kind::may_be_bulk);
        capture.lost + capture.left_out + if bulk { capture.bulk_left_out } else { 0 } > 0
    };
    if let Some(rule) = rules.iter().find(lacks) {
        let line = explain::lacking(capture);
        match violations.first_mut() {
            Some(violation) => violation.said.push(line),
            None => violations.push(Violation { line: rule.line, said: Said::of(line) }),
        }
    }
    violations
}

/// What the packets did against the `rules` of a test that has failed before its end: what it did not
/// get to says nothing.
pub fn blame(
    topology: &Topology,
    rules: &[Rule],
    capture: &Capture,
    filters: &Filters,
) -> Vec<Violation> {
    judge_packets(topology, rules, capture, filters, &ALWAYS, Unseen::SaysNothing)
}

/// What a rule makes of packets that were not seen at all.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Unseen {
    Violates,
    SaysNothing,
}

fn judge_packets(
    topology: &Topology,
    rules: &[Rule],
    capture: &Capture,
    filters: &Filters,
    span: &Span,
    unseen: Unseen,
) -> Vec<Violation> {
    let mut observations = Observations::of(topology, capture);
    observations.all.retain(|observation| span.contains(&observation.packet.time));
    let mut violations: Vec<Violation> = Vec::new();
    for rule in rules {
        let program = rule.filter.as_ref().map(|filter| filters.get(&filter.value));
        let Ok(program) = program.map_or(Ok(None), |found| found.map(Some).ok_or(())) else {
            continue;
        };
        let judging = Judging {
            observations: &observations,
            rule,
            seen: seen(&observations, rule, program.map(Vec::as_slice)),
            unseen,
        };
        violations.extend(
            judging.violations().into_iter().map(|said| Violation { line: rule.line, said }),
        );
    }
    violations
}

/// The observations that `rule` is about.
fn seen<'s, 'a>(
    observations: &'s Observations<'a>,
    rule: &Rule,
    program: Option<&[Instruction]>,
) -> Vec<&'s Observation<'a>> {
    let is = |observation: &&Observation| {
        rule.packet.as_ref().is_none_or(|kind| kind.is(&observation.frame))
            && program.is_none_or(|program| {
                bpf::accepts(program, &observation.packet.data, observation.packet.length)
            })
    };
    // At the loopback interface nothing goes from node to node.
    observations.all.iter().filter(|observation| observation.passage.is_some()).filter(is).collect()
}

/// A rule, and the observations that it is about.
struct Judging<'r, 's, 'a> {
    observations: &'s Observations<'a>,
    rule: &'r Rule,
    seen: Vec<&'s Observation<'a>>,
    unseen: Unseen,
}

impl<'s, 'a> Judging<'_, 's, 'a> {
    fn violations(&self) -> Vec<Said> {
        let rule = self.rule;
        let looked: Vec<&Observation> = self
            .seen
            .iter()
            .copied()
            .filter(|observation| {
                rule.at.is_empty() || self.observations.is_at(observation, &rule.at)
            })
            .collect();
        if rule.at_most == Some(0) {
            return if looked.is_empty() {
                Vec::new()
            } else {
                vec![explain::unwanted(self.observations, rule, &looked, &self.seen)]
            };
        }
        if looked.is_empty() {
            return if rule.only_forbids() || self.unseen == Unseen::SaysNothing {
                Vec::new()
            } else {
                vec![explain::unseen(self.observations, rule, &self.seen)]
            };
        }
        let mut violations = Vec::new();
        violations.extend(self.avoids(&looked));
        violations.extend(self.crosses(&looked));
        violations.extend(self.at_most(&looked));
        if self.unseen == Unseen::Violates {
            violations.extend(self.count(&looked));
            violations.extend(self.share(&looked));
        }
        violations.extend(self.fields(&looked));
        violations
    }

    fn avoids(&self, looked: &[&Observation]) -> Option<Said> {
        let there: Vec<&Observation> = looked
            .iter()
            .copied()
            .filter(|observation| self.observations.is_at(observation, &self.rule.avoids))
            .collect();
        (!there.is_empty())
            .then(|| explain::not_avoided(self.observations, self.rule, &there, &self.seen))
    }

    /// Every message must have gone the whole way, and arrived by no other.
    fn crosses(&self, looked: &[&Observation]) -> Option<Said> {
        let last = self.rule.crosses.last()?;
        let mut messages: Vec<Vec<&Observation>> = Vec::new();
        let mut known: HashMap<&Identity, usize> = HashMap::new();
        for observation in looked {
            let index = *known.entry(&observation.message).or_insert(messages.len());
            if index == messages.len() {
                messages.push(Vec::new());
            }
            messages[index].push(observation);
        }
        messages.iter().find_map(|all| {
            let traces: Vec<_> =
                traces(all).into_iter().map(|trace| (self.got_to(&trace), trace)).collect();
            // Of a message that is sent again one may be lost, but none may take a short cut. What
            // also comes with one that went the whole way is no short cut but a broadcast.
            let arrivals = |trace: &[&Observation]| -> Vec<(InterfaceId, Option<Value>)> {
                let last = std::slice::from_ref(last);
                let there = trace.iter().filter(|seen| self.observations.is_at(seen, last));
                there
                    .map(|seen| (seen.packet.interface.clone(), seen.frame.field("source-mac")))
                    .collect()
            };
            let whole: Vec<_> = traces.iter().filter(|(got, _)| got.is_none()).collect();
            let proper: Vec<_> = whole.iter().flat_map(|(_, trace)| arrivals(trace)).collect();
            let short = |trace: &[&Observation]| {
                arrivals(trace).iter().any(|arrival| !proper.contains(arrival))
            };
            let wrong = traces.iter().filter(|(_, trace)| whole.is_empty() || short(trace));
            let (got, trace) = wrong
                .filter_map(|(got, trace)| Some(((*got)?, trace)))
                .max_by_key(|(got, _)| *got)?;
            Some(explain::not_crossed(self.observations, self.rule, got, trace))
        })
    }

    /// The index of the first of [`Rule::crosses`] that `trace` does not cross, and whether it gets
    /// into it; `None` if there is none.
    fn got_to(&self, trace: &[&Observation]) -> Option<(usize, bool)> {
        let last = self.rule.crosses.len() - 1;
        let mut from = 0;
        for (index, location) in self.rule.crosses.iter().enumerate() {
            // A node is entered and left, but who sends need not be entered, nor who receives be
            // left.
            let passes: &[Option<bool>] = match location {
                Location::Node(_) if last == 0 => &[Some(true), Some(false)],
                Location::Node(_) if index == 0 => &[Some(false)],
                Location::Node(_) if index == last => &[Some(true)],
                Location::Node(_) => &[Some(true), Some(false)],
                _ => &[None],
            };
            for (pass, enters) in passes.iter().enumerate() {
                let here = |observation: &&Observation| {
                    self.observations.is_at(observation, std::slice::from_ref(location))
                        && enters.is_none_or(|enters| {
                            observation.passage.is_some_and(|passage| passage.enters == enters)
                        })
                };
                // The next may be seen in the same place: a node, and then its port.
                match trace[from..].iter().position(here) {
                    Some(found) => from += found,
                    None => return Some((index, pass > 0)),
                }
            }
        }
        None
    }

    /// Exchanges are counted each for itself, and a client that asks again may be answered again.
    /// So may its question be sent on again, but it must not ask more often itself.
    fn at_most(&self, looked: &[&Observation]) -> Option<Said> {
        let most = self.rule.at_most?;
        let mut counted: BTreeMap<(&InterfaceId, Direction, Option<Exchange>), Vec<&Observation>> =
            BTreeMap::new();
        for observation in looked {
            let (interface, direction) = place(observation);
            let key = (interface, direction, observation.frame.exchange());
            counted.entry(key).or_default().push(observation);
        }
        let over: Vec<_> = counted
            .into_iter()
            .map(|((_, _, exchange), all)| (self.asked(exchange.as_ref(), all[0]), all))
            .filter(|(asked, all)| all.len() as u64 > most.saturating_mul(*asked))
            .collect();
        // Where it was seen first is where it began to go wrong: of what was seen at one time, that is
        // where the capture has it first.
        let first = |one: &&Observation| over.iter().find(|(_, all)| std::ptr::eq(all[0], *one));
        looked
            .iter()
            .find_map(first)
            .map(|(asked, all)| explain::too_often(self.observations, self.rule, most, *asked, all))
    }

    /// How many are seen at `place`, at the interface and in the direction that most are.
    fn number(&self, looked: &[&Observation], at: Option<&Location>) -> u64 {
        let mut counted: BTreeMap<(&InterfaceId, Direction), u64> = BTreeMap::new();
        for observation in looked {
            if at.is_none_or(|at| self.observations.is_at(observation, std::slice::from_ref(at))) {
                *counted.entry(place(observation)).or_default() += 1;
            }
        }
        counted.into_values().max().unwrap_or_default()
    }

    fn count(&self, looked: &[&Observation]) -> Vec<Said> {
        let Some((least, most)) = self.rule.count else { return Vec::new() };
        let everywhere = self.rule.at.is_empty().then_some(None);
        let places = everywhere.into_iter().chain(self.rule.at.iter().map(Some));
        let counted = places.map(|place| (place, self.number(looked, place)));
        counted
            .filter(|(_, number)| *number < least || most.is_some_and(|most| *number > most))
            .map(|(place, number)| {
                explain::miscounted(self.observations, self.rule, place, number, looked)
            })
            .collect()
    }

    fn share(&self, looked: &[&Observation]) -> Vec<Said> {
        let share = &self.rule.share;
        let numbers: Vec<u64> =
            share.iter().map(|(place, _)| self.number(looked, Some(place))).collect();
        let all: u64 = numbers.iter().sum();
        let wrong = |(_, (least, most)): &(Location, (u64, u64)), number: u64| {
            all == 0 || number * 100 < least * all || number * 100 > most * all
        };
        share
            .iter()
            .zip(numbers)
            .filter(|(wanted, number)| wrong(wanted, *number))
            .map(|((place, range), number)| {
                Said::of(explain::wrong_share(self.rule, place, *range, number, all))
            })
            .collect()
    }

    /// How often a client asked what `message` answers or sends on, counted where the question was
    /// seen first; 1 if it answers nothing that was seen, and where `here`, which is such a message,
    /// is what the client sent.
    fn asked(&self, message: Option<&Exchange>, here: &Observation) -> u64 {
        let Some(message) = message else { return 1 };
        let asks = |observation: &&Observation| {
            let same = |question: Exchange| match message.is_answer() {
                true => message.answers(&question),
                false => *message == question,
            };
            observation.passage.is_some() && observation.frame.exchange().is_some_and(same)
        };
        let questions: Vec<_> = self.observations.all.iter().filter(asks).map(place).collect();
        match questions.first() {
            Some(first) if message.is_answer() || *first != place(here) => {
                questions.iter().filter(|question| *question == first).count() as u64
            }
            _ => 1,
        }
    }

    fn fields(&self, looked: &[&Observation]) -> Vec<Said> {
        let mut violations = Vec::new();
        if self.rule.some {
            let holds = |observation: &&Observation| {
                self.rule.fields.iter().all(|check| {
                    observation.frame.field(check.field).is_some_and(|found| check.holds(&found))
                })
            };
            if self.unseen == Unseen::Violates && !looked.iter().any(holds) {
                violations.push(explain::none_such(self.observations, self.rule, looked));
            }
            return violations;
        }
        for check in &self.rule.fields {
            let found = |observation: &Observation| observation.frame.field(check.field);
            let wrong: Vec<&Observation> = looked
                .iter()
                .copied()
                .filter(|observation| !found(observation).is_some_and(|found| check.holds(&found)))
                .collect();
            if let Some(first) = wrong.first() {
                violations.push(explain::wrong_field(
                    self.observations,
                    self.rule,
                    check,
                    found(first),
                    &wrong,
                ));
            }
        }
        violations
    }
}

/// Where a packet was seen, and which way it went there.
fn place<'s>(observation: &'s Observation) -> (&'s InterfaceId, Direction) {
    (&observation.packet.interface, observation.packet.direction)
}
