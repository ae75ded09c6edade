//! Packets as they were seen: the stage between a capture and its judging.

use crate::packet::frame::Frame;
use crate::packet::protocol::Purpose;

/// The node that stands for the lab's own namespace, which every lab has.
pub const GLOBAL: &str = "global";

/// All packets of a test, in the order of their times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Capture {
    /// The packets.
    pub packets: Vec<Packet>,
    /// How many the kernel dropped because nobody took them in time: nothing can be said of those.
    pub lost: u64,
    /// How many were left out because the capture had reached its size.
    pub left_out: u64,
    /// How many frames of bulk data were dropped or left out: only of TCP, UDP and IP nothing can be
    /// said then.
    pub bulk_left_out: u64,
}

impl Capture {
    /// The time that ladders and what is said of packets count from: that of the first packet which
    /// isn't address resolution or the like, unless all are.
    pub fn began(&self) -> u64 {
        let mut began = Began::default();
        self.packets.iter().for_each(|packet| began.add(packet));
        began.time()
    }
}

/// The time that is counted from, of packets that come one by one.
#[derive(Clone, Copy, Debug, Default)]
pub struct Began {
    exchanged: Option<u64>,
    any: Option<u64>,
}

impl Began {
    /// The next packet. Only one that is earlier is looked at.
    pub fn add(&mut self, packet: &Packet) {
        let earlier = |known: Option<u64>| known.is_none_or(|known| packet.time < known);
        if earlier(self.any) {
            self.any = Some(packet.time);
        }
        if earlier(self.exchanged) && Frame::of(&packet.data).purpose() == Purpose::Exchange {
            self.exchanged = Some(packet.time);
        }
    }

    /// That of the first packet that exchanges something, else of the first.
    pub fn time(self) -> u64 {
        self.exchanged.or(self.any).unwrap_or_default()
    }
}

/// One frame, seen in one place. A frame that crosses a bridge is seen at both ports, so twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// Where.
    pub interface: InterfaceId,
    /// Which way it went there.
    pub direction: Direction,
    /// The frame from its Ethernet header on, VLAN tags included.
    pub data: Vec<u8>,
    /// How long it was; `data` may be shorter.
    pub length: u32,
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InterfaceId {
    /// The node it is in; [`GLOBAL`] where the bridges and their ports are.
    pub node: String,
    /// Its name.
    pub link: String,
}

/// Which way a frame goes at an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Direction {
    /// The interface sends it. What a bridge's port sends goes to the node behind it.
    Sent,
    /// The interface receives it.
    Received,
}

impl Direction {
    /// `Sent`, if that is so.
    pub fn of(sent: bool) -> Direction {
        if sent { Direction::Sent } else { Direction::Received }
    }

    /// Whether the interface sends it.
    pub fn is_sent(self) -> bool {
        self == Direction::Sent
    }
}
