//! Packets in packets: what a tunnel carries is read as if it went by itself, so a message is known
//! in a tunnel, too.

use crate::packet::bytes::number;
use crate::packet::headers::Headers;
use crate::packet::vxlan;

/// Tunnels in tunnels that are looked into; deeper ones are nonsense.
pub(crate) const DEEPEST: usize = 4;

/// IPv4 and IPv6 in IP (RFC 2003, RFC 4213), by their protocol numbers (IANA).
const IPIP: u8 = 4;
const SIT: u8 = 41;
/// What VXLAN is carried by.
const UDP: u8 = 17;
/// GRE (RFC 2784, RFC 2890).
const GRE: u8 = 47;

/// The headers of what the packet with the headers `outer` carries, if it is one of a tunnel.
pub(crate) fn inside<'a>(outer: &Headers<'a>) -> Option<Headers<'a>> {
    let ip = outer.ip.filter(|ip| !ip.fragment)?;
    match ip.protocol {
        IPIP | SIT => Headers::of_ip(outer.payload),
        GRE => gre(outer.payload),
        UDP => vxlan::inside(outer).map(|(_, frame)| Headers::of(frame)),
        _ => None,
    }
}

fn gre(data: &[u8]) -> Option<Headers<'_>> {
    let (flags, kind) = (number(data, 0)?, number(data, 2)?);
    // Version 1 is that of PPTP; routing information (RFC 1701) was given up.
    if flags & 0x4007 != 0 {
        return None;
    }
    // Checksum, key and sequence number take four bytes each.
    let more = [0x8000, 0x2000, 0x1000].iter().filter(|flag| flags & **flag != 0).count() * 4;
    let payload = data.get(4 + more..)?;
    match kind {
        0x0800 | 0x86dd => Headers::of_ip(payload),
        // Ethernet.
        0x6558 => Some(Headers::of(payload)),
        _ => None,
    }
}
