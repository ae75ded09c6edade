//! Where scripts run.
//!
//! A host takes a compiled script and hands its events back. The script travels on standard input,
//! followed by the requests of a session, so nothing is written to a disk on the way and any
//! transport that carries a pipe will do.

mod allowed;
mod cache;
mod connection;
#[cfg(target_os = "linux")]
pub mod door;
mod kind;
pub(crate) mod lima;
pub(crate) mod login;
mod native;
mod output;
mod remote;
mod ssh;
pub(crate) mod transfer;
mod user;

pub use connection::{FOREVER, Process, Requests, Said, Stream};
pub use kind::HostKind;
pub use native::Native;
pub use remote::Remote;
pub use transfer::files::Files;

use crate::host::lima::Vm;
use crate::host::lima::template::VmConfig;
use crate::process;
use anyhow::Result;
use std::path::Path;

/// Reads the script from its standard input, then becomes it, and lets it know its text. `read -N`
/// takes exactly as much, so that the requests after the script stay in the pipe; it counts bytes
/// only in this locale.
const BOOTSTRAP: &str =
    r#"LC_ALL=C && IFS= read -rN "$1" LAB_PROGRAM && shift && eval "$LAB_PROGRAM""#;

/// Where labs run.
#[derive(Clone, Debug)]
pub enum Host {
    /// This machine.
    Native(Native),
    /// Another one.
    Remote(Remote),
}

impl Host {
    /// The host of `kind`, found fit for labs if it is this machine. Another one shows when it is
    /// used.
    ///
    /// # Errors
    /// If labs cannot be run on this machine.
    pub fn new(kind: &HostKind) -> Result<Host> {
        Ok(match kind {
            HostKind::Native | HostKind::Auto => Host::Native(Native::detect()?),
            HostKind::Lima => Host::Remote(Remote::new(Vm::new(VmConfig::default())?.machine())),
            HostKind::Ssh(destination) => Host::Remote(Remote::new(destination.machine())),
            HostKind::User(account) => Host::Remote(Remote::new(account.machine()?)),
        })
    }

    /// Starts `script` with `arguments`, in `folder` on the host.
    ///
    /// # Errors
    /// If what runs it cannot be started.
    pub fn run(&self, script: &str, arguments: &[String], folder: &Path) -> Result<Process> {
        self.run_keeping(script, arguments, folder, &[])
    }

    /// The same, and on this machine the script also has the variables `kept` of labrun's own environment
    /// where it is run through sudo, or as another user.
    ///
    /// # Errors
    /// If what runs it cannot be started.
    pub fn run_keeping(
        &self,
        script: &str,
        arguments: &[String],
        folder: &Path,
        kept: &[&str],
    ) -> Result<Process> {
        match self {
            Host::Native(native) => native.run(script, arguments, folder, kept),
            Host::Remote(remote) => remote.run(script, arguments, folder, kept),
        }
    }

    /// Starts `script` with `arguments`, in `folder` on the host, for a verb whose output is a
    /// program's alone.
    ///
    /// # Errors
    /// If what runs it cannot be started.
    pub fn stream(&self, script: &str, arguments: &[String], folder: &Path) -> Result<Stream> {
        match self {
            Host::Native(native) => native.stream(script, arguments, folder),
            Host::Remote(remote) => remote.stream(script, arguments, folder),
        }
    }

    /// Runs a program on this terminal that has nothing to do with labs; whether it succeeded. Where labs run
    /// as another user of this machine, it is run by who runs labrun.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn run_tool(&self, words: &[String]) -> Result<bool> {
        let status = match self {
            Host::Native(_) => process::in_terminal(words)?,
            Host::Remote(remote) if remote.machine.here => process::in_terminal(words)?,
            Host::Remote(remote) => remote.tool(words)?,
        };
        Ok(status == 0)
    }

    /// Whether what [`Host::run_tool`] runs there is root's; of another machine this is known once something has
    /// run there.
    pub fn is_root(&self) -> bool {
        match self {
            Host::Native(_) => native::is_root(),
            Host::Remote(remote) => remote.machine.here || remote.how() == "root",
        }
    }

    /// Whether labs run there through sudo.
    pub fn is_elevated(&self) -> bool {
        match self {
            Host::Native(native) => native.elevated,
            Host::Remote(remote) => remote.how() == "sudo",
        }
    }

    /// How labs run there, in words.
    pub fn how(&self) -> String {
        let how = match self {
            Host::Native(Native { elevated: true }) => "sudo",
            Host::Native(_) if native::is_root() => "root",
            Host::Native(_) => "namespaces",
            Host::Remote(remote) => remote.how(),
        };
        match (how, self) {
            ("root", _) => "as root".into(),
            ("sudo", _) => {
                "through sudo: this kernel refuses user namespaces to ordinary users".into()
            }
            (_, Host::Remote(Remote { machine, .. })) if machine.here => {
                format!("as {}, in user namespaces", machine.name)
            }
            _ => "as this user, in user namespaces".into(),
        }
    }

    /// What has turned out to be wrong with the connection to the host.
    ///
    /// # Errors
    /// If anything has.
    pub fn check(&self) -> Result<()> {
        match self {
            Host::Native(_) => Ok(()),
            Host::Remote(remote) => remote.check(),
        }
    }
}
