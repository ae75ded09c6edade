//! tcpdump's filter expressions (pcap-filter(7)), compiled by tcpdump itself to a program of the classic
//! Berkeley packet filter (bpf(4)), and run here: over frames as they were on the wire, so that a VLAN
//! tag is where the program looks for it, and no right to attach a filter is needed.

use crate::error::Failure;
use crate::process;
use anyhow::{Result, anyhow};

/// An instruction of the filter's machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What it does.
    pub code: u16,
    /// How many instructions a jump skips if its condition holds.
    pub yes: u8,
    /// And if it does not.
    pub no: u8,
    /// Its operand.
    pub k: u32,
}

/// A pcap file of Ethernet frames that has none: what tcpdump compiles for.
const EMPTY: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1];

/// More instructions than any program needs for a frame of 64 KiB.
const STEPS: usize = 1 << 20;

/// Compiles `expression`.
///
/// # Errors
/// If there is no tcpdump, or it does not understand the expression: then its own words.
pub fn compile(expression: &str) -> Result<Vec<Instruction>> {
    if which::which("tcpdump").is_err() {
        return Err(Failure::machine("a filter is compiled by tcpdump, which is not here: install the package tcpdump").into());
    }
    let empty: Vec<u8> = EMPTY.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let output = process::output(&["tcpdump", "-ddd", "-r", "-", "--", expression], empty)?;
    let words = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let reason = words.lines().filter_map(|line| line.strip_prefix("tcpdump: ")).next_back().unwrap_or("no reason given");
        return Err(Failure::usage(format!("`{expression}` is no filter: {reason} (see pcap-filter(7))")).into());
    }
    parse(&String::from_utf8_lossy(&output.stdout)).ok_or_else(|| anyhow!("tcpdump -ddd printed no program for `{expression}`"))
}

/// What `tcpdump -ddd` prints: the number of instructions, and each in decimal.
fn parse(text: &str) -> Option<Vec<Instruction>> {
    let mut lines = text.lines();
    let count: usize = lines.next()?.trim().parse().ok()?;
    let program: Option<Vec<Instruction>> = lines.map(instruction).collect();
    program.filter(|program| program.len() == count)
}

fn instruction(line: &str) -> Option<Instruction> {
    let mut numbers = line.split_whitespace().map(str::parse::<u32>);
    let mut next = || numbers.next()?.ok();
    Some(Instruction { code: next()?.try_into().ok()?, yes: next()?.try_into().ok()?, no: next()?.try_into().ok()?, k: next()? })
}

/// Whether `program` accepts the frame that begins with `data` and was `length` long. A program that
/// reads behind the frame's end rejects it, as in the kernel, and so does one that is broken.
pub fn accepts(program: &[Instruction], data: &[u8], length: u32) -> bool {
    run(program, data, length).is_some_and(|bytes| bytes > 0)
}

fn run(program: &[Instruction], data: &[u8], length: u32) -> Option<u32> {
    let load = |at: u32, size: u16| {
        let bytes = data.get(at as usize..)?;
        match size {
            0x00 => Some(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?)),
            0x08 => Some(u32::from(u16::from_be_bytes(bytes.get(..2)?.try_into().ok()?))),
            _ => Some(u32::from(*bytes.first()?)),
        }
    };
    let (mut a, mut x, mut memory) = (0u32, 0u32, [0u32; 16]);
    let mut at = 0usize;
    // `protochain` jumps backwards, so a program may be longer than it is, but never without end.
    for _ in 0..STEPS {
        let Instruction { code, yes, no, k } = *program.get(at)?;
        at += 1;
        // The lowest three bits are the class, then come size and mode, or operation and source.
        let source = if code & 0x08 == 0 { k } else { x };
        match code & 0x07 {
            class @ (0x00 | 0x01) => {
                let value = match code & 0xe0 {
                    0x00 => k,
                    0x20 => load(k, code & 0x18)?,
                    0x40 => load(x.checked_add(k)?, code & 0x18)?,
                    0x60 => *memory.get(k as usize)?,
                    0x80 => length,
                    // The length of an IPv4 header, in one instruction.
                    0xa0 => (load(k, 0x10)? & 0x0f) << 2,
                    _ => return None,
                };
                *(if class == 0 { &mut a } else { &mut x }) = value;
            }
            0x02 => *memory.get_mut(k as usize)? = a,
            0x03 => *memory.get_mut(k as usize)? = x,
            0x04 => {
                a = match code & 0xf0 {
                    0x00 => a.wrapping_add(source),
                    0x10 => a.wrapping_sub(source),
                    0x20 => a.wrapping_mul(source),
                    0x30 => a.checked_div(source)?,
                    0x40 => a | source,
                    0x50 => a & source,
                    0x60 => a.checked_shl(source).unwrap_or(0),
                    0x70 => a.checked_shr(source).unwrap_or(0),
                    0x80 => a.wrapping_neg(),
                    0x90 => a.checked_rem(source)?,
                    0xa0 => a ^ source,
                    _ => return None,
                }
            }
            0x05 => {
                let holds = match code & 0xf0 {
                    0x00 => {
                        at = at.checked_add_signed(k.cast_signed() as isize)?;
                        continue;
                    }
                    0x10 => a == source,
                    0x20 => a > source,
                    0x30 => a >= source,
                    0x40 => a & source != 0,
                    _ => return None,
                };
                at += usize::from(if holds { yes } else { no });
            }
            0x06 => return Some(if code & 0x18 == 0x10 { a } else { k }),
            _ if code & 0xf8 == 0 => x = a,
            _ => a = x,
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv4 datagram from port 68 to port 67, in VLAN 7 if `tagged`.
    fn frame(tagged: bool) -> Vec<u8> {
        let mut frame = vec![0; 12];
        if tagged {
            frame.extend([0x81, 0, 0, 7]);
        }
        frame.extend([8, 0, 0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 68, 0, 67, 0, 12, 0, 0, 1, 2, 3, 4]);
        frame
    }

    #[test]
    fn expressions_accept_what_tcpdump_says() {
        if which::which("tcpdump").is_err() {
            eprintln!("SKIP expressions_accept_what_tcpdump_says: no tcpdump");
            return;
        }
        for (expression, plain, tagged) in [
            ("udp port 67", true, false),
            ("udp src port 67", false, false),
            ("vlan 7 and udp", false, true),
            ("vlan 8", false, false),
            ("src net 10.0.0.0/24 and not tcp", true, false),
            ("udp[8] == 1 and len < 50", true, false),
            ("ip6 or arp", false, false),
            ("greater 60", false, false),
            ("ether[12:2] >> 8 == 8", true, false),
        ] {
            let program = compile(expression).unwrap();
            for (frame, wanted) in [(frame(false), plain), (frame(true), tagged)] {
                assert_eq!(accepts(&program, &frame, frame.len() as u32), wanted, "{expression}: {frame:?}");
                assert!(!accepts(&program, &[], 0) || expression.contains("len"), "{expression}");
            }
        }
    }

    #[test]
    fn an_expression_that_is_none_is_refused_in_tcpdumps_words() {
        if which::which("tcpdump").is_ok() {
            let error = compile("udp prot 67").unwrap_err().to_string();
            assert!(error.starts_with("`udp prot 67` is no filter: ") && error.contains("syntax error"), "{error}");
        }
    }

    #[test]
    fn a_broken_program_accepts_nothing_and_ends() {
        for code in 0..=u16::from(u8::MAX) {
            let instruction = Instruction { code, yes: 0, no: 0, k: u32::MAX };
            run(&[instruction; 3], &[1; 64], 64);
        }
        assert!(!accepts(&[], &[], 0));
        assert_eq!(parse("2\n6 0 0 1\n"), None);
        assert_eq!(parse(""), None);
    }
}
