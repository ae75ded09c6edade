//! Ethernet: what is known of a frame when nothing else is.

use crate::packet::bytes::name;
use crate::packet::headers::Mac;
use crate::packet::protocol::{Field, Identity, Layer, Protocol, Purpose, Value, ValueKind};

/// The protocol. Every frame is one of it, so lab files need no name for that.
pub static ETHERNET: Protocol = Protocol {
    name: "ethernet",
    title: "Ethernet",
    fields: &[
        Field::new("source-mac", ValueKind::Mac, "as it is on that link"),
        Field::new("destination-mac", ValueKind::Mac, "as it is on that link"),
        Field::new("vlan", ValueKind::Number, "the innermost, if there are several"),
    ],
    read: |headers| {
        Some(Box::new(Ethernet {
            macs: headers.macs,
            vlan: headers.vlan,
            ethertype: headers.ethertype,
            length: headers.length,
            payload: headers.payload,
        }))
    },
    ..Protocol::NEW
};

/// What labs carry and labrun does not look into, and what is too broken to do so (IANA, IEEE 802
/// Numbers).
const ETHERTYPES: [(u16, &str); 10] = [
    (0x0800, "IPV4"),
    (ARP, "ARP"),
    (0x86dd, "IPV6"),
    (0x8809, "LACP"),
    (0x8847, "MPLS"),
    (0x8863, "PPPOE-DISCOVERY"),
    (0x8864, "PPPOE-SESSION"),
    (0x888e, "EAPOL"),
    (0x88cc, "LLDP"),
    (0x88e5, "MACSEC"),
];
const ARP: u16 = 0x0806;

#[derive(Debug)]
struct Ethernet<'a> {
    macs: Option<(Mac, Mac)>,
    vlan: Option<u16>,
    ethertype: u16,
    length: usize,
    payload: &'a [u8],
}

impl Layer for Ethernet<'_> {
    fn protocol(&self) -> &'static Protocol {
        &ETHERNET
    }

    fn field(&self, name: &str) -> Option<Value> {
        let (source, destination) = self.macs?;
        match name {
            "source-mac" => Some(Value::Mac(source.to_vec())),
            "destination-mac" => Some(Value::Mac(destination.to_vec())),
            "vlan" => self.vlan.map(Value::number),
            _ => None,
        }
    }

    fn words(&self) -> (String, String) {
        if self.macs.is_none() {
            return ("CUT SHORT".into(), format!("{} bytes", self.length));
        }
        (
            name(&ETHERTYPES, self.ethertype, |kind| format!("TYPE 0x{kind:04x}")),
            format!("{} bytes", self.payload.len()),
        )
    }

    fn identity(&self, identity: &mut Identity) {
        identity.add(&self.ethertype.to_be_bytes());
        identity.add(self.payload);
    }

    fn purpose(&self) -> Purpose {
        match self.ethertype {
            _ if self.macs.is_none() => Purpose::Exchange,
            ARP => Purpose::Resolution,
            // Below 0x0600 it is a length: a frame of IEEE 802.2, as bridges send them (IEEE
            // 802.1D).
            ..0x0600 => Purpose::Housekeeping,
            _ => Purpose::Exchange,
        }
    }
}
