//! DHCPv4 messages (RFC 2131, RFC 2132), read as far as they go.

use crate::packet::frame::array;
use std::net::Ipv4Addr;

/// The message types in the order of their numbers, which begin with 1 (RFC 2132, 9.6).
pub const TYPES: [&str; 8] = ["discover", "offer", "request", "decline", "ack", "nak", "release", "inform"];

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
        if !matches!(operation, 1 | 2) || data.get(236..OPTIONS).is_some_and(|cookie| cookie != COOKIE) {
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
            Some(kind) => TYPES.get(usize::from(kind).wrapping_sub(1)).map_or(format!("type {kind}"), |name| name.to_string()),
            None if self.reply => "bootp reply".into(),
            None => "bootp request".into(),
        }
    }
}
