//! Whether something holds at this moment: what readiness and the `wait` step are made of.

use super::proc::processes_of;
use super::{Gone, Process, Sandbox};
use crate::topology::model::Condition;
use std::path::Path;
use std::time::Duration;

/// Whose condition it is.
pub struct Asker<'a> {
    /// The network namespace that ports are looked for and commands run in.
    pub node: &'a str,
    /// The folder that files are looked for and commands run in.
    pub folder: &'a Path,
    /// Environment of commands.
    pub environment: &'a [(String, String)],
    /// The service that is to be ready, by its name and its first process: what it must have run
    /// for long enough, and whose sockets count. Without one anybody's do.
    pub service: Option<(&'a str, i32)>,
    /// The output that a pattern is looked for in.
    pub log: &'a [u8],
    /// How long a command may take.
    pub within: Duration,
}

/// Whether `condition` holds.
///
/// # Errors
/// If the session or the sandbox ended.
pub fn holds(sandbox: &Sandbox, condition: &Condition, asker: &Asker) -> Result<bool, Gone> {
    Ok(match condition {
        Condition::Udp(port) => listens(sandbox, asker, &["udp", "udp6"], *port),
        Condition::Tcp(port) => listens(sandbox, asker, &["tcp", "tcp6"], *port),
        Condition::Log(pattern) => {
            let regex = regex_lite::RegexBuilder::new(pattern).multi_line(true).build();
            regex.is_ok_and(|regex| regex.is_match(&String::from_utf8_lossy(asker.log)))
        }
        Condition::File(path) => asker.folder.join(path).exists(),
        Condition::Command(text) => {
            let mut program =
                sandbox.shell(asker.node, text).folder(asker.folder).within(asker.within);
            for (name, value) in asker.environment {
                program = program.env(name, value);
            }
            sandbox.run(program)?.exit == 0
        }
        Condition::Running(time) => asker
            .service
            .and_then(|(_, pid)| Process::of(pid))
            .is_some_and(|process| process.age() >= *time),
        // Of a service that has ended, which its note tells.
        Condition::Exit(_) => false,
    })
}

/// Whether a socket of the node has the port; with TCP, whether it listens (state 0A). It must be
/// one of the service's, if that is asked for: others may have one, too.
fn listens(sandbox: &Sandbox, asker: &Asker, files: &[&str], port: u16) -> bool {
    let wanted = format!(":{port:04X}");
    let number = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (local, state) = (fields.get(1)?, fields.get(3)?);
        let listens = local.ends_with(&wanted) && (files[0] == "udp" || *state == "0A");
        fields.get(9).filter(|_| listens)?.parse::<u64>().ok()
    };
    let tables =
        || -> Vec<String> { files.iter().filter_map(|file| sandbox.proc_net(file).ok()).collect() };
    let tables = sandbox.in_node(asker.node, tables).unwrap_or_default();
    let sockets: Vec<u64> =
        tables.iter().flat_map(|text| text.lines()).filter_map(number).collect();
    match asker.service {
        _ if sockets.is_empty() => false,
        None => true,
        Some((name, pid)) => {
            processes_of(name, pid).iter().any(|process| process.has_socket(&sockets))
        }
    }
}
