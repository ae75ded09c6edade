//! Routes and routing rules: from text to what it asks for.

use super::lines::{Hop, Route, RouteKind, Rule};
use super::parse::{Words, unknown};
use ipnet::IpNet;
use std::net::IpAddr;

/// `route add ...`
pub(super) fn route<'a>(words: &mut Words<'a>) -> Result<Route<'a>, String> {
    let mut word = words.next()?;
    let kind = match word {
        "blackhole" => RouteKind::Blackhole,
        "unreachable" => RouteKind::Unreachable,
        "prohibit" => RouteKind::Prohibit,
        _ => RouteKind::Unicast,
    };
    if kind != RouteKind::Unicast {
        word = words.next()?;
    }
    let to = match word {
        "default" => None,
        net => Some(net.parse().map_err(|why| format!("`{net}`: {why}"))?),
    };
    let mut route =
        Route { to, kind, hops: vec![Hop::default()], src: None, metric: None, table: None };
    let mut several = false;
    while let Some(word) = words.more() {
        let hop = route.hops.last_mut().expect("there is always one");
        match word {
            "nexthop" if several => route.hops.push(Hop::default()),
            "nexthop" => several = true,
            "via" => hop.via = Some(words.value()?),
            "dev" => hop.dev = Some(words.next()?),
            "weight" if several => hop.weight = words.value()?,
            "src" if !several => route.src = Some(words.value()?),
            "metric" if !several => route.metric = Some(words.value()?),
            "table" if !several => route.table = Some(words.value()?),
            other => return Err(unknown(other)),
        }
    }
    let hops = route.hops.iter().map(|hop| hop.via);
    one_version(hops.chain([route.to.map(|to| to.addr()), route.src]), "a route")?;
    Ok(route)
}

/// `rule add ...`
pub(super) fn rule<'a>(words: &mut Words<'a>) -> Result<Rule<'a>, String> {
    let mut rule = Rule::default();
    while let Some(word) = words.more() {
        match word {
            "from" => rule.from = Some(words.value()?),
            "to" => rule.to = Some(words.value()?),
            "iif" => rule.iif = Some(words.next()?),
            "fwmark" => {
                let (mark, mask) =
                    words.next().map(|word| word.split_once('/').unwrap_or((word, "")))?;
                let number = |text: &str| text.parse().map_err(|why| format!("`{text}`: {why}"));
                rule.mark = Some(number(mark)?);
                rule.mask = if mask.is_empty() { None } else { Some(number(mask)?) };
            }
            "table" => rule.table = words.value()?,
            "priority" => rule.priority = Some(words.value()?),
            other => return Err(unknown(other)),
        }
    }
    let address = |net: Option<IpNet>| net.map(|net| net.addr());
    one_version([address(rule.from), address(rule.to)].into_iter(), "a rule")?;
    Ok(rule)
}

fn one_version(addresses: impl Iterator<Item = Option<IpAddr>>, what: &str) -> Result<(), String> {
    let mut families = addresses.flatten().map(|address| address.is_ipv6());
    let first = families.next();
    if families.any(|family| Some(family) != first) {
        return Err(format!("{what} has addresses of one IP version"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::lines::Command;
    use super::super::parse::tests::one;
    use super::*;

    #[test]
    fn routes_and_addresses_are_read_with_all_their_fields() {
        let Command::Route(route) =
            one("route add 10.0.0.0/8 via 192.0.2.1 dev e src 192.0.2.2 metric 5")
        else {
            panic!("a route")
        };
        assert_eq!(
            (route.to, route.hops[0].via),
            ("10.0.0.0/8".parse().ok(), "192.0.2.1".parse().ok())
        );
        assert_eq!(
            (route.hops[0].dev, route.src, route.metric),
            (Some("e"), "192.0.2.2".parse().ok(), Some(5))
        );
        let Command::Route(route) = one("route add default dev e") else { panic!("a route") };
        assert_eq!((route.to, route.hops[0].dev), (None, Some("e")));
        let address = "10.0.0.1/24".parse().unwrap();
        assert_eq!(
            one("addr add 10.0.0.1/24 brd + dev e"),
            Command::Address { address, broadcast: true, certain: false, link: "e" }
        );
    }

    #[test]
    fn routes_with_several_next_hops_or_none_and_rules_are_read() {
        let Command::Route(route) = one(
            "route add default metric 5 table 100 nexthop via 10.0.0.2 weight 2 nexthop via 10.0.1.2 dev e",
        ) else {
            panic!("a route")
        };
        let hop = |via: &str, dev, weight| Hop { via: via.parse().ok(), dev, weight };
        assert_eq!(route.hops, [hop("10.0.0.2", None, 2), hop("10.0.1.2", Some("e"), 1)]);
        assert_eq!((route.metric, route.table), (Some(5), Some(100)));
        let Command::Route(route) = one("route add blackhole 10.0.0.0/8") else {
            panic!("a route")
        };
        assert_eq!((route.kind, route.to), (RouteKind::Blackhole, "10.0.0.0/8".parse().ok()));
        let Command::Rule(rule) =
            one("rule add from 10.0.0.0/8 iif e fwmark 16/255 table 1000 priority 7")
        else {
            panic!("a rule")
        };
        assert_eq!((rule.from, rule.to, rule.iif), ("10.0.0.0/8".parse().ok(), None, Some("e")));
        assert_eq!(
            (rule.mark, rule.mask, rule.table, rule.priority),
            (Some(16), Some(255), 1000, Some(7))
        );
    }
}
