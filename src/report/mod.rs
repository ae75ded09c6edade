//! What a run tells the outside: messages as it goes, and reports at its end.

pub mod artifacts;
mod closing;
pub mod deliver;
pub mod files;
pub mod github;
pub mod html;
mod json;
pub mod junit;
pub mod merge;
pub(crate) mod plain;
pub mod record;
mod reporter;
pub mod summary;
mod terminal;
mod wrap;

pub use reporter::{Format, Reporter};

use crate::analysis::Evidence;
use crate::compile::quote::shell;
use crate::topology::model::{Lab, Test};
use serde::{Deserialize, Serialize};
use std::io::IsTerminal;
use std::path::PathBuf;
use std::time::Duration;

/// How a test ended. These are four different results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All steps held.
    Pass,
    /// A step did not hold.
    Fail,
    /// This machine cannot run it.
    Skip,
    /// The lab could not be set up, or broke.
    Error,
}

/// Which program a lab tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubjectInfo {
    /// The name the lab calls it by.
    pub program: String,
    /// `given`, `built`, `path` or `stand-in`.
    pub how: String,
    /// Its path, or the stand-in's name.
    pub path: String,
}

/// The result of one test.
#[derive(Clone, Debug, Serialize)]
pub struct TestResult {
    /// LAB-NAME.
    pub test: String,
    /// Its lab.
    pub lab: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, set-up not included.
    #[serde(serialize_with = "milliseconds", rename = "ms")]
    pub time: Duration,
    /// One line: the lease and who gave it, or why it was skipped.
    pub detail: String,
    /// What was wrong and what was seen.
    pub lines: Vec<String>,
    /// The program under test.
    pub subject: Option<SubjectInfo>,
    /// Where in the lab file what did not hold is written: the file, and the line in it.
    #[serde(skip)]
    pub place: Option<(String, u64)>,
    /// The folder of its artifacts, if they were kept.
    #[serde(serialize_with = "path")]
    pub artifacts: Option<PathBuf>,
    /// What it left behind.
    #[serde(skip)]
    pub evidence: Evidence,
}

impl TestResult {
    /// A result of `test` of `lab` that says nothing but how it ended.
    pub fn new(lab: &Lab, test: &Test, outcome: Outcome) -> TestResult {
        TestResult {
            test: test.name.clone(),
            lab: lab.name.clone(),
            outcome,
            time: Duration::ZERO,
            detail: String::new(),
            lines: Vec::new(),
            subject: None,
            place: None,
            artifacts: None,
            evidence: Evidence::default(),
        }
    }

    /// Notes where in the lab file what did not hold is written, and shows it.
    pub fn at(&mut self, file: &str, line: u64) {
        self.detail = format!("{file}:{line}");
        self.place = Some((file.into(), line));
    }
}

fn milliseconds<S: serde::Serializer>(time: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(time.as_millis() as u64)
}

/// Paths need not be UTF-8, but JSON must.
fn path<S: serde::Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(serializer)
}

/// Something that happened in a run.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Message {
    /// A program under test is being built.
    Building {
        /// Its name.
        program: String,
        /// Its repository.
        repository: String,
    },
    /// It was built, or an earlier build of the same content found.
    Built {
        /// Its name.
        program: String,
        /// The binary.
        path: String,
        /// Whether an earlier build was found.
        cached: bool,
        /// How long it took.
        #[serde(serialize_with = "milliseconds", rename = "ms")]
        time: Duration,
    },
    /// Which program a lab tests.
    Subject {
        /// The lab.
        lab: String,
        /// The program.
        subject: SubjectInfo,
    },
    /// A lab is being set up.
    Setup {
        /// The instance.
        instance: String,
        /// Whether it was up, made from something else.
        again: bool,
    },
    /// A lab is up.
    Ready {
        /// The instance.
        instance: String,
        /// How long it took.
        #[serde(serialize_with = "milliseconds", rename = "ms")]
        time: Duration,
        /// How many services run in it.
        services: usize,
        /// Whether it was up already.
        reused: bool,
    },
    /// A lab could not be set up.
    SetupFailed {
        /// The instance.
        instance: String,
        /// What went wrong: the service, its exit status, its last lines.
        lines: Vec<String>,
    },
    /// A test begins.
    Test {
        /// LAB-NAME.
        test: String,
    },
    /// A test ended.
    Result(Box<TestResult>),
    /// A lab is down and nothing is left of it.
    Cleaned {
        /// The instance.
        instance: String,
    },
    /// A lab was left up.
    Kept {
        /// The instance.
        instance: String,
        /// A node to enter.
        node: String,
        /// What a command about it must say besides, behind a blank.
        #[serde(skip)]
        at: String,
    },
    /// A line of a service's or client's output, with -v.
    Log {
        /// The lab.
        lab: String,
        /// The service, or the step's stream.
        source: String,
        /// The line.
        line: String,
    },
    /// A report was written.
    Report {
        /// `json`, `junit` or `html`.
        kind: String,
        /// The file.
        path: String,
    },
    /// Something worth knowing.
    Note {
        /// What.
        text: String,
    },
    /// The run is over.
    Summary {
        /// Tests that passed.
        passed: usize,
        /// Tests that failed.
        failed: usize,
        /// Tests whose lab could not be set up.
        errors: usize,
        /// Tests that this machine cannot run.
        skipped: usize,
        /// How long it all took.
        #[serde(serialize_with = "milliseconds", rename = "ms")]
        time: Duration,
    },
}

/// Whether standard output is a terminal that shows colours: not with NO_COLOR (no-color.org), and not
/// a dumb one.
pub fn colours() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_none_or(|term| term == "dumb");
    std::io::stdout().is_terminal() && !set("NO_COLOR") && !dumb
}

/// How many columns there are to print in: the terminal's, 80 in a pipe.
pub fn columns() -> usize {
    let terminal = terminal_size::terminal_size_of(std::io::stdout());
    terminal.map_or(80, |(width, _)| usize::from(width.0)).clamp(1, 400)
}

/// Prints a line on standard output. When nobody reads it any more (`labrun logs -f | head`), the
/// run is stopped in good order.
pub fn print_line(text: &str) {
    use std::io::Write;
    if writeln!(std::io::stdout().lock(), "{text}").is_err() {
        crate::interrupt::stop();
    }
}

/// [`print_line`] with a format.
#[macro_export]
macro_rules! outln {
    ($($format:tt)*) => { $crate::report::print_line(&format!($($format)*)) };
}

/// The commands that get into the lab `instance`, which stays up, and end it; `at` says which host's it is.
pub fn commands(instance: &str, node: &str, at: &str) -> [String; 2] {
    [format!("labrun shell {instance} {}{at}", shell(node)), format!("labrun clean {instance}{at}")]
}

/// `error` as labrun ends with it. A compiler's words may be in it, which are no commands for GitHub.
pub fn error_text(error: &anyhow::Error) -> String {
    let text = format!("labrun: {error:#}");
    if github::is_here() { github::safe(&text) } else { text }
}

/// How the subject is named to people, and whether that is a warning.
pub fn subject_line(lab: &str, subject: &SubjectInfo) -> (String, bool) {
    let SubjectInfo { program, how, path } = subject;
    match how.as_str() {
        "stand-in" => (format!("{lab}: no {program} found, testing its stand-in {path} (see --subject)"), true),
        "path" => (format!("{lab}: testing {path} (found on PATH)"), false),
        "built" => (format!("{lab}: testing {program}, built from its repository"), false),
        _ => (format!("{lab}: testing {path}"), false),
    }
}

/// What else the result line of a test says: the stand-in is named in every report.
pub fn result_detail(result: &TestResult) -> String {
    let stand_in = result.subject.as_ref().filter(|s| s.how == "stand-in").map(|s| format!("[stand-in {}]", s.path));
    [Some(result.detail.clone()).filter(|d| !d.is_empty()), stand_in].into_iter().flatten().collect::<Vec<_>>().join(" ")
}

/// The lines below the result line of a test.
pub fn result_lines(result: &TestResult) -> Vec<String> {
    let artifacts = result.artifacts.iter().map(|path| format!("artifacts: {}", path.display()));
    result.lines.iter().cloned().chain(artifacts).collect()
}

/// The last line of a run, in the form test runners use.
pub fn summary_line(message: &Message) -> String {
    let Message::Summary { passed, failed, errors, skipped, time } = *message else { return String::new() };
    crate::record::run::Totals { passed, failed, errors, skipped }.line(time)
}
