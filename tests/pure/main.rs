//! What needs no lab: golden files, properties, parsing, judging, reports.

#[path = "../common/mod.rs"]
mod common;
mod runs;

mod book;
mod browser;
mod check;
mod compile;
mod decode;
mod dhcp;
mod each;
mod exchange;
mod formula;
mod graph;
mod hostile;
mod import;
mod judged;
mod ladder;
mod leases;
mod page;
mod pcapng;
mod properties;
mod reference;
mod reports;
mod schema;
mod starter;
mod verdicts;
mod vocabulary;
