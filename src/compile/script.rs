//! A lab as one self-contained bash program: the embedded runtime and the lab's own data.
//!
//! The program is the contract with every host: the same bytes run here, over ssh, in a virtual
//! machine and by hand (`labrun script relay | sudo bash`).

use crate::compile::devices;
use crate::compile::kernel::trial;
use crate::compile::plan::{self, Action, Plan, plan};
use crate::compile::wireguard;
use crate::lab::model::{Lab, Test};
use crate::quote::{command, ip_line, pattern, shell};
use crate::steps::Client;
use crate::text::listed;
use crate::topology::device::Kind;
use crate::topology::layout::Layout;
use crate::topology::model::*;
use crate::topology::uplink::PROGRAM;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::values::UNPACK;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;

/// The shell files of the runtime, in the order they are put together.
pub const RUNTIME: [(&str, &str); 8] = [
    ("base.sh", include_str!("../../scripts/base.sh")),
    ("sandbox.sh", include_str!("../../scripts/sandbox.sh")),
    ("topology.sh", include_str!("../../scripts/topology.sh")),
    ("subject.sh", include_str!("../../scripts/subject.sh")),
    ("logs.sh", include_str!("../../scripts/logs.sh")),
    ("service.sh", include_str!("../../scripts/service.sh")),
    ("inside.sh", include_str!("../../scripts/inside.sh")),
    ("main.sh", include_str!("../../scripts/main.sh")),
];

/// How a program that is read from a pipe keeps its text. It is the first that runs, as the value of
/// a variable, so all of it has been read by then, and the rest is still in the pipe: `cat` takes
/// that. What is run in its place is, to the byte, what was printed: the head that `assemble`
/// writes, in which this very text stands between single quotes (so it may hold none), and the
/// rest. That finds itself in LAB_PROGRAM, and does not do so again. A program that is a file, or an
/// argument of `bash -c` (BASH_EXECUTION_STRING), is there as a whole anyway.
const PIPE: &str = include_str!("../../scripts/pipe.sh");

/// Compiles `lab`, with `client` for the `dhcp` steps that don't name one.
pub fn compile(lab: &Lab, client: Client) -> String {
    let data = data(lab, client);
    let title = format!("The lab `{}`, compiled by labrun {}", lab.name, env!("CARGO_PKG_VERSION"));
    let (pass, write) = (names(&lab.topology.pass_env), names(&lab.topology.writable));
    let granted = format!("PASS=({}) WRITE=({})", command(&pass), command(&write));
    assemble(&title, &format!("{granted}{}", unpacked(lab)), &data)
}

/// Puts on the `PATH` what the packages have that are unpacked for `lab` (vm/unpack.sh). The machine's own go first.
fn unpacked(lab: &Lab) -> String {
    let packages = lab.topology.commands.iter().filter_map(|(_, of)| of.strip_prefix(UNPACK));
    let lines = packages.map(|package| {
        // As a folder: a colon would part the `PATH`.
        let package = shell(&package.replace(':', "%3a"));
        format!("\nfor REPLY in {{\"${{XDG_CACHE_HOME:-${{HOME-}}/.cache}}\",/var/cache}}/labrun/unpacked/{package}/{{usr/local/,usr/,}}{{sbin,bin}}; do PATH+=:$REPLY; done")
    });
    lines.collect()
}

/// What `all` are, without their places.
fn names(all: &[Spanned<String>]) -> Vec<&str> {
    all.iter().map(|one| one.value.as_str()).collect()
}

/// The runtime alone, for what needs no lab: `clean`, `status`, `exec`, `logs`.
pub fn runtime() -> String {
    assemble("labrun's runtime without a lab", "PASS=() WRITE=()", "LAB=''\nLAB_HASH=''\n")
}

fn assemble(title: &str, granted: &str, data: &str) -> String {
    let mut text = format!(
        "#!/usr/bin/env bash\n# shellcheck disable=SC2016 # expanded by the eval\nPIPE={}\neval \"$PIPE\"\n# {title}.\n# Run it as root to bring the lab up; `bash FILE status|clean` for the rest (see main.sh below).\nset -u\n{granted}\n",
        shell(PIPE.trim_end())
    );
    for (name, source) in RUNTIME {
        let _ = write!(text, "\n# ---- {name}\n\n{}", source.trim_start());
    }
    let _ = write!(text, "\n# ---- the lab\n\n{data}\nmain \"$@\"\n");
    text
}

fn data(lab: &Lab, client: Client) -> String {
    let plan = plan(&lab.topology);
    let mut setup = String::new();
    needs(&mut setup, lab, client);
    handles(&mut setup, lab);
    topology(&mut setup, lab, &plan);
    let outside = command(&devices::outside(&lab.topology));
    function(&mut setup, "lab_outside", &[format!("outside=({outside})")]);
    lab_files(&mut setup, lab);
    services(&mut setup, lab);
    let hash: String = Sha256::digest(format!("{}{setup}", RUNTIME.map(|(_, s)| s).concat()))[..8]
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect();
    format!("LAB={}\nLAB_HASH={hash}\n{setup}", shell(&lab.name))
}

/// The nodes that some test of `lab` wants to be captured inside.
pub fn captured_nodes(lab: &Lab) -> Vec<&Node> {
    let wanted = |node: &&Node| lab.tests.iter().any(|test| test.capture.contains(&node.name));
    lab.topology.nodes.iter().filter(|node| node.name != GLOBAL).filter(wanted).collect()
}

/// A shell function of `lines`, which may be empty.
fn function(text: &mut String, name: &str, lines: &[String]) {
    let _ = writeln!(text, "{name}() {{");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
    if lines.is_empty() {
        let _ = writeln!(text, "  :");
    }
    let _ = writeln!(text, "}}");
}

/// The commands that `lab` needs, each with its Debian package; those of its stand-in if asked.
pub fn commands(lab: &Lab, client: Client, stand_in: bool) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = vec![("ip".into(), "iproute2".into())];
    let mut add = |command: &str, package: &str| {
        if !all.iter().any(|(c, _)| c == command) {
            all.push((command.into(), package.into()));
        }
    };
    lab.topology.commands.iter().for_each(|(c, p)| add(c, p));
    if !lab.topology.uplinks.is_empty() {
        add(PROGRAM, PROGRAM);
    }
    if lab.topology.nodes.iter().any(|n| n.nft.is_some()) {
        add("nft", "nftables");
    }
    if lab.topology.nodes.iter().flat_map(|n| &n.links).any(|link| link.impair.is_some()) {
        add("tc", "iproute2");
    }
    if wireguard::has_keys(&lab.topology) {
        let (wg, package) = wireguard::COMMAND;
        add(wg, package);
    }
    if lab.tests.iter().flat_map(Test::filters).next().is_some() {
        add("tcpdump", "tcpdump");
    }
    for step in lab.tests.iter().flat_map(|t| &t.steps) {
        for (command, package) in step.kind.with_client(client).commands() {
            add(command, package);
        }
    }
    if let (true, Some(Subject { stand_in: Some((program, package)), .. })) =
        (stand_in, &lab.topology.subject)
    {
        add(program, package);
    }
    all
}

fn needs(text: &mut String, lab: &Lab, client: Client) {
    let words = |commands: &[(String, String)]| {
        commands.iter().map(|(c, p)| shell(&format!("{c} {p}"))).collect::<Vec<_>>().join(" ")
    };
    let common = commands(lab, client, false);
    let asked = lab.topology.wants().into_iter().filter_map(|(allow, field, all)| {
        let line = all.first()?.position.line;
        let (names, file) = (names(all).join(", "), &lab.file);
        Some(shell(&format!("{} `{field}` ({file}:{line}) asks for {names}", allow.word())))
    });
    let asked: Vec<String> = asked.collect();
    let print = (!asked.is_empty()).then(|| format!("printf '%s\\n' {}", asked.join(" ")));
    function(text, "lab_wants", &Vec::from_iter(print));
    let lent = names(&lab.topology.lent);
    let print = (!lent.is_empty()).then(|| format!("printf '%s\\n' {}", command(&lent)));
    function(text, "lab_devices", &Vec::from_iter(print));
    let mut lines = vec![format!("printf '%s\\n' {}", words(&common))];
    let more = commands(lab, client, true).split_off(common.len());
    if !more.is_empty() {
        lines.push(format!("[[ $1 != stand-in ]] || printf '%s\\n' {}", words(&more)));
    }
    function(text, "lab_needs", &lines);
    let kernel: Vec<String> = lab
        .topology
        .kernel
        .iter()
        .filter(|f| !["veth", "bridge"].contains(&f.as_str()))
        .map(|feature| format!("{feature} {}", trial(feature)))
        .collect();
    let lines = if kernel.is_empty() {
        Vec::new()
    } else {
        vec![format!("printf '%s\\n' {}", command(&kernel))]
    };
    function(text, "lab_kernel", &lines);
    if let Some(subject) = &lab.topology.subject {
        let stand_in = subject.stand_in.as_ref().map_or("", |(p, _)| p);
        function(
            text,
            "lab_subject",
            &[format!("program={} stand_in={}", shell(&subject.program), shell(stand_in))],
        );
    }
}

/// From the names of the lab file to the kernel's, else to what may have been meant.
fn handles(text: &mut String, lab: &Lab) {
    let mut lines = vec!["case $1 in".to_string(), format!("  {GLOBAL}) REPLY={GLOBAL} ;;")];
    for node in lab.topology.nodes.iter().filter(|n| n.name != GLOBAL) {
        // In quotes, or shellcheck takes it for a command whose output is wanted.
        lines.push(format!("  {}) REPLY={} ;;", pattern(&node.name), pattern(&node.netns.0)));
    }
    let names: Vec<&str> = lab.topology.nodes.iter().map(|node| node.name.as_str()).collect();
    let there = shell(&format!("; there is {}", listed(&names)));
    lines.extend([format!("  *) REPLY={there} && return 1 ;;"), "esac".into()]);
    function(text, "lab_handle", &lines);
}

fn topology(text: &mut String, lab: &Lab, plan: &Plan) {
    let (now, later) = halves(lab, &plan.actions);
    let [now, later] = [now, later].map(|actions| shell(&network(&actions)));
    function(text, "lab_network", &[format!("network={now} later={later}")]);
    let rules = plan.actions.iter().filter_map(|action| match action {
        Action::Rules(node, rules) => {
            Some(format!("rules {} {} || return", shell(&node.0), shell(rules)))
        }
        _ => None,
    });
    function(text, "lab_rules", &rules.chain(wireguard::lines(&lab.topology)).collect::<Vec<_>>());
}

/// What is done before, and what after, interfaces of the machine are in their nodes: all of these that has to do with
/// links.
fn halves<'p>(lab: &Lab, actions: &'p [Action]) -> (Vec<&'p Action>, Vec<&'p Action>) {
    let lent = |node: &&Node| node.devices.iter().any(|d| matches!(d.kind, Kind::Lent { .. }));
    let waiting: Vec<&NetnsName> =
        lab.topology.nodes.iter().filter(lent).map(|node| &node.netns).collect();
    let links = actions.iter().position(|action| matches!(action, Action::Links(_)));
    let (before, after) = actions.split_at(links.map_or(0, |at| at + 1));
    let waits = |action: &&Action| match action {
        Action::Sysctls(node, _)
        | Action::Devices(node, _)
        | Action::Addresses(node, _)
        | Action::Policy(node, ..) => waiting.contains(&node),
        _ => false,
    };
    let (later, now): (Vec<&Action>, Vec<&Action>) = after.iter().partition(waits);
    (before.iter().chain(now).collect(), later)
}

/// The files of the lab that belong to no service.
fn lab_files(text: &mut String, lab: &Lab) {
    let line = |(path, content): &(String, String)| {
        let [complaint, path] = [shell(&format!("cannot write {path}")), shell(path)];
        format!("try {complaint} service_file {path} {} || return", shell(content))
    };
    let lines: Vec<String> = lab.topology.files.iter().map(line).collect();
    function(text, "lab_files", &lines);
}

/// What the agent must know of `lab`, whose steps run in `folder`.
pub fn layout(lab: &Lab, client: Client, folder: &Path) -> Layout {
    let plan = plan(&lab.topology);
    let up: Vec<Vec<String>> = plan.ports.iter().map(|port| plan::up(port)).collect();
    let topology = &lab.topology;
    Layout {
        lab: lab.name.clone(),
        services: topology.services.clone(),
        files: (topology.files.iter().map(|(path, _)| (String::new(), path.clone())))
            .chain(topology.services.iter().flat_map(files))
            .collect(),
        private: topology.private.clone(),
        writable: topology.writable.iter().map(|folder| folder.value.clone().into()).collect(),
        addresses: plan.actions.iter().filter_map(addresses).collect(),
        ports: lines(&up).join("\n"),
        queues: (topology.nodes.iter())
            .flat_map(|node| {
                plan::impaired(node).map(|(link, queue)| (node.netns.clone(), link.into(), queue))
            })
            .collect(),
        captured: captured_nodes(lab).iter().map(|node| node.netns.clone()).collect(),
        commands: commands(lab, client, true),
        subject: topology.subject.as_ref().map(|s| {
            (
                s.program.clone(),
                s.stand_in.as_ref().map_or(String::new(), |(program, _)| program.clone()),
            )
        }),
        folder: folder.into(),
    }
}

/// The files of `service`, whatever runs.
fn files(service: &Service) -> Vec<(String, String)> {
    let runs = std::iter::once(&service.run).chain(&service.stand_in);
    let paths = runs.flat_map(|run| &run.files).map(|(path, _)| path.clone());
    paths.map(|path| (service.id.clone(), path)).collect()
}

/// What makes the network, in the lines that `labrun _net` and scripts/topology.sh understand.
fn network(actions: &[&Action]) -> String {
    /// What lines are for, in which namespaces, and the lines.
    type Section<'a> = (&'a str, Vec<&'a str>, Vec<String>);
    let mut sections: Vec<Section> = Vec::new();
    for &action in actions {
        let (what, place, lines) = match action {
            Action::Nodes(handles) => {
                let add = handles.iter().map(|handle| format!("netns add {}", handle.0));
                (
                    "namespaces",
                    GLOBAL,
                    std::iter::once("link set dev lo up".to_string()).chain(add).collect(),
                )
            }
            Action::Sysctls(node, settings) => (
                "settings",
                node.0.as_str(),
                settings.iter().map(|(key, value)| format!("sysctl {key} {value}")).collect(),
            ),
            Action::Private(folders) => {
                ("mounts", GLOBAL, folders.iter().flat_map(|folder| private(folder)).collect())
            }
            Action::Links(commands) => ("links", GLOBAL, lines(commands)),
            Action::Devices(node, commands) => ("links inside", node.0.as_str(), lines(commands)),
            Action::Addresses(node, commands) => ("addresses", node.0.as_str(), lines(commands)),
            Action::Queues(node, commands) => ("queues", node.0.as_str(), lines(commands)),
            Action::Bridges(commands) => ("bridges", GLOBAL, lines(commands)),
            Action::Policy(node, ipv6, commands) => {
                let what = if *ipv6 { "IPv6 routing rules" } else { "routing rules" };
                (what, node.0.as_str(), lines(commands))
            }
            Action::Rules(..) => continue,
        };
        // Most nodes have the same settings, which a large lab should not repeat.
        let same = |section: &&mut Section| section.0 == what && section.2 == lines;
        match sections.iter_mut().rev().take_while(|section| section.0 == "settings").find(same) {
            Some(section) => section.1.push(place),
            None => sections.push((what, vec![place], lines)),
        }
    }
    let sections = sections.iter().map(|(what, places, lines)| {
        format!("[{what} of {}]\n{}", places.join(" "), lines.join("\n"))
    });
    sections.collect::<Vec<_>>().join("\n")
}

/// What is written in these is the lab's own (scripts/sandbox.sh), so a folder can be made there.
const LAYERED: [&str; 8] =
    ["/etc", "/home", "/opt", "/srv", "/var/cache", "/var/lib", "/var/log", "/var/spool"];

/// What makes `folder` one that begins empty. On the machine none is made.
fn private(folder: &str) -> Vec<String> {
    let below = |folders: &[&str]| folders.iter().any(|other| Path::new(folder).starts_with(other));
    let mut lines = Vec::new();
    if below(&EMPTY) || below(&LAYERED) {
        lines.push(format!("mkdir -p {folder}"));
    }
    if !below(&EMPTY) {
        lines.push(format!("mount -t tmpfs -o mode=755 tmpfs {folder}"));
    }
    lines
}

/// The namespace and the text of an action that gives addresses.
fn addresses(action: &Action) -> Option<(NetnsName, String)> {
    match action {
        Action::Addresses(node, commands) => Some((node.clone(), lines(commands).join("\n"))),
        _ => None,
    }
}

fn lines(commands: &[Vec<String>]) -> Vec<String> {
    commands.iter().map(|words| ip_line(words)).collect()
}

fn services(text: &mut String, lab: &Lab) {
    let names: Vec<&str> = lab.topology.services.iter().map(|s| s.id.as_str()).collect();
    function(text, "lab_services", &[format!("names=({})", command(&names))]);
    for service in &lab.topology.services {
        function(text, &format!("lab_runs_{}", service.id), &description(service, &service.run));
        if let Some(run) = &service.stand_in {
            function(text, &format!("lab_stand_in_{}", service.id), &description(service, run));
        }
    }
}

fn description(service: &Service, run: &Run) -> Vec<String> {
    let pairs = |pairs: &[(String, String)], glue: &str| -> Vec<String> {
        pairs.iter().map(|(k, v)| format!("{k}{glue}{v}")).collect()
    };
    let mut lines = vec![
        format!("node={} within={}", shell(&service.node.0), run.within.as_millis()),
        format!("command={}", shell(&run.command)),
    ];
    if !service.after.is_empty() {
        lines.push(format!("after=({})", command(&service.after)));
    }
    if !run.environment.is_empty() {
        lines.push(format!("environment=({})", command(&pairs(&run.environment, "="))));
    }
    for (path, content) in &run.files {
        lines.push(format!("files+=({} {})", shell(path), shell(content)));
    }
    let ready: Vec<String> = run.ready.iter().flat_map(condition).collect();
    lines.push(format!("ready=({})", command(&ready)));
    if run.restart {
        lines.push("restart=on-failure".into());
    }
    if !run.started.is_empty() {
        lines.push(format!("started=({})", command(&run.started)));
    }
    lines
}

/// A condition as the two words the runtime knows it by.
fn condition(condition: &Condition) -> [String; 2] {
    let (kind, value) = match condition {
        Condition::Udp(port) => ("udp", port.to_string()),
        Condition::Tcp(port) => ("tcp", port.to_string()),
        Condition::Log(pattern) => ("log", pattern.clone()),
        Condition::File(path) => ("file", path.clone()),
        Condition::Command(text) => ("command", text.clone()),
        Condition::Running(time) => ("running", time.as_millis().to_string()),
        Condition::Exit(status) => ("exit", status.to_string()),
    };
    [kind.into(), value]
}
