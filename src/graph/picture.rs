//! What all drawings show of a lab, and which lane each network runs in.
//!
//! The drawings for people are turned by a quarter against the usual ones: networks run downwards,
//! each in a lane of its own, and nodes stand beside them one below the other. That way any lab can
//! be drawn, because what there may be many of grows in the direction that may grow, and names and
//! addresses have the whole width.

use crate::lab::model::Lab;
use crate::text::plain;
use crate::topology::device::Device;
use crate::topology::impair::Impairment;
use crate::topology::index::Plugged;
use crate::topology::model::{Condition, GLOBAL, LOOPBACK, Service, Vlan};
use ipnet::IpNet;

/// A lab to draw. All texts are plain ones: a single line, nothing invisible.
#[derive(Debug)]
pub struct Picture {
    /// The lab's name.
    pub name: String,
    /// A sentence about it.
    pub about: String,
    /// Its nodes, in the order of the file.
    pub hosts: Vec<Host>,
    /// Its networks: bridges, in the order of the file, then cables between two nodes.
    pub nets: Vec<Net>,
    /// How many lanes they need.
    pub lanes: usize,
}

/// A node.
#[derive(Debug, Default)]
pub struct Host {
    pub name: String,
    /// The program under test, if it runs here.
    pub subject: Option<String>,
    /// What else it does and has: `forwards`, `nft`, `lo ADDRESS`.
    pub tags: Vec<String>,
    /// Its interfaces that cables lead to.
    pub links: Vec<Socket>,
    /// Its other interfaces.
    pub devices: Vec<Inner>,
    pub services: Vec<Daemon>,
}

/// An interface.
#[derive(Debug)]
pub struct Socket {
    pub name: String,
    /// Its addresses, and those of VLANs on it with their numbers.
    pub addresses: Vec<String>,
    /// The bridge's end of the cable, if it is plugged into one.
    pub port: Option<String>,
    /// Index of its network.
    pub net: usize,
}

/// An interface that no cable leads to.
#[derive(Debug)]
pub struct Inner {
    pub name: String,
    /// What it is, its addresses, and those of VLANs on it with their numbers.
    pub words: Vec<String>,
}

/// A service.
#[derive(Debug)]
pub struct Daemon {
    pub name: String,
    /// Where it listens, as far as the lab file says: `udp 67, 547`.
    pub listens: String,
    /// Whether it runs the program under test.
    pub subject: bool,
}

/// A bridge, or a cable between two nodes.
#[derive(Debug)]
pub struct Net {
    /// The bridge's name.
    pub bridge: Option<String>,
    /// The lane it runs in.
    pub lane: usize,
    /// First and last host on it; `None` if nothing is plugged in.
    pub hosts: Option<(usize, usize)>,
    /// How many interfaces are on it.
    pub links: usize,
}

impl Picture {
    /// What there is to draw of `lab`.
    pub fn of(lab: &Lab) -> Picture {
        let wiring = lab.topology.wiring();
        let net = |bridge| Net { bridge, lane: 0, hosts: None, links: 0 };
        let bridges = lab.topology.bridges.iter().map(|bridge| net(Some(plain(&bridge.name))));
        let nets = bridges.chain(wiring.cables.iter().map(|_| net(None))).collect();
        let mut picture = Picture {
            name: plain(&lab.name),
            about: plain(&lab.about),
            hosts: Vec::new(),
            nets,
            lanes: 0,
        };
        let mut links = wiring.links.iter();
        for node in &lab.topology.nodes {
            let services: Vec<&Service> =
                lab.topology.services.iter().filter(|s| s.node == node.netns).collect();
            let mut host = Host {
                name: plain(&node.name),
                subject: subject(lab, &services),
                tags: [(node.forward, "forwards"), (node.nft.is_some(), "nft")]
                    .into_iter()
                    .filter(|t| t.0)
                    .map(|t| t.1.to_string())
                    .chain(node.loopback.iter().map(|address| format!("{LOOPBACK} {address}")))
                    .collect(),
                devices: node.devices.iter().map(inner).collect(),
                services: services.iter().map(|s| daemon(lab, s)).collect(),
                ..Host::default()
            };
            host.links.extend(links.by_ref().take(node.links.len()).map(socket));
            picture.hosts.push(host);
        }
        picture.own_addresses(lab);
        picture.lay();
        picture
    }

    /// A bridge that has addresses is an interface of the lab's own namespace, too.
    fn own_addresses(&mut self, lab: &Lab) {
        for (net, bridge) in lab.topology.own_bridges() {
            let own = self.hosts.iter().position(|h| h.name == GLOBAL).unwrap_or_else(|| {
                self.hosts.push(Host { name: GLOBAL.into(), ..Host::default() });
                self.hosts.len() - 1
            });
            let addresses = bridge.addresses.iter().map(|a| a.to_string()).collect();
            self.hosts[own].links.push(Socket {
                name: plain(&bridge.name),
                addresses,
                port: None,
                net,
            });
        }
    }

    /// Gives every network a lane that is free as far as it reaches.
    fn lay(&mut self) {
        for (index, host) in self.hosts.iter().enumerate() {
            for link in &host.links {
                let net = &mut self.nets[link.net];
                net.links += 1;
                net.hosts = Some((net.hosts.map_or(index, |(first, _)| first), index));
            }
        }
        // The last host in each lane.
        let mut busy: Vec<usize> = Vec::new();
        for index in 0..self.hosts.len() {
            for net in
                self.nets.iter_mut().filter(|n| n.hosts.is_some_and(|(first, _)| first == index))
            {
                let lane = busy.iter().position(|last| *last < index).unwrap_or(busy.len());
                if lane == busy.len() {
                    busy.push(0);
                }
                busy[lane] = net.hosts.expect("just asked").1;
                net.lane = lane;
            }
        }
        self.lanes = busy.len();
    }

    /// Whether `host` is the first on the network. Drawings that flow from left to right have it
    /// before the network, and the others after it.
    pub fn is_first(&self, host: usize, net: usize) -> bool {
        self.nets[net].hosts.is_some_and(|(first, _)| first == host)
    }

    /// Bridges that nothing is plugged into.
    pub fn unplugged(&self) -> impl Iterator<Item = &str> {
        self.nets.iter().filter(|n| n.links == 0).filter_map(|n| n.bridge.as_deref())
    }

    /// Bridges whose lane begins at a host: index, name, and the lane that the name stands in. That
    /// is the bridge's own, unless its name would hide other networks there.
    pub fn beginning(&self, host: usize) -> impl Iterator<Item = (usize, &str, usize)> {
        let bridges = self.nets.iter().enumerate().filter(move |(i, _)| self.is_first(host, *i));
        bridges.filter_map(move |(index, net)| {
            let begun = |(i, other): &(usize, &Net)| {
                other.hosts.is_some_and(|(first, _)| first < host || (first == host && *i < index))
            };
            let lasts = |(_, other): &(usize, &Net)| {
                other.hosts.is_some_and(|(_, last)| last >= host) && other.lane > net.lane
            };
            let hidden = self
                .nets
                .iter()
                .enumerate()
                .filter(begun)
                .filter(lasts)
                .map(|(_, other)| other.lane + 1)
                .max();
            Some((index, net.bridge.as_deref()?, hidden.unwrap_or(net.lane)))
        })
    }
}

fn inner(device: &Device) -> Inner {
    let about = plain(&device.about());
    let words = std::iter::once(about).chain(addresses(&device.addresses, &device.vlans));
    Inner { name: plain(&device.name), words: words.collect() }
}

fn socket(plugged: &Plugged) -> Socket {
    let link = plugged.link;
    Socket {
        name: plain(&link.name),
        addresses: addresses(&link.addresses, &link.vlans)
            .into_iter()
            .chain(link.impair.iter().flat_map(Impairment::about))
            .collect(),
        port: plugged.port.map(plain),
        net: plugged.net,
    }
}

/// The addresses of an interface, and those of VLANs on it with their numbers.
fn addresses(own: &[IpNet], vlans: &[Vlan]) -> Vec<String> {
    let own = own.iter().map(|a| a.to_string());
    let tagged = vlans
        .iter()
        .flat_map(|vlan| vlan.addresses.iter().map(move |a| format!("VLAN {} {a}", vlan.id)));
    let bare = vlans
        .iter()
        .filter(|vlan| vlan.addresses.is_empty())
        .map(|vlan| format!("VLAN {}", vlan.id));
    own.chain(tagged).chain(bare).collect()
}

fn daemon(lab: &Lab, service: &Service) -> Daemon {
    let [udp, tcp] = ports(service)
        .map(|ports| ports.iter().map(|p| p.to_string()).collect::<Vec<_>>().join(", "));
    let listens: Vec<String> = [("udp", udp), ("tcp", tcp)]
        .into_iter()
        .filter(|p| !p.1.is_empty())
        .map(|(p, n)| format!("{p} {n}"))
        .collect();
    Daemon {
        name: plain(&service.name),
        listens: listens.join(", "),
        subject: runs_subject(lab, service),
    }
}

/// The UDP and the TCP ports that a service listens on once it is ready.
pub fn ports(service: &Service) -> [Vec<u16>; 2] {
    let mut ports = [Vec::new(), Vec::new()];
    for condition in &service.run.ready {
        match condition {
            Condition::Udp(port) => ports[0].push(*port),
            Condition::Tcp(port) => ports[1].push(*port),
            _ => {}
        }
    }
    ports
}

fn subject(lab: &Lab, services: &[&Service]) -> Option<String> {
    let program = &lab.topology.subject.as_ref()?.program;
    services.iter().any(|s| runs_subject(lab, s)).then(|| plain(program))
}

/// Whether a service runs the program under test: its command names it, or it has a stand-in.
pub fn runs_subject(lab: &Lab, service: &Service) -> bool {
    let Some(subject) = &lab.topology.subject else { return false };
    let part_of_name = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    service.stand_in.is_some()
        || service.run.command.split(|c| !part_of_name(c)).any(|word| word == subject.program)
}
