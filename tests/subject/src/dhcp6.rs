//! DHCPv6 (RFC 8415): messages, relay messages around them, and the server's answers.

use crate::Datagram;
use crate::fault::Fault;
use crate::leases::{Leases, domains};
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

const SOLICIT: u8 = 1;
const ADVERTISE: u8 = 2;
pub const REQUEST: u8 = 3;
const RENEW: u8 = 5;
const REBIND: u8 = 6;
const REPLY: u8 = 7;
const RELEASE: u8 = 8;
const INFORMATION: u8 = 11;
const RELAY_FORWARD: u8 = 12;
pub const RELAY_REPLY: u8 = 13;

const CLIENT_ID: u16 = 1;
const SERVER_ID: u16 = 2;
const IA_NA: u16 = 3;
const IA_ADDRESS: u16 = 5;
const RELAY_MESSAGE: u16 = 9;
const DNS: u16 = 23;
const DOMAINS: u16 = 24;

/// The value of the option `wanted` in `options`.
fn option(mut options: &[u8], wanted: u16) -> Option<&[u8]> {
    while let Some((&[c1, c2, l1, l2], rest)) = options.split_first_chunk() {
        let (value, rest) = rest.split_at_checked(u16::from_be_bytes([l1, l2]).into())?;
        if u16::from_be_bytes([c1, c2]) == wanted {
            return Some(value);
        }
        options = rest;
    }
    None
}

/// Appends an option.
fn put(message: &mut Vec<u8>, code: u16, value: &[u8]) {
    message.extend(code.to_be_bytes());
    message.extend((value.len() as u16).to_be_bytes());
    message.extend(value);
}

/// The message in a relay message.
fn inside(data: &[u8]) -> Result<&[u8], String> {
    let options = data.get(34..).ok_or("a relay message is cut off")?;
    option(options, RELAY_MESSAGE).filter(|m| m.len() >= 4).ok_or("a relay message is empty".into())
}

/// A client's message, and whether relay messages are around it.
pub fn innermost(data: &[u8]) -> Result<(&[u8], bool), String> {
    let mut inner = data;
    while inner.first() == Some(&RELAY_FORWARD) {
        inner = inside(inner)?;
    }
    if inner.len() < 4 { Err("too short".into()) } else { Ok((inner, inner.len() != data.len())) }
}

/// Wraps `message`, which came from `peer`.
pub fn relay_forward(hops: u8, link: Ipv6Addr, peer: Ipv6Addr, message: &[u8]) -> Vec<u8> {
    let mut data = [&[RELAY_FORWARD, hops][..], &link.octets(), &peer.octets()].concat();
    put(&mut data, RELAY_MESSAGE, message);
    data
}

/// What is in a relay-reply, and to whom it goes.
pub fn relay_reply(data: &[u8]) -> Result<(Ipv6Addr, &[u8]), String> {
    let message = inside(data)?;
    Ok((<[u8; 16]>::try_from(&data[18..34]).unwrap().into(), message))
}

/// The server.
#[derive(Debug)]
pub struct Server {
    leases: Leases,
    /// Its DUID.
    id: Vec<u8>,
    fault: Option<Fault>,
}

impl Server {
    /// One whose hardware address is `mac`.
    pub fn new(leases: Leases, mut mac: [u8; 6], fault: Option<Fault>) -> Server {
        if fault == Some(Fault::WrongServerId) {
            mac[5] ^= 0xff;
        }
        // A DUID-LL of Ethernet (RFC 8415, 11.4).
        Server { leases, id: [&[0, 3, 0, 1][..], &mac].concat(), fault }
    }

    pub fn handle(&mut self, data: &[u8], from: SocketAddr) -> Result<Vec<Datagram>, String> {
        let (&[kind, x1, x2, x3], options) = data.split_first_chunk().ok_or("too short")?;
        let reply = match kind {
            SOLICIT => ADVERTISE,
            REQUEST if self.fault == Some(Fault::DropsRequests) => return Ok(Vec::new()),
            REQUEST | RENEW | REBIND | RELEASE | INFORMATION => REPLY,
            other => return Err(format!("a message of type {other}")),
        };
        if option(options, SERVER_ID).is_some_and(|id| id != self.id) {
            return Err("for another server".into());
        }
        let client = option(options, CLIENT_ID);
        let mut message = vec![reply, x1, x2, x3];
        put(&mut message, SERVER_ID, &self.id);
        client.iter().for_each(|client| put(&mut message, CLIENT_ID, client));
        if kind != RELEASE
            && let Some(ia) = option(options, IA_NA).filter(|ia| ia.len() >= 4)
        {
            let lease = self.lease(client.ok_or("no client identifier")?)?;
            put(&mut message, IA_NA, &[&ia[..4], &lease].concat());
        }
        let range = self.leases.range();
        let mut dns = Vec::new();
        for address in &range.dns {
            if let IpAddr::V6(address) = address {
                dns.extend(address.octets());
            }
        }
        for (code, value) in [(DNS, dns), (DOMAINS, domains(&range.domains))] {
            if !value.is_empty() {
                put(&mut message, code, &value);
            }
        }
        Ok(crate::answer(self.fault, from, message))
    }

    /// The times of an IA, and the option with its address.
    fn lease(&mut self, client: &[u8]) -> Result<Vec<u8>, String> {
        let IpAddr::V6(address) = self.leases.of(client).ok_or("no address is free")? else {
            return Err("the range must be of IPv6".into());
        };
        let time = match self.fault {
            Some(Fault::LeaseTimeZero) => 0,
            _ => self.leases.range().time,
        };
        let mut lease = [(time / 2).to_be_bytes(), (time / 5 * 4).to_be_bytes()].concat();
        let times = [time.to_be_bytes(), time.to_be_bytes()].concat();
        put(&mut lease, IA_ADDRESS, &[&address.octets()[..], &times].concat());
        Ok(lease)
    }
}
