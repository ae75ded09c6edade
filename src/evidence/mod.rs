//! What a test leaves behind: packets, outputs, states. Read and judged here, on any platform.

pub mod bpf;
pub mod decode;
pub mod dhcp4;
pub mod dhcp6;
pub mod filter;
pub mod frame;
pub mod ladder;
pub mod message;
pub mod packet;
pub mod path;
pub mod places;
mod told;

use packet::Capture;

/// Everything known of one test beside its verdict.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The packets of the test; `None` if they could not be captured.
    pub capture: Option<Capture>,
    /// Outputs and states, each with its path in the test's folder of artifacts.
    pub files: Vec<(String, Vec<u8>)>,
}
