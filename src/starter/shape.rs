//! The networks that a first lab can have, each a file of `shapes/` with the program's place in it.

use crate::starter::listens::{Listens, Speaks};
use clap::ValueEnum;
use clap::builder::PossibleValue;

/// Which network a program is tested in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    Server,
    Router,
    Relay,
    Proxy,
    Vpn,
    Dhcp,
    Dns,
    Routing,
}

impl ValueEnum for Shape {
    fn value_variants<'a>() -> &'a [Shape] {
        &Shape::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()).help(self.about()))
    }
}

impl Shape {
    pub const ALL: [Shape; 8] = [
        Shape::Server,
        Shape::Router,
        Shape::Relay,
        Shape::Proxy,
        Shape::Vpn,
        Shape::Dhcp,
        Shape::Dns,
        Shape::Routing,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Shape::Server => "server",
            Shape::Router => "router",
            Shape::Relay => "relay",
            Shape::Proxy => "proxy",
            Shape::Vpn => "vpn",
            Shape::Dhcp => "dhcp",
            Shape::Dns => "dns",
            Shape::Routing => "routing",
        }
    }

    pub fn about(self) -> &'static str {
        match self {
            Shape::Server => "a server and a client on one switch",
            Shape::Router => "a server and a client with a router between them",
            Shape::Relay => {
                "what the program gets on one network it passes on to a server on another"
            }
            Shape::Proxy => "a proxy or balancer between a client and two web servers",
            Shape::Vpn => "two VPN gateways, each with a site behind it",
            Shape::Dhcp => "a DHCP server and a client that wants an address",
            Shape::Dns => "a DNS server and a client that asks it",
            Shape::Routing => "two routers, each of which must learn the other's network",
        }
    }

    /// What programs of such labs mostly listen on.
    pub fn listens(self) -> Listens {
        let (speaks, port) = match self {
            Shape::Server | Shape::Router => (Speaks::Tcp, 8080),
            Shape::Relay => (Speaks::Udp, 9000),
            Shape::Proxy => (Speaks::Http, 8080),
            Shape::Vpn => (Speaks::Udp, 51820),
            Shape::Dhcp => (Speaks::Udp, 67),
            Shape::Dns => (Speaks::Udp, 53),
            Shape::Routing => (Speaks::Udp, 520),
        };
        Listens { speaks, port }
    }

    /// The likeliest for a program that listens there.
    pub fn of(listens: Listens) -> Shape {
        match (listens.speaks, listens.port) {
            (Speaks::Udp, 53) => Shape::Dns,
            (Speaks::Udp, 67) => Shape::Dhcp,
            _ => Shape::Server,
        }
    }

    /// Why a program that listens there has no place in such a lab.
    pub fn objection(self, listens: Listens) -> Option<String> {
        let usual = self.listens();
        let why = match self {
            Shape::Proxy if listens.speaks == Speaks::Udp => {
                "a proxy's client asks web servers, so it listens on TCP; `relay` is for UDP"
            }
            Shape::Relay if listens == Shape::Dhcp.listens() => {
                "a DHCP relay agent needs more than a port: begin with the lab `relay` that labrun brings along"
            }
            Shape::Relay if listens.speaks == Speaks::Http => "`proxy` is for HTTP",
            Shape::Dhcp if listens != usual => "DHCP clients ask udp:67 only",
            Shape::Dns if listens.speaks != Speaks::Udp => "DNS clients ask by UDP first",
            _ => return None,
        };
        Some(format!("--shape {} with --listens {listens}: {why}", self.name()))
    }

    /// Where the program runs: for each instance the name of its service, and what `{NAME}` stands for in
    /// its arguments.
    pub fn places(self) -> &'static [Place] {
        match self {
            Shape::Server => &[Place { suffix: "", values: &[("address", "10.0.0.2")] }],
            Shape::Router => &[Place { suffix: "", values: &[("address", "10.0.2.2")] }],
            Shape::Relay => {
                &[Place { suffix: "", values: &[("address", "10.0.1.1"), ("peer", "10.0.2.2")] }]
            }
            Shape::Proxy => &[Place {
                suffix: "",
                values: &[("address", "10.0.1.1"), ("peer", "10.0.2.11"), ("peer2", "10.0.2.12")],
            }],
            Shape::Vpn => &[
                Place {
                    suffix: "-left",
                    values: &[
                        ("address", "192.0.2.1"),
                        ("peer", "192.0.2.2"),
                        ("remote", "10.0.2.0/24"),
                    ],
                },
                Place {
                    suffix: "-right",
                    values: &[
                        ("address", "192.0.2.2"),
                        ("peer", "192.0.2.1"),
                        ("remote", "10.0.1.0/24"),
                    ],
                },
            ],
            Shape::Dhcp => &[Place { suffix: "", values: &[("address", "10.0.0.1")] }],
            Shape::Dns => &[Place { suffix: "", values: &[("address", "10.0.0.2")] }],
            Shape::Routing => &[
                Place {
                    suffix: "-left",
                    values: &[
                        ("address", "10.0.0.1"),
                        ("peer", "10.0.0.2"),
                        ("network", "10.0.1.0/24"),
                    ],
                },
                Place {
                    suffix: "-right",
                    values: &[
                        ("address", "10.0.0.2"),
                        ("peer", "10.0.0.1"),
                        ("network", "10.0.2.0/24"),
                    ],
                },
            ],
        }
    }

    /// The lab file, with what is in `{{…}}` to be filled in.
    pub(crate) fn template(self) -> &'static str {
        match self {
            Shape::Server => include_str!("shapes/server.yaml"),
            Shape::Router => include_str!("shapes/router.yaml"),
            Shape::Relay => include_str!("shapes/relay.yaml"),
            Shape::Proxy => include_str!("shapes/proxy.yaml"),
            Shape::Vpn => include_str!("shapes/vpn.yaml"),
            Shape::Dhcp => include_str!("shapes/dhcp.yaml"),
            Shape::Dns => include_str!("shapes/dns.yaml"),
            Shape::Routing => include_str!("shapes/routing.yaml"),
        }
    }
}

/// An instance of the program in a lab.
#[derive(Debug)]
pub struct Place {
    /// What its service is called after the program's name.
    pub suffix: &'static str,
    pub values: &'static [(&'static str, &'static str)],
}
