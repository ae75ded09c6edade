//! What a lab is wired from: nodes, links, services, the program under test.

pub(crate) mod check;
mod check_names;
pub(crate) mod check_services;
pub(crate) mod fields;
pub(crate) mod file;
pub(crate) mod file_services;
pub mod index;
pub(crate) mod layout;
pub mod model;
pub(crate) mod places;
mod vlan;
