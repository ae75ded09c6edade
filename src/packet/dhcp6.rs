//! DHCPv6 messages (RFC 8415), read as far as they go, out of any number of relay messages.

use crate::packet::frame::{array, ipv6_address, number};
use std::net::Ipv6Addr;

/// The message types in the order of their numbers, which begin with 1 (RFC 8415, 7.3).
pub const TYPES: [&str; 13] = [
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
pub const RELAY_FORWARD: u8 = 12;
/// The number of relay-reply.
pub const RELAY_REPLY: u8 = 13;

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
            let mut relay = Relay { kind, hops: *data.get(1)?, link: ipv6_address(data, 2), peer: ipv6_address(data, 18), interface: None };
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
        self.relays.first().map(|relay| relay.kind).or(self.kind)
    }

    /// The relay agent next to the client, by whose link the server chooses addresses (RFC 8415, 13.1).
    pub fn nearest(&self) -> Option<&Relay> {
        self.relays.last()
    }
}

/// The type `kind` in words.
pub fn name(kind: u8) -> String {
    TYPES.get(usize::from(kind).wrapping_sub(1)).map_or(format!("type {kind}"), |name| name.to_string())
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
        let (value, behind) = rest.split_at(rest.len().min(length.into()));
        data = behind;
        Some((code, value))
    })
}
