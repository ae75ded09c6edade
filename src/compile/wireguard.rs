//! What gives WireGuard links their keys and peers, with wg(8).

use crate::quote::shell;
use crate::topology::device::{Device, Kind};
use crate::topology::model::{Node, Topology};

/// The program that does it, and its package.
pub const COMMAND: (&str, &str) = ("wg", "wireguard-tools");

/// The links that have keys, with their nodes.
fn tunnels(lab: &Topology) -> impl Iterator<Item = (&Node, &Device)> {
    lab.devices()
        .filter(|(_, device)| matches!(&device.kind, Kind::Wireguard { port: Some(_), .. }))
}

/// Whether any link of `lab` has keys.
pub fn has_keys(lab: &Topology) -> bool {
    tunnels(lab).next().is_some()
}

/// The lines of shell that make a key for each link, which nobody but root of the lab can read, and then
/// tell each of its peers. A lab that is made anew has new keys.
pub fn lines(lab: &Topology) -> Vec<String> {
    if !has_keys(lab) {
        return Vec::new();
    }
    let file = |node: &str, link: &str| {
        format!("\"$STATE/private/keys/\"{}", shell(&format!("{node}@{link}")))
    };
    let mut lines = vec!["(umask 077 && try 'cannot make a folder for keys' mkdir -p \"$STATE/private/keys\") || return".to_string()];
    let cannot = |node: &str, link: &str| shell(&format!("cannot make the key of {node}/{link}"));
    for (node, device) in tunnels(lab) {
        let file = file(&node.name, &device.name);
        lines.push(format!(
            "try {} eval {} || return",
            cannot(&node.name, &device.name),
            shell(&format!("umask 077; wg genkey >{file}"))
        ));
    }
    for (node, device) in tunnels(lab) {
        let Kind::Wireguard { port: Some(port), peers } = &device.kind else { continue };
        let mut line = format!(
            "try {} in_node {} wg set {} listen-port {port} private-key {}",
            shell(&format!(
                "wg(8) does not take the keys and peers of {}/{}",
                node.name, device.name
            )),
            shell(&node.netns.0),
            shell(&device.name),
            file(&node.name, &device.name)
        );
        for peer in peers {
            let allowed: Vec<String> = peer.allowed.iter().map(|net| net.to_string()).collect();
            line += &format!(
                " peer \"$(wg pubkey <{})\" allowed-ips {}",
                file(&peer.node, &peer.link),
                allowed.join(",")
            );
            if let Some(endpoint) = peer.endpoint {
                line += &format!(" endpoint {}", shell(&endpoint.to_string()));
            }
            if let Some(keepalive) = peer.keepalive {
                line += &format!(" persistent-keepalive {keepalive}");
            }
        }
        lines.push(line + " || return");
    }
    lines
}
