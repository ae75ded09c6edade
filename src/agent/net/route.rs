//! Routes and routing rules as requests, with the very fields that ip(8) fills in.

use super::lines::{Hop, Route, RouteKind, Rule};
use super::message::{Message, family};
use super::socket::Socket;
use std::net::IpAddr;

const NEW: i32 = libc::NLM_F_CREATE | libc::NLM_F_EXCL;
/// linux/fib_rules.h
const FRA_DST: u16 = 1;
const FRA_SRC: u16 = 2;
const FRA_IIFNAME: u16 = 3;
const FRA_PRIORITY: u16 = 6;
const FRA_FWMARK: u16 = 10;
const FRA_TABLE: u16 = 15;
const FRA_FWMASK: u16 = 16;
const FR_ACT_TO_TBL: u8 = 1;

pub fn add(socket: &mut Socket, route: &Route) -> Result<(), String> {
    let via = route.hops.iter().find_map(|hop| hop.via);
    let family = of([route.to.map(|to| to.addr()), via, route.src]);
    // What has no next hop is on the link itself; IPv6 makes no such difference.
    let direct =
        via.is_none() && route.kind == RouteKind::Unicast && i32::from(family) == libc::AF_INET;
    let scope = if direct { libc::RT_SCOPE_LINK } else { libc::RT_SCOPE_UNIVERSE };
    let kind = match route.kind {
        RouteKind::Unicast => libc::RTN_UNICAST,
        RouteKind::Blackhole => libc::RTN_BLACKHOLE,
        RouteKind::Unreachable => libc::RTN_UNREACHABLE,
        RouteKind::Prohibit => libc::RTN_PROHIBIT,
    };
    let table = route.table.unwrap_or(u32::from(libc::RT_TABLE_MAIN));
    let mut message = Message::new(libc::RTM_NEWROUTE, NEW);
    let length = route.to.map_or(0, |to| to.prefix_len());
    message.route(family, length, short(table), scope, kind);
    long(&mut message, libc::RTA_TABLE, table);
    if let Some(to) = route.to {
        message.ip(libc::RTA_DST, to.addr());
    }
    if let Some(src) = route.src {
        message.ip(libc::RTA_PREFSRC, src);
    }
    if let Some(metric) = route.metric {
        message.number(libc::RTA_PRIORITY, metric);
    }
    match route.hops.as_slice() {
        [Hop { via, dev, .. }] => {
            if let Some(via) = via {
                message.ip(libc::RTA_GATEWAY, *via);
            }
            if let Some(dev) = dev {
                message.number(libc::RTA_OIF, socket.index(dev)?);
            }
        }
        hops => {
            let links: Result<Vec<u32>, String> =
                hops.iter().map(|hop| hop.dev.map_or(Ok(0), |dev| socket.index(dev))).collect();
            let links = links?;
            message.nested(libc::RTA_MULTIPATH, |message| {
                for (hop, link) in hops.iter().zip(links) {
                    message.hop(link, hop.weight, hop.via);
                }
            });
        }
    }
    socket.request(message)
}

pub fn add_rule(socket: &mut Socket, rule: &Rule) -> Result<(), String> {
    let family = of([rule.from, rule.to].map(|net| net.map(|net| net.addr())));
    let length = |net: Option<ipnet::IpNet>| net.map_or(0, |net| net.prefix_len());
    let mut message = Message::new(libc::RTM_NEWRULE, NEW);
    // struct fib_rule_hdr
    let (to, from) = (length(rule.to), length(rule.from));
    message.header(&[family, to, from, 0, short(rule.table), 0, 0, FR_ACT_TO_TBL, 0, 0, 0, 0]);
    long(&mut message, FRA_TABLE, rule.table);
    for (kind, net) in [(FRA_SRC, rule.from), (FRA_DST, rule.to)] {
        if let Some(net) = net {
            message.ip(kind, net.addr());
        }
    }
    if let Some(iif) = rule.iif {
        message.name(FRA_IIFNAME, iif);
    }
    let numbers = [(FRA_FWMARK, rule.mark), (FRA_FWMASK, rule.mask), (FRA_PRIORITY, rule.priority)];
    for (kind, number) in numbers {
        if let Some(number) = number {
            message.number(kind, number);
        }
    }
    socket.request(message)
}

/// The family of the first address; IPv4 without any.
fn of<const N: usize>(addresses: [Option<IpAddr>; N]) -> u8 {
    addresses.into_iter().flatten().next().map_or(libc::AF_INET as u8, family)
}

/// The number of a table where there is one byte for it; 0 if it is larger.
fn short(table: u32) -> u8 {
    table.try_into().unwrap_or(libc::RT_TABLE_UNSPEC)
}

/// The number of a table that is larger.
fn long(message: &mut Message, kind: u16, table: u32) {
    if short(table) == libc::RT_TABLE_UNSPEC {
        message.number(kind, table);
    }
}
