//! Labs that others have: what somebody's script has built with `ip netns`, or what a topology file of another tool
//! describes, and the lab file that builds the same.

mod commands;
mod container;
mod containerlab;
mod devices;
mod found;
mod services;
mod tinet;
pub mod topology;
pub mod translate;
mod trials;
mod wiring;
mod words;
pub mod write;
