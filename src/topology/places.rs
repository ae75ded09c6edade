//! Which node a packet enters or leaves where it is seen.

use crate::packet::capture::{InterfaceId, Packet};
use crate::topology::index::Port;
use crate::topology::model::{GLOBAL, Topology};
use std::collections::{BTreeSet, HashMap};

/// Where packets are seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Location {
    /// A node: all of its interfaces.
    Node(String),
    /// A bridge: all of its ports.
    Bridge(String),
    /// A port of a bridge.
    Port(String),
    /// An interface that has a cable to another node, or is the lab's own.
    Link(String, String),
}

impl std::fmt::Display for Location {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        match self {
            Location::Node(name) | Location::Bridge(name) | Location::Port(name) => {
                f.write_str(name)
            }
            Location::Link(node, link) => write!(f, "{node}/{link}"),
        }
    }
}

/// The places of a lab.
#[derive(Debug)]
pub struct Places<'a> {
    ports: HashMap<&'a str, Port<'a>>,
    nodes: BTreeSet<&'a str>,
}

/// A node that a packet enters or leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Passage<'a> {
    pub node: &'a str,
    /// Whether the packet enters it.
    pub enters: bool,
}

impl<'a> Places<'a> {
    /// Those of `topology`.
    pub fn of(topology: &'a Topology) -> Places<'a> {
        let ports = topology.ports().map(|port| (port.name, port)).collect();
        Places {
            ports,
            nodes: topology.nodes.iter().map(|node| node.name.as_str()).chain([GLOBAL]).collect(),
        }
    }

    fn port(&self, place: &InterfaceId) -> Option<Port<'a>> {
        self.ports.get(place.link.as_str()).copied().filter(|_| place.node == GLOBAL)
    }

    /// What `packet` does where it was seen. A bridge is not a node, so at its port it is about to
    /// enter the node it leads to, or has just left it; anywhere else it is about the node it is
    /// seen in. `None` where nothing passes: at the loopback interface.
    pub fn passage(&self, packet: &Packet) -> Option<Passage<'a>> {
        if let Some(port) = self.port(&packet.interface) {
            return Some(Passage { node: &port.node.name, enters: packet.direction.is_sent() });
        }
        let node = self
            .nodes
            .get(packet.interface.node.as_str())
            .filter(|_| packet.interface.link != "lo")?;
        Some(Passage { node, enters: !packet.direction.is_sent() })
    }

    /// Whether what is seen at `place` is seen at `location`.
    pub fn is_at(&self, place: &InterfaceId, location: &Location) -> bool {
        let port = self.port(place);
        match location {
            Location::Node(name) => port
                .map_or(place.node == *name && place.link != "lo", |port| port.node.name == *name),
            Location::Bridge(name) => port.is_some_and(|port| port.bridge == name),
            Location::Port(name) => port.is_some() && place.link == *name,
            Location::Link(node, link) => place.node == *node && place.link == *link,
        }
    }
}
