//! The `ip` commands that make the links which no cable leads to.

use crate::compile::plan::{details, words};
use crate::topology::device::{Device, Kind, PortOptions, Switch};
use crate::topology::model::{Node, Topology, Vlan};

/// What a tap device carries if nothing is said of it, in bytes.
const ETHERNET: i64 = 1500;

/// What makes the interfaces inside of `node`, and then what they consist of.
pub fn devices(node: &Node) -> Vec<Vec<String>> {
    let mut lines: Vec<Vec<String>> =
        node.links.iter().flat_map(|link| vlans(&link.name, &link.vlans)).collect();
    // What is on another comes after it.
    let mut left: Vec<&Device> = node.devices.iter().collect();
    while !left.is_empty() {
        let is_left = |name: &str| {
            let has = |device: &Device| device.vlans.iter().any(|vlan| vlan.name == name);
            left.iter().any(|device| device.name == name || has(device))
        };
        let next = left.iter().position(|device| !device.on.as_deref().is_some_and(is_left));
        let device = left.remove(next.expect("a checked link is not on itself"));
        lines.extend(made(device));
        lines.extend(vlans(&device.name, &device.vlans));
    }
    for Device { name, ports, port_options, .. } in &node.devices {
        let joins = |port: &String| words(&format!("link set dev {port} master {name}"));
        lines.extend(ports.iter().map(joins));
        lines.extend(port_options.iter().filter_map(|(port, options)| of_port(port, options)));
    }
    lines
}

/// The links that something outside of the lab has to do with: of each what it is, the namespace, the name, and the
/// largest packet or the interface of the machine.
pub fn outside(lab: &Topology) -> Vec<String> {
    let of = |node: &Node, device: &Device| {
        let what = match &device.kind {
            Kind::Uplink => device.mtu.unwrap_or(ETHERNET).to_string(),
            Kind::Lent { device } => device.clone(),
            _ => return None,
        };
        Some([device.kind.name().into(), node.netns.0.clone(), device.name.clone(), what])
    };
    lab.devices().filter_map(|(node, device)| of(node, device)).flatten().collect()
}

fn vlans(link: &str, vlans: &[Vlan]) -> impl Iterator<Item = Vec<String>> {
    vlans.iter().map(move |Vlan { name, id, .. }| {
        words(&format!("link add link {link} name {name} type vlan id {id}"))
    })
}

fn made(device: &Device) -> Vec<Vec<String>> {
    let details = details(device.mtu, device.mac.as_deref());
    let mut options = String::new();
    let mut add = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            options.push_str(&format!(" {key} {value}"));
        }
    };
    let mut parent = None;
    match &device.kind {
        Kind::Bridge(switch) => options = self::options(switch),
        // How often it looks at the links, which it would otherwise never do.
        Kind::Bond { mode } => add("mode", Some(format!("{mode} miimon 100"))),
        Kind::Dummy | Kind::Wireguard { .. } => {}
        Kind::Tap | Kind::Uplink => {
            let name = &device.name;
            let lines = [
                format!("tuntap add dev {name} mode tap"),
                format!("link set dev {name}{details}"),
            ];
            return lines.iter().map(|line| words(line)).collect();
        }
        // It is there already.
        Kind::Lent { .. } => return Vec::new(),
        Kind::Gre { local, remote, key } => {
            add("local", Some(local.to_string()));
            add("remote", Some(remote.to_string()));
            add("key", key.map(|key| key.to_string()));
        }
        Kind::Ipvlan { mode } | Kind::Macvlan { mode } => {
            parent = device.on.as_ref();
            add("mode", Some(mode.clone()));
        }
        Kind::Vrf { table } => add("table", Some(table.to_string())),
        Kind::Vxlan { id, local, remote, dstport } => {
            add("id", Some(id.to_string()));
            add("local", local.map(|local| local.to_string()));
            let group = remote.is_some_and(|remote| remote.is_multicast());
            let word = if group { "group" } else { "remote" };
            add(word, remote.map(|remote| remote.to_string()));
            add("dev", device.on.clone());
            add("dstport", Some(dstport.to_string()));
        }
    }
    let parent = parent.map(|parent| format!("link {parent} ")).unwrap_or_default();
    let (kind, name) = (device.kind.name(), &device.name);
    vec![words(&format!("link add {parent}name {name}{details} type {kind}{options}"))]
}

/// How the port of a bridge works, if it is not as it is anyway.
pub fn of_port(port: &str, options: &PortOptions) -> Option<Vec<String>> {
    let set = |name: &str, value: Option<bool>| {
        value
            .map(|value| format!(" {name} {}", if value { "on" } else { "off" }))
            .unwrap_or_default()
    };
    let options = [
        set("isolated", options.isolated.then_some(true)),
        set("locked", options.locked.then_some(true)),
        set("learning", options.learning),
    ];
    let options = options.concat();
    (!options.is_empty()).then(|| words(&format!("link set dev {port} type bridge_slave{options}")))
}

/// How a bridge works. Without a querier, snooping only loses multicast, so without any of this it is a plain switch.
pub fn options(switch: &Switch) -> String {
    let mut options = format!(" mcast_snooping {}", u8::from(switch.snooping));
    let mut set = |name: &str, value: Option<u32>| {
        if let Some(value) = value {
            options.push_str(&format!(" {name} {value}"));
        }
    };
    set("mcast_querier", switch.querier.then_some(1));
    set("stp_state", switch.stp.then_some(1));
    set("forward_delay", switch.forward_delay);
    set("priority", switch.priority.map(u32::from));
    set("vlan_filtering", switch.vlan_filtering.then_some(1));
    options
}

#[cfg(test)]
mod tests {
    use crate::compile::plan::{Action, plan};
    use crate::lab::check::lab;

    /// What the links of a node with these `links` become, and the kernel features that they need.
    fn made(links: &str) -> (Vec<String>, Vec<String>) {
        let cables = "e1: {peer: b/e1}, e2: {peer: b/e2, vlans: {7: {}}}";
        let text = format!(
            "lab: x\nnodes:\n  b: {{links: {{e1: {{peer: a/e1}}, e2: {{peer: a/e2}}}}}}\n  a: {{links: {{{links}, {cables}}}}}\n"
        );
        let lab = lab(&text, "x").unwrap_or_else(|mistakes| panic!("{mistakes:#?}\n{text}"));
        let lines = plan(&lab.topology).actions.into_iter().find_map(|action| match action {
            Action::Devices(_, lines) => Some(lines.iter().map(|line| line.join(" ")).collect()),
            _ => None,
        });
        (lines.unwrap(), lab.topology.kernel)
    }

    #[test]
    fn links_are_made_before_others_join_them() {
        let (lines, kernel) = made(
            "br0: {kind: bridge, mac: \"02:00:00:00:00:01\", ports: [e1, d0], vlans: {9: {}}}, d0: {kind: dummy, mac: \"02:00:00:00:00:02\", mtu: 1400}, \
             red: {kind: vrf, mac: \"02:00:00:00:00:03\", table: 10, ports: [e2.7, br0]}",
        );
        let expected = [
            "link add link e2 name e2.7 type vlan id 7",
            "link add name br0 address 02:00:00:00:00:01 type bridge mcast_snooping 0",
            "link add link br0 name br0.9 type vlan id 9",
            "link add name d0 mtu 1400 address 02:00:00:00:00:02 type dummy",
            "link add name red address 02:00:00:00:00:03 type vrf table 10",
            "link set dev e1 master br0",
            "link set dev d0 master br0",
            "link set dev e2.7 master red",
            "link set dev br0 master red",
        ];
        assert_eq!(lines, expected);
        assert_eq!(kernel, ["vlan", "bridge", "dummy", "vrf"]);
    }
}
