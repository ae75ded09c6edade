//! From a lab file to a checked lab: every reference resolved, every rule applied, and all mistakes
//! reported together.

use super::check_tests;
use super::decode::{At, Problem, Problems, Reader, quoted, suggest};
use super::file::{self, BridgeFile, LabFile, LinkFile, NodeFile, RouteFile, RunFile, ServiceFile};
use super::model::*;
use super::{tree, values};
use ipnet::IpNet;
use std::collections::{BTreeMap, HashSet};
use std::net::IpAddr;
use std::time::Duration;

/// How long a service may take to become ready unless its lab says otherwise.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// What the runtime can find out about a kernel (`kernel_has` in scripts/topology.sh).
pub const KERNEL_FEATURES: [&str; 14] =
    ["bridge", "dummy", "ifb", "ipvlan", "macvlan", "nat", "netem", "nftables", "tun", "veth", "vlan", "vrf", "vxlan", "wireguard"];

/// Reads and checks a lab file; `file` is how messages call it.
///
/// # Errors
/// All of its mistakes, in the order of the file.
pub fn lab(text: &str, file: &str) -> Result<Lab, Vec<Problem>> {
    let root = tree::parse(text).map_err(|(place, message)| vec![Problem { place, path: String::new(), message }])?;
    let problems = Problems::default();
    let read = file::lab(Reader::new(&root, "", &problems));
    let lab = Check { file: &read, problems: &problems }.lab(file);
    match problems.into_sorted() {
        none if none.is_empty() => Ok(lab),
        some => Err(some),
    }
}

/// The file being checked.
pub(super) struct Check<'a> {
    pub(super) file: &'a LabFile,
    pub(super) problems: &'a Problems,
}

impl Check<'_> {
    fn lab(&self, path: &str) -> Lab {
        self.name("lab", &self.file.lab);
        let nodes = self.nodes();
        self.interface_names();
        self.addresses();
        let services = self.services();
        let mut lab = Lab {
            name: self.file.lab.value.clone(),
            about: self.file.about.trim().to_string(),
            file: path.into(),
            commands: self.file.commands.iter().map(|(c, p)| (c.value.clone(), p.clone())).collect(),
            kernel: self.kernel(),
            subject: self.subject(),
            bridges: self.file.bridges.iter().map(bridge).collect(),
            nodes,
            services,
            tests: Vec::new(),
        };
        lab.tests = check_tests::tests(self, &lab);
        lab
    }

    /// Notes a mistake at `at`.
    pub(super) fn wrong<T>(&self, at: &At<T>, message: impl Into<String>) {
        self.problems.add(at.place, &at.path, message);
    }

    pub(super) fn name(&self, what: &str, name: &At<String>) {
        // A missing name is reported as a missing field.
        if name.place != tree::Place::default()
            && !self.problems.are_at(name.place)
            && let Err(message) = values::plain_name(what, name)
        {
            self.wrong(name, message);
        }
    }

    /// Notes that `name` refers to nothing, unless it is already known to be missing.
    pub(super) fn unknown<'n>(&self, what: &str, name: &At<String>, known: impl Iterator<Item = &'n str> + Clone) {
        if name.value.is_empty() {
            return;
        }
        let mut message = format!("there is no {what} `{}`", name.value);
        match suggest(name, known.clone()) {
            Some(near) => message.push_str(&format!(", did you mean `{near}`?")),
            None => {
                let known: Vec<&str> = known.collect();
                if !known.is_empty() {
                    message.push_str(&format!(", there is {}", quoted(&known)));
                }
            }
        }
        self.wrong(name, message);
    }

    fn kernel(&self) -> Vec<String> {
        for feature in &self.file.kernel {
            if !KERNEL_FEATURES.contains(&feature.as_str()) {
                self.unknown("kernel feature", feature, KERNEL_FEATURES.into_iter());
            }
        }
        self.file.kernel.iter().map(|f| f.value.clone()).collect()
    }

    fn subject(&self) -> Option<Subject> {
        let subject = self.file.subject.as_ref()?;
        self.name("program", &subject.program);
        Some(Subject {
            program: subject.program.value.clone(),
            stand_in: subject.stand_in.as_ref().map(|(p, package)| (p.value.clone(), package.clone())),
            go_modules: subject.go_modules.clone(),
            files: subject.files.clone(),
            build: subject.build.clone(),
        })
    }

    fn nodes(&self) -> Vec<Node> {
        self.file.nodes.iter().enumerate().map(|(i, node)| self.node(i, node)).collect()
    }

    fn node(&self, index: usize, node: &NodeFile) -> Node {
        if let Err(message) = values::node_name(&node.name) {
            self.wrong(&node.name, message);
        }
        for (key, value) in &node.sysctls {
            self.sysctl(key, value);
        }
        if let Some(nft) = &node.nft
            && nft.trim().is_empty()
        {
            self.wrong(nft, "an empty ruleset");
        }
        Node {
            name: node.name.value.clone(),
            handle: handle(&node.name, index),
            links: node.links.iter().map(|link| self.link(node, link)).collect(),
            routes: node.routes.iter().map(|route| self.route(node, route)).collect(),
            sysctls: node.sysctls.iter().map(|(k, v)| (sysctl_path(k), v.clone())).collect(),
            forward: node.forward,
            nft: node.nft.as_ref().map(|n| n.value.clone()),
        }
    }

    fn sysctl(&self, key: &At<String>, value: &str) {
        let good = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let path = sysctl_path(key);
        if !path.starts_with("net/") {
            self.wrong(key, format!("`{}`: only `net.` settings belong to a node, the others to the whole machine", key.value));
        } else if !key.chars().all(good) || path.split('/').any(|part| part.is_empty() || part == "..") {
            self.wrong(key, format!("`{}` is not a setting such as `net.ipv4.ip_forward`", key.value));
        }
        if value.contains('\n') {
            self.wrong(key, "the value of a setting is one line");
        }
    }

    fn link(&self, node: &NodeFile, link: &LinkFile) -> Link {
        let end = match (&link.bridge, &link.peer) {
            (Some(bridge), _) => self.port(node, link, bridge),
            (None, Some(peer)) => self.peer(node, link, peer),
            (None, None) => End::Port { bridge: String::new(), port: String::new() },
        };
        Link {
            name: link.name.value.clone(),
            end,
            addresses: nets(&link.addresses),
            mtu: link.mtu,
            mac: link.mac.as_ref().map(|m| m.value.clone()),
        }
    }

    fn port(&self, node: &NodeFile, link: &LinkFile, bridge: &At<String>) -> End {
        if !self.file.bridges.iter().any(|b| b.name.value == bridge.value) {
            self.unknown("bridge", bridge, self.file.bridges.iter().map(|b| b.name.as_str()));
        }
        if node.name.value == GLOBAL {
            self.wrong(bridge, "the bridges stand in `global` already: give the bridge itself the addresses");
        }
        if link.port.is_none() {
            self.wrong(&link.name, "the field `port` is missing: how shall the bridge's end of the cable be called?");
        }
        let port = link.port.as_ref().map_or(String::new(), |p| p.value.clone());
        End::Port { bridge: bridge.value.clone(), port }
    }

    fn peer(&self, node: &NodeFile, link: &LinkFile, peer: &At<String>) -> End {
        let broken = End::Peer { node: 0, link: String::new() };
        if let Some(port) = &link.port {
            self.wrong(port, "a `peer` has no `port`: the other end is a link of the other node");
        }
        let Some((other, far)) = peer.rsplit_once('/') else {
            self.wrong(peer, format!("`{}`: expected NODE/LINK, such as `router/eth0`", peer.value));
            return broken;
        };
        let Some(index) = self.file.nodes.iter().position(|n| n.name.value == other) else {
            self.unknown("node", &peer.with(other.to_string()), self.file.nodes.iter().map(|n| n.name.as_str()));
            return broken;
        };
        let other_node = &self.file.nodes[index];
        let back = format!("{}/{}", node.name.value, link.name.value);
        match other_node.links.iter().find(|l| l.name.value == far) {
            _ if back == peer.value => self.wrong(peer, "a link cannot be its own peer"),
            None => {
                self.unknown(&format!("link of `{other}`"), &peer.with(far.to_string()), other_node.links.iter().map(|l| l.name.as_str()))
            }
            Some(far_link) if far_link.peer.as_ref().is_none_or(|p| p.value != back) => {
                self.wrong(peer, format!("the other end must say so too: `{far}` of `{other}` wants `peer: {back}`"));
            }
            Some(_) => {}
        }
        End::Peer { node: index, link: far.to_string() }
    }

    fn route(&self, node: &NodeFile, route: &RouteFile) -> Route {
        let destination = (route.to.place != tree::Place::default()).then_some(&route.to.value).and_then(|to| to.as_ref());
        let mut networks: Vec<(&str, &IpNet)> = Vec::new();
        for link in &node.links {
            networks.extend(link.addresses.iter().filter_map(|a| Some((link.name.as_str(), a.value.as_ref()?))));
        }
        if node.name.value == GLOBAL {
            for bridge in &self.file.bridges {
                networks.extend(bridge.addresses.iter().filter_map(|a| Some((bridge.name.as_str(), a.value.as_ref()?))));
            }
        }
        if let Some(dev) = &route.dev {
            let links: Vec<&str> = node.links.iter().map(|l| l.name.as_str()).collect();
            let bridges = self.file.bridges.iter().map(|b| b.name.as_str()).filter(|_| node.name.value == GLOBAL);
            let known: Vec<&str> = links.into_iter().chain(bridges).chain(["lo"]).collect();
            if !known.contains(&dev.as_str()) {
                self.unknown(&format!("link of `{}`", node.name.value), dev, known.iter().copied());
            }
        }
        if let Some(At { value: Some(via), .. }) = &route.via {
            let at = route.via.as_ref().expect("just matched");
            if destination.is_some_and(|net| net.addr().is_ipv4() != via.is_ipv4()) {
                self.wrong(at, format!("the next hop `{via}` is of another IP version than the destination"));
            } else if is_link_local(via) && route.dev.is_none() {
                self.wrong(at, format!("the next hop `{via}` is link-local: say on which link with `dev`"));
            } else if node.links.iter().flat_map(|l| &l.addresses).any(|a| a.value.is_none()) {
                // Which networks it is in can be told when its addresses are right.
            } else if !is_link_local(via) && !networks.iter().any(|(_, net)| net.contains(via)) && route.dev.is_none() {
                self.wrong(at, format!("the next hop `{via}` is in none of the networks of `{}`", node.name.value));
            } else if networks.iter().any(|(_, net)| net.addr() == *via) {
                self.wrong(at, format!("the next hop `{via}` is the node itself"));
            }
        }
        Route {
            to: destination.copied(),
            via: route.via.as_ref().and_then(|v| v.value),
            dev: route.dev.as_ref().map(|d| d.value.clone()),
            src: route.src.as_ref().and_then(|s| s.value),
            metric: route.metric,
        }
    }

    /// Interface names must be fit for the kernel and unique in their namespace.
    fn interface_names(&self) {
        let mut own: Vec<(&At<String>, &str)> = self.file.bridges.iter().map(|b| (&b.name, "a bridge")).collect();
        for node in &self.file.nodes {
            for link in &node.links {
                own.extend(link.port.iter().map(|port| (port, "a port")));
                if node.name.value == GLOBAL {
                    own.push((&link.name, "a link of `global`"));
                } else if let Err(message) = values::link_name(&link.name) {
                    self.wrong(&link.name, message);
                }
            }
        }
        let mut seen: BTreeMap<&str, (&At<String>, &str)> = BTreeMap::new();
        for (name, what) in own {
            if let Err(message) = values::link_name(name) {
                self.wrong(name, message);
            } else if let Some((first, other)) = seen.get(name.as_str()) {
                let message = format!(
                    "`{}` is the name of {other} too (line {}); both stand in the lab's own namespace",
                    name.value, first.place.line
                );
                self.wrong(name, message);
            } else {
                seen.insert(name, (name, what));
            }
        }
    }

    /// No address twice in one broadcast domain, no hardware address twice at all.
    fn addresses(&self) {
        let mut addresses: BTreeMap<(String, IpAddr), u64> = BTreeMap::new();
        let mut macs: BTreeMap<&str, u64> = BTreeMap::new();
        // The broadcast domain, the addresses and the hardware address of every interface.
        type Interface<'a> = (String, &'a [At<Option<IpNet>>], Option<&'a At<String>>);
        let mut interfaces: Vec<Interface> = Vec::new();
        for bridge in &self.file.bridges {
            interfaces.push((bridge.name.value.clone(), &bridge.addresses, bridge.mac.as_ref()));
        }
        for node in &self.file.nodes {
            for link in &node.links {
                let here = format!("{}/{}", node.name.value, link.name.value);
                let domain = match (&link.bridge, &link.peer) {
                    (Some(bridge), _) => bridge.value.clone(),
                    (None, Some(peer)) => here.clone().min(peer.value.clone()),
                    (None, None) => here,
                };
                interfaces.push((domain, &link.addresses, link.mac.as_ref()));
            }
        }
        for (domain, list, mac) in interfaces {
            for address in list {
                let Some(net) = address.value else { continue };
                if let Some(first) = addresses.insert((domain.clone(), net.addr()), address.place.line) {
                    self.wrong(address, format!("`{}` is taken in the same network already, in line {first}", net.addr()));
                }
            }
            if let Some(mac) = mac
                && !mac.is_empty()
                && let Some(first) = macs.insert(mac, mac.place.line)
            {
                self.wrong(mac, format!("`{}` is taken already, in line {first}", mac.value));
            }
        }
    }

    fn services(&self) -> Vec<Service> {
        let all: Vec<(&NodeFile, usize, &ServiceFile)> =
            self.file.nodes.iter().enumerate().flat_map(|(i, n)| n.services.iter().map(move |s| (n, i, s))).collect();
        let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, _, service) in &all {
            self.name("service", &service.name);
            if let Some(first) = seen.insert(&service.name, service.name.place.line) {
                self.wrong(
                    &service.name,
                    format!("there is a service `{}` already, in line {first}: names are unique in a lab", service.name.value),
                );
            }
            for other in &service.after {
                if !all.iter().any(|(_, _, s)| s.name.value == other.value) {
                    self.unknown("service", other, all.iter().map(|(_, _, s)| s.name.as_str()));
                }
            }
            if service.stand_in.is_some() && self.file.subject.as_ref().is_none_or(|s| s.stand_in.is_none()) {
                self.wrong(&service.name, "`stand-in` takes the place of a `subject` that has a `stand-in`, which this lab has not");
            }
        }
        self.cycles(&all);
        all.iter()
            .map(|(node, index, service)| Service {
                name: service.name.value.clone(),
                node: handle(&node.name, *index),
                run: self.run(&service.run),
                stand_in: service.stand_in.as_ref().map(|run| self.run(run)),
                after: service.after.iter().map(|a| a.value.clone()).collect(),
            })
            .collect()
    }

    /// A service that waits for itself, over others or directly, would never start.
    fn cycles(&self, all: &[(&NodeFile, usize, &ServiceFile)]) {
        let mut startable: HashSet<&str> = HashSet::new();
        let exists = |name: &str| all.iter().any(|(_, _, s)| s.name.value == name);
        loop {
            let before = startable.len();
            for (_, _, service) in all {
                if service.after.iter().all(|a| startable.contains(a.as_str()) || !exists(a)) {
                    startable.insert(&service.name);
                }
            }
            if startable.len() == before {
                break;
            }
        }
        for (_, _, service) in all.iter().filter(|(_, _, s)| !startable.contains(s.name.as_str())) {
            let waits: Vec<&str> = service.after.iter().map(|a| a.as_str()).collect();
            let at = service.after.first().expect("it waits for something");
            self.wrong(
                at,
                format!("`{}` can never start: it waits for {}, which in the end waits for it", service.name.value, quoted(&waits)),
            );
        }
    }

    fn run(&self, run: &RunFile) -> Run {
        let known = run.command.place == tree::Place::default() || self.problems.are_at(run.command.place);
        if !known && run.command.trim().is_empty() {
            self.wrong(&run.command, "an empty command");
        }
        for (path, _) in &run.files {
            let outside = path.starts_with('/') && !path.starts_with("/etc/") && !path.starts_with("/run/");
            if outside || path.is_empty() || path.ends_with('/') || path.split('/').any(|part| part == ".." || part == ".") {
                let message =
                    format!("`{}`: a path below the service's folder, or below /etc or /run, which are the lab's own", path.value);
                self.wrong(path, message);
            }
        }
        for (name, _) in &run.environment {
            let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
            if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) || !name.chars().all(good) {
                self.wrong(name, format!("`{}` cannot name an environment variable", name.value.escape_debug()));
            }
        }
        let exits = run.ready.conditions.iter().find(|c| matches!(c.value, file::Condition::Exit(_)));
        if let Some(exit) = exits
            && run.ready.conditions.len() > 1
        {
            self.wrong(exit, "a service that is ready when it has ended cannot be waited for by anything else");
        }
        let within = run.ready.within.unwrap_or(READY_WITHIN);
        for condition in &run.ready.conditions {
            if matches!(condition.value, file::Condition::Running(time) if time >= within) && !self.problems.are_at(condition.place) {
                self.wrong(condition, format!("can never be ready: that is not within {within:?}"));
            }
            if matches!(&condition.value, file::Condition::File(path) | file::Condition::Command(path) if path.trim().is_empty()) {
                self.wrong(condition, "empty: nothing to wait for");
            }
        }
        Run {
            command: run.command.value.clone(),
            files: run.files.iter().map(|(p, c)| (p.value.clone(), c.clone())).collect(),
            environment: run.environment.iter().map(|(k, v)| (k.value.clone(), v.clone())).collect(),
            ready: run.ready.conditions.iter().map(|c| c.value.clone()).collect(),
            within,
        }
    }
}

fn bridge(bridge: &BridgeFile) -> Bridge {
    Bridge {
        name: bridge.name.value.clone(),
        addresses: nets(&bridge.addresses),
        mtu: bridge.mtu,
        mac: bridge.mac.as_ref().map(|m| m.value.clone()),
    }
}

fn nets(addresses: &[At<Option<IpNet>>]) -> Vec<IpNet> {
    addresses.iter().filter_map(|a| a.value).collect()
}

/// Names that `ip -batch` could misread stand for themselves only in labrun; the kernel's name is
/// another then.
fn handle(name: &str, index: usize) -> Handle {
    let plain = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    // The underscore keeps it apart from every plain name.
    Handle(if plain { name.into() } else { format!("_node-{index}") })
}

/// `net.ipv4.conf.all.rp_filter` as a path; with a `/` in it, it is one already (sysctl(8)).
fn sysctl_path(key: &str) -> String {
    if key.contains('/') { key.into() } else { key.replace('.', "/") }
}

fn is_link_local(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}
