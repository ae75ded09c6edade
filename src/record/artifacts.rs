//! Of which tests something is kept, and where.

use crate::host::transfer::sync;
use crate::record::result::Outcome;
use std::path::PathBuf;

/// The folder of all artifacts, if no other is named: one that is never copied to a host.
pub const FOLDER: &str = sync::ARTIFACTS;

/// Of which tests artifacts are kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum When {
    /// Of every test that was run.
    Always,
    /// Of those that failed, and of labs that could not be set up.
    #[default]
    OnFailure,
    /// Of none.
    Never,
}

/// Of which tests artifacts are kept, and where.
#[derive(Clone, Debug)]
pub struct Artifacts {
    /// Of which.
    pub when: When,
    /// Where; each test has a folder of its own in it.
    pub folder: PathBuf,
}

impl Artifacts {
    /// Whether those of a test that ended so are kept.
    pub fn keeps(&self, outcome: Outcome) -> bool {
        match (self.when, outcome) {
            (When::Never, _) | (_, Outcome::Skip) => false,
            (When::Always, _) => true,
            // Of a flaky test the attempts that failed are kept, each by itself.
            (When::OnFailure, outcome) => outcome.is_bad(),
        }
    }
}
