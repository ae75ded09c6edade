//! The three ways of telling what happens, and GitHub's.

use crate::record::event::RunEvent;
use crate::record::result::Outcome;
use crate::report::closing;
use crate::report::closing::Line;
use crate::report::errln;
use crate::report::github::Groups;
use crate::report::terminal::Terminal;
use crate::report::{json, plain, print_line};
use std::io::IsTerminal;

/// How results are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people: progress on a terminal, plain lines in a pipe.
    #[default]
    Text,
    /// For programs: one JSON object a line (docs/json.md).
    Json,
    /// A drawing in the language of Mermaid.
    Mermaid,
    /// A drawing in the language of Graphviz.
    Dot,
    /// A drawing as SVG.
    Svg,
    /// What a GitHub workflow takes for `strategy.matrix`.
    GithubMatrix,
}

/// Prints messages as they come.
pub struct Reporter {
    style: Style,
    /// Whether only what matters is printed.
    quiet: bool,
}

enum Style {
    /// A terminal.
    Terminal(Terminal),
    /// A pipe or file.
    Plain,
    /// The log of a step of GitHub Actions.
    GitHub(Groups),
    /// One JSON object a line.
    Json,
}

/// Whether who wants quiet is to hear `message`, too.
fn matters(message: &RunEvent) -> bool {
    match message {
        RunEvent::Result(result) => result.outcome.is_bad() || result.outcome == Outcome::Flaky,
        // The wrong program is never tested silently.
        RunEvent::Subject { subject, .. } => subject.how == "stand-in",
        RunEvent::Building { .. } | RunEvent::Built { .. } | RunEvent::Setup { .. } => false,
        RunEvent::Ready { .. } | RunEvent::Test { .. } | RunEvent::Cleaned { .. } => false,
        RunEvent::Timing(_) => true,
        RunEvent::SetupFailed { .. } | RunEvent::Retry { .. } | RunEvent::Kept { .. } => true,
        RunEvent::Log { .. } | RunEvent::Report { .. } | RunEvent::Note { .. } => true,
        RunEvent::Summary { .. } => true,
    }
}

impl Reporter {
    /// The right one for `format` and standard output.
    pub fn new(format: Format) -> Reporter {
        let style = match format {
            Format::Json => Style::Json,
            _ if std::io::stdout().is_terminal() => Style::Terminal(Terminal::new()),
            _ => Style::Plain,
        };
        Reporter { style, quiet: false }
    }

    /// The same for a run that is reported to GitHub as well.
    pub fn on_github(self) -> Reporter {
        match self.style {
            Style::Plain => Reporter { style: Style::GitHub(Groups::default()), ..self },
            style => Reporter { style, ..self },
        }
    }

    /// The same, which prints only what matters if `quiet`.
    pub fn quiet(self, quiet: bool) -> Reporter {
        Reporter { quiet, ..self }
    }

    /// Prints `message`.
    pub fn tell(&mut self, message: &RunEvent) {
        self.tell_of(None, message);
    }

    /// Prints `message`, which concerns nothing but `lab` if that is given.
    pub fn tell_of(&mut self, lab: Option<&str>, message: &RunEvent) {
        if self.quiet && !matters(message) {
            return;
        }
        match &mut self.style {
            Style::Terminal(terminal) => terminal.tell(message),
            Style::Plain => plain::tell(message),
            Style::GitHub(groups) => {
                groups.hear(lab, message).iter().for_each(|line| print_line(line))
            }
            Style::Json => json::tell(message),
        }
    }

    /// Nothing more will be told of `lab`.
    pub fn done(&mut self, lab: &str) {
        if let Style::GitHub(groups) = &mut self.style {
            groups.done(lab).iter().for_each(|line| print_line(line));
        }
    }

    /// Prints `lines` for GitHub's runner, which reads both streams; standard output may be for a
    /// program.
    pub fn commands(&self, lines: &[String]) {
        for line in lines {
            match self.style {
                Style::Json => errln!("{line}"),
                _ => print_line(line),
            }
        }
    }

    /// Prints a table for people; programs know all that is in it.
    pub fn table(&self, lines: &[String]) {
        for line in lines {
            match self.style {
                Style::Json => {}
                Style::GitHub(_) => print_line(&crate::report::github::safe(line)),
                _ => print_line(line),
            }
        }
    }

    /// Prints the end of a run, above the counts. Programs know all of it already.
    pub fn closing(&mut self, lines: &[Line]) {
        let quiet = self.quiet;
        let lines = lines.iter().filter(|line| !quiet || line.head != "slowest");
        let plain = lines.clone().map(closing::plain);
        match &mut self.style {
            Style::Terminal(terminal) => terminal.closing(&lines.cloned().collect::<Vec<_>>()),
            Style::Plain => plain.for_each(|line| print_line(&line)),
            Style::GitHub(_) => {
                plain.for_each(|line| print_line(&crate::report::github::safe(&line)))
            }
            Style::Json => {}
        }
    }
}
