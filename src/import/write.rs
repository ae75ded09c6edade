//! The text of the lab file.

use crate::import::found::Found;
use crate::import::services::services;
use crate::import::wiring::{GLOBAL, Node, wiring};
use crate::quote::yaml;
use std::path::Path;

/// The lab called `name` that is what gather.sh has `printed` of what `command` made; `exists` knows whether there
/// is a file.
///
/// # Errors
/// If what was printed makes no sense, or no lab.
pub fn lab(
    name: &str,
    command: &str,
    printed: &str,
    exists: &dyn Fn(&Path) -> bool,
) -> Result<String, String> {
    let found = Found::read(printed)?;
    let wiring = wiring(&found);
    let services = services(&found, exists);
    let lost: Vec<String> = wiring.lost.iter().chain(&services.lost).cloned().collect();
    let mut text = head(name, &format!("`{command}` builds"), "a script", &lost);
    let nat = ["masquerade", "dnat to", "snat to"];
    if wiring.nodes.values().any(|node| nat.iter().any(|word| node.nft.contains(word))) {
        text.push_str("\nneeds:\n  kernel: [nat]\n");
    }
    if !wiring.bridges.is_empty() {
        text.push_str("\nbridges:\n");
        for (bridge, fields) in &wiring.bridges {
            text.push_str(&format!("  {}: {fields}\n", yaml(bridge)));
        }
    }
    let mut nodes = String::new();
    for (name, node) in &wiring.nodes {
        let services = services.by_node.get(name).map(Vec::as_slice).unwrap_or_default();
        let lines = fields(node, services);
        match lines.is_empty() {
            // The bridges stand in the lab's own namespace anyway.
            true if name == GLOBAL || is_switch(&found, name) => {}
            true => nodes.push_str(&format!("  {}: {{}}\n", yaml(name))),
            false => {
                nodes.push_str(&format!("  {}:\n", yaml(name)));
                for line in lines {
                    nodes.push_str(format!("    {line}").trim_end());
                    nodes.push('\n');
                }
            }
        }
    }
    if nodes.is_empty() && wiring.bridges.is_empty() {
        return Err(format!(
            "{command} has made no network namespace, so there is nothing to import"
        ));
    }
    text.push_str(&format!("\nnodes:\n{nodes}"));
    text.push_str(NO_TESTS);
    Ok(text)
}

/// How a lab ends whose tests are yet to be written.
pub(crate) const NO_TESTS: &str =
    "\n# CHANGE: what is to hold. docs/lab-files.md has all steps.\ntests: {}\n";

/// How the file of the lab `name` begins, that is what `source` does, imported from `origin`.
pub(crate) fn head(name: &str, source: &str, origin: &str, lost: &[String]) -> String {
    let mut text = format!(
        "# What {source}, made by `labrun import`, and yours from here.\n",
        source = line(source)
    );
    if !lost.is_empty() {
        text.push_str("#\n# CHANGE: what it could not express:\n");
        for what in lost {
            text.push_str(&format!("#   - {}\n", line(what)));
        }
    }
    text + &format!("lab: {name}\nabout: imported from {origin}   # CHANGE: what it shows\n")
}

/// `text` as one line, as a comment must be.
pub(crate) fn line(text: &str) -> String {
    text.replace(|c: char| c.is_control(), " ")
}

/// Whether a namespace is there for its bridges only.
fn is_switch(found: &Found, name: &str) -> bool {
    found.namespaces[name].links.iter().any(|link| link["linkinfo"]["info_kind"] == "bridge")
}

/// The lines of a node.
fn fields(node: &Node, services: &[String]) -> Vec<String> {
    let mut lines = Vec::new();
    if node.forward {
        lines.push("forward: true".to_string());
    }
    let nft: Vec<String> = node.nft.lines().map(|line| line.replace('\t', "  ")).collect();
    for (field, of_it) in [
        ("sysctls:", node.sysctls.as_slice()),
        ("links:", &node.links),
        ("routes:", &node.routes),
        ("nft: |", &nft),
        ("services:", services),
    ] {
        if !of_it.is_empty() {
            lines.push(field.into());
            lines.extend(of_it.iter().map(|line| format!("  {line}")));
        }
    }
    lines
}
