//! Links that no cable leads to: a node makes them of itself, of its other links or on one of them.

use crate::topology::model::Vlan;
use ipnet::IpNet;

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
}

/// What a device is, with what makes it so.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    Bridge(Switch),
    Dummy,
    Vrf { table: u32 },
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

impl Kind {
    /// What the file, the kernel and ip-link(8) call it.
    pub fn name(&self) -> &'static str {
        match self {
            Kind::Bridge(_) => "bridge",
            Kind::Dummy => "dummy",
            Kind::Vrf { .. } => "vrf",
        }
    }
}

impl Device {
    /// What it is, in words for drawings: `vrf of eth1, eth2`.
    pub fn about(&self) -> String {
        let of = if self.ports.is_empty() { "" } else { " of " };
        format!("{}{of}{}", self.kind.name(), self.ports.join(", "))
    }
}
