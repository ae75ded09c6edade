//! `labrun report`.

use crate::cli::{Cli, ReportArgs};
use crate::error::Failure;
use crate::record::durations::Durations;
use crate::report::files;
use crate::report::files::Target;
use crate::report::{Reporter, deliver, merge as joining};
use anyhow::Result;
use std::path::PathBuf;

/// Joins JSON reports into one, of which the exit code is.
///
/// # Errors
/// If one is not a report, two contradict each other, or a part is missing.
pub fn merge(cli: &Cli, inputs: &[PathBuf], reports: &ReportArgs) -> Result<u8> {
    let read = |path: &PathBuf| -> Result<_> {
        let name = path.display().to_string();
        let text = std::fs::read_to_string(path)
            .map_err(|error| Failure::usage(format!("cannot read {name}: {error}")))?;
        let run = joining::read(&name, &text)?;
        Ok((name, run))
    };
    let runs = inputs.iter().map(read).collect::<Result<Vec<_>>>()?;
    files::prepare(&reports.targets)?;
    let run = joining::join(runs)?;
    let mut reporter = Reporter::new(cli.format);
    if reports.targets.contains(&Target::GitHub) {
        reporter = reporter.on_github();
    }
    let mut notes = Vec::new();
    if let Some(path) = &reports.durations
        && let Err(error) = Durations::update(path, &run)
    {
        notes.push(format!("warning: the durations are not kept: {error:#}"));
    }
    Ok(deliver::deliver(&run, &reports.targets, &notes, &mut reporter) as u8)
}
