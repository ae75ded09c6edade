//! Specifications of tinet.

use crate::import::topology::{Cable, End, Node, Test, Topology};
use crate::yaml::tree::Value;

/// What is run on the machine around the nodes.
const OUTSIDE: [&str; 4] = ["precmd", "preinit", "postinit", "postfini"];
/// What has no meaning without containers.
const NONE: [&str; 1] = ["meta"];

pub(crate) fn read(root: &Value) -> Topology {
    let mut topology = Topology { tool: "tinet", ..Topology::default() };
    let known = ["nodes", "switches", "bridges", "node_configs", "test"];
    for field in root.others(&[&known[..], &NONE].concat()) {
        let commands = list(root, field).iter().flat_map(|part| commands(part)).count();
        match OUTSIDE.contains(&field) {
            // An empty one is in each file that tinet begins for somebody.
            true if commands == 0 => {}
            true => topology.lost.push(format!("`{field}`, which runs on the machine")),
            false => topology.lost.push(format!("`{field}` of the file")),
        }
    }
    for node in list(root, "nodes") {
        let Some(name) = node.text("name") else { continue };
        for interface in list(node, "interfaces") {
            cable(&mut topology, &name, interface);
        }
        topology.nodes.push(self::node(name, node));
    }
    for switch in list(root, "switches").into_iter().chain(list(root, "bridges")) {
        let Some(bridge) = switch.text("name") else { continue };
        for interface in list(switch, "interfaces") {
            let ends = (interface.text("args"), interface.text("name"));
            match (ends, interface.text("type").as_deref()) {
                ((Some(node), Some(link)), Some("docker" | "container" | "netns")) => {
                    join(&mut topology, end(&node, &link), end(&bridge, &format!("{node}-{link}")));
                }
                ((_, link), kind) => topology.lost.push(format!(
                    "the port {} of the switch {bridge}, of the type `{}`",
                    link.unwrap_or_default(),
                    kind.unwrap_or_default()
                )),
            }
        }
        if !topology.bridges.contains(&bridge) {
            topology.bridges.push(bridge);
        }
    }
    for config in list(root, "node_configs") {
        let name = config.text("name").unwrap_or_default();
        let commands = commands(config);
        match topology.nodes.iter_mut().find(|node| node.name == name) {
            Some(node) => {
                node.commands.extend(commands);
                let copies = list(config, "cmds").into_iter().filter_map(|part| part.text("copy"));
                node.lost.extend(copies.map(|copy| format!("the copy `{copy}`")));
            }
            None if commands.is_empty() => {}
            None => topology.lost.push(format!("the commands for {name}, which is no node")),
        }
    }
    for (number, test) in list(root, "test").into_iter().enumerate() {
        let name = test.text("name").filter(|name| !name.is_empty());
        let name = name.unwrap_or_else(|| format!("test-{}", number + 1));
        topology.tests.push(Test { name, commands: commands(test) });
    }
    topology
}

fn node(name: String, node: &Value) -> Node {
    let setting = |value: &Value| {
        let text = value.text("sysctl").or_else(|| value.scalar())?;
        let (name, value) = text.split_once('=')?;
        Some((name.trim().to_string(), value.trim().to_string()))
    };
    let known = ["name", "type", "image", "interfaces", "sysctls", "mounts", "net_base"];
    Node {
        name,
        image: node.text("image"),
        sysctls: list(node, "sysctls").into_iter().filter_map(setting).collect(),
        binds: node.texts("mounts"),
        lost: node.others(&known).iter().map(|field| format!("`{field}`")).collect(),
        ..Node::default()
    }
}

fn end(node: &str, link: &str) -> End {
    End { node: node.into(), link: link.into(), mac: None }
}

/// What an interface of `node` is joined with.
fn cable(topology: &mut Topology, node: &str, interface: &Value) {
    let link = interface.text("name").unwrap_or_default();
    let other = interface.text("args").unwrap_or_default();
    let kind = interface.text("type").unwrap_or_default();
    let mut own = end(node, &link);
    own.mac = interface.text("addr").filter(|mac| !mac.is_empty());
    match (kind.as_str(), other.split_once('#')) {
        ("direct", Some((peer, there))) => join(topology, own, end(peer, there)),
        ("bridge", _) if !other.is_empty() => {
            if !topology.bridges.contains(&other) {
                topology.bridges.push(other.clone());
            }
            join(topology, own, end(&other, &format!("{node}-{link}")));
        }
        _ => topology.lost.push(format!("the link {link} of {node}, of the type `{kind}`")),
    }
}

/// A cable from `own` to `other`. Both of its ends may say so, and each its own hardware address.
fn join(topology: &mut Topology, own: End, other: End) {
    let is = |a: &End, b: &End| a.node == b.node && a.link == b.link;
    for cable in &mut topology.cables {
        let there = cable.ends.iter().any(|end| is(end, &other));
        if let Some(end) = cable.ends.iter_mut().find(|end| is(end, &own))
            && there
        {
            end.mac = end.mac.take().or(own.mac);
            return;
        }
    }
    topology.cables.push(Cable { ends: [own, other], mtu: None });
}

fn list<'v>(value: &'v Value, field: &str) -> Vec<&'v Value> {
    value.get(field).map(Value::items).unwrap_or_default()
}

/// The commands of a part that has `cmds`.
fn commands(part: &Value) -> Vec<String> {
    let command = |value: &Value| value.text("cmd").or_else(|| value.scalar());
    let commands = list(part, "cmds").into_iter().filter_map(command);
    commands.map(|command| command.trim().to_string()).filter(|text| !text.is_empty()).collect()
}
