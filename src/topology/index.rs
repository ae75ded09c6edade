//! What follows from the wiring, worked out in one place.

use crate::packet::capture::InterfaceId;
use crate::topology::model::{Bridge, End, GLOBAL, Link, Node, Service, Topology};
use std::collections::HashMap;

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

/// Which network every link is in. Networks have numbers: first the bridges, in the order of the
/// file, then the cables between two nodes, in the order of their first ends.
#[derive(Debug)]
pub struct Wiring<'a> {
    /// In the order of the file.
    pub links: Vec<Plugged<'a>>,
    /// Both ends of each cable, the first in the file first, as indices of `links`.
    pub cables: Vec<[usize; 2]>,
}

/// A link and what it is plugged into.
#[derive(Clone, Copy, Debug)]
pub struct Plugged<'a> {
    /// Index of its node.
    pub node: usize,
    pub link: &'a Link,
    pub net: usize,
    /// The bridge's end of the cable, if it is plugged into one.
    pub port: Option<&'a str>,
}

impl Topology {
    /// Which network every link is in.
    pub fn wiring(&self) -> Wiring<'_> {
        let bridges: HashMap<&str, usize> =
            self.bridges.iter().enumerate().map(|(net, bridge)| (&*bridge.name, net)).collect();
        let mut wiring = Wiring { links: Vec::new(), cables: Vec::new() };
        // Cables of which one end has been met, by the other.
        let mut begun: HashMap<(usize, &str), usize> = HashMap::new();
        for (index, node) in self.nodes.iter().enumerate() {
            for link in &node.links {
                let here = wiring.links.len();
                let (net, port) = match &link.end {
                    End::Port { bridge, port } => (
                        *bridges
                            .get(bridge.as_str())
                            .expect("a checked lab has the bridges it names"),
                        Some(port.as_str()),
                    ),
                    End::Peer { node: far, link: far_link } => {
                        let cable = match begun.remove(&(index, link.name.as_str())) {
                            Some(cable) => {
                                wiring.cables[cable][1] = here;
                                cable
                            }
                            None => {
                                begun.insert((*far, far_link), wiring.cables.len());
                                wiring.cables.push([here, here]);
                                wiring.cables.len() - 1
                            }
                        };
                        (self.bridges.len() + cable, None)
                    }
                };
                wiring.links.push(Plugged { node: index, link, net, port });
            }
        }
        wiring
    }

    /// The bridges that have addresses, with their numbers: of these networks the lab's own
    /// namespace is a member, too.
    pub fn own_bridges(&self) -> impl Iterator<Item = (usize, &Bridge)> {
        self.bridges.iter().enumerate().filter(|(_, bridge)| !bridge.addresses.is_empty())
    }

    pub fn node(&self, name: &str) -> Option<&Node> {
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The service that `text` means: NODE/NAME, or NAME if there is but one.
    ///
    /// # Errors
    /// Which it could mean, as NODE/NAME; none if there is no such service.
    pub fn service(&self, text: &str) -> Result<&Service, Vec<String>> {
        let (node, name) = text.rsplit_once('/').map_or((None, text), |(n, name)| (Some(n), name));
        let node = node.map(|node| self.node(node).map(|node| &node.netns));
        let named = |one: &&Service| {
            one.name == name && node.is_none_or(|node| node.is_some_and(|n| *n == one.node))
        };
        let found: Vec<&Service> = self.services.iter().filter(named).collect();
        match found.as_slice() {
            [one] => Ok(one),
            several => Err(several.iter().map(|one| self.whole_name(one)).collect()),
        }
    }

    /// NODE/NAME of `service`.
    pub fn whole_name(&self, service: &Service) -> String {
        let node = self.nodes.iter().find(|node| node.netns == service.node);
        let node = node.map_or(service.node.0.as_str(), |node| &node.name);
        format!("{node}/{}", service.name)
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
        let devices = || self.node(&place.node).into_iter().flat_map(|node| &node.devices);
        match link.map(|link| &link.end) {
            None => devices()
                .find(|device| device.name == place.link)
                .map_or(String::new(), |device| device.about()),
            Some(End::Port { bridge, .. }) => format!("leads to {bridge}"),
            Some(End::Peer { node, link }) => format!("leads to {} {link}", self.nodes[*node].name),
        }
    }
}

#[cfg(test)]
mod tests {
    const LAB: &str = "
lab: wires
bridges: {left: {}, right: {addresses: 10.0.0.1/24}}
nodes:
  a: {links: {x: {peer: c/x}, l: {bridge: left, port: pa}, y: {peer: b/y}}}
  b: {links: {y: {peer: a/y}, r: {bridge: right, port: pb}}}
  c: {links: {x: {peer: a/x}, s: {peer: c/t}, t: {peer: c/s}}}
";

    #[test]
    fn both_ends_of_a_cable_are_in_one_network_and_bridges_come_first() {
        let lab = crate::lab::check::lab(LAB, "f").unwrap();
        let wiring = lab.topology.wiring();
        let links: Vec<_> = wiring
            .links
            .iter()
            .map(|l| (l.node, l.link.name.as_str(), l.net, l.port.unwrap_or_default()))
            .collect();
        let expected = [
            (0, "x", 2, ""),
            (0, "l", 0, "pa"),
            (0, "y", 3, ""),
            (1, "y", 3, ""),
            (1, "r", 1, "pb"),
            (2, "x", 2, ""),
            (2, "s", 4, ""),
            (2, "t", 4, ""),
        ];
        assert_eq!(links, expected);
        assert_eq!(wiring.cables, [[0, 5], [2, 3], [6, 7]]);
        let own: Vec<_> = lab.topology.own_bridges().map(|(net, b)| (net, &*b.name)).collect();
        assert_eq!(own, [(1, "right")]);
    }
}
