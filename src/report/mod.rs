//! What a run tells the outside: lines as it goes, and reports at its end.

pub(crate) mod artifacts;
mod closing;
pub(crate) mod deliver;
pub mod files;
pub mod github;
pub mod html;
mod json;
pub mod junit;
pub mod merge;
mod plain;
mod reporter;
pub mod summary;
mod terminal;
pub(crate) mod timings;
mod wrap;

pub use reporter::{Format, Reporter};

use crate::quote::shell;
use crate::record::event::RunEvent;
use crate::record::result::{ResolvedSubject, TestResult, tries};
use crate::steps::figures::Bench;
use crate::text::harmless;
use std::io::{ErrorKind, IsTerminal};
use std::sync::OnceLock;

/// When to print in colour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Colour {
    /// On a terminal that shows colours, unless NO_COLOR is set.
    #[default]
    Auto,
    Always,
    Never,
}

/// What the command line says of colour.
static COLOUR: OnceLock<Colour> = OnceLock::new();

/// Notes when to print in colour, once, before anything is printed.
pub fn in_colour(when: Colour) {
    let _ = COLOUR.set(when);
}

/// Whether to print in colour: if nobody said, where standard output is a terminal that shows
/// colours, so not with NO_COLOR (no-color.org), and not on a dumb one.
pub fn colours() -> bool {
    match COLOUR.get() {
        Some(Colour::Always) => return true,
        Some(Colour::Never) => return false,
        Some(Colour::Auto) | None => {}
    }
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
}

/// How many columns there are to print in: the terminal's, 80 in a pipe.
pub fn columns() -> usize {
    let terminal = terminal_size::terminal_size_of(std::io::stdout());
    terminal.map_or(80, |(width, _)| usize::from(width.0)).clamp(1, 400)
}

/// Why a lab that is up is set up again.
const ANEW: &str = "it was made from something else, or a test has changed it";

/// Why a line could not be printed, the first time.
static UNPRINTED: OnceLock<String> = OnceLock::new();

/// Prints a line for people on standard output. What daemons printed and what packets hold may be in
/// it: of that a terminal gets no more than colours.
pub fn print_line(text: &str) {
    print_exactly(&harmless(text));
}

/// Prints a line for programs: JSON, in which control characters are escapes.
pub fn print_json(json: &str) {
    let control = |c: char| ('\x7f'..='\u{9f}').contains(&c);
    let escape = |c: char| match control(c) {
        true => format!("\\u{:04x}", u32::from(c)),
        false => c.to_string(),
    };
    // They can only be in its strings.
    match json.contains(control) {
        true => print_exactly(&json.chars().map(escape).collect::<String>()),
        false => print_exactly(json),
    }
}

/// Prints a line as it is, such as of a lab's program. When nobody reads it any more
/// (`labrun logs -f | head`), the run is stopped in good order; when it cannot be written, as on a full
/// disk, the run goes on for the sake of its reports, and [`unprinted`] knows why.
pub fn print_exactly(text: &str) {
    use std::io::Write;
    match writeln!(std::io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => crate::interrupt::stop(),
        Err(error) => _ = UNPRINTED.set(error.to_string()),
        Ok(()) => {}
    }
}

/// Why not everything could be printed.
pub fn unprinted() -> Option<&'static str> {
    UNPRINTED.get().map(String::as_str)
}

/// Prints a line for people on standard error, if anybody reads it; of what others wrote no more than
/// colours.
pub fn print_error(text: &str) {
    use std::io::Write;
    let _ = writeln!(std::io::stderr().lock(), "{}", harmless(text));
}

/// [`print_line`] with a format.
macro_rules! outln {
    ($($format:tt)*) => { $crate::report::print_line(&format!($($format)*)) };
}
pub(crate) use outln;

/// [`print_error`] with a format.
macro_rules! errln {
    ($($format:tt)*) => { $crate::report::print_error(&format!($($format)*)) };
}
pub(crate) use errln;

/// The commands that get into the lab `instance`, which stays up, and end it; `at` says which
/// host's it is.
pub fn commands(instance: &str, node: &str, at: &str) -> [String; 2] {
    [format!("labrun shell {instance} {}{at}", shell(node)), format!("labrun clean {instance}{at}")]
}

/// `error` as labrun ends with it. A compiler's words may be in it, which are no commands for
/// GitHub.
pub fn error_text(error: &anyhow::Error) -> String {
    let text = format!("labrun: {error:#}");
    let text = harmless(&text);
    if github::is_here() { github::safe(&text) } else { text.into_owned() }
}

/// How the subject is named to people, and whether that is a warning.
pub fn subject_line(lab: &str, subject: &ResolvedSubject) -> (String, bool) {
    let ResolvedSubject { program, how, path } = subject;
    match how.as_str() {
        "stand-in" => (
            format!("{lab}: no {program} found, testing its stand-in {path} (see --subject)"),
            true,
        ),
        "path" => (format!("{lab}: testing {path} (found on PATH)"), false),
        "built" => (format!("{lab}: testing {program}, built from its repository"), false),
        _ => (format!("{lab}: testing {path}"), false),
    }
}

/// What else the result line of a test says: the stand-in is named in every report.
pub fn result_detail(result: &TestResult) -> String {
    let stand_in = result
        .subject
        .as_ref()
        .filter(|s| s.how == "stand-in")
        .map(|s| format!("[stand-in {}]", s.path));
    let tries = tries(result.outcome, &result.attempts).map(|text| format!("({text})"));
    [Some(result.detail.clone()).filter(|d| !d.is_empty()), tries, stand_in]
        .into_iter()
        .flatten()
        .collect::<Vec<_>>()
        .join(" ")
}

/// The lines below the result line of a test.
pub fn result_lines(result: &TestResult) -> Vec<String> {
    let measured = result.benches.iter().flat_map(Bench::lines);
    let artifacts = result.artifacts.iter().map(|path| format!("artifacts: {}", path.display()));
    result.lines.iter().cloned().chain(measured).chain(artifacts).collect()
}

/// The last line of a run, in the form test runners use.
pub fn summary_line(message: &RunEvent) -> String {
    let RunEvent::Summary { passed, flaky, failed, errors, skipped, time } = *message else {
        return String::new();
    };
    crate::record::run::Totals { passed, flaky, failed, errors, skipped }.line(time)
}
