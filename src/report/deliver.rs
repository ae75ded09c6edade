//! The end of a run: everything that was asked for is written, and the summary printed.

use crate::error::Exit;
use crate::record::event::RunEvent;
use crate::record::run::Run;
use crate::report::errln;
use crate::report::files;
use crate::report::files::{Kind, Target};
use crate::report::{Reporter, closing, github, summary, timings};
use anyhow::{Context, Result};
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Writes the reports of `run`, all of them though one fails; what was written, and whether that is
/// all.
pub fn write(
    run: &Run,
    targets: &[Target],
    reporter: &mut Reporter,
) -> (Vec<(Kind, PathBuf)>, bool) {
    let (written, mut failed) = files::write_all(targets, run);
    if targets.contains(&Target::GitHub) {
        failed.extend(on_github(run, reporter).err());
    }
    for (kind, path) in &written {
        reporter
            .tell(&RunEvent::Report { kind: kind.to_string(), path: path.display().to_string() });
    }
    for error in &failed {
        errln!("labrun: {error:#}");
    }
    (written, failed.is_empty())
}

/// Writes the reports of `run` and prints its end, of which `notes` are part. The exit code: that
/// of the run, or that of a machine that could not keep the reports.
pub fn deliver(run: &Run, targets: &[Target], notes: &[String], reporter: &mut Reporter) -> Exit {
    let (written, all) = write(run, targets, reporter);
    reporter.table(&timings::table(run));
    reporter.closing(&closing::lines(run, &written));
    for text in notes {
        reporter.tell(&RunEvent::Note { text: text.clone() });
    }
    if run.interrupted {
        reporter.tell(&RunEvent::Note { text: "interrupted, and cleaned up".into() });
    } else {
        let crate::record::run::Totals { passed, flaky, failed, errors, skipped } = run.totals;
        reporter.tell(&RunEvent::Summary {
            passed,
            flaky,
            failed,
            errors,
            skipped,
            time: Duration::from_millis(run.ms),
        });
    }
    match run.exit() {
        Exit::Passed if !all => Exit::Machine,
        exit => exit,
    }
}

/// Annotations go into the log, the summary to where the runner wants it.
fn on_github(run: &Run, reporter: &Reporter) -> Result<()> {
    let here = std::env::current_dir().context("cannot tell the working directory")?;
    reporter.commands(&github::annotations(run, &github::workspace(&here), &here));
    let Some(path) = std::env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) else {
        return Ok(());
    };
    append(Path::new(&path), run).context("cannot write the step summary")
}

/// Other commands of the step may have written a summary, too, and the limit is for all of it.
fn append(path: &Path, run: &Run) -> Result<()> {
    let mut file = File::options().append(true).create(true).open(path)?;
    let there = file.metadata()?.len() as usize;
    let text = summary::markdown(run, summary::LIMIT.saturating_sub(there));
    Ok(file.write_all(text.as_bytes())?)
}
