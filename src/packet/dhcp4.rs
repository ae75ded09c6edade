//! DHCPv4 messages (RFC 2131, RFC 2132), read as far as they go.

use crate::packet::bytes::array;
use crate::packet::ip::IP;
use crate::packet::protocol::{Field, Identity, Layer, Protocol, Value, ValueKind};
use crate::packet::udp::UDP;
use std::net::Ipv4Addr;

/// The protocol.
pub static DHCP4: Protocol = Protocol {
    name: "dhcp4",
    title: "DHCPv4",
    over: &[&UDP, &IP],
    kinds: &TYPES,
    message: "DHCPv4 message",
    fields: &[
        Field::new("hops", ValueKind::Number, "relay agents passed"),
        Field::new("xid", ValueKind::Number, "transaction"),
        Field::new("giaddr", ValueKind::Ipv4, "the relay agent next to the client"),
        Field::new("ciaddr", ValueKind::Ipv4, "the client's present address"),
        Field::new("yiaddr", ValueKind::Ipv4, "the client's address to be"),
        Field::new("siaddr", ValueKind::Ipv4, "the next server of a boot"),
        Field::new("chaddr", ValueKind::Mac, "the client's hardware address"),
        Field::new("server-id", ValueKind::Ipv4, "the server"),
    ],
    answers: &[
        ("offer", &["discover"]),
        ("ack", &["request", "inform"]),
        ("nak", &["request", "inform"]),
    ],
    reads: &[67, 68],
    telling: true,
    ends: false,
    read: |headers| {
        Some(Box::new(Message::read(headers.udp(DHCP4.reads).filter(|_| headers.is_ipv4())?)?))
    },
    ..Protocol::NEW
};

/// The message types in the order of their numbers, which begin with 1 (RFC 2132, 9.6).
const TYPES: [&str; 8] =
    ["discover", "offer", "request", "decline", "ack", "nak", "release", "inform"];

/// A message.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Message {
    /// Its number in [`TYPES`]; `None` in plain BOOTP, or if the option is not there.
    pub kind: Option<u8>,
    /// Whether it is a server's answer (`BOOTREPLY`).
    pub reply: bool,
    /// Relay agents it has passed.
    pub hops: u8,
    /// Transaction.
    pub xid: u32,
    /// The client's address, if it has one already.
    pub ciaddr: Option<Ipv4Addr>,
    /// The address for the client.
    pub yiaddr: Option<Ipv4Addr>,
    /// The next server of a boot.
    pub siaddr: Option<Ipv4Addr>,
    /// The relay agent next to the client.
    pub giaddr: Option<Ipv4Addr>,
    /// The client's hardware address.
    pub chaddr: Vec<u8>,
    /// The server identifier (option 54).
    pub server: Option<Ipv4Addr>,
    /// The address asked for (option 50).
    pub requested: Option<Ipv4Addr>,
}

const COOKIE: [u8; 4] = [99, 130, 83, 99];
const SNAME: std::ops::Range<usize> = 44..108;
const FILE: std::ops::Range<usize> = 108..236;
const OPTIONS: usize = 240;

impl Message {
    /// Reads the payload of a UDP datagram; `None` if it cannot be DHCP.
    pub fn read(data: &[u8]) -> Option<Message> {
        let (operation, hardware) = (*data.first()?, *data.get(2)?);
        if !matches!(operation, 1 | 2)
            || data.get(236..OPTIONS).is_some_and(|cookie| cookie != COOKIE)
        {
            return None;
        }
        let address = |at| array::<4>(data, at).map(Ipv4Addr::from);
        let chaddr = data.get(28..44).unwrap_or_default();
        let mut message = Message {
            reply: operation == 2,
            hops: *data.get(3)?,
            xid: u32::from_be_bytes(array(data, 4)?),
            ciaddr: address(12),
            yiaddr: address(16),
            siaddr: address(20),
            giaddr: address(24),
            chaddr: chaddr[..chaddr.len().min(hardware.into())].to_vec(),
            ..Message::default()
        };
        let overload = message.options(data.get(OPTIONS..).unwrap_or_default());
        // Options that found no room may stand in these two fields (RFC 2132, 9.3).
        for (bit, field) in [(1, FILE), (2, SNAME)] {
            if overload & bit != 0 {
                message.options(data.get(field).unwrap_or_default());
            }
        }
        Some(message)
    }

    /// Takes what is of interest from `data`; the value of the overload option.
    fn options(&mut self, mut data: &[u8]) -> u8 {
        let mut overload = 0;
        while let Some((&code, rest)) = data.split_first() {
            data = match code {
                0 => rest,
                255 => break,
                _ => {
                    let Some((&length, rest)) = rest.split_first() else { break };
                    let Some((value, rest)) = rest.split_at_checked(length.into()) else { break };
                    let address = array::<4>(value, 0).map(Ipv4Addr::from);
                    match code {
                        50 => self.requested = address,
                        52 => overload = value.first().copied().unwrap_or_default(),
                        53 => self.kind = value.first().copied(),
                        54 => self.server = address,
                        _ => {}
                    }
                    rest
                }
            };
        }
        overload
    }

    /// Its type in words.
    pub fn name(&self) -> String {
        match self.kind {
            Some(kind) => TYPES
                .get(usize::from(kind).wrapping_sub(1))
                .map_or(format!("type {kind}"), |name| name.to_string()),
            None if self.reply => "bootp reply".into(),
            None => "bootp request".into(),
        }
    }
}

impl Layer for Message {
    fn protocol(&self) -> &'static Protocol {
        &DHCP4
    }

    fn is(&self, kind: &str) -> bool {
        self.name() == kind
    }

    fn field(&self, name: &str) -> Option<Value> {
        match name {
            "hops" => Some(Value::number(self.hops)),
            "xid" => Some(Value::number(self.xid)),
            "giaddr" => self.giaddr.map(Value::address),
            "ciaddr" => self.ciaddr.map(Value::address),
            "yiaddr" => self.yiaddr.map(Value::address),
            "siaddr" => self.siaddr.map(Value::address),
            "chaddr" => Some(Value::Mac(self.chaddr.clone())),
            "server-id" => self.server.map(Value::address),
            _ => None,
        }
    }

    fn words(&self) -> (String, String) {
        let mut detail = Vec::new();
        let mut add = |name: &str, address: Option<Ipv4Addr>| {
            if let Some(address) = address.filter(|address| !address.is_unspecified()) {
                detail.push(format!("{name}{address}"));
            }
        };
        add("", self.yiaddr);
        if !self.reply {
            add("asks for ", self.requested);
        }
        add("server ", self.server);
        add("giaddr ", self.giaddr);
        detail.push(format!("xid {:08x}", self.xid));
        (self.name().to_uppercase(), detail.join(" "))
    }

    /// Type, transaction, client, server identifier and offered address: a relay agent leaves them
    /// alone.
    fn identity(&self, identity: &mut Identity) {
        identity.add(&[self.kind.unwrap_or_default(), self.reply.into()]);
        identity.add(&self.xid.to_be_bytes());
        identity.add(&self.chaddr);
        for address in [self.server, self.yiaddr] {
            identity.add(&address.map_or([0; 4], |address| address.octets()));
        }
    }

    /// An exchange is a client's transaction.
    fn exchange(&self, exchange: &mut Identity) -> Option<String> {
        exchange.add(&self.xid.to_be_bytes());
        exchange.add(&self.chaddr);
        self.kind.map(|_| self.name())
    }
}
