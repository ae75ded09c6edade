//! Lines and progress for a terminal.

use crate::record::event::RunEvent;
use crate::record::result::{Outcome, TestResult};
use crate::report::closing::Line;
use crate::report::wrap::wrap;
use crate::report::{
    ANEW, commands, print_exactly, result_detail, result_lines, subject_line, summary_line,
};
use crate::text::{count, harmless, seconds};
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use std::collections::HashMap;
use std::time::Duration;

/// A terminal: a line for what is done, a spinner for what is going on.
pub struct Terminal {
    progress: MultiProgress,
    spinners: HashMap<String, ProgressBar>,
    colour: bool,
}

impl Terminal {
    /// With colour where that is wanted.
    pub fn new() -> Terminal {
        Terminal {
            progress: MultiProgress::new(),
            spinners: HashMap::new(),
            colour: crate::report::colours(),
        }
    }

    /// Prints `message`.
    pub fn tell(&mut self, message: &RunEvent) {
        match message {
            RunEvent::Building { program, repository } => {
                self.spin(program, &format!("🔨 building {program} from {repository}"))
            }
            RunEvent::Built { program, cached, time, .. } => {
                self.stop(program);
                let how = if *cached {
                    "built earlier from the same content".to_string()
                } else {
                    format!("built in {}", seconds(*time))
                };
                self.line(&format!("📦 {program} {how}"));
            }
            RunEvent::Subject { lab, subject } => match subject_line(lab, subject) {
                (text, true) => self.line(&format!("⚠️  {}", self.paint("33", &text))),
                (text, false) => self.line(&format!("📦 {text}")),
            },
            RunEvent::Setup { instance, again } => {
                let why = if *again { format!(" again: {ANEW}") } else { String::new() };
                self.spin(instance, &format!("🧪 setting up {instance}{why}"));
            }
            RunEvent::Ready { instance, time, services, reused } => {
                self.stop(instance);
                match reused {
                    true => self.line(&format!("🚀 {instance} is up already")),
                    false => self.line(&format!(
                        "🚀 {instance} is up in {}, {}",
                        seconds(*time),
                        count(*services, "service")
                    )),
                }
            }
            RunEvent::SetupFailed { instance, lines } => {
                self.stop(instance);
                self.line(&format!(
                    "💥 {}",
                    self.paint("1;31", &format!("setting up {instance} failed"))
                ));
                self.details(lines);
            }
            RunEvent::Test { test } => self.spin(test, &format!("▶️  {test}")),
            RunEvent::Retry { attempt, of, result } => {
                self.result("🔁", result, &format!("  (attempt {attempt} of {of}, tried again)"))
            }
            RunEvent::Result(result) => {
                let symbol = match result.outcome {
                    Outcome::Pass => "✅",
                    Outcome::Flaky => "⚠️ ",
                    Outcome::Fail => "❌",
                    Outcome::Skip => "⏭️ ",
                    Outcome::Error => "💥",
                };
                self.result(symbol, result, "");
            }
            RunEvent::Cleaned { instance } => {
                self.stop(instance);
                self.line(&format!("🧹 {instance} is gone, nothing is left"));
            }
            RunEvent::Kept { instance, node, at } => {
                self.stop(instance);
                self.line(&format!("🔎 {instance} stays up"));
                let [enter, end] = commands(instance, node, at);
                self.line(&format!("   enter it: {enter}"));
                self.line(&format!("   end it:   {end}"));
            }
            RunEvent::Log { lab, source, line } => {
                self.line(&self.paint("2", &format!("   {lab} {source} | {line}")))
            }
            RunEvent::Note { text } => self.line(text),
            // Named again at the end, where reports can be found.
            RunEvent::Report { .. } | RunEvent::Timing(_) => {}
            RunEvent::Summary { passed, flaky, failed, errors, skipped, .. } => {
                let colour = match (failed + errors, passed, skipped) {
                    (1.., ..) => "1;31",
                    _ if *flaky > 0 => "1;33",
                    (0, 0, 1..) => "1;33",
                    _ => "1;32",
                };
                self.line(&self.paint(colour, &summary_line(message)));
            }
        }
    }

    fn result(&mut self, symbol: &str, result: &TestResult, note: &str) {
        self.stop(&result.test);
        let name = match result.outcome {
            Outcome::Fail | Outcome::Error => self.paint("1;31", &result.test),
            Outcome::Flaky => self.paint("1;33", &format!("{} FLAKY", result.test)),
            _ => self.paint("1", &result.test),
        };
        let detail = result_detail(result);
        let time = match result.outcome.ran() {
            true => format!("  {}", seconds(result.time)),
            false => String::new(),
        };
        let line = format!("{symbol} {name}{}  {detail}", self.paint("2", &time));
        self.line(&format!("{}{note}", line.trim_end()));
        self.details(&result_lines(result));
        if let Some((ladder, extent)) = result.evidence.shown() {
            let columns = crate::report::columns();
            let lines = if self.colour {
                ladder.coloured(columns, extent)
            } else {
                ladder.text(columns, extent)
            };
            lines.iter().for_each(|line| self.line(line));
        }
    }

    fn details(&self, lines: &[String]) {
        for line in lines {
            self.line(&format!("     {line}"));
        }
    }

    /// Prints the end of a run.
    pub fn closing(&self, lines: &[Line]) {
        let width = lines.iter().map(|line| line.head.len()).max().unwrap_or_default();
        for Line { bad, head, text } in lines {
            let head = format!("{head:<width$}");
            let head = self.paint(if *bad { "1;31" } else { "1" }, &head);
            self.wrapped(&format!("{head}  {text}"), width + 2);
        }
    }

    fn line(&self, text: &str) {
        self.wrapped(text, text.len() - text.trim_start().len() + 3);
    }

    /// Prints `text`, with what does not fit into its line below it, `indent` columns to the right.
    fn wrapped(&self, text: &str, indent: usize) {
        // A lab needs more width than that.
        let columns = crate::report::columns().max(40);
        // Above the spinners, if there are any.
        self.progress.suspend(|| {
            wrap(&harmless(text), columns, indent).iter().for_each(|line| print_exactly(line))
        });
    }

    fn spin(&mut self, key: &str, text: &str) {
        let bar = self.progress.add(ProgressBar::new_spinner());
        bar.set_style(ProgressStyle::with_template("{msg} {elapsed}").expect("a valid template"));
        bar.set_message(text.to_string());
        bar.enable_steady_tick(Duration::from_millis(200));
        self.spinners.insert(key.into(), bar);
    }

    fn stop(&mut self, key: &str) {
        if let Some(bar) = self.spinners.remove(key) {
            bar.finish_and_clear();
            self.progress.remove(&bar);
        }
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour && !text.is_empty() {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.into()
        }
    }
}
