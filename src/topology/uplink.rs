//! A link by which a node reaches what the machine reaches, be it by NAT.
//!
//! It is a tap device whose other end slirp4netns(1) has, a program of an ordinary user's outside of the sandbox: it opens
//! sockets there for what comes by the link. So all that is said here is of IPv4, TCP and UDP.

use crate::topology::check::Check;
use crate::topology::fields::{DEVICE, INTERFACE, LINK, SWITCH};
use crate::topology::file::{LinkFile, NodeFile};
use crate::topology::file_device::DeviceFile;
use crate::topology::file_routes::{HopFile, RouteFile};
use crate::yaml::decode::Fields;
use crate::yaml::diagnostic::Spanned;
use ipnet::IpNet;
use std::net::IpAddr;

/// The link's address in the network that slirp4netns makes.
const ADDRESS: &str = "10.0.2.100/24";
/// What slirp4netns is there: the way out, and what asks the machine's resolver.
const GATEWAY: &str = "10.0.2.2";
pub const RESOLVER: &str = "10.0.2.3";
/// The command and the Debian package.
pub const PROGRAM: &str = "slirp4netns";

/// Reads whether a link is one; where that is said.
pub fn uplink(fields: &Fields) -> Option<Spanned<bool>> {
    let said = fields.get("uplink", |r| r.at(r.boolean())).filter(|said| said.value)?;
    let all = [&LINK[..], &INTERFACE, &DEVICE, &SWITCH].concat();
    let known = |name: &str| ["uplink", "mtu", "mac"].contains(&name);
    let alien: Vec<&str> = all.iter().map(|(name, ..)| *name).filter(|name| !known(name)).collect();
    for name in fields.present(&alien) {
        let message = match name {
            "addresses" => format!("an `uplink` has the address `{ADDRESS}` and no others"),
            name => format!("an `uplink` has no `{name}`: it leads out of the lab"),
        };
        fields.get(name, |r| r.wrong(message));
    }
    Some(said)
}

/// What a link is that is `said` to be an uplink, and its addresses.
pub fn device(said: &Spanned<bool>) -> (DeviceFile, Vec<Spanned<Option<IpNet>>>) {
    let device = DeviceFile { kind: said.with("tap".into()), ..DeviceFile::default() };
    (device, vec![said.with(ADDRESS.parse().ok())])
}

/// Gives `node` the default route that its uplink is, unless it has another.
pub fn route(node: &mut NodeFile) {
    let gateway: Option<IpAddr> = GATEWAY.parse().ok();
    let is_ipv4 = |via: &HopFile| {
        via.via.as_ref().is_none_or(|via| via.value.is_none_or(|via| via.is_ipv4()))
    };
    let own = node.routes.iter().any(|route| {
        route.to.value.is_none() && route.table.is_none() && route.hops.iter().all(is_ipv4)
    });
    let Some(said) = node.links.iter().find_map(|link| link.uplink.as_ref()).filter(|_| !own)
    else {
        return;
    };
    let hop = HopFile { via: Some(said.with(gateway)), ..HopFile::default() };
    node.routes.push(RouteFile { to: said.with(None), hops: vec![hop], ..RouteFile::default() });
}

impl Check<'_> {
    /// A node has one way out, and its network for itself.
    pub(super) fn uplink(&self, node: &NodeFile) {
        let mut all = node.links.iter().filter(|link| link.uplink.is_some());
        let Some(first) = all.next() else { return };
        for said in all.filter_map(|link| link.uplink.as_ref()) {
            let message = format!("`{}` is an uplink of this node already", first.name.value);
            self.diagnostics.wrong(said, message);
        }
        let others = node.links.iter().filter(|link| link.uplink.is_none());
        let net: IpNet = ADDRESS.parse().expect("an address");
        let others = others.flat_map(LinkFile::all_addresses).chain(&node.loopback);
        for address in others {
            let overlaps =
                |other: IpNet| net.contains(&other.network()) || other.contains(&net.network());
            if address.value.is_some_and(overlaps) {
                let message = format!(
                    "`{}` is the network of `{}`, an uplink",
                    net.trunc(),
                    first.name.value
                );
                self.diagnostics.wrong(address, message);
            }
        }
    }

    /// The uplinks of all nodes, as NODE/LINK.
    pub(super) fn uplinks(&self) -> Vec<Spanned<String>> {
        let links =
            self.file.nodes.iter().flat_map(|node| node.links.iter().map(move |l| (node, l)));
        let said = links.filter_map(|(node, link)| {
            let name = format!("{}/{}", node.name.value, link.name.value);
            Some(link.uplink.as_ref()?.with(name))
        });
        said.collect()
    }
}
