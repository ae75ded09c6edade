//! What the runtime reports: one JSON object a line.

use crate::text::service;
use serde::{Deserialize, Deserializer, Serialize};

/// An event of the runtime (`emit` in scripts/base.sh).
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// Another machine has been reached (scripts/remote.sh).
    Host {
        /// How labs run there: `root`, `namespaces` or `sudo`.
        how: String,
    },
    /// Which program is tested.
    Subject {
        /// The name the lab calls it by.
        program: String,
        /// `given`, `built`, `path` or `stand-in`.
        how: String,
        /// The program, or the stand-in's name.
        path: String,
    },
    /// The machine lacks something.
    Missing(Missing),
    /// The kernel refuses user namespaces.
    Refused,
    /// Set-up begins.
    Setup {
        /// The instance.
        instance: String,
        /// Its state folder.
        state: String,
    },
    /// PID 1 of the sandbox runs.
    Supervisor,
    /// A service changed its state.
    Service(Service),
    /// A line of a service's output.
    Log {
        /// Whose.
        #[serde(deserialize_with = "of_service")]
        service: String,
        /// The line.
        line: String,
    },
    /// The lab is up.
    Ready {
        /// The instance.
        instance: String,
    },
    /// The lab was up already.
    Reused {
        /// The instance.
        instance: String,
    },
    /// The lab was up, made from something else or changed by a test; it is made anew.
    Outdated {
        /// The instance.
        instance: String,
    },
    /// Set-up failed, and the agent begins to look at the state of it.
    Failing,
    /// Set-up failed; what went wrong was reported before.
    Failed,
    /// The lab stays up.
    Kept {
        /// The instance.
        instance: String,
    },
    /// The lab is down and nothing of it is left.
    Cleaned {
        /// The instance.
        instance: String,
    },
    /// The lab stays as it is: another labrun is at work in it.
    Owned {
        /// The instance.
        instance: String,
        /// A process of that labrun's.
        pid: String,
    },
    /// There is no such instance.
    Absent {
        /// The name asked for.
        instance: String,
    },
    /// An instance, for `status`.
    Instance(Instance),
    /// The processes in the instance, for `status`.
    Processes(Processes),
    /// Something else went wrong.
    Error {
        /// What.
        message: String,
    },
    /// The last event.
    End,
}

/// Something the machine lacks.
#[derive(Clone, Debug, Default, Deserialize, PartialEq)]
pub struct Missing {
    /// `allow`, `command`, `kernel` or `subject`.
    pub kind: String,
    /// What.
    pub name: String,
    /// The Debian package that has it.
    #[serde(default)]
    pub package: String,
    /// The subject's stand-in, if it has one.
    #[serde(default)]
    pub stand_in: String,
    /// What was said when a feature of the kernel was tried.
    #[serde(default)]
    pub why: String,
}

/// The state of a service.
#[derive(Clone, Debug, Default, Deserialize, Serialize, PartialEq)]
pub struct Service {
    /// Its name.
    #[serde(deserialize_with = "of_service")]
    pub name: String,
    /// `starting`, `ready`, `died`, `late`, `failed`, `running` or `exited`.
    pub state: String,
    /// Its node.
    #[serde(default)]
    pub node: String,
    /// Its command.
    #[serde(default)]
    pub command: String,
    /// Its exit status, from 129 to 192 for a signal.
    pub status: Option<i32>,
    /// What a late one was waited for by, or the command that failed after the start.
    #[serde(default)]
    pub waiting: String,
    /// How long it was waited for, in ms.
    pub within: Option<u64>,
    /// Where its output is.
    #[serde(default)]
    pub log: String,
    /// Its first process, as its lab numbers it.
    #[serde(default)]
    pub pid: String,
    /// How often it has failed and was started again; empty if never.
    #[serde(default)]
    pub restarts: String,
}

/// The processes in an instance, as the kernel tells of them.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Processes {
    /// A line each, see proc_pid_stat(5).
    pub stats: String,
    /// For how long the machine has been up, see proc_uptime(5).
    pub uptime: String,
    /// How many bytes a page of memory has.
    pub page: u64,
}

/// Reads what the runtime calls a service, which is shown as the lab file names it.
pub fn of_service<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    String::deserialize(deserializer).map(|id| service(&id))
}

/// The signal that an exit status stands for, as a shell has it; a program may also end with a
/// status over 128 of its own, such as 255.
pub fn signal(status: i32) -> Option<i32> {
    (129..=128 + 64).contains(&status).then(|| status - 128)
}

/// An instance of a lab.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Instance {
    /// Its name.
    pub instance: String,
    /// `starting`, `ready`, `testing`, `failed` or `dead`.
    pub condition: String,
    /// Its state folder.
    pub state: String,
    /// Where its subject is from, empty without one.
    pub how: String,
    /// The subject's path.
    pub path: String,
    /// PID 1 of its sandbox as the host sees it.
    pub pid: String,
}

/// Reads a line of the runtime's output.
///
/// # Errors
/// The line itself, if it is not an event: something printed to the wrong place, which is worth
/// showing.
pub fn parse(line: &str) -> Result<Event, String> {
    serde_json::from_str(line).map_err(|_| line.to_string())
}
