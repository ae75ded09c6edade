//! ICMPv6 (RFC 4443), with the discovery of neighbours (RFC 4861) and of listeners (RFC 2710, RFC
//! 3810).

use crate::packet::bytes::{ipv6_address, names, number};
use crate::packet::icmp::Icmp;
use crate::packet::ip::IP6;
use crate::packet::protocol::{Field, Protocol, Purpose, Value, ValueKind};
use etherparse::TransportSlice;

/// The protocol.
pub static ICMP6: Protocol = Protocol {
    name: "icmp6",
    title: "ICMPv6",
    over: &[&IP6],
    kinds: &names(&TYPES),
    message: "ICMP message",
    telling: true,
    fields: &[
        of_router(
            "router-lifetime",
            ValueKind::Number,
            "in seconds; 0: the sender is no default router",
        ),
        of_router("managed", ValueKind::Number, "1: DHCPv6 has addresses"),
        of_router("other", ValueKind::Number, "1: DHCPv6 has other settings"),
        of_router("prefix", ValueKind::Ipv6, "of several the first"),
        of_router("dns", ValueKind::Ipv6, "of several the first"),
    ],
    read: |headers| match &headers.transport {
        Some(TransportSlice::Icmpv6(icmp)) => Some(Box::new(Icmp {
            protocol: &ICMP6,
            types: &TYPES,
            echoes: [128, 129],
            data: icmp.slice(),
            field,
            purpose,
        })),
        _ => None,
    },
    ..Protocol::NEW
};

/// A field of router advertisements.
const fn of_router(name: &'static str, value: ValueKind, about: &'static str) -> Field {
    Field::new(name, value, about).only(&["router-advertisement"], "router advertisements")
}

/// What is in a field of a router advertisement (RFC 4861, 4.2).
fn field(data: &[u8], name: &str) -> Option<Value> {
    if data[0] != 134 {
        return None;
    }
    let flag = |bit: u8| Some(Value::number(u8::from(data.get(5)? & bit != 0)));
    match name {
        "router-lifetime" => number(data, 6).map(Value::number),
        "managed" => flag(0x80),
        "other" => flag(0x40),
        "prefix" => ipv6_address(option(data, 3)?, 16).map(Value::address),
        // RFC 8106.
        "dns" => ipv6_address(option(data, 25)?, 8).map(Value::address),
        _ => None,
    }
}

/// The first option of a `kind`, with its head.
fn option(data: &[u8], kind: u8) -> Option<&[u8]> {
    let mut rest = data.get(16..)?;
    loop {
        let (found, length) = (*rest.first()?, usize::from(*rest.get(1)?) * 8);
        let option = rest.get(..length).filter(|option| !option.is_empty())?;
        if found == kind {
            return Some(option);
        }
        rest = &rest[length..];
    }
}

/// The types that have a name here.
const TYPES: [(u8, &str); 11] = [
    (1, "unreachable"),
    (2, "too-big"),
    (3, "time-exceeded"),
    (128, "echo-request"),
    (129, "echo-reply"),
    (133, "router-solicitation"),
    (134, "router-advertisement"),
    (135, "neighbor-solicitation"),
    (136, "neighbor-advertisement"),
    (137, "redirect"),
    (143, "multicast-report"),
];

fn purpose(kind: u8) -> Purpose {
    match kind {
        // Who listens to which groups, and the search for routers.
        130..=133 | 143 => Purpose::Housekeeping,
        134..=137 => Purpose::Resolution,
        _ => Purpose::Exchange,
    }
}
