//! `labrun completions`, and what its scripts ask labrun at each Tab.

use crate::cli::names::{self, ASKED};
use crate::cli::{Cli, Shell};
use crate::error::Exit;
use crate::report::outln;
use anyhow::Result;
use clap::{Command, CommandFactory};
use clap_complete::env::{self, CompleteEnv, Elvish, EnvCompleter, Fish, Powershell, Shells, Zsh};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::Path;

const NAME: &str = "labrun";
const SHELLS: Shells = Shells(&[&Bash, &Elvish, &Fish, &Powershell, &Zsh]);

/// Prints the script that has `shell` complete labrun's words.
///
/// # Errors
/// Never: the shells are known.
pub fn completions(shell: Shell) -> Result<u8> {
    let completer: &dyn EnvCompleter = match shell {
        Shell::Bash => &Bash,
        Shell::Elvish => &Elvish,
        Shell::Fish => &Fish,
        Shell::Powershell => &Powershell,
        Shell::Zsh => &Zsh,
    };
    let mut script = Vec::new();
    completer.write_registration(ASKED, NAME, NAME, NAME, &mut script)?;
    outln!("{}", String::from_utf8(script)?.trim());
    Ok(Exit::Passed as u8)
}

/// Answers a shell that asks for words, if one does. Whatever is wrong, the user is typing: nothing is said.
pub fn answered() -> bool {
    let words: Vec<OsString> = std::env::args_os().collect();
    let here = std::env::current_dir().ok();
    let asked = CompleteEnv::with_factory(command).var(ASKED).shells(SHELLS);
    asked.try_complete(words, here.as_deref()).unwrap_or(true)
}

/// The command line. Options are among the words only for who has typed a dash, or where there are
/// no others.
fn command() -> Command {
    fn hidden(command: Command) -> Command {
        let command = command.mut_args(|arg| match arg.is_positional() {
            true => arg,
            false => arg.hide(true),
        });
        command.mut_subcommands(hidden)
    }
    let (words, index) = names::asked();
    match words.get(index).is_some_and(|word| word.as_encoded_bytes().starts_with(b"-")) {
        true => Cli::command(),
        false => {
            let mut command = Cli::command();
            // Then the options are all there, `--help` among them.
            command.build();
            hidden(command)
        }
    }
}

/// Unlike the crate's own, the script knows where bash takes words apart that labrun does not.
struct Bash;

impl EnvCompleter for Bash {
    fn name(&self) -> &'static str {
        "bash"
    }

    fn is(&self, name: &str) -> bool {
        name == "bash"
    }

    fn write_registration(
        &self,
        _var: &str,
        _name: &str,
        _bin: &str,
        _completer: &str,
        script: &mut dyn Write,
    ) -> io::Result<()> {
        script.write_all(include_bytes!("completions.bash"))
    }

    fn write_complete(
        &self,
        command: &mut Command,
        words: Vec<OsString>,
        here: Option<&Path>,
        answer: &mut dyn Write,
    ) -> io::Result<()> {
        env::Bash.write_complete(command, words, here, answer)
    }
}
