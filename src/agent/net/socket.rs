//! A connection to the kernel's rtnetlink(7), in the network namespace that it was opened in.

use super::message::Message;
use rustix::net::{self, AddressFamily, Protocol, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

/// Protocol 0 of its family.
const NETLINK_ROUTE: Option<Protocol> = None;
/// More than any acknowledgement, which holds no copy of the request.
const ROOM: usize = 8192;

/// As much as the kernel tells at once.
const DUMP: usize = 64 << 10;

pub struct Socket {
    socket: OwnedFd,
    sequence: u32,
    /// Numbers of links that were asked for by their names.
    indices: HashMap<String, u32>,
}

impl Socket {
    pub fn open() -> io::Result<Socket> {
        Socket::to(NETLINK_ROUTE)
    }

    /// To what answers for packet filters.
    pub fn open_netfilter() -> io::Result<Socket> {
        Socket::to(Some(net::netlink::NETFILTER))
    }

    fn to(protocol: Option<Protocol>) -> io::Result<Socket> {
        let socket = net::socket_with(
            AddressFamily::NETLINK,
            SocketType::RAW,
            SocketFlags::CLOEXEC,
            protocol,
        )?;
        // Kernels before 4.12 know neither, and then answer with the error number alone.
        let _ = set(&socket, libc::NETLINK_EXT_ACK);
        let _ = set(&socket, libc::NETLINK_CAP_ACK);
        Ok(Socket { socket, sequence: 0, indices: HashMap::new() })
    }

    /// Has the kernel do what `message` asks for.
    ///
    /// # Errors
    /// Its reason, in the words of ip(8).
    pub fn request(&mut self, message: Message) -> Result<(), String> {
        self.exchange(message)
            .map_err(|error| format!("RTNETLINK answers: {}", reason(&error)))?
            .map_err(|error| match error.words {
                Some(words) => format!("Error: {words}."),
                None => format!(
                    "RTNETLINK answers: {}",
                    reason(&io::Error::from_raw_os_error(error.number))
                ),
            })
    }

    fn exchange(&mut self, message: Message) -> io::Result<Result<(), Refusal>> {
        self.sequence += 1;
        net::send(&self.socket, &message.finish(self.sequence), SendFlags::empty())?;
        let mut room = [0; ROOM];
        loop {
            let (length, _) = net::recv(&self.socket, &mut room, RecvFlags::empty())?;
            if let Some(answer) = answer(&room[..length], self.sequence) {
                return Ok(answer);
            }
        }
    }

    /// Asks for what there is; `each` gets the answers, without their first headers.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn dump(&mut self, message: Message, mut each: impl FnMut(&[u8])) -> io::Result<()> {
        self.sequence += 1;
        net::send(&self.socket, &message.finish(self.sequence), SendFlags::empty())?;
        let mut room = vec![0; DUMP];
        loop {
            let (length, _) = net::recv(&self.socket, &mut room[..], RecvFlags::empty())?;
            let mut bytes = &room[..length.min(DUMP)];
            while let Some(length) = bytes.first_chunk().map(|bytes| u32::from_ne_bytes(*bytes)) {
                let length = length as usize;
                let Some(message) = bytes.get(..length).filter(|_| length >= 16) else { break };
                match i32::from(u16::from_ne_bytes([message[4], message[5]])) {
                    libc::NLMSG_DONE => return Ok(()),
                    libc::NLMSG_ERROR => {
                        let number = message.get(16..20).and_then(|bytes| bytes.first_chunk());
                        return match number.map_or(0, |bytes| i32::from_ne_bytes(*bytes)) {
                            0 => Ok(()),
                            number => Err(io::Error::from_raw_os_error(-number)),
                        };
                    }
                    _ => each(&message[16..]),
                }
                bytes = bytes.get(length.next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }

    /// The number of the link called `name`.
    pub fn index(&mut self, name: &str) -> Result<u32, String> {
        if let Some(index) = self.indices.get(name) {
            return Ok(*index);
        }
        let index = net::netdevice::name_to_index(&self.socket, name)
            .map_err(|_| format!("Cannot find device \"{name}\""))?;
        self.indices.insert(name.into(), index);
        Ok(index)
    }
}

/// Why the kernel refused.
#[derive(Debug, PartialEq)]
struct Refusal {
    number: i32,
    /// In its own words.
    words: Option<String>,
}

/// What `bytes`, messages from the kernel, say of the request with that number.
fn answer(bytes: &[u8], sequence: u32) -> Option<Result<(), Refusal>> {
    let word = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let half = |at: usize| Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?));
    let mut begin = 0;
    // struct nlmsghdr: length, type, flags, sequence, port; after it struct nlmsgerr: the error
    // number, and the header of the request.
    while let (Some(length @ 16..), Some(kind), Some(flags)) =
        (word(begin), half(begin + 4), half(begin + 6))
    {
        let end = begin + length as usize;
        if word(begin + 8)? == sequence && i32::from(kind) == libc::NLMSG_ERROR {
            let number = word(begin + 16)? as i32;
            if number == 0 {
                return Some(Ok(()));
            }
            let capped = i32::from(flags) & libc::NLM_F_CAPPED != 0;
            let copied = if capped { 16 } else { word(begin + 20)? as usize };
            let explained = i32::from(flags) & libc::NLM_F_ACK_TLVS != 0;
            let attributes =
                bytes.get(begin + 20 + copied.next_multiple_of(4)..end).filter(|_| explained);
            return Some(Err(Refusal { number: -number, words: attributes.and_then(words) }));
        }
        begin = end.next_multiple_of(4);
    }
    None
}

/// The message among the attributes of an extended acknowledgement.
fn words(mut attributes: &[u8]) -> Option<String> {
    /// NLMSGERR_ATTR_MSG (linux/netlink.h)
    const MESSAGE: u16 = 1;
    while let [a, b, c, d, rest @ ..] = attributes {
        let length = usize::from(u16::from_ne_bytes([*a, *b])).checked_sub(4)?;
        let value = rest.get(..length)?;
        if u16::from_ne_bytes([*c, *d]) == MESSAGE {
            let text = value.strip_suffix(b"\0").unwrap_or(value);
            return Some(String::from_utf8_lossy(text).trim_end_matches('.').into());
        }
        attributes = rest.get(length.next_multiple_of(4)..)?;
    }
    None
}

/// An error as the C library words it, without the number that Rust adds.
pub fn reason(error: &io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().into()
}

/// Switches an option of a netlink socket on. rustix has none of them.
#[allow(unsafe_code)]
fn set(socket: &OwnedFd, option: i32) -> io::Result<()> {
    let on: i32 = 1;
    // SAFETY: the kernel reads an int, which lives through the call.
    let status = unsafe {
        libc::setsockopt(socket.as_raw_fd(), libc::SOL_NETLINK, option, (&raw const on).cast(), 4)
    };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acknowledgement(sequence: u32, flags: i32, number: i32, after: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; 4];
        bytes.extend((libc::NLMSG_ERROR as u16).to_ne_bytes());
        bytes.extend((flags as u16).to_ne_bytes());
        bytes.extend(sequence.to_ne_bytes());
        bytes.extend([0; 4]);
        bytes.extend((-number).to_ne_bytes());
        // The header of the request.
        bytes.extend([0; 16]);
        bytes.extend(after);
        let length = bytes.len() as u32;
        bytes[..4].copy_from_slice(&length.to_ne_bytes());
        bytes
    }

    #[test]
    fn an_acknowledgement_is_found_among_others() {
        let refused = |number| Some(Err(Refusal { number, words: None }));
        assert_eq!(answer(&acknowledgement(3, 0, 0, &[]), 3), Some(Ok(())));
        assert_eq!(answer(&acknowledgement(3, 0, 0, &[]), 4), None);
        let both = [
            acknowledgement(3, 0, 0, &[]),
            acknowledgement(4, libc::NLM_F_CAPPED, libc::EEXIST, &[]),
        ]
        .concat();
        assert_eq!(answer(&both, 4), refused(libc::EEXIST));
    }

    #[test]
    fn the_kernels_own_words_are_found() {
        let mut attributes = Vec::new();
        // An offset stands before the message.
        for (kind, value) in [(2u16, &[1, 0, 0, 0][..]), (1, b"Invalid gateway.\0")] {
            attributes.extend((value.len() as u16 + 4).to_ne_bytes());
            attributes.extend(kind.to_ne_bytes());
            attributes.extend(value);
            attributes.resize(attributes.len().next_multiple_of(4), 0);
        }
        let bytes = acknowledgement(
            1,
            libc::NLM_F_CAPPED | libc::NLM_F_ACK_TLVS,
            libc::EINVAL,
            &attributes,
        );
        assert_eq!(
            answer(&bytes, 1),
            Some(Err(Refusal { number: libc::EINVAL, words: Some("Invalid gateway".into()) }))
        );
        // Cut short, it is an error still, and no panic.
        for length in 0..bytes.len() {
            let _ = answer(&bytes[..length], 1);
        }
    }

    #[test]
    fn what_the_kernel_refuses_is_said_in_its_words() {
        let mut message = Message::new(libc::RTM_NEWLINK, 0);
        message.link(0, true);
        message.name(libc::IFLA_IFNAME, "no-such-link-0");
        let error = Socket::open().unwrap().request(message).unwrap_err();
        assert!(
            error.starts_with("RTNETLINK answers: ") || error.starts_with("Error: "),
            "{error}"
        );
        assert!(!error.contains("os error"), "{error}");
    }
}
