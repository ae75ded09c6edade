//! What a lab is wired from: nodes, links, services, the program under test.

pub mod check;
pub mod check_names;
pub mod check_services;
pub mod file;
pub mod file_services;
pub mod index;
pub mod layout;
pub mod model;
pub mod places;
pub mod vlan;
