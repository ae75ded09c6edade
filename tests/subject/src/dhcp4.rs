//! DHCPv4 (RFC 2131): messages, and the server's answers.

use crate::Datagram;
use crate::fault::Fault;
use crate::leases::{Leases, domains};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};

const DISCOVER: u8 = 1;
const OFFER: u8 = 2;
pub const REQUEST: u8 = 3;
const ACK: u8 = 5;
const NAK: u8 = 6;
const COOKIE: [u8; 4] = [99, 130, 83, 99];

/// A message.
#[derive(Clone, Debug)]
pub struct Message {
    /// What comes before the options.
    fixed: [u8; 236],
    options: Vec<(u8, Vec<u8>)>,
}

impl Message {
    pub fn read(data: &[u8]) -> Result<Message, String> {
        let (fixed, rest) = data.split_first_chunk::<236>().ok_or("too short for DHCP")?;
        let mut rest = rest.strip_prefix(&COOKIE).ok_or("not DHCP")?;
        let mut options = Vec::new();
        while let Some((&code, after)) = rest.split_first() {
            rest = match code {
                0 => after,
                255 => break,
                _ => {
                    let (&length, after) = after.split_first().ok_or("an option is cut off")?;
                    let cut = after.split_at_checked(length.into());
                    let (value, after) = cut.ok_or("an option is cut off")?;
                    options.push((code, value.to_vec()));
                    after
                }
            };
        }
        Ok(Message { fixed: *fixed, options })
    }

    /// At least as long as BOOTP wants it (RFC 1542, 2.1).
    pub fn write(&self) -> Vec<u8> {
        let mut data = [&self.fixed[..], &COOKIE].concat();
        for (code, value) in &self.options {
            data.extend([*code, value.len() as u8]);
            data.extend(value);
        }
        data.push(255);
        data.resize(data.len().max(300), 0);
        data
    }

    fn option(&self, code: u8) -> Option<&[u8]> {
        self.options.iter().find(|(known, _)| *known == code).map(|(_, value)| value.as_slice())
    }

    fn address(&self, at: usize) -> Ipv4Addr {
        let octets: [u8; 4] = self.fixed[at..at + 4].try_into().unwrap();
        octets.into()
    }

    fn set(&mut self, at: usize, address: Ipv4Addr) {
        self.fixed[at..at + 4].copy_from_slice(&address.octets());
    }

    pub fn is_reply(&self) -> bool {
        self.fixed[0] == 2
    }

    pub fn kind(&self) -> Option<u8> {
        self.option(53)?.first().copied()
    }

    pub fn xid(&self) -> u32 {
        u32::from_be_bytes(self.fixed[4..8].try_into().unwrap())
    }

    fn ciaddr(&self) -> Ipv4Addr {
        self.address(12)
    }

    pub fn giaddr(&self) -> Ipv4Addr {
        self.address(24)
    }

    pub fn set_giaddr(&mut self, address: Ipv4Addr) {
        self.set(24, address);
    }

    /// Counts one relay agent more (RFC 1542, 4.1.1).
    pub fn count_hop(&mut self) -> Result<(), String> {
        self.fixed[3] = self.fixed[3].saturating_add(1);
        if self.fixed[3] > 16 { Err("too many hops".into()) } else { Ok(()) }
    }
}

/// The server.
#[derive(Debug)]
pub struct Server {
    leases: Leases,
    /// Its own address towards its clients.
    id: Ipv4Addr,
    fault: Option<Fault>,
}

impl Server {
    pub fn new(leases: Leases, fault: Option<Fault>) -> Result<Server, String> {
        // The kernel knows which address it would take, and nothing is sent.
        let towards = || {
            let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
            socket.connect((leases.range().first, 68))?;
            socket.local_addr()
        };
        match towards().map_err(|error| format!("no way to the range: {error}"))?.ip() {
            IpAddr::V4(_) if fault == Some(Fault::WrongServerId) => {
                Ok(Server { leases, id: Ipv4Addr::new(192, 0, 2, 1), fault })
            }
            IpAddr::V4(id) => Ok(Server { leases, id, fault }),
            IpAddr::V6(_) => Err("the range must be of IPv4".into()),
        }
    }

    pub fn handle(&mut self, data: &[u8]) -> Result<Vec<Datagram>, String> {
        let request = Message::read(data)?;
        let IpAddr::V4(address) =
            self.leases.of(&request.fixed[28..34]).ok_or("no address is free")?
        else {
            return Err("the range must be of IPv4".into());
        };
        let kind = match request.kind() {
            Some(DISCOVER) => OFFER,
            Some(REQUEST) if self.fault == Some(Fault::DropsRequests) => return Ok(Vec::new()),
            Some(REQUEST) => {
                if request.option(54).is_some_and(|id| id != self.id.octets()) {
                    return Err("for another server".into());
                }
                let octets = address.octets();
                let wanted =
                    request.option(50).map_or(request.ciaddr() == address, |w| w == octets);
                if wanted { ACK } else { NAK }
            }
            other => return Err(format!("a message of type {other:?}")),
        };
        let reply = self.reply(&request, kind, address);
        let to = match (request.giaddr(), request.ciaddr()) {
            (relay, _) if !relay.is_unspecified() => SocketAddr::new(relay.into(), 67),
            (_, client) if !client.is_unspecified() && kind != NAK => {
                SocketAddr::new(client.into(), 68)
            }
            // The client has no address yet. That of all in its network picks the link, too.
            _ => SocketAddr::new((address | !self.mask()).into(), 68),
        };
        Ok(crate::answer(self.fault, to, reply.write()))
    }

    fn mask(&self) -> Ipv4Addr {
        match self.leases.range().mask {
            Some(IpAddr::V4(mask)) => mask,
            _ => Ipv4Addr::new(255, 255, 255, 0),
        }
    }

    fn reply(&self, request: &Message, kind: u8, address: Ipv4Addr) -> Message {
        let mut reply = request.clone();
        reply.fixed[0] = 2;
        reply.fixed[3] = 0;
        // What is said of boots is not ours.
        reply.fixed[44..].fill(0);
        reply.options = vec![(53, vec![kind]), (54, self.id.octets().to_vec())];
        if kind == NAK {
            return reply;
        }
        reply.set(16, address);
        let range = self.leases.range();
        let time = if self.fault == Some(Fault::LeaseTimeZero) { 0 } else { range.time };
        let bytes = |address: &IpAddr| match address {
            IpAddr::V4(address) => address.octets().to_vec(),
            IpAddr::V6(_) => Vec::new(),
        };
        let router = range.router.filter(|_| self.fault != Some(Fault::LeavesOutRouter));
        let all = [
            (51, time.to_be_bytes().to_vec()),
            (1, self.mask().octets().to_vec()),
            (3, router.iter().flat_map(bytes).collect()),
            (6, range.dns.iter().flat_map(bytes).collect()),
            (119, domains(&range.domains)),
        ];
        reply.options.extend(all.into_iter().filter(|(_, value)| !value.is_empty()));
        reply
    }
}
