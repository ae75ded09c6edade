//! Cables that carry nothing though their links stay up.

use super::impair::SHUT;
use super::{Gone, Output, Sandbox};
use crate::topology::model::GLOBAL;
use std::fs::{self, OpenOptions};
use std::io::Write;

/// Where a cable is made silent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Silent {
    /// At a port of a bridge, which takes nothing from it and gives it nothing. What the node sends
    /// is still seen there.
    Port(String),
    /// At an end in this namespace, which sends nothing. What is received is what the other end
    /// sends, so that is silent, too.
    End(String, String),
}

impl Silent {
    /// Where the command runs, and its words.
    fn program(&self) -> (&str, String) {
        match self {
            Silent::Port(port) => (GLOBAL, of_port(port, DISABLED)),
            // A queue that has no room for a single packet.
            Silent::End(netns, link) => (netns, format!("tc qdisc replace dev {link} root {SHUT}")),
        }
    }

    /// As a line of the note.
    fn line(&self) -> String {
        match self {
            Silent::Port(port) => format!("{GLOBAL} {port}"),
            Silent::End(netns, link) => format!("{netns} {link} end"),
        }
    }

    fn of(line: &str) -> Option<Silent> {
        match line.split(' ').collect::<Vec<_>>().as_slice() {
            [_, port] => Some(Silent::Port(port.to_string())),
            [netns, link, _] => Some(Silent::End(netns.to_string(), link.to_string())),
            _ => None,
        }
    }
}

/// Numbers of bridge(8).
const DISABLED: u8 = 0;
const FORWARDING: u8 = 3;

fn of_port(port: &str, state: u8) -> String {
    format!("bridge link set dev {port} state {state}")
}

impl Sandbox {
    /// From now on nothing goes through the `ends` of a cable, until the end of the test. What the
    /// command said that could not do it, or the last.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn silence(&self, ends: &[Silent]) -> Result<Output, Gone> {
        let mut output = Output::default();
        for end in ends {
            // Noted first: this process may be killed. What is not noted nobody would end.
            let note = OpenOptions::new().append(true).create(true).open(self.silent());
            if let Err(error) = note.and_then(|mut note| writeln!(note, "{}", end.line())) {
                let stderr = format!("it cannot be noted: {error}").into_bytes();
                return Ok(Output { exit: 1, stderr, ..Output::default() });
            }
            let (netns, words) = end.program();
            output = self.words(netns, &words)?;
            if output.exit != 0 {
                break;
            }
        }
        Ok(output)
    }

    /// Ends the silence of these `ends`, if they are silent. What the command said that could not do it.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn end_silence(&self, ends: &[Silent]) -> Result<Output, Gone> {
        let noted = self.noted();
        let (over, left): (Vec<Silent>, Vec<Silent>) =
            noted.into_iter().partition(|one| ends.contains(one));
        let mut failed = None;
        for end in &over {
            let output = match end {
                // It may have ended by itself: a port that was down forwards when it is up again.
                Silent::Port(port) => {
                    self.words(GLOBAL, &of_port(port, FORWARDING))?;
                    continue;
                }
                Silent::End(netns, link) => self.put_back(netns, link)?,
            };
            failed = failed.or((output.exit != 0).then_some(output));
        }
        let text: String = left.iter().map(|end| format!("{}\n", end.line())).collect();
        let _ = match text.is_empty() {
            true => fs::remove_file(self.silent()),
            false => fs::write(self.silent(), text),
        };
        Ok(failed.unwrap_or_default())
    }

    /// Ends all silence.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub(super) fn restore_silent(&self) -> Result<(), Gone> {
        self.end_silence(&self.noted()).map(drop)
    }

    /// Whether this end was made silent.
    pub(super) fn is_silent(&self, end: &Silent) -> bool {
        self.noted().contains(end)
    }

    pub(super) fn words(&self, netns: &str, words: &str) -> Result<Output, Gone> {
        self.run(self.program(netns, &words.split(' ').collect::<Vec<_>>()))
    }

    fn silent(&self) -> std::path::PathBuf {
        self.private("silent")
    }

    /// The ends that were made silent, each once.
    fn noted(&self) -> Vec<Silent> {
        let text = fs::read_to_string(self.silent()).unwrap_or_default();
        let mut noted: Vec<Silent> = Vec::new();
        for end in text.lines().filter_map(Silent::of) {
            if !noted.contains(&end) {
                noted.push(end);
            }
        }
        noted
    }
}
