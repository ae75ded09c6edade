//! How long tests took in earlier runs: the file behind `--durations`.

use crate::fs;
use crate::record::result::Outcome;
use crate::record::run::{Run, SetupState};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::Path;

/// What a set-up is taken to need that has no record, in milliseconds; and a test, where none has
/// one. Alike, they keep the tests of a lab together.
const UNKNOWN: u64 = 1000;

/// What is recorded, by name, in milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Durations {
    /// The set-up of labs.
    #[serde(default)]
    pub labs: BTreeMap<String, u64>,
    #[serde(default)]
    pub tests: BTreeMap<String, u64>,
}

impl Durations {
    /// What `path` holds; nothing if there is no such file.
    ///
    /// # Errors
    /// If it can't be read or holds something else. A run is none the worse for that, so this is a
    /// reason to warn.
    pub fn read(path: &Path) -> Result<Durations> {
        match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Durations::default()),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
            Ok(bytes) => serde_json::from_slice(&bytes)
                .with_context(|| format!("{} holds no durations", path.display())),
        }
    }

    /// Takes over what passed in `run`: what failed may have ended early or late.
    pub fn learn(&mut self, run: &Run) {
        let held = |outcome| matches!(outcome, Outcome::Pass | Outcome::Flaky);
        let passed = run.tests.iter().filter(|t| held(t.outcome));
        self.tests.extend(passed.map(|t| (t.test.clone(), t.ms)));
        let ready = run.labs.iter().filter(|l| l.setup.state == SetupState::Ready);
        self.labs.extend(ready.map(|l| (l.name.clone(), l.setup.ms)));
    }

    /// What `path` holds, if one is given; with a warning where that cannot be told.
    pub fn known(path: Option<&Path>) -> (Durations, Option<String>) {
        match path.map_or(Ok(Durations::default()), Durations::read) {
            Ok(durations) => (durations, None),
            Err(error) => (
                Durations::default(),
                Some(format!("warning: no durations are used or kept: {error:#}")),
            ),
        }
    }

    /// Reads `path` again, which another run may have written meanwhile, and adds what `run` found.
    /// A file that holds something else is not ours to write.
    ///
    /// # Errors
    /// If it cannot be read or written.
    pub fn update(path: &Path, run: &Run) -> Result<()> {
        let mut durations = Durations::read(path)?;
        durations.learn(run);
        let text = serde_json::to_string_pretty(&durations).expect("numbers by name") + "\n";
        fs::write(path, text.as_bytes())
    }

    /// What `test` took.
    pub fn test(&self, test: &str) -> Option<u64> {
        self.tests.get(test).copied()
    }

    /// What the set-up of `lab` took, or is likely to.
    pub fn setup(&self, lab: &str) -> u64 {
        self.labs.get(lab).copied().unwrap_or(UNKNOWN)
    }

    /// The median of those of `tests` that are known, which a new one is taken to need.
    pub fn typical<'a>(&self, tests: impl Iterator<Item = &'a str>) -> u64 {
        let mut known: Vec<u64> = tests.filter_map(|test| self.test(test)).collect();
        known.sort_unstable();
        known.get(known.len() / 2).copied().unwrap_or(UNKNOWN)
    }
}
