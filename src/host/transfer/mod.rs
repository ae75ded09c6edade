//! Files and programs on their way to a host.

pub mod agent;
pub mod chunks;
pub mod files;
pub mod link;
pub mod program;
pub mod sync;
