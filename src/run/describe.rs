//! What the runtime reports as missing or broken, in words.

use crate::event;
use crate::event::Missing;
use crate::host::Host;
use crate::yaml::values::{NO_PACKAGE, UNPACK};
use std::time::Duration;

/// What is missing on `host`, and what gets it: one command for all packages. `at` is what a command must say,
/// after a space, to mean that host.
pub fn describe_missing(missing: &[Missing], host: &Host, at: &str) -> Vec<String> {
    let (commands, others): (Vec<&Missing>, Vec<&Missing>) =
        missing.iter().partition(|m| m.kind == "command");
    let mut lines = Vec::new();
    let (by_hand, commands): (Vec<&Missing>, Vec<&Missing>) =
        commands.into_iter().partition(|m| m.package == NO_PACKAGE);
    let (unpacked, commands): (Vec<&Missing>, Vec<&Missing>) =
        commands.into_iter().partition(|m| m.package.starts_with(UNPACK));
    if !commands.is_empty() {
        let names: Vec<&str> = commands.iter().map(|m| m.name.as_str()).collect();
        let (are, them) = if names.len() == 1 { ("is", "it") } else { ("are", "them") };
        let mut packages: Vec<String> = commands.iter().map(|m| m.package.clone()).collect();
        packages.dedup();
        let install = install_command(&packages, host).join(" ");
        lines.push(format!("{} {are} missing, install {them}: {install}", names.join(", ")));
    }
    lines.extend(unpacked.iter().map(|Missing { name, package, .. }| {
        let package = package.strip_prefix(UNPACK).unwrap_or(package);
        format!("{name} is missing, and its package {package} is to be unpacked, not installed: `labrun doctor LAB --install{at}` does so")
    }));
    lines.extend(by_hand.iter().map(|Missing { name, .. }| {
        format!("{name} is missing, and is in no package that can be installed for it: put it on `PATH` by hand")
    }));
    lines.extend(others.iter().map(|Missing { kind, name, stand_in, why, .. }| match kind.as_str() {
        "allow" => format!("{why}: add `--allow {name}` if you trust its lab file"),
        "device" => format!("the interface {name} cannot be lent to the lab: {why}. {}", roots(host)),
        // It is there, but not for everybody, such as /dev/net/tun, or not in this container.
        "kernel" if why.contains("Permission denied") || why.contains("not permitted") => {
            format!("{name} may not be used by this user ({why}): run labrun as root, or change that")
        }
        "kernel" if name == "ids" => "this user has a single id in a user namespace, and the lab needs more: a range in /etc/subuid and /etc/subgid, with newuidmap(1) of the package uidmap, or root".into(),
        "kernel" => format!("this kernel has no {name}: `modprobe`, another kernel, or a VM (`labrun vm up`)"),
        _ if stand_in.is_empty() => format!("there is no {name}: name it with --subject PATH"),
        _ => format!("there is no {name}, and --strict refuses its stand-in {stand_in}: name it with --subject PATH"),
    }));
    lines
}

/// How a lab is root's on the machine of `host`.
fn roots(host: &Host) -> &'static str {
    match host {
        Host::Native(_) => "Run `sudo labrun`",
        Host::Remote(remote) if remote.machine.here => {
            "Leave `--host user://…` out, so that the lab is root's"
        }
        Host::Remote(_) => "Log in as root there",
    }
}

/// The command that installs Debian `packages` on `host`.
pub fn install_command(packages: &[String], host: &Host) -> Vec<String> {
    let sudo = (!host.is_root()).then_some("sudo");
    let words = ["apt-get", "install", "-y", "--no-install-recommends"];
    sudo.into_iter().chain(words).map(String::from).chain(packages.iter().cloned()).collect()
}

fn died(status: i32) -> String {
    event::signal(status).map_or_else(
        || format!("died with exit status {status}"),
        |signal| format!("died of signal {signal}"),
    )
}

/// That a service failed, each time with one of `statuses`, and was started again.
pub fn describe_restarts(service: &str, statuses: &[i32]) -> String {
    let how: Vec<String> = statuses.iter().map(|status| died(*status)).collect();
    let again = if how.len() == 1 { "once".into() } else { format!("{} times", how.len()) };
    format!("service {service} was started again {again}: it {}", how.join(", "))
}

/// Why a service is not up, its command, and what its output is headed by; nothing if all is well
/// with it.
pub fn describe_service(service: &event::Service) -> Vec<String> {
    let what = match (service.state.as_str(), service.status) {
        ("died", Some(127)) => "could not be run (exit status 127)".into(),
        ("died", Some(status)) => died(status),
        ("died", None) => "died, and its exit status could not be noted: is the disk full?".into(),
        ("late", _) => {
            let waited = Duration::from_millis(service.within.unwrap_or_default());
            format!("was not ready within {waited:?}, still waiting for: {}", service.waiting)
        }
        ("failed", _) => {
            format!("was ready, but a command of its `started` failed: {}", service.waiting)
        }
        _ => return Vec::new(),
    };
    vec![
        format!("service {} (node {}) {what}", service.name, service.node),
        format!("command: {}", service.command.trim()),
        "its last lines:".into(),
    ]
}
