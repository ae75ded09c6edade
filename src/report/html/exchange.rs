//! The packets of a test on the page: who sent what to whom, played on the lab's drawing, and each
//! message with its bytes, its fields and the places where it was seen.

use crate::analysis::detail::Detail;
use crate::analysis::ladder::{Ladder, Row};
use crate::analysis::ladder_svg::View;
use crate::graph::plan::{Plan, Plug};
use crate::record::run::TestRun;
use crate::report::html::Page;
use crate::report::html::text::{escape, id};
use crate::text::time;
use std::collections::BTreeSet;
use std::fmt::Write;

/// So many bytes are shown of a message.
const BYTES: usize = 512;

/// The packets of `test`; nothing if there are none.
pub fn exchange(page: &Page, test: &TestRun) -> String {
    let Some(ladder) = &test.ladder else { return String::new() };
    let one = Exchange::of(page, test, ladder);
    let name = escape(&test.test);
    let rows = ladder.svg(&View {
        links: one.messages.iter().map(|(of, _)| (of.row, one.href(of.row))).collect(),
        wrong: one.ways.clone(),
    });
    let ladder = format!(
        "<figure class=\"ladder\" aria-label=\"Packets of {name}\" tabindex=\"0\">{rows}</figure>"
    );
    if one.messages.is_empty() {
        return format!("<div><h4>Packets</h4>{ladder}{}</div>\n", one.left_out());
    }
    format!(
        "<div class=\"exchange\"><h4>Packets</h4>\n{}<div class=\"stage\">{}<div class=\"messages\">\n\
         <p class=\"hint\">Choose a message to see its bytes, its fields, and where it was seen.</p>\n{}{}</div></div>\n{ladder}</div>\n",
        one.player(),
        one.map(page),
        one.sections(),
        one.left_out(),
    )
}

/// Where line `line` of what is said of `test` leads: to the message that it is about.
pub fn link(page: &Page, test: &TestRun, line: usize) -> Option<String> {
    let link = test.links.iter().find(|link| link.line == line)?;
    let known = page.messages(test).iter().any(|of| of.row == link.row);
    known.then(|| format!("#{}", anchor(test, link.row)))
}

/// The name of a message's place on the page. No test's name holds a colon.
fn anchor(test: &TestRun, row: usize) -> String {
    format!("{}:{}", id(&test.test), row + 1)
}

struct Exchange<'a> {
    test: &'a TestRun,
    ladder: &'a Ladder,
    /// The messages that are taken apart, with their rows.
    messages: Vec<(&'a Detail, &'a Row)>,
    /// The rows on the way of messages that are said to be wrong.
    ways: BTreeSet<usize>,
    /// The row that is looked at first: the first that is said to be wrong.
    first: Option<usize>,
}

impl<'a> Exchange<'a> {
    fn of(page: &Page, test: &'a TestRun, ladder: &'a Ladder) -> Exchange<'a> {
        let of = |of: &'a Detail| Some((of, ladder.rows.get(of.row)?));
        let messages: Vec<_> = page.messages(test).iter().filter_map(of).collect();
        let blamed: BTreeSet<usize> = test.links.iter().map(|link| link.row).collect();
        let wrong: BTreeSet<usize> = messages
            .iter()
            .filter(|(of, _)| blamed.contains(&of.row))
            .map(|(of, _)| of.first)
            .collect();
        let on_way = messages.iter().filter(|(of, _)| wrong.contains(&of.first));
        let ways = on_way.map(|(of, _)| of.row).collect();
        let first = messages.iter().map(|(of, _)| of.row).find(|row| blamed.contains(row));
        Exchange { test, ladder, messages, ways, first }
    }

    fn href(&self, row: usize) -> String {
        format!("#{}", anchor(self.test, row))
    }

    /// What plays the exchange; shown where scripts run.
    fn player(&self) -> String {
        let at = self.messages.iter().position(|(of, _)| Some(of.row) == self.first);
        format!(
            "<div class=\"player\" hidden><button type=\"button\" aria-pressed=\"false\">Play</button>\
             <input type=\"range\" min=\"0\" max=\"{}\" value=\"{}\" step=\"1\" aria-label=\"Message\"><output></output></div>\n",
            self.messages.len() - 1,
            at.unwrap_or_default()
        )
    }

    /// The lab's drawing with the hops of all messages over it, of which those on the way of what failed
    /// are seen, and that of the message that is looked at.
    fn map(&self, page: &Page) -> String {
        let Some((class, plan)) = page.map(&self.test.lab) else { return String::new() };
        let mut hops = String::new();
        for (of, _) in &self.messages {
            let wrong = if self.ways.contains(&of.row) { " wrong" } else { "" };
            let now = if Some(of.row) == self.first { " now" } else { "" };
            let _ = writeln!(
                hops,
                "<g class=\"hop{wrong}{now}\" data-row=\"{}\">{}</g>",
                of.row,
                hop(plan, of)
            );
        }
        let about = match self.ways.is_empty() {
            true => "Topology".to_string(),
            false => {
                format!(
                    "Topology with the way of what failed: {}",
                    self.way(|row| self.ways.contains(&row))
                )
            }
        };
        format!(
            "<figure class=\"map\"><svg class=\"over {class}\" viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" role=\"img\" aria-label=\"{2}\">\n{hops}</svg></figure>\n",
            plan.width,
            plan.height,
            escape(&about)
        )
    }

    /// The hops in those of the rows that are `wanted`.
    fn way(&self, wanted: impl Fn(usize) -> bool) -> String {
        let hops = self.messages.iter().filter(|(of, _)| wanted(of.row));
        hops.map(|(_, row)| self.ladder.hop(row)).collect::<Vec<_>>().join(", ")
    }

    fn sections(&self) -> String {
        self.messages.iter().map(|(of, row)| self.section(of, row)).collect()
    }

    fn section(&self, of: &Detail, row: &Row) -> String {
        let wrong = if self.ways.contains(&of.row) { " wrong" } else { "" };
        let now = if Some(of.row) == self.first { " now" } else { "" };
        format!(
            "<section class=\"message{wrong}{now}\" id=\"{}\" data-row=\"{}\" tabindex=\"-1\">\
             <h5><span>{}</span> {} <small>{}</small></h5>\n{}{}{}{}{}</section>\n",
            anchor(self.test, of.row),
            of.row,
            of.row + 1,
            escape(&row.label),
            escape(&format!("{} · {}", time(row.at).trim(), self.ladder.hop(row))),
            self.blame(of),
            self.on(of),
            seen(of),
            fields(of),
            bytes(of),
        )
    }

    /// What is said to be wrong with the message.
    fn blame(&self, of: &Detail) -> String {
        let lines = &self.test.lines;
        // A packet is told below what is wrong with it, and moved to the right.
        let head = |line: usize| {
            let before = lines.get(..line)?.iter().rev();
            before.into_iter().find(|text| !text.starts_with(' '))
        };
        let links = self.test.links.iter().filter(|link| link.row == of.row);
        links
            .filter_map(|link| head(link.line))
            .map(|text| format!("<p class=\"blame\">{}</p>\n", escape(text.trim_end_matches(':'))))
            .collect()
    }

    /// The other hops of the same message.
    fn on(&self, of: &Detail) -> String {
        let hops: Vec<_> = self.messages.iter().filter(|(one, _)| one.first == of.first).collect();
        if hops.len() < 2 {
            return String::new();
        }
        let link = |(one, row): &&(&Detail, &Row)| {
            let here = if one.row == of.row { " aria-current=\"true\"" } else { "" };
            format!(
                "<li><a href=\"{}\"{here}>{}</a></li>",
                self.href(one.row),
                escape(&self.ladder.hop(row))
            )
        };
        format!(
            "<p class=\"part\">Its way</p><ul class=\"way\">{}</ul>\n",
            hops.iter().map(link).collect::<String>()
        )
    }

    /// What is said where not all that is drawn is taken apart.
    fn left_out(&self) -> String {
        let all = self.test.messages.len();
        let number = self.messages.len();
        if number >= all {
            return String::new();
        }
        format!(
            "<p class=\"hint\">Only {number} of {all} messages are taken apart here, because the page has so many. The capture has all.</p>\n"
        )
    }
}

/// Where the message goes on the drawing: from its sender's box to its network and to the boxes of all
/// that it reached, each with an arrowhead. One that reached nobody ends with a cross on its network.
fn hop(plan: &Plan, of: &Detail) -> String {
    let Some(from) = plan.plug(&of.from) else { return String::new() };
    let (left, lane, y) = (plan.left, from.lane, from.y);
    let wire = |d: String| format!("<path class=\"wire\" pathLength=\"1\" d=\"{d}\"/>");
    let to: Vec<&Plug> = of.to.iter().filter_map(|place| plan.plug(place)).collect();
    if to.is_empty() {
        let cross = format!("<path class=\"cross\" d=\"M{lane} {y}m-5 -5l10 10m0 -10l-10 10\"/>");
        return wire(format!("M{left} {y}H{lane}")) + &cross;
    }
    let arrow = |to: &&Plug| {
        // Beside the head, or it would stick out of it.
        let end = left.saturating_sub(6);
        wire(format!("M{left} {y}H{lane}V{}H{end}", to.y))
            + &format!("<path class=\"head\" d=\"M{left} {}l-10 -6v12z\"/>", to.y)
    };
    to.iter().map(arrow).collect()
}

fn seen(of: &Detail) -> String {
    let row = |one: &crate::analysis::detail::Sighting| {
        format!(
            "<tr><td>{}</td><th scope=\"row\">{}</th><td>{}</td></tr>\n",
            milliseconds(one.at),
            escape(&one.place),
            if one.sent { "sent" } else { "received" }
        )
    };
    format!(
        "<p class=\"part\">Seen at</p><table class=\"seen\">\n{}</table>\n",
        of.seen.iter().map(row).collect::<String>()
    )
}

/// Microseconds make a difference between two ports.
fn milliseconds(microseconds: u64) -> String {
    format!("{}.{:03} ms", microseconds / 1000, microseconds % 1000)
}

fn fields(of: &Detail) -> String {
    let mut rows = String::new();
    for layer in &of.layers {
        let _ = writeln!(rows, "<tr><th colspan=\"2\">{}</th></tr>", escape(&layer.protocol));
        for (name, value) in &layer.fields {
            let _ = writeln!(
                rows,
                "<tr><th scope=\"row\">{}</th><td>{}</td></tr>",
                escape(name),
                escape(value)
            );
        }
    }
    format!("<p class=\"part\">Fields</p><table class=\"fields\">\n{rows}</table>\n")
}

/// The bytes, sixteen a line: where, in hexadecimal digits, as text.
fn bytes(of: &Detail) -> String {
    let digits: Vec<char> = of.bytes.chars().take(2 * BYTES).collect();
    let byte = |pair: &[char]| u8::from_str_radix(&pair.iter().collect::<String>(), 16).ok();
    let bytes: Vec<u8> = digits.chunks_exact(2).map_while(byte).collect();
    let mut text = String::new();
    for (number, line) in bytes.chunks(16).enumerate() {
        let digits: Vec<String> = line.iter().map(|byte| format!("{byte:02x}")).collect();
        let letter = |byte: &u8| if (0x20..0x7f).contains(byte) { *byte as char } else { '.' };
        let letters: String = line.iter().map(letter).collect();
        let _ = writeln!(text, "{:04x}  {:<47}  {letters}", number * 16, digits.join(" "));
    }
    let more = of.length.saturating_sub(bytes.len() as u64);
    if more > 0 {
        let _ = writeln!(text, "      {more} more");
    }
    format!(
        "<p class=\"part\">{} bytes</p><pre class=\"bytes\" tabindex=\"0\">{}</pre>\n",
        of.length,
        escape(text.trim_end())
    )
}
