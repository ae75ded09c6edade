//! The traces of a message that was sent more than once: by a client that asks again, or by a
//! server that answers both directly and through a relay agent.

use crate::packet::capture::InterfaceId;
use crate::rules::observations::Observation;
use std::collections::{HashMap, VecDeque};

/// The `observations` of one message, in the order of their times, by the sending that they come
/// from.
///
/// On a link a frame stays as it is, so where it enters a node it belongs to the frame like it that
/// has left another one. Behind a node it goes on in the order in which it came. Where not every
/// node is looked into, what is under way goes on first.
pub fn traces<'s, 'a>(observations: &[&'s Observation<'a>]) -> Vec<Vec<&'s Observation<'a>>> {
    let mut traces: Vec<Vec<&Observation>> = Vec::new();
    let mut entered: HashMap<&str, Entered> = HashMap::new();
    // What has left a node, in which trace, and where it has arrived.
    let mut left: Vec<(&Observation, usize, Vec<&InterfaceId>)> = Vec::new();
    let mut latest = 0;
    for observation in observations {
        let Some(passage) = observation.passage else { continue };
        let trace = if passage.enters {
            let place = &observation.packet.interface;
            let same = |(other, _, arrived): &&mut (&Observation, usize, Vec<&InterfaceId>)| {
                other.packet.data == observation.packet.data && !arrived.contains(&place)
            };
            left.iter_mut().find(same).map_or(latest, |(_, trace, arrived)| {
                arrived.push(place);
                *trace
            })
        } else if let Some(entered) = entered.get_mut(passage.node) {
            entered.next()
        } else {
            left.iter()
                .find(|(.., arrived)| arrived.is_empty())
                .map_or(traces.len(), |(_, trace, _)| *trace)
        };
        if trace == traces.len() {
            traces.push(Vec::new());
        }
        traces[trace].push(observation);
        latest = trace;
        if passage.enters {
            entered.entry(passage.node).or_default().add(trace);
        } else {
            left.push((observation, trace, Vec::new()));
        }
    }
    traces
}

/// The traces that lead into a node.
#[derive(Default)]
struct Entered {
    waiting: VecDeque<usize>,
    last: usize,
}

impl Entered {
    fn add(&mut self, trace: usize) {
        self.waiting.push_back(trace);
    }

    /// The one that goes on next; a node may also send on more than once what came once.
    fn next(&mut self) -> usize {
        self.last = self.waiting.pop_front().unwrap_or(self.last);
        self.last
    }
}
