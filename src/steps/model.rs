//! The steps of a test, as they are written and as they are run.

use super::StepKind;

/// A step and where it stands.
#[derive(Clone, Debug)]
pub struct Step {
    /// Line of the lab file.
    pub line: u64,
    /// What it does.
    pub kind: StepKind,
}
