//! labrun builds network-service test labs from namespaces, runs real daemons and real clients in
//! them, and leaves nothing behind.
//!
//! ```text
//! arguments ─► lab file ─► checked lab ─► plan ─► script ─► host ─► events ─► evidence ─► report
//!    cli       lab/file     lab/model     plan    script    host    event   run, evidence  report
//! ```
//!
//! Everything left of the host is pure. The script is the contract: the same bytes run wherever
//! there is a Linux with bash, with or without labrun.

// Elsewhere nothing is left of it: main.rs says why.
#![cfg(unix)]

pub mod agent;
pub mod analysis;
pub mod cli;
pub mod compile;
pub mod error;
pub mod event;
pub mod fs;
pub mod graph;
pub mod host;
pub mod interrupt;
pub mod lab;
pub mod packet;
pub mod process;
pub mod record;
pub mod report;
pub mod rules;
pub mod run;
pub mod steps;
pub mod text;
pub mod topology;
pub mod verbs;
pub mod yaml;
