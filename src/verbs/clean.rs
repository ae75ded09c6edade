//! `labrun clean`.

use super::running::{collect, host, noun};
use crate::cli::Cli;
use crate::error::Exit;
use crate::event::Event;
use crate::report::{Message, Reporter};
use anyhow::Result;

/// Takes instances down, all if none is named. Works without any lab file.
///
/// # Errors
/// If nothing can be run on this machine.
pub fn clean(cli: &Cli, names: &[String]) -> Result<u8> {
    let host = host(cli)?;
    let mut reporter = Reporter::new(cli.format);
    let mut words = vec!["clean".to_string()];
    // A lab's name stands for all of its instances.
    let instances = if names.is_empty() { Vec::new() } else { collect(&host, &["status".to_string()])?.0 };
    for name in names {
        let prefix = format!("{name}@");
        let others = instances.iter().filter_map(|e| if let Event::Instance(i) = e { Some(i.instance.clone()) } else { None });
        let matching: Vec<String> = others.filter(|i| i == name || i.starts_with(&prefix)).collect();
        if matching.is_empty() {
            reporter.tell(&Message::Note { text: format!("{} `{name}` is up, nothing to clean", noun(name)) });
        }
        words.extend(matching);
    }
    if !names.is_empty() && words.len() == 1 {
        return Ok(Exit::Passed as u8);
    }
    let (events, status) = collect(&host, &words)?;
    let mut cleaned = 0;
    for event in events {
        match event {
            Event::Cleaned { instance } => {
                cleaned += 1;
                reporter.tell(&Message::Cleaned { instance: name_of(&instance) });
            }
            Event::Error { message } => eprintln!("labrun: {message}"),
            _ => {}
        }
    }
    if cleaned == 0 && status == 0 {
        reporter.tell(&Message::Note { text: "no lab is up, nothing to clean".into() });
    }
    Ok(if status == 0 { Exit::Passed } else { Exit::Setup } as u8)
}

/// An instance whose removal was cut short is called `.gone-NAME-PID-TIME`.
fn name_of(instance: &str) -> String {
    let name = instance.strip_prefix(".gone-").and_then(|rest| rest.rsplitn(3, '-').last());
    name.unwrap_or(instance).to_string()
}
