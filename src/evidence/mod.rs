//! What a test leaves behind: packets, outputs, states. Read and judged here, on any platform.

pub mod artifacts;
pub mod ladder;
pub mod packet;

use packet::Capture;

/// Everything known of one test beside its verdict.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The packets of the test; `None` if they could not be captured.
    pub capture: Option<Capture>,
    /// Outputs and states, each with its path in the test's folder of artifacts.
    pub files: Vec<(String, Vec<u8>)>,
}
