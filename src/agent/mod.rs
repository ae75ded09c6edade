//! What runs inside a lab that is up: verbs that no user sees. On a machine that labrun is a program for,
//! labrun itself has them; to others it brings `labrun-agent`, which has nothing else.

#[cfg(target_os = "linux")]
pub mod capturer;
#[cfg(target_os = "linux")]
pub mod ring;
#[cfg(target_os = "linux")]
pub mod ring_frame;

use crate::error::{self, Failure};
use anyhow::Result;
use std::ffi::OsString;
use std::process::ExitCode;

/// What a verb does with the words after it.
type Run = fn(&[String]) -> Result<()>;

/// The verbs. There are none where there are no labs.
const VERBS: &[(&str, Run)] = &[
    #[cfg(target_os = "linux")]
    ("_capture", capture),
];

/// Whether `word` is one of the agent's verbs.
pub fn knows(word: &OsString) -> bool {
    VERBS.iter().any(|(verb, _)| word == verb)
}

/// Does what `words` say, the arguments of the program; its exit status, as labrun's.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<String> = words.into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
    match run(&words) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("labrun: {error:#}");
            ExitCode::from(error::exit_code(&error) as u8)
        }
    }
}

fn run(words: &[String]) -> Result<()> {
    let (verb, rest) = words.split_first().map_or(("", &[][..]), |(verb, rest)| (verb.as_str(), rest));
    if verb == "--version" {
        println!("labrun-agent {}", env!("CARGO_PKG_VERSION"));
        return Ok(());
    }
    match VERBS.iter().find(|(known, _)| *known == verb) {
        Some((_, run)) => run(rest),
        None => Err(Failure::usage("this is what labrun runs inside a lab, and nothing to be run by hand").into()),
    }
}

/// `_capture [--live] --namespace NAME[=PATH]...`: see [`capturer`].
#[cfg(target_os = "linux")]
fn capture(words: &[String]) -> Result<()> {
    let (mut namespaces, mut live) = (Vec::new(), false);
    let mut words = words.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--live" => live = true,
            "--namespace" => namespaces.extend(words.next().cloned()),
            _ => return Err(Failure::usage(format!("_capture: unknown word `{word}`")).into()),
        }
    }
    if namespaces.is_empty() {
        return Err(Failure::usage("_capture: no namespace is named").into());
    }
    capturer::run(&namespaces, live)
}
