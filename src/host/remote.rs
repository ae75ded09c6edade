//! Another machine, through a command that carries pipes: ssh, or whatever gets into a machine.
//!
//! Only that command differs between kinds of machines. What it runs there is bash with
//! `scripts/remote.sh`, which comes along as base64: it means the same to every login shell, and
//! leaves standard input to the script and its requests.

use crate::error::{Failure, not_found};
use crate::host::user::KEEP;
use crate::host::{BOOTSTRAP, Process, Stream};
use crate::interrupt;
use crate::process::{self, Relay};
use crate::quote;
use anyhow::{Context, Result};
use base64::Engine;
use duct::{Expression, cmd};
use std::io::{self, IsTerminal};
use std::path::Path;
use std::sync::{Arc, OnceLock};

const PROGRAM: &str = include_str!("../../scripts/remote.sh");
const FILES: &str = include_str!("../../scripts/files.sh");

/// A machine and the command that gets into it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Machine {
    /// What messages call it.
    pub name: String,
    /// The command in front of a program that talks through pipes.
    pub piped: Vec<String>,
    /// The command in front of a program that needs a terminal.
    pub terminal: Vec<String>,
    /// Whether what follows the command is read by a shell there, as ssh has it.
    pub quoted: bool,
    /// Whether it is labrun's own, where what was copied may stay for the next run.
    pub own: bool,
    /// Whether it is this machine, as another user, to whom nothing but pipes may lead (door.rs).
    pub here: bool,
}

impl Machine {
    /// The command that calls `remote` of remote.sh there with `arguments`.
    pub fn command(&self, terminal: bool, arguments: &[String]) -> Vec<String> {
        let (own, here) = (u8::from(self.own), u8::from(self.here));
        let program = format!(
            "{PROGRAM}\n{FILES}\nOWN={own} HERE={here}\nremote {}",
            quote::command(arguments)
        );
        let program = base64::engine::general_purpose::STANDARD.encode(program);
        let there =
            ["bash", "-c", &format!("eval \"$(echo {program} | base64 -d)\"")].map(String::from);
        let mut words = if terminal { self.terminal.clone() } else { self.piped.clone() };
        match self.quoted {
            // `exec`, so that the connection's end is seen by the program, not by a shell around
            // it.
            true => words.push(format!("exec {}", quote::command(&there))),
            false => words.extend(there),
        }
        if self.here && terminal {
            // A terminal of its own, which script(1) makes: into root's, its programs could type.
            let line = format!("exec {}", quote::command(&words));
            words = ["env", "SHELL=/bin/sh", "script", "-qefc", &line, "/dev/null"]
                .map(String::from)
                .to_vec();
        }
        words
    }

    /// `words`, which [`Machine::command`] gave, as something to start that signals at the terminal do not
    /// reach.
    pub fn apart(&self, words: &[String]) -> Expression {
        let command = cmd(&words[0], &words[1..]);
        match self.here {
            // The door makes a whole session, which who leads a process group cannot.
            true => command.unchecked(),
            false => process::apart(command),
        }
    }
}

/// A machine in use.
#[derive(Clone, Debug)]
pub struct Remote {
    pub machine: Machine,
    /// What is wrong with the connection, noted by whoever first saw it.
    trouble: Arc<OnceLock<String>>,
    /// How labs run there, once it has been reached.
    how: Arc<OnceLock<String>>,
}

impl Remote {
    /// Nothing is tried yet.
    pub fn new(machine: Machine) -> Remote {
        Remote { machine, trouble: Arc::default(), how: Arc::default() }
    }

    /// Starts `script` with `arguments` in `folder`, a path there or, empty, the login's own
    /// folder. As another user of this machine it has the variables `kept` of labrun's environment.
    ///
    /// # Errors
    /// If the command cannot be started. That the machine cannot be reached shows in
    /// [`Remote::check`].
    pub fn run(
        &self,
        script: &str,
        arguments: &[String],
        folder: &Path,
        kept: &[&str],
    ) -> Result<Process> {
        let command = self.command("run", script, arguments, folder);
        let command = if self.machine.here { command.env(KEEP, kept.join(",")) } else { command };
        Process::start(command, script, Some(self.clone()))
            .with_context(|| format!("cannot run {}", self.machine.piped[0]))
    }

    /// As [`Remote::run`], for a verb whose output is a program's alone.
    ///
    /// # Errors
    /// If the command cannot be started.
    pub fn stream(&self, script: &str, arguments: &[String], folder: &Path) -> Result<Stream> {
        let command = self.command("stream", script, arguments, folder);
        if !self.machine.here {
            return Stream::start(command, script, None);
        }
        let (said, words) = io::pipe()?;
        let relay = Relay::start(said, io::stderr());
        Stream::start(command.stderr_file(words), script, Some(relay))
    }

    fn command(&self, verb: &str, script: &str, arguments: &[String], folder: &Path) -> Expression {
        let folder = folder.to_string_lossy();
        let mut words: Vec<String> =
            [verb, BOOTSTRAP, &script.len().to_string(), &folder].map(String::from).into();
        words.extend(arguments.iter().cloned());
        self.machine.apart(&self.machine.command(false, &words))
    }

    /// Runs `command` in `node` of `instance`, a shell without a command, with this terminal or
    /// these pipes. Its exit status; 2 also if there is no such instance, 255 also if the machine
    /// cannot be reached.
    ///
    /// # Errors
    /// If the command cannot be started.
    pub fn enter(&self, instance: &str, node: &str, command: &[String]) -> Result<i32> {
        self.interactive(
            ["enter", instance, node]
                .into_iter()
                .map(String::from)
                .chain(command.iter().cloned())
                .collect(),
        )
    }

    /// Runs `words` there, with this terminal or these pipes; their exit status.
    ///
    /// # Errors
    /// If the command cannot be started.
    pub fn tool(&self, words: &[String]) -> Result<i32> {
        self.interactive(["tool".to_string()].into_iter().chain(words.iter().cloned()).collect())
    }

    fn interactive(&self, words: Vec<String>) -> Result<i32> {
        let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        let words = self.machine.command(terminal, &words);
        if !self.machine.here {
            return process::in_terminal(&words);
        }
        match terminal {
            true if which::which("script").is_err() => Err(Failure::machine(not_found(
                "script (of Debian's package bsdutils, or util-linux-script)",
            ))
            .into()),
            true => process::in_terminal(&words),
            false => process::through_pipes(&words),
        }
    }

    /// Notes how labs run there.
    pub fn found(&self, how: String) {
        let _ = self.how.set(how);
    }

    /// How labs run there: `root`, `namespaces` or `sudo`, empty before it has been reached.
    pub fn how(&self) -> &str {
        self.how.get().map_or("", String::as_str)
    }

    /// Notes what is wrong with the connection.
    fn note(&self, trouble: String) {
        let _ = self.trouble.set(trouble);
    }

    /// What is wrong with the connection, as the error that ends labrun.
    ///
    /// # Errors
    /// If anything is.
    pub fn check(&self) -> Result<()> {
        match self.trouble.get() {
            // It was labrun that ended it.
            Some(_) if interrupt::interrupted() => Err(Failure::interrupted().into()),
            Some(trouble) => Err(Failure::machine(trouble).into()),
            None => Ok(()),
        }
    }

    /// Judges the end of the command: `status` is its exit status, `reached` whether remote.sh had
    /// its say, `words` what else was printed.
    pub fn ended(&self, status: Option<i32>, reached: bool, words: &[String]) {
        let name = &self.machine.name;
        let said = if words.is_empty() { "it said nothing".to_string() } else { words.join("; ") };
        match (reached, status) {
            (true, Some(255) | None) => self.note(format!("the connection to {name} broke")),
            (true, _) => {}
            (false, Some(255)) if self.machine.own => {
                self.note(format!("cannot get into {name}: {said}"))
            }
            (false, Some(255)) => {
                let asks =
                    ["denied", "verification failed"].iter().any(|words| said.contains(words));
                let said = said.trim_end_matches('.');
                let hint = if asks {
                    "; log in once by hand, with a key or an agent: labrun answers no questions"
                } else {
                    ""
                };
                self.note(format!("cannot reach {name}: {said}{hint}"));
            }
            (false, None) => self.note(format!("cannot reach {name}: the connection was killed")),
            (false, Some(_)) => self.note(format!("{name} cannot run labs: {said}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(quoted: bool) -> Machine {
        Machine {
            name: "m".into(),
            piped: vec!["into".into(), "m".into()],
            terminal: vec!["into".into(), "-t".into()],
            quoted,
            own: false,
            here: false,
        }
    }

    #[test]
    fn one_word_for_a_shell_there_or_the_words_themselves() {
        let words = machine(true).command(false, &["run".into()]);
        assert_eq!((words.len(), words[0].as_str(), words[1].as_str()), (3, "into", "m"));
        assert!(words[2].starts_with("exec bash -c 'eval \"$(echo "), "{}", words[2]);
        let words = machine(false).command(true, &["run".into()]);
        assert_eq!(words[..4], ["into", "-t", "bash", "-c"]);
    }

    /// Between single quotes only these mean anything to sh, csh or fish.
    #[test]
    fn no_login_shell_can_misread_it() {
        let hostile = ["exec", "a'b\"c\\d$(e)`f`!g\nh*~", "\u{e9}"].map(String::from);
        let word = machine(true).command(false, &hostile).pop().unwrap();
        let inner =
            word.strip_prefix("exec bash -c '").and_then(|rest| rest.strip_suffix('\'')).unwrap();
        assert!(!inner.contains(['\'', '\\', '!', '\n', '`']), "{inner}");
    }

    #[test]
    fn the_end_of_a_connection_is_told_from_the_end_of_a_lab() {
        let trouble = |status, reached, words: &[&str]| {
            let remote = Remote::new(machine(true));
            remote.ended(status, reached, &words.iter().map(|w| w.to_string()).collect::<Vec<_>>());
            remote.check().err().map(|error| error.to_string())
        };
        for status in [0, 1, 2, 3, 4] {
            assert_eq!(trouble(Some(status), true, &["noise"]), None);
        }
        assert_eq!(trouble(Some(255), true, &[]).unwrap(), "the connection to m broke");
        assert_eq!(trouble(None, true, &[]).unwrap(), "the connection to m broke");
        let refused =
            trouble(Some(255), false, &["ssh: connect to host m port 22: Connection refused"])
                .unwrap();
        assert!(
            refused
                .starts_with("cannot reach m: ssh: connect to host m port 22: Connection refused"),
            "{refused}"
        );
        assert_eq!(
            trouble(Some(127), false, &["bash: not found"]).unwrap(),
            "m cannot run labs: bash: not found"
        );
    }
}
