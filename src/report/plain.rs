//! Lines for pipes and files: no colour, no symbols, nothing that moves.

use crate::record::event::RunEvent;
use crate::record::result::{Outcome, TestResult};
use crate::report::{ANEW, commands, result_detail, result_lines, subject_line, summary_line};
use crate::text::{count, seconds};

/// How wide ladders are: the logs of continuous integration have room for details.
const LADDER: usize = 132;

pub fn tell(message: &RunEvent) {
    if let Some(text) = text(message) {
        crate::report::print_line(&match crate::report::colours() {
            true => painted(&text),
            false => text,
        });
    }
}

/// `text` with its first word in colour, if that says how something ended.
fn painted(text: &str) -> String {
    let (word, rest) = text.split_at(text.find(' ').unwrap_or(text.len()));
    let code = match word {
        "FAIL" | "ERROR" => "1;31",
        "FLAKY" | "RETRY" | "SKIP" | "warning:" => "1;33",
        "PASS" => "1;32",
        _ => return text.into(),
    };
    format!("\x1b[{code}m{word}\x1b[0m{rest}")
}

/// The text of `message`, if it has any for people.
pub fn text(message: &RunEvent) -> Option<String> {
    Some(match message {
        RunEvent::Building { program, repository } => format!("build {program} from {repository}"),
        RunEvent::Built { program, cached: true, .. } => {
            format!("built {program} earlier from the same content")
        }
        RunEvent::Built { program, time, .. } => format!("built {program} in {}", seconds(*time)),
        RunEvent::Subject { lab, subject } => match subject_line(lab, subject) {
            (text, true) => format!("warning: {text}"),
            (text, false) => text,
        },
        RunEvent::Setup { instance, again: true } => {
            format!("setup {instance} again: {ANEW}")
        }
        RunEvent::Setup { instance, .. } => format!("setup {instance}"),
        RunEvent::Ready { instance, reused: true, .. } => {
            format!("ready {instance}: was up already")
        }
        RunEvent::Ready { instance, time, services, .. } => {
            format!("ready {instance} in {}, {}", seconds(*time), count(*services, "service"))
        }
        RunEvent::SetupFailed { instance, lines } => {
            format!("ERROR setup of {instance}\n{}", indented(lines))
        }
        RunEvent::Retry { attempt, of, result } => {
            self::result("RETRY", result, &format!(" (attempt {attempt} of {of})"))
        }
        RunEvent::Result(result) => {
            let word = match result.outcome {
                Outcome::Pass => "PASS",
                Outcome::Flaky => "FLAKY",
                Outcome::Fail => "FAIL",
                Outcome::Skip => "SKIP",
                Outcome::Error => "ERROR",
            };
            self::result(word, result, "")
        }
        RunEvent::Cleaned { instance } => format!("cleaned {instance}"),
        RunEvent::Kept { instance, node, at } => {
            let [enter, end] = commands(instance, node, at);
            format!("kept {instance}: enter it with `{enter}`, end it with `{end}`")
        }
        RunEvent::Log { lab, source, line } => format!("{lab} {source} | {line}"),
        RunEvent::Note { text } => text.clone(),
        RunEvent::Summary { .. } => summary_line(message),
        RunEvent::Test { .. } | RunEvent::Report { .. } | RunEvent::Timing(_) => return None,
    })
}

/// What is told of `result`, in front of it `word`, and `note` behind its first line.
fn result(word: &str, result: &TestResult, note: &str) -> String {
    let time = match result.outcome.ran() {
        true => format!(" {}", seconds(result.time)),
        false => String::new(),
    };
    let line = format!("{word:<5} {}{time} {}", result.test, result_detail(result));
    let mut text = format!("{}{note}", line.trim_end());
    let lines = result_lines(result);
    if !lines.is_empty() {
        text.push('\n');
        text.push_str(&indented(&lines));
    }
    for rung in
        result.evidence.shown().iter().flat_map(|(ladder, extent)| ladder.text(LADDER, *extent))
    {
        text.push('\n');
        text.push_str(&rung);
    }
    text
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n")
}
