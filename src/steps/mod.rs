//! What a test does, step by step.

pub mod check;
pub mod file;
pub mod judge;
pub mod lease;
pub mod model;
