//! The spanning tree protocols of bridges (IEEE 802.1D, 802.1w): which links are not used, so that
//! there is no loop.

use crate::packet::bytes::{array, number};
use crate::packet::headers::Headers;
use crate::packet::plain::Plain;
use crate::packet::protocol::{Field, Layer, Protocol, Purpose, Value, ValueKind};

/// The protocol.
pub static STP: Protocol = Protocol {
    name: "stp",
    title: "STP",
    kinds: &["configuration", "rapid", "topology-change"],
    message: "BPDU",
    fields: &[
        Field::new("root", ValueKind::Mac, "the root bridge, as the sender knows it"),
        Field::new("root-priority", ValueKind::Number, ""),
        Field::new("bridge", ValueKind::Mac, "the sender"),
        Field::new("cost", ValueKind::Number, "of the way to the root"),
    ],
    read,
    ..Protocol::NEW
};

/// The header of IEEE 802.2 in front of a BPDU.
const LLC: [u8; 3] = [0x42, 0x42, 3];

fn read<'a>(headers: &Headers<'a>) -> Option<Box<dyn Layer + 'a>> {
    // Up to 1500 it is a length, as IEEE 802.3 has it.
    headers.macs.filter(|_| headers.ethertype <= 1500)?;
    let data = headers.payload.strip_prefix(&LLC)?;
    let kind = match array::<4>(data, 0)? {
        [0, 0, _, 0] => Some("configuration"),
        [0, 0, _, 2] => Some("rapid"),
        [0, 0, _, 0x80] => Some("topology-change"),
        _ => None,
    };
    let mac = |at| array::<6>(data, at).map(|mac| Value::Mac(mac.to_vec()));
    let mut fields = Vec::new();
    if kind != Some("topology-change") {
        fields.extend(mac(7).map(|root| ("root", root)));
        fields.extend(number(data, 5).map(|priority| ("root-priority", Value::number(priority))));
        fields.extend(mac(19).map(|bridge| ("bridge", bridge)));
        let cost = array::<4>(data, 13).map(u32::from_be_bytes);
        fields.extend(cost.map(|cost| ("cost", Value::number(cost))));
    }
    Some(Box::new(Plain {
        protocol: &STP,
        kind,
        fields,
        ip: None,
        data,
        purpose: Purpose::Housekeeping,
    }))
}
