//! TCP (RFC 9293).

use crate::packet::headers::Ports;
use crate::packet::ip::{IP, IP6};
use crate::packet::protocol::{Identity, Layer, Protocol, Value};
use crate::packet::udp::PORTS;
use etherparse::{TcpSlice, TransportSlice};

/// The protocol.
pub static TCP: Protocol = Protocol {
    name: "tcp",
    title: "TCP",
    over: &[&IP, &IP6],
    bulk: true,
    kinds: &["syn", "syn-ack", "fin", "rst"],
    message: "kind of segment",
    ports: true,
    fields: &PORTS,
    read: |headers| match &headers.transport {
        Some(TransportSlice::Tcp(tcp)) => {
            Some(Box::new(Segment { tcp: tcp.clone(), missing: headers.missing }))
        }
        _ => None,
    },
    ..Protocol::NEW
};

#[derive(Debug)]
struct Segment<'a> {
    tcp: TcpSlice<'a>,
    /// How many bytes of data more it had.
    missing: usize,
}

impl Layer for Segment<'_> {
    fn protocol(&self) -> &'static Protocol {
        &TCP
    }

    fn is(&self, kind: &str) -> bool {
        let tcp = &self.tcp;
        match kind {
            // Without an ACK it asks for a connection, with one it accepts.
            "syn" => tcp.syn() && !tcp.ack(),
            "syn-ack" => tcp.syn() && tcp.ack(),
            "fin" => tcp.fin(),
            "rst" => tcp.rst(),
            _ => false,
        }
    }

    fn field(&self, name: &str) -> Option<Value> {
        Ports { source: self.tcp.source_port(), destination: self.tcp.destination_port() }
            .field(name)
    }

    fn words(&self) -> (String, String) {
        let tcp = &self.tcp;
        let flags =
            [(tcp.syn(), "SYN"), (tcp.fin(), "FIN"), (tcp.rst(), "RST"), (tcp.ack(), "ACK")];
        let set: Vec<&str> = flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect();
        let label = if set.is_empty() { "NO FLAGS".into() } else { set.join("-") };
        (label, format!("{} bytes", tcp.payload().len() + self.missing))
    }

    /// Sequence and acknowledgement number, flags and data.
    fn identity(&self, identity: &mut Identity) {
        let header = self.tcp.header_slice();
        identity.add(&header[4..12]);
        identity.add(&header[13..14]);
        identity.add(self.tcp.payload());
    }
}
