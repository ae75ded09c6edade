//! `labrun _net`: builds the network of a lab in one process, from the text that its script holds.
//!
//! The script can build it without labrun, too: the lines are those of `ip -batch`, mount(8) and
//! the like, and `apply` in scripts/topology.sh runs them as such. This does the same by system
//! calls, a process instead of several for each node; tests/net.rs holds the two against each
//! other.
//!
//! ```text
//! [settings of ns-a ns-b]             what these lines are for, and in which namespaces they are done
//! sysctl net/ipv4/ip_forward 1
//! sysctl ?net/ipv6/conf/all/forwarding 1        if the kernel has it
//! [links of global]                   `global` is the namespace of the sandbox itself
//! link add name br0 type bridge mcast_snooping 0
//! [mounts of global]
//! ? mount -t sysfs sysfs /sys         may fail; that it did is told on standard output
//! ```
//!
//! Lines of `qdisc` are the exception: tc(8) is run for them.
//!
//! Only what the planner and scripts/sandbox.sh write is understood; anything else is an error
//! before the first line is done. The exit status is [`REFUSED`] when the kernel refused a line, so
//! that a script can tell that from an agent that does not even start.

#[cfg(target_os = "linux")]
mod apply;
mod lines;
#[cfg(target_os = "linux")]
mod link;
#[cfg(target_os = "linux")]
pub(super) mod message;
#[cfg(target_os = "linux")]
mod mounts;
mod parse;
mod parse_link;
mod parse_route;
#[cfg(target_os = "linux")]
mod route;
#[cfg(target_os = "linux")]
pub(super) mod socket;

use std::io::{self, Read};

/// The exit status when something was wrong with a line.
pub const REFUSED: u8 = 4;

/// Does what standard input says; the exit status.
pub fn run() -> u8 {
    let mut text = String::new();
    let done = io::stdin()
        .read_to_string(&mut text)
        .map_err(|error| error.to_string())
        .and_then(|_| apply(&text));
    match done {
        Ok(()) => 0,
        Err(message) => {
            eprintln!("{message}");
            REFUSED
        }
    }
}

#[cfg(target_os = "linux")]
fn apply(text: &str) -> Result<(), String> {
    apply::apply(&parse::sections(text)?)
}

/// Everything can be read anywhere, so that mistakes show anywhere.
#[cfg(not(target_os = "linux"))]
fn apply(text: &str) -> Result<(), String> {
    parse::sections(text)?;
    Err("networks are built by a feature of Linux (rtnetlink(7))".into())
}
