//! Checking tunnels: where they begin and where they lead, and that no two of a node are the same to the kernel.

use crate::topology::check::Check;
use crate::topology::check_device::VXLAN;
use crate::topology::file::{LinkFile, NodeFile};
use crate::topology::file_device::DeviceFile;
use crate::yaml::diagnostic::Spanned;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::IpAddr;

impl Check<'_> {
    /// Both ends must be addresses that there can be, of one IP version.
    pub(crate) fn tunnel(&self, node: &NodeFile, device: &DeviceFile) {
        let end = |end: &Option<Spanned<Option<IpAddr>>>| {
            end.as_ref().and_then(|end| Some((end.clone(), end.value?)))
        };
        let (local, remote) = (end(&device.local), end(&device.remote));
        if let (Some((_, local)), Some((at, remote))) = (&local, &remote)
            && local.is_ipv4() != remote.is_ipv4()
        {
            return self.diagnostics.wrong(at, "`local` and `remote` are of different IP versions");
        }
        for (at, address) in local.iter().chain(&remote) {
            if device.kind.value == "gre" && address.is_ipv6() {
                self.diagnostics.wrong(at, format!("`{address}`: such a tunnel leads over IPv4"));
            }
        }
        if let Some((at, address)) = &local
            && !self.networks(node).iter().any(|(_, net)| net.contains(address))
        {
            let name = &node.name.value;
            let message = format!("`{address}` is in none of the networks of `{name}`");
            self.diagnostics.wrong(at, message);
        }
        let Some((at, address)) = &remote else { return };
        let narrow = address.is_multicast()
            || matches!(address, IpAddr::V6(address) if address.is_unicast_link_local());
        if narrow && device.on.is_none() {
            let message = format!("`{address}` is on a link: say on which with `on`");
            self.diagnostics.wrong(at, message);
        } else if !narrow && !self.is_in_a_network(address) {
            self.diagnostics.wrong(at, format!("`{address}` is in none of the lab's networks"));
        } else if self.networks(node).iter().any(|(_, net)| net.addr() == *address) {
            self.diagnostics.wrong(at, format!("`{address}` is the node itself"));
        }
    }

    fn is_in_a_network(&self, address: &IpAddr) -> bool {
        let nodes = self.file.nodes.iter().flat_map(|node| self.networks(node));
        let bridges = self.file.bridges.iter().flat_map(|bridge| &bridge.addresses);
        let mut bridges = bridges.filter_map(|net| net.value.as_ref());
        let holds = |net: &IpNet| net.contains(address);
        nodes.map(|(_, net)| net).any(holds) || bridges.any(holds)
    }

    /// What a tunnel is known by when a packet comes out of it.
    pub(crate) fn tunnels_of_one(&self, node: &NodeFile) {
        let mut known: BTreeMap<String, &LinkFile> = BTreeMap::new();
        for (link, device) in node.devices() {
            let (local, remote) = (&device.local, &device.remote);
            let (at, by) = match (device.kind.as_str(), &device.id, remote) {
                ("vxlan", Some(id), _) => {
                    let port = device.dstport.unwrap_or(VXLAN);
                    (id.with(()), format!("the number {} on port {port}", id.value))
                }
                ("gre", _, Some(remote)) => {
                    let ends = [local.as_ref().and_then(|local| local.value), remote.value];
                    let key = device.key.map_or("no key".into(), |key| format!("the key {key}"));
                    let [local, remote] =
                        ends.map(|end| end.map_or("?".into(), |end| end.to_string()));
                    (device.kind.with(()), format!("{local}, {remote} and {key}"))
                }
                _ => continue,
            };
            if let Some(first) = known.insert(by.clone(), link) {
                let message = format!("`{}` has {by} already", first.name.value);
                self.diagnostics.wrong(&at, message);
            }
        }
    }
}
