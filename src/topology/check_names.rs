//! Checking what must be unique: interface names in a namespace, addresses in a network.

use crate::topology::check::Check;
use crate::topology::model::*;
use crate::yaml::diagnostic::Spanned;
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

    /// No address twice in one broadcast domain, no hardware address twice at all.
    pub(crate) fn addresses(&self) {
        let mut addresses: BTreeMap<(String, IpAddr), u64> = BTreeMap::new();
        let mut macs: BTreeMap<&str, u64> = BTreeMap::new();
        // The broadcast domain, the addresses and the hardware address of every interface.
        type Interface<'a> = (String, &'a [Spanned<Option<IpNet>>], Option<&'a Spanned<String>>);
        let mut interfaces: Vec<Interface> = Vec::new();
        for bridge in &self.file.bridges {
            interfaces.push((bridge.name.value.clone(), &bridge.addresses, bridge.mac.as_ref()));
        }
        for node in &self.file.nodes {
            let own = format!("{}/{LOOPBACK}", node.name.value);
            interfaces.push((own, &node.loopback, None));
            for link in &node.links {
                let here = format!("{}/{}", node.name.value, link.name.value);
                let domain = match (&link.bridge, &link.peer) {
                    (Some(bridge), _) => bridge.value.clone(),
                    (None, Some(peer)) => here.clone().min(peer.value.clone()),
                    (None, None) => here,
                };
                interfaces.extend(link.vlans.iter().map(|vlan| {
                    (format!("{domain}.{}", vlan.id), vlan.addresses.as_slice(), None)
                }));
                interfaces.push((domain, &link.addresses, link.mac.as_ref()));
            }
        }
        for (domain, list, mac) in interfaces {
            for address in list {
                let Some(net) = address.value else { continue };
                if let Some(first) =
                    addresses.insert((domain.clone(), net.addr()), address.position.line)
                {
                    self.diagnostics.wrong(
                        address,
                        format!(
                            "`{}` is taken in the same network already, in line {first}",
                            net.addr()
                        ),
                    );
                }
            }
            if let Some(mac) = mac
                && !mac.is_empty()
                && let Some(first) = macs.insert(mac, mac.position.line)
            {
                self.diagnostics
                    .wrong(mac, format!("`{}` is taken already, in line {first}", mac.value));
            }
        }
    }
}
