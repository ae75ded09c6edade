//! Packets: captured, read, taken apart, named.
//!
//! A protocol is a file with a [`Protocol`](protocol::Protocol) and a line in [`PROTOCOLS`];
//! nothing else knows it. What rules and ladders make of packets they find out from the table.

mod arp;
mod bfd;
pub mod bpf;
pub mod bytes;
pub mod capture;
pub mod dhcp4;
pub mod dhcp6;
mod dns;
mod eapol;
pub mod ethernet;
pub mod frame;
mod gre;
pub(crate) mod headers;
mod icmp;
mod icmp6;
mod igmp;
mod ip;
mod ospf;
pub(crate) mod pcap;
pub mod pcapng;
mod pim;
mod plain;
mod pppoe;
pub mod protocol;
pub mod server_id;
mod stp;
pub mod summary;
mod tcp;
#[cfg(feature = "cli")]
pub mod tcpdump;
mod tftp;
mod tunnel;
mod udp;
mod vrrp;
mod vxlan;

use protocol::Protocol;

/// All protocols that lab files can name, those that are carried before those that carry them.
pub static PROTOCOLS: &[&Protocol] = &[
    &dhcp4::DHCP4,
    &dhcp6::DHCP6,
    &dns::DNS,
    &bfd::BFD,
    &tftp::TFTP,
    &vxlan::VXLAN,
    &gre::GRE,
    &icmp::ICMP,
    &icmp6::ICMP6,
    &igmp::IGMP,
    &vrrp::VRRP,
    &ospf::OSPF,
    &pim::PIM,
    &arp::ARP,
    &stp::STP,
    &eapol::EAPOL,
    &pppoe::PPPOE,
    &tcp::TCP,
    &udp::UDP,
    &ip::IP,
    &ip::IP6,
];
