//! A lab as one self-contained bash program: the embedded runtime and the lab's own data.
//!
//! The program is the contract with every host: the same bytes run here, over ssh, in a virtual
//! machine and by hand (`labrun script relay | sudo bash`).

use crate::compile::plan::{Action, Plan, plan};
use crate::lab::model::Lab;
use crate::quote::{command, ip_line, pattern, shell};
use crate::steps::Client;
use crate::topology::layout::Layout;
use crate::topology::model::*;
use sha2::{Digest, Sha256};
use std::fmt::Write;
use std::path::Path;

/// The shell files of the runtime, in the order they are put together.
pub const RUNTIME: [(&str, &str); 7] = [
    ("base.sh", include_str!("../../scripts/base.sh")),
    ("sandbox.sh", include_str!("../../scripts/sandbox.sh")),
    ("topology.sh", include_str!("../../scripts/topology.sh")),
    ("subject.sh", include_str!("../../scripts/subject.sh")),
    ("service.sh", include_str!("../../scripts/service.sh")),
    ("inside.sh", include_str!("../../scripts/inside.sh")),
    ("main.sh", include_str!("../../scripts/main.sh")),
];

/// Compiles `lab`, with `client` for the `dhcp` steps that don't name one.
pub fn compile(lab: &Lab, client: Client) -> String {
    let data = data(lab, client);
    let title = format!("The lab `{}`, compiled by labrun {}", lab.name, env!("CARGO_PKG_VERSION"));
    assemble(&title, &data)
}

/// The runtime alone, for what needs no lab: `clean`, `status`, `exec`, `logs`.
pub fn runtime() -> String {
    assemble("labrun's runtime without a lab", "LAB=''\nLAB_HASH=''\n")
}

fn assemble(title: &str, data: &str) -> String {
    let mut text = format!(
        "#!/usr/bin/env bash\n# {title}.\n# Run it as root to bring the lab up; `bash FILE status|clean` for the rest (see main.sh below).\nset -u\n"
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
    topology(&mut setup, &plan);
    services(&mut setup, lab);
    let hash: String =
        Sha256::digest(format!("{}{setup}", RUNTIME.map(|(_, s)| s).concat()))[..8].iter().map(|b| format!("{b:02x}")).collect();
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
    if lab.topology.nodes.iter().any(|n| n.nft.is_some()) {
        add("nft", "nftables");
    }
    if lab.tests.iter().flat_map(|t| &t.path).any(|rule| rule.filter.is_some()) {
        add("tcpdump", "tcpdump");
    }
    for step in lab.tests.iter().flat_map(|t| &t.steps) {
        for (command, package) in step.kind.with_client(client).commands() {
            add(command, package);
        }
    }
    if let (true, Some(Subject { stand_in: Some((program, package)), .. })) = (stand_in, &lab.topology.subject) {
        add(program, package);
    }
    all
}

fn needs(text: &mut String, lab: &Lab, client: Client) {
    let words = |commands: &[(String, String)]| commands.iter().map(|(c, p)| shell(&format!("{c} {p}"))).collect::<Vec<_>>().join(" ");
    let common = commands(lab, client, false);
    let mut lines = vec![format!("printf '%s\\n' {}", words(&common))];
    let more = commands(lab, client, true).split_off(common.len());
    if !more.is_empty() {
        lines.push(format!("[[ $1 != stand-in ]] || printf '%s\\n' {}", words(&more)));
    }
    function(text, "lab_needs", &lines);
    let kernel: Vec<String> = lab.topology.kernel.iter().filter(|f| !["veth", "bridge"].contains(&f.as_str())).cloned().collect();
    let lines = if kernel.is_empty() { Vec::new() } else { vec![format!("printf '%s\\n' {}", command(&kernel))] };
    function(text, "lab_kernel", &lines);
    if let Some(subject) = &lab.topology.subject {
        let stand_in = subject.stand_in.as_ref().map_or("", |(p, _)| p);
        function(text, "lab_subject", &[format!("program={} stand_in={}", shell(&subject.program), shell(stand_in))]);
    }
}

/// From the names of the lab file to the kernel's.
fn handles(text: &mut String, lab: &Lab) {
    let mut lines = vec!["case $1 in".to_string(), format!("  {GLOBAL}) REPLY={GLOBAL} ;;")];
    for node in lab.topology.nodes.iter().filter(|n| n.name != GLOBAL) {
        lines.push(format!("  {}) REPLY={} ;;", pattern(&node.name), shell(&node.handle.0)));
    }
    lines.extend(["  *) return 1 ;;".to_string(), "esac".into()]);
    function(text, "lab_handle", &lines);
}

fn topology(text: &mut String, plan: &Plan) {
    let mut lines = vec!["local addresses".to_string()];
    for action in &plan.actions {
        lines.push(match action {
            Action::Nodes(handles) => format!("nodes {} || return", command(&handles.iter().map(|h| &h.0).collect::<Vec<_>>())),
            Action::Sysctls(node, settings) => {
                let words: Vec<&String> = settings.iter().flat_map(|(k, v)| [k, v]).collect();
                format!("sysctls {} {} || return", shell(&node.0), command(&words))
            }
            Action::Links(commands) => format!("batch global links {} || return", shell(&batch(commands))),
            Action::Vlans(node, commands) => format!("batch {} VLANs {} || return", shell(&node.0), shell(&batch(commands))),
            Action::Addresses(node) => {
                let node = shell(&node.0);
                format!("lab_addresses {node} && batch {node} addresses \"$addresses\" || return")
            }
            Action::Rules(node, rules) => format!("rules {} {} || return", shell(&node.0), shell(rules)),
        });
    }
    function(text, "lab_topology", &lines);
    let mut lines = vec!["case $1 in".to_string()];
    for (node, commands) in &plan.addresses {
        lines.push(format!("  {}) addresses={} ;;", pattern(&node.0), shell(&batch(commands))));
    }
    lines.push("esac".into());
    function(text, "lab_addresses", &lines);
}

/// What the agent must know of `lab`, whose steps run in `folder`.
pub fn layout(lab: &Lab, client: Client, folder: &Path) -> Layout {
    let plan = plan(&lab.topology);
    let up: Vec<Vec<String>> = plan.ports.iter().map(|port| ["link", "set", "dev", port, "up"].map(String::from).to_vec()).collect();
    let subject = lab.topology.subject.as_ref();
    Layout {
        lab: lab.name.clone(),
        services: lab.topology.services.clone(),
        addresses: plan.addresses.iter().map(|(node, commands)| (node.clone(), batch(commands))).collect(),
        ports: batch(&up),
        captured: captured_nodes(lab).iter().map(|node| node.handle.clone()).collect(),
        commands: commands(lab, client, true),
        subject: subject.map(|s| (s.program.clone(), s.stand_in.as_ref().map_or(String::new(), |(program, _)| program.clone()))),
        folder: folder.into(),
    }
}

fn batch(commands: &[Vec<String>]) -> String {
    commands.iter().map(|words| ip_line(words)).collect::<Vec<_>>().join("\n")
}

fn services(text: &mut String, lab: &Lab) {
    let names: Vec<&str> = lab.topology.services.iter().map(|s| s.name.as_str()).collect();
    let lines = if names.is_empty() { Vec::new() } else { vec![format!("printf '%s\\n' {}", command(&names))] };
    function(text, "lab_service_names", &lines);
    for service in &lab.topology.services {
        function(text, &format!("lab_runs_{}", service.name), &description(service, &service.run));
        if let Some(run) = &service.stand_in {
            function(text, &format!("lab_stand_in_{}", service.name), &description(service, run));
        }
    }
}

fn description(service: &Service, run: &Run) -> Vec<String> {
    let pairs = |pairs: &[(String, String)], glue: &str| -> Vec<String> { pairs.iter().map(|(k, v)| format!("{k}{glue}{v}")).collect() };
    let mut lines =
        vec![format!("node={} within={}", shell(&service.node.0), run.within.as_millis()), format!("command={}", shell(&run.command))];
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
