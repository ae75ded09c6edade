//! From a checked lab to the bash program that brings it up.

mod devices;
pub(crate) mod needs;
pub mod plan;
mod routes;
pub mod script;
