//! The topology of a lab file as it is written: field by field, nothing resolved yet.
//!
//! This mirrors the YAML. What refers to something else is still text with its place;
//! [`crate::topology::check`] resolves it.

use crate::topology::check::KERNEL_FEATURES;
use crate::topology::device::PortOptions;
use crate::topology::fields::{
    ADDRESSES, BUILD, DEVICE, INTERFACE, LINK, NEEDS, NODE, REPOSITORY, STAND_IN, SUBJECT, SWITCH,
    UNPACKED,
};
use crate::topology::file_device::{DeviceFile, SwitchFile, device, port, switch};
use crate::topology::file_routes::{RouteFile, RuleFile, route, rule};
use crate::topology::file_services::{ServiceFile, service};
use crate::topology::impair::Impairment;
use crate::topology::model::{Build, LOOPBACK};
use crate::topology::vlan::{VlanFile, vlans};
use crate::topology::{lent, uplink};
use crate::yaml::decode::{Fields, Reader};
use crate::yaml::diagnostic::Spanned;
use crate::yaml::tree::Value;
use crate::yaml::values;
use ipnet::IpNet;

/// All of a lab file but its name and its tests.
#[derive(Debug, Default)]
pub struct TopologyFile {
    /// Commands that its services and steps run, each with the Debian package that has it.
    pub commands: Vec<(Spanned<String>, String)>,
    /// Kernel features.
    pub kernel: Vec<Spanned<String>>,
    /// A range of ids is needed.
    pub ids: bool,
    /// The program under test.
    pub subject: Option<SubjectFile>,
    /// Folders that are the lab's own and begin empty.
    pub private: Vec<Spanned<String>>,
    pub pass_env: Vec<Spanned<String>>,
    pub writable: Vec<Spanned<String>>,
    /// Files for all of it, by path.
    pub files: Vec<(Spanned<String>, String)>,
    /// Bridges, in the lab's own namespace.
    pub bridges: Vec<BridgeFile>,
    /// Hosts.
    pub nodes: Vec<NodeFile>,
}

/// `subject`.
#[derive(Debug, Default)]
pub struct SubjectFile {
    /// The name the lab's commands call it by.
    pub program: Spanned<String>,
    /// Packaged daemon that can take its place, and its Debian package.
    pub stand_in: Option<(Spanned<String>, String)>,
    /// Go module paths by which its repository is known.
    pub go_modules: Vec<String>,
    /// Cargo packages by which its repository is known.
    pub cargo_packages: Vec<String>,
    /// Files by which its repository is known; all must be there.
    pub files: Vec<String>,
    /// How it is built; the first that fits the repository is taken.
    pub builds: Vec<Build>,
}

/// An entry of `bridges`.
#[derive(Debug, Default)]
pub struct BridgeFile {
    /// Interface name.
    pub name: Spanned<String>,
    /// Addresses of the bridge itself.
    pub addresses: Vec<Spanned<Option<IpNet>>>,
    /// In bytes.
    pub mtu: Option<i64>,
    /// Hardware address.
    pub mac: Option<Spanned<String>>,
    pub switch: SwitchFile,
}

/// An entry of `nodes`.
#[derive(Debug, Default)]
pub struct NodeFile {
    /// Its name; `global` is the lab's own namespace.
    pub name: Spanned<String>,
    /// Its network interfaces, but for `lo`.
    pub links: Vec<LinkFile>,
    /// The addresses of its `lo` besides the kernel's own.
    pub loopback: Vec<Spanned<Option<IpNet>>>,
    /// Its static routes.
    pub routes: Vec<RouteFile>,
    /// Which of its routing tables is for what.
    pub rules: Vec<RuleFile>,
    /// Kernel settings as in sysctl.conf(5).
    pub sysctls: Vec<(Spanned<String>, String)>,
    /// Forward packets between links, IPv4 and IPv6.
    pub forward: bool,
    /// Where it says whether it has IPv6.
    pub ipv6: Option<Spanned<bool>>,
    /// An nftables ruleset as in nft(8).
    pub nft: Option<Spanned<String>>,
    /// Its daemons.
    pub services: Vec<ServiceFile>,
}

/// An entry of `links`: the end of a cable that is plugged into a bridge or another node, or a link that is made inside
/// of the node.
#[derive(Debug, Default)]
pub struct LinkFile {
    /// Interface name.
    pub name: Spanned<String>,
    /// What it is, if no cable leads to it.
    pub device: Option<DeviceFile>,
    /// Where it says that it leads to what the machine reaches.
    pub uplink: Option<Spanned<bool>>,
    /// Which interface of the machine it is.
    pub lent: Option<Spanned<String>>,
    /// The bridge it is plugged into.
    pub bridge: Option<Spanned<String>>,
    /// The name of the bridge's end of the cable.
    pub port: Option<Spanned<String>>,
    /// How that works.
    pub port_options: PortOptions,
    /// `NODE/LINK` at the other end.
    pub peer: Option<Spanned<String>>,
    pub addresses: Vec<Spanned<Option<IpNet>>>,
    /// What happens to the packets that it sends.
    pub impair: Option<Impairment>,
    /// Whether others in the same network may have its addresses, too.
    pub duplicate: Option<Spanned<bool>>,
    /// In bytes.
    pub mtu: Option<i64>,
    /// Hardware address.
    pub mac: Option<Spanned<String>>,
    pub vlans: Vec<VlanFile>,
}

/// Reads the topology from the `fields` of a lab file.
pub fn topology(fields: &Fields) -> TopologyFile {
    let mut file = TopologyFile {
        subject: fields.get("subject", subject),
        private: fields.get("private", |r| r.one_or_more(|r| r.at(r.text()))).unwrap_or_default(),
        pass_env: fields.get("pass-env", |r| r.one_or_more(|r| r.at(r.text()))).unwrap_or_default(),
        writable: fields.get("writable", |r| r.one_or_more(|r| r.at(r.text()))).unwrap_or_default(),
        files: fields.get("files", texts).unwrap_or_default(),
        bridges: fields.get("bridges", bridges).unwrap_or_default(),
        nodes: fields.need("nodes", |r| r.entries(node)).unwrap_or_default(),
        ..Default::default()
    };
    fields.get("needs", |r| {
        let needs = r.fields(&NEEDS);
        file.commands =
            needs.get("commands", |r| r.entries(|name, r| (name, package(r)))).unwrap_or_default();
        file.kernel =
            needs.get("kernel", |r| r.list(|r| r.at(r.word(&KERNEL_FEATURES)))).unwrap_or_default();
        file.ids = needs
            .get("ids", |r| {
                r.word(&["range"]);
                if matches!(r.value(), Value::Text(word) if word != "range") {
                    r.wrong("`range` is all that can be needed of them");
                }
            })
            .is_some();
    });
    file
}

/// Reads the package of a command: its name, or a mapping that says that it is unpacked.
fn package(reader: Reader) -> String {
    let is_map = |value: &Value| matches!(value, Value::Map(_));
    let mapping = |r: Reader| {
        let package = r.fields(&UNPACKED).need("unpack", |r| r.parsed(values::package));
        format!("{}{}", values::UNPACK, package.unwrap_or_default())
    };
    reader.either(is_map, mapping, |r| r.parsed(values::package))
}

/// A mapping from names to texts.
pub(crate) fn texts(reader: Reader) -> Vec<(Spanned<String>, String)> {
    reader.entries(|name, r| (name, r.text_or_number()))
}

fn subject(reader: Reader) -> SubjectFile {
    let fields = reader.fields(&SUBJECT);
    let mut file = SubjectFile {
        program: fields.need("program", |r| r.at(r.text())).unwrap_or_default(),
        builds: fields.get("build", builds).unwrap_or_default(),
        stand_in: fields.get("stand-in", |r| {
            let fields = r.fields(&STAND_IN);
            let program =
                fields.need("program", |r| r.at(r.parsed(values::command))).unwrap_or_default();
            (program, fields.need("package", |r| r.parsed(values::package)).unwrap_or_default())
        }),
        ..Default::default()
    };
    fields.get("repository", |r| {
        let known = r.fields(&REPOSITORY);
        file.go_modules =
            known.get("go-module", |r| r.one_or_more(|r| r.text())).unwrap_or_default();
        file.cargo_packages =
            known.get("cargo-package", |r| r.one_or_more(|r| r.text())).unwrap_or_default();
        file.files = known.get("files", |r| r.one_or_more(|r| r.text())).unwrap_or_default();
    });
    file
}

/// Either a command or a list of them, each for the repositories that have its files.
fn builds(reader: Reader) -> Vec<Build> {
    let for_any = |r: Reader| vec![Build { files: Vec::new(), command: r.at(r.text()) }];
    let is_list = |value: &Value| matches!(value, Value::List(_));
    reader.either(is_list, |r| r.list(build), for_any)
}

fn build(reader: Reader) -> Build {
    let fields = reader.fields(&BUILD);
    let files = fields.need("files", |r| {
        let files = r.one_or_more(|r| r.text());
        if files.is_empty() {
            r.wrong("names no file");
        }
        files
    });
    Build {
        files: files.unwrap_or_default(),
        command: fields.need("command", |r| r.at(r.text())).unwrap_or_default(),
    }
}

/// Either a list of names or a mapping from names to details.
fn bridges(reader: Reader) -> Vec<BridgeFile> {
    let bare = |r: Reader| BridgeFile { name: r.at(r.text()), ..Default::default() };
    let detailed = |name, r: Reader| {
        let fields = r.fields(&[&INTERFACE[..], &SWITCH].concat());
        let (addresses, mtu, mac) = interface(&fields);
        BridgeFile { name, addresses, mtu, mac, switch: switch(&fields) }
    };
    let is_list = |value: &Value| matches!(value, Value::List(_));
    reader.either(is_list, |r| r.list(bare), |r| r.entries(detailed))
}

fn address(reader: Reader) -> Spanned<Option<IpNet>> {
    reader.at(reader.parsed(|text| values::interface_address(text).map(Some)))
}

type Interface = (Vec<Spanned<Option<IpNet>>>, Option<i64>, Option<Spanned<String>>);

/// What bridges and links have in common.
fn interface(fields: &Fields) -> Interface {
    (
        fields.get("addresses", |r| r.one_or_more(address)).unwrap_or_default(),
        fields.get("mtu", |r| r.integer(68..=65535)),
        fields.get("mac", |r| r.at(r.parsed(values::mac))),
    )
}

fn node(name: Spanned<String>, reader: Reader) -> NodeFile {
    let fields = reader.fields(&NODE);
    let mut loopback = Vec::new();
    let mut one = |name: Spanned<String>, r: Reader| match name.as_str() {
        LOOPBACK => {
            let addresses = r.fields(&[ADDRESSES]).need("addresses", |r| r.one_or_more(address));
            loopback.extend(addresses.unwrap_or_default());
            None
        }
        _ => Some(link(name, r)),
    };
    let loopback_about = "the loopback interface, which is there already".to_string();
    let links = fields
        .get("links", |r| r.named_entries(&[(LOOPBACK, loopback_about)], true, &mut one))
        .unwrap_or_default();
    let mut node = NodeFile {
        name,
        links: links.into_iter().flatten().collect(),
        loopback,
        routes: fields.get("routes", |r| r.list(route)).unwrap_or_default(),
        rules: fields.get("rules", |r| r.list(rule)).unwrap_or_default(),
        sysctls: fields.get("sysctls", texts).unwrap_or_default(),
        forward: fields.get("forward", |r| r.boolean()).unwrap_or_default(),
        ipv6: fields.get("ipv6", |r| r.at(r.boolean())),
        nft: fields.get("nft", |r| r.at(r.text())),
        services: fields.get("services", |r| r.entries(service)).unwrap_or_default(),
    };
    uplink::route(&mut node);
    node
}

fn link(name: Spanned<String>, reader: Reader) -> LinkFile {
    let fields = reader.fields(&[&LINK[..], &INTERFACE, &DEVICE, &SWITCH].concat());
    let uplink = uplink::uplink(&fields);
    let lent = lent::lent(&fields).filter(|_| uplink.is_none());
    let (device, own) = match (uplink.as_ref().map(uplink::device), &lent) {
        (Some((device, addresses)), _) => (Some(device), Some(addresses)),
        (None, Some(name)) => (Some(lent::device(name)), None),
        (None, None) => (device(&fields), None),
    };
    match fields.present(&["bridge", "peer"]).as_slice() {
        _ if device.is_some() => {}
        [] => reader.wrong("a link needs a `bridge` or a `peer` at its other end"),
        [_] => {}
        _ => reader.wrong("a link has either a `bridge` or a `peer` at its other end, not both"),
    }
    let (addresses, mtu, mac) = interface(&fields);
    let (port, options) = fields.get("port", port).unzip();
    LinkFile {
        vlans: fields.get("vlans", |r| vlans(&name, r)).unwrap_or_default(),
        name,
        device,
        uplink,
        lent,
        bridge: fields.get("bridge", |r| r.at(r.text())),
        port,
        port_options: options.flatten().map(|options| options.value).unwrap_or_default(),
        peer: fields.get("peer", |r| r.at(r.text())),
        impair: fields.get("impair", Impairment::of_link).flatten(),
        addresses: own.unwrap_or(addresses),
        duplicate: fields.get("duplicate", |r| r.at(r.boolean())),
        mtu,
        mac,
    }
}
