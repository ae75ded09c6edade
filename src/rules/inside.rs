//! Which nodes are looked into for a test, beyond the lab's own namespace.

use crate::rules::model::Rule;
use crate::topology::model::{End, GLOBAL, Link, Topology};
use crate::topology::places::Location;
use std::collections::BTreeSet;

/// Where no more nodes have cables, all are captured inside: each takes rings of its own.
const FEW: usize = 8;

/// The nodes inside which a test is captured for its `rules` and its ladder, because cables between
/// nodes are seen nowhere else: bridges and their ports are in the lab's own namespace. Where the
/// way over a cable matters, that is all nodes that have one, or what went another way could not be
/// told.
pub fn inside(topology: &Topology, rules: &[&Rule]) -> BTreeSet<String> {
    let cabled = |link: &Link| matches!(link.end, End::Peer { .. });
    let all: BTreeSet<&str> = topology
        .nodes
        .iter()
        .filter(|node| node.links.iter().any(cabled))
        .map(|node| node.name.as_str())
        .collect();
    let seen_inside = |location: &Location| match location {
        Location::Node(node) => all.get(node.as_str()).copied().filter(|node| *node != GLOBAL),
        Location::Link(node, _) => {
            topology.node(node).map(|node| node.name.as_str()).filter(|node| *node != GLOBAL)
        }
        Location::Bridge(_) | Location::Port(_) => None,
    };
    let mut nodes: BTreeSet<&str> = rules
        .iter()
        .flat_map(|rule| rule.at.iter().chain(rule.share.iter().map(|(place, _)| place)))
        .filter_map(seen_inside)
        .collect();
    if all.len() <= FEW
        || rules
            .iter()
            .flat_map(|rule| rule.crosses.iter().chain(&rule.avoids))
            .any(|location| seen_inside(location).is_some())
    {
        nodes.extend(&all);
    }
    nodes.into_iter().filter(|node| *node != GLOBAL).map(String::from).collect()
}
