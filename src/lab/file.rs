//! The lab file as it is written: field by field, nothing resolved yet.
//!
//! This mirrors the YAML. What refers to something else is still text with its place; [`crate::lab::check`]
//! resolves it. The tests of a lab are read by [`crate::steps::file`].

use crate::steps::file::{TestFile, test};
use crate::text::quoted;
use crate::topology::vlan::{VlanFile, vlans};
use crate::yaml::decode::{Fields, MAX_WAIT, Reader};
use crate::yaml::problem::At;
use crate::yaml::tree::Value;
use crate::yaml::values;
use ipnet::IpNet;
use std::net::IpAddr;
use std::time::Duration;

/// A lab file.
#[derive(Debug, Default)]
pub struct LabFile {
    /// Its name.
    pub lab: At<String>,
    /// A sentence about it.
    pub about: String,
    /// Commands that its services and steps run, each with the Debian package that has it.
    pub commands: Vec<(At<String>, String)>,
    /// Kernel features.
    pub kernel: Vec<At<String>>,
    /// The program under test.
    pub subject: Option<SubjectFile>,
    /// Bridges, in the lab's own namespace.
    pub bridges: Vec<BridgeFile>,
    /// Hosts.
    pub nodes: Vec<NodeFile>,
    /// Tests.
    pub tests: Vec<TestFile>,
}

/// `subject`.
#[derive(Debug, Default)]
pub struct SubjectFile {
    /// The name the lab's commands call it by.
    pub program: At<String>,
    /// Packaged daemon that can take its place, and its Debian package.
    pub stand_in: Option<(At<String>, String)>,
    /// Go module paths by which its repository is known.
    pub go_modules: Vec<String>,
    /// Files by which its repository is known; all must be there.
    pub files: Vec<String>,
    /// Shell command that builds it into `$OUT/PROGRAM`.
    pub build: Option<String>,
}

/// An entry of `bridges`.
#[derive(Debug, Default)]
pub struct BridgeFile {
    /// Interface name.
    pub name: At<String>,
    /// Addresses of the bridge itself.
    pub addresses: Vec<At<Option<IpNet>>>,
    /// In bytes.
    pub mtu: Option<i64>,
    /// Hardware address.
    pub mac: Option<At<String>>,
}

/// An entry of `nodes`.
#[derive(Debug, Default)]
pub struct NodeFile {
    /// Its name; `global` is the lab's own namespace.
    pub name: At<String>,
    /// Its network interfaces.
    pub links: Vec<LinkFile>,
    /// Its static routes.
    pub routes: Vec<RouteFile>,
    /// Kernel settings as in sysctl.conf(5).
    pub sysctls: Vec<(At<String>, String)>,
    /// Forward packets between links, IPv4 and IPv6.
    pub forward: bool,
    /// An nftables ruleset as in nft(8).
    pub nft: Option<At<String>>,
    /// Its daemons.
    pub services: Vec<ServiceFile>,
}

/// An entry of `links`: the end of a cable that is plugged into a bridge or another node.
#[derive(Debug, Default)]
pub struct LinkFile {
    /// Interface name.
    pub name: At<String>,
    /// The bridge it is plugged into.
    pub bridge: Option<At<String>>,
    /// The name of the bridge's end of the cable.
    pub port: Option<At<String>>,
    /// `NODE/LINK` at the other end.
    pub peer: Option<At<String>>,
    /// Its addresses.
    pub addresses: Vec<At<Option<IpNet>>>,
    /// In bytes.
    pub mtu: Option<i64>,
    /// Hardware address.
    pub mac: Option<At<String>>,
    /// VLANs on it.
    pub vlans: Vec<VlanFile>,
}

/// An entry of `routes`.
#[derive(Debug, Default)]
pub struct RouteFile {
    /// Destination; `None` is the default route.
    pub to: At<Option<IpNet>>,
    /// Next hop.
    pub via: Option<At<Option<IpAddr>>>,
    /// Outgoing link.
    pub dev: Option<At<String>>,
    /// Preferred source address.
    pub src: Option<At<Option<IpAddr>>>,
    /// Metric.
    pub metric: Option<i64>,
}

/// An entry of `services`.
#[derive(Debug, Default)]
pub struct ServiceFile {
    /// Its name, unique in the lab.
    pub name: At<String>,
    /// How it runs.
    pub run: RunFile,
    /// How the packaged daemon runs that takes the subject's place.
    pub stand_in: Option<RunFile>,
    /// Services that must be ready before it starts.
    pub after: Vec<At<String>>,
}

/// What a service runs.
#[derive(Debug, Default)]
pub struct RunFile {
    /// A shell command.
    pub command: At<String>,
    /// Files, by path, written before it starts.
    pub files: Vec<(At<String>, String)>,
    /// Environment.
    pub environment: Vec<(At<String>, String)>,
    /// When it is ready.
    pub ready: ReadyFile,
}

/// `ready`: all of the conditions must hold.
#[derive(Debug, Default)]
pub struct ReadyFile {
    /// The conditions.
    pub conditions: Vec<At<Condition>>,
    /// How long they may take.
    pub within: Option<Duration>,
}

/// Something a service can be waited for by.
#[derive(Clone, Debug, PartialEq)]
pub enum Condition {
    /// A UDP socket is bound to the port.
    Udp(u16),
    /// A TCP socket listens on the port.
    Tcp(u16),
    /// A line of its output matches the extended regular expression.
    Log(String),
    /// A file exists, relative to the service's folder.
    File(String),
    /// A command succeeds in its node.
    Command(String),
    /// It has been running for as long.
    Running(Duration),
    /// It has ended with this exit status.
    Exit(u8),
}

/// Reads a whole lab file.
pub fn lab(reader: Reader) -> LabFile {
    let known = ["lab", "about", "needs", "subject", "bridges", "nodes", "tests"];
    let fields = reader.fields(&known);
    let mut file = LabFile {
        lab: fields.need("lab", |r| r.at(r.text())).unwrap_or_default(),
        about: fields.get("about", |r| r.text()).unwrap_or_default(),
        subject: fields.get("subject", subject),
        bridges: fields.get("bridges", bridges).unwrap_or_default(),
        nodes: fields.need("nodes", |r| r.entries(node)).unwrap_or_default(),
        tests: fields.get("tests", |r| r.entries(test)).unwrap_or_default(),
        ..Default::default()
    };
    fields.get("needs", |r| {
        let needs = r.fields(&["commands", "kernel"]);
        file.commands = needs.get("commands", |r| r.entries(|name, r| (name, r.parsed(values::package)))).unwrap_or_default();
        file.kernel = needs.get("kernel", |r| r.list(|r| r.at(r.text()))).unwrap_or_default();
    });
    file
}

/// A mapping from names to texts.
fn texts(reader: Reader) -> Vec<(At<String>, String)> {
    reader.entries(|name, r| (name, r.text_or_number()))
}

fn subject(reader: Reader) -> SubjectFile {
    let fields = reader.fields(&["program", "stand-in", "repository", "build"]);
    let mut file = SubjectFile {
        program: fields.need("program", |r| r.at(r.text())).unwrap_or_default(),
        build: fields.get("build", |r| r.text()),
        stand_in: fields.get("stand-in", |r| {
            let fields = r.fields(&["program", "package"]);
            let program = fields.need("program", |r| r.at(r.parsed(values::command))).unwrap_or_default();
            (program, fields.need("package", |r| r.parsed(values::package)).unwrap_or_default())
        }),
        ..Default::default()
    };
    fields.get("repository", |r| {
        let known = r.fields(&["go-module", "files"]);
        file.go_modules = known.get("go-module", |r| r.one_or_more(|r| r.text())).unwrap_or_default();
        file.files = known.get("files", |r| r.one_or_more(|r| r.text())).unwrap_or_default();
    });
    file
}

/// Either a list of names or a mapping from names to details.
fn bridges(reader: Reader) -> Vec<BridgeFile> {
    if let Value::List(_) = reader.value() {
        return reader.list(|r| BridgeFile { name: r.at(r.text()), ..Default::default() });
    }
    reader.entries(|name, r| {
        let fields = r.fields(&["addresses", "mtu", "mac"]);
        let (addresses, mtu, mac) = interface(&fields);
        BridgeFile { name, addresses, mtu, mac }
    })
}

type Interface = (Vec<At<Option<IpNet>>>, Option<i64>, Option<At<String>>);

/// What bridges and links have in common.
fn interface(fields: &Fields) -> Interface {
    let address = |r: Reader| r.at(r.parsed(|t| values::interface_address(t).map(Some)));
    (
        fields.get("addresses", |r| r.one_or_more(address)).unwrap_or_default(),
        fields.get("mtu", |r| r.integer(68..=65535)),
        fields.get("mac", |r| r.at(r.parsed(values::mac))),
    )
}

fn node(name: At<String>, reader: Reader) -> NodeFile {
    let fields = reader.fields(&["links", "routes", "sysctls", "forward", "nft", "services"]);
    NodeFile {
        name,
        links: fields.get("links", |r| r.entries(link)).unwrap_or_default(),
        routes: fields.get("routes", |r| r.list(route)).unwrap_or_default(),
        sysctls: fields.get("sysctls", texts).unwrap_or_default(),
        forward: fields.get("forward", |r| r.boolean()).unwrap_or_default(),
        nft: fields.get("nft", |r| r.at(r.text())),
        services: fields.get("services", |r| r.entries(service)).unwrap_or_default(),
    }
}

fn link(name: At<String>, reader: Reader) -> LinkFile {
    let fields = reader.fields(&["bridge", "port", "peer", "addresses", "mtu", "mac", "vlans"]);
    match fields.present(&["bridge", "peer"]).as_slice() {
        [] => reader.wrong("a link needs a `bridge` or a `peer` at its other end"),
        [_] => {}
        _ => reader.wrong("a link has either a `bridge` or a `peer` at its other end, not both"),
    }
    let (addresses, mtu, mac) = interface(&fields);
    LinkFile {
        vlans: fields.get("vlans", |r| vlans(&name, r)).unwrap_or_default(),
        name,
        bridge: fields.get("bridge", |r| r.at(r.text())),
        port: fields.get("port", |r| r.at(r.text())),
        peer: fields.get("peer", |r| r.at(r.text())),
        addresses,
        mtu,
        mac,
    }
}

fn route(reader: Reader) -> RouteFile {
    let fields = reader.fields(&["to", "via", "dev", "src", "metric"]);
    if fields.present(&["via", "dev"]).is_empty() {
        reader.wrong("a route needs a next hop (`via`), a link (`dev`) or both");
    }
    let address = |r: Reader| r.at(r.parsed(|t| values::address(t).map(Some)));
    RouteFile {
        to: fields.need("to", |r| r.at(r.parsed(values::destination))).unwrap_or_default(),
        via: fields.get("via", address),
        dev: fields.get("dev", |r| r.at(r.text())),
        src: fields.get("src", address),
        metric: fields.get("metric", |r| r.integer(0..=i64::from(u32::MAX))),
    }
}

const RUN_FIELDS: [&str; 4] = ["command", "files", "environment", "ready"];

fn service(name: At<String>, reader: Reader) -> ServiceFile {
    let known: Vec<&str> = RUN_FIELDS.into_iter().chain(["after", "stand-in"]).collect();
    let fields = reader.fields(&known);
    ServiceFile {
        name,
        run: run(&fields),
        after: fields.get("after", |r| r.one_or_more(|r| r.at(r.text()))).unwrap_or_default(),
        stand_in: fields.get("stand-in", |r| run(&r.fields(&RUN_FIELDS))),
    }
}

fn run(fields: &Fields) -> RunFile {
    RunFile {
        command: fields.need("command", |r| r.at(r.text())).unwrap_or_default(),
        files: fields.get("files", texts).unwrap_or_default(),
        environment: fields.get("environment", texts).unwrap_or_default(),
        ready: fields.need("ready", ready).unwrap_or_default(),
    }
}

const CONDITIONS: [&str; 7] = ["udp", "tcp", "log", "file", "command", "running", "exit"];

fn ready(reader: Reader) -> ReadyFile {
    let known: Vec<&str> = CONDITIONS.into_iter().chain(["within"]).collect();
    let fields = reader.fields(&known);
    let conditions = conditions(&fields);
    if conditions.is_empty() {
        reader.wrong(format!("nothing says when the service is ready, expected one of {}", quoted(&CONDITIONS)));
    }
    ReadyFile { conditions, within: fields.get("within", |r| r.duration(MAX_WAIT)) }
}

/// The conditions of `ready` and of a `wait` step.
pub fn conditions(fields: &Fields) -> Vec<At<Condition>> {
    let port = |r: Reader| r.integer(1..=65535) as u16;
    let mut all = Vec::new();
    all.extend(fields.get("udp", |r| r.one_or_more(|r| r.at(Condition::Udp(port(r))))).unwrap_or_default());
    all.extend(fields.get("tcp", |r| r.one_or_more(|r| r.at(Condition::Tcp(port(r))))).unwrap_or_default());
    all.extend(fields.get("log", |r| r.at(Condition::Log(values::log_pattern(&r)))));
    all.extend(fields.get("file", |r| r.at(Condition::File(r.text()))));
    all.extend(fields.get("command", |r| r.at(Condition::Command(r.text()))));
    all.extend(fields.get("running", |r| r.at(Condition::Running(r.duration(MAX_WAIT)))));
    all.extend(fields.get("exit", |r| r.at(Condition::Exit(r.integer(0..=255) as u8))));
    all
}
