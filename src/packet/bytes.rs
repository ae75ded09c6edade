//! Numbers, addresses and names in bytes that may be cut short.

use std::net::Ipv6Addr;

/// The `N` bytes from `at` on.
pub(crate) fn array<const N: usize>(data: &[u8], at: usize) -> Option<[u8; N]> {
    data.get(at..)?.first_chunk().copied()
}

/// The 16 bits from `at` on, in network order.
pub(crate) fn number(data: &[u8], at: usize) -> Option<u16> {
    array(data, at).map(u16::from_be_bytes)
}

/// The IPv6 address from `at` on.
pub(crate) fn ipv6_address(data: &[u8], at: usize) -> Option<Ipv6Addr> {
    array::<16>(data, at).map(Ipv6Addr::from)
}

/// `02:00:…`.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":")
}

/// The name of `number` in `table`, or what `unknown` makes of it.
pub(crate) fn name<T: Copy + PartialEq>(
    table: &[(T, &str)],
    number: T,
    unknown: impl Fn(T) -> String,
) -> String {
    table
        .iter()
        .find(|(known, _)| *known == number)
        .map_or_else(|| unknown(number), |(_, name)| name.to_string())
}

/// The names in `table`.
pub(crate) const fn names<T, const N: usize>(table: &[(T, &'static str); N]) -> [&'static str; N] {
    let mut names = [""; N];
    let mut index = 0;
    while index < N {
        names[index] = table[index].1;
        index += 1;
    }
    names
}

/// Bytes such as `02:00:1f`.
pub fn parse_hex(text: &str) -> Option<Vec<u8>> {
    text.split(':')
        .map(|byte| if byte.len() <= 2 { u8::from_str_radix(byte, 16).ok() } else { None })
        .collect()
}
