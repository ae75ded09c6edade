//! Which node a packet enters or leaves where it is seen.

use crate::packet::capture::{Packet, Place};
use crate::topology::model::{End, GLOBAL, Lab, Link, Location, Rule};
use std::collections::{BTreeSet, HashMap};

/// The places of a lab.
#[derive(Debug)]
pub struct Places<'a> {
    ports: HashMap<&'a str, Port<'a>>,
    nodes: BTreeSet<&'a str>,
}

#[derive(Clone, Copy, Debug)]
struct Port<'a> {
    bridge: &'a str,
    node: &'a str,
}

/// A node that a packet enters or leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage<'a> {
    /// The node.
    pub node: &'a str,
    /// Whether the packet enters it.
    pub enters: bool,
}

impl<'a> Places<'a> {
    /// Those of `lab`.
    pub fn of(lab: &'a Lab) -> Places<'a> {
        let mut ports = HashMap::new();
        for node in &lab.nodes {
            for link in &node.links {
                if let End::Port { bridge, port } = &link.end {
                    ports.insert(port.as_str(), Port { bridge, node: &node.name });
                }
            }
        }
        Places { ports, nodes: lab.nodes.iter().map(|node| node.name.as_str()).chain([GLOBAL]).collect() }
    }

    fn port(&self, place: &Place) -> Option<Port<'a>> {
        self.ports.get(place.link.as_str()).copied().filter(|_| place.node == GLOBAL)
    }

    /// What `packet` does where it was seen. A bridge is no node, so at its port it is about to enter
    /// the node behind that, or has just left it; anywhere else it is about the node it is seen in.
    /// `None` where nothing passes: at the loopback interface.
    pub fn passage(&self, packet: &Packet) -> Option<Passage<'a>> {
        if let Some(port) = self.port(&packet.place) {
            return Some(Passage { node: port.node, enters: packet.sent });
        }
        let node = self.nodes.get(packet.place.node.as_str()).filter(|_| packet.place.link != "lo")?;
        Some(Passage { node, enters: !packet.sent })
    }

    /// Whether what is seen at `place` is seen at `location`.
    pub fn is_at(&self, place: &Place, location: &Location) -> bool {
        let port = self.port(place);
        match location {
            Location::Node(name) => port.map_or(place.node == *name && place.link != "lo", |port| port.node == name),
            Location::Bridge(name) => port.is_some_and(|port| port.bridge == name),
            Location::Port(name) => port.is_some() && place.link == *name,
            Location::Link(node, link) => place.node == *node && place.link == *link,
        }
    }
}

/// What people call `place`: ports and bridges have names of their own.
pub fn shown(place: &Place) -> String {
    if place.node == GLOBAL { place.link.clone() } else { format!("{}/{}", place.node, place.link) }
}

/// Where no more nodes have cables, all are captured inside: each takes a ring of 16 MiB.
const FEW: usize = 8;

/// The nodes inside which a test is captured for its `rules` and its ladder, because cables between nodes
/// are seen nowhere else: bridges and their ports are in the lab's own namespace. Where the way over a
/// cable matters, that is all nodes that have one, or what went another way could not be told.
pub fn inside(lab: &Lab, rules: &[Rule]) -> BTreeSet<String> {
    let cabled = |link: &Link| matches!(link.end, End::Peer { .. });
    let all: BTreeSet<&str> = lab.nodes.iter().filter(|node| node.links.iter().any(cabled)).map(|node| node.name.as_str()).collect();
    let seen_inside = |location: &Location| match location {
        Location::Node(node) | Location::Link(node, _) => all.get(node.as_str()).copied().filter(|node| *node != GLOBAL),
        Location::Bridge(_) | Location::Port(_) => None,
    };
    let mut nodes: BTreeSet<&str> = rules.iter().flat_map(|rule| &rule.at).filter_map(seen_inside).collect();
    if all.len() <= FEW
        || rules.iter().flat_map(|rule| rule.crosses.iter().chain(&rule.avoids)).any(|location| seen_inside(location).is_some())
    {
        nodes.extend(&all);
    }
    nodes.into_iter().filter(|node| *node != GLOBAL).map(String::from).collect()
}
