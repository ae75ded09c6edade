//! Reading YAML with a place for every value, and every mistake of a file at once.

pub mod decode;
pub(crate) mod diagnostic;
// The agent reads no lab file.
#[cfg(feature = "cli")]
pub(crate) mod parse;
pub(crate) mod tree;
pub(crate) mod values;
