//! Drawings of a lab's topology. Pure functions of the lab: the same lab is always drawn alike.

mod dot;
mod json;
mod mermaid;
mod picture;
pub mod plan;
mod svg;
mod terminal;

use crate::lab::model::Lab;
use picture::Picture;

/// For a terminal of `width` columns, at least 40: a lane of its own for every network, and the
/// nodes beside them, the one with the program under test in double lines.
pub fn terminal(lab: &Lab, width: usize) -> String {
    terminal::draw(&Picture::of(lab), width)
}

/// [`terminal`], with colours.
pub fn coloured(lab: &Lab, width: usize) -> String {
    terminal::coloured(&terminal(lab, width))
}

/// A flowchart for Mermaid, which GitHub draws in Markdown.
pub fn mermaid(lab: &Lab) -> String {
    mermaid::draw(&Picture::of(lab))
}

/// A graph in the DOT language of Graphviz.
pub fn dot(lab: &Lab) -> String {
    dot::draw(&Picture::of(lab))
}

/// An `<svg>` that needs nothing else, for light and for dark backgrounds.
pub fn svg(lab: &Lab) -> String {
    planned(lab).0
}

/// The same, and where things are in it.
pub fn planned(lab: &Lab) -> (String, plan::Plan) {
    svg::draw(&Picture::of(lab))
}

/// The topology as JSON (docs/json.md).
pub fn json(lab: &Lab) -> serde_json::Value {
    json::describe(lab)
}
