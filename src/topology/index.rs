//! What follows from the wiring, worked out in one place.

use crate::packet::capture::InterfaceId;
use crate::topology::model::{End, GLOBAL, Link, Node, Topology};

/// A bridge's end of a cable.
#[derive(Clone, Copy, Debug)]
pub struct Port<'a> {
    /// Its interface name.
    pub name: &'a str,
    pub bridge: &'a str,
    /// The node at the other end.
    pub node: &'a Node,
    pub link: &'a Link,
}

impl Topology {
    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The ports of all bridges.
    pub fn ports(&self) -> impl Iterator<Item = Port<'_>> + Clone {
        let links =
            self.nodes.iter().flat_map(|node| node.links.iter().map(move |link| (node, link)));
        links.filter_map(|(node, link)| match &link.end {
            End::Port { bridge, port } => Some(Port { name: port, bridge, node, link }),
            End::Peer { .. } => None,
        })
    }

    /// The node to enter for who has named none.
    pub fn entrance(&self) -> &str {
        self.nodes.first().map_or(GLOBAL, |node| &node.name)
    }

    /// What an interface is to people: which node a bridge's port leads to, which bridge a link.
    /// Empty where nothing is plugged in.
    pub fn describe(&self, place: &InterfaceId) -> String {
        if place.node == GLOBAL
            && let Some(port) = self.ports().find(|port| port.name == place.link)
        {
            return format!(
                "port of {} that leads to {} {}",
                port.bridge, port.node.name, port.link.name
            );
        }
        let link = self
            .node(&place.node)
            .and_then(|node| node.links.iter().find(|link| link.name == place.link));
        match link.map(|link| &link.end) {
            Some(End::Port { bridge, .. }) => format!("leads to {bridge}"),
            Some(End::Peer { node, link }) => format!("leads to {} {link}", self.nodes[*node].name),
            None => String::new(),
        }
    }
}
