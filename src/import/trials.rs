//! Tests of a topology file, as those of a lab.

use crate::import::topology::Topology;
use crate::import::translate::node_name;
use crate::import::words::words;
use crate::import::write::{NO_TESTS, line};
use crate::quote::{command, yaml};
use std::collections::BTreeSet;

/// The tests, as far as they run commands in nodes.
pub(crate) fn tests(topology: &Topology, lost: &mut Vec<String>) -> String {
    let mut text = String::new();
    let mut names = BTreeSet::new();
    for test in &topology.tests {
        let mut steps = Vec::new();
        for run in &test.commands {
            match step(topology, run) {
                Some(step) => steps.push(format!("      - {step}\n")),
                None => {
                    steps.push(format!("      # CHANGE: {}\n", line(run)));
                    lost.push(format!(
                        "`{run}` of the test {}, which is run in no node",
                        test.name
                    ));
                }
            }
        }
        if !steps.iter().any(|step| step.starts_with("      - ")) {
            lost.push(format!(
                "the test {}, which has no step that could be taken over",
                test.name
            ));
            continue;
        }
        let name = node_name(&test.name);
        let numbered = (2..).map(|number| format!("{name}-{number}"));
        let mut free = std::iter::once(name.clone()).chain(numbered);
        let name =
            free.find(|name| names.insert(name.clone())).expect("there is no end of numbers");
        text.push_str(&format!("  {}:\n    steps:\n{}", yaml(&name), steps.concat()));
    }
    if text.is_empty() { NO_TESTS.into() } else { format!("\ntests:\n{text}") }
}

/// A command that is run in a node, as a step.
fn step(topology: &Topology, run: &str) -> Option<String> {
    let words = words(run)?;
    let words: Vec<&str> =
        words.iter().map(String::as_str).filter(|word| *word != "sudo").collect();
    let rest = match &words[..] {
        ["docker", "exec", rest @ ..] => {
            let options = rest.iter().take_while(|word| word.starts_with('-')).count();
            &rest[options..]
        }
        ["ip", "netns", "exec", rest @ ..] => rest,
        _ => return None,
    };
    let (node, inside) = rest.split_first().filter(|(_, inside)| !inside.is_empty())?;
    let known = topology.nodes.iter().find(|other| other.name == **node)?;
    let node = yaml(&node_name(&known.name));
    if let ["ping" | "ping6", options @ .., to] = inside
        && to.parse::<std::net::IpAddr>().is_ok()
        && options.iter().all(|option| {
            let number = option.trim_start_matches(['-', 'c', 'i', 'w', 'W']);
            number.chars().all(|c| c.is_ascii_digit() || c == '.')
        })
    {
        return Some(format!("ping: {{node: {node}, to: {}}}", yaml(to)));
    }
    Some(format!("run: {{node: {node}, command: {}}}", yaml(&command(inside))))
}
