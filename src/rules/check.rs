//! Checking the path rules of a test against the lab's topology and the protocols' fields.

use crate::packet::{dhcp6, server_id};
use crate::rules::file::{RuleFile, ValueFile};
use crate::rules::model::{FIELDS, Field, FieldCheck, Kind, Rule, Wanted};
use crate::rules::packets;
use crate::text;
use crate::text::suggest;
use crate::topology::model::{End, GLOBAL, Topology};
use crate::topology::places::Spot;
use crate::yaml::problem::{At, Problems};
use crate::yaml::values;
use ipnet::IpNet;
use std::net::IpAddr;

/// The checked rules of a test.
pub fn rules(check: &Problems, lab: &Topology, rules: &[RuleFile]) -> Vec<Rule> {
    rules.iter().map(|rule| Rules { check, lab }.rule(rule)).collect()
}

struct Rules<'a> {
    check: &'a Problems,
    lab: &'a Topology,
}

impl Rules<'_> {
    fn rule(&self, rule: &RuleFile) -> Rule {
        let right = |text: &&At<String>| !self.check.are_at(text.place);
        let packet = rule.packet.as_ref().filter(right);
        let packet = packet.and_then(|text| packets::packet(text).map_err(|message| self.check.wrong(text, message)).ok());
        if let Some(filter) = rule.filter.as_ref().filter(right).filter(|filter| filter.trim().is_empty()) {
            self.check.wrong(filter, "an empty filter takes every packet");
        }
        for (name, spots) in [("crosses", &rule.crosses), ("avoids", &rule.avoids)] {
            if let (Some(at), Some(_)) = (&rule.at, spots) {
                self.check.wrong(at, format!("`at` looks at single places, `{name}` at the whole way: make two rules of it"));
            }
        }
        if let Some(none) = rule.at_most.as_ref().filter(|most| most.value == 0)
            && (rule.crosses.is_some() || rule.avoids.is_some() || !rule.fields.is_empty())
        {
            self.check.wrong(none, "`at-most: 0` wants no such packet, so there is nothing else to ask of one");
        }
        let written = |text: &Option<At<String>>| text.as_ref().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "));
        let name = match (written(&rule.packet), written(&rule.filter)) {
            (Some(packet), Some(filter)) => format!("{packet} matching `{filter}`"),
            (Some(packet), None) => packet,
            (None, filter) => format!("packet matching `{}`", filter.unwrap_or_default()),
        };
        let spots = |list: &Option<At<Vec<At<String>>>>| list.iter().flat_map(|list| &list.value).filter_map(|at| self.spot(at)).collect();
        Rule {
            line: rule.place.line,
            name,
            filter: rule.filter.clone(),
            at: spots(&rule.at),
            crosses: spots(&rule.crosses),
            avoids: spots(&rule.avoids),
            at_most: rule.at_most.as_ref().map(|most| most.value as u64),
            fields: rule.fields.iter().filter_map(|(name, wanted)| self.field(name, wanted, packet.as_ref())).collect(),
            packet,
        }
    }

    /// A node, a bridge, a port or NODE/LINK.
    fn spot(&self, at: &At<String>) -> Option<Spot> {
        if let Some((node, link)) = at.rsplit_once('/') {
            return self.link(at, node, link);
        }
        let name = &at.value;
        let mut found: Vec<Spot> = Vec::new();
        if let Some(node) = self.lab.nodes.iter().find(|node| node.name == *name) {
            let bridges = name == GLOBAL && self.lab.bridges.iter().any(|bridge| !bridge.addresses.is_empty());
            if node.links.is_empty() && !bridges {
                self.check.wrong(at, format!("the node `{name}` has no link, so no packet is ever seen there"));
            }
            found.push(Spot::Node(name.clone()));
        }
        if self.lab.bridges.iter().any(|bridge| bridge.name == *name) {
            found.push(Spot::Bridge(name.clone()));
        }
        if self.lab.ports().any(|port| port.name == name) {
            found.push(Spot::Port(name.clone()));
        }
        if found.len() > 1 {
            self.check.wrong(at, format!("`{name}` is both a node and an interface of the bridges: write the interface as NODE/LINK"));
        }
        if found.is_empty() {
            let nodes = self.lab.nodes.iter().map(|node| node.name.as_str());
            let bridges = self.lab.bridges.iter().map(|bridge| bridge.name.as_str());
            self.check.unknown("node, bridge or port", at, nodes.chain(bridges).chain(self.lab.ports().map(|port| port.name)));
        }
        found.pop()
    }

    fn link(&self, at: &At<String>, node: &str, link: &str) -> Option<Spot> {
        let Some(found) = self.lab.nodes.iter().find(|n| n.name == node) else {
            self.check.unknown("node", &at.with(node.to_string()), self.lab.nodes.iter().map(|n| n.name.as_str()));
            return None;
        };
        let Some(found) = found.links.iter().find(|l| l.name == link) else {
            self.check.unknown(&format!("link of `{node}`"), &at.with(link.to_string()), found.links.iter().map(|l| l.name.as_str()));
            return None;
        };
        Some(match &found.end {
            End::Port { port, .. } => Spot::Port(port.clone()),
            End::Peer { .. } => Spot::Link(node.into(), link.into()),
        })
    }

    fn field(&self, name: &At<String>, wanted: &[At<ValueFile>], packet: Option<&Kind>) -> Option<FieldCheck> {
        let has = |field: Field| packet.is_none_or(|kind| has(kind, field));
        let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name.value) else {
            let known = FIELDS.iter().filter(|(_, field)| has(*field)).map(|(known, _)| *known);
            self.unknown_field(name, known);
            return None;
        };
        if !has(*field) {
            let relayed = matches!(packet, Some(Kind::Dhcp6 { relay: None, .. })) && has_relay(*field);
            self.check.wrong(
                name,
                match relayed {
                    true => format!("only relay messages have `{0}`: name one, such as `dhcp6 relay-forward`", name.value),
                    false => format!("these packets have no field `{}`", name.value),
                },
            );
        }
        if wanted.is_empty() {
            self.check.wrong(name, "no value");
        }
        let wanted = wanted.iter().filter(|at| !self.check.are_at(at.place));
        let wanted = wanted.filter_map(|at| value(*field, packet, &at.value).map_err(|message| self.check.wrong(at, message)).ok());
        Some(FieldCheck { field: *field, wanted: wanted.collect() })
    }

    fn unknown_field<'n>(&self, name: &At<String>, known: impl Iterator<Item = &'n str> + Clone) {
        let known: Vec<&str> = known.collect();
        let message = match suggest(name, known.iter().copied()) {
            Some(near) => format!("unknown field `{}`, did you mean `{near}`?", name.value),
            None => format!("unknown field `{}`, expected one of {}", name.value, crate::text::quoted(&known)),
        };
        self.check.wrong(name, message);
    }
}

/// Whether packets of `kind` have `field`.
fn has(kind: &Kind, field: Field) -> bool {
    use Field::*;
    match field {
        Source | Destination | SourceMac | DestinationMac => true,
        Ttl => !matches!(kind, Kind::Arp(_)),
        SourcePort | DestinationPort => matches!(kind, Kind::Tcp(..) | Kind::Udp(_) | Kind::Dhcp4(_) | Kind::Dhcp6 { .. }),
        Xid | ServerId => matches!(kind, Kind::Dhcp4(_) | Kind::Dhcp6 { .. }),
        Hops => matches!(kind, Kind::Dhcp4(_) | Kind::Dhcp6 { relay: Some(_), .. }),
        Giaddr | Ciaddr | Yiaddr | Siaddr | Chaddr => matches!(kind, Kind::Dhcp4(_)),
        ClientId => matches!(kind, Kind::Dhcp6 { .. }),
        LinkAddress | PeerAddress | InterfaceId => matches!(kind, Kind::Dhcp6 { relay: Some(_), .. }),
    }
}

/// Whether a relay agent of DHCPv6 adds `field`.
fn has_relay(field: Field) -> bool {
    has(&Kind::Dhcp6 { relay: Some(dhcp6::RELAY_FORWARD), kind: None }, field)
}

/// The IP version whose addresses `kind` has in `field`.
fn version(kind: Option<&Kind>, field: Field) -> Option<u8> {
    use Field::*;
    match (kind, field) {
        (_, Giaddr | Ciaddr | Yiaddr | Siaddr) => Some(4),
        (_, LinkAddress | PeerAddress) => Some(6),
        (Some(Kind::Ip(version) | Kind::Icmp(version, _)), _) => Some(*version),
        (Some(Kind::Arp(_) | Kind::Dhcp4(_)), _) => Some(4),
        (Some(Kind::Dhcp6 { .. }), _) => Some(6),
        _ => None,
    }
}

fn value(field: Field, kind: Option<&Kind>, value: &ValueFile) -> Result<Wanted, String> {
    use Field::*;
    match (field, value) {
        (SourcePort | DestinationPort | Ttl | Hops | Xid, _) => number(value),
        (_, ValueFile::Number(number)) => Err(format!("{number} cannot be a `{}`", field.name())),
        (SourceMac | DestinationMac | Chaddr, ValueFile::Text(text)) => {
            let bytes = text::parse_hex(text).and_then(|bytes| bytes.try_into().ok());
            bytes.map(Wanted::Mac).ok_or_else(|| format!("`{text}` is not a hardware address such as `02:00:00:00:00:01`"))
        }
        (InterfaceId, ValueFile::Text(text)) => Ok(Wanted::Text(text.clone())),
        (ClientId, ValueFile::Text(text)) => server_id::duid(text).map(Wanted::Duid),
        (ServerId, ValueFile::Text(text)) if matches!(kind, Some(Kind::Dhcp6 { .. })) => server_id::duid(text).map(Wanted::Duid),
        (ServerId, ValueFile::Text(text)) if kind.is_none() && server_id::duid(text).is_ok() => server_id::duid(text).map(Wanted::Duid),
        (_, ValueFile::Text(text)) => {
            let (wanted, found) = address(text)?;
            match version(kind, field) {
                Some(version) if found != version => Err(format!("`{text}` is no IPv{version} address")),
                _ => Ok(wanted),
            }
        }
    }
}

/// `N` or `FIRST-LAST`.
fn number(value: &ValueFile) -> Result<Wanted, String> {
    let range = match value {
        ValueFile::Number(number) => u64::try_from(*number).ok().map(|number| (number, number)),
        ValueFile::Text(text) => text.split_once('-').and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?))),
    };
    match (range, value) {
        (Some((first, last)), _) if first <= last => Ok(Wanted::Number(first, last)),
        (_, ValueFile::Number(number)) => Err(format!("{number} is out of range")),
        (_, ValueFile::Text(text)) => Err(format!("`{text}` is neither a number nor a range such as `1-4`")),
    }
}

/// An address, a network or a range of addresses, and their IP version.
fn address(text: &str) -> Result<(Wanted, u8), String> {
    let version = |address: &IpAddr| if address.is_ipv4() { 4 } else { 6 };
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok((Wanted::Net(address.into()), version(&address)));
    }
    if let Ok(net) = text.parse::<IpNet>() {
        if net.addr() != net.network() {
            return Err(format!("`{text}` has bits behind its prefix, did you mean `{}`?", net.trunc()));
        }
        return Ok((Wanted::Net(net), version(&net.addr())));
    }
    if text.contains('-')
        && let Some((first, last)) = values::pool(text)?
    {
        return Ok((Wanted::Range(first, last), version(&first)));
    }
    Err(format!("`{text}` is neither an address nor a network such as `10.0.0.0/24` nor a range such as `10.0.0.1-10.0.0.9`"))
}
