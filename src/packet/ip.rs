//! IP of both versions, with what it carries where that is not a protocol known here.

use crate::packet::bytes::name;
use crate::packet::headers::{Headers, Ip};
use crate::packet::protocol::{Field, Identity, Layer, Protocol, Value, ValueKind};

/// IPv4 (RFC 791).
pub static IP: Protocol = Protocol {
    name: "ip",
    title: "IPv4",
    fields: &[
        Field::new("source", ValueKind::Ipv4, ""),
        Field::new("destination", ValueKind::Ipv4, ""),
        TTL,
    ],
    bulk: true,
    read: |headers| read(headers, &IP).filter(|_| headers.ip.is_some_and(|ip| ip.source.is_ipv4())),
    ..Protocol::NEW
};

/// IPv6 (RFC 8200).
pub static IP6: Protocol = Protocol {
    name: "ip6",
    title: "IPv6",
    fields: &[
        Field::new("source", ValueKind::Ipv6, ""),
        Field::new("destination", ValueKind::Ipv6, ""),
        TTL,
    ],
    bulk: true,
    read: |headers| {
        read(headers, &IP6).filter(|_| headers.ip.is_some_and(|ip| ip.source.is_ipv6()))
    },
    ..Protocol::NEW
};

const TTL: Field = Field::new("ttl", ValueKind::Number, "time to live, hop limit");

/// What labs carry and labrun does not look into, and what was cut too short to do so (IANA,
/// Assigned Internet Protocol Numbers).
const CARRIED: [(u8, &str); 15] = [
    (1, "ICMP"),
    (2, "IGMP"),
    (4, "IPIP"),
    (6, "TCP"),
    (17, "UDP"),
    (41, "6IN4"),
    (47, "GRE"),
    (50, "ESP"),
    (51, "AH"),
    (58, "ICMPV6"),
    (89, "OSPF"),
    (103, "PIM"),
    (112, "VRRP"),
    (115, "L2TP"),
    (132, "SCTP"),
];

#[derive(Debug)]
struct Datagram<'a> {
    protocol: &'static Protocol,
    ip: Ip,
    payload: &'a [u8],
}

fn read<'a>(headers: &Headers<'a>, protocol: &'static Protocol) -> Option<Box<dyn Layer + 'a>> {
    Some(Box::new(Datagram { protocol, ip: headers.ip?, payload: headers.payload }))
}

impl Layer for Datagram<'_> {
    fn protocol(&self) -> &'static Protocol {
        self.protocol
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "source" => Some(Value::Address(self.ip.source)),
            "destination" => Some(Value::Address(self.ip.destination)),
            "ttl" => Some(Value::number(self.ip.ttl)),
            _ => None,
        }
    }

    fn words(&self) -> (String, String) {
        let label = match self.ip.fragment {
            true => "FRAGMENT".into(),
            false => name(&CARRIED, self.ip.protocol, |number| format!("PROTOCOL {number}")),
        };
        (label, format!("{} bytes", self.payload.len()))
    }

    fn identity(&self, identity: &mut Identity) {
        self.ip.identity(identity);
        identity.add(self.payload);
    }
}

impl Ip {
    /// Adds what routers and NAT leave alone.
    pub(crate) fn identity(&self, identity: &mut Identity) {
        identity.add(&[self.source.is_ipv4().into(), self.protocol, self.fragment.into()]);
        identity.add(&self.id.unwrap_or_default().to_be_bytes());
    }
}
