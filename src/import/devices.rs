//! Links that lead nowhere by a cable, as a lab file has them: those inside of a node, with a `kind`.

use crate::import::found::Namespace;
use crate::quote::yaml;
use serde_json::Value;

/// The fields of `link` in a node, but for addresses and MTU; `None` if a lab file has no such links, or not with
/// what this one has.
pub(super) fn fields(namespace: &Namespace, link: &Value) -> Option<Vec<String>> {
    let info = &link["linkinfo"];
    let (kind, data) = (info["info_kind"].as_str()?, &info["info_data"]);
    let mut fields = vec![format!("kind: {kind}")];
    let mut add = |name: &str, value: Option<String>| {
        fields.extend(value.map(|value| format!("{name}: {value}")));
    };
    let text = |key: &str| data[key].as_str().map(yaml);
    let number = |key: &str| data[key].as_u64().map(|number| number.to_string());
    match kind {
        "dummy" => {}
        "vxlan" => {
            add("id", Some(number("id")?));
            add("local", text("local").or(text("local6")));
            add("remote", ["remote", "remote6", "group", "group6"].into_iter().find_map(text));
            add("dstport", number("port"));
            add("on", text("link"));
        }
        "macvlan" | "ipvlan" => {
            add("on", Some(yaml(link["link"].as_str()?)));
            add("mode", text("mode"));
        }
        "vrf" => {
            add("table", Some(number("table")?));
            add("ports", ports(namespace, link));
        }
        "bond" => {
            add("mode", text("mode"));
            add("ports", ports(namespace, link));
        }
        "gre" => {
            add("local", Some(text("local")?));
            add("remote", Some(text("remote")?));
            let key = |key: &str| data[key].as_str().map(|text| text.parse::<std::net::Ipv4Addr>());
            match (key("ikey"), key("okey")) {
                (None, None) => {}
                // ip(8) shows a number as an address.
                (Some(Ok(one)), Some(Ok(other))) if one == other => {
                    add("key", Some(u32::from(one).to_string()))
                }
                _ => return None,
            }
        }
        _ => return None,
    }
    Some(fields)
}

/// The links that `link` is the master of; `None` if there are none.
fn ports(namespace: &Namespace, link: &Value) -> Option<String> {
    let ports = namespace.links.iter().filter(|port| port["master"] == link["ifname"]);
    let ports: Vec<String> = ports.filter_map(|port| port["ifname"].as_str()).map(yaml).collect();
    (!ports.is_empty()).then(|| format!("[{}]", ports.join(", ")))
}
