//! What a DHCP client says of its lease.

use crate::packet::bytes::hex;
use crate::packet::dhcp6::duid_mac;
use crate::packet::server_id::ServerId;
use crate::steps::Client;
use std::collections::HashMap;
use std::net::IpAddr;

/// A lease as the client got it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lease {
    /// The address.
    pub address: Option<IpAddr>,
    /// IPv4: the length of the subnet mask.
    pub prefix: Option<u8>,
    /// Default router, the first if several.
    pub router: Option<IpAddr>,
    /// DNS servers.
    pub dns: Vec<IpAddr>,
    /// For how long, in seconds; IPv6: the valid lifetime.
    pub seconds: Option<u64>,
    /// IPv4: the server identifier.
    pub server: Option<IpAddr>,
    /// IPv6: the server's DUID.
    pub duid: Option<Vec<u8>>,
}

impl Lease {
    /// Reads what `client` left: dhclient's lease file, or the environment of another one's script.
    pub fn parse(client: Client, text: &str) -> Option<Lease> {
        let lease = match client {
            Client::Dhclient => dhclient(text)?,
            Client::Dhcpcd => dhcpcd(&environment(text)),
            Client::Udhcpc => udhcpc(&environment(text)),
        };
        lease.address.is_some().then_some(lease)
    }

    /// Whether `id` gave this lease.
    pub fn is_from(&self, id: &ServerId) -> bool {
        match id {
            ServerId::Address(address) => self.server == Some(*address),
            ServerId::Duid(duid) => self.duid.as_ref() == Some(duid),
            ServerId::Mac(mac) => self.duid.as_deref().and_then(duid_mac) == Some(*mac),
        }
    }

    /// Who gave it, for people.
    pub fn giver(&self) -> String {
        match (&self.server, &self.duid) {
            (Some(server), _) => server.to_string(),
            (None, Some(duid)) => match duid_mac(duid) {
                Some(mac) => hex(&mac),
                None => format!("DUID {}", hex(duid)),
            },
            (None, None) => "an unnamed server".into(),
        }
    }
}

/// The last lease of a dhclient.leases(5) file: later ones replace earlier ones.
fn dhclient(text: &str) -> Option<Lease> {
    let mut lease: Option<Lease> = None;
    for line in text.lines() {
        if matches!(line, "lease {" | "lease6 {") {
            lease = Some(Lease::default());
        }
        let Some(lease) = &mut lease else { continue };
        let line = line.trim().trim_end_matches(['{', ';']).trim();
        let (key, value) = match line.strip_prefix("option ") {
            Some(option) => option.split_once(' ').unwrap_or((option, "")),
            None => line.split_once(' ').unwrap_or((line, "")),
        };
        match key {
            "fixed-address" | "iaaddr" => lease.address = value.parse().ok(),
            "subnet-mask" => lease.prefix = mask(value),
            "routers" => lease.router = addresses(value).first().copied(),
            "domain-name-servers" | "dhcp6.name-servers" => lease.dns = addresses(value),
            "dhcp-lease-time" | "max-life" => lease.seconds = value.parse().ok(),
            "dhcp-server-identifier" => lease.server = value.parse().ok(),
            "dhcp6.server-id" => {
                lease.duid = value.split(':').map(|b| u8::from_str_radix(b, 16).ok()).collect()
            }
            _ => {}
        }
    }
    lease
}

/// dhcpcd-run-hooks(8).
fn dhcpcd(variables: &HashMap<&str, &str>) -> Lease {
    let get = |name: &str| variables.get(name).copied();
    let address = get("new_ip_address").or_else(|| get("new_dhcp6_ia_na1_ia_addr1"));
    Lease {
        address: address.and_then(|a| a.parse().ok()),
        prefix: get("new_subnet_cidr").and_then(|p| p.parse().ok()),
        router: get("new_routers").and_then(|r| addresses(r).first().copied()),
        dns: get("new_domain_name_servers")
            .or_else(|| get("new_dhcp6_name_servers"))
            .map(addresses)
            .unwrap_or_default(),
        seconds: get("new_dhcp_lease_time")
            .or_else(|| get("new_dhcp6_ia_na1_ia_addr1_vltime"))
            .and_then(|s| s.parse().ok()),
        server: get("new_dhcp_server_identifier").and_then(|s| s.parse().ok()),
        duid: get("new_dhcp6_server_id").and_then(plain_hex),
    }
}

/// The script of BusyBox udhcpc.
fn udhcpc(variables: &HashMap<&str, &str>) -> Lease {
    let get = |name: &str| variables.get(name).copied();
    Lease {
        address: get("ip").and_then(|a| a.parse().ok()),
        prefix: get("mask").and_then(|p| p.parse().ok()).or_else(|| get("subnet").and_then(mask)),
        router: get("router").and_then(|r| addresses(r).first().copied()),
        dns: get("dns").map(addresses).unwrap_or_default(),
        seconds: get("lease").and_then(|s| s.parse().ok()),
        server: get("serverid").and_then(|s| s.parse().ok()),
        duid: None,
    }
}

fn environment(text: &str) -> HashMap<&str, &str> {
    text.lines().filter_map(|line| line.split_once('=')).collect()
}

fn addresses(text: &str) -> Vec<IpAddr> {
    text.split([',', ' ']).filter_map(|part| part.trim().parse().ok()).collect()
}

/// `255.255.255.0` as 24.
fn mask(text: &str) -> Option<u8> {
    let bits = u32::from(text.trim().parse::<std::net::Ipv4Addr>().ok()?);
    (bits.leading_ones() + bits.trailing_zeros() >= 32).then_some(bits.leading_ones() as u8)
}

fn plain_hex(text: &str) -> Option<Vec<u8>> {
    let digits: String = text.chars().filter(|c| *c != ':').collect();
    (0..digits.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(digits.get(i..i + 2)?, 16).ok())
        .collect()
}
