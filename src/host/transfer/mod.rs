//! Files and programs on their way to a host.

mod agent;
mod chunks;
mod consent;
pub(crate) mod files;
pub(crate) mod link;
mod program;
mod scope;
pub(crate) mod sync;
