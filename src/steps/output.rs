//! What a step saw, and what is said of it.

use crate::text::cut;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

/// What one attempt of a step saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StepOutput {
    /// Exit status as a shell has it; 124 if the time was over.
    pub exit: i32,
    /// Standard output.
    #[serde(skip)]
    pub stdout: String,
    /// Standard error.
    #[serde(skip)]
    pub stderr: String,
    /// What the DHCP client left.
    #[serde(skip)]
    pub lease: String,
    /// The addresses of its link, as `ip -j addr` prints them.
    #[serde(skip)]
    pub addresses: String,
    /// How long it took.
    #[serde(skip)]
    pub time: Duration,
    /// Why nothing of what was to remain unanswered can have left the node; `None` if it can.
    pub unsent: Option<String>,
}

/// A verdict: what to show of a pass, or what was wrong.
pub type Verdict = Result<String, Vec<String>>;

/// The exit status that stands for a program whose time was over.
pub(crate) const OVERTIME: i32 = 124;
/// Lines of a client's or command's output that a failure shows.
const SHOWN_LINES: usize = 12;

impl StepOutput {
    /// That something was done, or why it could not be.
    #[cfg(target_os = "linux")]
    pub(crate) fn done(result: Result<(), String>) -> StepOutput {
        let (exit, stderr) = result.map_or_else(|why| (1, why), |()| (0, String::new()));
        StepOutput { exit, stderr, ..StepOutput::default() }
    }

    /// Both outputs of a program.
    pub(crate) fn printed(&self) -> String {
        format!("{}\n{}", self.stdout, self.stderr)
    }
}

#[cfg(target_os = "linux")]
impl From<crate::sandbox::Output> for StepOutput {
    fn from(output: crate::sandbox::Output) -> StepOutput {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        StepOutput {
            exit: output.exit,
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
            ..StepOutput::default()
        }
    }
}

/// `what`, followed by the end of `output`.
pub(crate) fn with_output(mut what: Vec<String>, output: &str) -> Vec<String> {
    let lines: Vec<&str> =
        output.lines().filter(|line| !line.trim().is_empty() && !is_noise(line)).collect();
    what.extend(
        lines[lines.len().saturating_sub(SHOWN_LINES)..].iter().map(|line| format!("| {line}")),
    );
    what
}

/// What ISC's programs say of themselves each time they start, and the innards of DHCPv6 messages.
fn is_noise(line: &str) -> bool {
    let noise = [
        "Internet Systems Consortium",
        "Copyright 20",
        "All rights reserved.",
        "For info, please visit",
        "XMT:  ",
        "RCV:  ",
    ];
    noise.iter().any(|beginning| line.starts_with(beginning))
}

/// A command or an output as it stands in a sentence: its first line, and not all of a long one.
pub(crate) fn short(text: &str) -> String {
    let text = text.trim();
    let first = text.lines().next().unwrap_or_default();
    let more = if text.lines().nth(1).is_some() { " …" } else { "" };
    format!("`{}{more}`", cut(first, 100))
}

/// Whether `pattern` is found in `text`; `^` and `$` match at lines.
pub(crate) fn found(pattern: &str, text: &str) -> bool {
    let regex = regex_lite::RegexBuilder::new(pattern).multi_line(true).build();
    regex.is_ok_and(|regex| regex.is_match(text))
}

/// What `text`, which messages call `what`, lacks: a match of `pattern`, or as JSON what `json` says.
pub(crate) fn lacks(
    what: &str,
    text: &str,
    pattern: Option<&str>,
    json: Option<&Value>,
) -> Vec<String> {
    let mut wrong = Vec::new();
    if let Some(pattern) = pattern.filter(|pattern| !found(pattern, text)) {
        wrong.push(format!("nothing in {what} matches `{pattern}`"));
    }
    if let Some(wanted) = json {
        match serde_json::from_str::<Value>(text) {
            Err(error) => wrong.push(format!("{what} is not JSON: {error}")),
            Ok(found) => wrong.extend(
                missing(wanted, &found, "").map(|missing| format!("{what}, as JSON: {missing}")),
            ),
        }
    }
    wrong
}

/// What of `wanted` is not in `found`: objects may have more fields than wanted, lists more items.
fn missing(wanted: &Value, found: &Value, path: &str) -> Option<String> {
    let here = if path.is_empty() { "the document" } else { path };
    match (wanted, found) {
        (Value::Object(wanted), Value::Object(found)) => {
            wanted.iter().find_map(|(key, value)| match found.get(key) {
                Some(other) => missing(value, other, &format!("{path}.{key}")),
                None => Some(format!("{here} has no `{key}`")),
            })
        }
        (Value::Array(wanted), Value::Array(found)) => wanted.iter().find_map(|value| {
            let any = found.iter().any(|other| missing(value, other, path).is_none());
            (!any).then(|| format!("{here} has no item {value}"))
        }),
        (Value::Number(a), Value::Number(b)) if a.as_f64() == b.as_f64() => None,
        (wanted, found) if wanted == found => None,
        (wanted, found) => Some(format!("{here} is {found}, not {wanted}")),
    }
}
