//! A checked lab: everything resolved, nothing that could still be wrong in the file.

use crate::lab::file::Condition;
pub use crate::packet::capture::GLOBAL;
pub use crate::rules::model::*;
pub use crate::steps::model::*;
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

/// A lab that can be run.
#[derive(Clone, Debug)]
pub struct Lab {
    /// Its name.
    pub name: String,
    /// A sentence about it.
    pub about: String,
    /// The lab file as messages show it.
    pub file: String,
    /// The text of that file.
    pub source: String,
    /// Commands it needs, each with its Debian package, those of the steps included.
    pub commands: Vec<(String, String)>,
    /// Kernel features it needs.
    pub kernel: Vec<String>,
    /// The program under test.
    pub subject: Option<Subject>,
    /// Bridges in its own namespace.
    pub bridges: Vec<Bridge>,
    /// Its hosts.
    pub nodes: Vec<Node>,
    /// Its daemons, in the file's order.
    pub services: Vec<Service>,
    /// Its tests.
    pub tests: Vec<Test>,
}

impl Lab {
    /// The node to enter for who has named none.
    pub fn entrance(&self) -> &str {
        self.nodes.first().map_or(GLOBAL, |node| &node.name)
    }
}

/// The program under test.
#[derive(Clone, Debug)]
pub struct Subject {
    /// The name the lab's commands call it by.
    pub program: String,
    /// Packaged daemon that can take its place, and its Debian package.
    pub stand_in: Option<(String, String)>,
    /// Go module paths by which its repository is known.
    pub go_modules: Vec<String>,
    /// Files by which its repository is known.
    pub files: Vec<String>,
    /// Shell command that builds it into `$OUT/PROGRAM`.
    pub build: Option<String>,
}

/// A switch.
#[derive(Clone, Debug)]
pub struct Bridge {
    /// Interface name.
    pub name: String,
    /// Its own addresses.
    pub addresses: Vec<IpNet>,
    /// In bytes.
    pub mtu: Option<i64>,
    /// Hardware address.
    pub mac: Option<String>,
}

/// The name by which ip-netns(8) knows a node; `global` is the lab's own namespace.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Handle(pub String);

/// A host.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name in the lab file.
    pub name: String,
    /// Its namespace.
    pub handle: Handle,
    /// Its interfaces.
    pub links: Vec<Link>,
    /// Its static routes.
    pub routes: Vec<Route>,
    /// Kernel settings, by path below /proc/sys.
    pub sysctls: Vec<(String, String)>,
    /// Whether it forwards packets.
    pub forward: bool,
    /// Its nftables ruleset.
    pub nft: Option<String>,
}

/// A network interface of a node.
#[derive(Clone, Debug)]
pub struct Link {
    /// Interface name.
    pub name: String,
    /// What the cable leads to.
    pub end: End,
    /// Its addresses.
    pub addresses: Vec<IpNet>,
    /// In bytes.
    pub mtu: Option<i64>,
    /// Hardware address.
    pub mac: Option<String>,
    /// VLANs on it, interfaces of their own.
    pub vlans: Vec<Vlan>,
}

/// A VLAN on a link (IEEE 802.1Q).
#[derive(Clone, Debug)]
pub struct Vlan {
    /// Its number.
    pub id: u16,
    /// Interface name: that of the link, a dot, the number.
    pub name: String,
    /// Its addresses.
    pub addresses: Vec<IpNet>,
}

impl Node {
    /// The names of all its interfaces.
    pub fn interfaces(&self) -> impl Iterator<Item = &str> + Clone {
        self.links.iter().flat_map(|link| [&link.name].into_iter().chain(link.vlans.iter().map(|vlan| &vlan.name))).map(String::as_str)
    }
}

/// The far end of a cable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A port of a bridge.
    Port {
        /// The bridge.
        bridge: String,
        /// The port's interface name.
        port: String,
    },
    /// A link of another node.
    Peer {
        /// Index of that node.
        node: usize,
        /// Its link.
        link: String,
    },
}

/// A static route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Destination; `None` is the default route.
    pub to: Option<IpNet>,
    /// Next hop.
    pub via: Option<IpAddr>,
    /// Outgoing link.
    pub dev: Option<String>,
    /// Preferred source address.
    pub src: Option<IpAddr>,
    /// Metric.
    pub metric: Option<i64>,
}

/// A daemon.
#[derive(Clone, Debug)]
pub struct Service {
    /// Its name.
    pub name: String,
    /// Its node's namespace.
    pub node: Handle,
    /// How it runs.
    pub run: Run,
    /// How the packaged daemon runs that takes the subject's place.
    pub stand_in: Option<Run>,
    /// Services that must be ready before it starts.
    pub after: Vec<String>,
}

/// What a service runs.
#[derive(Clone, Debug)]
pub struct Run {
    /// A shell command.
    pub command: String,
    /// Files, by path, written before it starts.
    pub files: Vec<(String, String)>,
    /// Environment.
    pub environment: Vec<(String, String)>,
    /// When it is ready.
    pub ready: Vec<Condition>,
    /// How long that may take.
    pub within: Duration,
}
