//! Which tests of a repository failed when they were last run: what `--last-failed` runs.
//!
//! A run of some tests says nothing of the others, and one that was skipped nothing of itself: what is
//! known of them stays.

use crate::error::Failure;
use crate::fs;
use crate::lab::find::Selection;
use crate::record::result::Outcome;
use crate::record::run::Run;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::collections::BTreeSet;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a record is kept that no run has changed.
const UNUSED: Duration = Duration::from_secs(90 * 24 * 60 * 60);

/// What is recorded of a repository.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Failures {
    /// Its folder, for whoever looks at the file.
    repository: String,
    /// The tests that failed.
    pub tests: BTreeSet<String>,
}

impl Failures {
    /// What is known of `repository`.
    ///
    /// # Errors
    /// If nothing is known of it, with a way out.
    pub fn read(repository: &Path) -> Result<Failures> {
        let path = path(repository).map_err(|error| {
            Failure::usage(format!("--last-failed: there is no record of runs: {error:#}"))
        })?;
        let unknown = |why: String| Failure::usage(format!("--last-failed: {why}"));
        let text = std::fs::read_to_string(&path).map_err(|error| match error.kind() {
            ErrorKind::NotFound => unknown(format!(
                "no run of the tests of {} is on record: run `labrun test` first",
                repository.display()
            )),
            _ => unknown(format!("cannot read {}: {error}", path.display())),
        })?;
        Ok(serde_json::from_str(&text).map_err(|error| {
            unknown(format!(
                "{} is no record of a run ({error}): the next `labrun test` writes it anew",
                path.display()
            ))
        })?)
    }

    /// Notes what `run` found of the tests of `repository`, which other runs may have done meanwhile.
    ///
    /// # Errors
    /// If there is no place for that.
    pub fn update(repository: &Path, run: &Run) -> Result<()> {
        let path = path(repository)?;
        let mut failures = Failures::read(repository).unwrap_or_default();
        failures.repository = repository.display().to_string();
        failures.learn(run);
        let text = serde_json::to_string_pretty(&failures).expect("names") + "\n";
        fs::write(&path, text.as_bytes())?;
        prune(path.parent().context("it is in a folder")?);
        Ok(())
    }

    /// Takes over how the tests of `run` ended.
    pub fn learn(&mut self, run: &Run) {
        for test in &run.tests {
            match test.outcome {
                Outcome::Pass | Outcome::Flaky => _ = self.tests.remove(&test.test),
                Outcome::Fail | Outcome::Error => _ = self.tests.insert(test.test.clone()),
                Outcome::Skip => {}
            }
        }
    }

    /// Leaves of `chosen` what failed. If that is nothing, what is to be said of it.
    pub fn keep(&self, chosen: &mut Vec<Selection>) -> Option<String> {
        for one in chosen.iter_mut() {
            one.tests.retain(|index| self.tests.contains(&one.lab.tests[*index].name));
        }
        chosen.retain(|one| !one.tests.is_empty());
        let names: Vec<&str> = self.tests.iter().map(String::as_str).collect();
        match names.as_slice() {
            _ if !chosen.is_empty() => None,
            [] => Some("nothing ran: no test failed when it was last run".into()),
            names => Some(format!(
                "nothing ran: of the tests that were named none failed when it was last run, but {} did",
                names.join(", ")
            )),
        }
    }
}

/// Where the record of `repository` is.
fn path(repository: &Path) -> Result<PathBuf> {
    let digest = Sha256::digest(repository.as_os_str().as_encoded_bytes());
    let name: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(fs::state("failures")?.join(format!("{name}.json")))
}

/// Removes the records of repositories in which nobody has run a test for long.
fn prune(folder: &Path) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let age = entry.metadata().and_then(|data| data.modified()).map(|time| time.elapsed());
        if matches!(age, Ok(Ok(age)) if age > UNUSED) {
            let _ = std::fs::remove_file(entry.path());
        }
    }
}
