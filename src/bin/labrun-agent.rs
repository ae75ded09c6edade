//! See `labrun::agent`, which this is all of.

use std::process::ExitCode;

#[cfg(unix)]
fn main() -> ExitCode {
    labrun::agent::main(std::env::args_os().skip(1))
}

#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!("labrun-agent: labs run on Linux");
    ExitCode::from(3)
}
