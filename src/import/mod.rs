//! Labs that somebody's script builds with `ip netns`: what it has built, and the lab file that builds the same.

mod found;
mod services;
mod wiring;
pub mod write;
