//! Topology files of containerlab.

use crate::import::topology::{Cable, End, Node, Topology};
use crate::yaml::tree::Value;

/// What names no node in the end of a link, but something of the machine.
const OUTSIDE: [&str; 4] = ["host", "mgmt-net", "macvlan", "dummy"];
/// The fields of a node that are taken over, or that mean nothing without images.
const KNOWN: [&str; 19] = [
    "kind",
    "image",
    "image-pull-policy",
    "restart-policy",
    "auto-remove",
    "group",
    "labels",
    "env",
    "sysctls",
    "binds",
    "exec",
    "cmd",
    "entrypoint",
    "type",
    "mgmt-ipv4",
    "mgmt-ipv6",
    "mgmt_ipv4",
    "mgmt_ipv6",
    "position",
];

pub(crate) fn read(root: &Value) -> Topology {
    let mut topology =
        Topology { tool: "containerlab", name: root.text("name"), ..Topology::default() };
    let Some(within) = root.get("topology") else { return topology };
    for field in root.others(&["name", "prefix", "topology", "mgmt", "settings"]) {
        topology.lost.push(format!("`{field}` of the file"));
    }
    for (name, _, fields) in within.get("nodes").map(Value::map).unwrap_or_default() {
        let levels = levels(within, &fields.value);
        let last = |field: &str| levels.iter().find_map(|level| level.text(field));
        match last("kind").as_deref() {
            Some("bridge") => topology.bridges.push(name.clone()),
            Some(kind @ ("ovs-bridge" | "ovs")) => {
                topology.lost.push(format!("that the bridge {name} is one of Open vSwitch ({kind}): here it is the kernel's"));
                topology.bridges.push(name.clone());
            }
            Some("host") => topology.lost.push(format!("the node {name}, which is the machine")),
            kind => topology.nodes.push(node(name, kind, &levels)),
        }
    }
    for link in within.get("links").map(Value::items).unwrap_or_default() {
        match cable(link) {
            Ok(cable) => topology.cables.push(cable),
            Err(shown) => topology.lost.push(format!("the link {shown}")),
        }
    }
    topology
}

/// Where the fields of a node may stand, the nearest first.
fn levels<'v>(within: &'v Value, node: &'v Value) -> Vec<&'v Value> {
    let defaults = within.get("defaults");
    let group = node.text("group").or_else(|| defaults?.text("group"));
    let group = group.and_then(|name| within.get("groups")?.get(&name));
    let kind = [Some(node), group, defaults].into_iter().flatten().find_map(|at| at.text("kind"));
    let kind = kind.and_then(|name| within.get("kinds")?.get(&name));
    [Some(node), group, kind, defaults].into_iter().flatten().collect()
}

fn node(name: &str, kind: Option<&str>, levels: &[&Value]) -> Node {
    let nearest = |field: &str| levels.iter().find_map(|level| level.text(field));
    // What is nearer counts, so it comes last.
    let merged = |field: &str| {
        let mut all: Vec<(String, String)> = Vec::new();
        for pair in levels.iter().rev().flat_map(|level| level.pairs(field)) {
            all.retain(|(name, _)| *name != pair.0);
            all.push(pair);
        }
        all.into_iter().map(|(name, value)| (name, unescaped(&value))).collect::<Vec<_>>()
    };
    let program =
        [nearest("entrypoint"), nearest("cmd")].map(|w| w.filter(|w| !w.trim().is_empty()));
    let program: Vec<String> = program.into_iter().flatten().map(|w| unescaped(&w)).collect();
    let lists = |field: &str| -> Vec<String> {
        levels.iter().rev().flat_map(|level| level.texts(field)).collect()
    };
    let mut others: Vec<&str> = levels.iter().flat_map(|level| level.others(&KNOWN)).collect();
    if nearest("network-mode").as_deref() == Some("none") {
        // As all nodes are here.
        others.retain(|field| *field != "network-mode");
    }
    others.sort_unstable();
    others.dedup();
    Node {
        name: name.into(),
        image: nearest("image"),
        system: kind.filter(|kind| *kind != "linux").map(|kind| format!("the kind `{kind}`")),
        main: (!program.is_empty()).then(|| program.join(" ")),
        commands: lists("exec").iter().map(|command| unescaped(command)).collect(),
        environment: merged("env"),
        sysctls: merged("sysctls"),
        binds: lists("binds"),
        lost: others.iter().map(|field| format!("`{field}`")).collect(),
    }
}

/// A `$` that is no variable of containerlab's is written twice.
fn unescaped(text: &str) -> String {
    text.replace("$$", "$")
}

/// A link, or what it is called if no lab file can say it.
fn cable(link: &Value) -> Result<Cable, String> {
    let ends = link.get("endpoints").map(Value::items).unwrap_or_default();
    let ends: Vec<Option<End>> = ends.into_iter().map(end).collect();
    let kind = link.text("type").unwrap_or_else(|| "veth".into());
    let shown = || {
        let named = |end: &Option<End>| {
            end.as_ref().map_or("?".into(), |end| format!("{}:{}", end.node, end.link))
        };
        let mut names: Vec<String> = ends.iter().map(named).collect();
        names.extend(link.get("endpoint").and_then(end).as_ref().map(|e| named(&Some(e.clone()))));
        format!("{} of the type `{kind}`", names.join(" - "))
    };
    match &ends[..] {
        [Some(one), Some(other)]
            if kind == "veth"
                && ![one, other].iter().any(|end| OUTSIDE.contains(&end.node.as_str())) =>
        {
            Ok(Cable { ends: [one.clone(), other.clone()], mtu: link.text("mtu") })
        }
        _ => Err(shown()),
    }
}

/// `node:link`, or a mapping that says the same.
fn end(value: &Value) -> Option<End> {
    if let Some(text) = value.scalar() {
        let (node, link) = text.split_once(':')?;
        return Some(End { node: node.into(), link: link.into(), mac: None });
    }
    let (node, link) = (value.text("node")?, value.text("interface").unwrap_or_default());
    Some(End { node, link, mac: value.text("mac") })
}
