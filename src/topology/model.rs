//! A checked topology: everything resolved, nothing that could still be wrong in the file.

pub use crate::packet::capture::GLOBAL;
use crate::topology::device::{Device, PortOptions, Switch};
use crate::topology::impair::Impairment;
use crate::yaml::diagnostic::Spanned;
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// The interface that every network namespace has; it leads nowhere else.
pub const LOOPBACK: &str = "lo";

/// Folders that are every lab's own and begin empty.
pub const EMPTY: [&str; 3] = ["/run", "/tmp", "/var/tmp"];

/// What a lab is wired from and what runs in it, but for its tests.
#[derive(Clone, Debug)]
pub struct Topology {
    /// Commands it needs, each with its Debian package, those of the steps included.
    pub commands: Vec<(String, String)>,
    /// Kernel features it needs.
    pub kernel: Vec<String>,
    /// The program under test.
    pub subject: Option<Subject>,
    /// Folders that are its own and begin empty, besides those that always are.
    pub private: Vec<String>,
    /// Variables of labrun's own environment that it is to see.
    pub pass_env: Vec<Spanned<String>>,
    /// Folders of the machine that it is to write to.
    pub writable: Vec<Spanned<String>>,
    /// Links by which it is to reach what the machine reaches, as NODE/LINK.
    pub uplinks: Vec<Spanned<String>>,
    /// Interfaces of the machine that it is to have.
    pub lent: Vec<Spanned<String>>,
    /// Files for all of it, by path.
    pub files: Vec<(String, String)>,
    /// Bridges in its own namespace.
    pub bridges: Vec<Bridge>,
    /// Its hosts.
    pub nodes: Vec<Node>,
    /// Its daemons, in the file's order.
    pub services: Vec<Service>,
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
    /// Cargo packages by which its repository is known.
    pub cargo_packages: Vec<String>,
    /// Files by which its repository is known.
    pub files: Vec<String>,
    /// How it is built; the first that fits the repository is taken.
    pub builds: Vec<Build>,
}

/// How a program is built.
#[derive(Clone, Debug)]
pub struct Build {
    /// The files of a repository that it is for, all of which must be there; none: for any.
    pub files: Vec<String>,
    /// Shell command that puts it into `$OUT/PROGRAM`.
    pub command: Spanned<String>,
}

impl Subject {
    /// Where a command is that never builds it, since nothing says which repository is its, and why.
    pub fn never_built(&self) -> Option<(&Spanned<String>, &'static str)> {
        let unknown =
            self.go_modules.is_empty() && self.cargo_packages.is_empty() && self.files.is_empty();
        let why = "`subject.repository` does not say by which files, Go module or Cargo package the repository is \
                   known that `subject.build` builds, so only one that `--subject` names is built";
        self.builds.first().filter(|_| unknown).map(|build| (&build.command, why))
    }
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
    pub switch: Switch,
}

/// The name by which ip-netns(8) knows a node; `global` is the lab's own namespace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NetnsName(pub String);

/// A host.
#[derive(Clone, Debug)]
pub struct Node {
    /// Its name in the lab file.
    pub name: String,
    /// Its namespace.
    pub netns: NetnsName,
    /// Its interfaces that are the ends of cables.
    pub links: Vec<Link>,
    /// Its interfaces that no cable leads to, but for [`LOOPBACK`].
    pub devices: Vec<Device>,
    /// The addresses of its loopback interface besides the kernel's own.
    pub loopback: Vec<IpNet>,
    /// Its static routes.
    pub routes: Vec<Route>,
    /// Which of its routing tables is for what.
    pub rules: Vec<Rule>,
    /// Kernel settings, by path below /proc/sys.
    pub sysctls: Vec<(String, String)>,
    /// Whether it forwards packets.
    pub forward: bool,
    /// Whether it has IPv6.
    pub ipv6: bool,
    /// Its nftables ruleset.
    pub nft: Option<String>,
}

/// A network interface of a node, the end of a cable.
#[derive(Clone, Debug)]
pub struct Link {
    /// Interface name.
    pub name: String,
    /// What the cable leads to.
    pub end: End,
    /// How the bridge's end of the cable works.
    pub port_options: PortOptions,
    /// What happens to the packets that it sends.
    pub impair: Option<Impairment>,
    pub addresses: Vec<IpNet>,
    /// In bytes.
    pub mtu: Option<i64>,
    /// Hardware address: the file's, or one that is the same in every run.
    pub mac: String,
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
    pub addresses: Vec<IpNet>,
}

impl Topology {
    /// The links inside of nodes, each with its node.
    pub fn devices(&self) -> impl Iterator<Item = (&Node, &Device)> {
        self.nodes.iter().flat_map(|node| node.devices.iter().map(move |device| (node, device)))
    }
}

impl Node {
    /// The names of all its interfaces.
    pub fn interfaces(&self) -> impl Iterator<Item = &str> + Clone {
        self.all().flat_map(|(name, _, vlans)| {
            [name].into_iter().chain(vlans.iter().map(|vlan| vlan.name.as_str()))
        })
    }

    /// The addresses of all its interfaces.
    pub fn addresses(&self) -> impl Iterator<Item = (&str, &IpNet)> {
        self.all().flat_map(|(name, addresses, vlans)| {
            let own = addresses.iter().map(move |address| (name, address));
            let tagged = vlans.iter().flat_map(|vlan| {
                vlan.addresses.iter().map(|address| (vlan.name.as_str(), address))
            });
            own.chain(tagged)
        })
    }

    /// Ends of cables first, each with its addresses and VLANs.
    fn all(&self) -> impl Iterator<Item = (&str, &[IpNet], &[Vlan])> + Clone {
        let links = self.links.iter().map(|l| (&*l.name, &*l.addresses, &*l.vlans));
        links.chain(self.devices.iter().map(|d| (&*d.name, &*d.addresses, &*d.vlans)))
    }
}

/// The far end of a cable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// A port of a bridge.
    Port {
        bridge: String,
        /// The port's interface name.
        port: String,
    },
    /// A link of another node.
    Peer {
        /// Index of that node.
        node: usize,
        link: String,
    },
}

/// A static route.
#[derive(Clone, Debug)]
pub struct Route {
    /// Destination; `None` is the default route.
    pub to: Option<IpNet>,
    /// Next hops, among which packets are shared.
    pub hops: Vec<Hop>,
    /// What happens to packets, if they go nowhere.
    pub kind: Option<String>,
    /// Preferred source address.
    pub src: Option<IpAddr>,
    pub metric: Option<i64>,
    /// Number of the routing table, if not the main one.
    pub table: Option<u32>,
}

/// A next hop.
#[derive(Clone, Debug)]
pub struct Hop {
    /// Its address; without one, the destination is on the link itself.
    pub via: Option<IpAddr>,
    /// Outgoing link.
    pub dev: Option<String>,
    pub weight: Option<i64>,
}

/// Which packets are for which routing table.
#[derive(Clone, Debug)]
pub struct Rule {
    pub from: Option<IpNet>,
    pub to: Option<IpNet>,
    /// The link that they come in by.
    pub iif: Option<String>,
    /// A mark and its mask.
    pub fwmark: Option<(u32, Option<u32>)>,
    pub table: u32,
    pub priority: Option<u32>,
}

impl Rule {
    /// Whether it is one of IPv6; without an address it is of IPv4.
    pub fn is_ipv6(&self) -> bool {
        self.from.or(self.to).is_some_and(|net| net.addr().is_ipv6())
    }
}

/// A daemon.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Service {
    /// Unique in its node.
    pub name: String,
    /// What the runtime calls it: its name where no other node has such a service, else NODE@NAME,
    /// which is fit for a file's name and shown as NODE/NAME ([`crate::text::service`]).
    pub id: String,
    /// Its node's namespace.
    pub node: NetnsName,
    pub run: Run,
    /// How the packaged daemon runs that takes the subject's place.
    pub stand_in: Option<Run>,
    /// Services that must be ready before it starts.
    pub after: Vec<String>,
}

impl Service {
    /// How long its start may take, whatever runs.
    pub fn within(&self) -> Duration {
        let stand_in = self.stand_in.as_ref().map_or(Duration::ZERO, Run::start);
        self.run.start().max(stand_in)
    }
}

/// What a service runs.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// A shell command.
    pub command: String,
    /// Files, by path, written before it starts.
    #[serde(skip)]
    pub files: Vec<(String, String)>,
    pub environment: Vec<(String, String)>,
    /// When it is ready.
    pub ready: Vec<Condition>,
    /// How long that may take.
    pub within: Duration,
    /// Shell commands that are run each time it is ready after a start.
    pub started: Vec<String>,
    /// The shell command that has it read its configuration again; without one it gets SIGHUP.
    pub reload: Option<String>,
    /// It is started again when it has failed.
    pub restart: bool,
}

impl Run {
    /// How long it may take until all is done that comes with a start.
    fn start(&self) -> Duration {
        self.within * (1 + self.started.len() as u32)
    }
}

/// Something a service can be waited for by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Condition {
    /// A UDP socket is bound to the port.
    Udp(u16),
    /// A TCP socket listens on the port.
    Tcp(u16),
    /// A line of its output matches the extended regular expression.
    Log(String),
    /// A file exists, relative to the service's folder.
    File(String),
    /// A command succeeds in its node.
    Command(String),
    /// It has been running for as long.
    Running(Duration),
    /// It has ended with this exit status.
    Exit(u8),
}
