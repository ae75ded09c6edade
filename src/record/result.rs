//! How a test ended, and all that is known of it.

use crate::analysis::Evidence;
use crate::lab::model::{Lab, Test};
use crate::record::milliseconds;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use std::time::Duration;

/// How a test ended. These are four different results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// All steps held.
    Pass,
    /// A step did not hold.
    Fail,
    /// This machine cannot run it.
    Skip,
    /// The lab could not be set up, or broke.
    Error,
}

/// Which program a lab tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolvedSubject {
    /// The name the lab calls it by.
    pub program: String,
    /// `given`, `built`, `path` or `stand-in`.
    pub how: String,
    /// Its path, or the stand-in's name.
    pub path: String,
}

#[derive(Clone, Debug, Serialize)]
pub struct TestResult {
    /// LAB-NAME.
    pub test: String,
    pub lab: String,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took, set-up not included.
    #[serde(serialize_with = "milliseconds", rename = "ms")]
    pub time: Duration,
    /// One line: the lease and who gave it, or why it was skipped.
    pub detail: String,
    /// What was wrong and what was seen.
    pub lines: Vec<String>,
    /// The program under test.
    pub subject: Option<ResolvedSubject>,
    /// Where in the lab file what did not hold is written: the file, and the line in it.
    #[serde(skip)]
    pub place: Option<(String, u64)>,
    /// The folder of its artifacts, if they were kept.
    #[serde(serialize_with = "path")]
    pub artifacts: Option<PathBuf>,
    /// What it left.
    #[serde(skip)]
    pub evidence: Evidence,
}

impl TestResult {
    /// A result of `test` of `lab` that says nothing but how it ended.
    pub fn new(lab: &Lab, test: &Test, outcome: Outcome) -> TestResult {
        TestResult {
            test: test.name.clone(),
            lab: lab.name.clone(),
            outcome,
            time: Duration::ZERO,
            detail: String::new(),
            lines: Vec::new(),
            subject: None,
            place: None,
            artifacts: None,
            evidence: Evidence::default(),
        }
    }

    /// Notes where in the lab file what did not hold is written, and shows it.
    pub fn at(&mut self, file: &str, line: u64) {
        self.detail = format!("{file}:{line}");
        self.place = Some((file.into(), line));
    }
}

/// Paths need not be UTF-8, but JSON must.
fn path<S: serde::Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    path.as_ref().map(|path| path.to_string_lossy()).serialize(serializer)
}
