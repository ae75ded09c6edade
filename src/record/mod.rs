//! What a run was.

pub mod durations;
pub mod partition;
pub mod run;
