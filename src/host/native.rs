//! This machine.

use super::{BOOTSTRAP, Process, interrupt};
use anyhow::{Result, bail};
use duct::cmd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// How scripts run on this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Native {
    /// Through sudo, because this user may not make user namespaces.
    pub elevated: bool,
}

impl Native {
    /// Finds out how labs can be run here.
    ///
    /// # Errors
    /// If neither root, nor user namespaces, nor sudo are to be had.
    pub fn detect() -> Result<Native> {
        if !cfg!(target_os = "linux") {
            bail!(
                "labs need Linux, network namespaces are a feature of its kernel: name a Linux machine with `--host ssh://[user@]machine`"
            );
        }
        if is_root() || user_namespaces() {
            return Ok(Native { elevated: false });
        }
        if which::which("sudo").is_err() {
            bail!("this kernel refuses user namespaces to ordinary users, and there is no sudo: run labrun as root");
        }
        // Asked for here, in the foreground, where sudo can ask for a password.
        let granted = cmd!("sudo", "-v").unchecked().run().is_ok_and(|output| output.status.success());
        if !granted {
            bail!("this kernel refuses user namespaces to ordinary users, and sudo does not let us in: run labrun as root");
        }
        Ok(Native { elevated: true })
    }

    /// Starts `script` with `arguments`, in `folder`.
    ///
    /// # Errors
    /// If bash cannot be started.
    pub fn run(&self, script: &str, arguments: &[String], folder: &Path) -> Result<Process> {
        let length = script.len().to_string();
        let words = ["bash", "-c", BOOTSTRAP, "labrun", &length].into_iter().map(String::from).chain(arguments.iter().cloned());
        let words = self.words(words);
        Process::start(cmd(&words[0], &words[1..]).dir(folder), script.to_string(), None)
    }

    /// Runs `script` with `arguments` on this terminal, and returns its exit status.
    ///
    /// # Errors
    /// If bash cannot be started.
    pub fn run_in_terminal(&self, script: &str, arguments: &[String]) -> Result<i32> {
        let words = ["bash", "-c", script, "labrun"].into_iter().map(String::from).chain(arguments.iter().cloned());
        super::in_terminal(&self.words(words))
    }

    fn words(&self, words: impl Iterator<Item = String>) -> Vec<String> {
        // sudo-rs knows no -E; nothing of the environment is needed.
        let prefix = if self.elevated { vec!["sudo".to_string(), "-n".into(), "--".into()] } else { Vec::new() };
        prefix.into_iter().chain(words).collect()
    }
}

/// Whether this process is root's.
pub fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0)
}

/// Ubuntu lets anybody make the namespace but do nothing in it, so the probe mounts.
fn user_namespaces() -> bool {
    cmd!("unshare", "--user", "--map-root-user", "--mount", "--net", "true")
        .stderr_null()
        .unchecked()
        .run()
        .is_ok_and(|output| output.status.success())
}

/// Builds a program: runs `command` in `folder` with `$OUT` set to `out`, and returns whether it
/// succeeded and everything it printed. An interrupt ends it.
///
/// # Errors
/// If bash cannot be started.
pub fn build(command: &str, folder: &Path, out: &Path) -> Result<(bool, String)> {
    let build = cmd!("bash", "-c", command).dir(folder).env("OUT", out).stdin_null().stderr_to_stdout().stdout_capture().unchecked();
    // A group of its own, so that an interrupt reaches the compilers, too, however it reached labrun.
    let build = build.before_spawn(|command| {
        command.process_group(0);
        Ok(())
    });
    let handle = build.start()?;
    let mut signals = ["TERM", "KILL"].into_iter();
    loop {
        if let Some(output) = handle.try_wait()? {
            return Ok((output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned()));
        }
        if interrupt::interrupted() {
            for (pid, signal) in handle.pids().iter().zip(signals.next()) {
                // bash's own, because that of procps takes a group below 65 for a signal.
                cmd!("bash", "-c", format!("kill -s {signal} -- -{pid}")).stderr_null().unchecked().run()?;
            }
            let grace = Instant::now() + Duration::from_secs(1);
            while handle.try_wait()?.is_none() && Instant::now() < grace {
                std::thread::sleep(Duration::from_millis(10));
            }
        } else {
            interrupt::sleep(Duration::from_millis(10));
        }
    }
}
