//! UDP (RFC 768).

use crate::packet::headers::{Ip, Ports};
use crate::packet::ip::{IP, IP6};
use crate::packet::protocol::{Field, Identity, Layer, Protocol, Value, ValueKind};
use etherparse::TransportSlice;

/// The protocol.
pub static UDP: Protocol = Protocol {
    name: "udp",
    title: "UDP",
    over: &[&IP, &IP6],
    bulk: true,
    ports: true,
    fields: &PORTS,
    read: |headers| match &headers.transport {
        Some(TransportSlice::Udp(udp)) => Some(Box::new(Udp {
            ip: headers.ip?,
            ports: Ports { source: udp.source_port(), destination: udp.destination_port() },
            payload: udp.payload(),
            missing: headers.missing,
        })),
        _ => None,
    },
    ..Protocol::NEW
};

/// The fields of a protocol that has ports.
pub(crate) const PORTS: [Field; 2] = [
    Field::new("source-port", ValueKind::Number, ""),
    Field::new("destination-port", ValueKind::Number, ""),
];

#[derive(Debug)]
struct Udp<'a> {
    ip: Ip,
    ports: Ports,
    payload: &'a [u8],
    /// How many bytes more it had.
    missing: usize,
}

impl Layer for Udp<'_> {
    fn protocol(&self) -> &'static Protocol {
        &UDP
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.ports.field(name)
    }

    fn words(&self) -> (String, String) {
        ("DATAGRAM".into(), format!("{} bytes", self.payload.len() + self.missing))
    }

    fn identity(&self, identity: &mut Identity) {
        self.ip.identity(identity);
        identity.add(self.payload);
    }
}

impl Ports {
    /// What is in the field `name` of [`PORTS`].
    pub(crate) fn field(self, name: &str) -> Option<Value> {
        match name {
            "source-port" => Some(Value::number(self.source)),
            "destination-port" => Some(Value::number(self.destination)),
            _ => None,
        }
    }
}
