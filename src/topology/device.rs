//! Links that no cable leads to: a node makes them of itself, of its other links or on one of them.

use crate::topology::lent;
use crate::topology::model::Vlan;
use ipnet::IpNet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

/// An interface that is made inside of its node.
#[derive(Clone, Debug)]
pub struct Device {
    /// Interface name.
    pub name: String,
    pub kind: Kind,
    pub addresses: Vec<IpNet>,
    /// In bytes.
    pub mtu: Option<i64>,
    /// Hardware address, where it has one of its own: the file's, or one that is the same in every run.
    pub mac: Option<String>,
    /// VLANs on it, interfaces of their own.
    pub vlans: Vec<Vlan>,
    /// The interfaces of the node that belong to it.
    pub ports: Vec<String>,
    /// How its ports work, of which that is said.
    pub port_options: Vec<(String, PortOptions)>,
    /// The interface of the node that it is made on.
    pub on: Option<String>,
}

/// What a device is, with what makes it so.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Bond {
        mode: String,
    },
    Bridge(Switch),
    Dummy,
    Gre {
        local: Ipv4Addr,
        remote: Ipv4Addr,
        key: Option<u32>,
    },
    Ipvlan {
        mode: String,
    },
    Macvlan {
        mode: String,
    },
    /// An interface of the machine, of this name there.
    Lent {
        device: String,
    },
    Tap,
    /// A tap device by which the node reaches what the machine reaches.
    Uplink,
    Vrf {
        table: u32,
    },
    Vxlan {
        id: u32,
        local: Option<IpAddr>,
        /// Another end, or a group of them.
        remote: Option<IpAddr>,
        dstport: u16,
    },
    Wireguard {
        /// The UDP port that it listens on; none where it gets no key.
        port: Option<u16>,
        peers: Vec<Peer>,
    },
}

/// The other end of a WireGuard tunnel.
#[derive(Clone, Debug, PartialEq)]
pub struct Peer {
    pub node: String,
    pub link: String,
    /// What goes there, and may come from there.
    pub allowed: Vec<IpNet>,
    /// Where it is reached, if this end can be the first to speak.
    pub endpoint: Option<SocketAddr>,
    /// How often something is sent there, in seconds.
    pub keepalive: Option<u64>,
}

/// How a bridge works.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Switch {
    /// The spanning tree protocol.
    pub stp: bool,
    /// In the election of the root.
    pub priority: Option<u16>,
    /// How long a port listens, and then learns, before it forwards; in hundredths of a second.
    pub forward_delay: Option<u32>,
    /// Multicast only goes where somebody wants it.
    pub snooping: bool,
    /// Asks who wants multicast.
    pub querier: bool,
    /// Ports keep VLANs apart.
    pub vlan_filtering: bool,
}

/// How the port of a bridge works.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PortOptions {
    /// Nothing goes from here to others that are so.
    pub isolated: bool,
    /// Only who is in the forwarding table may send.
    pub locked: bool,
    /// Whether senders are put into the forwarding table.
    pub learning: Option<bool>,
}

impl Kind {
    /// What the file, the kernel and ip-link(8) call it.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Bond { .. } => "bond",
            Kind::Bridge(_) => "bridge",
            Kind::Dummy => "dummy",
            Kind::Gre { .. } => "gre",
            Kind::Ipvlan { .. } => "ipvlan",
            Kind::Macvlan { .. } => "macvlan",
            Kind::Lent { .. } => lent::KIND,
            Kind::Tap => "tap",
            Kind::Uplink => "uplink",
            Kind::Vrf { .. } => "vrf",
            Kind::Vxlan { .. } => "vxlan",
            Kind::Wireguard { .. } => "wireguard",
        }
    }
}

impl Device {
    /// What it is, in words for drawings: `vrf of eth1, eth2`.
    pub fn about(&self) -> String {
        let mut about = match &self.kind {
            Kind::Vxlan { id, .. } => format!("vxlan {id}"),
            Kind::Lent { device } => format!("device {device}"),
            kind => kind.name().into(),
        };
        let mut add = |word: &str, what: String| {
            if !what.is_empty() {
                about.push_str(&format!(" {word} {what}"));
            }
        };
        add("of", self.ports.join(", "));
        add("on", self.on.clone().unwrap_or_default());
        add("to", self.remote().map_or(String::new(), |remote| remote.to_string()));
        about
    }

    /// The other end of a tunnel.
    pub fn remote(&self) -> Option<IpAddr> {
        match self.kind {
            Kind::Gre { remote, .. } => Some(remote.into()),
            Kind::Vxlan { remote, .. } => remote,
            _ => None,
        }
    }
}
