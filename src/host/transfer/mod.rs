//! Files and programs on their way to a host.

mod agent;
mod chunks;
pub(crate) mod files;
pub(crate) mod link;
mod program;
pub(crate) mod sync;
