//! labrun builds network-service test labs from namespaces, runs real daemons and real clients in
//! them, and leaves nothing behind. ARCHITECTURE.md says what each module is for and how they stand
//! on each other.

// Without the feature `cli` this is what the agent is made of, and depends on little.

// Elsewhere nothing is left of it: main.rs says why.
#![cfg(unix)]

pub mod agent;
#[cfg(feature = "cli")]
pub mod analysis;
#[cfg(feature = "cli")]
pub mod cli;
#[cfg(feature = "cli")]
pub mod compile;
pub mod error;
#[cfg(feature = "cli")]
pub mod event;
mod fs;
#[cfg(feature = "cli")]
pub mod graph;
#[cfg(feature = "cli")]
pub mod host;
#[cfg(feature = "cli")]
pub mod interrupt;
#[cfg(feature = "cli")]
pub mod lab;
pub mod packet;
mod process;
#[cfg(feature = "cli")]
pub mod quote;
pub mod record;
#[cfg(feature = "cli")]
pub mod report;
#[cfg(feature = "cli")]
pub mod rules;
#[cfg(feature = "cli")]
pub mod run;
#[cfg(target_os = "linux")]
mod sandbox;
#[cfg(feature = "cli")]
pub mod steps;
#[cfg(feature = "cli")]
pub mod text;
#[cfg(feature = "cli")]
pub mod topology;
#[cfg(feature = "cli")]
pub mod verbs;
#[cfg(feature = "cli")]
pub mod yaml;
