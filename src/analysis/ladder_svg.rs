//! A ladder as SVG. Lengths are in pixels.

use crate::analysis::ladder::{Extent, Ladder, Row};
use crate::text::{STYLE, length, time, xml};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;

const MARGIN: usize = 12;
/// Room for the time.
const LEFT: usize = 92;
const HEAD: usize = 52;
const ROW: usize = 30;
/// Details begin so far right of the last node's line.
const DETAIL: usize = 28;

/// How a ladder is drawn beside how it is.
#[derive(Clone, Debug, Default)]
pub struct View {
    /// Addresses that rows lead to. These are drawn in any case.
    pub links: BTreeMap<usize, String>,
    /// Rows that are what went wrong.
    pub wrong: BTreeSet<usize>,
}

impl Ladder {
    /// The ladder as an `<svg>` that needs nothing else, for light and for dark backgrounds.
    pub fn svg(&self, view: &View) -> String {
        let names = self.nodes.iter().map(|name| length(name) + 36);
        let labels = self.rows.iter().map(|row| length(&row.label) + 40);
        let gap = names.chain(labels).max().unwrap_or_default().max(120);
        let last = LEFT + gap / 2 + self.nodes.len().saturating_sub(1) * gap;
        let detail = last + DETAIL.max(self.nodes.last().map_or(0, |name| length(name) / 2 + 20));
        let details = self.rows.iter().map(|row| length(&row.detail)).max().unwrap_or_default();
        let rest = self.left_out_words().or(self.rows.is_empty().then(|| "no messages".into()));
        let width = (detail + details)
            .max(last + gap / 2)
            .max(rest.as_ref().map_or(0, |words| length(words)))
            + MARGIN;
        let mut body = String::new();
        let mut y = HEAD + ROW;
        let mut next = 0;
        let shown = self.drawn(view);
        for index in shown.into_iter().chain([self.rows.len()]) {
            if index > next {
                let _ = writeln!(
                    body,
                    "<text class=\"d\" x=\"{}\" y=\"{y}\">… {} more</text>",
                    LEFT + gap / 2 + 8,
                    index - next
                );
                y += ROW;
            }
            next = index + 1;
            let Some(row) = self.rows.get(index) else { break };
            if let Some(href) = view.links.get(&index) {
                let _ = writeln!(
                    body,
                    "<a class=\"row{}\" href=\"{}\" data-row=\"{index}\" aria-label=\"{}\">\
                     <rect class=\"hit\" y=\"{}\" width=\"{width}\" height=\"{ROW}\" fill=\"currentColor\" fill-opacity=\"0\"/>",
                    if view.wrong.contains(&index) { " wrong" } else { "" },
                    xml(href),
                    xml(&format!("message {}: {}", index + 1, self.sentence(row))),
                    y - ROW / 2 - 4
                );
            }
            self.arrow(&mut body, row, gap, y, view.wrong.contains(&index));
            let _ = writeln!(
                body,
                "<text class=\"m s d\" x=\"{detail}\" y=\"{}\">{}</text>{}",
                y + 4,
                xml(&row.detail),
                if view.links.contains_key(&index) { "</a>" } else { "" }
            );
            y += ROW;
        }
        let end = y - ROW / 2;
        if let Some(words) = &rest {
            let _ = writeln!(
                body,
                "<text class=\"s d\" x=\"{MARGIN}\" y=\"{}\">{}</text>",
                y + 4,
                xml(words)
            );
            y += ROW;
        }
        let height = y - ROW / 2 + MARGIN;
        // Links inside of an image would be one to who hears it.
        let role = if view.links.is_empty() { "img" } else { "group" };
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"lr\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"{role}\">\n\
             <title>{}</title>\n<style>{STYLE}</style>\n{}{body}</svg>\n",
            xml(&self.nodes.join(", ")),
            self.heads(gap, end),
        )
    }

    /// The rows that are drawn.
    pub fn drawn(&self, view: &View) -> BTreeSet<usize> {
        let hidden = Extent::LONG.hidden(self.rows.len());
        (0..self.rows.len())
            .filter(|row| !hidden.contains(row) || view.links.contains_key(row))
            .collect()
    }

    /// `0.9 ms server → relay OFFER`.
    pub fn sentence(&self, row: &Row) -> String {
        format!("{} {} {}", time(row.at).trim(), self.hop(row), row.label)
    }

    /// `server → relay`.
    pub fn hop(&self, row: &Row) -> String {
        let name = |node: &usize| self.nodes.get(*node).map_or("?", String::as_str);
        let to: Vec<&str> = row.to.iter().map(name).collect();
        let to = if to.is_empty() { "nobody".into() } else { to.join(", ") };
        format!("{} → {to}", name(&row.from))
    }

    /// The nodes' names, and their lines down to `end`.
    fn heads(&self, gap: usize, end: usize) -> String {
        let mut heads = String::new();
        for (index, name) in self.nodes.iter().enumerate() {
            let x = LEFT + gap / 2 + index * gap;
            let wide = length(name) + 24;
            let _ = writeln!(
                heads,
                "<path d=\"M{x} {}V{end}\" stroke=\"currentColor\" stroke-opacity=\".35\" stroke-width=\"1.5\"/>\
                 <rect x=\"{}\" y=\"{MARGIN}\" width=\"{wide}\" height=\"28\" rx=\"7\" fill=\"currentColor\" fill-opacity=\".06\" stroke=\"currentColor\" stroke-opacity=\".45\"/>\
                 <text class=\"b\" x=\"{x}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                MARGIN + 28,
                x - wide / 2,
                MARGIN + 19,
                xml(name)
            );
        }
        heads
    }

    fn arrow(&self, body: &mut String, row: &Row, gap: usize, y: usize, wrong: bool) {
        let column = |node: usize| LEFT + gap / 2 + node * gap;
        let from = column(row.from);
        let _ = writeln!(
            body,
            "<text class=\"m s d\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            LEFT - 8,
            y + 4,
            time(row.at).trim()
        );
        // Nobody got it: the arrow ends in between, to the left if there is nobody on the right.
        let lost = row.to.iter().all(|to| *to == row.from);
        let to_the_left = if lost {
            row.from > 0 && row.from + 1 == self.nodes.len()
        } else {
            row.to.iter().all(|to| *to <= row.from)
        };
        let ends: Vec<usize> = match lost {
            true => vec![if to_the_left { from - gap * 2 / 3 } else { from + gap * 2 / 3 }],
            false => row.to.iter().filter(|to| **to != row.from).map(|to| column(*to)).collect(),
        };
        let (first, last) = (
            ends.iter().min().map_or(from, |x| from.min(*x)),
            ends.iter().max().map_or(from, |x| from.max(*x)),
        );
        let colour = if lost || wrong { "#dc2626" } else { "#0e7490" };
        let _ = write!(
            body,
            "<path d=\"M{first} {y}H{last}\" stroke=\"{colour}\" stroke-width=\"2\"/><circle cx=\"{from}\" cy=\"{y}\" r=\"3.5\" fill=\"{colour}\"/>"
        );
        for end in &ends {
            let _ = match (lost, *end > from) {
                (true, _) => write!(
                    body,
                    "<path d=\"M{} {}l10 10m0 -10l-10 10\" stroke=\"{colour}\" stroke-width=\"2\"/>",
                    end - 5,
                    y - 5
                ),
                (_, true) => {
                    write!(body, "<path d=\"M{} {y}l-9 -5v10z\" fill=\"{colour}\"/>", end - 1)
                }
                (_, false) => {
                    write!(body, "<path d=\"M{} {y}l9 -5v10z\" fill=\"{colour}\"/>", end + 1)
                }
            };
        }
        // Beside the sender, where it hides nobody's line.
        let middle = if to_the_left { from - gap / 2 } else { from + gap / 2 };
        let _ = writeln!(
            body,
            "<text class=\"m\" x=\"{middle}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            y - 6,
            xml(&row.label)
        );
    }
}
