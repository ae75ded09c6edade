//! ICMPv6 (RFC 4443), with the discovery of neighbours (RFC 4861) and of listeners (RFC 2710, RFC
//! 3810).

use crate::packet::bytes::names;
use crate::packet::icmp::Icmp;
use crate::packet::ip::IP6;
use crate::packet::protocol::{Protocol, Purpose};
use etherparse::TransportSlice;

/// The protocol.
pub static ICMP6: Protocol = Protocol {
    name: "icmp6",
    title: "ICMPv6",
    over: &[&IP6],
    kinds: &names(&TYPES),
    message: "ICMP message",
    telling: true,
    read: |headers| match &headers.transport {
        Some(TransportSlice::Icmpv6(icmp)) => Some(Box::new(Icmp {
            protocol: &ICMP6,
            types: &TYPES,
            echoes: [128, 129],
            data: icmp.slice(),
            purpose,
        })),
        _ => None,
    },
    ..Protocol::NEW
};

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
