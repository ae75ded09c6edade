//! What the VM needs to have before labs run in it, seen to in one visit.

use crate::error::Failure;
use crate::host::lima::Vm;
use crate::host::lima::progress::Progress;
use crate::interrupt;
use crate::process;
use crate::quote;
use anyhow::Result;
use base64::Engine;
use std::time::{SystemTime, UNIX_EPOCH};

const PREPARE: &str =
    concat!(include_str!("../../../vm/unpack.sh"), "\n", include_str!("../../../vm/prepare.sh"));

impl Vm {
    /// Brings the VM up, sets its clock and installs there what of `needs` is missing.
    ///
    /// # Errors
    /// If the VM cannot be had, or not be got into, or the installation fails.
    pub fn prepare(&self, needs: &[String], progress: &Progress) -> Result<()> {
        self.up(progress)?;
        let mut seen = self.visit(needs, progress)?;
        // Lima calls a VM running that is still starting, or that does not answer any more.
        for _ in 0..10 {
            if seen.0 != 255 || interrupt::interrupted() {
                break;
            }
            interrupt::sleep(std::time::Duration::from_secs(1));
            seen = self.visit(needs, progress)?;
        }
        if seen.0 == 255 && !interrupt::interrupted() {
            self.up_again(progress)?;
            seen = self.visit(needs, progress)?;
        }
        if interrupt::interrupted() {
            return Err(Failure::interrupted().into());
        }
        match seen {
            (0, _) => Ok(()),
            (_, words) => Err(Failure::machine(format!(
                "the VM `{}` cannot run labs: {}",
                self.name,
                words.join("; ")
            ))
            .into()),
        }
    }

    /// Runs prepare.sh there; its exit status and what it printed that is not a report.
    fn visit(&self, needs: &[String], progress: &Progress) -> Result<(i32, Vec<String>)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let program = format!("set -- {now} {}\n{PREPARE}", quote::command(needs));
        let program = base64::engine::general_purpose::STANDARD.encode(program);
        let mut words = self.machine().piped;
        words.extend(
            ["bash", "-c", &format!("eval \"$(echo {program} | base64 -d)\"")].map(String::from),
        );
        let mut others = Vec::new();
        let mut stage = None;
        let status = process::watch(&words, &mut |line| match line.split_once(' ') {
            Some(("clock", seconds)) => {
                let off = seconds
                    .strip_prefix('-')
                    .map_or(format!("{seconds} s ahead"), |seconds| format!("{seconds} s behind"));
                progress.note(&format!(
                    "the clock of the VM `{}` was {off}, and has been set",
                    self.name
                ))
            }
            Some(("install", packages)) => {
                stage = Some(
                    progress
                        .begin(&format!("installing {packages} in the VM `{}`", self.name), None),
                )
            }
            _ => others.push(line.to_string()),
        })?;
        if let (0, Some(stage)) = (status, stage) {
            stage.end("installed");
        }
        Ok((status, others))
    }
}
