//! Packets: captured, read, taken apart, named.

#[cfg(feature = "cli")]
pub mod bpf;
pub mod capture;
pub mod decode;
pub mod dhcp4;
pub mod dhcp6;
pub mod frame;
pub mod message;
pub mod pcap;
pub mod pcapng;
mod transport;
