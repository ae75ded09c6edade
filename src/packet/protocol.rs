//! What a protocol is to labrun: its names and fields, as lab files and reports have them, and how
//! its messages are read. Each has a file of its own, and [`PROTOCOLS`](super::PROTOCOLS) lists
//! them.

use crate::packet::bytes::hex;
use crate::packet::dhcp6::duid_mac;
use crate::packet::headers::Headers;
use std::fmt;
use std::net::IpAddr;

/// A protocol.
#[derive(Debug)]
pub struct Protocol {
    /// As lab files name it: `dhcp4`.
    pub name: &'static str,
    /// As reports name it: `DHCPv4`.
    pub title: &'static str,
    /// All protocols that carry it, so that their fields are its packets', too. Ethernet carries
    /// all.
    pub over: &'static [&'static Protocol],
    /// The kinds of its messages, as lab files name them: `discover`.
    pub kinds: &'static [&'static str],
    /// What is a message of it, in mistakes: `DHCPv4 message`.
    pub message: &'static str,
    /// Those of `kinds` that carry a message of another kind, which may be named after them.
    pub carriers: &'static [&'static str],
    /// The ports of TCP and UDP between which its messages are: captures keep all of those.
    pub reads: &'static [u16],
    /// Whether a frame that holds nothing else may be bulk data, of which captures keep only some.
    pub bulk: bool,
    /// Those of `kinds` that may be bulk data, too.
    pub bulk_kinds: &'static [&'static str],
    /// Whether conditions on ports may be named.
    pub ports: bool,
    /// The fields that lab files may ask for.
    pub fields: &'static [Field],
    /// The kinds that answer others, each with those that it answers.
    pub answers: &'static [(&'static str, &'static [&'static str])],
    /// Whether a ladder shows its messages' labels without its title, because they say enough.
    pub telling: bool,
    /// Whether a ladder shows the addresses of its messages, because little else is known of them.
    pub ends: bool,
    /// Reads a message, if `Headers` and what comes after them are such.
    pub read: for<'a> fn(&Headers<'a>) -> Option<Box<dyn Layer + 'a>>,
}

impl Protocol {
    /// A protocol that has nothing yet.
    pub(crate) const NEW: Protocol = Protocol {
        name: "",
        title: "",
        over: &[],
        kinds: &[],
        message: "",
        carriers: &[],
        reads: &[],
        bulk: false,
        bulk_kinds: &[],
        ports: false,
        fields: &[],
        answers: &[],
        telling: false,
        ends: true,
        read: |_| None,
    };
}

impl PartialEq for Protocol {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name
    }
}

/// A field that lab files may ask for.
#[derive(Debug)]
pub struct Field {
    /// Its name in lab files.
    pub name: &'static str,
    /// What may be asked.
    pub value: ValueKind,
    /// What is in it, for the reference; empty where its name says so.
    pub about: &'static str,
    /// The kinds of messages that have it, if not all do, and what these are called.
    pub only: Option<(&'static [&'static str], &'static str)>,
}

impl Field {
    pub(crate) const fn new(name: &'static str, value: ValueKind, about: &'static str) -> Field {
        Field { name, value, about, only: None }
    }

    /// A field of messages of these `kinds`, which are `called` so, only.
    pub(crate) const fn only(self, kinds: &'static [&'static str], called: &'static str) -> Field {
        Field { only: Some((kinds, called)), ..self }
    }
}

/// What kind of value a field has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueKind {
    /// A number, or a range of them.
    Number,
    /// An IPv4 address, network or range.
    Ipv4,
    /// The same of IPv6.
    Ipv6,
    /// A hardware address.
    Mac,
    /// A DUID, or the hardware address in it.
    Duid,
    /// Any text.
    Text,
    /// A domain name, in capitals or not.
    Domain,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// What was found in a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// An IP address.
    Address(IpAddr),
    /// A number.
    Number(u64),
    /// A hardware address.
    Mac(Vec<u8>),
    /// A DUID.
    Duid(Vec<u8>),
    /// Bytes that are text, more often than not.
    Text(Vec<u8>),
}

impl Value {
    pub(crate) fn address(address: impl Into<IpAddr>) -> Value {
        Value::Address(address.into())
    }

    pub(crate) fn number(number: impl Into<u64>) -> Value {
        Value::Number(number.into())
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Value::Address(address) => address.fmt(f),
            Value::Number(number) => number.fmt(f),
            Value::Mac(bytes) => f.write_str(&hex(bytes)),
            Value::Duid(duid) => match duid_mac(duid) {
                Some(mac) => f.write_str(&hex(&mac)),
                None => write!(f, "DUID {}", hex(duid)),
            },
            Value::Text(bytes) => write!(f, "`{}`", String::from_utf8_lossy(bytes).escape_debug()),
        }
    }
}

/// What a frame holds of one protocol.
pub trait Layer: fmt::Debug {
    /// Which.
    fn protocol(&self) -> &'static Protocol;

    /// Whether it is of the kind `kind`, one of [`Protocol::kinds`].
    fn is(&self, kind: &str) -> bool {
        let _ = kind;
        false
    }

    /// What is in the field `name`, one of [`Protocol::fields`].
    fn field(&self, name: &str) -> Option<Value>;

    /// What it is and what else matters of it, for people: `DISCOVER` and `xid 1f2e3d4c`.
    fn words(&self) -> (String, String);

    /// Adds to `identity` what tells this message from all others and stays the same on its way.
    fn identity(&self, identity: &mut Identity);

    /// The kind of this message in its exchange, if the protocol has such; then `exchange` gets
    /// what all messages of the exchange have in common.
    fn exchange(&self, exchange: &mut Identity) -> Option<String> {
        let _ = exchange;
        None
    }

    /// What it is sent for.
    fn purpose(&self) -> Purpose {
        Purpose::Exchange
    }
}

/// What a message is sent for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// By a program that has something to say.
    Exchange,
    /// Only to be able to talk: to find a neighbour's hardware address.
    Resolution,
    /// By a kernel when an interface comes up, and some time later, or by a daemon again and again to
    /// say that it is there. It says nothing of a test.
    Housekeeping,
}

/// What the frames of one message have in common.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identity(Vec<u8>);

impl Identity {
    /// Adds a part. Parts cannot run into each other.
    pub(crate) fn add(&mut self, part: &[u8]) {
        self.0.extend((part.len() as u32).to_be_bytes());
        self.0.extend(part);
    }
}

/// A message's part in an exchange, such as that of a DHCP client and a server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Exchange {
    id: Identity,
    kind: String,
    answers: &'static [&'static str],
}

impl Exchange {
    pub(crate) fn of(layer: &dyn Layer) -> Option<Exchange> {
        let protocol = layer.protocol();
        let mut id = Identity::default();
        id.add(protocol.name.as_bytes());
        let kind = layer.exchange(&mut id)?;
        let answers = protocol
            .answers
            .iter()
            .find(|(answer, _)| *answer == kind)
            .map_or(&[][..], |(_, questions)| *questions);
        Some(Exchange { id, kind, answers })
    }

    /// Whether this message answers any others.
    pub fn is_answer(&self) -> bool {
        !self.answers.is_empty()
    }

    /// Whether this message answers a message `question`.
    pub fn answers(&self, question: &Exchange) -> bool {
        self.id == question.id && self.answers.contains(&question.kind.as_str())
    }
}
