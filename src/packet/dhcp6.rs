//! DHCPv6 messages (RFC 8415), read as far as they go, out of any number of relay messages.

use crate::packet::bytes::{array, ipv6_address, number};
use crate::packet::ip::IP6;
use crate::packet::protocol::{Field, Identity, Layer, Protocol, Value, ValueKind};
use crate::packet::udp::UDP;
use std::net::Ipv6Addr;

/// The protocol.
pub static DHCP6: Protocol = Protocol {
    name: "dhcp6",
    title: "DHCPv6",
    over: &[&UDP, &IP6],
    kinds: &TYPES,
    message: "DHCPv6 message",
    carriers: &RELAYS,
    fields: &[
        relayed("hops", ValueKind::Number, "relay agents passed, as the outermost says"),
        Field::new("xid", ValueKind::Number, "transaction"),
        Field::new("server-id", ValueKind::Duid, "the server"),
        Field::new("client-id", ValueKind::Duid, "the client"),
        relayed(
            "link-address",
            ValueKind::Ipv6,
            "the client's link, as the relay agent next to it says",
        ),
        relayed("peer-address", ValueKind::Ipv6, "the client, as the relay agent next to it says"),
        relayed(
            "interface-id",
            ValueKind::Text,
            "what the relay agent next to the client calls its link",
        ),
        relayed(
            "outer-link-address",
            ValueKind::Ipv6,
            "the link that the outermost relay agent got it on, as that says",
        ),
        relayed(
            "outer-peer-address",
            ValueKind::Ipv6,
            "who sent it to the outermost relay agent, as that says",
        ),
        relayed(
            "outer-interface-id",
            ValueKind::Text,
            "what the outermost relay agent calls the link that it got it on",
        ),
    ],
    answers: &[
        ("advertise", &["solicit"]),
        // Also to a SOLICIT with the Rapid Commit option (RFC 8415, 18.3.1).
        (
            "reply",
            &[
                "solicit",
                "request",
                "confirm",
                "renew",
                "rebind",
                "release",
                "decline",
                "information-request",
            ],
        ),
    ],
    reads: &[546, 547],
    telling: true,
    ends: false,
    read: |headers| {
        Some(Box::new(Message::read(headers.udp(DHCP6.reads).filter(|_| !headers.is_ipv4())?)?))
    },
    ..Protocol::NEW
};

/// What wraps a client's or a server's message.
const RELAYS: [&str; 2] = ["relay-forward", "relay-reply"];

/// A field that a relay agent adds.
const fn relayed(name: &'static str, value: ValueKind, about: &'static str) -> Field {
    Field::new(name, value, about).only(&RELAYS, "relay messages")
}

/// The message types in the order of their numbers, which begin with 1 (RFC 8415, 7.3).
const TYPES: [&str; 13] = [
    "solicit",
    "advertise",
    "request",
    "confirm",
    "renew",
    "rebind",
    "reply",
    "release",
    "decline",
    "reconfigure",
    "information-request",
    "relay-forward",
    "relay-reply",
];

/// The number of relay-forward.
const RELAY_FORWARD: u8 = 12;
/// The number of relay-reply.
const RELAY_REPLY: u8 = 13;

/// A relay agent adds one to the hop count and gives up above this (RFC 8415, 7.6 and 19.1.2), so
/// deeper ones are nonsense.
const MOST_RELAYS: usize = 33;

/// A client's or server's message and the relay messages around it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// The relay messages, the outermost first.
    pub relays: Vec<Relay>,
    /// The number in [`TYPES`] of what they hold; `None` if that is cut off.
    pub kind: Option<u8>,
    /// Transaction, 24 bits.
    pub xid: Option<u32>,
    /// The client's DUID.
    pub client: Option<Vec<u8>>,
    /// The server's DUID.
    pub server: Option<Vec<u8>>,
    /// Addresses and prefixes for the client.
    pub addresses: Vec<Ipv6Addr>,
}

/// What a relay agent adds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relay {
    /// Relay-forward or relay-reply, by number.
    pub kind: u8,
    /// Relay agents passed before.
    pub hops: u8,
    /// An address on the client's link.
    pub link: Option<Ipv6Addr>,
    /// Where the message came from, or is to go.
    pub peer: Option<Ipv6Addr>,
    /// What the relay agent calls the client's link.
    pub interface: Option<Vec<u8>>,
}

impl Message {
    /// Reads the payload of a UDP datagram; `None` if it cannot be DHCPv6.
    pub fn read(data: &[u8]) -> Option<Message> {
        let kind = *data.first().filter(|kind| (1..=TYPES.len() as u8).contains(kind))?;
        let mut message = Message { kind: Some(kind), ..Message::default() };
        let mut data = data;
        while let Some(kind @ (RELAY_FORWARD | RELAY_REPLY)) = message.kind
            && message.relays.len() < MOST_RELAYS
        {
            let mut relay = Relay {
                kind,
                hops: *data.get(1)?,
                link: ipv6_address(data, 2),
                peer: ipv6_address(data, 18),
                interface: None,
            };
            let mut inner = None;
            for (code, value) in options(data.get(34..).unwrap_or_default()) {
                match code {
                    9 => inner = Some(value),
                    18 => relay.interface = Some(value.to_vec()),
                    _ => {}
                }
            }
            message.relays.push(relay);
            data = inner.unwrap_or_default();
            message.kind = data.first().copied();
        }
        message.xid = array::<3>(data, 1).map(|[a, b, c]| u32::from_be_bytes([0, a, b, c]));
        message.content(data.get(4..).unwrap_or_default(), true);
        Some(message)
    }

    /// Takes what is of interest from the options in `data`; those of an IA stand one level deeper.
    fn content(&mut self, data: &[u8], top: bool) {
        for (code, value) in options(data) {
            match code {
                1 => self.client = Some(value.to_vec()),
                2 => self.server = Some(value.to_vec()),
                // IA_NA and IA_PD have 12 bytes in front of their options, IA_TA has 4.
                3 | 25 if top => self.content(value.get(12..).unwrap_or_default(), false),
                4 if top => self.content(value.get(4..).unwrap_or_default(), false),
                5 => self.addresses.extend(ipv6_address(value, 0)),
                26 => self.addresses.extend(ipv6_address(value, 9)),
                _ => {}
            }
        }
    }

    /// The type of the frame's outermost message, by number.
    pub fn outermost(&self) -> Option<u8> {
        self.outer().map(|relay| relay.kind).or(self.kind)
    }

    /// The relay message of the relay agent next to the server.
    fn outer(&self) -> Option<&Relay> {
        self.relays.first()
    }

    /// The relay agent next to the client, by whose link the server chooses addresses (RFC 8415,
    /// 13.1).
    pub fn nearest(&self) -> Option<&Relay> {
        self.relays.last()
    }
}

/// The type `kind` in words.
fn name(kind: u8) -> String {
    TYPES
        .get(usize::from(kind).wrapping_sub(1))
        .map_or(format!("type {kind}"), |name| name.to_string())
}

/// The link-layer address in a DUID-LL (type 3) or DUID-LLT (type 1) of Ethernet (RFC 8415, 11.2
/// and 11.4).
pub fn duid_mac(duid: &[u8]) -> Option<[u8; 6]> {
    match duid {
        [0, 3, 0, 1, mac @ ..] | [0, 1, 0, 1, _, _, _, _, mac @ ..] => mac.try_into().ok(),
        _ => None,
    }
}

/// The options in `data`; the last one may be cut short.
fn options(mut data: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let (code, length) = (number(data, 0)?, number(data, 2)?);
        let rest = &data[4..];
        let (value, more) = rest.split_at(rest.len().min(length.into()));
        data = more;
        Some((code, value))
    })
}

impl Layer for Message {
    fn protocol(&self) -> &'static Protocol {
        &DHCP6
    }

    /// A client's or server's message is of its kind bare or in relay messages.
    fn is(&self, kind: &str) -> bool {
        let kinds = [self.kind, self.outer().map(|relay| relay.kind)];
        kinds.into_iter().flatten().any(|own| name(own) == kind)
    }

    fn field(&self, name: &str) -> Option<Value> {
        let (nearest, outer) = (self.nearest(), self.outer());
        match name {
            "hops" => outer.map(|relay| Value::number(relay.hops)),
            "xid" => self.xid.map(Value::number),
            "server-id" => self.server.clone().map(Value::Duid),
            "client-id" => self.client.clone().map(Value::Duid),
            "link-address" => nearest?.link.map(Value::address),
            "peer-address" => nearest?.peer.map(Value::address),
            "interface-id" => nearest?.interface.clone().map(Value::Text),
            "outer-link-address" => outer?.link.map(Value::address),
            "outer-peer-address" => outer?.peer.map(Value::address),
            "outer-interface-id" => outer?.interface.clone().map(Value::Text),
            _ => None,
        }
    }

    fn words(&self) -> (String, String) {
        let kinds =
            self.outermost().into_iter().chain(self.kind.filter(|_| !self.relays.is_empty()));
        let mut detail: Vec<String> =
            self.addresses.first().map(|address| address.to_string()).into_iter().collect();
        if let Some(link) = self.nearest().and_then(|relay| relay.link) {
            detail.push(format!("link {link}"));
        }
        detail.extend(self.xid.map(|xid| format!("xid {xid:06x}")));
        (kinds.map(name).collect::<Vec<_>>().join(" ").to_uppercase(), detail.join(" "))
    }

    /// Type and transaction of the client's or server's message, client and server.
    fn identity(&self, identity: &mut Identity) {
        identity.add(&[self.kind.unwrap_or_default()]);
        identity.add(&self.xid.unwrap_or_default().to_be_bytes());
        identity.add(self.client.as_deref().unwrap_or_default());
        identity.add(self.server.as_deref().unwrap_or_default());
    }

    /// An exchange is a client's transaction.
    fn exchange(&self, exchange: &mut Identity) -> Option<String> {
        exchange.add(&self.xid?.to_be_bytes());
        exchange.add(self.client.as_deref().unwrap_or_default());
        self.kind.map(name)
    }
}
