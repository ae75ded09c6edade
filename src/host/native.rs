//! This machine.

use crate::error::{Failure, not_found};
use crate::host::allowed::{self, Allowed};
use crate::host::transfer::files::Build;
use crate::host::{BOOTSTRAP, Process, Stream, cache};
use crate::interrupt;
use crate::process;
use anyhow::{Context, Result, bail};
use duct::{Expression, cmd};
use rustix::process::Signal;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Once;
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
        let (why, way) = match if is_root() { allowed::root() } else { allowed::user() } {
            Allowed::Yes => return Ok(Native { elevated: false }),
            Allowed::Refused { why, way } => (why, way),
        };
        if is_root() {
            bail!("{why}: {way}");
        }
        // Nothing is known of the kernel then.
        if which::which("unshare").is_err() {
            bail!(not_found("unshare"));
        }
        if which::which("sudo").is_err() {
            bail!("{why}, and there is no sudo: {way}");
        }
        if let Allowed::Refused { .. } = allowed::by_sudo() {
            bail!("{why}, and sudo would not help: {way}");
        }
        // Asked for here, in the foreground, where sudo can ask for a password.
        let granted =
            cmd!("sudo", "-v").unchecked().run().is_ok_and(|output| output.status.success());
        if !granted {
            bail!("{why}, and sudo does not let us in: {way}");
        }
        // Once: a run looks for its host more often.
        static KEPT: Once = Once::new();
        KEPT.call_once(|| {
            std::thread::spawn(|| keep_granted(GRANTED, renewed));
        });
        Ok(Native { elevated: true })
    }

    /// Starts `script` with `arguments`, in `folder`, where sudo keeps the variables `kept`.
    ///
    /// # Errors
    /// If bash cannot be started.
    pub fn run(
        &self,
        script: &str,
        arguments: &[String],
        folder: &Path,
        kept: &[&str],
    ) -> Result<Process> {
        Process::start(self.command(script, arguments, folder, kept), script, None)
    }

    /// Starts `script` with `arguments`, in `folder`, for a verb whose output is a program's alone.
    ///
    /// # Errors
    /// If bash cannot be started.
    pub fn stream(&self, script: &str, arguments: &[String], folder: &Path) -> Result<Stream> {
        Stream::start(self.command(script, arguments, folder, &[]), script, None)
    }

    /// What reads `script` from its standard input and becomes it.
    fn command(
        &self,
        script: &str,
        arguments: &[String],
        folder: &Path,
        kept: &[&str],
    ) -> Expression {
        let length = script.len().to_string();
        let words = ["bash", "-c", BOOTSTRAP, "labrun", &length]
            .into_iter()
            .map(String::from)
            .chain(arguments.iter().cloned());
        let words = self.words(kept, words);
        process::apart(process::clean(cmd(&words[0], &words[1..])).dir(folder))
    }

    /// Runs `script` with `arguments` on this terminal, and returns its exit status.
    ///
    /// # Errors
    /// If bash cannot be started.
    pub fn run_in_terminal(&self, script: &str, arguments: &[String]) -> Result<i32> {
        let words = ["bash", "-c", script, "labrun"]
            .into_iter()
            .map(String::from)
            .chain(arguments.iter().cloned());
        process::in_terminal(&self.words(&[], words))
    }

    fn words(&self, kept: &[&str], words: impl Iterator<Item = String>) -> Vec<String> {
        let mut prefix = Vec::new();
        if self.elevated {
            prefix.extend(["sudo".to_string(), "-n".into()]);
            // sudo-rs knows no -E; nothing else of the environment is needed.
            prefix.extend((!kept.is_empty()).then(|| format!("--preserve-env={}", kept.join(","))));
            prefix.push("--".into());
        }
        prefix.into_iter().chain(words).collect()
    }
}

/// Much sooner than sudo forgets who asked, which it does after 5 or 15 minutes unless told
/// otherwise: a lab may run for longer, and the next one must not ask for a password again.
const GRANTED: Duration = Duration::from_secs(60);

/// Renews what sudo granted every `time`, as long as `renewed` says that it is granted.
fn keep_granted(time: Duration, mut renewed: impl FnMut() -> bool) {
    loop {
        std::thread::sleep(time);
        if !renewed() {
            return;
        }
    }
}

/// Has sudo remember for as long again, without a question.
fn renewed() -> bool {
    let asked = process::apart(cmd!("sudo", "-n", "-v").stdin_null().stdout_null().stderr_null());
    asked.run().is_ok_and(|output| output.status.success())
}

/// Whether this process is root's.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// What this machine calls itself, as uname(1) has it.
pub fn machine_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// The files of `repository` that git tracks; none where it is not a checkout, or git will not say.
pub fn tracked(repository: &Path) -> Vec<PathBuf> {
    if !repository.join(".git").exists() {
        return Vec::new();
    }
    let words = [OsStr::new("git"), OsStr::new("-C"), repository.as_os_str()];
    let words = [&words[..], &[OsStr::new("ls-files"), OsStr::new("-z")]].concat();
    let names = process::output(&words, Vec::new()).map(|output| output.stdout).unwrap_or_default();
    names
        .split(|byte| *byte == 0)
        .filter(|name| !name.is_empty())
        .map(|name| PathBuf::from(OsStr::from_bytes(name)))
        .collect()
}

/// The program that an earlier build of the same content made.
///
/// # Errors
/// If there is no place for builds.
pub fn built(build: &Build) -> Result<Option<PathBuf>> {
    let folder = cache::folder()?.join(&build.name);
    let path = folder.join(build.program);
    if !path.exists() {
        return Ok(None);
    }
    cache::used(&folder);
    Ok(Some(path))
}

/// Builds a program, and returns where it is.
///
/// # Errors
/// If it fails; then with the compiler's words.
pub fn build(build: &Build) -> Result<PathBuf> {
    let cache = cache::folder()?;
    let folder = cache.join(&build.name);
    // Built beside and renamed, so that a build that was interrupted is never taken for a whole
    // one.
    std::fs::create_dir_all(&cache)?;
    let out = tempfile::Builder::new().prefix(".building-").tempdir_in(&cache)?;
    let (success, output) = compile(build, out.path())?;
    if interrupt::interrupted() {
        return Err(Failure::interrupted().into());
    }
    if !success {
        return Err(build.failed("it failed", &output));
    }
    if !out.path().join(build.program).exists() {
        return Err(build.failed(&format!("it left no $OUT/{}", build.program), &output));
    }
    let built = folder.join(build.program);
    // Another run may have been quicker: then its program, which may have been started already, is
    // the same and stays.
    if std::fs::rename(out.path(), &folder).is_err() && !built.exists() {
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::rename(out.path(), &folder)
            .with_context(|| format!("cannot write to {}", cache.display()))?;
    }
    cache::prune(&cache, build.program);
    Ok(built)
}

/// How long a build may take.
pub(crate) const BUILDING: Duration = Duration::from_secs(3600);

/// Runs the command with `$OUT` set to `out`; whether it succeeded, and everything it printed. An
/// interrupt ends it.
fn compile(build: &Build, out: &Path) -> Result<(bool, String)> {
    let command = cmd!("bash", "-c", build.command).dir(build.repository).env("OUT", out);
    // In a group of its own, so that an interrupt reaches the compilers, too, however it reached
    // labrun.
    let handle =
        process::apart(command.stdin_null().stderr_to_stdout().stdout_capture()).start()?;
    let mut signals = [Signal::TERM, Signal::KILL].into_iter();
    let deadline = Instant::now() + BUILDING;
    loop {
        let late = Instant::now() > deadline;
        if let Some(output) = handle.try_wait()? {
            let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
            if late {
                printed.push_str(&format!("\nit did not end within {BUILDING:?}\n"));
            }
            return Ok((output.status.success(), printed));
        }
        if late || interrupt::interrupted() {
            for (pid, signal) in handle.pids().into_iter().zip(signals.next()) {
                process::signal(pid, signal);
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

#[cfg(test)]
mod tests {
    use super::*;

    /// Where it is granted no longer, nobody goes on asking.
    #[test]
    fn what_sudo_granted_is_renewed_until_it_is_refused() {
        let mut asked = 0;
        keep_granted(Duration::from_millis(1), || {
            asked += 1;
            asked < 4
        });
        assert_eq!(asked, 4);
    }
}
