//! labrun builds network-service test labs from namespaces, runs real daemons and real clients in
//! them, and leaves nothing behind. ARCHITECTURE.md says what each module is for and how they stand
//! on each other.

// Without the feature `cli` this is what the agent is made of, and depends on little. Parts of it,
// such as the reading of steps, only labrun calls.
#![cfg_attr(not(feature = "cli"), allow(dead_code, unused_imports))]
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
pub mod event;
#[cfg(feature = "cli")]
mod fs;
#[cfg(feature = "cli")]
pub mod graph;
#[cfg(feature = "cli")]
pub mod host;
#[cfg(feature = "cli")]
pub mod import;
#[cfg(feature = "cli")]
pub mod interrupt;
#[cfg(feature = "cli")]
pub mod lab;
pub mod packet;
mod pipe;
#[cfg(feature = "cli")]
mod process;
#[cfg(feature = "cli")]
mod prompt;
pub mod quote;
#[cfg(feature = "cli")]
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
pub mod starter;
pub mod steps;
pub mod text;
pub mod topology;
#[cfg(feature = "cli")]
pub mod verbs;
pub mod yaml;
