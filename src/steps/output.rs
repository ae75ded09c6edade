//! What a step saw, and what is said of it.

use serde::{Deserialize, Serialize};

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
}

/// A verdict: what to show of a pass, or what was wrong.
pub type Verdict = Result<String, Vec<String>>;

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
