//! A lab's topology for programs. Names are those of the lab file, whatever they hold.

use crate::graph::picture::{ports, runs_subject};
use crate::lab::model::Lab;
use crate::topology::device::Device;
use crate::topology::model::{End, Link, Node, Service, Vlan};
use ipnet::IpNet;
use serde_json::{Value, json};

pub fn describe(lab: &Lab) -> Value {
    let bridges = lab.topology.bridges.iter().map(
        |b| json!({"name": b.name, "addresses": texts(&b.addresses), "mtu": b.mtu, "mac": b.mac}),
    );
    json!({
        "lab": lab.name,
        "about": lab.about,
        "subject": lab.topology.subject.as_ref().map(|s| &s.program),
        "bridges": bridges.collect::<Vec<_>>(),
        "nodes": lab.topology.nodes.iter().map(|n| node(lab, n)).collect::<Vec<_>>(),
    })
}

fn node(lab: &Lab, node: &Node) -> Value {
    let services: Vec<&Service> =
        lab.topology.services.iter().filter(|s| s.node == node.netns).collect();
    json!({
        "name": node.name,
        "forward": node.forward,
        "loopback": texts(&node.loopback),
        "nft": node.nft.is_some(),
        "subject": services.iter().any(|s| runs_subject(lab, s)),
        "links": node.links.iter().map(|l| link(lab, l)).collect::<Vec<_>>(),
        "devices": node.devices.iter().map(device).collect::<Vec<_>>(),
        "services": services.iter().map(|s| service(lab, s)).collect::<Vec<_>>(),
    })
}

fn device(device: &Device) -> Value {
    json!({
        "name": device.name,
        "kind": device.kind.name(),
        "ports": device.ports,
        "addresses": texts(&device.addresses),
        "mtu": device.mtu,
        "mac": device.mac,
        "vlans": vlans(&device.vlans),
    })
}

fn vlans(vlans: &[Vlan]) -> Value {
    let vlan = |v: &Vlan| json!({"id": v.id, "name": v.name, "addresses": texts(&v.addresses)});
    vlans.iter().map(vlan).collect()
}

fn link(lab: &Lab, link: &Link) -> Value {
    let mut value = json!({"name": link.name, "addresses": texts(&link.addresses), "mtu": link.mtu, "mac": link.mac});
    value["vlans"] = vlans(&link.vlans);
    if let Some(impair) = &link.impair {
        value["impair"] = json!(impair.about().join(", "));
    }
    match &link.end {
        End::Port { bridge, port } => {
            value["bridge"] = json!(bridge);
            value["port"] = json!(port);
        }
        End::Peer { node, link } => {
            value["peer"] = json!({"node": lab.topology.nodes[*node].name, "link": link})
        }
    }
    value
}

fn service(lab: &Lab, service: &Service) -> Value {
    let [udp, tcp] = ports(service);
    json!({"name": service.name, "udp": udp, "tcp": tcp, "subject": runs_subject(lab, service)})
}

fn texts(addresses: &[IpNet]) -> Vec<String> {
    addresses.iter().map(|a| a.to_string()).collect()
}
