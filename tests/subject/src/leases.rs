//! Which client has which address.

use crate::config::Range;
use crate::json::Json;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// The leases of a range. They last as long as the program; what it writes to its file outlasts it.
#[derive(Debug)]
pub struct Leases {
    range: Range,
    /// By the client's identifier in hexadecimal digits.
    given: BTreeMap<String, IpAddr>,
}

impl Leases {
    /// Those in the file of `range`, of which the addresses from `skip` after its beginning on are
    /// given away.
    pub fn open(mut range: Range, skip: u8) -> Result<Leases, String> {
        (range.first, range.end) = (plus(range.first, skip.into()), plus(range.end, skip.into()));
        let mut given = BTreeMap::new();
        if let Some(file) = &range.file {
            let text = std::fs::read_to_string(file).map_err(|e| format!("{file:?}: {e}"))?;
            if let Json::Map(members) = Json::read(&text)? {
                let lease =
                    |(client, json): (String, Json)| Some((client, json.text()?.parse().ok()?));
                given = members.into_iter().filter_map(lease).collect();
            }
        }
        Ok(Leases { range, given })
    }

    pub fn range(&self) -> &Range {
        &self.range
    }

    /// The address of `client`: the one that it has, else a free one.
    pub fn of(&mut self, client: &[u8]) -> Option<IpAddr> {
        let client: String = client.iter().map(|byte| format!("{byte:02x}")).collect();
        if let Some(address) = self.given.get(&client) {
            return Some(*address);
        }
        let mut address = self.range.first;
        while self.given.values().any(|taken| *taken == address) {
            address = plus(address, 1);
        }
        if address >= self.range.end {
            return None;
        }
        self.given.insert(client, address);
        if let Some(file) = &self.range.file {
            let leases = self.given.iter().map(|(client, at)| format!("\"{client}\": \"{at}\""));
            let text = format!("{{{}}}", leases.collect::<Vec<_>>().join(", "));
            if let Err(error) = std::fs::write(file, text) {
                eprintln!("cannot write {}: {error}", file.display());
            }
        }
        Some(address)
    }
}

fn plus(address: IpAddr, count: u32) -> IpAddr {
    match address {
        IpAddr::V4(address) => Ipv4Addr::from(u32::from(address).wrapping_add(count)).into(),
        IpAddr::V6(address) => {
            Ipv6Addr::from(u128::from(address).wrapping_add(count.into())).into()
        }
    }
}

/// Domain names as DNS has them (RFC 1035, 3.1).
pub fn domains(names: &[String]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for name in names {
        for label in name.split('.').filter(|label| !label.is_empty() && label.len() < 64) {
            bytes.push(label.len() as u8);
            bytes.extend(label.as_bytes());
        }
        bytes.push(0);
    }
    bytes
}
