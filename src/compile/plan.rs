//! What is done, in which order, to wire a checked lab.
//!
//! The order matters: settings before links (duplicate address detection is read when a link comes
//! up), but those of a single link right after it; links with their peers created in place (moving
//! one costs fifteen times as much); addresses before routes; bridges up when all nodes have their
//! addresses, because until then each link that comes up would tell all the others of itself;
//! everything before the services.

use crate::compile::devices::{devices, of_port, options};
use crate::compile::routes::{route, rule};
use crate::topology::device::Kind;
use crate::topology::index::Plugged;
use crate::topology::model::*;

/// One action. The runtime has a function for each.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Make these folders private and empty.
    Private(Vec<String>),
    /// Create these network namespaces.
    Nodes(Vec<NetnsName>),
    /// Write settings below /proc/sys, from within a namespace. A leading `?` means: if it exists.
    Sysctls(NetnsName, Vec<(String, String)>),
    /// Run these `ip` commands in the lab's own namespace.
    Links(Vec<Vec<String>>),
    /// Run these `ip` commands, which make the links inside of a node, in its namespace.
    Devices(NetnsName, Vec<Vec<String>>),
    /// Bring the bridges up by these `ip` commands.
    Bridges(Vec<Vec<String>>),
    /// Run these `ip` commands, which give the namespace its addresses and routes. They are run
    /// once more after a link was down.
    Addresses(NetnsName, Vec<Vec<String>>),
    /// Run these `ip` commands, which say what the routing tables of a namespace are for, of IPv6 if that is so.
    Policy(NetnsName, bool, Vec<Vec<String>>),
    /// Run these `tc` commands, which impair links, in the namespace.
    Queues(NetnsName, Vec<Vec<String>>),
    /// Load an nftables ruleset.
    Rules(NetnsName, String),
}

/// The ordered actions for one lab, up to its services.
#[derive(Clone, Debug)]
pub struct Plan {
    /// In this order.
    pub actions: Vec<Action>,
    /// The bridges' ends of all cables, which a test may have pulled.
    pub ports: Vec<String>,
}

/// Plans the wiring of `lab`.
pub fn plan(lab: &Topology) -> Plan {
    let global = NetnsName(GLOBAL.into());
    let declared = lab.nodes.iter().find(|n| n.name == GLOBAL);
    let hosts: Vec<&Node> = lab.nodes.iter().filter(|n| n.name != GLOBAL).collect();

    let mut actions = Vec::new();
    if !lab.private.is_empty() {
        actions.push(Action::Private(lab.private.clone()));
    }
    actions.push(Action::Nodes(hosts.iter().map(|n| n.netns.clone()).collect()));
    let mut own = baseline(declared);
    if !own_has_ipv6(lab, declared) {
        // Bridges and ports would send router solicitations and MLD reports of their own into the
        // lab.
        own.insert(0, ("?net/ipv6/conf/default/disable_ipv6".into(), "1".into()));
    }
    actions.push(Action::Sysctls(global.clone(), own));
    actions
        .extend(hosts.iter().map(|node| Action::Sysctls(node.netns.clone(), baseline(Some(node)))));
    actions.push(Action::Links(links(lab)));
    let of_nodes =
        lab.nodes.iter().map(|node| (node, devices(node))).filter(|(_, lines)| !lines.is_empty());
    actions.extend(of_nodes.map(|(node, lines)| Action::Devices(node.netns.clone(), lines)));
    // Settings of single links can only be written once they exist.
    let of_links = lab
        .nodes
        .iter()
        .map(|node| (node, [of_ports(node), settings(node, true)].concat()))
        .filter(|(_, settings)| !settings.is_empty());
    actions.extend(of_links.map(|(node, settings)| Action::Sysctls(node.netns.clone(), settings)));

    actions.extend(
        hosts.iter().map(|node| Action::Addresses(node.netns.clone(), host_addresses(node))),
    );
    if !lab.bridges.is_empty() {
        actions.push(Action::Bridges(lab.bridges.iter().map(|bridge| up(&bridge.name)).collect()));
    }
    let own = own_addresses(lab, declared);
    if !own.is_empty() {
        actions.push(Action::Addresses(global, own));
    }
    actions.extend(
        lab.nodes.iter().flat_map(|node| [policy(node, false), policy(node, true)]).flatten(),
    );
    // Last, so that nothing else takes longer for it.
    let queues = lab.nodes.iter().map(|node| (node, queues(node)));
    let queues = queues.filter(|(_, lines)| !lines.is_empty());
    actions.extend(queues.map(|(node, lines)| Action::Queues(node.netns.clone(), lines)));
    actions.extend(
        lab.nodes
            .iter()
            .filter_map(|node| Some(Action::Rules(node.netns.clone(), node.nft.clone()?))),
    );
    Plan { actions, ports: lab.ports().map(|port| port.name.into()).collect() }
}

/// Settings that a new namespace would otherwise take from the host, so that a lab is the same
/// everywhere, and then the node's own.
fn baseline(node: Option<&Node>) -> Vec<(String, String)> {
    let forward = if node.is_some_and(|n| n.forward) { "1" } else { "0" };
    let mut settings: Vec<(String, String)> = Vec::new();
    let mut set = |key: &str, value: &str| settings.push((key.into(), value.into()));
    // First, because it resets others (ip-sysctl.rst, ip_forward).
    set("net/ipv4/ip_forward", forward);
    set("?net/ipv6/conf/all/forwarding", forward);
    for scope in ["all", "default"] {
        set(&format!("net/ipv4/conf/{scope}/rp_filter"), "0");
        // The kernel uses the greater of `all` and the link's own, which is made from `default`.
        set(&format!("?net/ipv6/conf/{scope}/accept_dad"), "0");
    }
    if node.is_some_and(|node| !node.ipv6) {
        for scope in ["all", "default", LOOPBACK] {
            set(&format!("?net/ipv6/conf/{scope}/disable_ipv6"), "1");
        }
    }
    // Bridged packets are none of the firewall's business unless the lab says so.
    set("?net/bridge/bridge-nf-call-iptables", "0");
    set("?net/bridge/bridge-nf-call-ip6tables", "0");
    settings.extend(node.iter().flat_map(|node| self::settings(node, false)));
    settings
}

/// The node's own settings: those of single links, such as `net/ipv4/conf/eth0/rp_filter`, or the
/// others.
fn settings(node: &Node, of_links: bool) -> Vec<(String, String)> {
    let is_of_link = |path: &str| match path.split('/').collect::<Vec<_>>().as_slice() {
        ["net", "ipv4" | "ipv6" | "mpls", "conf" | "neigh", link, ..] => {
            !["all", "default", "lo"].contains(link)
        }
        _ => false,
    };
    node.sysctls.iter().filter(|(path, _)| is_of_link(path) == of_links).cloned().collect()
}

/// The port of a bridge takes part in nothing itself, so it needs no addresses of its own there, and says nothing.
fn of_ports(node: &Node) -> Vec<(String, String)> {
    let bridges = node.devices.iter().filter(|device| matches!(device.kind, Kind::Bridge(_)));
    let ports = bridges.flat_map(|device| &device.ports);
    ports.map(|port| (format!("?net/ipv6/conf/{port}/disable_ipv6"), "1".into())).collect()
}

fn own_has_ipv6(lab: &Topology, declared: Option<&Node>) -> bool {
    let links = declared.iter().flat_map(|node| node.addresses()).map(|(_, address)| address);
    lab.bridges.iter().flat_map(|b| b.addresses.iter()).chain(links).any(|a| a.addr().is_ipv6())
}

pub(super) fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(String::from).collect()
}

pub(super) fn details(mtu: Option<i64>, mac: Option<&str>) -> String {
    let mac = mac.map(|m| format!(" address {m}")).unwrap_or_default();
    mtu.map(|m| format!(" mtu {m}")).unwrap_or_default() + &mac
}

fn netns(handle: &NetnsName) -> String {
    if handle.0 == GLOBAL { String::new() } else { format!(" netns {}", handle.0) }
}

fn links(lab: &Topology) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    for bridge in &lab.bridges {
        let (name, options) = (&bridge.name, options(&bridge.switch));
        let details = details(bridge.mtu, bridge.mac.as_deref());
        lines.push(words(&format!("link add name {name}{details} type bridge{options}")));
    }
    let wiring = lab.wiring();
    for (index, Plugged { node, link, net, port }) in wiring.links.iter().copied().enumerate() {
        let (name, near) = (&link.name, details(link.mtu, Some(&link.mac)));
        let own = netns(&lab.nodes[node].netns);
        if let Some(port) = port {
            let (far, bridge) = (details(link.mtu, None), &lab.bridges[net].name);
            lines.push(words(&format!(
                "link add name {port}{far} master {bridge} up type veth peer name {name}{near}{own}"
            )));
            lines.extend(of_port(port, &link.port_options));
            continue;
        }
        // The end that comes first in the file makes both.
        let [first, last] = wiring.cables[net - lab.bridges.len()];
        if index == first {
            let Plugged { node, link, .. } = wiring.links[last];
            let (peer, far) = (&link.name, details(link.mtu, Some(&link.mac)));
            lines.push(words(&format!(
                "link add name {name}{near}{own} type veth peer name {peer}{far}{}",
                netns(&lab.nodes[node].netns)
            )));
        }
    }
    lines
}

fn own_addresses(lab: &Topology, declared: Option<&Node>) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    for bridge in &lab.bridges {
        lines.extend(bridge.addresses.iter().map(|a| address(a, &bridge.name, declared)));
    }
    lines.extend(declared.iter().flat_map(|node| host_addresses(node)));
    lines
}

fn host_addresses(node: &Node) -> Vec<Vec<String>> {
    let mut lines = Vec::new();
    if node.netns.0 != GLOBAL {
        lines.push(up(LOOPBACK));
    }
    lines.extend(node.loopback.iter().map(|a| address(a, LOOPBACK, Some(node))));
    lines.extend(node.interfaces().map(up));
    lines.extend(node.addresses().map(|(link, a)| address(a, link, Some(node))));
    lines.extend(node.routes.iter().map(route));
    lines
}

/// The routing rules of one version of IP, as iproute2 takes them together.
fn policy(node: &Node, ipv6: bool) -> Option<Action> {
    let lines: Vec<Vec<String>> =
        node.rules.iter().filter(|rule| rule.is_ipv6() == ipv6).map(rule).collect();
    (!lines.is_empty()).then(|| Action::Policy(node.netns.clone(), ipv6, lines))
}

/// The queueing disciplines of the links of `node` that are impaired, each with the name of its link.
pub fn impaired(node: &Node) -> impl Iterator<Item = (&str, String)> {
    let links = node.links.iter();
    links.filter_map(|link| Some((link.name.as_str(), link.impair.as_ref()?.queue(link.mtu))))
}

/// With a handle of their own: one that the kernel gives is another each time.
fn queues(node: &Node) -> Vec<Vec<String>> {
    let add = |(link, queue)| words(&format!("qdisc add dev {link} root handle 1: {queue}"));
    impaired(node).map(add).collect()
}

/// The `ip` command that brings `link` up.
pub fn up(link: &str) -> Vec<String> {
    words(&format!("link set dev {link} up"))
}

fn address(address: &ipnet::IpNet, link: &str, node: Option<&Node>) -> Vec<String> {
    let more = match address.addr().is_ipv4() {
        true if address.prefix_len() < 31 => " brd +",
        // Without that the kernel finds out a little later that it need not look for duplicates, and until then no
        // program can be bound to the address.
        false if !node.is_some_and(looks_for_duplicates) => " nodad",
        _ => "",
    };
    words(&format!("addr add {address}{more} dev {link}"))
}

/// Whether the lab file has a say in duplicate address detection (RFC 4862, section 5.4).
fn looks_for_duplicates(node: &Node) -> bool {
    let settings = ["/accept_dad", "/dad_transmits", "/enhanced_dad", "/optimistic_dad"];
    node.sysctls.iter().any(|(key, _)| settings.iter().any(|setting| key.ends_with(setting)))
}
