//! What the evidence of a test tells, on any platform.

pub mod detail;
pub mod difference;
pub mod ladder;
pub mod ladder_svg;
mod ladder_text;
mod messages;

use crate::packet::capture::Capture;
use ladder::{Extent, Ladder};

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
