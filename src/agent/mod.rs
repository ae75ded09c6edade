//! What runs inside a lab that is up: verbs that no user sees. On a machine that labrun is a
//! program for, labrun itself has them; to others it brings `labrun-agent`, which has nothing else.

pub mod message;

#[cfg(target_os = "linux")]
mod capture;
#[cfg(target_os = "linux")]
mod device;
#[cfg(target_os = "linux")]
mod gather;
#[cfg(target_os = "linux")]
mod held;
#[cfg(target_os = "linux")]
mod live;
#[cfg(target_os = "linux")]
mod logs;
pub mod net;
#[cfg(target_os = "linux")]
mod pipe;
#[cfg(target_os = "linux")]
mod ring;
#[cfg(target_os = "linux")]
mod ring_frame;
#[cfg(target_os = "linux")]
mod session;
#[cfg(target_os = "linux")]
mod source;
#[cfg(target_os = "linux")]
mod state;
#[cfg(target_os = "linux")]
mod triage;

use crate::error::{self, Failure};
use anyhow::Result;
use std::ffi::OsString;
use std::process::ExitCode;

/// What a verb does with the words after it; its exit status.
type Run = fn(&[String]) -> Result<u8>;

/// The verbs. There are none where there are no labs.
const VERBS: &[(&str, Run)] = &[
    #[cfg(target_os = "linux")]
    ("_agent", agent),
    #[cfg(target_os = "linux")]
    ("_device", device::run),
    #[cfg(target_os = "linux")]
    ("_held", held::run),
    #[cfg(target_os = "linux")]
    ("_capture", |_| live::run().map(|()| 0)),
    #[cfg(target_os = "linux")]
    ("_net", |_| Ok(net::run())),
];

/// Whether `word` is one of the agent's verbs.
pub fn knows(word: &OsString) -> bool {
    VERBS.iter().any(|(verb, _)| word == verb)
}

/// Does what `words` say, the arguments of the program; its exit status, as labrun's.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<String> =
        words.into_iter().map(|word| word.to_string_lossy().into_owned()).collect();
    match run(&words) {
        Ok(status) => ExitCode::from(status),
        Err(error) => {
            eprintln!("labrun: {error:#}");
            ExitCode::from(error::exit_code(&error) as u8)
        }
    }
}

fn run(words: &[String]) -> Result<u8> {
    let (verb, rest) =
        words.split_first().map_or(("", &[][..]), |(verb, rest)| (verb.as_str(), rest));
    if verb == "--version" {
        println!("labrun-agent {}", env!("CARGO_PKG_VERSION"));
        return Ok(0);
    }
    match VERBS.iter().find(|(known, _)| *known == verb) {
        Some((_, run)) => run(rest),
        None => Err(Failure::usage(
            "this is what labrun runs inside a lab, and nothing to be run by hand",
        )
        .into()),
    }
}

/// `_agent SUPERVISOR STATE up|failed`: see [`session`].
#[cfg(target_os = "linux")]
fn agent(words: &[String]) -> Result<u8> {
    let (supervisor, state, failed) = match words {
        [supervisor, state, up] if up == "up" => (supervisor, state, false),
        [supervisor, state, failed] if failed == "failed" => (supervisor, state, true),
        _ => return Err(Failure::usage("_agent: SUPERVISOR STATE up|failed is wanted").into()),
    };
    let supervisor = supervisor
        .parse()
        .map_err(|_| Failure::usage(format!("_agent: `{supervisor}` is not a process")))?;
    session::run(supervisor, state.into(), failed).map(|()| 0)
}
