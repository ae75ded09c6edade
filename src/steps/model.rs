//! The steps of a checked test.

use crate::packet::server_id::ServerId;
use crate::topology::model::{Condition, Handle};
use std::net::IpAddr;
use std::time::Duration;

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
