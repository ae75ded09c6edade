//! What a test's capture shows of a lab: which frame was seen where, and what it did there.

use crate::packet::capture::{Capture, Packet};
use crate::packet::frame::Frame;
use crate::packet::protocol::Identity;
use crate::topology::model::Topology;
use crate::topology::places::{Location, Passage, Places};

/// A frame where it was seen.
#[derive(Debug)]
pub struct Observation<'a> {
    /// Its number in the capture.
    pub number: usize,
    /// The frame and its place.
    pub packet: &'a Packet,
    /// It, taken apart.
    pub frame: Frame<'a>,
    /// The node that it enters or leaves.
    pub passage: Option<Passage<'a>>,
    /// Which message it carries.
    pub message: Identity,
}

/// The observations of a test.
#[derive(Debug)]
pub struct Observations<'a> {
    /// In the order of their times.
    pub all: Vec<Observation<'a>>,
    /// What times are counted from, in nanoseconds.
    pub began: u64,
    places: Places<'a>,
}

impl<'a> Observations<'a> {
    /// What `capture` tells of a lab.
    pub fn of(topology: &'a Topology, capture: &'a Capture) -> Observations<'a> {
        let places = Places::of(topology);
        let observation = |(number, packet): (usize, &'a Packet)| {
            let frame = Frame::of(&packet.data);
            Observation {
                number,
                passage: places.passage(packet),
                message: frame.identity(),
                packet,
                frame,
            }
        };
        let mut all: Vec<Observation> =
            capture.packets.iter().enumerate().map(observation).collect();
        all.sort_by_key(|observation| observation.packet.time);
        Observations { began: capture.began(), all, places }
    }

    /// Whether `observation` is at one of `locations`.
    pub fn is_at(&self, observation: &Observation, locations: &[Location]) -> bool {
        locations.iter().any(|location| self.places.is_at(&observation.packet.interface, location))
    }
}
