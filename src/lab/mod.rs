//! Lab files: reading, checking, finding.

pub mod check;
mod check_tests;
pub mod decode;
pub mod file;
pub mod file_tests;
pub mod find;
pub mod model;
pub mod tree;
mod values;
