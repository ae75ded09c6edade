//! What happens in a run, while it goes: what every reporter hears.

use crate::host::transfer::link::Copied;
use crate::record::milliseconds;
use crate::record::result::{ResolvedSubject, TestResult};
use crate::record::timing::Timing;
use schemars::{JsonSchema, generate::SchemaSettings};
use serde::Serialize;
use std::time::Duration;

/// The version of what `--format json` prints. The next one has a field that means something else, or
/// lacks one; more fields and events are no other version.
pub const VERSION: u32 = 1;

/// Something that happened in a run.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum RunEvent {
    /// A program under test is being built.
    Building {
        /// Its name.
        program: String,
        /// Where it is built from.
        repository: String,
    },
    /// It was built, or an earlier build of the same content found.
    Built {
        /// Its name.
        program: String,
        /// The binary.
        path: String,
        /// Whether an earlier build was found.
        cached: bool,
        /// How long it took.
        #[serde(serialize_with = "milliseconds", rename = "ms")]
        #[schemars(with = "u64")]
        time: Duration,
    },
    /// Which program a lab tests.
    Subject {
        /// Its name.
        lab: String,
        /// The program.
        subject: ResolvedSubject,
    },
    /// A lab is being set up.
    Setup {
        /// LAB, or LAB@INSTANCE.
        instance: String,
        /// Whether it was up, made from something else or changed by a test.
        again: bool,
    },
    /// A lab is up.
    Ready {
        /// LAB, or LAB@INSTANCE.
        instance: String,
        /// How long it took.
        #[serde(serialize_with = "milliseconds", rename = "ms")]
        #[schemars(with = "u64")]
        time: Duration,
        /// How many services run in it.
        services: usize,
        /// Whether it was up already.
        reused: bool,
    },
    /// A lab could not be set up.
    SetupFailed {
        /// LAB, or LAB@INSTANCE.
        instance: String,
        /// What went wrong: the service, its exit status, its last lines.
        lines: Vec<String>,
    },
    /// A test begins.
    Test {
        /// LAB-NAME.
        test: String,
    },
    /// An attempt at a test failed, and the test is tried again.
    Retry {
        /// Which attempt that was, from 1.
        attempt: usize,
        /// How many there may be.
        of: usize,
        /// How it ended.
        #[serde(flatten)]
        result: Box<TestResult>,
    },
    /// A test ended.
    Result(Box<TestResult>),
    /// A lab is down and nothing is left of it.
    Cleaned {
        /// LAB, or LAB@INSTANCE.
        instance: String,
    },
    /// A lab was left up.
    Kept {
        /// LAB, or LAB@INSTANCE.
        instance: String,
        /// A node to enter.
        node: String,
        /// What a command about it must say besides, after a space.
        #[serde(skip)]
        at: String,
    },
    /// A line of a service's or client's output, with -v.
    Log {
        /// LAB, or LAB@INSTANCE.
        lab: String,
        /// The service, or the step's stream.
        source: String,
        /// It, without its line break.
        line: String,
    },
    /// A report was written.
    Report {
        /// `json`, `junit` or `html`.
        kind: String,
        /// The file.
        path: String,
    },
    /// Something worth knowing.
    Note {
        /// A sentence.
        text: String,
    },
    /// How long something took (`--timings`).
    Timing(Timing),
    /// The run is over.
    Summary {
        /// Tests that passed at the first attempt.
        passed: usize,
        /// Tests that passed only when they were tried again.
        flaky: usize,
        /// Tests that failed.
        failed: usize,
        /// Tests whose lab could not be set up.
        errors: usize,
        /// Tests that this machine cannot run.
        skipped: usize,
        /// How long it all took.
        #[serde(serialize_with = "milliseconds", rename = "ms")]
        #[schemars(with = "u64")]
        time: Duration,
    },
}

/// One line of what `--format json` prints, as JSON Schema 2020-12.
pub fn schema() -> serde_json::Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    let mut schema = settings.into_generator().into_root_schema_for::<RunEvent>();
    schema.insert("$id".into(), format!("urn:labrun:events:{VERSION}").into());
    schema.insert("title".into(), format!("an event of labrun, version {VERSION}").into());
    schema.to_value()
}

impl From<Copied> for RunEvent {
    fn from(copied: Copied) -> RunEvent {
        RunEvent::Note { text: copied.to_string() }
    }
}
