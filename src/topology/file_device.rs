//! Links that no cable leads to, as they are written.

use crate::topology::device::PortOptions;
use crate::topology::fields::{DEVICE, PORT, SWITCH};
use crate::topology::wireguard::{self, PeerFile};
use crate::yaml::decode::{Fields, Reader};
use crate::yaml::diagnostic::Spanned;
use crate::yaml::tree::Value;
use crate::yaml::values;
use std::net::IpAddr;
use std::time::Duration;

/// A kind of link that is made inside of a node.
pub struct Known {
    pub name: &'static str,
    /// The kernel feature that it needs.
    pub feature: &'static str,
    /// Which fields it has of those that not all links have.
    pub fields: &'static [&'static str],
    /// Which of those it must have.
    pub needed: &'static [&'static str],
    /// In which modes it may be; the first is taken if none is named.
    pub modes: &'static [&'static str],
    /// Whether it carries Ethernet frames, so that it can be the port of a bridge.
    pub ethernet: bool,
}

const OF_BRIDGE: &[&str] = &[
    "ports",
    "mac",
    "vlans",
    "stp",
    "priority",
    "forward-delay",
    "snooping",
    "querier",
    "vlan-filtering",
];

/// All of them.
pub const KINDS: [Known; 10] = [
    Known {
        fields: &["ports", "mode", "mac", "vlans"],
        needed: &["mode"],
        modes: &[
            "balance-rr",
            "active-backup",
            "balance-xor",
            "broadcast",
            "802.3ad",
            "balance-tlb",
            "balance-alb",
        ],
        ..kind("bond")
    },
    Known { fields: OF_BRIDGE, ..kind("bridge") },
    Known { fields: &["mac", "vlans"], ..kind("dummy") },
    Known {
        fields: &["local", "remote", "key"],
        needed: &["local", "remote"],
        ethernet: false,
        ..kind("gre")
    },
    Known {
        fields: &["on", "mode"],
        needed: &["on"],
        modes: &["l2", "l3", "l3s"],
        ..kind("ipvlan")
    },
    Known {
        fields: &["on", "mode", "mac", "vlans"],
        needed: &["on"],
        modes: &["bridge", "private", "vepa"],
        ..kind("macvlan")
    },
    Known { feature: "tun", fields: &["mac", "vlans"], ..kind("tap") },
    Known {
        fields: &["ports", "table", "mac"],
        needed: &["table"],
        ethernet: false,
        ..kind("vrf")
    },
    Known {
        fields: &["id", "local", "remote", "dstport", "on", "mac", "vlans"],
        needed: &["id"],
        ..kind("vxlan")
    },
    Known { fields: &["listen-port", "peers"], ethernet: false, ..kind("wireguard") },
];

const fn kind(name: &'static str) -> Known {
    Known { name, feature: name, fields: &[], needed: &[], modes: &[], ethernet: true }
}

/// The kind of this name.
pub fn known(name: &str) -> Option<&'static Known> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// What a link says of itself that no cable leads to.
#[derive(Debug, Default)]
pub struct DeviceFile {
    pub kind: Spanned<String>,
    /// Interfaces of the node that belong to it.
    pub ports: Vec<PortFile>,
    /// The interface of the node that it is made on.
    pub on: Option<Spanned<String>>,
    /// Number of a routing table.
    pub table: Option<Spanned<i64>>,
    /// Number of the virtual network.
    pub id: Option<Spanned<i64>>,
    /// The ends of a tunnel.
    pub local: Option<Spanned<Option<IpAddr>>>,
    pub remote: Option<Spanned<Option<IpAddr>>>,
    /// The UDP port that it is sent to.
    pub dstport: Option<i64>,
    /// Of two tunnels between the same ends.
    pub key: Option<i64>,
    pub mode: Option<Spanned<String>>,
    /// The UDP port that peers send to.
    pub listen_port: Option<i64>,
    pub peers: Vec<PeerFile>,
    pub switch: SwitchFile,
}

/// A port: its name, and how it works if that is said.
pub type PortFile = (Spanned<String>, Option<Spanned<PortOptions>>);

/// What a bridge says of how it works.
#[derive(Debug, Default)]
pub struct SwitchFile {
    pub stp: bool,
    pub priority: Option<i64>,
    pub forward_delay: Option<Duration>,
    pub snooping: bool,
    pub querier: Option<Spanned<bool>>,
    pub vlan_filtering: bool,
}

/// Reads what is not of all links; `None` for the end of a cable.
pub fn device(fields: &Fields) -> Option<DeviceFile> {
    let names = KINDS.map(|kind| kind.name);
    let kind = fields.get("kind", |r| r.at(r.word(&names)));
    let cable = ["bridge", "port", "peer", "impair"];
    let special: Vec<&str> = DEVICE.iter().chain(&SWITCH).map(|(name, ..)| *name).collect();
    let alien: Vec<(&str, String)> = match kind.as_ref().map(|kind| known(kind)) {
        Some(Some(kind)) => {
            let special = [&special[..], &["mac", "vlans"], &cable].concat();
            let alien =
                special.into_iter().filter(|name| *name != "kind" && !kind.fields.contains(name));
            alien
                .map(|name| (name, format!("a link of the kind `{}` has no `{name}`", kind.name)))
                .collect()
        }
        Some(None) => Vec::new(),
        None => {
            let alien = special.iter().filter(|name| **name != "kind");
            alien
                .map(|name| (*name, format!("a cable has no `{name}`, links of some `kind` have")))
                .collect()
        }
    };
    for (name, message) in alien {
        if !fields.present(&[name]).is_empty() {
            fields.get(name, |r| r.wrong(message));
        }
    }
    if let Some(kind) = kind.as_ref().and_then(|kind| known(kind)) {
        for name in kind.needed.iter().filter(|name| fields.present(&[**name]).is_empty()) {
            fields.wrong(format!(
                "the field `{name}` is missing: a link of the kind `{}` needs it",
                kind.name
            ));
        }
    }
    let modes = KINDS.map(|kind| kind.modes).concat();
    let address = |r: Reader| r.at(r.parsed(|text| values::address(text).map(Some)));
    let table = |r: Reader| r.at(r.integer(1..=i64::from(u32::MAX)));
    let file = DeviceFile {
        ports: fields.get("ports", |r| r.one_or_more(port)).unwrap_or_default(),
        on: fields.get("on", |r| r.at(r.text())),
        table: fields.get("table", table),
        id: fields.get("id", |r| r.at(r.integer(1..=0x00ff_ffff))),
        local: fields.get("local", address),
        remote: fields.get("remote", address),
        dstport: fields.get("dstport", |r| r.integer(1..=65535)),
        key: fields.get("key", |r| r.integer(0..=i64::from(u32::MAX))),
        mode: fields.get("mode", |r| r.at(r.word(&modes))),
        listen_port: fields.get("listen-port", |r| r.integer(1..=65535)),
        peers: fields.get("peers", wireguard::peers).unwrap_or_default(),
        switch: switch(fields),
        kind: kind.clone().unwrap_or_default(),
    };
    kind.map(|_| file)
}

/// Reads the name of a port, or a mapping with that and how it works.
pub fn port(reader: Reader) -> PortFile {
    let is_map = |value: &Value| matches!(value, Value::Map(_));
    let mapping = |r: Reader| {
        let fields = r.fields(&PORT);
        let flag = |name| fields.get(name, |r| r.boolean());
        let options = PortOptions {
            isolated: flag("isolated").unwrap_or_default(),
            locked: flag("locked").unwrap_or_default(),
            learning: flag("learning"),
        };
        (fields.need("name", |r| r.at(r.text())).unwrap_or_default(), Some(r.at(options)))
    };
    reader.either(is_map, mapping, |r| (r.at(r.text()), None))
}

/// Reads how a bridge works.
pub fn switch(fields: &Fields) -> SwitchFile {
    let flag = |name| fields.get(name, |r| r.boolean()).unwrap_or_default();
    let delay = |r: Reader| {
        let most = Duration::from_secs(30);
        let delay = r.duration(most);
        if delay < Duration::from_secs(2) {
            r.wrong("the kernel takes no less than `2s` (IEEE 802.1D: 4 to 30 s)");
        }
        delay
    };
    SwitchFile {
        stp: flag("stp"),
        priority: fields.get("priority", |r| r.integer(0..=65535)),
        forward_delay: fields.get("forward-delay", delay),
        snooping: flag("snooping"),
        querier: fields.get("querier", |r| r.at(r.boolean())),
        vlan_filtering: flag("vlan-filtering"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::quoted;

    #[test]
    fn the_reference_has_each_kind_with_its_fields() {
        let text = include_str!("../../docs/lab-files.md");
        let (_, table) = text.split_once("| `kind` | what it is |").unwrap();
        let rows: Vec<&str> =
            table.lines().skip(2).take_while(|line| line.starts_with('|')).collect();
        assert_eq!(rows.len(), KINDS.len());
        for (row, kind) in rows.iter().zip(&KINDS) {
            assert!(row.starts_with(&format!("| `{}` |", kind.name)), "{row}");
            let fields = row.trim_end_matches('|').rsplit('|').next().unwrap().trim();
            assert_eq!(fields, quoted(kind.fields), "{}", kind.name);
            assert!(kind.needed.iter().all(|needed| kind.fields.contains(needed)), "{row}");
            assert!(kind.modes.iter().all(|mode| row.contains(&format!("`{mode}`"))), "{row}");
        }
    }
}
