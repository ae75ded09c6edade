//! Lab files: reading, checking, finding.

pub mod check;
mod check_names;
mod check_services;
mod check_tests;
pub mod decode;
pub mod file;
pub mod file_tests;
pub mod find;
pub mod model;
mod model_tests;
pub mod tree;
mod values;
pub mod vlan;
