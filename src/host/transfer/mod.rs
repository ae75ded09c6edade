//! Files and programs on their way to a host.

pub mod capturer;
pub mod chunks;
pub mod files;
pub mod link;
pub mod program;
pub mod sync;
