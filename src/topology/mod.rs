//! What a lab is wired from: nodes, links, services, the program under test.

pub mod check_names;
pub mod check_services;
pub mod layout;
pub mod model;
pub mod places;
pub mod vlan;
