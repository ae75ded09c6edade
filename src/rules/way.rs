//! The ways of a message that was sent more than once: by a client that asks again, or by a server that
//! answers both directly and through a relay agent.

use crate::packet::capture::Place;
use crate::rules::path::Sighting;
use std::collections::{HashMap, VecDeque};

/// The `sightings` of one message, in the order of their times, by the sending that they come from.
///
/// On a link a frame stays as it is, so where it enters a node it belongs to the frame like it that has
/// left another one. Behind a node it goes on in the order in which it came. Where not every node is
/// looked into, what is under way goes on first.
pub fn ways<'s, 'a>(sightings: &[&'s Sighting<'a>]) -> Vec<Vec<&'s Sighting<'a>>> {
    let mut ways: Vec<Vec<&Sighting>> = Vec::new();
    let mut entered: HashMap<&str, Entered> = HashMap::new();
    // What has left a node, by which way, and where it has arrived.
    let mut left: Vec<(&Sighting, usize, Vec<&Place>)> = Vec::new();
    let mut latest = 0;
    for sighting in sightings {
        let Some(passage) = sighting.passage else { continue };
        let way = if passage.enters {
            let place = &sighting.packet.place;
            let same = |(other, _, arrived): &&mut (&Sighting, usize, Vec<&Place>)| {
                other.packet.data == sighting.packet.data && !arrived.contains(&place)
            };
            left.iter_mut().find(same).map_or(latest, |(_, way, arrived)| {
                arrived.push(place);
                *way
            })
        } else if let Some(entered) = entered.get_mut(passage.node) {
            entered.next()
        } else {
            left.iter().find(|(.., arrived)| arrived.is_empty()).map_or(ways.len(), |(_, way, _)| *way)
        };
        if way == ways.len() {
            ways.push(Vec::new());
        }
        ways[way].push(sighting);
        latest = way;
        if passage.enters {
            entered.entry(passage.node).or_default().add(way);
        } else {
            left.push((sighting, way, Vec::new()));
        }
    }
    ways
}

/// The ways that lead into a node.
#[derive(Default)]
struct Entered {
    waiting: VecDeque<usize>,
    last: usize,
}

impl Entered {
    fn add(&mut self, way: usize) {
        self.waiting.push_back(way);
    }

    /// The one that goes on next; a node may also send on more than once what came once.
    fn next(&mut self) -> usize {
        self.last = self.waiting.pop_front().unwrap_or(self.last);
        self.last
    }
}
