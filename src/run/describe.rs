//! What the runtime reports as missing or broken, in words.

use crate::event;
use std::time::Duration;

/// What is missing and the command that gets it.
pub fn describe_missing(kind: &str, name: &str, package: &str, stand_in: &str) -> String {
    match kind {
        "command" => format!("{name} is missing, install it: {}", crate::verbs::doctor::install_command(&[package.to_string()]).join(" ")),
        "kernel" => format!("this kernel has no {name}: `modprobe`, another kernel, or a machine that has it"),
        _ if stand_in.is_empty() => format!("there is no {name}: name it with --subject PATH"),
        _ => format!("there is no {name}, and --strict refuses its stand-in {stand_in}: name it with --subject PATH"),
    }
}

/// Why a service is not up, its command, and what its output is headed by; nothing if all is well with it.
pub fn describe_service(service: &event::Service) -> Vec<String> {
    let what = match (service.state.as_str(), service.status) {
        ("died", Some(status)) if status > 128 => format!("died of signal {}", status - 128),
        ("died", Some(127)) => "could not be run (exit status 127)".into(),
        ("died", Some(status)) => format!("died with exit status {status}"),
        ("late", _) => {
            let waited = Duration::from_millis(service.within.unwrap_or_default());
            format!("was not ready within {waited:?}, still waiting for: {}", service.waiting)
        }
        _ => return Vec::new(),
    };
    vec![
        format!("service {} (node {}) {what}", service.name, service.node),
        format!("command: {}", service.command.trim()),
        "its last lines:".into(),
    ]
}
