//! Reading YAML with a place for every value, and every mistake of a file at once.

pub mod decode;
pub mod problem;
pub mod tree;
pub mod values;
