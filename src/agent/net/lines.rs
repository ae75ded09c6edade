//! What a line can ask for.

use ipnet::IpNet;
use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};

/// Lines that are done in the same namespaces.
#[derive(Debug, PartialEq)]
pub struct Section<'a> {
    /// What they are for, such as `links`.
    pub what: &'a str,
    /// The namespaces.
    pub places: Vec<&'a str>,
    pub lines: Vec<Line<'a>>,
}

/// A line as it was written, and what it asks for.
#[derive(Debug, PartialEq)]
pub struct Line<'a> {
    /// Without the `?` of a line that may fail.
    pub text: &'a str,
    pub may_fail: bool,
    pub command: Command<'a>,
}

#[derive(Debug, PartialEq)]
pub enum Command<'a> {
    /// `netns add NAME`
    Namespace(&'a str),
    /// `sysctl [?]KEY VALUE`
    Sysctl { key: &'a str, value: &'a str, if_there: bool },
    /// `link add ...`
    Link(Link<'a>),
    /// `tuntap add dev NAME mode tap`
    Tap(&'a str),
    /// `link set dev NAME ...`
    Set(Set<'a>),
    /// `addr add ADDRESS/LENGTH [brd +] [nodad] dev LINK`
    Address {
        address: IpNet,
        broadcast: bool,
        /// Nobody else has it, so that need not be found out.
        certain: bool,
        link: &'a str,
    },
    /// `route add ...`
    Route(Route<'a>),
    /// `rule add ...`
    Rule(Rule<'a>),
    /// `qdisc ...`, all of its words, which are for tc(8)
    Queue(Vec<&'a str>),
    /// `mkdir [-p] FOLDER...`
    Folders { parents: bool, folders: Vec<Cow<'a, str>> },
    /// `mkfifo PATH`
    Fifo(&'a str),
    /// `touch PATH`
    File(&'a str),
    /// `ln -s TARGET PATH`
    Symlink { target: &'a str, path: &'a str },
    /// `mount ...`
    Mount(Mount<'a>),
    /// `hostname NAME`
    HostName(&'a str),
}

/// One end of what `link add` makes.
#[derive(Debug, Default, PartialEq)]
pub struct End<'a> {
    pub name: &'a str,
    pub mtu: Option<u32>,
    pub mac: Option<[u8; 6]>,
    /// The namespace it is made in, if not that of the section.
    pub netns: Option<&'a str>,
}

#[derive(Debug, PartialEq)]
pub struct Link<'a> {
    pub end: End<'a>,
    pub up: bool,
    /// The bridge it becomes a port of.
    pub master: Option<&'a str>,
    /// The link that it is made on.
    pub parent: Option<&'a str>,
    pub kind: Kind<'a>,
}

#[derive(Debug, PartialEq)]
pub enum Kind<'a> {
    /// The mode as the kernel numbers it, and how often it looks at the links, in milliseconds.
    Bond {
        mode: u8,
        miimon: u32,
    },
    Bridge(Switch),
    Dummy,
    Gre(Gre),
    /// As the kernel numbers the modes.
    Ipvlan {
        mode: u16,
    },
    Macvlan {
        mode: u32,
    },
    Veth {
        peer: End<'a>,
    },
    Vlan {
        id: u16,
    },
    Vrf {
        table: u32,
    },
    Vxlan(Vxlan<'a>),
    Wireguard,
}

#[derive(Debug, Default, PartialEq)]
pub struct Gre {
    pub local: Option<Ipv4Addr>,
    pub remote: Option<Ipv4Addr>,
    pub key: Option<u32>,
}

#[derive(Debug, Default, PartialEq)]
pub struct Vxlan<'a> {
    pub id: u32,
    pub local: Option<IpAddr>,
    /// Another end, or a group of them.
    pub remote: Option<IpAddr>,
    pub dev: Option<&'a str>,
    pub port: u16,
}

/// What is said of a bridge, as wide as the kernel takes it.
#[derive(Debug, Default, PartialEq)]
pub struct Switch {
    pub snooping: Option<u8>,
    pub querier: Option<u8>,
    pub stp: Option<u32>,
    pub forward_delay: Option<u32>,
    pub priority: Option<u16>,
    pub vlan_filtering: Option<u8>,
}

/// What a link is to be that is there already.
#[derive(Debug, PartialEq)]
pub struct Set<'a> {
    pub link: &'a str,
    pub up: bool,
    pub mtu: Option<u32>,
    pub mac: Option<[u8; 6]>,
    /// The link that it is to belong to.
    pub master: Option<&'a str>,
    /// How it is to work as the port of a bridge.
    pub port: Option<Port>,
}

#[derive(Debug, Default, PartialEq)]
pub struct Port {
    pub isolated: Option<bool>,
    pub locked: Option<bool>,
    pub learning: Option<bool>,
}

#[derive(Debug, PartialEq)]
pub struct Route<'a> {
    /// Everywhere, if there is none.
    pub to: Option<IpNet>,
    pub kind: RouteKind,
    /// At least one, which may say nothing.
    pub hops: Vec<Hop<'a>>,
    pub src: Option<IpAddr>,
    pub metric: Option<u32>,
    pub table: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum RouteKind {
    Unicast,
    Blackhole,
    Unreachable,
    Prohibit,
}

#[derive(Debug, PartialEq)]
pub struct Hop<'a> {
    pub via: Option<IpAddr>,
    pub dev: Option<&'a str>,
    /// From 1 on.
    pub weight: u16,
}

impl Default for Hop<'_> {
    fn default() -> Self {
        Hop { via: None, dev: None, weight: 1 }
    }
}

#[derive(Debug, Default, PartialEq)]
pub struct Rule<'a> {
    pub from: Option<IpNet>,
    pub to: Option<IpNet>,
    pub iif: Option<&'a str>,
    pub mark: Option<u32>,
    pub mask: Option<u32>,
    pub table: u32,
    pub priority: Option<u32>,
}

#[derive(Debug, PartialEq)]
pub enum Mount<'a> {
    /// `mount -t KIND [-o OPTIONS] SOURCE TARGET`
    New { kind: &'a str, options: Vec<&'a str>, source: &'a str, target: Cow<'a, str> },
    /// `mount --rbind SOURCE TARGET`
    Bind { source: Cow<'a, str>, target: Cow<'a, str> },
    /// `mount -o remount,bind,OPTIONS TARGET`
    Again { options: Vec<&'a str>, target: Cow<'a, str> },
}
