//! Links that no cable leads to, as they are written.

use crate::topology::fields::{DEVICE, SWITCH};
use crate::yaml::decode::{Fields, Reader};
use crate::yaml::diagnostic::Spanned;
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
pub const KINDS: [Known; 3] = [
    Known { name: "bridge", feature: "bridge", fields: OF_BRIDGE, needed: &[], ethernet: true },
    Known {
        name: "dummy",
        feature: "dummy",
        fields: &["mac", "vlans"],
        needed: &[],
        ethernet: true,
    },
    Known {
        name: "vrf",
        feature: "vrf",
        fields: &["ports", "table", "mac"],
        needed: &["table"],
        ethernet: false,
    },
];

/// The kind of this name.
pub fn known(name: &str) -> Option<&'static Known> {
    KINDS.iter().find(|kind| kind.name == name)
}

/// What a link says of itself that no cable leads to.
#[derive(Debug, Default)]
pub struct DeviceFile {
    pub kind: Spanned<String>,
    /// Interfaces of the node that belong to it.
    pub ports: Vec<Spanned<String>>,
    /// Number of a routing table.
    pub table: Option<Spanned<i64>>,
    pub switch: SwitchFile,
}

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
    let cable = ["bridge", "port", "peer"];
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
    let table = |r: Reader| r.at(r.integer(1..=i64::from(u32::MAX)));
    let file = DeviceFile {
        ports: fields.get("ports", |r| r.one_or_more(|r| r.at(r.text()))).unwrap_or_default(),
        table: fields.get("table", table),
        switch: switch(fields),
        kind: kind.clone().unwrap_or_default(),
    };
    kind.map(|_| file)
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
