//! The peers of WireGuard links: read, checked, and which address each is reached at.
//!
//! Keys are made when the lab is set up; the file only says who is whose peer.

use crate::topology::check::Check;
use crate::topology::device::Peer;
use crate::topology::fields::PEER;
use crate::topology::file::{LinkFile, NodeFile};
use crate::topology::file_device::DeviceFile;
use crate::yaml::decode::Reader;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::values;
use ipnet::IpNet;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

const KIND: &str = "wireguard";
/// The UDP port that is taken if none is named.
pub(crate) const PORT: i64 = 51820;

/// An entry of `peers`.
#[derive(Debug, Default)]
pub struct PeerFile {
    /// `NODE/LINK`.
    pub name: Spanned<String>,
    pub allowed: Vec<Spanned<Option<IpNet>>>,
    pub endpoint: Option<Option<IpAddr>>,
    pub keepalive: Option<Duration>,
}

/// Reads `peers`: a mapping from their names.
pub fn peers(reader: Reader) -> Vec<PeerFile> {
    reader.entries(|name, r| {
        let fields = r.fields(&PEER);
        let network = |r: Reader| {
            r.at(r.parsed(|text| match values::destination(text)? {
                None => Err("networks are meant here: `0.0.0.0/0`, `::/0`".to_string()),
                network => Ok(network),
            }))
        };
        PeerFile {
            name,
            allowed: fields.need("allowed", |r| r.one_or_more(network)).unwrap_or_default(),
            endpoint: fields.get("endpoint", |r| r.parsed(|t| values::address(t).map(Some))),
            keepalive: fields.get("keepalive", |r| {
                let time = r.duration(Duration::from_secs(65535));
                if time.subsec_nanos() != 0 {
                    r.wrong("it is in whole seconds, from `1s` to `65535s`");
                }
                time
            }),
        }
    })
}

/// A WireGuard link, and the node that it is in.
type Owned<'f> = (&'f NodeFile, &'f LinkFile, &'f DeviceFile);

impl Check<'_> {
    /// The WireGuard link that `name` means.
    fn wireguard_link(&self, name: &str) -> Option<Owned<'_>> {
        let (node, link) = name.split_once('/')?;
        let node = self.file.nodes.iter().find(|other| other.name.value == node)?;
        let (link, device) = node.devices().find(|(other, _)| other.name.value == link)?;
        (device.kind.value == KIND).then_some((node, link, device))
    }

    /// What a WireGuard link says of its peers must agree with what they say.
    pub(crate) fn wireguard_peers(&self, node: &NodeFile) {
        let mut ports: BTreeMap<i64, &str> = BTreeMap::new();
        for (link, device) in node.devices() {
            if device.kind.value != KIND {
                continue;
            }
            let own = format!("{}/{}", node.name.value, link.name.value);
            if let Some(first) =
                has_keys(device).then(|| ports.insert(port(device), &link.name.value)).flatten()
            {
                let message = format!(
                    "`{}` and `{first}` both listen on UDP port {}: give one another `listen-port`",
                    link.name.value,
                    port(device)
                );
                self.diagnostics.wrong(&link.name, message);
            }
            let mut allowed: BTreeMap<IpNet, &str> = BTreeMap::new();
            for peer in &device.peers {
                self.wireguard_peer(&own, node, peer);
                for network in &peer.allowed {
                    let Some(net) = network.value else { continue };
                    if let Some(first) = allowed.insert(net, &peer.name.value) {
                        let message = format!("`{net}` is allowed to `{first}` already");
                        self.diagnostics.wrong(network, message);
                    }
                }
            }
        }
    }

    fn wireguard_peer(&self, own: &str, node: &NodeFile, peer: &PeerFile) {
        let name = &peer.name;
        let Some((other, _, device)) = self.wireguard_link(name) else {
            let message = format!("`{}` is no link of the kind `{KIND}`, as NODE/LINK", name.value);
            return self.diagnostics.wrong(name, message);
        };
        if name.value == own {
            return self.diagnostics.wrong(name, "a link is no peer of itself");
        }
        let Some(back) = device.peers.iter().find(|back| back.name.value == own) else {
            let message = format!("`{}` does not name `{own}` among its `peers`", name.value);
            return self.diagnostics.wrong(name, message);
        };
        if self.endpoint(node, peer).is_none() && self.endpoint(other, back).is_none() {
            let message = format!(
                "neither end knows where the other one is: no network is common to both nodes, so give `{}` an `endpoint`",
                name.value
            );
            self.diagnostics.wrong(name, message);
        }
    }

    /// Where `node` finds `peer`: at the address that it says, or at the one in a network that is common to both.
    fn endpoint(&self, node: &NodeFile, peer: &PeerFile) -> Option<SocketAddr> {
        let (other, _, device) = self.wireguard_link(&peer.name)?;
        let outer = |node: &'_ NodeFile| -> Vec<IpNet> {
            let carries = |link: &&LinkFile| {
                let tunnel = |device: &DeviceFile| device.kind.value == KIND;
                // The network of an uplink is its own, though all have the same addresses.
                !link.device.as_ref().is_some_and(tunnel) && link.uplink.is_none()
            };
            let links = node.links.iter().filter(carries);
            links
                .flat_map(|link| link.all_addresses())
                .filter_map(|address| address.value)
                .collect()
        };
        let own = outer(node);
        let common = || {
            let near = |net: &IpNet| own.iter().any(|own| own.trunc() == net.trunc());
            outer(other).into_iter().find(near).map(|net| net.addr())
        };
        let address = match peer.endpoint {
            Some(said) => said,
            None => common(),
        };
        Some(SocketAddr::new(address?, port(device) as u16))
    }

    /// The checked peers of a link of `node`.
    pub(crate) fn checked_peers(&self, node: &NodeFile, device: &DeviceFile) -> Vec<Peer> {
        let checked = |peer: &PeerFile| {
            let (node_name, link) = peer.name.value.split_once('/')?;
            Some(Peer {
                node: node_name.into(),
                link: link.into(),
                allowed: peer.allowed.iter().filter_map(|network| network.value).collect(),
                endpoint: self.endpoint(node, peer),
                keepalive: peer.keepalive.map(|time| time.as_secs()),
            })
        };
        device.peers.iter().filter_map(checked).collect()
    }
}

/// Whether it gets a key: if it says anything of peers or of how they reach it.
pub(crate) fn has_keys(device: &DeviceFile) -> bool {
    !device.peers.is_empty() || device.listen_port.is_some()
}

/// The UDP port that a link listens on.
pub(crate) fn port(device: &DeviceFile) -> i64 {
    device.listen_port.unwrap_or(PORT)
}

#[cfg(test)]
mod tests {
    use crate::compile::script;
    use crate::lab::check::lab;
    use crate::steps::Client;

    const LAB: &str = "
lab: x
nodes:
  a:
    links:
      wan: {peer: r/a, addresses: 198.51.100.1/24}
      wg0: {kind: wireguard, peers: {b/wg0: {allowed: [10.9.0.2/32, 10.2.0.0/16], endpoint: 203.0.113.2, keepalive: 25s}}}
      wg1: {kind: wireguard, listen-port: 51821, peers: {r/wg0: {allowed: 10.3.0.0/16}}}
  b: {links: {wan: {peer: r/b, addresses: 203.0.113.2/24}, wg0: {kind: wireguard, listen-port: 7, peers: {a/wg0: {allowed: 10.9.0.1/32}}}}}
  r:
    links:
      a: {peer: a/wan, addresses: 198.51.100.9/24}
      b: {peer: b/wan, addresses: 203.0.113.9/24}
      wg0: {kind: wireguard, peers: {a/wg1: {allowed: 10.4.0.0/16}}}
";

    /// The commands that give the links their keys and peers.
    fn commands(text: &str) -> String {
        let script = script::compile(&lab(text, "f").unwrap(), Client::Dhclient);
        script.lines().filter(|line| line.contains(" wg set ")).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn peers_are_found_where_the_file_says_or_in_a_common_network() {
        let commands = commands(LAB);
        for part in [
            "in_node a wg set wg0 listen-port 51820 private-key",
            "allowed-ips 10.9.0.2/32,10.2.0.0/16 endpoint 203.0.113.2:7 persistent-keepalive 25",
            "in_node a wg set wg1 listen-port 51821",
            "allowed-ips 10.3.0.0/16 endpoint 198.51.100.9:51820 ||",
            "allowed-ips 10.4.0.0/16 endpoint 198.51.100.1:51821 ||",
            // The other end must be the first to speak.
            "allowed-ips 10.9.0.1/32 ||",
        ] {
            assert!(commands.contains(part), "{part} is not in\n{commands}");
        }
        let none = self::commands("lab: x\nnodes: {a: {links: {w: {kind: wireguard}}}}\n");
        assert_eq!(none, "");
    }

    #[test]
    fn mistakes_have_their_place() {
        let wrong = |from: &str, to: &str| {
            let text = LAB.replacen(from, to, 1);
            assert_ne!(text, LAB);
            let found = lab(&text, "f").unwrap_err();
            let line =
                |p: &crate::yaml::diagnostic::Diagnostic| format!("{}: {}", p.path, p.message);
            found.iter().map(line).collect::<Vec<_>>().join("\n")
        };
        let at = "nodes.a.links.wg0.peers.b/wg0";
        for (from, to, place, message) in [
            (
                "b/wg0: {",
                "b/wan: {",
                "nodes.a.links.wg0.peers.b/wan",
                "`b/wan` is no link of the kind `wireguard`",
            ),
            (
                "b/wg0: {",
                "a/wg0: {",
                "nodes.a.links.wg0.peers.a/wg0",
                "a link is no peer of itself",
            ),
            ("a/wg0: {", "a/wg1: {", at, "`b/wg0` does not name `a/wg0` among its `peers`"),
            ("endpoint: 203.0.113.2, ", "", at, "neither end knows where the other one is"),
            (
                "listen-port: 51821, ",
                "",
                "nodes.a.links.wg1",
                "`wg1` and `wg0` both listen on UDP port 51820",
            ),
            (
                "10.2.0.0/16]",
                "10.9.0.2/32]",
                &format!("{at}.allowed[1]"),
                "`10.9.0.2/32` is allowed to `b/wg0` already",
            ),
            ("10.2.0.0/16]", "default]", &format!("{at}.allowed[1]"), "`0.0.0.0/0`"),
            ("keepalive: 25s", "keepalive: x", &format!("{at}.keepalive"), "x"),
            ("keepalive: 25s", "keepalive: 1500ms", &format!("{at}.keepalive"), "whole seconds"),
            ("listen-port: 7", "listen-port: 70000", "nodes.b.links.wg0.listen-port", "65535"),
            (
                "kind: wireguard, listen-port: 7",
                "kind: dummy, listen-port: 7",
                "nodes.b.links.wg0",
                "has no `listen-port`",
            ),
        ] {
            let found = wrong(from, to);
            assert!(
                found.lines().any(|line| line.starts_with(place) && line.contains(message)),
                "{place}: {message}: not in\n{found}"
            );
        }
    }
}
