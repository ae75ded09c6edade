//! A lab in a terminal.

use crate::graph::picture::{Daemon, Host, Picture, Socket};
use crate::text::{cut, fit, paint, width};
use std::iter::once;

/// Nothing narrower than this can be drawn.
const MIN_WIDTH: usize = 40;
/// Columns from one lane to the next.
const PITCH: usize = 3;
/// More hosts than this are drawn as lines, not as boxes.
const BOXES: usize = 12;

/// Draws `picture` in lines of at most `columns`, or [`MIN_WIDTH`] if that is more.
pub fn draw(picture: &Picture, columns: usize) -> String {
    let columns = columns.max(MIN_WIDTH);
    let names = picture.hosts.iter().flat_map(|h| {
        h.links.iter().map(|l| &l.name).chain(h.devices.iter().map(|d| &d.name)).map(|n| width(n))
    });
    let services = picture.hosts.iter().flat_map(|h| &h.services).map(|s| width(&s.name) + 2);
    let ports = picture
        .hosts
        .iter()
        .flat_map(|h| &h.links)
        .filter_map(|l| l.port.as_deref())
        .map(width)
        .max()
        .unwrap_or_default();
    let mut drawing = Drawing {
        picture,
        columns,
        boxed: picture.hosts.len() <= BOXES,
        // With too many lanes, each link says in words what it is plugged into.
        lanes: if picture.lanes * PITCH <= columns / 3 { picture.lanes } else { 0 },
        ports: 0,
        hosts: picture
            .hosts
            .iter()
            .map(|h| width(&h.name))
            .max()
            .unwrap_or_default()
            .min(columns / 4),
        names: names.chain(services).max().unwrap_or_default().min(20),
        active: vec![None; picture.lanes],
        left: picture.nets.iter().map(|n| n.links).collect(),
        lines: Vec::new(),
    };
    if drawing.lanes > 0 && drawing.lanes * PITCH + ports + 2 <= columns * 2 / 5 {
        drawing.ports = ports;
    }
    drawing.all();
    drawing.lines.iter().map(|line| format!("{}\n", line.trim_end())).collect()
}

struct Drawing<'a> {
    picture: &'a Picture,
    columns: usize,
    boxed: bool,
    lanes: usize,
    /// Widest name of a bridge's port, 0 where there is no room for them.
    ports: usize,
    hosts: usize,
    names: usize,
    /// The network in each lane.
    active: Vec<Option<usize>>,
    /// How many links each network still gets.
    left: Vec<usize>,
    lines: Vec<String>,
}

/// The corners and sides of a box.
struct Frame {
    top: [char; 3],
    side: char,
    plug: char,
    bottom: [char; 2],
}

const PLAIN: Frame =
    Frame { top: ['┌', '─', '┐'], side: '│', plug: '┤', bottom: ['└', '┘'] };
const SUBJECT: Frame =
    Frame { top: ['╔', '═', '╗'], side: '║', plug: '╢', bottom: ['╚', '╝'] };

impl Drawing<'_> {
    fn all(&mut self) {
        let Picture { name, about, .. } = self.picture;
        let title = if about.is_empty() { name.clone() } else { format!("{name}: {about}") };
        self.lines.extend([cut(&title, self.columns), String::new()]);
        for (index, host) in self.picture.hosts.iter().enumerate() {
            for (net, name, column) in
                self.picture.beginning(index).filter(|_| self.lanes > 0).collect::<Vec<_>>()
            {
                self.begin(net, name, column);
            }
            self.host(host);
        }
        for bridge in self.picture.unplugged() {
            self.lines.push(cut(&format!("{bridge}: nothing is plugged in"), self.columns));
        }
    }

    /// The beginning of a bridge's lane, with its name above it or right of what else runs there.
    fn begin(&mut self, net: usize, name: &str, column: usize) {
        let lane = self.picture.nets[net].lane;
        let rail: Vec<char> = self.rail().chars().collect();
        let mut line: String = rail[..lane * PITCH].iter().collect();
        if column > lane {
            line.push_str("┏━");
            line.extend(
                rail[lane * PITCH + 2..column * PITCH - 1]
                    .iter()
                    .map(|c| if *c == ' ' { '━' } else { *c }),
            );
            line.push(' ');
        }
        let room = self.columns - width(&line);
        self.lines.push(line + &cut(name, room));
        self.active[lane] = Some(net);
    }

    fn host(&mut self, host: &Host) {
        let frame = if host.subject.is_some() { &SUBJECT } else { &PLAIN };
        let note: Vec<String> = host
            .tags
            .iter()
            .cloned()
            .chain(host.subject.iter().map(|s| format!("under test: {s}")))
            .collect();
        let note = note.join(", ");
        if self.boxed {
            let inner = self.inner();
            let note = cut(&note, inner / 2);
            let tail =
                if note.is_empty() { String::new() } else { format!(" {note} {}", frame.top[1]) };
            let head = format!("{} {} ", frame.top[1], cut(&host.name, inner - width(&tail) - 4));
            let border = fit(&head, inner - width(&tail), frame.top[1]) + &tail;
            self.aside(format!("{}{border}{}", frame.top[0], frame.top[2]));
        }
        // In lines without boxes the name stands before the first thing that there is to say.
        let mut name = cut(&host.name, self.hosts);
        for link in &host.links {
            for (nth, words) in self.link(link).into_iter().enumerate() {
                let wire = if nth == 0 { self.plug(link) } else { self.rail() };
                self.row(wire, nth == 0, frame, &mut name, &words);
            }
        }
        for device in &host.devices {
            for words in self.named(&device.name, &device.words) {
                self.row(self.rail(), false, frame, &mut name, &words);
            }
        }
        for service in &host.services {
            self.row(self.rail(), false, frame, &mut name, &self.daemon(service));
        }
        if self.boxed {
            let bottom = frame.top[1].to_string().repeat(self.inner());
            self.aside(format!("{}{bottom}{}", frame.bottom[0], frame.bottom[1]));
        } else if !note.is_empty() || !name.is_empty() {
            self.row(self.rail(), false, frame, &mut name, &cut(&note, self.room()));
        }
    }

    /// Columns left of the boxes.
    fn gutter(&self) -> usize {
        let ports = if self.ports > 0 { self.ports + 2 } else { 0 };
        self.lanes * PITCH + ports + if self.lanes > 0 { 1 } else { 0 }
    }

    /// Columns between the sides of a box.
    fn inner(&self) -> usize {
        self.columns - self.gutter() - 2
    }

    /// Columns of text in a row.
    fn room(&self) -> usize {
        if self.boxed { self.inner() - 2 } else { self.columns - self.gutter() - self.hosts - 4 }
    }

    fn aside(&mut self, text: String) {
        self.lines.push(self.rail() + &text);
    }

    /// One row of a host. `name` is taken by the first one that has no box to say it.
    fn row(&mut self, wire: String, plugged: bool, frame: &Frame, name: &mut String, text: &str) {
        let line = if self.boxed {
            let left = if plugged && self.lanes > 0 { frame.plug } else { frame.side };
            format!("{wire}{left} {} {}", fit(text, self.room(), ' '), frame.side)
        } else {
            let left = if plugged && self.lanes > 0 { '─' } else { ' ' };
            format!("{wire}{left} {}  {text}", fit(&std::mem::take(name), self.hosts, ' '))
        };
        self.lines.push(line);
    }

    /// The lines that say what a link is: its name, and its addresses, as many a line as there is
    /// room for.
    fn link(&self, link: &Socket) -> Vec<String> {
        let end = (self.lanes == 0).then(|| self.end(link));
        self.named(&link.name, &end.into_iter().chain(link.addresses.clone()).collect::<Vec<_>>())
    }

    /// The lines that say `words` of what has this name.
    fn named(&self, name: &str, words: &[String]) -> Vec<String> {
        let name = fit(name, self.names, ' ');
        let indent = self.names + 2;
        let mut lines = vec![String::new()];
        for word in words {
            let last = lines.last_mut().expect("there is one");
            if last.is_empty() {
                *last = word.clone();
            } else if indent + width(last) + 2 + width(word) <= self.room() {
                *last = format!("{last}, {word}");
            } else {
                lines.push(word.clone());
            }
        }
        let first = once(name.clone()).chain(std::iter::repeat(fit("", self.names, ' ')));
        first.zip(lines).map(|(name, rest)| cut(&format!("{name}  {rest}"), self.room())).collect()
    }

    /// What a link is plugged into, in words.
    fn end(&self, link: &Socket) -> String {
        if let Some(bridge) = &self.picture.nets[link.net].bridge {
            return format!("on {bridge}");
        }
        let others = self.picture.hosts.iter().flat_map(|h| h.links.iter().map(move |l| (h, l)));
        let mut others = others.filter(|(_, l)| l.net == link.net && !std::ptr::eq(*l, link));
        others.next().map_or(String::new(), |(host, far)| format!("to {}/{}", host.name, far.name))
    }

    fn daemon(&self, service: &Daemon) -> String {
        let mark = if service.subject { '▶' } else { '●' };
        cut(
            &format!(
                "{}  {}",
                fit(&format!("{mark} {}", service.name), self.names, ' '),
                service.listens
            ),
            self.room(),
        )
    }

    /// The lanes beside a row that nothing is plugged into.
    fn rail(&self) -> String {
        let side = |net: &Option<usize>| match net {
            Some(net) if self.picture.nets[*net].bridge.is_some() => "┃  ",
            Some(_) => "│  ",
            None => "   ",
        };
        let lanes: String = self.active[..self.lanes].iter().map(side).collect();
        fit(&lanes, self.gutter(), ' ')
    }

    /// The lanes beside a link, and its wire.
    fn plug(&mut self, link: &Socket) -> String {
        if self.lanes == 0 {
            return String::new();
        }
        let net = &self.picture.nets[link.net];
        self.left[link.net] -= 1;
        let (first, last) = (self.left[link.net] + 1 == net.links, self.left[link.net] == 0);
        let joint = match (&net.bridge, first, last) {
            (Some(_), _, false) => '┠',
            (Some(_), _, true) => '┖',
            (None, true, _) => '┌',
            (None, _, true) => '└',
            (None, ..) => '├',
        };
        let mut line = String::new();
        for (lane, active) in self.active[..self.lanes].iter().enumerate() {
            let crossed =
                active.map(|n| if self.picture.nets[n].bridge.is_some() { '┃' } else { '│' });
            line.push_str(&match (lane.cmp(&net.lane), crossed) {
                (std::cmp::Ordering::Equal, _) => format!("{joint}──"),
                (std::cmp::Ordering::Greater, crossed) => format!("{}──", crossed.unwrap_or('─')),
                (std::cmp::Ordering::Less, crossed) => format!("{}  ", crossed.unwrap_or(' ')),
            });
        }
        self.active[net.lane] = (!last).then_some(link.net);
        if let Some(port) = link.port.as_ref().filter(|_| self.ports > 0) {
            line.pop();
            line.push_str(&format!(" {port} "));
        }
        fit(&line, self.gutter(), '─')
    }
}

/// `drawing` with colours: networks, the program under test, and what only frames the rest.
pub fn coloured(drawing: &str) -> String {
    let code = |c: char| match c {
        '┃' | '┠' | '┖' => "36",
        '╔' | '═' | '╗' | '║' | '╢' | '╚' | '╝' | '▶' => "1;33",
        '●' => "32",
        '\u{2500}'..='\u{257f}' => "2",
        _ => "",
    };
    paint(drawing, code)
}
