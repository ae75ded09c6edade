//! Lab files: reading, checking, finding.

pub mod check;
mod check_names;
mod check_path;
mod check_services;
mod check_tests;
pub mod decode;
pub mod file;
pub mod file_path;
pub mod file_tests;
pub mod find;
pub mod model;
mod model_path;
mod model_tests;
pub mod packets;
pub mod tree;
mod values;
pub mod vlan;
