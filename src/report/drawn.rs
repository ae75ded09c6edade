//! What reports draw: the topology of a lab and the ladder of a test.

use crate::evidence::ladder::Ladder;
use crate::evidence::packet::Capture;
use crate::graph;
use crate::lab::model::Lab;

/// The topology of `lab` as `<svg>`.
pub fn topology(lab: &Lab) -> Option<String> {
    Some(graph::svg(lab))
}

/// The topology of `lab` in the words of Mermaid.
pub fn mermaid(lab: &Lab) -> Option<String> {
    Some(graph::mermaid(lab))
}

/// The exchange that `capture` holds.
pub fn ladder(_lab: &Lab, _capture: &Capture) -> Option<Ladder> {
    None
}

/// `ladder` as lines of at most `width` columns.
pub fn text(ladder: &Ladder, _width: usize) -> Vec<String> {
    let name = |index: &usize| ladder.nodes.get(*index).map_or("?", String::as_str);
    let line = |row: &crate::evidence::ladder::Row| {
        let to: Vec<&str> = row.to.iter().map(name).collect();
        format!("{:>9.3} ms  {} -> {}  {} {}", row.at as f64 / 1000.0, name(&row.from), to.join(", "), row.label, row.detail)
    };
    ladder.rows.iter().map(line).collect()
}

/// `ladder` as `<svg>`, or what stands for it.
pub fn svg(ladder: &Ladder) -> String {
    format!("<pre>{}</pre>", super::html::escape(&text(ladder, 100).join("\n")))
}
