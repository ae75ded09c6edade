//! The exchange of a test as a ladder: a column a node, a row a message.
//!
//! A capture has sightings of frames, a ladder has messages: what a node sends to a bridge is seen
//! at its own port and at the port of every node that it reaches, and inside these nodes once more
//! if they were captured, too. All sightings of the same bytes in the same network that belong to
//! one sending are one row.

use crate::packet::bytes::hex;
use crate::packet::capture::{Capture, InterfaceId, Packet};
use crate::packet::frame::Frame;
use crate::packet::protocol::Purpose;
use crate::packet::summary::Summary;
use crate::text::plain;
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
}

/// How much of a ladder is drawn. What a test failed at is mostly among its last messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// So many of the first rows, if there are more rows than both together.
    first: usize,
    /// So many of the last.
    last: usize,
}

impl Extent {
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
}

/// Two sightings of the same bytes that are further apart, in nanoseconds, are two messages. Within
/// a lab a frame needs microseconds; nobody repeats one that soon.
const TOGETHER: u64 = 50_000_000;

/// Where an interface is plugged in.
#[derive(Clone, Copy)]
struct Site {
    /// Index of the node that the interface belongs to, or that the port leads to.
    node: usize,
    /// The network it is in.
    net: usize,
    /// Whether it is the bridge's end of the cable, which sends what the node gets.
    port: bool,
}

/// A message in the making.
struct Message<'a> {
    time: u64,
    net: usize,
    from: usize,
    to: Vec<usize>,
    places: Vec<&'a InterfaceId>,
    data: &'a [u8],
}

/// The lab as frames see it.
struct Sites {
    names: Vec<String>,
    sites: HashMap<InterfaceId, Site>,
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
        let sites = Sites::of(lab);
        let messages = sites.messages(&capture.packets);
        let all = messages.len();
        let (noise, mut kept): (Vec<Message>, Vec<Message>) =
            messages.into_iter().partition(|m| purpose(m) != Purpose::Exchange);
        if kept.is_empty() {
            kept = noise.into_iter().filter(|m| purpose(m) != Purpose::Housekeeping).collect();
        }
        let mut nodes: Vec<usize> =
            kept.iter().flat_map(|m| m.to.iter().copied().chain([m.from])).collect();
        nodes.sort_unstable();
        nodes.dedup();
        let column = |node: &usize| nodes.binary_search(node).expect("just collected");
        let begin = capture.began();
        let row = |m: &Message| {
            let (label, detail) = Summary::of(m.data).arrow();
            let mut to: Vec<usize> = m.to.iter().map(column).collect();
            to.sort_unstable();
            Row {
                at: m.time.saturating_sub(begin) / 1000,
                from: column(&m.from),
                to,
                label: plain(&label),
                detail: plain(detail.trim()),
            }
        };
        Ladder {
            left_out: all - kept.len(),
            rows: kept.iter().map(row).collect(),
            nodes: nodes.iter().map(|node| plain(&sites.names[*node])).collect(),
        }
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
    fn of(lab: &Topology) -> Sites {
        let mut names: Vec<String> = lab.nodes.iter().map(|n| n.name.clone()).collect();
        let global = names.iter().position(|n| n == GLOBAL).unwrap_or(names.len());
        if global == names.len() {
            names.push(GLOBAL.into());
        }
        let wiring = lab.wiring();
        let place = |node: &str, link: &str| InterfaceId { node: node.into(), link: link.into() };
        let mut sites = HashMap::new();
        for (net, bridge) in lab.own_bridges() {
            sites.insert(place(GLOBAL, &bridge.name), Site { node: global, net, port: false });
        }
        for Plugged { node, link, net, port } in wiring.links.iter().copied() {
            if let Some(port) = port {
                sites.insert(place(GLOBAL, port), Site { node, net, port: true });
            }
            sites.insert(place(&names[node], &link.name), Site { node, net, port: false });
        }
        let ends = |ends: &[usize; 2]| ends.map(|end| wiring.links[end].node);
        Sites {
            sites,
            macs: wiring.links.iter().map(|l| ((l.net, l.link.mac.clone()), l.node)).collect(),
            cables: wiring.cables.iter().map(|c| (wiring.links[c[0]].net, ends(c))).collect(),
            own: lab.own_bridges().map(|(net, _)| net).collect(),
            names,
        }
    }

    /// Joins sightings to messages, in the order in which they were first seen.
    fn messages<'a>(&self, packets: &'a [Packet]) -> Vec<Message<'a>> {
        let mut messages: Vec<Message> = Vec::new();
        let mut latest: HashMap<(usize, &[u8]), Vec<usize>> = HashMap::new();
        for packet in packets {
            let Some(site) = self.sites.get(&packet.interface) else { continue };
            let leaves = packet.direction.is_sent() != site.port;
            let known = latest.entry((site.net, &packet.data)).or_default();
            let fits = |m: &Message| {
                packet.time.saturating_sub(m.time) <= TOGETHER
                    && !m.places.contains(&&packet.interface)
                    && (!leaves || m.from == site.node)
            };
            let found = known.iter().rev().copied().find(|i| fits(&messages[*i]));
            let index = match found {
                Some(index) => index,
                None => {
                    let sender =
                        if leaves { Some(site.node) } else { self.sender(site, &packet.data) };
                    let Some(from) = sender else { continue };
                    known.push(messages.len());
                    messages.push(Message {
                        time: packet.time,
                        net: site.net,
                        from,
                        to: Vec::new(),
                        places: Vec::new(),
                        data: &packet.data,
                    });
                    messages.len() - 1
                }
            };
            let message = &mut messages[index];
            message.places.push(&packet.interface);
            if !leaves && site.node != message.from && !message.to.contains(&site.node) {
                message.to.push(site.node);
            }
        }
        for message in messages.iter_mut().filter(|m| m.to.is_empty()) {
            message.to.extend(self.unseen(message));
        }
        messages
    }

    /// Who must have sent a frame that was only seen to arrive.
    fn sender(&self, site: &Site, data: &[u8]) -> Option<usize> {
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
    fn unseen(&self, message: &Message) -> Option<usize> {
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

fn purpose(message: &Message) -> Purpose {
    Frame::of(message.data).purpose()
}
