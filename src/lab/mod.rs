//! Lab files: reading, checking, finding.

pub mod check;
pub mod file;
pub mod find;
