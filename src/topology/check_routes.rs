//! Checking routes and routing rules: where they lead, and by which table.

use crate::topology::check::Check;
use crate::topology::file::{LinkFile, NodeFile};
use crate::topology::file_routes::{HopFile, RouteFile, RuleFile, TYPES};
use crate::topology::model::*;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::tree;
use ipnet::IpNet;
use std::net::IpAddr;

impl Check<'_> {
    pub(crate) fn route(&self, node: &NodeFile, route: &RouteFile) -> Route {
        let destination = (route.to.position != tree::Position::default())
            .then_some(&route.to.value)
            .and_then(|to| to.as_ref());
        if let Some(kind) = &route.kind
            && !TYPES.contains(&kind.as_str())
        {
            self.diagnostics.unknown("type of route", kind, TYPES.into_iter());
        }
        let networks = self.networks(node);
        for hop in &route.hops {
            if let Some(dev) = &hop.dev {
                self.link_of(node, dev);
            }
            if let Some(at @ Spanned { value: Some(via), .. }) = &hop.via {
                self.hop(node, route, hop, (at, via), &networks);
            }
        }
        let hops: Vec<Hop> = route.hops.iter().map(checked).collect();
        if let Some(at) = hops.first().and_then(|first| differing(first, &hops)) {
            let at = route.hops[at].via.as_ref().expect("it has an address");
            self.diagnostics.wrong(at, "all next hops of a route are of one IP version");
        }
        Route {
            to: destination.copied(),
            hops,
            kind: route.kind.as_ref().map(|kind| kind.value.clone()),
            src: route.src.as_ref().and_then(|s| s.value),
            metric: route.metric,
            table: route.table.as_ref().map(|table| table.value as u32),
        }
    }

    /// A next hop must be where the node can send to by itself.
    fn hop(
        &self,
        node: &NodeFile,
        route: &RouteFile,
        hop: &HopFile,
        (at, via): (&Spanned<Option<IpAddr>>, &IpAddr),
        networks: &[(&str, &IpNet)],
    ) {
        let wrong = |message: String| self.diagnostics.wrong(at, message);
        let mut near = networks.iter().filter(|(link, net)| *link != LOOPBACK && net.contains(via));
        if route.to.value.is_some_and(|net| net.addr().is_ipv4() != via.is_ipv4()) {
            wrong(format!("the next hop `{via}` is of another IP version than the destination"));
        } else if is_link_local(via) && hop.dev.is_none() {
            wrong(format!("the next hop `{via}` is link-local: say on which link with `dev`"));
        } else if node.links.iter().flat_map(LinkFile::all_addresses).any(|a| a.value.is_none()) {
            // Which networks it is in can be told when its addresses are right.
        } else if !is_link_local(via) && near.clone().next().is_none() && hop.dev.is_none() {
            wrong(format!(
                "the next hop `{via}` is in none of the networks of `{}`",
                node.name.value
            ));
        } else if networks.iter().any(|(_, net)| net.addr() == *via) {
            wrong(format!("the next hop `{via}` is the node itself"));
        } else if hop.dev.is_none()
            && let own = route.table.as_ref().map(|table| table.value)
            && let Some((link, vrf, table)) = near.clone().find_map(|(link, _)| vrf(node, link))
            && own != Some(table)
            && near.all(|(link, _)| vrf_table(node, link) != own)
        {
            wrong(format!(
                "the next hop `{via}` is on `{link}`, which belongs to the VRF `{vrf}`: such a route needs `table: {table}`"
            ));
        }
    }

    pub(crate) fn rule(&self, node: &NodeFile, rule: &RuleFile) -> Rule {
        if let Some(iif) = &rule.iif {
            self.link_of(node, iif);
        }
        let net = |field: &Option<Spanned<Option<IpNet>>>| field.as_ref().and_then(|net| net.value);
        let (from, to) = (net(&rule.from), net(&rule.to));
        if let (Some(from), Some(to), Some(at)) = (from, to, &rule.to)
            && from.addr().is_ipv4() != to.addr().is_ipv4()
        {
            self.diagnostics.wrong(at, "`from` and `to` are of different IP versions");
        }
        Rule {
            from,
            to,
            iif: rule.iif.as_ref().map(|iif| iif.value.clone()),
            fwmark: rule.fwmark,
            table: rule.table as u32,
            priority: rule.priority.map(|priority| priority as u32),
        }
    }

    /// Nothing of IPv6 is said of a node that has none.
    pub(crate) fn only_ipv4(&self, node: &NodeFile) {
        let wrong = |position, path: &str| {
            self.diagnostics.add(position, path, "a node with `ipv6: false` has no IPv6");
        };
        let bridges = self.file.bridges.iter().filter(|_| node.name.value == GLOBAL);
        let addresses = node.links.iter().flat_map(LinkFile::all_addresses).chain(&node.loopback);
        let addresses = addresses.chain(bridges.flat_map(|bridge| &bridge.addresses));
        let rules = node.rules.iter().flat_map(|rule| rule.from.iter().chain(&rule.to));
        let nets = addresses.chain(node.routes.iter().map(|route| &route.to)).chain(rules);
        for net in nets.filter(|net| net.value.is_some_and(|net| net.addr().is_ipv6())) {
            wrong(net.position, &net.path);
        }
        let hops = node.routes.iter().flat_map(|route| &route.hops);
        let tunnels =
            node.devices().flat_map(|(_, device)| device.local.iter().chain(&device.remote));
        let ends = hops.filter_map(|hop| hop.via.as_ref()).chain(tunnels);
        for end in ends.filter(|end| end.value.is_some_and(|end| end.is_ipv6())) {
            wrong(end.position, &end.path);
        }
    }

    /// `link` must be an interface of `node`.
    fn link_of(&self, node: &NodeFile, link: &Spanned<String>) {
        let bridges = self.file.bridges.iter().map(|bridge| bridge.name.as_str());
        let bridges = bridges.filter(|_| node.name.value == GLOBAL);
        let known: Vec<&str> = node.interfaces().chain(bridges).chain([LOOPBACK]).collect();
        if !known.contains(&link.as_str()) {
            let what = format!("link of `{}`", node.name.value);
            self.diagnostics.unknown(&what, link, known.iter().copied());
        }
    }

    /// The networks of `node`, each with its interface.
    pub(crate) fn networks<'a>(&'a self, node: &'a NodeFile) -> Vec<(&'a str, &'a IpNet)> {
        let mut networks: Vec<(&str, &IpNet)> = Vec::new();
        let mut add = |link: &'a str, addresses: &'a [Spanned<Option<IpNet>>]| {
            networks.extend(addresses.iter().filter_map(|a| Some((link, a.value.as_ref()?))));
        };
        add(LOOPBACK, &node.loopback);
        for link in &node.links {
            add(&link.name, &link.addresses);
            link.vlans.iter().for_each(|vlan| add(&vlan.name, &vlan.addresses));
        }
        if node.name.value == GLOBAL {
            self.file.bridges.iter().for_each(|bridge| add(&bridge.name, &bridge.addresses));
        }
        networks
    }
}

fn checked(hop: &HopFile) -> Hop {
    Hop {
        via: hop.via.as_ref().and_then(|via| via.value),
        dev: hop.dev.as_ref().map(|dev| dev.value.clone()),
        weight: hop.weight,
    }
}

/// Which of `hops` is of another IP version than the `first`.
fn differing(first: &Hop, hops: &[Hop]) -> Option<usize> {
    let version = |hop: &Hop| hop.via.map(|via| via.is_ipv4());
    hops.iter().position(|hop| version(hop).is_some() && version(hop) != version(first))
}

/// The VRF that the interface `link` of `node` belongs to, and its table.
fn vrf<'n>(node: &'n NodeFile, link: &'n str) -> Option<(&'n str, &'n str, i64)> {
    node.devices().find_map(|(vrf, device)| {
        let table = device.table.as_ref().filter(|_| device.kind.value == "vrf")?.value;
        device.ports.iter().any(|(port, _)| port.value == link).then_some((
            link,
            vrf.name.as_str(),
            table,
        ))
    })
}

fn vrf_table(node: &NodeFile, link: &str) -> Option<i64> {
    vrf(node, link).map(|(_, _, table)| table)
}

fn is_link_local(address: &IpAddr) -> bool {
    matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local())
}
