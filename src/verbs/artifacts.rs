//! Keeping what tests left. If it cannot be saved, the verdict stands, but a run in which all is well does not end as
//! if it had been.

use crate::interrupt;
use crate::lab::model::Lab;
use crate::record::event::RunEvent;
use crate::record::result::{Outcome, TestResult};
use crate::report::artifacts;
pub use crate::report::artifacts::usable;
use crate::run::options::Options;
use crate::run::session::{Session, SetupError};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

static INCOMPLETE: AtomicBool = AtomicBool::new(false);

/// Whether something could not be saved since this was asked last.
pub fn incomplete() -> bool {
    INCOMPLETE.swap(false, Ordering::Relaxed)
}

/// Saves the artifacts of `result` if they are kept.
pub fn save(lab: &Lab, options: &Options, result: &mut TestResult, tell: &dyn Fn(RunEvent)) {
    if !options.artifacts.keeps(result.outcome) || interrupt::interrupted() {
        return;
    }
    if let Err(error) = artifacts::save(&options.artifacts, lab, options.client, result) {
        unsaved(&result.test, &error, tell);
    }
}

/// Saves the artifacts of a lab that could not be set up; their folder.
pub fn save_setup(
    lab: &Lab,
    options: &Options,
    session: &mut Session,
    down: &SetupError,
    tell: &dyn Fn(RunEvent),
) -> Option<PathBuf> {
    let SetupError::Failed(lines) = down else { return None };
    if !options.artifacts.keeps(Outcome::Error) {
        return None;
    }
    let event = RunEvent::SetupFailed { instance: session.instance.clone(), lines: lines.clone() };
    let saved = artifacts::save_setup(
        &options.artifacts,
        lab,
        options.client,
        &event,
        session.take_gathered(),
    );
    saved.map_err(|error| unsaved(&lab.name, &error, tell)).ok()
}

fn unsaved(what: &str, error: &anyhow::Error, tell: &dyn Fn(RunEvent)) {
    INCOMPLETE.store(true, Ordering::Relaxed);
    let text = format!(
        "warning: the artifacts of {what} are not complete: {error:#} (see --artifacts-dir)"
    );
    tell(RunEvent::Note { text });
}
