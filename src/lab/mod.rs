//! Labs: the file as a whole, put together from topology, steps and rules, and which labs there are.

pub mod check;
pub mod file;
pub mod find;
pub mod model;
pub mod repository;
