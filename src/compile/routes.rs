//! The `ip` commands of routes and routing rules.

use crate::compile::plan::words;
use crate::topology::model::{Hop, Route, Rule};

pub fn route(route: &Route) -> Vec<String> {
    let ipv6 = route.hops.iter().any(|hop| hop.via.is_some_and(|via| via.is_ipv6()));
    let kind = route.kind.as_ref().map(|kind| format!("{kind} ")).unwrap_or_default();
    let default = || if ipv6 { "::/0".to_string() } else { "default".into() };
    let mut line =
        format!("route add {kind}{}", route.to.map_or_else(default, |to| to.to_string()));
    let mut add = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            line.push_str(&format!(" {key} {value}"));
        }
    };
    let several = route.hops.len() > 1;
    let text = |number: &dyn ToString| number.to_string();
    if let (false, Some(Hop { via, dev, .. })) = (several, route.hops.first()) {
        add("via", via.as_ref().map(|via| text(via)));
        add("dev", dev.clone());
    }
    add("src", route.src.as_ref().map(|src| text(src)));
    add("metric", route.metric.as_ref().map(|metric| text(metric)));
    add("table", route.table.as_ref().map(|table| text(table)));
    // What follows the first `nexthop` belongs to it.
    for Hop { via, dev, weight } in route.hops.iter().filter(|_| several) {
        add("nexthop via", via.as_ref().map(|via| text(via)));
        add("dev", dev.clone());
        add("weight", weight.as_ref().map(|weight| text(weight)));
    }
    words(&line)
}

pub fn rule(rule: &Rule) -> Vec<String> {
    let mut line = String::from("rule add");
    let mut add = |key: &str, value: Option<String>| {
        if let Some(value) = value {
            line.push_str(&format!(" {key} {value}"));
        }
    };
    add("from", rule.from.map(|from| from.to_string()));
    add("to", rule.to.map(|to| to.to_string()));
    add("iif", rule.iif.clone());
    let mark = |(mark, mask): (u32, Option<u32>)| {
        format!("{mark}{}", mask.map(|mask| format!("/{mask}")).unwrap_or_default())
    };
    add("fwmark", rule.fwmark.map(mark));
    add("table", Some(rule.table.to_string()));
    add("priority", rule.priority.map(|priority| priority.to_string()));
    words(&line)
}
