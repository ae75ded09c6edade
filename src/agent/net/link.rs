//! Links and addresses as requests, with the very fields that ip(8) fills in.

use super::lines::{End, Gre, Kind, Link, Set, Switch, Vxlan};
use super::message::Message;
use super::socket::Socket;
use ipnet::IpNet;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::fd::AsRawFd;

/// Numbers that the C library's headers, and so the crate, lack (linux/if_link.h, linux/veth.h).
const IFLA_BOND_MODE: u16 = 1;
const IFLA_BOND_MIIMON: u16 = 3;
const IFLA_BR_FORWARD_DELAY: u16 = 1;
const IFLA_BR_STP_STATE: u16 = 5;
const IFLA_BR_PRIORITY: u16 = 6;
const IFLA_BR_VLAN_FILTERING: u16 = 7;
const IFLA_BR_MCAST_SNOOPING: u16 = 23;
const IFLA_BR_MCAST_QUERIER: u16 = 25;
const IFLA_INFO_SLAVE_KIND: u16 = 4;
const IFLA_INFO_SLAVE_DATA: u16 = 5;
const IFLA_BRPORT_LEARNING: u16 = 8;
const IFLA_BRPORT_ISOLATED: u16 = 33;
const IFLA_BRPORT_LOCKED: u16 = 39;
const IFLA_VLAN_ID: u16 = 1;
const IFLA_VRF_TABLE: u16 = 1;
const IFLA_IPVLAN_MODE: u16 = 1;
const IFLA_MACVLAN_MODE: u16 = 1;
const IFLA_VXLAN_ID: u16 = 1;
const IFLA_VXLAN_GROUP: u16 = 2;
const IFLA_VXLAN_LINK: u16 = 3;
const IFLA_VXLAN_LOCAL: u16 = 4;
const IFLA_VXLAN_PORT: u16 = 15;
const IFLA_VXLAN_GROUP6: u16 = 16;
const IFLA_VXLAN_LOCAL6: u16 = 17;
/// linux/if_tunnel.h
const IFLA_GRE_IFLAGS: u16 = 2;
const IFLA_GRE_OFLAGS: u16 = 3;
const IFLA_GRE_IKEY: u16 = 4;
const IFLA_GRE_OKEY: u16 = 5;
const IFLA_GRE_LOCAL: u16 = 6;
const IFLA_GRE_REMOTE: u16 = 7;
const GRE_KEY: u16 = 0x2000;
const VETH_INFO_PEER: u16 = 1;

const NEW: i32 = libc::NLM_F_CREATE | libc::NLM_F_EXCL;

pub fn add(socket: &mut Socket, link: &Link) -> Result<(), String> {
    // Open until the kernel has answered: it knows a namespace by a descriptor of ours.
    let (mut own, mut peers) = (None, None);
    let mut message = Message::new(libc::RTM_NEWLINK, NEW);
    message.link(0, link.up);
    end(&mut message, &link.end, &mut own)?;
    if let Some(master) = link.master {
        message.number(libc::IFLA_MASTER, socket.index(master)?);
    }
    if let Some(parent) = link.parent {
        message.number(libc::IFLA_LINK, socket.index(parent)?);
    }
    let way = match &link.kind {
        Kind::Vxlan(Vxlan { dev: Some(dev), .. }) => Some(socket.index(dev)?),
        _ => None,
    };
    let mut made = Ok(());
    message.nested(libc::IFLA_LINKINFO, |message| {
        let (name, is_told) = match &link.kind {
            Kind::Bond { .. } => ("bond", true),
            Kind::Bridge(_) => ("bridge", true),
            Kind::Dummy => ("dummy", false),
            Kind::Gre(_) => ("gre", true),
            Kind::Ipvlan { .. } => ("ipvlan", true),
            Kind::Macvlan { .. } => ("macvlan", true),
            Kind::Vxlan(_) => ("vxlan", true),
            Kind::Wireguard => ("wireguard", false),
            Kind::Veth { .. } => ("veth", true),
            Kind::Vlan { .. } => ("vlan", true),
            Kind::Vrf { .. } => ("vrf", true),
        };
        message.bytes(libc::IFLA_INFO_KIND, name.as_bytes());
        if is_told {
            message.nested(libc::IFLA_INFO_DATA, |message| match &link.kind {
                Kind::Bond { mode, miimon } => {
                    message.bytes(IFLA_BOND_MODE, &[*mode]);
                    message.number(IFLA_BOND_MIIMON, *miimon);
                }
                Kind::Bridge(switch) => bridge(message, switch),
                Kind::Dummy | Kind::Wireguard => {}
                Kind::Gre(gre) => self::gre(message, gre),
                Kind::Ipvlan { mode } => message.bytes(IFLA_IPVLAN_MODE, &mode.to_ne_bytes()),
                Kind::Macvlan { mode } => message.number(IFLA_MACVLAN_MODE, *mode),
                Kind::Vxlan(vxlan) => self::vxlan(message, vxlan, way),
                Kind::Veth { peer } => message.nested(VETH_INFO_PEER, |message| {
                    message.link(0, false);
                    made = end(message, peer, &mut peers);
                }),
                Kind::Vlan { id } => message.bytes(IFLA_VLAN_ID, &id.to_ne_bytes()),
                Kind::Vrf { table } => message.number(IFLA_VRF_TABLE, *table),
            });
        }
    });
    made?;
    socket.request(message)
}

fn bridge(message: &mut Message, switch: &Switch) {
    let mut bytes = |kind, value: Option<u8>| {
        if let Some(value) = value {
            message.bytes(kind, &[value]);
        }
    };
    bytes(IFLA_BR_MCAST_SNOOPING, switch.snooping);
    bytes(IFLA_BR_MCAST_QUERIER, switch.querier);
    bytes(IFLA_BR_VLAN_FILTERING, switch.vlan_filtering);
    if let Some(priority) = switch.priority {
        message.bytes(IFLA_BR_PRIORITY, &priority.to_ne_bytes());
    }
    let numbers = [(IFLA_BR_STP_STATE, switch.stp), (IFLA_BR_FORWARD_DELAY, switch.forward_delay)];
    for (kind, value) in numbers {
        if let Some(value) = value {
            message.number(kind, value);
        }
    }
}

fn gre(message: &mut Message, gre: &Gre) {
    for (kind, address) in [(IFLA_GRE_LOCAL, gre.local), (IFLA_GRE_REMOTE, gre.remote)] {
        if let Some(address) = address {
            message.ip(kind, address.into());
        }
    }
    if let Some(key) = gre.key {
        for (flags, kind) in [(IFLA_GRE_IFLAGS, IFLA_GRE_IKEY), (IFLA_GRE_OFLAGS, IFLA_GRE_OKEY)] {
            message.bytes(flags, &GRE_KEY.to_be_bytes());
            message.bytes(kind, &key.to_be_bytes());
        }
    }
}

/// `way` is the link that it is sent by.
fn vxlan(message: &mut Message, vxlan: &Vxlan, way: Option<u32>) {
    message.number(IFLA_VXLAN_ID, vxlan.id);
    message.bytes(IFLA_VXLAN_PORT, &vxlan.port.to_be_bytes());
    let ends = [
        (vxlan.local, IFLA_VXLAN_LOCAL, IFLA_VXLAN_LOCAL6),
        (vxlan.remote, IFLA_VXLAN_GROUP, IFLA_VXLAN_GROUP6),
    ];
    for (address, v4, v6) in ends {
        if let Some(address) = address {
            message.ip(if address.is_ipv4() { v4 } else { v6 }, address);
        }
    }
    if let Some(way) = way {
        message.number(IFLA_VXLAN_LINK, way);
    }
}

fn end(message: &mut Message, end: &End, namespace: &mut Option<File>) -> Result<(), String> {
    message.name(libc::IFLA_IFNAME, end.name);
    if let Some(mtu) = end.mtu {
        message.number(libc::IFLA_MTU, mtu);
    }
    if let Some(mac) = end.mac {
        message.bytes(libc::IFLA_ADDRESS, &mac);
    }
    if let Some(name) = end.netns {
        let file = File::open(super::apply::path(name))
            .map_err(|_| format!("there is no namespace {name}"))?;
        message.number(libc::IFLA_NET_NS_FD, file.as_raw_fd() as u32);
        *namespace = Some(file);
    }
    Ok(())
}

pub fn set(socket: &mut Socket, set: &Set) -> Result<(), String> {
    let mut message = Message::new(libc::RTM_NEWLINK, 0);
    message.link(socket.index(set.link)?, set.up);
    if let Some(mtu) = set.mtu {
        message.number(libc::IFLA_MTU, mtu);
    }
    if let Some(mac) = set.mac {
        message.bytes(libc::IFLA_ADDRESS, &mac);
    }
    if let Some(master) = set.master {
        message.number(libc::IFLA_MASTER, socket.index(master)?);
    }
    if let Some(port) = &set.port {
        message.nested(libc::IFLA_LINKINFO, |message| {
            message.bytes(IFLA_INFO_SLAVE_KIND, b"bridge");
            message.nested(IFLA_INFO_SLAVE_DATA, |message| {
                for (kind, value) in [
                    (IFLA_BRPORT_LEARNING, port.learning),
                    (IFLA_BRPORT_ISOLATED, port.isolated),
                    (IFLA_BRPORT_LOCKED, port.locked),
                ] {
                    if let Some(value) = value {
                        message.bytes(kind, &[u8::from(value)]);
                    }
                }
            });
        });
    }
    socket.request(message)
}

/// Makes a tap in the namespace of this thread that stays when nobody has it open.
#[allow(unsafe_code)]
pub fn tap(name: &str) -> io::Result<()> {
    let device = File::options().read(true).write(true).open("/dev/net/tun")?;
    // SAFETY: all of it is numbers, for which zeros will do.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    // A zero is left at the end, for a name that is as long as it may be.
    let room = request.ifr_name.len() - 1;
    for (to, from) in request.ifr_name[..room].iter_mut().zip(name.bytes()) {
        *to = from as libc::c_char;
    }
    // Frames without a header of the device's own.
    request.ifr_ifru.ifru_flags = (libc::IFF_TAP | libc::IFF_NO_PI) as libc::c_short;
    // SAFETY: the kernel reads and writes a struct ifreq, which lives through the call.
    let made = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETIFF as _, &raw mut request) };
    if made != 0 {
        return Err(io::Error::last_os_error());
    }
    let stays: libc::c_ulong = 1;
    // SAFETY: a number is handed over.
    let kept = unsafe { libc::ioctl(device.as_raw_fd(), libc::TUNSETPERSIST as _, stays) };
    if kept == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

pub fn add_address(
    socket: &mut Socket,
    net: IpNet,
    broadcast: bool,
    certain: bool,
    link: &str,
) -> Result<(), String> {
    let address = net.addr();
    let flags = if certain { libc::IFA_F_NODAD as u8 } else { 0 };
    let local = matches!(address, IpAddr::V4(address) if address.is_loopback());
    let scope = if local { libc::RT_SCOPE_HOST } else { libc::RT_SCOPE_UNIVERSE };
    let mut message = Message::new(libc::RTM_NEWADDR, NEW);
    message.address(address, net.prefix_len(), flags, scope, socket.index(link)?);
    message.ip(libc::IFA_LOCAL, address);
    message.ip(libc::IFA_ADDRESS, address);
    if broadcast {
        message.ip(libc::IFA_BROADCAST, net.broadcast());
    }
    socket.request(message)
}
