//! From a checked lab to the bash program that brings it up.

mod devices;
pub mod kernel;
pub(crate) mod needs;
pub mod plan;
mod routes;
pub mod script;
mod wireguard;
