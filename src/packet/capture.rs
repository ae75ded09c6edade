//! Packets as they were seen: the stage between a capture and its judging.

/// The lab's own namespace, which every lab has and in which its bridges are.
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
}

/// One frame, seen in one place. A frame that crosses a bridge is seen at both ports, so twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Packet {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// Where.
    pub place: Place,
    /// Whether the interface sent it. What a bridge's port sends goes to the node behind it.
    pub sent: bool,
    /// The frame from its Ethernet header on, VLAN tags included.
    pub data: Vec<u8>,
    /// How long it was; `data` may be shorter.
    pub length: u32,
}

/// An interface.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// The node it is in; `global` for the lab's own namespace, where the bridges and their ports are.
    pub node: String,
    /// Its name.
    pub link: String,
}
