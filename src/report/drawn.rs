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

/// The exchange that `capture` holds, if there is any.
pub fn ladder(lab: &Lab, capture: &Capture) -> Option<Ladder> {
    Some(Ladder::of(lab, capture)).filter(|ladder| !ladder.rows.is_empty())
}
