//! Which way the packets of a test must have gone.

pub(crate) mod check;
mod explain;
mod fields;
pub(crate) mod file;
pub(crate) mod inside;
pub mod judge;
pub mod kind;
pub(crate) mod model;
pub(crate) mod observations;
pub mod said;
mod trace;
mod value;
