//! Lines for pipes and files: no colour, no symbols, nothing that moves.

use crate::record::event::RunEvent;
use crate::record::result::Outcome;
use crate::report::{ANEW, commands, result_detail, result_lines, subject_line, summary_line};
use crate::text::{count, seconds};

/// How wide ladders are: the logs of continuous integration have room for details.
const LADDER: usize = 132;

pub fn tell(message: &RunEvent) {
    if let Some(text) = text(message) {
        crate::report::print_line(&text);
    }
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
        RunEvent::Result(result) => {
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
            let mut line = format!("{word:<5} {}{time} {}", result.test, result_detail(result))
                .trim_end()
                .to_string();
            let lines = result_lines(result);
            if !lines.is_empty() {
                line.push('\n');
                line.push_str(&indented(&lines));
            }
            for rung in result
                .evidence
                .shown()
                .iter()
                .flat_map(|(ladder, extent)| ladder.text(LADDER, *extent))
            {
                line.push('\n');
                line.push_str(&rung);
            }
            line
        }
        RunEvent::Cleaned { instance } => format!("cleaned {instance}"),
        RunEvent::Kept { instance, node, at } => {
            let [enter, end] = commands(instance, node, at);
            format!("kept {instance}: enter it with `{enter}`, end it with `{end}`")
        }
        RunEvent::Log { lab, source, line } => format!("{lab} {source} | {line}"),
        RunEvent::Note { text } => text.clone(),
        RunEvent::Summary { .. } => summary_line(message),
        RunEvent::Test { .. } | RunEvent::Report { .. } => return None,
    })
}

fn indented(lines: &[String]) -> String {
    lines.iter().map(|line| format!("      {line}")).collect::<Vec<_>>().join("\n")
}
