//! Which way the packets of a test must have gone.

pub mod check;
mod explain;
mod fields;
pub mod file;
pub mod inside;
pub mod judge;
pub mod kind;
pub mod model;
mod observations;
mod trace;
mod value;
