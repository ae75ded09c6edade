//! What a run was, and what happens while it goes.

pub(crate) mod artifacts;
pub mod durations;
pub(crate) mod engine;
pub mod event;
pub mod failures;
pub(crate) mod recorder;
pub mod result;
pub mod run;
pub(crate) mod shard;
pub(crate) mod shuffle;
pub mod timing;

use std::time::Duration;

fn milliseconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_millis() as u64)
}
