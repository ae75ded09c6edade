//! See the library for how it works, and `verbs` for what each verb does.

use clap::Parser;
use labrun::{cli::Cli, error, host::interrupt, report, verbs};
use std::process::ExitCode;

fn main() -> ExitCode {
    let cli = Cli::parse();
    if let Err(error) = interrupt::install() {
        eprintln!("labrun: cannot handle interrupts: {error}");
    }
    match verbs::run(&cli) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("{}", report::error_text(&error));
            ExitCode::from(error::exit_code(&error) as u8)
        }
    }
}
