//! What a path rule wants a field to hold.

use crate::packet::bytes::{hex, parse_hex};
use crate::packet::dhcp6::duid_mac;
use crate::packet::protocol::{Value, ValueKind};
use crate::packet::server_id;
use crate::packet::server_id::ServerId;
use crate::rules::file::ValueFile;
use crate::rules::kind::unknown;
use crate::yaml::values;
use ipnet::IpNet;
use std::fmt;
use std::net::IpAddr;

/// What a field may be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// In this network; a single address is a network of its own.
    Net(IpNet),
    /// From this to that address.
    Range(IpAddr, IpAddr),
    /// From this to that number.
    Number(u64, u64),
    /// This hardware address.
    Mac([u8; 6]),
    /// This DHCPv6 server or client.
    Duid(ServerId),
    /// This text.
    Text(String),
}

impl Wanted {
    /// What `value` says of a field `name` that is of one of `kinds`, the likeliest first.
    pub(crate) fn read(
        name: &str,
        kinds: &[ValueKind],
        value: &ValueFile,
    ) -> Result<Wanted, String> {
        let mut tried = kinds.iter().map(|kind| Self::of(name, *kind, value));
        let first = tried.next().unwrap_or_else(|| Err(format!("there is no field `{name}`")));
        first.or_else(|error| tried.find_map(Result::ok).ok_or(error))
    }

    fn of(name: &str, kind: ValueKind, value: &ValueFile) -> Result<Wanted, String> {
        let text = match (kind, value) {
            (ValueKind::Number, _) => return number(value),
            (_, ValueFile::Number(number)) => return Err(format!("{number} cannot be a `{name}`")),
            (_, ValueFile::Text(text)) => text,
        };
        match kind {
            ValueKind::Number => number(value),
            ValueKind::Ipv4 | ValueKind::Ipv6 => {
                address(text, if kind == ValueKind::Ipv4 { 4 } else { 6 })
            }
            ValueKind::Mac => {
                let bytes = parse_hex(text).and_then(|bytes| bytes.try_into().ok());
                bytes.map(Wanted::Mac).ok_or_else(|| {
                    format!("`{text}` is not a hardware address such as `02:00:00:00:00:01`")
                })
            }
            ValueKind::Duid => server_id::duid(text).map(Wanted::Duid),
            ValueKind::Text => Ok(Wanted::Text(text.clone())),
            ValueKind::Domain => Ok(Wanted::Text(text.trim_end_matches('.').to_ascii_lowercase())),
            ValueKind::Word(words) if words.contains(&text.as_str()) => {
                Ok(Wanted::Text(text.clone()))
            }
            ValueKind::Word(words) => Err(unknown(name, text, words)),
        }
    }

    /// Whether `found` is that.
    pub fn is(&self, found: &Value) -> bool {
        match (self, found) {
            (Wanted::Net(net), Value::Address(address)) => net.contains(address),
            (Wanted::Range(first, last), Value::Address(address)) => {
                first.is_ipv4() == address.is_ipv4() && (first..=last).contains(&address)
            }
            (Wanted::Number(first, last), Value::Number(number)) => {
                (first..=last).contains(&number)
            }
            (Wanted::Mac(mac), Value::Mac(found)) => found == mac,
            (Wanted::Duid(ServerId::Duid(duid)), Value::Duid(found)) => found == duid,
            (Wanted::Duid(ServerId::Mac(mac)), Value::Duid(found)) => duid_mac(found) == Some(*mac),
            (Wanted::Text(text), Value::Text(bytes)) => bytes == text.as_bytes(),
            _ => false,
        }
    }
}

impl fmt::Display for Wanted {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Wanted::Net(net) if net.prefix_len() == net.max_prefix_len() => net.addr().fmt(f),
            Wanted::Net(net) => write!(f, "in {net}"),
            Wanted::Range(first, last) => write!(f, "{first}-{last}"),
            Wanted::Number(first, last) if first == last => first.fmt(f),
            Wanted::Number(first, last) => write!(f, "{first}-{last}"),
            Wanted::Mac(mac) | Wanted::Duid(ServerId::Mac(mac)) => f.write_str(&hex(mac)),
            Wanted::Duid(ServerId::Duid(duid)) => write!(f, "DUID {}", hex(duid)),
            Wanted::Duid(ServerId::Address(address)) => address.fmt(f),
            Wanted::Text(text) => write!(f, "`{text}`"),
        }
    }
}

/// `N` or `FIRST-LAST`.
fn number(value: &ValueFile) -> Result<Wanted, String> {
    let range = match value {
        ValueFile::Number(number) => u64::try_from(*number).ok().map(|number| (number, number)),
        ValueFile::Text(text) => text
            .split_once('-')
            .and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?))),
    };
    match (range, value) {
        (Some((first, last)), _) if first <= last => Ok(Wanted::Number(first, last)),
        (_, ValueFile::Number(number)) => Err(format!("{number} is out of range")),
        (_, ValueFile::Text(text)) => {
            Err(format!("`{text}` is neither a number nor a range such as `1-4`"))
        }
    }
}

/// An address, a network or a range of addresses of this IP version.
fn address(text: &str, version: u8) -> Result<Wanted, String> {
    let of_version = |address: IpAddr, wanted| match address.is_ipv4() == (version == 4) {
        true => Ok(wanted),
        false => Err(format!("`{text}` is not an IPv{version} address")),
    };
    if let Ok(address) = text.parse::<IpAddr>() {
        return of_version(address, Wanted::Net(address.into()));
    }
    if let Ok(net) = text.parse::<IpNet>() {
        if net.addr() != net.network() {
            return Err(format!(
                "`{text}` has bits after its prefix, did you mean `{}`?",
                net.trunc()
            ));
        }
        return of_version(net.addr(), Wanted::Net(net));
    }
    if text.contains('-')
        && let Some((first, last)) = values::pool(text)?
    {
        return of_version(first, Wanted::Range(first, last));
    }
    Err(format!(
        "`{text}` is neither an address nor a network such as `10.0.0.0/24` nor a range such as `10.0.0.1-10.0.0.9`"
    ))
}
