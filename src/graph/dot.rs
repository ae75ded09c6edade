//! A lab in Graphviz's DOT language.

use crate::graph::picture::{Host, Picture};
use crate::text::xml;
use std::fmt::Write;

pub fn draw(picture: &Picture) -> String {
    let mut text = String::from("graph lab {\n");
    let mut line = |words: String| {
        let _ = writeln!(text, "  {words}");
    };
    line("graph [rankdir=LR, bgcolor=transparent, ranksep=0.7, fontname=\"sans-serif\"]".into());
    line("node [shape=plain, fontname=\"sans-serif\", fontsize=11]".into());
    line("edge [color=\"#0e7490\", penwidth=1.5, fontname=\"sans-serif\", fontsize=9]".into());
    for (index, net) in picture.nets.iter().enumerate() {
        if let Some(bridge) = &net.bridge {
            let style = "shape=box, style=\"filled,rounded\", color=\"#0e7490\", fontcolor=white";
            line(format!("b{index} [label=<{}>, {style}]", xml(bridge)));
        }
    }
    for (index, host) in picture.hosts.iter().enumerate() {
        line(format!("n{index} [label=<{}>]", table(host)));
    }
    let mut open: Vec<(usize, String)> = Vec::new();
    for (index, host) in picture.hosts.iter().enumerate() {
        for (nth, link) in host.links.iter().enumerate() {
            let here = format!("n{index}:l{nth}");
            if picture.nets[link.net].bridge.is_some() {
                let port = link
                    .port
                    .as_ref()
                    .map(|p| format!(" [label=<{}>]", xml(p)))
                    .unwrap_or_default();
                let bridge = format!("b{}", link.net);
                let (from, to) =
                    if picture.is_first(index, link.net) { (here, bridge) } else { (bridge, here) };
                line(format!("{from} -- {to}{port}"));
            } else if let Some(found) = open.iter().position(|(net, _)| *net == link.net) {
                line(format!("{} -- {here}", open.swap_remove(found).1));
            } else {
                open.push((link.net, here));
            }
        }
    }
    text.push_str("}\n");
    text
}

/// A node as a table in Graphviz's HTML: its name, its links, its services.
fn table(host: &Host) -> String {
    let (border, colour) = if host.subject.is_some() { (3, "#f59e0b") } else { (1, "#57606a") };
    let mut rows = format!("<tr><td><b>{}</b></td></tr>", xml(&host.name));
    let mut row = |attributes: &str, lines: &[String]| {
        // A break says how the line in front of it is aligned.
        let lines: String =
            lines.iter().map(|line| format!("{line}<br align=\"left\"/>")).collect();
        let _ =
            write!(rows, "<tr><td align=\"left\" balign=\"left\"{attributes}>{lines}</td></tr>");
    };
    if let Some(subject) = &host.subject {
        row("", &[format!("under test: {}", xml(subject))]);
    }
    if !host.tags.is_empty() {
        row("", &[host.tags.join(", ")]);
    }
    for (nth, link) in host.links.iter().enumerate() {
        let mut lines = vec![format!("<b>{}</b>", xml(&link.name))];
        lines.extend(link.addresses.iter().cloned());
        row(&format!(" port=\"l{nth}\""), &lines);
    }
    for device in &host.devices {
        let name = format!("<b>{}</b>", xml(&device.name));
        let words = device.words.iter().map(|word| xml(word).to_string());
        row("", &std::iter::once(name).chain(words).collect::<Vec<_>>());
    }
    for service in &host.services {
        row("", &[format!("{} {}", xml(&service.name), service.listens).trim_end().to_string()]);
    }
    format!(
        "<table border=\"{border}\" color=\"{colour}\" bgcolor=\"white\" cellborder=\"0\" cellspacing=\"0\" cellpadding=\"4\" style=\"rounded\">{rows}</table>"
    )
}
