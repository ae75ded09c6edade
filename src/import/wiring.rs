//! Links, bridges, addresses, routes and settings as a lab file has them.

use crate::import::devices;
use crate::import::found::{Found, Namespace};
use crate::quote::yaml;
use serde_json::Value;
use std::collections::BTreeMap;

/// The namespace that the script began in, and a lab's own.
pub(crate) const GLOBAL: &str = "global";

/// Links that namespaces have of themselves, where the kernel has their modules.
const FALLBACK: [&str; 10] =
    ["ipip", "sit", "gre", "gretap", "erspan", "ip6tnl", "ip6gre", "ip6gretap", "vti", "vti6"];

/// Queues that links have of themselves.
const USUAL: [&str; 7] = ["", "noqueue", "noop", "pfifo_fast", "fq_codel", "fq", "mq"];

/// The parts of a lab file.
#[derive(Debug, Default)]
pub(crate) struct Wiring {
    /// Each as what follows its name.
    pub bridges: BTreeMap<String, String>,
    pub nodes: BTreeMap<String, Node>,
    /// What a lab file cannot say, or not like this.
    pub lost: Vec<String>,
}

/// The lines of a node's fields.
#[derive(Debug, Default)]
pub(crate) struct Node {
    pub links: Vec<String>,
    pub routes: Vec<String>,
    pub forward: bool,
    pub sysctls: Vec<String>,
    pub nft: String,
}

/// The end of a cable, by the indices of its namespace and link.
#[derive(Clone, Copy)]
struct End<'f> {
    place: &'f str,
    link: &'f Value,
}

impl<'f> End<'f> {
    fn name(self) -> &'f str {
        text(self.link, "ifname")
    }

    /// Whose port it is, unless what it belongs to is a VRF or the like.
    fn bridge(self) -> Option<&'f str> {
        let of = self.link["linkinfo"]["info_slave_kind"].as_str().unwrap_or("bridge");
        self.link["master"].as_str().filter(|_| of == "bridge")
    }
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn kind(link: &Value) -> &str {
    text(&link["linkinfo"], "info_kind")
}

/// The wiring of what was `found`.
pub(crate) fn wiring(found: &Found) -> Wiring {
    let mut wiring = Wiring::default();
    for name in found.namespaces.keys() {
        wiring.nodes.insert(name.clone(), Node::default());
    }
    for (place, namespace) in &found.namespaces {
        for link in namespace.links.iter().filter(|link| kind(link) == "bridge") {
            wiring.bridge(place, namespace, link);
        }
    }
    for (place, namespace) in &found.namespaces {
        for link in &namespace.links {
            let end = End { place, link };
            let queue = text(link, "qdisc");
            if !USUAL.contains(&queue) {
                wiring
                    .lost
                    .push(format!("the queue `{queue}` of the link {} of {place}", end.name()));
            }
            match kind(link) {
                "bridge" | "vlan" => {}
                "veth" => wiring.veth(found, namespace, end),
                "" if end.name() == "lo" => wiring.loopback(place, namespace),
                other if FALLBACK.contains(&other) && !is_up(link) => {}
                _ if wiring.device(place, namespace, end) => {}
                other => wiring
                    .lost
                    .push(format!("the link {} of {place}, of the kind `{other}`", end.name())),
            }
        }
        wiring.routes(place, namespace);
        wiring.settings(place, namespace, &found.fresh);
    }
    wiring
}

/// One of several next hops; empty where it has no address.
fn hop(namespace: &Namespace, hop: &Value) -> String {
    let (gateway, weight) = (text(hop, "gateway"), hop["weight"].as_u64().unwrap_or(1));
    if gateway.is_empty() {
        return String::new();
    }
    let dev = yaml(&renamed(namespace, text(hop, "dev")));
    format!("{{via: {}, dev: {dev}, weight: {weight}}}", yaml(gateway))
}

fn is_up(link: &Value) -> bool {
    link["flags"].as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "UP"))
}

/// The addresses that somebody gave the link.
fn addresses(namespace: &Namespace, link: &str) -> Vec<String> {
    let entry = namespace.addresses.iter().find(|entry| text(entry, "ifname") == link);
    let infos = entry.and_then(|entry| entry["addr_info"].as_array()).into_iter().flatten();
    let own = |info: &&Value| {
        let local = text(info, "local");
        !(local.starts_with("fe80:") || local == "127.0.0.1" || local == "::1")
    };
    infos.filter(own).map(|info| format!("{}/{}", text(info, "local"), info["prefixlen"])).collect()
}

/// The field `addresses`, if there are any.
pub(crate) fn addresses_field(addresses: &[String]) -> Option<String> {
    let all: Vec<String> = addresses.iter().map(|address| yaml(address)).collect();
    match &all[..] {
        [] => None,
        [one] => Some(format!("addresses: {one}")),
        all => Some(format!("addresses: [{}]", all.join(", "))),
    }
}

/// What follows the name of a link or bridge: `fields`, and those that all have.
fn flow(mut fields: Vec<String>, addresses: &[String], link: &Value) -> String {
    fields.extend(addresses_field(addresses));
    if let Some(mtu) = link["mtu"].as_u64().filter(|mtu| *mtu != 1500) {
        fields.push(format!("mtu: {mtu}"));
    }
    format!("{{{}}}", fields.join(", "))
}

impl Wiring {
    fn node(&mut self, name: &str) -> &mut Node {
        self.nodes.entry(name.into()).or_default()
    }

    /// A bridge, wherever it stands: a lab has them all in its own namespace.
    fn bridge(&mut self, place: &str, namespace: &Namespace, link: &Value) {
        let own = text(link, "ifname");
        let name = bridge_name(place, own);
        let addresses = addresses(namespace, own);
        if link["linkinfo"]["info_data"]["vlan_filtering"] == 1 {
            self.lost.push(format!("the VLAN filter of the bridge {own} of {place}"));
        }
        if place == GLOBAL {
            self.bridges.insert(name, flow(Vec::new(), &addresses, link));
            return;
        }
        self.bridges.insert(name.clone(), flow(Vec::new(), &[], link));
        if !addresses.is_empty() {
            // The node is on it by a cable, whose end has the bridge's name there.
            let port = cut(&format!("{name}-{place}"));
            let fields = vec![format!("bridge: {}", yaml(&name)), format!("port: {}", yaml(&port))];
            let line = format!("{}: {}", yaml(own), flow(fields, &addresses, link));
            self.node(place).links.push(line);
        }
    }

    /// A link inside of a node; whether a lab file can have it.
    fn device(&mut self, place: &str, namespace: &Namespace, end: End) -> bool {
        // Without a node there is none to be inside of.
        if place == GLOBAL || end.bridge().is_some() {
            return false;
        }
        let Some(fields) = devices::fields(namespace, end.link) else { return false };
        if !is_up(end.link) {
            self.lost.push(format!("that the link {} of {place} is down", end.name()));
        }
        let line = flow(fields, &addresses(namespace, end.name()), end.link);
        self.node(place).links.push(format!("{}: {line}", yaml(end.name())));
        true
    }

    fn loopback(&mut self, place: &str, namespace: &Namespace) {
        let addresses = addresses(namespace, "lo");
        if !addresses.is_empty() {
            let addresses: Vec<String> = addresses.iter().map(|address| yaml(address)).collect();
            self.node(place).links.push(format!("lo: {{addresses: [{}]}}", addresses.join(", ")));
        }
    }

    fn veth(&mut self, found: &Found, namespace: &Namespace, end: End) {
        let End { place, link } = end;
        let shown = format!("the link {} of {place}", end.name());
        let Some(peer) = peer(found, namespace, end) else {
            self.lost.push(format!("{shown}, whose other end is in no namespace with a name"));
            return;
        };
        // A bridge's end of the cable is written with the other one.
        if end.bridge().is_some() {
            if peer.bridge().is_some() && (place, end.name()) < (peer.place, peer.name()) {
                self.lost.push(format!(
                    "the cable between two bridges, {shown} and {} of {}",
                    peer.name(),
                    peer.place
                ));
            }
            return;
        }
        if !is_up(link) {
            self.lost.push(format!("that {shown} is down"));
        }
        let fields = match peer.bridge() {
            Some(_) if place == GLOBAL => {
                self.lost
                    .push(format!("{shown}, which is on a bridge: give the bridge its addresses"));
                return;
            }
            Some(bridge) => vec![
                format!("bridge: {}", yaml(&bridge_name(peer.place, bridge))),
                format!("port: {}", yaml(&port_name(peer))),
            ],
            None if peer.place == place => {
                self.lost.push(format!("{shown}, whose other end is there, too"));
                return;
            }
            None => vec![format!("peer: {}", yaml(&format!("{}/{}", peer.place, peer.name())))],
        };
        let mut fields = fields;
        let vlans: Vec<String> = vlans(namespace, end.name())
            .map(|(id, vlan)| {
                format!(
                    "{id}: {}",
                    flow(Vec::new(), &addresses(namespace, text(vlan, "ifname")), &Value::Null)
                )
            })
            .collect();
        if !vlans.is_empty() {
            fields.push(format!("vlans: {{{}}}", vlans.join(", ")));
        }
        let line = flow(fields, &addresses(namespace, end.name()), link);
        self.node(place).links.push(format!("{}: {line}", yaml(end.name())));
    }

    fn routes(&mut self, place: &str, namespace: &Namespace) {
        for route in &namespace.routes {
            let to = text(route, "dst");
            if text(route, "protocol") == "kernel"
                || to.starts_with("fe80:")
                || to.starts_with("ff")
            {
                continue;
            }
            let kind = text(route, "type");
            let hops: Vec<String> = route["nexthops"]
                .as_array()
                .into_iter()
                .flatten()
                .map(|h| hop(namespace, h))
                .collect();
            let known = kind.is_empty() || ["blackhole", "unreachable", "prohibit"].contains(&kind);
            if !known || !route["via"].is_null() || hops.iter().any(String::is_empty) {
                self.lost.push(format!("the route to {to} of {place}"));
                continue;
            }
            let to = match (to.contains('/') || to == "default", to.contains(':')) {
                (true, _) => to.to_string(),
                (false, true) => format!("{to}/128"),
                (false, false) => format!("{to}/32"),
            };
            let mut fields = vec![format!("to: {}", yaml(&to))];
            let gateway = text(route, "gateway");
            if !gateway.is_empty() {
                fields.push(format!("via: {}", yaml(gateway)));
            }
            if !kind.is_empty() {
                fields.push(format!("type: {kind}"));
            } else if !hops.is_empty() {
                fields.push(format!("via: [{}]", hops.join(", ")));
            } else if gateway.is_empty() || gateway.starts_with("fe80:") {
                fields.push(format!("dev: {}", yaml(&renamed(namespace, text(route, "dev")))));
            }
            if let Some(source) = route["prefsrc"].as_str() {
                fields.push(format!("src: {}", yaml(source)));
            }
            // 1024 is what the kernel gives routes of IPv6.
            if let Some(metric) = route["metric"].as_u64().filter(|metric| *metric != 1024) {
                fields.push(format!("metric: {metric}"));
            }
            self.node(place).routes.push(format!("- {{{}}}", fields.join(", ")));
        }
        let known = ["local", "main", "default"];
        let rules = namespace.rules.iter().filter(|rule| !known.contains(&text(rule, "table")));
        for rule in rules {
            self.lost.push(format!("a routing rule of {place}: {rule}"));
        }
    }

    /// Settings that are not as in a new namespace; of links, not as new links have them.
    fn settings(&mut self, place: &str, namespace: &Namespace, fresh: &BTreeMap<String, String>) {
        let get = |name: &str| namespace.settings.get(name).map(String::as_str);
        let forward = ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]
            .map(|name| get(name) == Some("1"));
        let node = self.nodes.entry(place.into()).or_default();
        node.forward = forward[0] || forward[1];
        // What nft(8) shows of iptables' own matches it does not read.
        if !namespace.iptables.is_empty() || namespace.nft.contains("xt ") {
            self.lost.push(format!("the rules of iptables in {place}: write them for nft(8)"));
        } else {
            node.nft = namespace.nft.clone();
        }
        // What follows from others, or is no setting.
        let other = [
            "forwarding",
            "ip_forward",
            "mtu",
            "nf_conntrack_count",
            "stable_secret",
            "addr_gen_mode",
        ];
        for (name, value) in &namespace.settings {
            let last = name.rsplit('.').next().unwrap_or_default();
            let usual = fresh.get(name).or_else(|| {
                let (family, rest) = name.split_once(".conf.")?;
                let (link, setting) = rest.rsplit_once('.')?;
                let veth =
                    namespace.links.iter().find(|l| text(l, "ifname") == link.replace('/', "."))?;
                (kind(veth) == "veth").then_some(())?;
                namespace.settings.get(&format!("{family}.conf.default.{setting}"))
            });
            // A router takes no redirects.
            let follows = other.contains(&last) || (last == "accept_redirects" && node.forward);
            if usual.is_some_and(|usual| usual != value) && !follows {
                let number = value.parse::<u64>().is_ok();
                let value = if number { value.clone() } else { yaml(value) };
                node.sysctls.push(format!("{name}: {value}"));
            }
        }
    }
}

/// The other end of the cable that ends in `end`.
fn peer<'f>(found: &'f Found, namespace: &'f Namespace, end: End<'f>) -> Option<End<'f>> {
    let place = match end.link["link_netnsid"].as_i64() {
        Some(id) => namespace.ids.get(&id)?,
        None => end.place,
    };
    let (place, there) = found.namespaces.get_key_value(place)?;
    let is = |link: &&Value| match end.link["link"].as_str() {
        Some(name) => text(link, "ifname") == name,
        None => link["ifindex"] == end.link["link_index"] && !link["ifindex"].is_null(),
    };
    Some(End { place, link: there.links.iter().find(is)? })
}

/// The VLANs on a link, each with its number.
fn vlans<'n>(namespace: &'n Namespace, link: &'n str) -> impl Iterator<Item = (u64, &'n Value)> {
    let on = move |other: &&Value| kind(other) == "vlan" && text(other, "link") == link;
    let numbered = |vlan: &'n Value| Some((vlan["linkinfo"]["info_data"]["id"].as_u64()?, vlan));
    namespace.links.iter().filter(on).filter_map(numbered)
}

/// What a link is called in the lab: a VLAN's name is made of its link's and its number.
fn renamed(namespace: &Namespace, name: &str) -> String {
    let vlan =
        namespace.links.iter().find(|link| kind(link) == "vlan" && text(link, "ifname") == name);
    let number = vlan.and_then(|vlan| vlan["linkinfo"]["info_data"]["id"].as_u64());
    match vlan.zip(number) {
        Some((vlan, number)) => format!("{}.{number}", text(vlan, "link")),
        None => name.into(),
    }
}

/// Bridges and ports of other namespaces come to stand beside those of `global`.
fn bridge_name(place: &str, name: &str) -> String {
    if place == GLOBAL { name.into() } else { cut(&format!("{place}-{name}")) }
}

fn port_name(end: End) -> String {
    if end.place == GLOBAL {
        end.name().into()
    } else {
        cut(&format!("{}-{}", end.place, end.name()))
    }
}

/// As much as a link's name may have; its end tells more than its beginning.
pub(crate) fn cut(name: &str) -> String {
    let mut start = name.len().saturating_sub(15);
    while !name.is_char_boundary(start) {
        start += 1;
    }
    name[start..].into()
}
