//! A lab as SVG, laid out as in a terminal. Lengths are in pixels.

use crate::graph::picture::{Host, Picture, Socket};
use crate::graph::plan::{Plan, Plug};
use crate::text::{STYLE, length, xml};
use std::fmt::Write;

/// Colours of bridges that can be told from each other, on light and on dark, also by most of those
/// who confuse red and green.
const COLOURS: [&str; 6] = ["#0e7490", "#c2410c", "#6d28d9", "#15803d", "#be185d", "#4d7c0f"];

const PITCH: usize = 26;
const ROW: usize = 22;
const HEAD: usize = 28;
const GAP: usize = 18;
const MARGIN: usize = 16;

pub fn draw(picture: &Picture) -> (String, Plan) {
    let mut drawing = Drawing::of(picture);
    drawing.all();
    drawing.finish()
}

struct Drawing<'a> {
    picture: &'a Picture,
    /// Where boxes begin, how wide they are, and where the addresses and ports in them begin.
    left: usize,
    wide: usize,
    column: usize,
    /// How far down it has got.
    y: usize,
    /// Where each network begins and ends.
    spans: Vec<Option<(usize, usize)>>,
    wires: String,
    boxes: String,
    pills: String,
    plugs: Vec<Plug>,
}

impl Drawing<'_> {
    fn of(picture: &Picture) -> Drawing<'_> {
        let links = || picture.hosts.iter().flat_map(|h| &h.links);
        let services = || picture.hosts.iter().flat_map(|h| &h.services);
        let most = |lengths: &mut dyn Iterator<Item = usize>| lengths.max().unwrap_or_default();
        let ports = most(&mut links().filter_map(|l| l.port.as_ref()).map(|p| length(p) + 24));
        let names = most(
            &mut links().map(|l| length(&l.name)).chain(services().map(|s| length(&s.name) + 16)),
        );
        let rest = most(
            &mut links()
                .map(|l| length(&l.addresses.join("  ")))
                .chain(services().map(|s| length(&s.listens))),
        );
        let heads =
            most(&mut picture.hosts.iter().map(|h| length(&h.name) + length(&note(h)) + 40));
        Drawing {
            picture,
            left: MARGIN + picture.lanes * PITCH + ports.max(20),
            wide: (names + rest + 52).max(heads + 24).max(200),
            column: names + 32,
            y: MARGIN + 48,
            spans: vec![None; picture.nets.len()],
            wires: String::new(),
            boxes: String::new(),
            pills: String::new(),
            plugs: Vec::new(),
        }
    }

    fn lane(&self, net: usize) -> usize {
        MARGIN + 8 + self.picture.nets[net].lane * PITCH
    }

    fn colour(&self, net: usize) -> &'static str {
        if self.picture.nets[net].bridge.is_some() {
            COLOURS[net % COLOURS.len()]
        } else {
            "currentColor"
        }
    }

    fn all(&mut self) {
        for (index, host) in self.picture.hosts.iter().enumerate() {
            for (net, name, column) in self.picture.beginning(index) {
                let (x, wide) = (MARGIN + column * PITCH, length(name) + 18);
                let _ = writeln!(
                    self.wires,
                    "<path d=\"M{} {}H{x}\" stroke=\"{}\"/>",
                    self.lane(net),
                    self.y + 10,
                    self.colour(net)
                );
                let _ = writeln!(
                    self.pills,
                    "<rect x=\"{x}\" y=\"{}\" width=\"{wide}\" height=\"20\" rx=\"10\" fill=\"{}\"/><text class=\"m b w\" x=\"{}\" y=\"{}\">{}</text>",
                    self.y,
                    self.colour(net),
                    x + 9,
                    self.y + 14,
                    xml(name)
                );
                self.spans[net] = Some((self.y + 10, self.y + 10));
                self.y += 26;
            }
            self.host(host);
        }
        for name in self.picture.unplugged() {
            let _ = writeln!(
                self.boxes,
                "<text class=\"d\" x=\"{MARGIN}\" y=\"{}\">{}: nothing is plugged in</text>",
                self.y + 8,
                xml(name)
            );
            self.y += ROW;
        }
    }

    fn host(&mut self, host: &Host) {
        let rows = host.links.len() + host.devices.len() + host.services.len();
        let height = HEAD + rows * ROW + if rows > 0 { 6 } else { 0 };
        let (left, wide, top) = (self.left, self.wide, self.y);
        let frame = match host.subject {
            Some(_) => {
                "fill=\"#f59e0b\" fill-opacity=\".12\" stroke=\"#f59e0b\" stroke-width=\"2.5\""
            }
            None => {
                "fill=\"currentColor\" fill-opacity=\".04\" stroke=\"currentColor\" stroke-opacity=\".45\""
            }
        };
        let note = xml(&note(host));
        let colour = if host.subject.is_some() { "s b u" } else { "s d" };
        let _ = writeln!(
            self.boxes,
            "<rect x=\"{left}\" y=\"{top}\" width=\"{wide}\" height=\"{height}\" rx=\"7\" {frame}/>\
             <text class=\"b\" x=\"{}\" y=\"{}\">{}</text><text class=\"{colour}\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{note}</text>",
            left + 14,
            top + 19,
            xml(&host.name),
            left + wide - 12,
            top + 19,
        );
        let mut y = top + HEAD + ROW / 2;
        for link in &host.links {
            self.link(host, link, y);
            y += ROW;
        }
        for device in &host.devices {
            self.words(left + 14, y, "m b", &xml(&device.name));
            self.words(left + self.column, y, "m", &xml(&device.words.join("  ")));
            y += ROW;
        }
        for service in &host.services {
            let fill = if service.subject { "#f59e0b" } else { "#16a34a" };
            let _ = writeln!(
                self.boxes,
                "<circle cx=\"{}\" cy=\"{y}\" r=\"4\" fill=\"{fill}\"/>",
                left + 18
            );
            self.words(left + 30, y, "m", &xml(&service.name));
            self.words(left + self.column, y, "m d", &xml(&service.listens));
            y += ROW;
        }
        self.y = top + height + GAP;
    }

    fn link(&mut self, host: &Host, link: &Socket, y: usize) {
        let (x, left, colour) = (self.lane(link.net), self.left, self.colour(link.net));
        self.plugs.push(Plug { place: format!("{}/{}", host.name, link.name), lane: x, y });
        let first = self.spans[link.net].map_or(y, |(first, _)| first);
        self.spans[link.net] = Some((first, y));
        let _ = writeln!(self.wires, "<path d=\"M{x} {y}H{left}\" stroke=\"{colour}\"/>");
        let _ = writeln!(
            self.boxes,
            "<circle cx=\"{x}\" cy=\"{y}\" r=\"4\" fill=\"{colour}\"/><rect x=\"{}\" y=\"{}\" width=\"8\" height=\"8\" rx=\"2\" fill=\"{colour}\"/>",
            left - 4,
            y - 4
        );
        if let Some(port) = &link.port {
            let _ = writeln!(
                self.boxes,
                "<text class=\"m s d\" x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
                left - 10,
                y - 4,
                xml(port)
            );
        }
        self.words(left + 14, y, "m b", &xml(&link.name));
        self.words(left + self.column, y, "m", &link.addresses.join("  "));
    }

    fn words(&mut self, x: usize, y: usize, class: &str, text: &str) {
        if !text.is_empty() {
            let _ = writeln!(
                self.boxes,
                "<text class=\"{class}\" x=\"{x}\" y=\"{}\">{text}</text>",
                y + 4
            );
        }
    }

    fn finish(self) -> (String, Plan) {
        let Picture { name, about, nets, .. } = self.picture;
        let width = (self.left + self.wide).max(length(about)) + MARGIN;
        let height = self.y - GAP + MARGIN;
        let mut lanes = String::new();
        for (index, span) in self.spans.iter().enumerate() {
            let Some((first, last)) = span else { continue };
            let thick = if nets[index].bridge.is_some() { 5 } else { 2 };
            let x = self.lane(index);
            let _ = writeln!(
                lanes,
                "<path d=\"M{x} {first}V{last}\" stroke=\"{}\" stroke-width=\"{thick}\"/>",
                self.colour(index)
            );
        }
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"lr\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" role=\"img\">\n\
             <title>{title}</title>\n<style>{STYLE}</style>\n\
             <text class=\"b\" x=\"{MARGIN}\" y=\"{}\" style=\"font-size:16px\">{title}</text><text class=\"d\" x=\"{MARGIN}\" y=\"{}\">{}</text>\n\
             <g fill=\"none\" stroke-width=\"1.5\" stroke-linecap=\"round\">\n{}{lanes}</g>\n{}{}</svg>\n",
            MARGIN + 14,
            MARGIN + 34,
            xml(about),
            self.wires,
            self.boxes,
            self.pills,
            title = xml(name),
        );
        (svg, Plan { width, height, left: self.left, plugs: self.plugs })
    }
}

/// What is said at the right of a box's head.
fn note(host: &Host) -> String {
    let tags = host.tags.iter().cloned();
    tags.chain(host.subject.iter().map(|s| format!("under test: {s}")))
        .collect::<Vec<_>>()
        .join(", ")
}
