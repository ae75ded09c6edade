//! The three ways of telling what happens, and GitHub's.

use crate::record::event::RunEvent;
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
pub enum Reporter {
    /// A terminal.
    Terminal(Terminal),
    /// A pipe or file.
    Plain,
    /// The log of a step of GitHub Actions.
    GitHub(Groups),
    /// One JSON object a line.
    Json,
}

impl Reporter {
    /// The right one for `format` and standard output.
    pub fn new(format: Format) -> Reporter {
        match format {
            Format::Json => Reporter::Json,
            _ if std::io::stdout().is_terminal() => Reporter::Terminal(Terminal::new()),
            _ => Reporter::Plain,
        }
    }

    /// The same for a run that is reported to GitHub as well.
    pub fn on_github(self) -> Reporter {
        match self {
            Reporter::Plain => Reporter::GitHub(Groups::default()),
            other => other,
        }
    }

    /// Prints `message`.
    pub fn tell(&mut self, message: &RunEvent) {
        self.tell_of(None, message);
    }

    /// Prints `message`, which concerns nothing but `lab` if that is given.
    pub fn tell_of(&mut self, lab: Option<&str>, message: &RunEvent) {
        match self {
            Reporter::Terminal(terminal) => terminal.tell(message),
            Reporter::Plain => plain::tell(message),
            Reporter::GitHub(groups) => {
                groups.hear(lab, message).iter().for_each(|line| print_line(line))
            }
            Reporter::Json => json::tell(message),
        }
    }

    /// Nothing more will be told of `lab`.
    pub fn done(&mut self, lab: &str) {
        if let Reporter::GitHub(groups) = self {
            groups.done(lab).iter().for_each(|line| print_line(line));
        }
    }

    /// Prints `lines` for GitHub's runner, which reads both streams; standard output may be for a
    /// program.
    pub fn commands(&self, lines: &[String]) {
        for line in lines {
            match self {
                Reporter::Json => errln!("{line}"),
                _ => print_line(line),
            }
        }
    }

    /// Prints the end of a run, above the counts. Programs know all of it already.
    pub fn closing(&mut self, lines: &[Line]) {
        match self {
            Reporter::Terminal(terminal) => terminal.closing(lines),
            Reporter::Plain => lines.iter().for_each(|line| print_line(&closing::plain(line))),
            Reporter::GitHub(_) => lines
                .iter()
                .for_each(|line| print_line(&crate::report::github::safe(&closing::plain(line)))),
            Reporter::Json => {}
        }
    }
}
