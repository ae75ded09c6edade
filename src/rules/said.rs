//! What is said of a rule that does not hold, and which packets it is said of.

use crate::rules::observations::Observation;

/// Lines, some of which are about a packet, so that a report can lead there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub lines: Vec<String>,
    pub about: Vec<About>,
}

/// Which packet a line is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct About {
    /// Its number among the lines.
    pub line: usize,
    /// Its number in the capture.
    pub packet: usize,
}

impl Said {
    pub(crate) fn of(line: String) -> Said {
        Said::from(vec![line])
    }

    /// Adds a line.
    pub(crate) fn push(&mut self, line: String) {
        self.lines.push(line);
    }

    /// Adds a line about the packet of `observation`.
    pub(crate) fn push_about(&mut self, line: String, observation: &Observation) {
        self.about.push(About { line: self.lines.len(), packet: observation.number });
        self.lines.push(line);
    }

    /// Adds all of `other`.
    pub fn append(&mut self, other: Said) {
        let before = self.lines.len();
        let moved = |about: About| About { line: about.line + before, ..about };
        self.about.extend(other.about.into_iter().map(moved));
        self.lines.extend(other.lines);
    }
}

impl From<Vec<String>> for Said {
    fn from(lines: Vec<String>) -> Said {
        Said { lines, about: Vec::new() }
    }
}
