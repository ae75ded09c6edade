//! The words that name packets in a lab file: `dhcp4 offer`, `tcp syn to port 80`.

use crate::packet::PROTOCOLS;
use crate::packet::frame::Frame;
use crate::packet::protocol::{Layer, Protocol, Value};
use crate::text::{quoted, suggest};

/// A kind of packet.
#[derive(Clone, Debug)]
pub struct Kind {
    /// The protocol.
    pub protocol: &'static Protocol,
    /// Of these [`Protocol::kinds`]; of any if empty.
    pub words: Vec<&'static str>,
    /// All of these hold.
    ports: Vec<Port>,
}

/// A condition on the ports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Port {
    /// One of both.
    Either(u16),
    /// The source.
    From(u16),
    /// The destination.
    To(u16),
}

const PORT_WORDS: [&str; 3] = ["port", "from", "to"];

impl Kind {
    /// Reads the words.
    ///
    /// # Errors
    /// The first word that is wrong, and what it could be.
    pub fn read(text: &str) -> Result<Kind, String> {
        let names: Vec<&str> = PROTOCOLS.iter().map(|protocol| protocol.name).collect();
        let mut words = Words(text.split_whitespace().collect());
        let Some(first) = words.next() else {
            return Err(format!("empty: expected one of {}", quoted(&names)));
        };
        let Some(protocol) = PROTOCOLS.iter().copied().find(|protocol| protocol.name == first)
        else {
            return Err(unknown("kind of packet", first, &names));
        };
        let mut kind =
            Kind { protocol, words: words.of(protocol, protocol.kinds)?, ports: Vec::new() };
        if kind.words.first().is_some_and(|word| protocol.carriers.contains(word)) {
            // Carriers in carriers are all of one kind.
            let inner: Vec<&str> = protocol
                .kinds
                .iter()
                .copied()
                .filter(|kind| !protocol.carriers.contains(kind))
                .collect();
            kind.words.extend(words.of(protocol, &inner)?);
        }
        while protocol.ports
            && let Some(port) = words.port()?
        {
            kind.ports.push(port);
        }
        match words.next() {
            None => Ok(kind),
            Some(word) => Err(format!(
                "`{word}` is one word too many after `{}`",
                text[..text.rfind(word).unwrap_or(0)].trim()
            )),
        }
    }

    /// Whether some of them may be bulk data. A kind of TCP segment, say, opens or closes a connection.
    pub fn may_be_bulk(&self) -> bool {
        let bulk = |word| self.protocol.bulk_kinds.contains(word);
        self.protocol.bulk && self.words.iter().all(bulk)
    }

    /// Whether `frame` is of this kind.
    pub fn is(&self, frame: &Frame) -> bool {
        frame.layers(self.protocol).any(|layer| {
            self.words.iter().all(|word| layer.is(word))
                && self.ports.iter().all(|port| port.is(layer))
        })
    }
}

impl Port {
    fn is(self, layer: &dyn Layer) -> bool {
        let is = |field, port: u16| layer.field(field) == Some(Value::number(port));
        match self {
            Port::Either(port) => is("source-port", port) || is("destination-port", port),
            Port::From(port) => is("source-port", port),
            Port::To(port) => is("destination-port", port),
        }
    }
}

/// What is said of a `word` that is not such a `what`.
pub(crate) fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    match suggest(word, known.iter().copied()) {
        Some(near) => format!("there is no {what} `{word}`, did you mean `{near}`?"),
        None => format!("there is no {what} `{word}`, expected one of {}", quoted(known)),
    }
}

struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    /// The one of `kinds` that comes next. Before conditions on ports it may be left out.
    fn of(
        &mut self,
        protocol: &Protocol,
        kinds: &[&'static str],
    ) -> Result<Vec<&'static str>, String> {
        let after: &[&str] = if protocol.ports { &PORT_WORDS } else { &[] };
        match self.0.first() {
            Some(word) if !kinds.is_empty() && !after.contains(word) => {
                let kind = kinds.iter().copied().find(|kind| kind == word);
                let kind =
                    kind.ok_or_else(|| unknown(protocol.message, word, &[kinds, after].concat()))?;
                self.next();
                Ok(vec![kind])
            }
            _ => Ok(Vec::new()),
        }
    }

    /// `[from|to] port N`, if anything comes.
    fn port(&mut self) -> Result<Option<Port>, String> {
        let Some(first) = self.next() else { return Ok(None) };
        let make: fn(u16) -> Port = match first {
            "from" => Port::From,
            "to" => Port::To,
            "port" => Port::Either,
            other => return Err(unknown("condition on ports", other, &PORT_WORDS)),
        };
        if first != "port" && self.next() != Some("port") {
            return Err(format!("`port` goes after `{first}`, as in `{first} port 80`"));
        }
        let Some(number) = self.next() else {
            return Err("its number goes after `port`, as in `port 80`".into());
        };
        match number.parse() {
            Ok(port @ 1..) => Ok(Some(make(port))),
            _ => Err(format!("`{number}` is not a port: 1 to 65535")),
        }
    }
}
