//! Lines for pipes and files: no colour, no symbols, nothing that moves.

use crate::report::{Message, Outcome, commands, result_detail, result_lines, subject_line, summary_line};
use crate::text::{count, seconds};

/// How wide ladders are: the logs of continuous integration have room for details.
const LADDER: usize = 132;

pub fn tell(message: &Message) {
    if let Some(text) = text(message) {
        crate::report::print_line(&text);
    }
}

/// The text of `message`, if it has any for people.
pub fn text(message: &Message) -> Option<String> {
    Some(match message {
        Message::Building { program, repository } => format!("build {program} from {repository}"),
        Message::Built { program, cached: true, .. } => format!("built {program} earlier from the same content"),
        Message::Built { program, time, .. } => format!("built {program} in {}", seconds(*time)),
        Message::Subject { lab, subject } => match subject_line(lab, subject) {
            (text, true) => format!("warning: {text}"),
            (text, false) => text,
        },
        Message::Setup { instance, again: true } => format!("setup {instance} again: it was made from something else"),
        Message::Setup { instance, .. } => format!("setup {instance}"),
        Message::Ready { instance, reused: true, .. } => format!("ready {instance}: was up already"),
        Message::Ready { instance, time, services, .. } => {
            format!("ready {instance} in {}, {}", seconds(*time), count(*services, "service"))
        }
        Message::SetupFailed { instance, lines } => format!("ERROR setup of {instance}\n{}", indented(lines)),
        Message::Result(result) => {
            let word = match result.outcome {
                Outcome::Pass => "PASS",
                Outcome::Fail => "FAIL",
                Outcome::Skip => "SKIP",
                Outcome::Error => "ERROR",
            };
            let time = match result.outcome {
                Outcome::Pass | Outcome::Fail => format!(" {}", seconds(result.time)),
                Outcome::Skip | Outcome::Error => String::new(),
            };
            let mut line = format!("{word:<5} {}{time} {}", result.test, result_detail(result)).trim_end().to_string();
            let lines = result_lines(result);
            if !lines.is_empty() {
                line.push('\n');
                line.push_str(&indented(&lines));
            }
            for rung in result.evidence.shown().iter().flat_map(|(ladder, extent)| ladder.text(LADDER, *extent)) {
                line.push('\n');
                line.push_str(&rung);
            }
            line
        }
        Message::Cleaned { instance } => format!("cleaned {instance}"),
        Message::Kept { instance, node, at } => {
            let [enter, end] = commands(instance, node, at);
            format!("kept {instance}: enter it with `{enter}`, end it with `{end}`")
        }
        Message::Log { lab, source, line } => format!("{lab} {source} | {line}"),
        Message::Note { text } => text.clone(),
        Message::Summary { .. } => summary_line(message),
        Message::Test { .. } | Message::Report { .. } => return None,
    })
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n")
}
