//! What a test leaves behind: packets, outputs, states. Read and judged here, on any platform.

pub mod artifacts;
pub mod bpf;
#[cfg(target_os = "linux")]
pub mod capturer;
pub mod decode;
pub mod dhcp4;
pub mod dhcp6;
pub mod filter;
pub mod frame;
pub mod ladder;
mod ladder_svg;
mod ladder_text;
pub mod message;
pub mod packet;
pub mod path;
pub mod pcap;
pub mod pcapng;
pub mod places;
#[cfg(target_os = "linux")]
pub mod ring;
#[cfg(target_os = "linux")]
pub mod ring_frame;
mod told;
mod transport;
mod way;

use ladder::{Extent, Ladder};
use packet::Capture;

/// Everything known of one test beside its verdict.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The packets of the test; `None` if they could not be captured.
    pub capture: Option<Capture>,
    /// Why they could not be captured.
    pub no_capture: Option<String>,
    /// Who sent what to whom by these packets.
    pub ladder: Option<Ladder>,
    /// How much of the ladder is to be shown with the result, if any.
    pub shown: Option<Extent>,
    /// Outputs and states, each with its path in the test's folder of artifacts.
    pub files: Vec<(String, Vec<u8>)>,
}

impl Evidence {
    /// The ladder that is shown with the result, and how much of it.
    pub fn shown(&self) -> Option<(&Ladder, Extent)> {
        self.ladder.as_ref().zip(self.shown)
    }
}
