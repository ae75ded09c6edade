//! Packets joined to messages, as they come, so that a ladder of a capture of any size needs no more
//! memory than what is drawn of it, and what goes on at one time.

use crate::analysis::ladder::{Extent, Ladder, Row, Sites};
use crate::packet::capture::Packet;
use crate::packet::frame::Frame;
use crate::packet::protocol::Purpose;
use crate::packet::summary::Summary;
use crate::text::plain;
use crate::topology::model::Topology;
use std::collections::{BTreeSet, HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

/// Two sightings of the same bytes that are further apart, in nanoseconds, are two messages. Within
/// a lab a frame needs microseconds; nobody repeats one that soon.
const TOGETHER: u64 = 50_000_000;

/// A message on its way from one node to its neighbours, which may still be seen elsewhere.
pub(super) struct Message {
    time: u64,
    /// The network it is in.
    pub net: usize,
    /// The node that sent it.
    pub from: usize,
    to: Vec<usize>,
    places: Vec<usize>,
    /// Its sightings, as numbers of packets.
    packets: Vec<usize>,
    /// The frame.
    pub data: Vec<u8>,
    key: Key,
}

/// The network, and what stands for the bytes: two frames with one key are one in a million millions.
type Key = (usize, u64);

/// A ladder in the making.
pub struct Packets {
    sites: Sites,
    began: u64,
    hasher: RandomState,
    /// Those that may still be seen, in the order in which they were first seen.
    open: VecDeque<Message>,
    /// How many were open once and are no more.
    closed: usize,
    /// The numbers of those that are open, from the first message on.
    latest: HashMap<Key, Vec<usize>>,
    now: u64,
    /// How many packets there were.
    seen: usize,
    all: usize,
    exchange: Rows,
    /// Shown if there is nothing else.
    resolution: Rows,
}

impl Packets {
    /// Of `lab`; times count from `began`, and only the rows of `extent` are kept.
    pub fn new(lab: &Topology, began: u64, extent: Extent) -> Packets {
        Packets {
            sites: Sites::of(lab),
            began,
            hasher: RandomState::new(),
            open: VecDeque::new(),
            closed: 0,
            latest: HashMap::new(),
            now: 0,
            seen: 0,
            all: 0,
            exchange: Rows::of(extent),
            resolution: Rows::of(extent),
        }
    }

    /// The next packet.
    pub fn add(&mut self, packet: &Packet) {
        let number = self.seen;
        self.seen += 1;
        let Some(site) = self.sites.sites.get(&packet.interface).copied() else { return };
        self.now = self.now.max(packet.time);
        // Some time later, because not every capture is in order.
        while self.open.front().is_some_and(|first| self.now - first.time > 2 * TOGETHER) {
            self.close();
        }
        let leaves = packet.direction.is_sent() != site.port;
        let key = (site.net, self.hasher.hash_one(&packet.data));
        let known = self.latest.get(&key).map_or(&[][..], Vec::as_slice);
        let fits = |m: &Message| {
            packet.time.saturating_sub(m.time) <= TOGETHER
                && !m.places.contains(&site.place)
                && (!leaves || m.from == site.node)
        };
        let found =
            known.iter().rev().map(|number| number - self.closed).find(|i| fits(&self.open[*i]));
        let index = match found {
            Some(index) => index,
            None => {
                let sender =
                    if leaves { Some(site.node) } else { self.sites.sender(&site, &packet.data) };
                let Some(from) = sender else { return };
                self.latest.entry(key).or_default().push(self.closed + self.open.len());
                self.open.push_back(Message {
                    time: packet.time,
                    net: site.net,
                    from,
                    to: Vec::new(),
                    places: Vec::new(),
                    packets: Vec::new(),
                    data: packet.data.clone(),
                    key,
                });
                self.open.len() - 1
            }
        };
        let message = &mut self.open[index];
        message.places.push(site.place);
        message.packets.push(number);
        if !leaves && site.node != message.from && !message.to.contains(&site.node) {
            message.to.push(site.node);
        }
    }

    /// The first that is open will not be seen any more.
    fn close(&mut self) {
        let Some(mut message) = self.open.pop_front() else { return };
        if let Some(known) = self.latest.get_mut(&message.key) {
            known.retain(|number| *number != self.closed);
            if known.is_empty() {
                self.latest.remove(&message.key);
            }
        }
        self.closed += 1;
        self.all += 1;
        if message.to.is_empty() {
            message.to.extend(self.sites.unseen(&message));
        }
        message.to.sort_unstable();
        let purpose = Frame::of(&message.data).purpose();
        match purpose {
            Purpose::Exchange => self.exchange.add(message, self.began),
            Purpose::Resolution => self.resolution.add(message, self.began),
            Purpose::Housekeeping => {}
        }
    }

    /// The ladder of all of them.
    pub fn ladder(mut self) -> Ladder {
        while !self.open.is_empty() {
            self.close();
        }
        let Packets { sites, began, all, exchange, resolution, .. } = self;
        let kept = if exchange.count > 0 { exchange } else { resolution };
        let nodes: Vec<usize> = kept.nodes.into_iter().collect();
        let column = |node: usize| nodes.binary_search(&node).expect("just collected");
        let mut rows = kept.first;
        rows.extend(kept.last.iter().map(|message| row(message, began)));
        for row in &mut rows {
            row.from = column(row.from);
            row.to.iter_mut().for_each(|node| *node = column(*node));
        }
        Ladder {
            left_out: all - kept.count,
            hidden: kept.count - rows.len(),
            rows,
            nodes: nodes.iter().map(|node| plain(&sites.names[*node])).collect(),
        }
    }
}

/// The rows that are drawn, with the numbers of nodes instead of columns.
struct Rows {
    extent: Extent,
    first: Vec<Row>,
    last: VecDeque<Message>,
    count: usize,
    nodes: BTreeSet<usize>,
}

impl Rows {
    fn of(extent: Extent) -> Rows {
        Rows { extent, first: Vec::new(), last: VecDeque::new(), count: 0, nodes: BTreeSet::new() }
    }

    fn add(&mut self, message: Message, began: u64) {
        self.count += 1;
        self.nodes.insert(message.from);
        self.nodes.extend(&message.to);
        if self.first.len() < self.extent.first {
            self.first.push(row(&message, began));
        } else {
            self.last.push_back(message);
            if self.last.len() > self.extent.last {
                self.last.pop_front();
            }
        }
    }
}

fn row(message: &Message, began: u64) -> Row {
    let (label, detail) = Summary::of(&message.data).arrow();
    Row {
        at: message.time.saturating_sub(began) / 1000,
        from: message.from,
        to: message.to.clone(),
        label: plain(&label),
        detail: plain(detail.trim()),
        packets: message.packets.clone(),
    }
}
