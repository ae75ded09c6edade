//! Commands that set up a node, as fields of a lab file as far as there are such.

use crate::import::words::{statements, words};
use crate::yaml::values;
use ipnet::IpNet;
use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

/// What a node's commands come to.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// The links that cables end in; all else a command makes itself.
    pub links: BTreeSet<String>,
    /// By their links.
    pub addresses: BTreeMap<String, Vec<String>>,
    pub mtus: BTreeMap<String, String>,
    pub macs: BTreeMap<String, String>,
    pub routes: Vec<Route>,
    /// Whether it forwards, if something says so.
    pub forward: Option<bool>,
    pub sysctls: BTreeMap<String, String>,
    /// Commands that are none of this, in their order.
    pub left: Vec<String>,
}

#[derive(Debug, Default, PartialEq)]
pub(crate) struct Route {
    pub to: String,
    /// Each with its value.
    pub fields: Vec<(&'static str, String)>,
}

/// What runs a script that follows `-c`.
const SHELLS: [&str; 3] = ["sh", "bash", "ash"];
impl Settings {
    /// Takes over what `command` does, or keeps it as it is.
    pub fn run(&mut self, command: &str) {
        let command = command.trim();
        if !command.is_empty() && !self.express(command) {
            self.left.push(command.into());
        }
    }

    fn express(&mut self, command: &str) -> bool {
        if let Some((path, value)) = written(command) {
            return self.sysctl(&path.replace('/', "."), value);
        }
        let Some(words) = words(command) else {
            let parts = statements(command).filter(|parts| parts.len() > 1);
            return parts.is_some_and(|parts| self.all(&parts));
        };
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        match &words[..] {
            [shell, "-c", script]
                if SHELLS.contains(&shell.rsplit('/').next().unwrap_or_default()) =>
            {
                statements(script).is_some_and(|parts| self.all(&parts))
            }
            ["sysctl", settings @ ..] => self.sysctls(settings),
            ["ip", "-4" | "-6", rest @ ..] | ["ip", rest @ ..] => self.ip(rest),
            _ => false,
        }
    }

    /// The statements of a script, one by one.
    fn all(&mut self, parts: &[String]) -> bool {
        parts.iter().for_each(|part| self.run(part));
        true
    }

    fn sysctls(&mut self, words: &[&str]) -> bool {
        let settings = words.iter().filter(|word| !["-w", "-q", "-e"].contains(word));
        let settings: Vec<_> = settings.map(|word| word.split_once('=')).collect();
        !settings.is_empty()
            && settings.iter().all(|setting| setting.is_some_and(|(name, _)| is_setting(name)))
            && settings.into_iter().flatten().all(|(name, value)| self.sysctl(name, value))
    }

    /// A setting that is the node's own.
    pub fn sysctl(&mut self, name: &str, value: &str) -> bool {
        if !is_setting(name) || value.contains('\n') {
            return false;
        }
        let name = if name.contains('/') && !name.contains('.') {
            name.replace('/', ".")
        } else {
            name.to_string()
        };
        match name.as_str() {
            "net.ipv4.ip_forward" | "net.ipv4.conf.all.forwarding" => {
                self.forward = Some(value != "0");
            }
            "net.ipv6.conf.all.forwarding" if value != "0" => self.forward = Some(true),
            _ => _ = self.sysctls.insert(name, value.into()),
        }
        true
    }

    fn ip(&mut self, words: &[&str]) -> bool {
        match words {
            ["a" | "addr" | "address", "add" | "a" | "replace", rest @ ..] => self.address(rest),
            ["l" | "link", "set" | "s", "dev", link, rest @ ..]
            | ["l" | "link", "set" | "s", link, rest @ ..] => self.link(link, rest),
            ["r" | "ro" | "route", verb @ ("add" | "a" | "replace"), rest @ ..] => {
                self.route(rest, *verb == "replace")
            }
            _ => false,
        }
    }

    fn has(&self, link: &str) -> bool {
        link == "lo" || self.links.contains(link)
    }

    fn address(&mut self, words: &[&str]) -> bool {
        let (address, link) = match words {
            [address, "dev", link] | ["dev", link, address] => (*address, *link),
            // There is no duplicate address detection in a lab anyway.
            [address, "dev", link, "nodad"] | [address, "nodad", "dev", link] => (*address, *link),
            _ => return false,
        };
        let Some(address) = with_length(address) else { return false };
        if !self.has(link) || values::interface_address(&address.to_string()).is_err() {
            return false;
        }
        let all = self.addresses.entry(link.into()).or_default();
        let address = address.to_string();
        if !all.contains(&address) {
            all.push(address);
        }
        true
    }

    fn link(&mut self, link: &str, words: &[&str]) -> bool {
        if !self.has(link) {
            return false;
        }
        let (mut mtu, mut mac) = (None, None);
        let mut rest = words;
        loop {
            rest = match rest {
                [] => break,
                // All links of a lab are up.
                ["up", rest @ ..] => rest,
                ["mtu", value, rest @ ..] if is_mtu(value) && link != "lo" => {
                    mtu = Some(*value);
                    rest
                }
                ["address", value, rest @ ..] if link != "lo" && values::mac(value).is_ok() => {
                    mac = Some(*value);
                    rest
                }
                _ => return false,
            }
        }
        if let Some(mtu) = mtu {
            self.mtus.insert(link.into(), mtu.into());
        }
        if let Some(mac) = mac {
            self.macs.insert(link.into(), mac.into());
        }
        true
    }

    fn route(&mut self, words: &[&str], replace: bool) -> bool {
        let mut fields: Vec<(&'static str, String)> = Vec::new();
        let mut rest = words;
        if let [kind @ ("blackhole" | "unreachable" | "prohibit"), after @ ..] = rest {
            fields.push(("type", (*kind).into()));
            rest = after;
        }
        let [to, after @ ..] = rest else { return false };
        rest = after;
        let net = match *to {
            "default" => None,
            to => match with_length(to) {
                Some(net) if net.trunc() == net => Some(net),
                _ => return false,
            },
        };
        let (mut via, mut dev) = (None, None);
        while let [key, value, after @ ..] = rest {
            match *key {
                "via" => match value.parse::<IpAddr>() {
                    Ok(address) => via = Some(address),
                    Err(_) => return false,
                },
                "dev" if self.has(value) => dev = Some(*value),
                "src" if value.parse::<IpAddr>().is_ok() => fields.push(("src", (*value).into())),
                "metric" if value.parse::<u32>().is_ok() => {
                    fields.push(("metric", (*value).into()))
                }
                _ => return false,
            }
            rest = after;
        }
        let typed = fields.iter().any(|(name, _)| *name == "type");
        if !rest.is_empty() || (typed == (via.is_some() || dev.is_some())) {
            return false;
        }
        if let Some(via) = via {
            let own = self.addresses.iter().filter(|(link, _)| *link != "lo");
            let own = own.flat_map(|(_, all)| all).filter_map(|net| net.parse::<IpNet>().ok());
            let mut near = own.filter(|net| net.contains(&via)).peekable();
            // What a command gives the node only that command's successors know.
            if near.peek().is_none()
                || near.any(|net| net.addr() == via)
                || net.is_some_and(|net| net.addr().is_ipv4() != via.is_ipv4())
            {
                return false;
            }
            fields.insert(0, ("via", via.to_string()));
        }
        if let Some(dev) = dev {
            fields.push(("dev", dev.into()));
        }
        let to = net.filter(|net| net.prefix_len() > 0).map(|net| net.to_string());
        if typed && to.is_none() {
            return false;
        }
        let route = Route { to: to.unwrap_or_else(|| "default".into()), fields };
        let metric = |route: &Route| {
            route
                .fields
                .iter()
                .find(|(name, _)| *name == "metric")
                .map(|(_, metric)| metric.clone())
        };
        let is = |other: &Route| other.to == route.to && metric(other) == metric(&route);
        if replace {
            self.routes.retain(|other| !is(other));
        } else if self.routes.iter().any(|other| is(other) && other.to != "default") {
            return false;
        }
        self.routes.push(route);
        true
    }
}

fn is_mtu(text: &str) -> bool {
    text.parse::<u32>().is_ok_and(|mtu| (68..=65535).contains(&mtu))
}

/// Whether it names a setting of a network namespace.
fn is_setting(name: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let parts = || name.split(['.', '/']);
    name.chars().all(good)
        && parts().next() == Some("net")
        && parts().count() > 2
        && parts().all(|part| !part.is_empty())
}

/// An address or a network; without a length, that of a host.
fn with_length(text: &str) -> Option<IpNet> {
    match text.contains('/') {
        true => text.parse().ok(),
        false => text.parse::<IpAddr>().ok().map(IpNet::from),
    }
}

/// The setting below /proc/sys that `echo` writes in `command`, and its value.
fn written(command: &str) -> Option<(&str, &str)> {
    let (value, path) = command.strip_prefix("echo ")?.split_once('>')?;
    let value = value.trim().trim_matches(['"', '\'']);
    let path = path.trim().strip_prefix("/proc/sys/")?;
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_/".contains(c);
    (!value.is_empty() && value.chars().all(|c| c.is_ascii_digit()) && path.chars().all(plain))
        .then_some((path, value))
}
