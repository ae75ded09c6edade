//! Packets in packets: what a tunnel carries is read as if it went by itself, so a message is known
//! in a tunnel, too.

use crate::packet::gre;
use crate::packet::headers::Headers;
use crate::packet::vxlan;

/// Tunnels in tunnels that are looked into; deeper ones are nonsense.
pub(crate) const DEEPEST: usize = 4;

/// IPv4 and IPv6 in IP (RFC 2003, RFC 4213), by their protocol numbers (IANA).
const IPIP: u8 = 4;
const SIT: u8 = 41;
/// What VXLAN is carried by.
const UDP: u8 = 17;
/// GRE.
const GRE: u8 = 47;

/// The headers of what the packet with the headers `outer` carries, if it is one of a tunnel.
pub(crate) fn inside<'a>(outer: &Headers<'a>) -> Option<Headers<'a>> {
    let ip = outer.ip.filter(|ip| !ip.fragment)?;
    match ip.protocol {
        IPIP | SIT => Headers::of_ip(outer.payload),
        GRE => gre::inside(outer),
        UDP => vxlan::inside(outer).map(|(_, frame)| Headers::of(frame)),
        _ => None,
    }
}
