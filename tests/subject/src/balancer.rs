//! The balancer: a relay agent next to the servers, which hands each request on to one of them.

use crate::Datagram;
use crate::config::Config;
use crate::dhcp4;
use crate::dhcp6;
use crate::fault::Fault;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

#[derive(Debug)]
pub struct Balancer {
    config: Config,
    fault: Option<Fault>,
    /// How many requests there were.
    count: usize,
}

impl Balancer {
    pub fn new(config: Config, fault: Option<Fault>) -> Result<Balancer, String> {
        let balancer = Balancer { config, fault, count: 0 };
        balancer.servers().map(|_| balancer)
    }

    /// They are read anew for each request, so a change of the file is noticed.
    fn servers(&self) -> Result<Vec<IpAddr>, String> {
        let file = self.config.hosts.as_ref().ok_or("host_sourcer is missing")?;
        let text = std::fs::read_to_string(file).map_err(|e| format!("{}: {e}", file.display()))?;
        let servers: Vec<IpAddr> =
            text.lines().filter_map(|line| line.trim().parse().ok()).collect();
        if servers.is_empty() {
            Err(format!("no server in {}", file.display()))
        } else {
            Ok(servers)
        }
    }

    /// Hands `message` on to the server for the transaction `xid`.
    fn hand_on(&mut self, xid: u32, message: Vec<u8>) -> Result<Vec<Datagram>, String> {
        let servers = self.servers()?;
        self.count += 1;
        let pick = if self.config.round_robin { self.count } else { xid as usize };
        let to = SocketAddr::new(servers[pick % servers.len()], self.config.port);
        let times = if self.fault == Some(Fault::SendsOnTwice) { 2 } else { 1 };
        Ok(vec![Datagram { to, message }; times])
    }

    pub fn handle4(&mut self, data: &[u8]) -> Result<Vec<Datagram>, String> {
        let mut message = dhcp4::Message::read(data)?;
        if message.is_reply() {
            return Err("an answer, which goes to the relay agent without us".into());
        }
        if self.fault == Some(Fault::DropsRequests) && message.kind() == Some(dhcp4::REQUEST) {
            return Ok(Vec::new());
        }
        if self.fault != Some(Fault::LeavesHops) {
            message.count_hop()?;
        }
        if self.fault == Some(Fault::RewritesGiaddr) {
            // Nobody is there, but it is in the network of the relay agent, so the server finds
            // its pool.
            let [a, b, c, _] = message.giaddr().octets();
            message.set_giaddr(Ipv4Addr::new(a, b, c, 77));
        }
        self.hand_on(message.xid(), message.write())
    }

    pub fn handle6(&mut self, data: &[u8], from: SocketAddr) -> Result<Vec<Datagram>, String> {
        let SocketAddr::V6(from) = from else { return Err("not from IPv6".into()) };
        if data.first() == Some(&dhcp6::RELAY_REPLY) {
            return self.unwrap(data);
        }
        let (inner, relayed) = dhcp6::innermost(data)?;
        if self.fault == Some(Fault::DropsRequests) && inner[0] == dhcp6::REQUEST {
            return Ok(Vec::new());
        }
        let hops = match self.fault {
            Some(Fault::LeavesHops) if relayed => data[1],
            _ if relayed => {
                data[1].checked_add(1).filter(|hops| *hops <= 32).ok_or("too many hops")?
            }
            _ => 0,
        };
        let link = match self.fault {
            Some(Fault::OtherLinkAddress) => Ipv6Addr::new(0xfd00, 0x666, 0, 0, 0, 0, 0, 1),
            // It came from an address that the server can answer to (RFC 8415, 19.1.2).
            _ => Ipv6Addr::UNSPECIFIED,
        };
        let xid = u32::from_be_bytes([0, inner[1], inner[2], inner[3]]);
        self.hand_on(xid, dhcp6::relay_forward(hops, link, *from.ip(), data))
    }

    fn unwrap(&self, data: &[u8]) -> Result<Vec<Datagram>, String> {
        let (peer, message) = dhcp6::relay_reply(data)?;
        // A relay agent listens where servers do.
        let port = if message[0] == dhcp6::RELAY_REPLY { 547 } else { 546 };
        Ok(match self.fault {
            Some(Fault::DropsRelayReplies) => Vec::new(),
            fault => crate::answer(fault, SocketAddr::new(peer.into(), port), message.to_vec()),
        })
    }
}
