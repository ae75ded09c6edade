//! What is asked of labs that are up: `exec`, `shell`, `logs`, and where they are.

use crate::cli::Cli;
use crate::compile::script;
use crate::error::{Exit, Failure};
use crate::event::Event;
use crate::host::lima::Vm;
use crate::host::lima::progress::Progress;
use crate::host::lima::template::VmConfig;
use crate::host::{FOREVER, Host, HostKind};
use crate::interrupt;
use crate::lab::find::Labs;
use crate::record::event::RunEvent;
use crate::report::errln;
use crate::report::outln;
use crate::report::{Format, Reporter};
use crate::text::{listed, quoted, slip, suggest};
use crate::topology::check_services::ambiguous;
use anyhow::Result;
use std::env::consts::OS;
use std::path::Path;

/// The kind of host that was asked for, else the one that suits this system.
pub fn kind(cli: &Cli) -> Result<HostKind> {
    match &cli.host {
        Some(HostKind::Auto) | None => {
            HostKind::default_for(OS).map_err(|reason| Failure::machine(reason).into())
        }
        Some(kind) => Ok(kind.clone()),
    }
}

/// What the user's next command must say, after a space, to mean the host of `kind`.
pub fn at(kind: &HostKind) -> String {
    let set = std::env::var("LABRUN_HOST").ok().and_then(|host| host.parse().ok());
    kind.at(set.or_else(|| HostKind::default_for(OS).ok()).as_ref())
}

/// The host that was asked for, else the one that suits this system. A VM is brought up.
pub fn host(cli: &Cli) -> Result<Host> {
    let kind = kind(cli)?;
    if kind == HostKind::Lima {
        Vm::new(VmConfig::default())?.up(&Progress::new())?;
    }
    new(&kind)
}

/// The host of `kind`.
pub fn new(kind: &HostKind) -> Result<Host> {
    Host::new(kind).map_err(|error| Failure::machine(format!("{error:#}")).into())
}

/// The hosts on which labs may be up: that of [`host`], with `auto` also the VM if it runs. None,
/// with the reason, if that is a VM that does not run: it is not started to be asked what is up in
/// it.
pub fn hosts(cli: &Cli) -> Result<(Vec<Host>, String)> {
    let kind = kind(cli)?;
    let vm = Vm::new(VmConfig::default())?;
    Ok(match kind {
        HostKind::Lima => match vm.idle()? {
            Some(reason) => (Vec::new(), format!("no lab is up: {reason}")),
            None => (vec![new(&kind)?], "no lab is up".into()),
        },
        // A machine that cannot run labs itself may still have a VM.
        HostKind::Auto if vm.is_configured() && vm.idle()?.is_none() => {
            let mut hosts = vec![new(&HostKind::Lima)?];
            hosts.splice(0..0, new(&HostKind::Native).ok());
            (hosts, "no lab is up".into())
        }
        kind => (vec![new(&kind)?], "no lab is up".into()),
    })
}

/// The host on which the instance is up that `name` means, and its full name.
pub fn find(cli: &Cli, name: &str) -> Result<(Host, String)> {
    let (hosts, reason) = hosts(cli)?;
    let mut first = None;
    for host in hosts {
        match instance(cli, &host, name) {
            Ok(instance) => return Ok((host, instance)),
            Err(why) => first = first.or(Some(why)),
        }
    }
    Err(first.unwrap_or_else(|| Failure::usage(reason).into()))
}

/// "no lab" or "no instance", as `name` reads.
pub fn noun(name: &str) -> &'static str {
    if name.contains('@') { "no instance" } else { "no lab" }
}

/// Runs the runtime without a lab; its events and exit status.
pub fn collect(host: &Host, words: &[String]) -> Result<(Vec<Event>, i32)> {
    let mut process = host.run(&script::runtime(), words, Path::new("."))?;
    let mut events = Vec::new();
    while let Some(event) = process.event() {
        events.push(event);
    }
    host.check()?;
    for line in &process.noise {
        errln!("labrun: {line}");
    }
    Ok((events, process.finish()))
}

/// The instance that `name` means, which must be up.
///
/// # Errors
/// If it is not.
pub fn instance(cli: &Cli, host: &Host, name: &str) -> Result<String> {
    let (events, _) = collect(host, &["status".to_string()])?;
    let names: Vec<String> = events
        .into_iter()
        .filter_map(|e| if let Event::Instance(i) = e { Some(i.instance) } else { None })
        .collect();
    if names.iter().any(|n| n == name) {
        return Ok(name.into());
    }
    // The only instance of a lab needs no `@`.
    let others: Vec<&String> =
        names.iter().filter(|n| n.starts_with(&format!("{name}@"))).collect();
    if let [only] = others.as_slice() {
        return Ok((*only).clone());
    }
    let hint = match suggest(name, names.iter().map(String::as_str)) {
        Some(near) => format!(", did you mean `{near}`?"),
        None if names.is_empty() => {
            let (lab, said) = match meant(cli, name) {
                Some(near) => (near.clone(), format!(", did you mean `{near}`? Bring it up")),
                None => (name.to_string(), ": bring it up".into()),
            };
            format!("{said} with `labrun setup {lab}{}`", at(&kind(cli)?))
        }
        None => format!("; up: {}", quoted(&names)),
    };
    Err(Failure::usage(format!("{} `{name}` is up{hint}", noun(name))).into())
}

/// The lab that `name`, which is that of none, is most likely a slip of.
fn meant(cli: &Cli, name: &str) -> Option<String> {
    let labs = Labs::load_for(&[], &cli.files, &[]).ok()?;
    let names: Vec<&str> = labs.all().iter().map(|lab| lab.name.as_str()).collect();
    let lab = name.split_once('@').map_or(name, |(lab, _)| lab);
    if names.contains(&lab) { None } else { suggest(lab, names).map(String::from) }
}

/// Runs `command` in `node`, or an interactive shell without one; its exit code becomes labrun's.
///
/// # Errors
/// If the lab is not up.
pub fn exec(cli: &Cli, lab: &str, node: &str, command: &[String]) -> Result<u8> {
    let (mut hosts, reason) = hosts(cli)?;
    let (host, found) = match hosts.len() {
        0 => return Err(Failure::usage(reason).into()),
        // One visit less: a machine of its own tells if there is no such instance.
        1 => (hosts.remove(0), None),
        _ => find(cli, lab).map(|(host, instance)| (host, Some(instance)))?,
    };
    let status = match &host {
        Host::Native(native) => {
            let instance = found.map_or_else(|| instance(cli, &host, lab), Ok)?;
            let words: Vec<String> = ["exec", &instance, node]
                .into_iter()
                .map(String::from)
                .chain(command.iter().cloned())
                .collect();
            native.run_in_terminal(&script::runtime(), &words)?
        }
        Host::Remote(remote) => {
            let status = remote.enter(lab, node, command)?;
            // Either may be the command's own, too; a second look tells, and words the error.
            if status == 2 || status == 255 {
                instance(cli, &host, lab)?;
            }
            status
        }
    };
    Ok(u8::try_from(status).unwrap_or(255))
}

/// What the runtime calls these `services` of `lab`, as far as a lab file is known that says.
fn ids(cli: &Cli, lab: &str, services: &[String]) -> Result<Vec<String>> {
    let name = lab.split_once('@').map_or(lab, |(name, _)| name);
    let labs = Labs::load_for(&[name.to_string()], &cli.files, &[]);
    let labs = labs.map(|labs| labs.labs).unwrap_or_default();
    let known = labs.iter().find(|(_, lab)| lab.name == name);
    let id = |service: &String| {
        let found = known.map_or(Err(Vec::new()), |(_, lab)| lab.topology.service(service));
        match found {
            Ok(found) => Ok(found.id.clone()),
            Err(several) if several.is_empty() => Ok(service.replacen('/', "@", 1)),
            Err(several) => Err(Failure::usage(ambiguous(service, &several)).into()),
        }
    };
    services.iter().map(id).collect()
}

/// What may have been meant by that of `services` which `instance` does not have.
fn unknown(host: &Host, instance: &str, services: &[String]) -> Option<String> {
    let (mut here, mut names) = (false, Vec::new());
    for event in collect(host, &["status".to_string()]).ok()?.0 {
        match event {
            Event::Instance(one) => here = one.instance == instance,
            Event::Service(service) if here => names.push(service.name),
            _ => {}
        }
    }
    let wrong = services.iter().find(|service| !names.contains(&service.replacen('/', "@", 1)))?;
    Some(slip(wrong, names.iter().map(String::as_str), || match names.is_empty() {
        true => String::new(),
        false => format!("; there is {}", listed(&names)),
    }))
}

/// Prints the services' output, each line with the service's name in front.
///
/// # Errors
/// If the lab is not up or has no such service.
pub fn logs(cli: &Cli, lab: &str, services: &[String], follow: bool) -> Result<u8> {
    let (host, instance) = find(cli, lab)?;
    // Tied to this process: an interrupt ends the input, and with it the following.
    let mut words = vec!["--tied".to_string(), "logs".to_string(), instance.clone()];
    words.extend(follow.then(|| "-f".to_string()));
    words.extend(ids(cli, lab, services)?);
    let mut process = host.run(&script::runtime(), &words, Path::new("."))?;
    if follow {
        process.bear(FOREVER);
    }
    let mut reporter = Reporter::new(cli.format);
    let mut failed = None;
    while let Some(event) = process.event().filter(|_| !interrupt::interrupted()) {
        match event {
            Event::Log { service, line } if cli.format == Format::Json => {
                reporter.tell(&RunEvent::Log { lab: instance.clone(), source: service, line });
            }
            Event::Log { service, line } => outln!("{service} | {line}"),
            Event::Error { message } => failed = Some(message),
            _ => {}
        }
    }
    host.check()?;
    match failed {
        Some(message) => {
            let hint = unknown(&host, &instance, services).unwrap_or_default();
            Err(Failure::usage(format!("{message}{hint}")).into())
        }
        None if interrupt::interrupted() => Ok(Exit::Interrupted as u8),
        None => Ok(Exit::Passed as u8),
    }
}
