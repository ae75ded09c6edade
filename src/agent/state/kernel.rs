//! The network of each node as the kernel tells of it (rtnetlink(7)), without what changes by
//! itself: counters, timers, the state of a carrier.

use super::{Fact, Facts};
use crate::agent::net::message::{Message, attributes};
use crate::agent::net::socket::Socket;
use crate::sandbox::Sandbox;
use crate::topology::model::GLOBAL;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where the network namespaces are, by the names of their nodes.
const NAMESPACES: &str = "/run/netns";

/// All nodes that there are.
pub fn nodes() -> Vec<String> {
    let entries = fs::read_dir(NAMESPACES).into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    std::iter::once(GLOBAL.to_string()).chain(names).collect()
}

/// The network of all nodes.
pub fn network(sandbox: &Sandbox) -> Facts {
    let mut facts = Facts::new();
    for node in nodes() {
        if let Ok(metadata) = fs::metadata(Path::new(NAMESPACES).join(&node)) {
            add(
                &mut facts,
                format!("the namespace of {node}"),
                metadata.ino().to_ne_bytes().to_vec(),
            );
        }
        let _ = sandbox.in_node(&node, || {
            if let Err(error) = routing(&node, &mut facts) {
                // At another time, which differs: what cannot be looked at may have changed.
                let now = format!("{error} {:?}", std::time::Instant::now());
                add(&mut facts, format!("the network of {node}"), now.into_bytes());
            }
            let _ = nftables(&node, &mut facts);
        });
    }
    facts
}

fn add(facts: &mut Facts, what: String, detail: Vec<u8>) {
    facts.insert(Fact { what, detail, by_itself: false });
}

/// What is asked for, by the number of the request, with the size of the header in front of its
/// attributes, and what one of it is called. Answers have the number before that of the request.
const ASKED: [(u16, usize, &str); 7] = [
    (libc::RTM_GETLINK, 16, "a link"),
    (libc::RTM_GETADDR, 8, "an address"),
    (libc::RTM_GETROUTE, 12, "a route"),
    (libc::RTM_GETRULE, 12, "a routing rule"),
    (libc::RTM_GETQDISC, 20, "a queueing discipline"),
    (libc::RTM_GETNEIGH, 12, "a lasting neighbour"),
    // RTM_GETNETCONF of linux/netconf.h
    (82, 4, "the forwarding"),
];

fn routing(node: &str, facts: &mut Facts) -> std::io::Result<()> {
    for (request, header, name) in ASKED {
        let mut socket = Socket::open()?;
        let mut message = Message::new(request, libc::NLM_F_DUMP);
        message.header(&vec![0; header]);
        if request == libc::RTM_GETLINK {
            // RTEXT_FILTER_SKIP_STATS
            message.number(libc::IFLA_EXT_MASK, 1 << 3);
        }
        let asked = socket.dump(message, |body| {
            let Some((header, rest)) = body.split_at_checked(header) else { return };
            let read = match request {
                libc::RTM_GETLINK => Some((link(header, rest), false)),
                libc::RTM_GETADDR => Some(address(header, rest)),
                libc::RTM_GETROUTE => route(header, rest),
                libc::RTM_GETNEIGH => neighbour(header, rest),
                libc::RTM_GETQDISC => Some((queue(header, rest), false)),
                _ => Some((kept(header.to_vec(), rest, |_| true), false)),
            };
            if let Some((detail, by_itself)) = read {
                facts.insert(Fact { what: format!("{name} of {node}"), detail, by_itself });
            }
        });
        match asked {
            // What this kernel has not, nobody can change.
            Err(error) if error.raw_os_error() == Some(libc::EOPNOTSUPP) => {}
            asked => asked?,
        }
    }
    Ok(())
}

/// `detail` and of `attributes` those that are `wanted`.
fn kept(mut detail: Vec<u8>, bytes: &[u8], wanted: impl Fn(u16) -> bool) -> Vec<u8> {
    for (kind, value) in attributes(bytes).filter(|(kind, _)| wanted(*kind)) {
        detail.extend(kind.to_ne_bytes());
        detail.extend((value.len() as u16).to_ne_bytes());
        detail.extend(value);
    }
    detail
}

fn word(bytes: &[u8]) -> u32 {
    bytes.first_chunk().map_or(0, |bytes| u32::from_ne_bytes(*bytes))
}

/// Hardware addresses, name, MTU, parent, bridge, length of the queue, alias, group, program,
/// other names.
const OF_LINK: [u16; 11] = [1, 2, 3, 4, 5, 10, 13, 20, 27, 43, 52];
/// Of a bridge what is set, no timers: delays and ages, spanning tree, VLAN filtering, snooping, querier.
const OF_BRIDGE: [u16; 9] = [1, 2, 3, 4, 5, 6, 7, 23, 25];

fn link(header: &[u8], rest: &[u8]) -> Vec<u8> {
    // Of the flags those that somebody sets: up, no ARP, promiscuous, all multicast, multicast.
    let set = libc::IFF_UP
        | libc::IFF_NOARP
        | libc::IFF_PROMISC
        | libc::IFF_ALLMULTI
        | libc::IFF_MULTICAST;
    let mut detail = header[2..8].to_vec();
    detail.extend((word(&header[8..]) & set as u32).to_ne_bytes());
    let mut detail = kept(detail, rest, |kind| OF_LINK.contains(&kind));
    for (kind, value) in attributes(rest) {
        match kind {
            libc::IFLA_LINKINFO => detail.extend(kind_of_link(value)),
            libc::IFLA_AF_SPEC => {
                for (family, value) in attributes(value) {
                    // IFLA_INET_CONF; IFLA_INET6_CONF, _TOKEN and _ADDR_GEN_MODE
                    let wanted: &[u16] = if family == 2 { &[1] } else { &[2, 7, 8] };
                    detail = kept(detail, value, |kind| wanted.contains(&kind));
                }
            }
            _ => {}
        }
    }
    detail
}

/// What a link is, and what makes it so.
fn kind_of_link(info: &[u8]) -> Vec<u8> {
    let named = |kind| attributes(info).find(|(one, _)| *one == kind).map(|(_, value)| value);
    let is = |name: Option<&[u8]>, of: &[u8]| name.is_some_and(|name| name.starts_with(of));
    // IFLA_INFO_KIND, _DATA, _SLAVE_KIND, _SLAVE_DATA
    let mut detail = named(1).unwrap_or_default().to_vec();
    let (data, port) = (named(2).unwrap_or_default(), named(5).unwrap_or_default());
    // Of a bond not which port is active, and what the other end says.
    detail = kept(detail, data, |kind| match named(1) {
        name if is(name, b"bridge") => OF_BRIDGE.contains(&kind),
        name if is(name, b"bond") => !matches!(kind, 2 | 23),
        _ => true,
    });
    // Of a bridge's port: priority and cost, and what it may do; of a bond's its queue.
    kept(detail, port, |kind| match named(4) {
        name if is(name, b"bridge") => matches!(kind, 2..=12 | 27..=33 | 39),
        name if is(name, b"bond") => kind == 5,
        _ => true,
    })
}

fn address(header: &[u8], rest: &[u8]) -> (Vec<u8>, bool) {
    // Without the flags, of which 32 bits follow.
    let detail = [&header[..2], &header[3..8]].concat();
    let mut detail = kept(detail, rest, |kind| matches!(kind, 1..=4 | 9));
    let mut by_itself = false;
    for (kind, value) in attributes(rest) {
        match kind {
            // Without those of duplicate address detection and of an age.
            libc::IFA_FLAGS => {
                let passing = libc::IFA_F_TENTATIVE
                    | libc::IFA_F_DADFAILED
                    | libc::IFA_F_OPTIMISTIC
                    | libc::IFA_F_DEPRECATED;
                detail.extend((word(value) & !passing).to_ne_bytes());
            }
            // IFA_PROTO: the kernel's own, and by router advertisements.
            11 => by_itself = matches!(value, [1..=3]),
            _ => {}
        }
    }
    // Kernels before 5.18 say nothing of it.
    let link_local = header[0] == libc::AF_INET6 as u8 && header[3] == libc::RT_SCOPE_LINK;
    (detail, by_itself || link_local)
}

/// The kind of a queue, and how it is set.
fn queue(header: &[u8], rest: &[u8]) -> Vec<u8> {
    // TCA_KIND, TCA_OPTIONS. The last number of the header counts who uses it.
    let mut detail = kept(header[4..16].to_vec(), rest, |kind| kind == 1);
    let is_netem = attributes(rest).any(|(kind, name)| kind == 1 && name == b"netem\0");
    for (_, options) in attributes(rest).filter(|(kind, _)| *kind == 2) {
        match options.split_at_checked(size_of::<[u32; 6]>()) {
            // After `struct tc_netem_qopt`; TCA_NETEM_PRNG_SEED is drawn each time.
            Some((set, more)) if is_netem => {
                detail.extend(set);
                detail = kept(detail, more, |kind| kind != 14);
            }
            _ => detail.extend(options),
        }
    }
    detail
}

fn route(header: &[u8], rest: &[u8]) -> Option<(Vec<u8>, bool)> {
    let flags = word(&header[8..]);
    // RTM_F_CLONED: of the cache.
    if flags & 0x200 != 0 {
        return None;
    }
    let mut detail = header[..8].to_vec();
    // RTNH_F_ONLINK
    detail.extend((flags & 4).to_ne_bytes());
    // Without RTA_CACHEINFO and RTA_EXPIRES.
    let detail = kept(detail, rest, |kind| !matches!(kind, 12 | 23));
    // By a redirect, the kernel or a routing daemon; not at boot or by an administrator.
    Some((detail, !matches!(header[5], 0 | 3 | 4)))
}

fn neighbour(header: &[u8], rest: &[u8]) -> Option<(Vec<u8>, bool)> {
    let state = u16::from_ne_bytes([header[8], header[9]]);
    // NUD_PERMANENT
    (state & 0x80 != 0).then(|| (kept(header[4..8].to_vec(), rest, |kind| kind <= 2), false))
}

/// The number of the last change of the ruleset, which is one more after each.
fn nftables(node: &str, facts: &mut Facts) -> std::io::Result<()> {
    /// NFNL_SUBSYS_NFTABLES, NFT_MSG_GETGEN, NFTA_GEN_ID
    const SUBSYSTEM: u16 = 10 << 8;
    const GET: u16 = SUBSYSTEM | 16;
    const NUMBER: u16 = 1;
    let mut socket = Socket::open_netfilter()?;
    let mut message = Message::new(GET, 0);
    message.header(&[0; 4]);
    socket.dump(message, |body| {
        let number =
            attributes(body.get(4..).unwrap_or_default()).find(|(kind, _)| *kind == NUMBER);
        if let Some((_, number)) = number {
            add(facts, format!("the nftables ruleset of {node}"), number.to_vec());
        }
    })
}

/// The sysctls of the network of `node`, but for those of its links, which [`link`] tells.
pub fn settings(sandbox: &Sandbox, node: &str) -> Facts {
    let mut facts = Facts::new();
    let _ = sandbox.in_node(node, || walk(Path::new("/proc/sys/net"), node, &mut facts));
    facts
}

/// Whether a folder below /proc/sys/net is that of a link.
fn is_of_link(folder: &Path) -> bool {
    let parent = folder.parent().and_then(Path::file_name);
    parent.is_some_and(|parent| parent == "conf" || parent == "neigh")
        && !folder.ends_with("all")
        && !folder.ends_with("default")
}

fn walk(folder: &Path, node: &str, facts: &mut Facts) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if !is_of_link(&path) {
                walk(&path, node, facts);
            }
        } else if !path.ends_with("nf_conntrack_count")
            && let Ok(value) = fs::read(&path)
        {
            let path = path.strip_prefix("/proc/sys").unwrap_or(&path);
            add(facts, format!("the sysctl {} of {node}", path.display()), value);
        }
    }
}
