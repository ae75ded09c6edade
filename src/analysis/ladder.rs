//! The exchange of a test as a ladder: a column a node, a row a message.
//!
//! A capture has sightings of frames, a ladder has messages: what a node sends to a bridge is seen
//! at its own port and at the port of every node that it reaches, and inside these nodes once more
//! if they were captured, too. All sightings of the same bytes in the same network that belong to
//! one sending are one row.

pub use super::messages::Packets;
use crate::analysis::messages::Message;
use crate::packet::bytes::hex;
use crate::packet::capture::{Capture, InterfaceId};
use crate::topology::index::Plugged;
use crate::topology::model::{GLOBAL, Topology};
use serde::{Deserialize, Serialize};
use std::collections::{HashMap, HashSet};
use std::ops::Range;

/// A ladder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    /// The nodes, left to right.
    pub nodes: Vec<String>,
    /// The messages, first to last.
    pub rows: Vec<Row>,
    /// How many messages were left out to keep it readable.
    pub left_out: usize,
    /// How many rows are missing in the middle, because nobody would see them.
    #[serde(default, skip_serializing_if = "is_none")]
    pub hidden: usize,
}

fn is_none(hidden: &usize) -> bool {
    *hidden == 0
}

/// How much of a ladder is drawn. What a test failed at is mostly among its last messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// So many of the first rows, if there are more rows than both together.
    pub(super) first: usize,
    /// So many of the last.
    pub(super) last: usize,
}

impl Extent {
    /// For programs.
    pub const ALL: Extent = Extent { first: usize::MAX / 2, last: 0 };
    /// For who asks for it: nobody reads more.
    pub const LONG: Extent = Extent { first: 40, last: 20 };
    /// Below a failure, where nobody has asked.
    pub const SHORT: Extent = Extent { first: 10, last: 20 };

    /// Those of `rows` in the middle that are too many to draw.
    pub fn hidden(self, rows: usize) -> Range<usize> {
        if rows > self.first + self.last { self.first..rows - self.last } else { 0..0 }
    }
}

/// A message on its way from one node to its neighbours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Microseconds since the first message.
    pub at: u64,
    /// Index of the node that sent it.
    pub from: usize,
    /// Indices of the nodes that it reached, more than one for a broadcast, none if it was lost.
    pub to: Vec<usize>,
    /// What it is: `DISCOVER`.
    pub label: String,
    /// What else matters of it: `xid 1f2e3d4c, giaddr 192.168.100.1`.
    pub detail: String,
    /// The packets of the capture that are sightings of it, by their numbers, the first first.
    #[serde(skip)]
    pub packets: Vec<usize>,
}

/// Where an interface is plugged in.
#[derive(Clone, Copy)]
pub(super) struct Site {
    /// Index of the node that the interface belongs to, or that the port leads to.
    pub(super) node: usize,
    /// The network it is in.
    pub(super) net: usize,
    /// What tells it from all other interfaces.
    pub(super) place: usize,
    /// Whether it is the bridge's end of the cable, which sends what the node gets.
    pub(super) port: bool,
}

/// The lab as frames see it.
pub(super) struct Sites {
    pub(super) names: Vec<String>,
    pub(super) sites: HashMap<InterfaceId, Site>,
    /// Node by network and hardware address.
    macs: HashMap<(usize, String), usize>,
    /// The nodes at both ends of networks that are cables.
    cables: HashMap<usize, [usize; 2]>,
    /// The networks where the lab's own namespace listens, too.
    own: Vec<usize>,
}

impl Ladder {
    /// The ladder of what `capture` has seen in `lab`. Address resolution and the like are left out
    /// unless there is nothing else; what a kernel says of its own accord, and when it likes,
    /// always is.
    pub fn of(lab: &Topology, capture: &Capture) -> Ladder {
        let mut packets = Packets::new(lab, capture.began(), Extent::ALL);
        capture.packets.iter().for_each(|packet| packets.add(packet));
        packets.ladder()
    }

    /// Which of its rows `extent` hides, and how many are missing there altogether.
    pub(crate) fn gap(&self, extent: Extent) -> (Range<usize>, usize) {
        if self.hidden > 0 {
            return (extent.first..extent.first, self.hidden);
        }
        let hidden = extent.hidden(self.rows.len());
        (hidden.clone(), hidden.len())
    }

    /// Whether all its rows lead from one of its nodes to others; one that was read may do
    /// anything.
    pub fn is_sound(&self) -> bool {
        self.rows
            .iter()
            .all(|row| row.to.iter().chain([&row.from]).all(|node| *node < self.nodes.len()))
    }
}

/// All places of `lab` where frames can be seen.
pub fn places(lab: &Topology) -> HashSet<InterfaceId> {
    Sites::of(lab).sites.into_keys().collect()
}

impl Sites {
    pub(super) fn of(lab: &Topology) -> Sites {
        let mut names: Vec<String> = lab.nodes.iter().map(|n| n.name.clone()).collect();
        let global = names.iter().position(|n| n == GLOBAL).unwrap_or(names.len());
        if global == names.len() {
            names.push(GLOBAL.into());
        }
        let wiring = lab.wiring();
        let ends = |ends: &[usize; 2]| ends.map(|end| wiring.links[end].node);
        let mut sites = Sites {
            sites: HashMap::new(),
            macs: wiring.links.iter().map(|l| ((l.net, l.link.mac.clone()), l.node)).collect(),
            cables: wiring.cables.iter().map(|c| (wiring.links[c[0]].net, ends(c))).collect(),
            own: lab.own_bridges().map(|(net, _)| net).collect(),
            names,
        };
        for (net, bridge) in lab.own_bridges() {
            sites.add(GLOBAL, &bridge.name, global, net, false);
        }
        for Plugged { node, link, net, port } in wiring.links.iter().copied() {
            if let Some(port) = port {
                sites.add(GLOBAL, port, node, net, true);
            }
            sites.add(&lab.nodes[node].name, &link.name, node, net, false);
        }
        sites
    }

    /// Adds the interface `link` of the node `name`, which is plugged into `net`.
    fn add(&mut self, name: &str, link: &str, node: usize, net: usize, port: bool) {
        let place = self.sites.len();
        let interface = InterfaceId { node: name.into(), link: link.into() };
        self.sites.insert(interface, Site { node, net, place, port });
    }

    /// Who must have sent a frame that was only seen to arrive.
    pub(super) fn sender(&self, site: &Site, data: &[u8]) -> Option<usize> {
        if let Some(ends) = self.cables.get(&site.net) {
            return ends.iter().copied().find(|node| *node != site.node);
        }
        let known = self.macs.get(&(site.net, hex(data.get(6..12)?))).copied();
        known.or_else(|| {
            self.own.contains(&site.net).then_some(self.names.iter().position(|n| n == GLOBAL)?)
        })
    }

    /// Whom a frame has reached that nobody was seen to get: the other end of a cable, or the lab's
    /// own namespace, if it has an address on the bridge.
    pub(super) fn unseen(&self, message: &Message) -> Option<usize> {
        if let Some(ends) = self.cables.get(&message.net) {
            return ends.iter().copied().find(|node| *node != message.from);
        }
        let for_other = message
            .data
            .get(0..6)
            .is_some_and(|mac| self.macs.contains_key(&(message.net, hex(mac))));
        let global = self.names.iter().position(|n| n == GLOBAL)?;
        (self.own.contains(&message.net) && message.from != global && !for_other).then_some(global)
    }
}
