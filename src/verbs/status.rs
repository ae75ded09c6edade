//! `labrun status`: which labs are up, and how their services do.

use crate::cli::Cli;
use crate::error::Exit;
use crate::event::{Event, Instance, Processes, Service};
use crate::report::outln;
use crate::report::{Format, print_json};
use crate::text::size;
use crate::verbs::running::{at, collect, hosts, kind};
use anyhow::Result;
use serde_json::{Value, json};
use std::time::Duration;

/// Clock ticks of a second in /proc, the same on every Linux (USER_HZ).
const TICKS: u64 = 100;

/// Shows what is up.
///
/// # Errors
/// If nothing can be run on this machine.
pub fn status(cli: &Cli) -> Result<u8> {
    let (hosts, none) = hosts(cli)?;
    let mut labs = Vec::new();
    for host in &hosts {
        labs.extend(up(collect(host, &["status".to_string()])?.0));
    }
    if cli.format == Format::Json {
        print_json(&Value::Array(labs.iter().map(Up::json).collect()).to_string());
        return Ok(Exit::Passed as u8);
    }
    if labs.is_empty() {
        outln!("{none}");
    }
    let at = at(&kind(cli)?);
    for lab in &labs {
        let Instance { instance, condition, pid, how, path, .. } = &lab.instance;
        let subject = match how.as_str() {
            "" => String::new(),
            "stand-in" => "  on its stand-in".into(),
            _ => format!("  testing {path}"),
        };
        let hint = match condition.as_str() {
            "dead" => format!("  (run `labrun clean{at}`)"),
            _ => String::new(),
        };
        outln!("{instance:<16} {condition:<8} pid {pid}{subject}{hint}");
        for (service, usage) in &lab.services {
            outln!("  {:<14} {}", service.name, line(service, usage.as_ref()));
        }
    }
    Ok(Exit::Passed as u8)
}

/// An instance, its services, and what those that run use.
struct Up {
    instance: Instance,
    services: Vec<(Service, Option<Usage>)>,
}

/// What a service's processes use.
#[derive(Debug, PartialEq)]
struct Usage {
    /// How long its first has run.
    uptime: Duration,
    /// What all of them have in memory.
    memory: u64,
    /// How many they are.
    processes: usize,
    /// Its first is stopped by a signal.
    halted: bool,
}

impl Up {
    fn json(&self) -> Value {
        let i = &self.instance;
        let services: Vec<Value> = (self.services.iter())
            .map(|(s, usage)| {
                json!({
                    "name": s.name, "state": state(s, usage.as_ref()), "status": s.status, "log": s.log,
                    "restarts": restarts(s),
                    "uptime": usage.as_ref().map(|usage| usage.uptime.as_secs_f64()),
                    "memory": usage.as_ref().map(|usage| usage.memory),
                    "processes": usage.as_ref().map_or(0, |usage| usage.processes),
                })
            })
            .collect();
        json!({
            "instance": i.instance, "condition": i.condition, "state": i.state,
            "pid": i.pid.parse::<u32>().ok(), "subject": {"how": i.how, "path": i.path}, "services": services,
        })
    }
}

/// What the runtime has told: an instance, its processes, its services, and the next.
fn up(events: Vec<Event>) -> Vec<Up> {
    let mut labs: Vec<Up> = Vec::new();
    let mut processes = None;
    for event in events {
        match (event, labs.last_mut()) {
            (Event::Instance(instance), _) => {
                processes = None;
                labs.push(Up { instance, services: Vec::new() });
            }
            (Event::Processes(all), _) => processes = Some(all),
            (Event::Service(service), Some(lab)) => {
                let usage = processes.as_ref().and_then(|all| usage(&service, all));
                lab.services.push((service, usage));
            }
            _ => {}
        }
    }
    labs
}

/// What `service` uses of what `all` tells; nothing if its first process is not there. Daemons that have left its
/// session are not counted: nothing here says whose they are.
fn usage(service: &Service, all: &Processes) -> Option<Usage> {
    let first: u64 = service.pid.parse().ok().filter(|_| service.status.is_none())?;
    let mut usage = None;
    let (mut memory, mut processes) = (0, 0);
    for line in all.stats.lines() {
        // The name may itself hold blanks and brackets.
        let Some((head, rest)) = line.rsplit_once(") ") else { continue };
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<u64>().ok());
        if number(3) != Some(first) || matches!(fields[0], "Z" | "X") {
            continue;
        }
        memory += number(21).unwrap_or_default() * all.page;
        processes += 1;
        if head.split(' ').next().and_then(|pid| pid.parse().ok()) == Some(first) {
            let now: f64 = all.uptime.split(' ').next()?.parse().ok()?;
            let since = number(19)? as f64 / TICKS as f64;
            let uptime = Duration::try_from_secs_f64(now - since).unwrap_or_default();
            usage = Some((uptime, fields[0] == "T"));
        }
    }
    usage.map(|(uptime, halted)| Usage { uptime, memory, processes, halted })
}

/// `running`, `halted` or `exited`.
fn state<'s>(service: &'s Service, usage: Option<&Usage>) -> &'s str {
    if usage.is_some_and(|usage| usage.halted) { "halted" } else { &service.state }
}

fn restarts(service: &Service) -> u64 {
    service.restarts.parse().unwrap_or(0)
}

fn line(service: &Service, usage: Option<&Usage>) -> String {
    let mut words = vec![match service.status {
        Some(status) if status > 128 => format!("ended by signal {}", status - 128),
        Some(status) => format!("ended with exit status {status}"),
        None if usage.is_some_and(|usage| usage.halted) => "stopped (SIGSTOP)".into(),
        None => service.state.clone(),
    }];
    if let Some(usage) = usage {
        words.push(format!("up {}", since(usage.uptime)));
        words.push(match usage.processes {
            1 => size(usage.memory),
            processes => format!("{} in {processes} processes", size(usage.memory)),
        });
    }
    match restarts(service) {
        0 => {}
        1 => words.push("started again once".into()),
        times => words.push(format!("started again {times} times")),
    }
    words.join(", ")
}

/// `7 s`, `3 min`, `5 h`, `12 d`.
fn since(time: Duration) -> String {
    match time.as_secs() {
        seconds @ ..120 => format!("{seconds} s"),
        seconds @ ..7_200 => format!("{} min", seconds / 60),
        seconds @ ..172_800 => format!("{} h", seconds / 3_600),
        seconds => format!("{} d", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_service_uses_is_what_its_session_does() {
        let line = |pid: u32, name: &str, state: &str, session: u32, start: u32, rss: u32| {
            let zeros = |count: usize| vec!["0"; count].join(" ");
            format!("{pid} ({name}) {state} 1 {pid} {session} {} {start} 9 {rss} 1 2", zeros(15))
        };
        let all = |state: &str| Processes {
            stats: [
                line(1, "bash", "S", 1, 5, 100),
                line(7, "a) R 1 (b", state, 7, 1000, 10),
                line(8, "child", "S", 7, 2000, 3),
                line(9, "gone", "Z", 7, 2000, 50),
                line(10, "other", "S", 10, 2000, 70),
            ]
            .join("\n"),
            uptime: "30.50 12.00".into(),
            page: 4096,
        };
        let service = Service { pid: "7".into(), state: "running".into(), ..Service::default() };
        let uptime = Duration::from_millis(20_500);
        let expected = Usage { uptime, memory: 13 * 4096, processes: 2, halted: false };
        let found = usage(&service, &all("S"));
        assert_eq!(found, Some(expected));
        assert_eq!(super::line(&service, found.as_ref()), "running, up 20 s, 53 kB in 2 processes");
        let halted = usage(&service, &all("T"));
        assert_eq!(state(&service, halted.as_ref()), "halted");
        let again = Service { restarts: "3".into(), ..service.clone() };
        assert!(super::line(&again, None).ends_with("running, started again 3 times"));
        // One that has ended uses nothing, whoever has its number now.
        let ended = Service { status: Some(1), ..service.clone() };
        assert_eq!(usage(&ended, &all("S")), None);
        assert_eq!(usage(&Service { pid: "77".into(), ..service }, &all("S")), None);
    }
}
