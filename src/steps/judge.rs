//! Whether what a step saw is what its lab file wants.

use crate::packet::bytes::hex;
use crate::packet::server_id::ServerId;
use crate::steps::lease::Lease;
use crate::steps::model::*;
use crate::topology::model::Condition;
use serde_json::Value;
use std::net::IpAddr;

/// What one attempt of a step saw.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    /// Exit status; 124 if the time was over.
    pub exit: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// What the DHCP client left.
    pub lease: String,
    /// The addresses of its link, as `ip -j addr` prints them.
    pub addresses: String,
}

/// A verdict: what to show of a pass, or what was wrong.
pub type Verdict = Result<String, Vec<String>>;

/// Lines of a client's or command's output that a failure shows.
const SHOWN_LINES: usize = 12;

/// Judges `seen`; `client` is the one that `dhcp` steps use unless they name another.
pub fn judge(step: &StepKind, seen: &Seen, client: Client) -> Verdict {
    match step {
        StepKind::Dhcp(dhcp) => self::dhcp(dhcp, seen, dhcp.client.unwrap_or(client)),
        StepKind::Run(run) => command(run, seen),
        StepKind::Ping(ping) => self::ping(ping, seen),
        StepKind::Wait { condition, service, within, .. } => match seen.exit {
            0 => Ok(String::new()),
            _ => Err(vec![format!("waited {within:?} for {}", waited(condition, service.as_deref()))]),
        },
        StepKind::Service { action, service, .. } => match seen.exit {
            0 => Ok(String::new()),
            _ => Err(with_output(vec![format!("could not {action} the service {service}")], &seen.stderr)),
        },
        StepKind::Link { action, node, link, .. } => match seen.exit {
            0 => Ok(String::new()),
            _ => Err(with_output(vec![format!("could not set the link {link} of {node} {action}")], &seen.stderr)),
        },
    }
}

fn waited(condition: &Condition, service: Option<&str>) -> String {
    match condition {
        Condition::Udp(port) => format!("UDP port {port}"),
        Condition::Tcp(port) => format!("TCP port {port}"),
        Condition::Log(pattern) => format!("a line of {} that matches `{pattern}`", service.unwrap_or("the log")),
        Condition::File(path) => format!("the file {path}"),
        Condition::Command(command) => format!("`{command}` to succeed"),
        Condition::Running(_) | Condition::Exit(_) => "the service".into(),
    }
}

/// `what`, followed by the end of `output`.
fn with_output(mut what: Vec<String>, output: &str) -> Vec<String> {
    let lines: Vec<&str> = output.lines().filter(|line| !line.trim().is_empty() && !is_noise(line)).collect();
    what.extend(lines[lines.len().saturating_sub(SHOWN_LINES)..].iter().map(|line| format!("| {line}")));
    what
}

/// What ISC's programs say of themselves each time they start, and the innards of DHCPv6 messages.
fn is_noise(line: &str) -> bool {
    let noise = ["Internet Systems Consortium", "Copyright 20", "All rights reserved.", "For info, please visit", "XMT:  ", "RCV:  "];
    noise.iter().any(|beginning| line.starts_with(beginning))
}

fn dhcp(step: &Dhcp, seen: &Seen, client: Client) -> Verdict {
    let name = client.name();
    let lease = Lease::parse(client, &seen.lease);
    let assigned = assigned(&seen.addresses);
    if step.fails {
        return match lease {
            Some(lease) => Err(vec![format!("no lease was wanted, but {name} got {}", shown(&lease))]),
            None if !assigned.is_empty() => Err(vec![format!("no lease was wanted, but {} has {}", step.link, list(&assigned))]),
            // A client that never asked proves nothing. dhclient's 1 is its own trouble, 2 is "no lease".
            None if matches!((client, seen.exit), (_, 126 | 127) | (Client::Dhclient, 1)) => {
                Err(with_output(vec![format!("{name} could not ask: exit status {}", seen.exit)], &seen.stderr))
            }
            None => Ok("no lease, as wanted".into()),
        };
    }
    let Some(lease) = lease else {
        let why = match seen.exit {
            124 => format!("no lease within {:?}: {name} was still asking on {}", step.within, step.link),
            127 => format!("{name} could not be run"),
            0 => format!("{name} ended without a lease"),
            status => format!("no lease: {name} gave up with exit status {status}"),
        };
        return Err(with_output(vec![why], &format!("{}\n{}", seen.stdout, seen.stderr)));
    };
    let mut wrong = Vec::new();
    if seen.exit != 0 {
        wrong.push(format!("{name} got a lease, yet its exit status is {}", seen.exit));
    }
    let address = lease.address.expect("parsed leases have one");
    let on_link = assigned.iter().find(|(a, _)| *a == address);
    if on_link.is_none() {
        let has = if assigned.is_empty() { "no address".into() } else { list(&assigned) };
        wrong.push(format!("the address {address} is not on {}, which has {has}", step.link));
    }
    expectations(&step.expect, &lease, on_link.map(|(_, prefix)| *prefix), &mut wrong);
    if wrong.is_empty() {
        let prefix = on_link.map_or(String::new(), |(_, prefix)| format!("/{prefix}"));
        return Ok(format!("{address}{prefix} from {}", lease.giver()));
    }
    wrong.push(format!("the lease: {}", shown(&lease)));
    Err(wrong)
}

fn expectations(expect: &Expect, lease: &Lease, prefix: Option<u8>, wrong: &mut Vec<String>) {
    let address = lease.address.expect("parsed leases have one");
    if let Some((first, last)) = expect.pool
        && !(address.is_ipv4() == first.is_ipv4() && (first..=last).contains(&address))
    {
        wrong.push(format!("the address {address} is outside the pool {first}-{last}"));
    }
    if let Some(wanted) = expect.prefix {
        for (what, found) in [("on the link", prefix), ("in the lease", lease.prefix)] {
            if let Some(found) = found
                && found != wanted
            {
                wrong.push(format!("the prefix length {what} is {found}, not {wanted}"));
            }
        }
    }
    if let Some(wanted) = expect.router
        && lease.router != Some(wanted)
    {
        wrong.push(format!("the router is {}, not {wanted}", or_none(lease.router)));
    }
    if let Some(wanted) = &expect.dns
        && lease.dns != *wanted
    {
        wrong.push(format!("the DNS servers are {:?}, not {wanted:?}", lease.dns));
    }
    if let Some(wanted) = expect.lease
        && lease.seconds != Some(wanted.as_secs())
    {
        wrong.push(format!("the lease is for {} seconds, not {}", or_none(lease.seconds), wanted.as_secs()));
    }
    if let Some(wanted) = &expect.server
        && !lease.is_from(wanted)
    {
        let wanted = match wanted {
            ServerId::Address(address) => address.to_string(),
            ServerId::Duid(duid) => format!("DUID {}", hex(duid)),
            ServerId::Mac(mac) => hex(mac),
        };
        wrong.push(format!("the lease is from {}, not from {wanted}", lease.giver()));
    }
}

fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or("none".into(), |v| v.to_string())
}

fn shown(lease: &Lease) -> String {
    let mut text = format!("{} from {}", or_none(lease.address), lease.giver());
    if let Some(router) = lease.router {
        text.push_str(&format!(", router {router}"));
    }
    if !lease.dns.is_empty() {
        text.push_str(&format!(", DNS {}", lease.dns.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" ")));
    }
    text
}

fn list(addresses: &[(IpAddr, u8)]) -> String {
    addresses.iter().map(|(address, prefix)| format!("{address}/{prefix}")).collect::<Vec<_>>().join(", ")
}

/// The global addresses in the output of `ip -j addr show dev LINK`.
fn assigned(json: &str) -> Vec<(IpAddr, u8)> {
    let Ok(Value::Array(links)) = serde_json::from_str(json) else { return Vec::new() };
    let infos = links.iter().filter_map(|link| link.get("addr_info")?.as_array()).flatten();
    infos
        .filter(|info| info.get("scope").and_then(Value::as_str) != Some("link"))
        .filter_map(|info| Some((info.get("local")?.as_str()?.parse().ok()?, info.get("prefixlen")?.as_u64()? as u8)))
        .collect()
}

fn command(run: &Command, seen: &Seen) -> Verdict {
    let mut wrong = Vec::new();
    match (seen.exit, run.fails) {
        (124, _) => wrong.push(format!("`{}` did not end within {:?}", run.command.trim(), run.patience.timeout)),
        (0, true) => wrong.push(format!("`{}` succeeded, but was to fail", run.command.trim())),
        (status, false) if status != i32::from(run.exit) => {
            wrong.push(format!("`{}` ended with exit status {status}, not {}", run.command.trim(), run.exit));
        }
        _ => {}
    }
    if let Some(wanted) = &run.stdout
        && seen.stdout.trim() != wanted.trim()
    {
        wrong.push(format!("standard output is not `{}`", wanted.trim()));
    }
    if let Some(pattern) = &run.matches
        && !regex_lite::RegexBuilder::new(pattern).multi_line(true).build().is_ok_and(|regex| regex.is_match(&seen.stdout))
    {
        wrong.push(format!("nothing in standard output matches `{pattern}`"));
    }
    if let Some(wanted) = &run.json {
        match serde_json::from_str::<Value>(&seen.stdout) {
            Err(error) => wrong.push(format!("standard output is not JSON: {error}")),
            Ok(found) => wrong.extend(missing(wanted, &found, "").map(|m| format!("JSON: {m}"))),
        }
    }
    if wrong.is_empty() {
        return Ok(seen.stdout.lines().next().unwrap_or_default().chars().take(60).collect());
    }
    Err(with_output(wrong, &format!("{}\n{}", seen.stdout, seen.stderr)))
}

/// What of `wanted` is not in `found`: objects may have more fields than wanted, lists more items.
fn missing(wanted: &Value, found: &Value, path: &str) -> Option<String> {
    let here = if path.is_empty() { "the document" } else { path };
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => wanted.iter().find_map(|(key, value)| match found.get(key) {
            Some(other) => missing(value, other, &format!("{path}.{key}")),
            None => Some(format!("{here} has no `{key}`")),
        }),
        (Value::Array(wanted), Value::Array(found)) => wanted.iter().find_map(|value| {
            let any = found.iter().any(|other| missing(value, other, path).is_none());
            (!any).then(|| format!("{here} has no item {value}"))
        }),
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => None,
        (wanted, found) if wanted == found => None,
        (wanted, found) => Some(format!("{here} is {found}, not {wanted}")),
    }
}

fn ping(ping: &Ping, seen: &Seen) -> Verdict {
    let answers = seen.stdout.lines().filter(|line| line.contains(" bytes from ") && !line.contains("(DUP!)")).count() as i64;
    let duplicates = seen.stdout.contains("(DUP!)");
    if ping.fails {
        return match (answers, seen.exit) {
            (0, 127) => Err(with_output(vec!["ping could not be run".into()], &seen.stderr)),
            (0, _) => Ok("no answer, as wanted".into()),
            _ => Err(with_output(vec![format!("{} answers, but was not to", ping.to)], &seen.stdout)),
        };
    }
    if answers == ping.count && seen.exit == 0 && !duplicates {
        return Ok(format!("{} answers", ping.to));
    }
    let what = if duplicates { "answers more than once".into() } else { format!("answered {answers} of {} requests", ping.count) };
    Err(with_output(vec![format!("{} {what}", ping.to)], &format!("{}\n{}", seen.stdout, seen.stderr)))
}
