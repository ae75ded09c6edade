//! ARP for IPv4 on Ethernet (RFC 826).

use crate::packet::bytes::{array, hex};
use crate::packet::headers::{Headers, Mac};
use crate::packet::protocol::{Field, Identity, Layer, Protocol, Purpose, Value, ValueKind};
use std::net::Ipv4Addr;

/// The protocol.
pub static ARP: Protocol = Protocol {
    name: "arp",
    title: "ARP",
    kinds: &OPERATIONS,
    message: "ARP packet",
    fields: &[
        Field::new("source", ValueKind::Ipv4, "the one in it"),
        Field::new("destination", ValueKind::Ipv4, "the one in it"),
    ],
    read,
    ..Protocol::NEW
};

/// In the order of their numbers, which begin with 1.
const OPERATIONS: [&str; 2] = ["request", "reply"];

#[derive(Debug)]
struct Arp {
    operation: u16,
    /// Who asks or answers: hardware and IP address.
    sender: (Mac, Ipv4Addr),
    /// Who is asked or answered.
    target: (Mac, Ipv4Addr),
}

fn read<'a>(headers: &Headers<'a>) -> Option<Box<dyn Layer + 'a>> {
    let arp = headers.arp.as_ref()?;
    let data = arp.slice();
    // Ethernet and IPv4 with addresses of their sizes; others are not used in labs.
    if data.get(..6)? != [0, 1, 8, 0, 6, 4] {
        return None;
    }
    let end = |at| Some((array(data, at)?, array::<4>(data, at + 6)?.into()));
    Some(Box::new(Arp { operation: arp.operation().0, sender: end(8)?, target: end(18)? }))
}

impl Arp {
    fn name(&self) -> Option<&'static str> {
        OPERATIONS.get(usize::from(self.operation).wrapping_sub(1)).copied()
    }
}

impl Layer for Arp {
    fn protocol(&self) -> &'static Protocol {
        &ARP
    }

    fn is(&self, kind: &str) -> bool {
        self.name() == Some(kind)
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "source" => Some(Value::address(self.sender.1)),
            "destination" => Some(Value::address(self.target.1)),
            _ => None,
        }
    }

    fn words(&self) -> (String, String) {
        let detail = match self.name() {
            Some("request") => format!("who has {}?", self.target.1),
            Some(_) => format!("{} is at {}", self.sender.1, hex(&self.sender.0)),
            None => format!("operation {}", self.operation),
        };
        (self.name().unwrap_or("?").to_uppercase(), detail)
    }

    fn identity(&self, identity: &mut Identity) {
        identity.add(&self.operation.to_be_bytes());
        for (mac, address) in [self.sender, self.target] {
            identity.add(&mac);
            identity.add(&address.octets());
        }
    }

    fn purpose(&self) -> Purpose {
        Purpose::Resolution
    }
}
