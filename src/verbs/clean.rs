//! `labrun clean`.

use crate::cli::Cli;
use crate::error::Exit;
use crate::event::Event;
use crate::host::Host;
use crate::host::transfer::files::Files;
use crate::record::artifacts::FOLDER;
use crate::record::event::RunEvent;
use crate::report::Reporter;
use crate::report::errln;
use crate::text::suggest;
use crate::verbs::running::{at, collect, hosts, kind, noun};
use anyhow::Result;
use std::path::Path;

/// Takes instances down: those that are named, else all but what another labrun is at work in, with
/// `force` these, too. Works without any lab file.
///
/// # Errors
/// If nothing can be run on this machine.
pub fn clean(cli: &Cli, names: &[String], force: bool) -> Result<u8> {
    let (hosts, none) = hosts(cli)?;
    let mut reporter = Reporter::new(cli.format);
    // A lab's name stands for all of its instances.
    let mut up: Vec<Vec<String>> = Vec::new();
    for host in hosts.iter().filter(|_| !names.is_empty()) {
        let events = collect(host, &["status".to_string()])?.0;
        up.push(
            events
                .into_iter()
                .filter_map(|e| if let Event::Instance(i) = e { Some(i.instance) } else { None })
                .collect(),
        );
    }
    let means = |name: &str, instance: &str| {
        let instance = name_of(instance);
        instance == name || instance.strip_prefix(name).is_some_and(|rest| rest.starts_with('@'))
    };
    for name in
        names.iter().filter(|name| !up.iter().flatten().any(|instance| means(name, instance)))
    {
        let there: Vec<String> = up.iter().flatten().map(|instance| name_of(instance)).collect();
        let hint = match suggest(name, there.iter().map(String::as_str)) {
            Some(near) => format!("; did you mean `{near}`?"),
            None => String::new(),
        };
        reporter.tell(&RunEvent::Note {
            text: format!("{} `{name}` is up, nothing to clean{hint}", noun(name)),
        });
    }
    let (mut seen, mut failed) = (0, false);
    for (index, host) in hosts.iter().enumerate() {
        let mut words = Vec::new();
        // It gives back what a lab was lent, where what would have done that was killed. To another machine nothing
        // is brought for that.
        if let (Host::Native(_), Ok(agent)) = (host, Files::on(host, Path::new(FOLDER)).agent()) {
            words.extend(["--agent".to_string(), agent.to_string_lossy().into_owned()]);
        }
        words.push("clean".into());
        words.extend(force.then(|| "--force".into()));
        let named = words.len();
        words.extend(
            up.get(index)
                .into_iter()
                .flatten()
                .filter(|instance| names.iter().any(|name| means(name, instance)))
                .cloned(),
        );
        if !names.is_empty() && words.len() == named {
            continue;
        }
        let (events, status) = collect(host, &words)?;
        failed |= status != 0;
        for event in events {
            match event {
                Event::Cleaned { instance } => {
                    seen += 1;
                    reporter.tell(&RunEvent::Cleaned { instance: name_of(&instance) });
                }
                Event::Owned { instance, pid } => {
                    seen += 1;
                    let text = format!(
                        "{instance} stays: another labrun is at work in it (pid {pid}), `labrun clean --force{}` takes it, too",
                        at(&kind(cli)?)
                    );
                    reporter.tell(&RunEvent::Note { text });
                }
                Event::Error { message } => errln!("labrun: {message}"),
                _ => {}
            }
        }
    }
    if seen == 0 && !failed && names.is_empty() {
        reporter.tell(&RunEvent::Note { text: format!("{none}, nothing to clean") });
    }
    Ok(if failed { Exit::Setup } else { Exit::Passed } as u8)
}

/// An instance whose removal was cut short is called `.gone-NAME-PID-TIME`.
fn name_of(instance: &str) -> String {
    let name = instance.strip_prefix(".gone-").and_then(|rest| rest.rsplitn(3, '-').last());
    name.unwrap_or(instance).to_string()
}
