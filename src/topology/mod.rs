//! What a lab is wired from: nodes, links, services, the program under test.

pub(crate) mod check;
mod check_device;
mod check_files;
mod check_names;
mod check_routes;
pub(crate) mod check_services;
mod check_tunnel;
pub mod device;
pub(crate) mod fields;
pub(crate) mod file;
mod file_device;
mod file_routes;
pub(crate) mod file_services;
pub mod impair;
pub mod index;
pub(crate) mod layout;
pub(crate) mod lent;
pub mod model;
pub(crate) mod places;
pub(crate) mod uplink;
mod vlan;
pub mod wants;
mod wireguard;
