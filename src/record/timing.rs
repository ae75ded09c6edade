//! Where the time of a run went (`--timings`), by a clock that nobody sets.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What took time. The phases of a lab follow each other and, with what is left of it, add up to its
/// whole time; only services start side by side, within theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Phase {
    /// The lab files are read and checked, before any lab.
    Parse,
    /// The lab is compiled to its program.
    Plan,
    /// That starts, and looks at what the machine has.
    Start,
    /// The sandbox is made.
    Sandbox,
    /// Nodes and links are made.
    Topology,
    /// All services start.
    Services,
    /// One service, from its start until it is ready: part of the phase before.
    Service,
    /// A test begins, and its capture.
    Begin,
    /// A step.
    Step,
    /// The capture ends and is read.
    Capture,
    /// The packets are judged.
    Judging,
    /// The state of the lab is gathered for the artifacts.
    State,
    /// The lab is put back as set-up left it.
    Restoring,
    /// The lab is taken down.
    Clean,
    /// What is in no other: artifacts are written, say.
    Other,
}

/// How long a phase took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Timing {
    /// The lab's name, if it is about one.
    pub lab: Option<String>,
    /// LAB-NAME, if it is part of a test.
    pub test: Option<String>,
    /// What it is.
    pub phase: Phase,
    /// The service's name, or the number of the step and its kind.
    pub name: String,
    /// How long it took, in microseconds.
    pub us: u64,
}
