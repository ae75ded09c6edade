//! Real labs, each under a name of its own, so that they run side by side.

#[path = "../common/mod.rs"]
mod common;

mod action;
mod artifacts;
mod bench;
mod bounds;
mod bpf;
mod broken;
mod causes;
mod choosing;
mod cli;
mod completions;
#[cfg(target_os = "linux")]
mod device;
mod dhcplb;
mod docs;
mod doctor;
mod faults;
mod forged;
mod format;
mod http;
mod impair;
mod import;
mod init;
mod injection;
mod isolation;
mod links;
mod man;
mod negative;
mod net;
mod path;
mod readiness;
mod recipes;
mod reporting;
mod restart;
#[cfg(target_os = "linux")]
mod security;
mod show;
mod subject;
mod sudo;
mod tried;
mod tutorial;
#[cfg(target_os = "linux")]
mod uplink;
mod vm;
mod vocabulary;
mod watch;
