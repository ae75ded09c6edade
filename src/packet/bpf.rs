//! Programs of the classic Berkeley packet filter (bpf(4)), which tcpdump compiles its filter
//! expressions to (pcap-filter(7)), and running them: over frames as they were on the wire, so that
//! a VLAN tag is where the program looks for it, and no right to attach a filter is needed.

use serde::{Deserialize, Serialize};

/// An instruction of the filter's machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

/// More instructions than any program needs for a frame of 64 KiB.
const STEPS: usize = 1 << 20;

/// Reads what `tcpdump -ddd` prints: the number of instructions, and each in decimal.
pub fn parse(text: &str) -> Option<Vec<Instruction>> {
    let mut lines = text.lines();
    let count: usize = lines.next()?.trim().parse().ok()?;
    let program: Option<Vec<Instruction>> = lines.map(instruction).collect();
    program.filter(|program| program.len() == count)
}

fn instruction(line: &str) -> Option<Instruction> {
    let mut numbers = line.split_whitespace().map(str::parse::<u32>);
    let mut next = || numbers.next()?.ok();
    Some(Instruction {
        code: next()?.try_into().ok()?,
        yes: next()?.try_into().ok()?,
        no: next()?.try_into().ok()?,
        k: next()?,
    })
}

/// Whether `program` accepts the frame that begins with `data` and was `length` long. A program
/// that reads past the frame's end rejects it, as in the kernel, and so does one that is broken.
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
