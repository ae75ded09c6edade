//! VXLAN (RFC 7348): frames of Ethernet over UDP. What they hold is a packet, too.

use crate::packet::bytes::array;
use crate::packet::headers::Headers;
use crate::packet::ip::{IP, IP6};
use crate::packet::plain::Plain;
use crate::packet::protocol::{Field, Layer, Protocol, Purpose, Value, ValueKind};
use crate::packet::udp::UDP;

/// The protocol.
pub static VXLAN: Protocol = Protocol {
    name: "vxlan",
    title: "VXLAN",
    over: &[&UDP, &IP, &IP6],
    fields: &[Field::new("vni", ValueKind::Number, "the number of the network")],
    // That of IANA, and Linux's own from before.
    reads: &[4789, 8472],
    read,
    ..Protocol::NEW
};

fn read<'a>(headers: &Headers<'a>) -> Option<Box<dyn Layer + 'a>> {
    let (vni, data) = inside(headers)?;
    Some(Box::new(Plain {
        protocol: &VXLAN,
        kind: Some("frame"),
        fields: vec![("vni", Value::number(vni))],
        ip: headers.ip,
        data,
        purpose: Purpose::Exchange,
    }))
}

/// The number of its network, and the frame in a packet.
pub(crate) fn inside<'a>(headers: &Headers<'a>) -> Option<(u32, &'a [u8])> {
    let data = headers.udp(VXLAN.reads)?;
    let [flags, _, _, _, vni @ .., _] = array::<8>(data, 0)?;
    // That the number is valid.
    (flags & 0x08 != 0).then(|| (u32::from_be_bytes([0, vni[0], vni[1], vni[2]]), &data[8..]))
}
