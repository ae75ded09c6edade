//! What is said while a VM is worked on. It goes to standard error: standard output is the verb's.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;
use std::time::{Duration, Instant};

/// Where progress is shown.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    terminal: bool,
}

/// A piece of work that goes on.
pub struct Stage {
    spinner: Option<ProgressBar>,
    title: String,
    began: Instant,
}

impl Progress {
    /// With a spinner on a terminal, otherwise a line for each thing that begins or ends.
    pub fn new() -> Progress {
        Progress { terminal: std::io::stderr().is_terminal() }
    }

    /// Says something.
    pub fn note(&self, text: &str) {
        eprintln!("labrun: {text}");
    }

    /// Begins a piece of work, which took `last` the last time.
    pub fn begin(&self, title: &str, last: Option<Duration>) -> Stage {
        let title = match last {
            Some(last) if last >= Duration::from_secs(1) => {
                format!("{title} ({} the last time)", seconds(last))
            }
            _ => title.to_string(),
        };
        let spinner = self.terminal.then(|| {
            let spinner = ProgressBar::new_spinner();
            spinner.set_style(
                ProgressStyle::with_template("labrun: {wide_msg} {elapsed}")
                    .expect("a valid template"),
            );
            spinner.set_message(title.clone());
            spinner.enable_steady_tick(Duration::from_millis(200));
            spinner
        });
        if spinner.is_none() {
            eprintln!("labrun: {title}");
        }
        Stage { spinner, title, began: Instant::now() }
    }
}

impl Default for Progress {
    fn default() -> Progress {
        Progress::new()
    }
}

impl Stage {
    /// What is being done just now.
    pub fn now(&self, text: &str) {
        if let Some(spinner) = &self.spinner {
            spinner.set_message(format!("{}: {text}", self.title));
        }
    }

    /// It has come to its end.
    pub fn end(self, text: &str) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
        eprintln!("labrun: {text}, after {}", seconds(self.began.elapsed()));
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        if let Some(spinner) = &self.spinner {
            spinner.finish_and_clear();
        }
    }
}

fn seconds(time: Duration) -> String {
    if time < Duration::from_secs(60) {
        format!("{:.1} s", time.as_secs_f64())
    } else {
        format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}
