//! Checking the path rules of a test against the lab's topology.

use crate::rules::fields;
use crate::rules::file::RuleFile;
use crate::rules::kind::Kind;
use crate::rules::model::Rule;
use crate::topology::model::{End, GLOBAL, Topology};
use crate::topology::places::Location;
use crate::yaml::diagnostic::{Diagnostics, Spanned};

/// The checked rules of a test.
pub fn rules(check: &Diagnostics, lab: &Topology, rules: &[RuleFile]) -> Vec<Rule> {
    rules.iter().map(|rule| Rules { check, lab }.rule(rule)).collect()
}

struct Rules<'a> {
    check: &'a Diagnostics,
    lab: &'a Topology,
}

impl Rules<'_> {
    fn rule(&self, rule: &RuleFile) -> Rule {
        let right = |text: &&Spanned<String>| !self.check.are_at(text.position);
        let packet = rule.packet.as_ref().filter(right);
        let packet = packet.and_then(|text| {
            Kind::read(text).map_err(|message| self.check.wrong(text, message)).ok()
        });
        if let Some(filter) =
            rule.filter.as_ref().filter(right).filter(|filter| filter.trim().is_empty())
        {
            self.check.wrong(filter, "an empty filter takes every packet");
        }
        for (name, locations) in [("crosses", &rule.crosses), ("avoids", &rule.avoids)] {
            if let (Some(at), Some(_)) = (&rule.at, locations) {
                self.check.wrong(at, format!("`at` looks at single places, `{name}` at the whole way: make two rules of it"));
            }
        }
        if let Some(none) = rule.at_most.as_ref().filter(|most| most.value == 0)
            && (rule.crosses.is_some()
                || rule.avoids.is_some()
                || !rule.fields.is_empty()
                || rule.at_least.is_some()
                || rule.share.is_some())
        {
            self.check.wrong(
                none,
                "`at-most: 0` wants no such packet, so there is nothing else to ask of one",
            );
        }
        self.numbers(rule);
        let written = |text: &Option<Spanned<String>>| {
            text.as_ref().map(|text| text.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        let name = match (written(&rule.packet), written(&rule.filter)) {
            (Some(packet), Some(filter)) => format!("{packet} matching `{filter}`"),
            (Some(packet), None) => packet,
            (None, filter) => format!("packet matching `{}`", filter.unwrap_or_default()),
        };
        let locations = |list: &Option<Spanned<Vec<Spanned<String>>>>| {
            list.iter().flat_map(|list| &list.value).filter_map(|at| self.location(at)).collect()
        };
        Rule {
            line: rule.position.line,
            name,
            filter: rule.filter.clone(),
            at: locations(&rule.at),
            crosses: locations(&rule.crosses),
            avoids: locations(&rule.avoids),
            at_most: rule.at_most.as_ref().map(|most| most.value as u64),
            count: (rule.count.as_ref().map(|count| (count.value.0, Some(count.value.1))))
                .or(rule.at_least.as_ref().map(|least| (least.value as u64, None))),
            share: (rule.share.iter().flat_map(|share| &share.value))
                .filter_map(|(at, range)| Some((self.location(at)?, range.value)))
                .collect(),
            some: rule.some.as_ref().is_some_and(|some| some.value),
            fields: rule
                .fields
                .iter()
                .filter_map(|(name, wanted)| {
                    fields::check(self.check, packet.as_ref(), name, wanted)
                })
                .collect(),
            packet,
        }
    }

    /// How many packets there must be.
    fn numbers(&self, rule: &RuleFile) {
        if let Some(count) = rule.count.as_ref().filter(|count| !self.check.are_at(count.position))
        {
            if rule.at_least.is_some() || rule.at_most.is_some() {
                self.check.wrong(count, "`count` stands for both `at-least` and `at-most`");
            } else if count.value.0 == 0 {
                let message =
                    "this holds without any such packet: say what is too many with `at-most`";
                self.check.wrong(count, message);
            }
        }
        if let (Some(least), Some(most)) = (&rule.at_least, &rule.at_most)
            && most.value > 0
            && least.value > most.value
        {
            self.check.wrong(least, format!("this can never hold: `at-most` is {}", most.value));
        }
        if let Some(some) = rule.some.as_ref().filter(|some| some.value)
            && rule.fields.is_empty()
        {
            self.check.wrong(some, "`some` is about `fields`, and there are none");
        }
        let Some(share) = &rule.share else { return };
        let wrong = |message: String| self.check.wrong(share, message);
        if let Some(at) = &rule.at {
            self.check.wrong(at, "`share` says itself where it looks");
        }
        if share.value.iter().any(|(_, range)| self.check.are_at(range.position)) {
            return;
        }
        if share.value.len() < 2 {
            return wrong("these are shares of what is seen at all of them: name several".into());
        }
        let sum = |end: fn(&(u64, u64)) -> u64| -> u64 {
            share.value.iter().map(|(_, range)| end(&range.value)).sum()
        };
        let (least, most) = (sum(|range| range.0), sum(|range| range.1));
        if least > 100 || most < 100 {
            wrong(format!("this can never hold: together they are {least} to {most} per cent"));
        }
    }

    /// A node, a bridge, a port or NODE/LINK.
    fn location(&self, at: &Spanned<String>) -> Option<Location> {
        if let Some((node, link)) = at.rsplit_once('/') {
            return self.link(at, node, link);
        }
        let name = &at.value;
        let mut found: Vec<Location> = Vec::new();
        if let Some(node) = self.lab.nodes.iter().find(|node| node.name == *name) {
            let bridges = name == GLOBAL
                && self.lab.bridges.iter().any(|bridge| !bridge.addresses.is_empty());
            if node.links.is_empty() && !bridges {
                self.check.wrong(
                    at,
                    format!("the node `{name}` has no link, so no packet is ever seen there"),
                );
            }
            found.push(Location::Node(name.clone()));
        }
        if self.lab.bridges.iter().any(|bridge| bridge.name == *name) {
            found.push(Location::Bridge(name.clone()));
        }
        if self.lab.ports().any(|port| port.name == name) {
            found.push(Location::Port(name.clone()));
        }
        if found.len() > 1 {
            self.check.wrong(at, format!("`{name}` is both a node and an interface of the bridges: write the interface as NODE/LINK"));
        }
        if found.is_empty() {
            let nodes = self.lab.nodes.iter().map(|node| node.name.as_str());
            let bridges = self.lab.bridges.iter().map(|bridge| bridge.name.as_str());
            self.check.unknown(
                "node, bridge or port",
                at,
                nodes.chain(bridges).chain(self.lab.ports().map(|port| port.name)),
            );
        }
        found.pop()
    }

    fn link(&self, at: &Spanned<String>, node: &str, link: &str) -> Option<Location> {
        let Some(found) = self.lab.nodes.iter().find(|n| n.name == node) else {
            self.check.unknown(
                "node",
                &at.with(node.to_string()),
                self.lab.nodes.iter().map(|n| n.name.as_str()),
            );
            return None;
        };
        let inside = || Location::Link(node.into(), link.into());
        if let Some(found) = found.links.iter().find(|l| l.name == link) {
            return Some(match &found.end {
                End::Port { port, .. } => Location::Port(port.clone()),
                End::Peer { .. } => inside(),
            });
        }
        if found.interfaces().any(|name| name == link) {
            return Some(inside());
        }
        let what = format!("link of `{node}`");
        self.check.unknown(&what, &at.with(link.to_string()), found.interfaces());
        None
    }
}
