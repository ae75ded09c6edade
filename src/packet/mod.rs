//! Packets: captured, read, taken apart, named.

pub mod bpf;
pub mod capture;
pub mod decode;
pub mod dhcp4;
pub mod dhcp6;
pub mod frame;
pub mod message;
pub mod pcap;
pub mod pcapng;
pub mod server_id;
mod transport;
