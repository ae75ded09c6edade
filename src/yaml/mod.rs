//! Reading YAML with a place for every value, and every mistake of a file at once.

pub mod decode;
pub mod diagnostic;
mod fields;
pub(crate) mod outline;
// The agent reads no lab file.
#[cfg(feature = "cli")]
pub mod parse;
pub mod tree;
pub(crate) mod values;
