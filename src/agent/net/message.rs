//! Requests as rtnetlink(7) wants them: fixed headers in the byte order of the machine, then
//! attributes, each with its length and padded to four bytes.

use std::net::IpAddr;

/// Lengths are 16 bits in an attribute; no request of ours comes near.
const HEADER: usize = 16;

/// A request that is being written.
pub struct Message(Vec<u8>);

impl Message {
    /// A request of the given type, which must be acknowledged.
    pub fn new(kind: u16, flags: i32) -> Message {
        let flags = (libc::NLM_F_REQUEST | libc::NLM_F_ACK | flags) as u16;
        let mut bytes = Vec::with_capacity(256);
        // The length and the sequence number are known at the end; the sender is the kernel's
        // business.
        bytes.extend(0u32.to_ne_bytes());
        bytes.extend(kind.to_ne_bytes());
        bytes.extend(flags.to_ne_bytes());
        bytes.extend([0; HEADER - 8]);
        Message(bytes)
    }

    /// `struct ifinfomsg`; an index of 0 stands for a link that is named, or new.
    pub fn link(&mut self, index: u32, up: bool) {
        let flags = if up { libc::IFF_UP as u32 } else { 0 };
        self.0.extend([libc::AF_UNSPEC as u8, 0, 0, 0]);
        // Of the flags only those that are to change count.
        for number in [index, flags, flags] {
            self.0.extend(number.to_ne_bytes());
        }
    }

    /// `struct ifaddrmsg`
    pub fn address(&mut self, of: IpAddr, length: u8, flags: u8, scope: u8, index: u32) {
        self.0.extend([family(of), length, flags, scope]);
        self.0.extend(index.to_ne_bytes());
    }

    /// `struct rtmsg`, as ip(8) marks routes that an administrator adds.
    pub fn route(&mut self, family: u8, length: u8, table: u8, scope: u8, kind: u8) {
        self.0.extend([family, length, 0, 0, table, libc::RTPROT_BOOT, scope, kind]);
        self.0.extend(0u32.to_ne_bytes());
    }

    /// `struct rtnexthop` and its gateway, one of several in an attribute.
    pub fn hop(&mut self, link: u32, weight: u16, via: Option<IpAddr>) {
        let begin = self.0.len();
        // What is kept is the weight less one.
        self.0.extend([0, 0, 0, weight.saturating_sub(1).min(255) as u8]);
        self.0.extend(link.to_ne_bytes());
        if let Some(via) = via {
            self.ip(libc::RTA_GATEWAY, via);
        }
        let length = (self.0.len() - begin) as u16;
        self.0[begin..begin + 2].copy_from_slice(&length.to_ne_bytes());
    }

    /// What stands in front of the attributes.
    pub fn header(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    pub fn bytes(&mut self, kind: u16, value: &[u8]) {
        self.nested(kind, |message| message.0.extend(value));
    }

    /// A name, which ends with a zero.
    pub fn name(&mut self, kind: u16, name: &str) {
        self.nested(kind, |message| {
            message.0.extend(name.as_bytes());
            message.0.push(0);
        });
    }

    pub fn number(&mut self, kind: u16, number: u32) {
        self.bytes(kind, &number.to_ne_bytes());
    }

    pub fn ip(&mut self, kind: u16, address: IpAddr) {
        match address {
            IpAddr::V4(address) => self.bytes(kind, &address.octets()),
            IpAddr::V6(address) => self.bytes(kind, &address.octets()),
        }
    }

    /// An attribute that holds what `inside` writes.
    pub fn nested(&mut self, kind: u16, inside: impl FnOnce(&mut Message)) {
        let begin = self.0.len();
        self.0.extend([0; 2]);
        self.0.extend(kind.to_ne_bytes());
        inside(self);
        let length = (self.0.len() - begin) as u16;
        self.0[begin..begin + 2].copy_from_slice(&length.to_ne_bytes());
        self.0.resize(self.0.len().next_multiple_of(4), 0);
    }

    /// The whole request.
    pub fn finish(mut self, sequence: u32) -> Vec<u8> {
        let length = self.0.len() as u32;
        self.0[..4].copy_from_slice(&length.to_ne_bytes());
        self.0[8..12].copy_from_slice(&sequence.to_ne_bytes());
        self.0
    }
}

/// The attributes in `bytes`, by their kind without flags, as far as they are whole.
pub fn attributes(mut bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    std::iter::from_fn(move || {
        let [a, b, c, d, rest @ ..] = bytes else { return None };
        let length = usize::from(u16::from_ne_bytes([*a, *b])).checked_sub(4)?;
        let value = rest.get(..length)?;
        bytes = rest.get(length.next_multiple_of(4)..).unwrap_or_default();
        // NLA_TYPE_MASK
        Some((u16::from_ne_bytes([*c, *d]) & 0x3fff, value))
    })
}

pub fn family(of: IpAddr) -> u8 {
    (if of.is_ipv4() { libc::AF_INET } else { libc::AF_INET6 }) as u8
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_are_padded_but_their_lengths_are_not() {
        let mut message = Message::new(libc::RTM_NEWLINK, libc::NLM_F_CREATE);
        message.nested(18, |message| message.name(1, "veth"));
        let bytes = message.finish(7);
        assert_eq!(bytes.len(), HEADER + 4 + 12);
        let half = |at: usize| u16::from_ne_bytes([bytes[at], bytes[at + 1]]);
        assert_eq!(u32::from_ne_bytes(bytes[..4].try_into().unwrap()), 32);
        assert_eq!(
            (half(4), half(6)),
            (
                libc::RTM_NEWLINK,
                (libc::NLM_F_REQUEST | libc::NLM_F_ACK | libc::NLM_F_CREATE) as u16
            )
        );
        assert_eq!(
            (bytes[8], half(16), half(18), half(20), half(22)),
            (if cfg!(target_endian = "little") { 7 } else { 0 }, 16, 18, 9, 1)
        );
        assert_eq!(&bytes[24..], b"veth\0\0\0\0");
        let outer: Vec<_> = attributes(&bytes[16..]).collect();
        assert_eq!(outer.len(), 1);
        assert_eq!(attributes(outer[0].1).collect::<Vec<_>>(), [(1, &b"veth\0"[..])]);
        // Cut short, it is read as far as it goes.
        assert!((16..bytes.len()).all(|end| attributes(&bytes[16..end]).count() == 0));
    }
}
