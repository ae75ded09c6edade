//! ICMP (RFC 792), and what that of IPv6 has in common with it.

use crate::packet::bytes::{name, names, number};
use crate::packet::ip::IP;
use crate::packet::protocol::{Identity, Layer, Protocol, Purpose, Value};
use etherparse::TransportSlice;

/// The protocol.
pub static ICMP: Protocol = Protocol {
    name: "icmp",
    title: "ICMP",
    over: &[&IP],
    kinds: &names(&TYPES),
    message: "ICMP message",
    telling: true,
    read: |headers| match &headers.transport {
        Some(TransportSlice::Icmpv4(icmp)) => Some(Box::new(Icmp {
            protocol: &ICMP,
            types: &TYPES,
            echoes: [0, 8],
            data: icmp.slice(),
            field: |_, _| None,
            purpose: |_| Purpose::Exchange,
        })),
        _ => None,
    },
    ..Protocol::NEW
};

/// The types that have a name here.
const TYPES: [(u8, &str); 5] = [
    (0, "echo-reply"),
    (3, "unreachable"),
    (5, "redirect"),
    (8, "echo-request"),
    (11, "time-exceeded"),
];

/// A message of either version.
#[derive(Debug)]
pub(crate) struct Icmp<'a> {
    pub protocol: &'static Protocol,
    /// The names of types.
    pub types: &'static [(u8, &'static str)],
    /// The types of echoes.
    pub echoes: [u8; 2],
    /// Type, code, checksum and the rest, at least eight bytes in all.
    pub data: &'a [u8],
    /// What is in a field of a message.
    pub field: fn(&[u8], &str) -> Option<Value>,
    /// What a message of a type is sent for.
    pub purpose: fn(u8) -> Purpose,
}

impl Icmp<'_> {
    fn kind(&self) -> u8 {
        self.data[0]
    }

    /// What comes after the checksum; of an echo its identifier, its sequence number and its data.
    fn rest(&self) -> &[u8] {
        &self.data[4..]
    }

    fn name(&self) -> String {
        name(self.types, self.kind(), |kind| format!("type {kind}"))
    }
}

impl Layer for Icmp<'_> {
    fn protocol(&self) -> &'static Protocol {
        self.protocol
    }

    fn is(&self, kind: &str) -> bool {
        self.name() == kind
    }

    fn field(&self, name: &str) -> Option<Value> {
        (self.field)(self.data, name)
    }

    fn words(&self) -> (String, String) {
        let detail = match (number(self.rest(), 0), number(self.rest(), 2)) {
            (Some(id), Some(sequence)) if self.echoes.contains(&self.kind()) => {
                format!("id {id} seq {sequence}")
            }
            _ => format!("code {}", self.data[1]),
        };
        (self.name().to_uppercase(), detail)
    }

    /// Type, code and everything after the checksum.
    fn identity(&self, identity: &mut Identity) {
        identity.add(&self.data[..2]);
        identity.add(self.rest());
    }

    fn purpose(&self) -> Purpose {
        (self.purpose)(self.kind())
    }
}
