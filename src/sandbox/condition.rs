//! Whether something holds at this moment: what readiness and the `wait` step are made of.

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
    /// The process that must have run for long enough.
    pub process: Option<i32>,
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
        Condition::Udp(port) => listens(sandbox, asker.node, &["udp", "udp6"], *port),
        Condition::Tcp(port) => listens(sandbox, asker.node, &["tcp", "tcp6"], *port),
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
        Condition::Running(time) => {
            asker.process.and_then(Process::of).is_some_and(|process| process.age() >= *time)
        }
        // Of a service that has ended, which its note tells.
        Condition::Exit(_) => false,
    })
}

/// Whether a socket of `node` has the port; with TCP, whether it listens (state 0A).
fn listens(sandbox: &Sandbox, node: &str, files: &[&str], port: u16) -> bool {
    let wanted = format!(":{port:04X}");
    let mine = |line: &str| {
        let mut fields = line.split_whitespace().skip(1);
        let (local, _, state) = (fields.next(), fields.next(), fields.next());
        local.is_some_and(|local| local.ends_with(&wanted))
            && (files[0] == "udp" || state == Some("0A"))
    };
    let any =
        || files.iter().any(|file| sandbox.proc_net(file).is_ok_and(|text| text.lines().any(mine)));
    sandbox.in_node(node, any).unwrap_or(false)
}
