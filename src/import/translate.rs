//! A lab file of what a topology file describes.

use crate::import::commands::Settings;
use crate::import::container::{Reading, service};
use crate::import::topology::{Cable, End, Node, Topology};
use crate::import::trials::tests;
use crate::import::wiring::{GLOBAL, addresses_field, cut};
use crate::import::words::words;
use crate::import::write::{head, line};
use crate::quote::yaml;
use std::collections::{BTreeMap, BTreeSet};

/// The lab called `name` that `topology` describes in the file `source`; `read` has the texts of files.
pub fn lab(name: &str, source: &str, topology: &Topology, read: Reading) -> String {
    let mut lost = topology.lost.clone();
    let images: BTreeSet<&str> =
        topology.nodes.iter().filter_map(|node| node.image.as_deref()).collect();
    if !images.is_empty() {
        let images = images.into_iter().collect::<Vec<_>>().join(", ");
        lost.push(format!("the images {images}, and what they run of themselves: services run the programs of this machine"));
    }
    let links = links(topology, &mut lost);
    let mut nodes = String::new();
    for node in &topology.nodes {
        let own = links.get(&node.name).map(Vec::as_slice).unwrap_or_default();
        nodes.push_str(&written(node, own, topology.tool, read, &mut lost));
    }
    let tests = tests(topology, &mut lost);
    let mut text = head(name, &format!("{source} describes"), topology.tool, &lost);
    if !topology.bridges.is_empty() {
        let bridges: Vec<String> =
            topology.bridges.iter().map(|bridge| yaml(&link_name(bridge))).collect();
        text.push_str(&format!("\nbridges: [{}]\n", bridges.join(", ")));
    }
    text + "\nnodes:" + if nodes.is_empty() { " {}\n" } else { "\n" } + &nodes + &tests
}

/// A link of a node: its name, and the fields that say where it leads.
struct Link {
    name: String,
    fields: Vec<String>,
    mac: Option<String>,
    mtu: Option<String>,
}

/// The links by their nodes.
fn links(topology: &Topology, lost: &mut Vec<String>) -> BTreeMap<String, Vec<Link>> {
    let mut links: BTreeMap<String, Vec<Link>> = BTreeMap::new();
    let mut ports: BTreeSet<String> =
        topology.bridges.iter().map(|bridge| link_name(bridge)).collect();
    let is_bridge = |end: &End| topology.bridges.contains(&end.node);
    let is_node = |end: &End| topology.nodes.iter().any(|node| node.name == end.node);
    let mut taken: BTreeSet<(String, String)> = BTreeSet::new();
    for Cable { ends: [one, other], mtu } in &topology.cables {
        let shown = format!("{}:{} - {}:{}", one.node, one.link, other.node, other.link);
        let known = [one, other].iter().all(|end| is_bridge(end) || is_node(end));
        if !known || (is_bridge(one) && is_bridge(other)) || one.node == other.node {
            let why = match known {
                false => "an end is no node",
                true if is_bridge(one) => "between bridges",
                true => "both ends are there",
            };
            lost.push(format!("the link {shown}: {why}"));
            continue;
        }
        let ends = [one, other].map(|end| (end.node.clone(), link_name(&end.link)));
        let nodes = || [one, other].into_iter().zip(&ends).filter(|(end, _)| !is_bridge(end));
        if nodes().any(|(_, end)| end.1 == "lo" || taken.contains(end)) {
            lost.push(format!("the link {shown}: an end is another link's, too"));
            continue;
        }
        taken.extend(nodes().map(|(_, end)| end.clone()));
        for (end, there) in [(one, other), (other, one)] {
            if is_bridge(end) {
                continue;
            }
            let fields = if is_bridge(there) {
                let port = free(&[&there.link, &format!("{}-{}", end.node, end.link)], &mut ports);
                vec![
                    format!("bridge: {}", yaml(&link_name(&there.node))),
                    format!("port: {}", yaml(&port)),
                ]
            } else {
                let there = format!("{}/{}", node_name(&there.node), link_name(&there.link));
                vec![format!("peer: {}", yaml(&there))]
            };
            links.entry(end.node.clone()).or_default().push(Link {
                name: link_name(&end.link),
                fields,
                mac: end.mac.clone(),
                mtu: mtu.clone(),
            });
        }
    }
    links
}

/// The first of `wanted` that is not among `taken`, or one with a number.
fn free(wanted: &[&str], taken: &mut BTreeSet<String>) -> String {
    let wanted: Vec<String> = wanted.iter().map(|name| link_name(name)).collect();
    let last = wanted.last().cloned().unwrap_or_default();
    let numbered = (2..).map(|number| cut(&format!("{last}-{number}")));
    let name = wanted.into_iter().chain(numbered).find(|name| !taken.contains(name));
    let name = name.expect("there is no end of numbers");
    taken.insert(name.clone());
    name
}

/// `name` with a `-` in the place of each character that no name of a lab has.
fn safe(name: &str) -> String {
    name.replace(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c)), "-")
}

/// `name` as the kernel takes it for a link.
fn link_name(name: &str) -> String {
    let name = safe(name);
    let name = cut(name.trim_start_matches('-'));
    let name = name.trim_start_matches('-');
    match name {
        "" | "." | ".." | "all" | "default" => format!("link{name}"),
        name => name.into(),
    }
}

pub(crate) fn node_name(name: &str) -> String {
    let name = safe(name);
    let begun = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begun && name != GLOBAL { name } else { format!("node{name}") }
}

/// The lines of a node.
fn written(
    node: &Node,
    links: &[Link],
    tool: &str,
    read: Reading,
    lost: &mut Vec<String>,
) -> String {
    let name = node_name(&node.name);
    let mut remarks: Vec<String> = Vec::new();
    remarks.extend(node.image.as_ref().map(|image| format!("image: {image}")));
    for what in &node.lost {
        remarks.push(format!("CHANGE: {what} is left out"));
        lost.push(format!("{what} of the node {name}"));
    }
    let mut settings = Settings {
        links: links.iter().map(|link| link.name.clone()).collect(),
        ..Settings::default()
    };
    for link in links {
        settings.macs.extend(link.mac.clone().map(|mac| (link.name.clone(), mac)));
        settings.mtus.extend(link.mtu.clone().map(|mtu| (link.name.clone(), mtu)));
    }
    for (setting, value) in &node.sysctls {
        if !settings.sysctl(setting, value) {
            remarks.push(format!("CHANGE: sysctl {setting}={value} is no setting of a node"));
            lost.push(format!("the setting {setting} of the node {name}"));
        }
    }
    let mut programs = Vec::new();
    if let Some(system) = &node.system {
        remarks.push(format!("CHANGE: {system} is not plain Linux: of it only the links are here"));
        lost.push(format!("what runs in the node {name}, of {system}"));
        let foreign = node.main.iter().chain(&node.commands);
        remarks.extend(foreign.map(|command| format!("its command: {command}")));
    } else {
        for command in &node.commands {
            match without(command, tool, &settings, node) {
                Some(why) => {
                    remarks.push(format!("CHANGE: {command}: {why}"));
                    lost.push(format!("`{command}` of the node {name}: {why}"));
                }
                None => settings.run(command),
            }
        }
        programs = service(node, &settings.left, read, &mut remarks, lost);
        if settings.forward.is_none() && links.len() > 1 {
            // Namespaces of IPv4 begin with the machine's settings, and where containers run it forwards.
            settings.forward = Some(true);
            remarks.push("CHANGE: nothing says that it forwards, but containers do".into());
        }
    }
    let mut lines: Vec<String> =
        remarks.iter().map(|remark| format!("# {}", line(remark))).collect();
    let commented = lines.len();
    if settings.forward == Some(true) {
        lines.push("forward: true".into());
    }
    let sysctls = settings.sysctls.iter().map(|(name, value)| format!("{name}: {}", plain(value)));
    let routes = settings.routes.iter().map(|route| {
        let fields = route.fields.iter().map(|(name, value)| format!(", {name}: {}", plain(value)));
        format!("- {{to: {}{}}}", yaml(&route.to), fields.collect::<String>())
    });
    let sections = [
        ("sysctls:", sysctls.collect::<Vec<_>>()),
        ("links:", link_lines(links, &settings)),
        ("routes:", routes.collect()),
        ("services:", programs),
    ];
    for (field, of_it) in sections.into_iter().filter(|(_, of_it)| !of_it.is_empty()) {
        lines.push(field.into());
        lines.extend(of_it.iter().map(|line| format!("  {line}")));
    }
    let empty = lines.len() == commented;
    let lines: String =
        lines.iter().map(|line| format!("    {line}").trim_end().to_string() + "\n").collect();
    format!("  {}:{}\n{lines}", yaml(&name), if empty { " {}" } else { "" })
}

/// A number bare, all else as YAML wants it.
pub(crate) fn plain(value: &str) -> String {
    if value.parse::<u64>().is_ok() { value.into() } else { yaml(value) }
}

fn link_lines(links: &[Link], settings: &Settings) -> Vec<String> {
    let addresses = |link: &str| addresses_field(settings.addresses.get(link)?);
    let mut lines: Vec<String> =
        addresses("lo").into_iter().map(|all| format!("lo: {{{all}}}")).collect();
    for link in links {
        let mut fields = link.fields.clone();
        fields.extend(addresses(&link.name));
        fields.extend(settings.mtus.get(&link.name).map(|mtu| format!("mtu: {}", plain(mtu))));
        fields.extend(settings.macs.get(&link.name).map(|mac| format!("mac: {}", yaml(mac))));
        lines.push(format!("{}: {{{}}}", yaml(&link.name), fields.join(", ")));
    }
    lines
}

/// Why a command cannot be run in a lab.
fn without(command: &str, tool: &str, settings: &Settings, node: &Node) -> Option<String> {
    let words = words(command)?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    if tool == "containerlab"
        && let ["ip", "route" | "r" | "ro", "del" | "delete", "default", ..] = &words[..]
    {
        return Some("there is no network for management".into());
    }
    let at = words.iter().position(|word| *word == "dev").filter(|_| words[0] == "ip")?;
    let link = *words.get(at + 1)?;
    let known = link == "lo" || settings.links.contains(link);
    // Anything that names it may have made it.
    let others = settings.left.iter().chain(&node.main);
    let made =
        others.flat_map(|other| other.split(|c: char| c.is_whitespace() || "'\";".contains(c)));
    let made = made.into_iter().any(|word| word == link) || node.main.is_some();
    (!known && !made).then(|| format!("there is no link {link}"))
}
