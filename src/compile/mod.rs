//! From a checked lab to the bash program that brings it up.

pub mod needs;
pub mod plan;
pub mod script;
