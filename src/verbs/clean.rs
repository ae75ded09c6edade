//! `labrun clean`.

use crate::cli::Cli;
use crate::error::Exit;
use crate::event::Event;
use crate::record::event::RunEvent;
use crate::report::Reporter;
use crate::text::harmless;
use crate::verbs::running::{collect, hosts, noun};
use anyhow::Result;

/// Takes instances down, all if none is named. Works without any lab file.
///
/// # Errors
/// If nothing can be run on this machine.
pub fn clean(cli: &Cli, names: &[String]) -> Result<u8> {
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
        instance == name || instance.strip_prefix(name).is_some_and(|rest| rest.starts_with('@'))
    };
    for name in
        names.iter().filter(|name| !up.iter().flatten().any(|instance| means(name, instance)))
    {
        reporter.tell(&RunEvent::Note {
            text: format!("{} `{name}` is up, nothing to clean", noun(name)),
        });
    }
    let (mut cleaned, mut failed) = (0, false);
    for (index, host) in hosts.iter().enumerate() {
        let mut words = vec!["clean".to_string()];
        words.extend(
            up.get(index)
                .into_iter()
                .flatten()
                .filter(|instance| names.iter().any(|name| means(name, instance)))
                .cloned(),
        );
        if !names.is_empty() && words.len() == 1 {
            continue;
        }
        let (events, status) = collect(host, &words)?;
        failed |= status != 0;
        for event in events {
            match event {
                Event::Cleaned { instance } => {
                    cleaned += 1;
                    reporter.tell(&RunEvent::Cleaned { instance: name_of(&instance) });
                }
                Event::Error { message } => eprintln!("labrun: {}", harmless(&message)),
                _ => {}
            }
        }
    }
    if cleaned == 0 && !failed && names.is_empty() {
        reporter.tell(&RunEvent::Note { text: format!("{none}, nothing to clean") });
    }
    Ok(if failed { Exit::Setup } else { Exit::Passed } as u8)
}

/// An instance whose removal was cut short is called `.gone-NAME-PID-TIME`.
fn name_of(instance: &str) -> String {
    let name = instance.strip_prefix(".gone-").and_then(|rest| rest.rsplitn(3, '-').last());
    name.unwrap_or(instance).to_string()
}
