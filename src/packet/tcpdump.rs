//! Filter expressions of tcpdump (pcap-filter(7)), compiled by tcpdump itself: labrun takes what
//! tcpdump takes.

use crate::error::Failure;
use crate::packet::bpf::{Instruction, parse};
use crate::process;
use anyhow::{Result, anyhow};

/// A pcap file of Ethernet frames that has none: what tcpdump compiles for.
const EMPTY: [u32; 6] = [0xa1b2_c3d4, 0x0004_0002, 0, 0, 262_144, 1];

/// Compiles `expression`.
///
/// # Errors
/// If there is no tcpdump, or it does not understand the expression: then its own words.
pub fn compile(expression: &str) -> Result<Vec<Instruction>> {
    if which::which("tcpdump").is_err() {
        return Err(Failure::machine(
            "a filter is compiled by tcpdump, which is not here: install the package tcpdump",
        )
        .into());
    }
    let empty: Vec<u8> = EMPTY.iter().flat_map(|word| word.to_ne_bytes()).collect();
    let output = process::output(&["tcpdump", "-ddd", "-r", "-", "--", expression], empty)?;
    let words = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        let reason = words
            .lines()
            .filter_map(|line| line.strip_prefix("tcpdump: "))
            .next_back()
            .unwrap_or("no reason given");
        return Err(Failure::usage(format!(
            "`{expression}` is not a filter: {reason} (see pcap-filter(7))"
        ))
        .into());
    }
    parse(&String::from_utf8_lossy(&output.stdout))
        .ok_or_else(|| anyhow!("tcpdump -ddd printed no program for `{expression}`"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::bpf::accepts;

    /// An IPv4 datagram from port 68 to port 67, in VLAN 7 if `tagged`.
    fn frame(tagged: bool) -> Vec<u8> {
        let mut frame = vec![0; 12];
        if tagged {
            frame.extend([0x81, 0, 0, 7]);
        }
        frame.extend([
            8, 0, 0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0, 68, 0, 67,
            0, 12, 0, 0, 1, 2, 3, 4,
        ]);
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
                assert_eq!(
                    accepts(&program, &frame, frame.len() as u32),
                    wanted,
                    "{expression}: {frame:?}"
                );
                assert!(!accepts(&program, &[], 0) || expression.contains("len"), "{expression}");
            }
        }
    }

    #[test]
    fn an_expression_that_is_none_is_refused_in_tcpdumps_words() {
        if which::which("tcpdump").is_ok() {
            let error = compile("udp prot 67").unwrap_err().to_string();
            assert!(
                error.starts_with("`udp prot 67` is not a filter: ")
                    && error.contains("syntax error"),
                "{error}"
            );
        }
    }
}
