//! Checking a topology: every reference resolved, every rule applied.

use crate::topology::check_device::switch;
use crate::topology::file::{BridgeFile, LinkFile, NodeFile, TopologyFile};
use crate::topology::model::*;
use crate::topology::vlan;
use crate::yaml::diagnostic::{Diagnostics, Spanned};
use crate::yaml::values;
use ipnet::IpNet;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};

/// What can be found out about a kernel (`compile::kernel`).
pub const KERNEL_FEATURES: [&str; 20] = [
    "bond",
    "bridge",
    "dummy",
    "gre",
    "ifb",
    "ipvlan",
    "macvlan",
    "nat",
    "netem",
    "nftables",
    "ppp",
    "pppoe",
    "tbf",
    "tun",
    "veth",
    "vlan",
    "vlan-filtering",
    "vrf",
    "vxlan",
    "wireguard",
];

/// The checked topology of the lab of this name. What is wrong with it is among `diagnostics`; then
/// it is of no use.
pub fn topology(lab: &str, file: &TopologyFile, diagnostics: &Diagnostics) -> Topology {
    let nodes = file.nodes.iter().enumerate();
    let nodes = nodes.rev().map(|(index, node)| (node.name.as_str(), index)).collect();
    let bridges = file.bridges.iter().map(|bridge| bridge.name.as_str()).collect();
    Check { lab, file, diagnostics, nodes, bridges }.topology()
}

/// The topology being checked.
pub(crate) struct Check<'a> {
    lab: &'a str,
    pub(crate) file: &'a TopologyFile,
    pub(crate) diagnostics: &'a Diagnostics,
    /// The places of the nodes in the file, by name.
    nodes: HashMap<&'a str, usize>,
    bridges: HashSet<&'a str>,
}

impl Check<'_> {
    fn topology(&self) -> Topology {
        let nodes = self.nodes();
        self.file.bridges.iter().for_each(|bridge| self.switch(&bridge.switch));
        self.interface_names();
        self.addresses();
        Topology {
            commands: self.commands(),
            kernel: self.kernel(),
            subject: self.subject(),
            private: self.private(),
            files: self.files(),
            pass_env: self.pass_env(),
            writable: self.writable(),
            uplinks: self.uplinks(),
            lent: self.lent(),
            bridges: self.file.bridges.iter().map(bridge).collect(),
            nodes,
            services: self.services(),
        }
    }

    fn commands(&self) -> Vec<(String, String)> {
        for (command, _) in &self.file.commands {
            if let Err(message) = values::command_or_path(command) {
                self.diagnostics.wrong(command, message);
            }
        }
        self.file
            .commands
            .iter()
            .map(|(command, package)| (command.value.clone(), package.clone()))
            .collect()
    }

    fn kernel(&self) -> Vec<String> {
        for feature in &self.file.kernel {
            if !KERNEL_FEATURES.contains(&feature.as_str()) {
                self.diagnostics.unknown("kernel feature", feature, KERNEL_FEATURES.into_iter());
            }
        }
        let mut kernel: Vec<String> = self.file.kernel.iter().map(|f| f.value.clone()).collect();
        let links = || self.file.nodes.iter().flat_map(|node| &node.links);
        let vlans = links().any(|link| !link.vlans.is_empty());
        let queues = links().filter_map(|link| Some(link.impair.as_ref()?.feature()));
        let ids = self.file.ids.then_some("ids");
        for feature in vlans
            .then_some(vlan::FEATURE)
            .into_iter()
            .chain(ids)
            .chain(self.device_features())
            .chain(queues)
        {
            if !kernel.iter().any(|known| known == feature) {
                kernel.push(feature.into());
            }
        }
        kernel
    }

    fn subject(&self) -> Option<Subject> {
        let subject = self.file.subject.as_ref()?;
        self.diagnostics.name("program", &subject.program);
        Some(Subject {
            program: subject.program.value.clone(),
            stand_in: subject
                .stand_in
                .as_ref()
                .map(|(p, package)| (p.value.clone(), package.clone())),
            go_modules: subject.go_modules.clone(),
            cargo_packages: subject.cargo_packages.clone(),
            files: subject.files.clone(),
            builds: subject.builds.clone(),
        })
    }

    fn nodes(&self) -> Vec<Node> {
        self.file.nodes.iter().enumerate().map(|(i, node)| self.node(i, node)).collect()
    }

    fn node(&self, index: usize, node: &NodeFile) -> Node {
        if let Err(message) = values::node_name(&node.name) {
            self.diagnostics.wrong(&node.name, message);
        }
        if node.ipv6.as_ref().is_some_and(|ipv6| !ipv6.value) {
            self.only_ipv4(node);
        }
        self.uplink(node);
        for (key, value) in &node.sysctls {
            self.sysctl(key, value);
        }
        if let Some(nft) = &node.nft
            && nft.trim().is_empty()
        {
            self.diagnostics.wrong(nft, "an empty ruleset");
        }
        let cables = node.links.iter().filter(|link| link.device.is_none());
        Node {
            name: node.name.value.clone(),
            netns: netns_name(&node.name, index),
            links: cables.map(|link| self.link(node, link)).collect(),
            devices: self.devices(node),
            loopback: nets(&node.loopback),
            routes: node.routes.iter().map(|route| self.route(node, route)).collect(),
            rules: node.rules.iter().map(|rule| self.rule(node, rule)).collect(),
            sysctls: node.sysctls.iter().map(|(k, v)| (sysctl_path(k), v.clone())).collect(),
            forward: node.forward,
            ipv6: node.ipv6.as_ref().is_none_or(|ipv6| ipv6.value),
            nft: node.nft.as_ref().map(|n| n.value.clone()),
        }
    }

    fn sysctl(&self, key: &Spanned<String>, value: &str) {
        let good = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
        let path = sysctl_path(key);
        if !path.starts_with("net/") {
            self.diagnostics.wrong(
                key,
                format!(
                    "`{}`: only `net.` settings belong to a node, the others to the whole machine",
                    key.value
                ),
            );
        } else if !key.chars().all(good)
            || path.split('/').any(|part| part.is_empty() || part == "..")
        {
            self.diagnostics.wrong(
                key,
                format!("`{}` is not a setting such as `net.ipv4.ip_forward`", key.value),
            );
        }
        if value.contains('\n') {
            self.diagnostics.wrong(key, "the value of a setting is one line");
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
            port_options: link.port_options.clone(),
            impair: link.impair.clone(),
            addresses: nets(&link.addresses),
            mtu: link.mtu,
            mac: self.mac(node, link),
            vlans: vlan::model(link),
        }
    }

    /// The hardware address of `link`. One that nobody has chosen is the same in every run, so that
    /// leases and captures are, too.
    pub(crate) fn mac(&self, node: &NodeFile, link: &LinkFile) -> String {
        if let Some(mac) = &link.mac {
            return mac.value.clone();
        }
        let hash = Sha256::digest(format!("{}/{}/{}", self.lab, node.name.value, link.name.value));
        let bytes: Vec<String> = hash[..5].iter().map(|b| format!("{b:02x}")).collect();
        // 02 marks an address that no manufacturer gave out (IEEE 802, local bit).
        format!("02:{}", bytes.join(":"))
    }

    fn port(&self, node: &NodeFile, link: &LinkFile, bridge: &Spanned<String>) -> End {
        if !self.bridges.contains(bridge.as_str()) {
            self.diagnostics.unknown(
                "bridge",
                bridge,
                self.file.bridges.iter().map(|b| b.name.as_str()),
            );
        }
        if node.name.value == GLOBAL {
            self.diagnostics.wrong(
                bridge,
                "the bridges stand in `global` already: give the bridge itself the addresses",
            );
        }
        if link.port.is_none() {
            self.diagnostics.wrong(
                &link.name,
                "the field `port` is missing: what is the bridge's end of the cable called?",
            );
        }
        let port = link.port.as_ref().map_or(String::new(), |p| p.value.clone());
        End::Port { bridge: bridge.value.clone(), port }
    }

    fn peer(&self, node: &NodeFile, link: &LinkFile, peer: &Spanned<String>) -> End {
        let broken = End::Peer { node: 0, link: String::new() };
        if let Some(port) = &link.port {
            self.diagnostics
                .wrong(port, "a `peer` has no `port`: the other end is a link of the other node");
        }
        let Some((other, far)) = peer.rsplit_once('/') else {
            self.diagnostics.wrong(
                peer,
                format!("`{}`: expected NODE/LINK, such as `router/eth0`", peer.value),
            );
            return broken;
        };
        let Some(index) = self.nodes.get(other).copied() else {
            self.diagnostics.unknown(
                "node",
                &peer.with(other.to_string()),
                self.file.nodes.iter().map(|n| n.name.as_str()),
            );
            return broken;
        };
        let other_node = &self.file.nodes[index];
        let back = format!("{}/{}", node.name.value, link.name.value);
        match other_node.links.iter().find(|l| l.name.value == far) {
            _ if back == peer.value => {
                self.diagnostics.wrong(peer, "a link cannot be its own peer")
            }
            None => self.diagnostics.unknown(
                &format!("link of `{other}`"),
                &peer.with(far.to_string()),
                other_node.links.iter().map(|l| l.name.as_str()),
            ),
            Some(far_link) if far_link.peer.as_ref().is_none_or(|p| p.value != back) => {
                self.diagnostics.wrong(
                    peer,
                    format!(
                        "the other end must say so too: `{far}` of `{other}` wants `peer: {back}`"
                    ),
                );
            }
            Some(_) => {}
        }
        End::Peer { node: index, link: far.to_string() }
    }
}

fn bridge(bridge: &BridgeFile) -> Bridge {
    Bridge {
        name: bridge.name.value.clone(),
        addresses: nets(&bridge.addresses),
        mtu: bridge.mtu,
        mac: bridge.mac.as_ref().map(|m| m.value.clone()),
        switch: switch(&bridge.switch),
    }
}

pub(crate) fn nets(addresses: &[Spanned<Option<IpNet>>]) -> Vec<IpNet> {
    addresses.iter().filter_map(|a| a.value).collect()
}

/// Names that `ip -batch` could misread stand for themselves only in labrun; the kernel's name is
/// another then.
pub(crate) fn netns_name(name: &str, index: usize) -> NetnsName {
    let plain = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'));
    // The underscore keeps it apart from every plain name.
    NetnsName(if plain { name.into() } else { format!("_node-{index}") })
}

/// `net.ipv4.conf.all.rp_filter` as a path; with a `/` in it, it is one already (sysctl(8)).
fn sysctl_path(key: &str) -> String {
    if key.contains('/') { key.into() } else { key.replace('.', "/") }
}
