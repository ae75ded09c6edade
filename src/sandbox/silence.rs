//! Cables that carry nothing though their links stay up.

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
    fn program(&self, silent: bool) -> (&str, Vec<&str>) {
        match self {
            Silent::Port(port) => {
                // The numbers are those of `disabled` and `forwarding` (bridge(8)).
                let state = if silent { "0" } else { "3" };
                (GLOBAL, vec!["bridge", "link", "set", "dev", port, "state", state])
            }
            // A queue that has no room for a single packet.
            Silent::End(netns, link) => match silent {
                true => (
                    netns,
                    vec!["tc", "qdisc", "replace", "dev", link, "root", "pfifo", "limit", "0"],
                ),
                false => (netns, vec!["tc", "qdisc", "del", "dev", link, "root"]),
            },
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
            let (netns, words) = end.program(true);
            output = self.run(self.program(netns, &words))?;
            if output.exit != 0 {
                break;
            }
        }
        Ok(output)
    }

    /// Ends the silence of these `ends`, if they are silent.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn end_silence(&self, ends: &[Silent]) -> Result<(), Gone> {
        let noted = self.noted();
        let (over, left): (Vec<Silent>, Vec<Silent>) =
            noted.into_iter().partition(|one| ends.contains(one));
        for end in &over {
            let (netns, words) = end.program(false);
            // It may have ended by itself: a port that was down forwards when it is up again.
            self.run(self.program(netns, &words))?;
        }
        let text: String = left.iter().map(|end| format!("{}\n", end.line())).collect();
        let _ = match text.is_empty() {
            true => fs::remove_file(self.silent()),
            false => fs::write(self.silent(), text),
        };
        Ok(())
    }

    /// Ends all silence.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub(super) fn restore_silent(&self) -> Result<(), Gone> {
        self.end_silence(&self.noted())
    }

    fn silent(&self) -> std::path::PathBuf {
        self.state.join("silent")
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
