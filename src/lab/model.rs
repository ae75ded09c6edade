//! A checked lab: everything resolved, nothing that could still be wrong in the file.

use super::file::Condition;
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

/// The lab's own namespace, which every lab has.
pub const GLOBAL: &str = "global";

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

/// A test.
#[derive(Clone, Debug)]
pub struct Test {
    /// LAB-NAME.
    pub name: String,
    /// NAME, unique in its lab.
    pub short: String,
    /// A sentence about it.
    pub about: String,
    /// Its steps.
    pub steps: Vec<Step>,
}

/// A step and where it stands.
#[derive(Clone, Debug)]
pub struct Step {
    /// Line of the lab file.
    pub line: u64,
    /// What it does.
    pub kind: StepKind,
}

/// What a step does.
#[derive(Clone, Debug)]
pub enum StepKind {
    /// A client takes a lease.
    Dhcp(Dhcp),
    /// A command runs.
    Run(Command),
    /// A host is pinged.
    Ping(Ping),
    /// Something is waited for.
    Wait {
        /// In this namespace.
        node: Handle,
        /// For what.
        condition: Condition,
        /// In whose output, if for a line of it.
        service: Option<String>,
        /// For how long.
        within: Duration,
    },
    /// A service is stopped or started on purpose.
    Service {
        /// `stop`, `kill`, `start` or `restart`.
        action: &'static str,
        /// Which.
        service: String,
        /// How long it may take to end before it is killed.
        within: Duration,
    },
    /// A cable is pulled or put back.
    Link {
        /// `up` or `down`.
        action: &'static str,
        /// The node's name.
        node: String,
        /// Its namespace.
        handle: Handle,
        /// The link.
        link: String,
        /// The bridge's end of the cable.
        port: Option<String>,
    },
}

/// A `dhcp` step.
#[derive(Clone, Debug)]
pub struct Dhcp {
    /// The client's namespace.
    pub node: Handle,
    /// Its link.
    pub link: String,
    /// 4 or 6.
    pub family: u8,
    /// Which client, if the lab insists on one.
    pub client: Option<Client>,
    /// How long the client has.
    pub within: Duration,
    /// No lease is the pass.
    pub fails: bool,
    /// What the lease must be.
    pub expect: Expect,
}

/// What a lease must be; what is `None` is not looked at.
#[derive(Clone, Debug, Default)]
pub struct Expect {
    /// First and last address.
    pub pool: Option<(IpAddr, IpAddr)>,
    /// Prefix length on the link.
    pub prefix: Option<u8>,
    /// Default router.
    pub router: Option<IpAddr>,
    /// DNS servers, in this order.
    pub dns: Option<Vec<IpAddr>>,
    /// For how long.
    pub lease: Option<Duration>,
    /// Who must have given it.
    pub server: Option<ServerId>,
}

/// How a DHCP server is told from another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerId {
    /// The server identifier of DHCPv4 (RFC 2132, 9.7).
    Address(IpAddr),
    /// A DUID of DHCPv6 (RFC 8415, 11).
    Duid(Vec<u8>),
    /// The link-layer address in a DUID-LL or DUID-LLT.
    Mac([u8; 6]),
}

/// A DHCP client program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Client {
    /// ISC dhclient.
    Dhclient,
    /// dhcpcd.
    Dhcpcd,
    /// BusyBox udhcpc, IPv4 only.
    Udhcpc,
}

impl Client {
    /// All of them.
    pub const ALL: [Client; 3] = [Client::Dhclient, Client::Dhcpcd, Client::Udhcpc];

    /// The command's name.
    pub fn name(self) -> &'static str {
        match self {
            Client::Dhclient => "dhclient",
            Client::Dhcpcd => "dhcpcd",
            Client::Udhcpc => "udhcpc",
        }
    }

    /// The Debian package that has it.
    pub fn package(self) -> &'static str {
        match self {
            Client::Dhclient => "isc-dhcp-client",
            Client::Dhcpcd => "dhcpcd-base",
            Client::Udhcpc => "udhcpc",
        }
    }

    /// Whether it speaks DHCP over IPv4 (4) or IPv6 (6).
    pub fn speaks(self, family: u8) -> bool {
        family == 4 || self != Client::Udhcpc
    }
}

/// A `run` step.
#[derive(Clone, Debug)]
pub struct Command {
    /// Where.
    pub node: Handle,
    /// What, a shell command.
    pub command: String,
    /// A failing command is the pass.
    pub fails: bool,
    /// The exit status, 0 unless said otherwise.
    pub exit: u8,
    /// Standard output, but for blank space at its ends.
    pub stdout: Option<String>,
    /// A pattern found in standard output.
    pub matches: Option<String>,
    /// What standard output, parsed as JSON, must contain.
    pub json: Option<serde_json::Value>,
    /// How patient to be.
    pub patience: Patience,
}

/// A `ping` step.
#[derive(Clone, Debug)]
pub struct Ping {
    /// From where.
    pub node: Handle,
    /// What.
    pub to: IpAddr,
    /// How many requests.
    pub count: i64,
    /// No answer is the pass.
    pub fails: bool,
    /// How patient to be.
    pub patience: Patience,
}

/// Deadline and retry of a step.
#[derive(Clone, Copy, Debug)]
pub struct Patience {
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Try again until it holds, for so long; `None` tries once.
    pub within: Option<Duration>,
    /// Pause between two attempts.
    pub every: Duration,
}
