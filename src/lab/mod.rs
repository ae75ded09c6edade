//! Labs: the file as a whole, put together from topology, steps and rules, and which labs there
//! are.

pub mod check;
mod each;
mod file;
pub mod find;
mod load;
pub mod model;
pub mod params;
mod place;
pub(crate) mod repository;
pub mod schema;
pub(crate) mod tags;
