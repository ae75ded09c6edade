//! Which way the packets of a test must have gone.

pub mod check;
pub mod file;
pub mod filter;
pub mod inside;
pub mod model;
pub mod packets;
pub mod path;
mod told;
mod way;
