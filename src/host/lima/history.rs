//! How long Lima's work took the last times, so that it can be said how long it usually takes.

use anyhow::Result;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// A piece of work that Lima does on the VM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Downloads the disk image and makes the VM.
    Create,
    /// Starts it for the first time, which configures it.
    FirstBoot,
    /// Starts it.
    Boot,
    Stop,
    /// Removes it.
    Delete,
}

impl Work {
    /// "making the VM `labrun`".
    pub fn title(self, name: &str) -> String {
        let doing = ["making", "starting", "starting", "stopping", "removing"][self as usize];
        let how = if self == Work::FirstBoot { " for the first time" } else { "" };
        format!("{doing} the VM `{name}`{how}")
    }

    /// "make".
    pub fn infinitive(self) -> &'static str {
        ["make", "start", "start", "stop", "remove"][self as usize]
    }

    /// "made".
    pub fn done(self) -> &'static str {
        ["made", "up", "up", "stopped", "gone"][self as usize]
    }

    fn key(self) -> &'static str {
        ["create", "first-boot", "boot", "stop", "delete"][self as usize]
    }
}

/// The times of one VM, in seconds, by [`Work`].
#[derive(Clone, Debug, Default)]
pub struct History {
    name: String,
    times: BTreeMap<String, f64>,
}

impl History {
    /// What earlier runs have noted; nothing if there was none, or it cannot be read.
    pub fn load(name: &str) -> History {
        let read = || serde_json::from_slice(&std::fs::read(path(name).ok()?).ok()?).ok();
        History { name: name.into(), times: read().unwrap_or_default() }
    }

    /// How long `work` took the last time.
    pub fn last(&self, work: Work) -> Option<Duration> {
        self.times.get(work.key()).and_then(|seconds| Duration::try_from_secs_f64(*seconds).ok())
    }

    /// Notes how long `work` took. That this fails is no reason to fail.
    pub fn record(&mut self, work: Work, time: Duration) {
        self.times.insert(work.key().into(), (time.as_secs_f64() * 10.0).round() / 10.0);
        if let (Ok(path), Ok(text)) = (path(&self.name), serde_json::to_vec(&self.times)) {
            let _ = std::fs::write(path, text);
        }
    }
}

fn path(name: &str) -> Result<PathBuf> {
    Ok(folder()?.join(format!("{name}.json")))
}

/// Where labrun keeps what it knows of its VMs: `$XDG_STATE_HOME/labrun/vm`, by the XDG base
/// directory specification. It is made if it is not there.
///
/// # Errors
/// If there is no home, or it cannot be written to.
pub fn folder() -> Result<PathBuf> {
    crate::fs::state("vm")
}
