//! Which frames a ring takes, as a program of the kernel's classic packet filter (Linux Socket
//! Filtering aka BPF): bulk data has a ring of its own, so that however much of it there is, no
//! frame that labrun knows more of than its ports is lost for want of room.
//!
//! Bulk is what TCP and UDP carry from and to ports of which no protocol here reads the payload,
//! and what is encrypted (ESP). Segments that open or close a connection are not.

use crate::packet::PROTOCOLS;
use std::collections::BTreeSet;

/// Of bulk data, how many bytes of a frame are kept after its headers. That is more than a wire
/// carries at once; longer frames are those that the kernel has not split yet.
pub const KEPT: usize = 2048;
/// What the headers before them may need.
const HEADERS: u32 = 192;

/// The frames that a ring takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Take {
    /// All of them.
    All,
    /// All but bulk data.
    Telling,
    /// Bulk data only, each frame cut.
    Bulk,
    /// None, for now.
    Nothing,
}

impl Take {
    /// The program; its result is how many bytes of a frame are taken.
    pub fn program(self) -> Vec<libc::sock_filter> {
        const WHOLE: u32 = u32::MAX;
        match self {
            Take::All => returning(WHOLE),
            Take::Nothing => returning(0),
            Take::Telling => sorting(WHOLE, 0),
            Take::Bulk => sorting(0, KEPT as u32 + HEADERS),
        }
    }
}

fn returning(bytes: u32) -> Vec<libc::sock_filter> {
    vec![instruction(libc::BPF_RET | libc::BPF_K, bytes, 0, 0)]
}

/// Where the program can go on.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Label {
    Telling,
    Bulk,
    Raw,
    Ethernet,
    Network,
    Ipv4,
    Ipv6,
    FragmentHeader,
    Fragment,
    Transport,
    Tcp,
    Udp,
    Ports,
    /// The next instruction.
    Next,
}

/// What the kernel knows of a frame beside its bytes (linux/filter.h).
const BESIDE: u32 = (-0x1000i32).cast_unsigned();
const PROTOCOL: u32 = BESIDE;
const HARDWARE: u32 = BESIDE + 28;
/// ARPHRD_NONE: a tun device, whose frames begin with the IP header.
const NO_HEADER: u32 = 0xfffe;
/// Protocol numbers (IANA).
const TCP: u32 = 6;
const UDP: u32 = 17;
const IPV6_FRAGMENT: u32 = 44;
const ESP: u32 = 50;
/// The flags FIN, SYN and RST.
const OPENING_OR_CLOSING: u32 = 0x07;

/// A program that takes so many bytes of each frame that is `telling`, and so many of each that is
/// `bulk`. A filter that reads past the end of a frame rejects it, so each length is looked at
/// first; what is too short for its headers is telling.
fn sorting(telling: u32, bulk: u32) -> Vec<libc::sock_filter> {
    let mut program = Program::default();
    let p = &mut program;
    p.load(libc::BPF_W | libc::BPF_ABS, HARDWARE);
    p.branch(libc::BPF_JEQ, libc::ARPHRD_ETHER.into(), Label::Ethernet, Label::Next);
    p.branch(libc::BPF_JEQ, libc::ARPHRD_LOOPBACK.into(), Label::Ethernet, Label::Next);
    p.branch(libc::BPF_JEQ, NO_HEADER, Label::Raw, Label::Telling);
    // From here on X is where the header is that comes next.
    p.at(Label::Raw);
    p.add(libc::BPF_LDX | libc::BPF_IMM, 0);
    p.go(Label::Network);
    p.at(Label::Ethernet);
    p.add(libc::BPF_LDX | libc::BPF_IMM, 14);
    p.at(Label::Network);
    p.needs(20);
    p.load(libc::BPF_W | libc::BPF_ABS, PROTOCOL);
    p.branch(libc::BPF_JEQ, libc::ETH_P_IP as u32, Label::Ipv4, Label::Next);
    p.branch(libc::BPF_JEQ, libc::ETH_P_IPV6 as u32, Label::Ipv6, Label::Telling);

    p.at(Label::Ipv4);
    p.carries(9);
    p.load(libc::BPF_H | libc::BPF_IND, 6);
    p.branch(libc::BPF_JSET, 0x1fff, Label::Fragment, Label::Next);
    p.load(libc::BPF_B | libc::BPF_IND, 0);
    p.add(libc::BPF_ALU | libc::BPF_AND | libc::BPF_K, 0x0f);
    p.add(libc::BPF_ALU | libc::BPF_LSH | libc::BPF_K, 2);
    p.add(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_X, 0);
    p.add(libc::BPF_MISC | libc::BPF_TAX, 0);
    p.go(Label::Transport);

    p.at(Label::Ipv6);
    p.needs(48);
    p.carries(6);
    p.branch(libc::BPF_JEQ, IPV6_FRAGMENT, Label::FragmentHeader, Label::Next);
    p.skip(40);
    p.go(Label::Transport);
    p.at(Label::FragmentHeader);
    p.carries(40);
    p.load(libc::BPF_H | libc::BPF_IND, 42);
    p.branch(libc::BPF_JSET, 0xfff8, Label::Fragment, Label::Next);
    p.skip(48);

    p.at(Label::Transport);
    p.add(libc::BPF_LD | libc::BPF_MEM, 0);
    p.branch(libc::BPF_JEQ, ESP, Label::Bulk, Label::Next);
    p.branch(libc::BPF_JEQ, UDP, Label::Udp, Label::Next);
    p.branch(libc::BPF_JEQ, TCP, Label::Tcp, Label::Telling);
    p.at(Label::Tcp);
    p.needs(14);
    p.load(libc::BPF_B | libc::BPF_IND, 13);
    p.branch(libc::BPF_JSET, OPENING_OR_CLOSING, Label::Telling, Label::Ports);
    p.at(Label::Udp);
    p.needs(4);
    p.at(Label::Ports);
    let ports: BTreeSet<u16> =
        PROTOCOLS.iter().flat_map(|protocol| protocol.reads).copied().collect();
    for end in [0, 2] {
        p.load(libc::BPF_H | libc::BPF_IND, end);
        for port in &ports {
            p.branch(libc::BPF_JEQ, (*port).into(), Label::Telling, Label::Next);
        }
    }
    p.go(Label::Bulk);

    // Only the first fragment says its ports.
    p.at(Label::Fragment);
    p.add(libc::BPF_LD | libc::BPF_MEM, 0);
    for protocol in [TCP, UDP, ESP] {
        p.branch(libc::BPF_JEQ, protocol, Label::Bulk, Label::Next);
    }
    p.at(Label::Telling);
    p.add(libc::BPF_RET | libc::BPF_K, telling);
    p.at(Label::Bulk);
    p.add(libc::BPF_RET | libc::BPF_K, bulk);
    program.resolved()
}

/// A program in the making: instructions whose jumps name labels, and where those are.
#[derive(Default)]
struct Program {
    instructions: Vec<(u32, u32, [Label; 2])>,
    labels: Vec<(Label, usize)>,
}

impl Program {
    fn at(&mut self, label: Label) {
        self.labels.push((label, self.instructions.len()));
    }

    fn add(&mut self, code: u32, k: u32) {
        self.instructions.push((code, k, [Label::Next; 2]));
    }

    fn load(&mut self, what: u32, k: u32) {
        self.add(libc::BPF_LD | what, k);
    }

    fn branch(&mut self, condition: u32, k: u32, yes: Label, no: Label) {
        self.instructions.push((libc::BPF_JMP | condition | libc::BPF_K, k, [yes, no]));
    }

    /// Jumps there: a comparison that always holds, so that one kind of jump will do.
    fn go(&mut self, label: Label) {
        self.branch(libc::BPF_JGE, 0, label, label);
    }

    /// The frame is telling unless there are so many bytes from X on.
    fn needs(&mut self, bytes: u32) {
        self.load(libc::BPF_W | libc::BPF_LEN, 0);
        self.instructions.push((
            libc::BPF_JMP | libc::BPF_JGE | libc::BPF_X,
            0,
            [Label::Next, Label::Telling],
        ));
        self.add(libc::BPF_ALU | libc::BPF_SUB | libc::BPF_X, 0);
        self.branch(libc::BPF_JGE, bytes, Label::Next, Label::Telling);
    }

    /// Notes what the header at X carries, which it says so many bytes later.
    fn carries(&mut self, offset: u32) {
        self.load(libc::BPF_B | libc::BPF_IND, offset);
        self.add(libc::BPF_ST, 0);
    }

    /// The next header is so many bytes after this one.
    fn skip(&mut self, bytes: u32) {
        self.add(libc::BPF_MISC | libc::BPF_TXA, 0);
        self.add(libc::BPF_ALU | libc::BPF_ADD | libc::BPF_K, bytes);
        self.add(libc::BPF_MISC | libc::BPF_TAX, 0);
    }

    fn resolved(self) -> Vec<libc::sock_filter> {
        let distance = |from: usize, label: Label| {
            let known = self.labels.iter().find(|(known, _)| *known == label);
            let to = known.map_or(from + 1, |(_, to)| *to);
            u8::try_from(to - from - 1).expect("the program is short, and only goes on")
        };
        let resolve = |(at, (code, k, [yes, no])): (usize, &(u32, u32, [Label; 2]))| {
            instruction(*code, *k, distance(at, *yes), distance(at, *no))
        };
        self.instructions.iter().enumerate().map(resolve).collect()
    }
}

fn instruction(code: u32, k: u32, jt: u8, jf: u8) -> libc::sock_filter {
    libc::sock_filter { code: code as u16, jt, jf, k }
}

#[cfg(all(test, feature = "cli"))]
mod tests {
    use super::*;
    use crate::packet::bpf::{Instruction, accepts};

    /// Whether a frame of Ethernet is bulk. What the kernel knows beside its bytes is put in front
    /// of them, and the program reads it there.
    fn is_bulk(frame: &[u8]) -> bool {
        let front = 8u32;
        let mut data = vec![0; 4];
        data[..4].copy_from_slice(&u32::from(libc::ARPHRD_ETHER).to_be_bytes());
        data.extend([0, 0]);
        data.extend(&frame[12..14]);
        data.extend(frame);
        let verdict = |take: Take| {
            let program: Vec<Instruction> = take
                .program()
                .iter()
                .map(|one| {
                    let mut one = Instruction { code: one.code, yes: one.jt, no: one.jf, k: one.k };
                    match one.k {
                        HARDWARE => one.k = 0,
                        PROTOCOL => one.k = 4,
                        14 if u32::from(one.code) == libc::BPF_LDX | libc::BPF_IMM => {
                            one.k += front
                        }
                        _ => {}
                    }
                    one
                })
                .collect();
            accepts(&program, &data, data.len() as u32)
        };
        let (telling, bulk) = (verdict(Take::Telling), verdict(Take::Bulk));
        assert_ne!(telling, bulk, "each frame belongs to one ring: {frame:?}");
        bulk
    }

    fn ethernet(kind: u16, rest: &[&[u8]]) -> Vec<u8> {
        [&[0; 12][..], &kind.to_be_bytes(), &rest.concat()].concat()
    }

    fn ipv4(protocol: u8, fragment: u16, words: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = vec![0; usize::from(words) * 4];
        header[0] = 0x40 | words;
        header[6..8].copy_from_slice(&fragment.to_be_bytes());
        header[9] = protocol;
        ethernet(0x0800, &[&header, payload])
    }

    fn ipv6(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut header = vec![0; 40];
        (header[0], header[6]) = (0x60, protocol);
        ethernet(0x86dd, &[&header, payload])
    }

    fn ports(source: u16, destination: u16) -> Vec<u8> {
        [source.to_be_bytes(), destination.to_be_bytes(), [0; 2], [0; 2]].concat()
    }

    fn tcp(port: u16, flags: u8) -> Vec<u8> {
        [ports(40000, port), vec![0; 5], vec![flags], vec![0; 6]].concat()
    }

    #[test]
    fn bulk_is_what_no_protocol_reads_and_each_frame_belongs_to_one_ring() {
        for (frame, bulk) in [
            (ipv4(17, 0, 5, &ports(40000, 5201)), true),
            (ipv4(17, 0, 15, &ports(40000, 5201)), true),
            (ipv4(17, 0x2000, 5, &ports(40000, 5201)), true),
            (ipv4(17, 0x2001, 5, &ports(68, 67)), true),
            (ipv4(17, 0, 15, &ports(68, 67)), false),
            (ipv4(17, 0, 5, &ports(53, 40000)), false),
            (ipv4(6, 0, 5, &tcp(5201, 0x10)), true),
            (ipv4(6, 0, 5, &tcp(53, 0x10)), false),
            (ipv4(6, 0, 5, &tcp(5201, 0x02)), false),
            (ipv4(6, 0, 5, &tcp(5201, 0x11)), false),
            (ipv4(6, 0, 5, &tcp(5201, 0x14)), false),
            (ipv4(50, 0, 5, &[0; 8]), true),
            (ipv4(1, 0, 5, &[8, 0, 0, 0]), false),
            (ipv4(1, 0x2001, 5, &[0; 8]), false),
            (ipv4(47, 0, 5, &[0; 8]), false),
            (ipv6(17, &ports(40000, 5201)), true),
            (ipv6(17, &ports(546, 547)), false),
            (ipv6(58, &[135, 0, 0, 0, 0, 0, 0, 0]), false),
            (ipv6(44, &[&[17, 0, 0, 1][..], &[0; 4], &ports(40000, 5201)].concat()), true),
            (ipv6(44, &[&[17, 0, 0, 9][..], &[0; 4], &[0; 8]].concat()), true),
            (ipv6(44, &[&[58, 0, 0, 9][..], &[0; 4], &[0; 8]].concat()), false),
            (ethernet(0x0806, &[&[0; 28]]), false),
            (ethernet(0x88b5, &[b"tagged"]), false),
        ] {
            assert_eq!(is_bulk(&frame), bulk, "{frame:?}");
            // However short it is, it is not lost.
            for end in 14..frame.len() {
                is_bulk(&frame[..end]);
            }
        }
        assert!(!is_bulk(&ipv4(6, 0, 5, &tcp(5201, 0x10))[..40]));
    }
}
