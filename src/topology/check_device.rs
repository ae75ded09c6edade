//! Checking links that no cable leads to: what they are made of, and on.

use crate::topology::check::{Check, nets};
use crate::topology::device::{Device, Kind, Switch};
use crate::topology::file::{LinkFile, NodeFile};
use crate::topology::file_device::{DeviceFile, KINDS, Known, SwitchFile, known};
use crate::topology::{lent, vlan, wireguard};
use crate::yaml::diagnostic::Spanned;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// Tables that the kernel uses for itself: `default`, `main` and `local`.
const RESERVED: std::ops::RangeInclusive<i64> = 253..=255;

/// The UDP port of VXLAN (RFC 7348).
pub(crate) const VXLAN: i64 = 4789;

impl NodeFile {
    /// Its links that no cable leads to.
    pub(crate) fn devices(&self) -> impl Iterator<Item = (&LinkFile, &DeviceFile)> {
        self.links.iter().filter_map(|link| Some((link, link.device.as_ref()?)))
    }
}

impl Check<'_> {
    /// The kernel features that bridges and the links of all nodes need.
    pub(crate) fn device_features(&self) -> impl Iterator<Item = &'static str> {
        let devices = || self.file.nodes.iter().flat_map(|node| node.devices());
        let switches = self.file.bridges.iter().map(|bridge| &bridge.switch);
        let mut switches = switches.chain(devices().map(|(_, device)| &device.switch));
        let filtering = switches.any(|switch| switch.vlan_filtering).then_some("vlan-filtering");
        devices().filter_map(|(_, device)| Some(known(&device.kind)?.feature)).chain(filtering)
    }

    pub(crate) fn devices(&self, node: &NodeFile) -> Vec<Device> {
        self.ports_of_one(node);
        self.tunnels_of_one(node);
        self.wireguard_peers(node);
        let mut tables: BTreeMap<i64, &Spanned<String>> = BTreeMap::new();
        for (link, device) in node.devices() {
            self.device(node, link, device);
            if let ("vrf", Some(table)) = (device.kind.as_str(), &device.table)
                && let Some(first) = tables.insert(table.value, &link.name)
            {
                let message =
                    format!("`{}` is the table of the VRF `{}` already", table.value, first.value);
                self.diagnostics.wrong(table, message);
            }
        }
        node.devices().filter_map(|(link, device)| self.made(node, link, device)).collect()
    }

    fn device(&self, node: &NodeFile, link: &LinkFile, device: &DeviceFile) {
        if link.lent.is_some() {
            return;
        }
        let Some(kind) = known(&device.kind) else {
            let names = KINDS.iter().map(|kind| kind.name);
            return self.diagnostics.unknown("kind of link", &device.kind, names);
        };
        self.switch(&device.switch);
        if let Some(table) = device.table.as_ref().filter(|table| RESERVED.contains(&table.value)) {
            self.diagnostics
                .wrong(table, format!("`{}` is a table of the kernel's own", table.value));
        }
        if let Some(mode) = &device.mode
            && !kind.modes.contains(&mode.as_str())
        {
            let what = format!("mode of a link of the kind `{}`", kind.name);
            self.diagnostics.unknown(&what, mode, kind.modes.iter().copied());
        }
        if let Some(on) = &device.on {
            self.made_on(node, link, kind, on);
        }
        self.tunnel(node, device);
        for (port, options) in &device.ports {
            if let Some(options) = options.as_ref().filter(|_| kind.name != "bridge") {
                self.diagnostics
                    .wrong(options, "only of the port of a bridge is said how it works");
            }
            if port.value == link.name.value {
                self.diagnostics.wrong(port, "a link cannot be its own port");
            } else if !node.interfaces().any(|name| name == port.value) {
                let what = format!("link of `{}`", node.name.value);
                self.diagnostics.unknown(&what, port, node.interfaces());
            } else {
                self.port_of(node, kind, port);
            }
        }
    }

    /// Whether `port`, an interface of `node`, can belong to a link of this kind.
    fn port_of(&self, node: &NodeFile, kind: &Known, port: &Spanned<String>) {
        let link = node.links.iter().find(|link| link.name.value == port.value);
        let of_port = link.and_then(|link| known(&link.device.as_ref()?.kind));
        if kind.name == "vrf" {
            if of_port.is_some_and(|kind| kind.name == "vrf") {
                self.diagnostics.wrong(port, "a VRF cannot belong to another");
            }
            return;
        }
        if of_port.is_some_and(|of| !of.ethernet || of.name == kind.name) {
            let of = of_port.expect("just asked").name;
            let message =
                format!("a link of the kind `{of}` cannot be the port of a {}", kind.name);
            return self.diagnostics.wrong(port, message);
        }
        let vlans = node.links.iter().flat_map(|link| &link.vlans);
        let vlan = vlans.into_iter().find(|vlan| vlan.name.value == port.value);
        let addresses = link.map(|link| &link.addresses).or(vlan.map(|vlan| &vlan.addresses));
        if addresses.is_some_and(|addresses| !addresses.is_empty()) {
            let message = format!(
                "`{}` has addresses, which the kernel does not use at the port of a {}: give them to that",
                port.value, kind.name
            );
            self.diagnostics.wrong(port, message);
        }
    }

    /// Whether `link` can be made on the interface `on` of its node.
    fn made_on(&self, node: &NodeFile, link: &LinkFile, kind: &Known, on: &Spanned<String>) {
        if !node.interfaces().any(|name| name == on.value) {
            let what = format!("link of `{}`", node.name.value);
            return self.diagnostics.unknown(&what, on, node.interfaces());
        }
        // Each is on the one before; more steps than there are links lead round.
        let mut below = on.value.as_str();
        for _ in 0..node.links.len() {
            if owner(node, below) == link.name.value {
                return self.diagnostics.wrong(on, "a link cannot be made on itself");
            }
            let of = node.devices().find(|(one, _)| one.name.value == owner(node, below));
            let Some(next) = of.and_then(|(_, device)| device.on.as_ref()) else { break };
            below = &next.value;
        }
        if kind.modes.is_empty() {
            return;
        }
        let bridge = node.devices().find(|(_, of)| {
            of.kind.value != "vrf" && of.ports.iter().any(|(port, _)| port.value == on.value)
        });
        let other = node.devices().find(|(_, of)| {
            let exclusive = known(&of.kind)
                .is_some_and(|other| !other.modes.is_empty() && other.name != kind.name);
            exclusive && of.on.as_ref().is_some_and(|other| other.value == on.value)
        });
        if let Some((bridge, _)) = bridge {
            let message = format!(
                "`{}` belongs to `{}`, which gets all that it receives",
                on.value, bridge.name.value
            );
            self.diagnostics.wrong(on, message);
        } else if let Some((other, of)) = other {
            let message = format!(
                "`{}`, of the kind `{}`, is on `{}`: the kernel takes one kind only on a link",
                other.name.value, of.kind.value, on.value
            );
            self.diagnostics.wrong(on, message);
        }
    }

    /// An interface belongs to one other at most.
    fn ports_of_one(&self, node: &NodeFile) {
        let mut of: BTreeMap<&str, &str> = BTreeMap::new();
        for (link, device) in node.devices() {
            for (port, _) in &device.ports {
                if let Some(first) = of.insert(&port.value, &link.name.value) {
                    let message = format!("`{}` belongs to `{first}` already", port.value);
                    self.diagnostics.wrong(port, message);
                }
            }
        }
    }

    /// What a bridge says of itself must have an effect.
    pub(crate) fn switch(&self, switch: &SwitchFile) {
        if let Some(querier) = switch.querier.as_ref().filter(|querier| querier.value)
            && !switch.snooping
        {
            self.diagnostics
                .wrong(querier, "a bridge only asks who wants multicast with `snooping: true`");
        }
    }

    /// The checked device; `None` for one that was found to be wrong.
    fn made(&self, node: &NodeFile, link: &LinkFile, device: &DeviceFile) -> Option<Device> {
        let number =
            |number: &Option<Spanned<i64>>| number.as_ref().map(|number| number.value as u32);
        let mode = || {
            let named = device.mode.as_ref().map(|mode| mode.value.clone());
            named.or(known(&device.kind)?.modes.first().map(|mode| mode.to_string()))
        };
        let kind = match device.kind.as_str() {
            "bond" => Kind::Bond { mode: mode()? },
            "tap" if link.uplink.is_some() => Kind::Uplink,
            lent::KIND => Kind::Lent { device: link.lent.as_ref()?.value.clone() },
            "tap" => Kind::Tap,
            "wireguard" => Kind::Wireguard {
                port: wireguard::has_keys(device).then(|| wireguard::port(device) as u16),
                peers: self.checked_peers(node, device),
            },
            "bridge" => Kind::Bridge(switch(&device.switch)),
            "dummy" => Kind::Dummy,
            "gre" => Kind::Gre {
                local: ipv4(&device.local)?,
                remote: ipv4(&device.remote)?,
                key: device.key.map(|key| key as u32),
            },
            "ipvlan" => Kind::Ipvlan { mode: mode()? },
            "macvlan" => Kind::Macvlan { mode: mode()? },
            "vxlan" => Kind::Vxlan {
                id: number(&device.id)?,
                local: device.local.as_ref().and_then(|local| local.value),
                remote: device.remote.as_ref().and_then(|remote| remote.value),
                dstport: device.dstport.unwrap_or(VXLAN) as u16,
            },
            "vrf" => Kind::Vrf { table: number(&device.table)? },
            _ => return None,
        };
        let has_mac = known(&device.kind).is_some_and(|kind| kind.fields.contains(&"mac"));
        Some(Device {
            name: link.name.value.clone(),
            kind,
            addresses: nets(&link.addresses),
            mtu: link.mtu,
            mac: has_mac.then(|| self.mac(node, link)),
            vlans: vlan::model(link),
            ports: device.ports.iter().map(|(port, _)| port.value.clone()).collect(),
            port_options: device
                .ports
                .iter()
                .filter_map(|(port, options)| Some((port.value.clone(), options.clone()?.value)))
                .collect(),
            on: device.on.as_ref().map(|on| on.value.clone()),
        })
    }
}

/// The link that the interface `name` of `node` is, or that it is a VLAN on.
fn owner<'n>(node: &'n NodeFile, name: &'n str) -> &'n str {
    let has = |link: &&LinkFile| link.vlans.iter().any(|vlan| vlan.name.value == name);
    node.links.iter().find(has).map_or(name, |link| &link.name.value)
}

fn ipv4(address: &Option<Spanned<Option<IpAddr>>>) -> Option<Ipv4Addr> {
    match address.as_ref()?.value? {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

pub(crate) fn switch(file: &SwitchFile) -> Switch {
    Switch {
        stp: file.stp,
        priority: file.priority.map(|priority| priority as u16),
        forward_delay: file.forward_delay.map(|delay| (delay.as_millis() / 10) as u32),
        snooping: file.snooping,
        querier: file.querier.as_ref().is_some_and(|querier| querier.value),
        vlan_filtering: file.vlan_filtering,
    }
}
