//! How a DHCP server is told from another.

use crate::packet::bytes::parse_hex;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// How a DHCP server is told from another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ServerId {
    /// The server identifier of DHCPv4 (RFC 2132, 9.7).
    Address(IpAddr),
    /// A DUID of DHCPv6 (RFC 8415, 11).
    Duid(Vec<u8>),
    /// The link-layer address in a DUID-LL or DUID-LLT.
    Mac([u8; 6]),
}

/// A DUID of DHCPv6, or the hardware address in one.
pub fn duid(text: &str) -> Result<ServerId, String> {
    match parse_hex(text) {
        Some(bytes) if bytes.len() == 6 => Ok(ServerId::Mac(bytes.try_into().expect("six"))),
        Some(bytes) if bytes.len() > 6 => Ok(ServerId::Duid(bytes)),
        _ => Err(format!(
            "`{text}` is neither a DUID, such as `00:03:00:01:02:00:00:00:00:01`, nor the hardware address in it"
        )),
    }
}
