//! Checking what must be unique: interface names in a namespace, addresses in a network.

use crate::topology::check::Check;
use crate::topology::file::{LinkFile, NodeFile};
use crate::topology::file_device::{DeviceFile, known};
use crate::topology::model::*;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::tree::Position;
use crate::yaml::values;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

impl Check<'_> {
    /// Interface names must be fit for the kernel and unique in their namespace.
    pub(crate) fn interface_names(&self) {
        let mut own: Vec<(&Spanned<String>, &str)> =
            self.file.bridges.iter().map(|b| (&b.name, "a bridge")).collect();
        for node in &self.file.nodes {
            self.vlan_names(node);
            for link in &node.links {
                own.extend(link.port.iter().map(|port| (port, "a port")));
                if node.name.value == GLOBAL {
                    own.push((&link.name, "a link of `global`"));
                    own.extend(link.vlans.iter().map(|vlan| (&vlan.name, "a VLAN of `global`")));
                } else if let Err(message) = values::link_name(&link.name) {
                    self.diagnostics.wrong(&link.name, message);
                }
            }
        }
        let mut seen: BTreeMap<&str, (&Spanned<String>, &str)> = BTreeMap::new();
        for (name, what) in own {
            if let Err(message) = values::link_name(name) {
                self.diagnostics.wrong(name, message);
            } else if let Some((first, other)) = seen.get(name.as_str()) {
                let message = format!(
                    "`{}` is the name of {other} too (line {}); both stand in the lab's own namespace",
                    name.value, first.position.line
                );
                self.diagnostics.wrong(name, message);
            } else {
                seen.insert(name, (name, what));
            }
        }
    }

    /// No address twice in one broadcast domain, unless that is meant; no hardware address twice at
    /// all.
    pub(crate) fn addresses(&self) {
        let mut macs: BTreeMap<&str, u64> = BTreeMap::new();
        let interfaces = self.interfaces();
        for mac in interfaces.iter().filter_map(|interface| interface.mac) {
            if !mac.is_empty()
                && let Some(first) = macs.insert(mac, mac.position.line)
            {
                self.diagnostics
                    .wrong(mac, format!("`{}` is taken already, in line {first}", mac.value));
            }
        }
        let mut taken: BTreeMap<(&str, IpAddr), Vec<Taken>> = BTreeMap::new();
        for interface in &interfaces {
            for address in interface.addresses {
                let Some(net) = address.value else { continue };
                let all = taken.entry((&interface.domain, net.addr())).or_default();
                all.push((address, interface.duplicate));
            }
        }
        // Whether the address that a link says so of is taken by another indeed.
        let mut duplicates: BTreeMap<Position, (&Spanned<bool>, bool)> = BTreeMap::new();
        for ((_, address), all) in &taken {
            let meant: Vec<&Spanned<bool>> =
                all.iter().filter_map(|(_, duplicate)| *duplicate).collect();
            for one in &meant {
                duplicates.entry(one.position).or_insert((one, false)).1 |= all.len() > 1;
            }
            for (at, _) in all.iter().skip(1).filter(|_| meant.is_empty()) {
                let first = all[0].0.position.line;
                self.diagnostics.wrong(
                    at,
                    format!("`{address}` is taken in the same network already, in line {first}; if that is meant, one of the links says `duplicate: true`"),
                );
            }
        }
        for (at, _) in duplicates.values().filter(|(_, found)| !found) {
            self.diagnostics.wrong(at, "nobody else in the same network has one of its addresses");
        }
    }

    /// Everything that has addresses.
    fn interfaces(&self) -> Vec<Interface<'_>> {
        let mut interfaces: Vec<Interface> = Vec::new();
        for bridge in &self.file.bridges {
            interfaces.push(Interface {
                domain: bridge.name.value.clone(),
                addresses: &bridge.addresses,
                mac: bridge.mac.as_ref(),
                duplicate: None,
            });
        }
        for node in &self.file.nodes {
            let own = format!("{}/{LOOPBACK}", node.name.value);
            interfaces.push(Interface {
                domain: own,
                addresses: &node.loopback,
                mac: None,
                duplicate: None,
            });
            for link in &node.links {
                let domain = domain(node, link);
                let duplicate = link.duplicate.as_ref().filter(|duplicate| duplicate.value);
                interfaces.extend(link.vlans.iter().map(|vlan| Interface {
                    domain: format!("{domain}.{}", vlan.id),
                    addresses: &vlan.addresses,
                    mac: None,
                    duplicate,
                }));
                let mac = link.mac.as_ref();
                interfaces.push(Interface { domain, addresses: &link.addresses, mac, duplicate });
            }
        }
        interfaces
    }
}

/// The broadcast domain of `link` of `node`: that of its bridge, its cable, or of the link that it is made on.
fn domain(node: &NodeFile, link: &LinkFile) -> String {
    let shares =
        |device: &&DeviceFile| known(&device.kind).is_some_and(|kind| !kind.modes.is_empty());
    let on = link.device.as_ref().filter(shares).and_then(|device| device.on.as_ref());
    let below = on.and_then(|on| node.links.iter().find(|one| one.name.value == on.value));
    let link = below.filter(|below| below.device.is_none()).unwrap_or(link);
    let here = format!("{}/{}", node.name.value, link.name.value);
    match (&link.bridge, &link.peer) {
        (Some(bridge), _) => bridge.value.clone(),
        (None, Some(peer)) => here.min(peer.value.clone()),
        (None, None) => here,
    }
}

/// An address that an interface has, and whether that says that others have it, too.
type Taken<'a> = (&'a Spanned<Option<IpNet>>, Option<&'a Spanned<bool>>);

/// What has addresses.
struct Interface<'a> {
    /// The broadcast domain.
    domain: String,
    addresses: &'a [Spanned<Option<IpNet>>],
    mac: Option<&'a Spanned<String>>,
    /// Where it says that others may have its addresses.
    duplicate: Option<&'a Spanned<bool>>,
}
