//! What a run was, and what happens while it goes.

pub mod artifacts;
pub mod durations;
pub mod event;
pub mod partition;
pub mod recorder;
pub mod result;
pub mod run;

use std::time::Duration;

fn milliseconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_millis() as u64)
}
