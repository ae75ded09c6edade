//! See the library for how it works, and `verbs` for what each verb does.

use std::process::ExitCode;

/// Exit code 3, as everywhere: this machine cannot run it.
#[cfg(not(unix))]
fn main() -> ExitCode {
    eprintln!(
        "labrun: labs need Linux, and labrun a Unix to reach one from: run it on Linux or macOS, or inside WSL 2"
    );
    ExitCode::from(3)
}

#[cfg(unix)]
fn main() -> ExitCode {
    use clap::Parser;
    use labrun::{agent, cli::Cli, error, interrupt, report, verbs};

    let mut words = std::env::args_os().skip(1).peekable();
    if words.peek().is_some_and(agent::knows) {
        return agent::main(words);
    }
    #[cfg(target_os = "linux")]
    if words.peek().is_some_and(|word| word == labrun::host::door::VERB) {
        return labrun::host::door::main(words);
    }
    if verbs::answered() {
        return ExitCode::SUCCESS;
    }
    let cli = Cli::parse();
    if let Err(error) = interrupt::install() {
        eprintln!("labrun: cannot handle interrupts: {error}");
    }
    let code = match verbs::run(&cli) {
        Ok(code) => code,
        Err(error) => {
            report::print_error(&report::error_text(&error));
            error::exit_code(&error) as u8
        }
    };
    match report::unprinted() {
        Some(why) => {
            report::print_error(&format!("labrun: cannot write to standard output: {why}"));
            ExitCode::from(if code == 0 { error::Exit::Machine as u8 } else { code })
        }
        None => ExitCode::from(code),
    }
}
