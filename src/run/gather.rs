//! What is kept of a test as it runs: the output of its steps, and the files that the agent
//! gathers. Both end up in a folder, if they are kept.

use crate::agent::message::{Event, Request};
use crate::lab::model::Lab;
use crate::record::result::TestResult;
use crate::run::session::Session;
use crate::steps::StepOutput;
use std::collections::BTreeMap;

/// How many bytes are kept of a test, in all files.
const MOST: usize = 64 << 20;

/// Outputs and states, by their paths in the test's folder of artifacts.
#[derive(Debug, Default)]
pub struct Gathered {
    files: BTreeMap<String, Vec<u8>>,
}

impl Gathered {
    /// Adds to a file that the agent reports.
    pub fn file(&mut self, name: &str, bytes: &[u8]) {
        // The agent sends no more than this; whatever else does is cut.
        let kept = self.files.values().map(Vec::len).sum::<usize>();
        let file = self.files.entry(name.into()).or_default();
        file.extend(&bytes[..bytes.len().min(MOST.saturating_sub(kept))]);
    }

    /// Keeps what the last attempt of the step with this index saw.
    pub fn step(&mut self, index: usize, kind: &str, seen: &StepOutput) {
        let folder = format!("steps/{}-{}", index + 1, kind);
        let streams = [
            ("stdout", &seen.stdout),
            ("stderr", &seen.stderr),
            ("lease", &seen.lease),
            ("addresses", &seen.addresses),
        ];
        for (name, text) in streams {
            let path = format!("{folder}/{name}");
            if text.is_empty() {
                self.files.remove(&path);
            } else {
                self.files.insert(path, text.clone().into_bytes());
            }
        }
        self.files.insert(format!("{folder}/status"), format!("{}\n", seen.exit).into_bytes());
    }

    /// Whether the agent has reported the state of the lab.
    pub fn has_state(&self) -> bool {
        self.files.keys().any(|path| !path.starts_with("steps/"))
    }

    /// Everything, with the nodes by the names that `lab` gives them; nothing is left here.
    pub fn take(&mut self, lab: &Lab) -> Vec<(String, Vec<u8>)> {
        let name = |path: String| {
            let parts: Vec<&str> = path.splitn(3, '/').collect();
            match (
                parts.as_slice(),
                lab.topology.nodes.iter().find(|node| parts.get(1) == Some(&node.netns.0.as_str())),
            ) {
                (["nodes", _, file], Some(node)) => format!("nodes/{}/{file}", node.name),
                _ => path,
            }
        };
        std::mem::take(&mut self.files)
            .into_iter()
            .map(|(path, bytes)| (name(path), bytes))
            .collect()
    }
}

impl Session<'_> {
    /// Has the state of everything reported, once, if artifacts of this result are kept.
    pub(crate) fn gather(&mut self, result: &TestResult) {
        if self.gathered.has_state() || !self.options.artifacts.keeps(result.outcome) {
            return;
        }
        self.process.ask(&Request::Gather);
        while !matches!(self.agent(), Some(Event::Gathered | Event::Lost) | None) {}
    }

    /// What was gathered so far; nothing is left here.
    pub fn take_gathered(&mut self) -> Vec<(String, Vec<u8>)> {
        self.gathered.take(self.lab)
    }
}
