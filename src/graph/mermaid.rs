//! A lab as a Mermaid flowchart.

use crate::graph::picture::{Host, Picture, Socket};
use std::fmt::Write;

pub fn draw(picture: &Picture) -> String {
    // An interface with its addresses is one line.
    let mut text =
        String::from("%%{init: {\"flowchart\": {\"wrappingWidth\": 600}}}%%\nflowchart LR\n");
    let mut line = |words: String| {
        let _ = writeln!(text, "  {words}");
    };
    for (index, net) in picture.nets.iter().enumerate() {
        if let Some(bridge) = &net.bridge {
            line(format!("b{index}([\"{}\"]):::bridge", safe(bridge)));
        }
    }
    for (index, host) in picture.hosts.iter().enumerate() {
        let class = if host.subject.is_some() { ":::subject" } else { "" };
        line(format!("n{index}[\"{}\"]{class}", label(host)));
    }
    // The first end of each cable, kept until the second is found.
    let mut open: Vec<(usize, usize, &Socket)> = Vec::new();
    for (index, host) in picture.hosts.iter().enumerate() {
        for link in &host.links {
            if picture.nets[link.net].bridge.is_some() {
                let (node, bridge) = (format!("n{index}"), format!("b{}", link.net));
                let (from, to) =
                    if picture.is_first(index, link.net) { (node, bridge) } else { (bridge, node) };
                line(format!(
                    "{from} ---|\"{}\"| {to}",
                    safe(link.port.as_ref().unwrap_or(&link.name))
                ));
            } else if let Some(found) = open.iter().position(|(net, ..)| *net == link.net) {
                let (_, first, far) = open.swap_remove(found);
                line(format!(
                    "n{first} ---|\"{} - {}\"| n{index}",
                    safe(&far.name),
                    safe(&link.name)
                ));
            } else {
                open.push((link.net, index, link));
            }
        }
    }
    // Colours that can be read on a light and on a dark page.
    line("classDef bridge fill:#0e7490,stroke:#0e7490,color:#ffffff".into());
    line("classDef subject stroke:#f59e0b,stroke-width:4px".into());
    text
}

fn label(host: &Host) -> String {
    let mut lines = vec![format!("<b>{}</b>", safe(&host.name))];
    if let Some(subject) = &host.subject {
        lines.push(format!("under test: {}", safe(subject)));
    }
    if !host.tags.is_empty() {
        lines.push(host.tags.join(", "));
    }
    lines.extend(
        host.links
            .iter()
            .map(|l| format!("{} {}", safe(&l.name), l.addresses.join(" ")).trim_end().to_string()),
    );
    lines.extend(
        host.devices.iter().map(|d| format!("{} {}", safe(&d.name), safe(&d.words.join(" ")))),
    );
    lines.extend(
        host.services
            .iter()
            .map(|s| format!("● {} {}", safe(&s.name), s.listens).trim_end().to_string()),
    );
    lines.join("<br/>")
}

/// `text` with everything as a character's number that could mean something to Mermaid, Markdown or
/// HTML. The colon is one of them: after `style` it lets Mermaid take a number's last sign away.
fn safe(text: &str) -> String {
    let shown = |c: char| match c {
        // Unbroken, `fa:fa-car` would be an icon.
        ':' => "#58;#8288;".into(),
        c if c.is_alphanumeric() || " -_.,".contains(c) => c.to_string(),
        c => format!("#{};", c as u32),
    };
    text.chars().map(shown).collect()
}
