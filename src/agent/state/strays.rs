//! Processes that a test left running. What its steps started is ended by a mark in its environment
//! (src/sandbox/restore.rs); what has got rid of that is found here.

use crate::sandbox::{Process, Sandbox, processes};
use std::collections::{BTreeMap, BTreeSet};

/// The processes of a moment, by number and start.
pub struct Processes(BTreeSet<(i32, u64)>);

impl Processes {
    pub fn now() -> Processes {
        Processes(processes().iter().map(|one| (one.pid, one.start)).collect())
    }

    /// Those that have come since, unless they are the services', came from one that was there, or
    /// were brought by somebody who has entered the lab and is still there.
    pub fn strays(&self, sandbox: &Sandbox) -> Vec<String> {
        let all = processes();
        let by_pid: BTreeMap<i32, &Process> = all.iter().map(|one| (one.pid, one)).collect();
        let starts: BTreeSet<i32> =
            sandbox.layout.services.iter().filter_map(|one| sandbox.pid_of(&one.id)).collect();
        let supervisor = by_pid.get(&1).map(|one| one.words()).unwrap_or_default();
        let is_known = |one: &Process| {
            self.0.contains(&(one.pid, one.start))
                || starts.contains(&one.session)
                || one.variable("LABRUN_SERVICE").is_some()
                // What PID 1 watches a service with is a copy of it.
                || (one.parent == 1 && one.words() == supervisor)
        };
        let is_stray = |one: &&Process| {
            let mut one = *one;
            for _ in 0..all.len() {
                if one.is_dying() || (one.pid != 1 && is_known(one)) {
                    return false;
                }
                match by_pid.get(&one.parent) {
                    Some(parent) if parent.pid != 1 => one = parent,
                    Some(_) => return true,
                    // Its parent is outside.
                    None => return false,
                }
            }
            false
        };
        all.iter()
            .filter(|one| one.pid != 1)
            .filter(is_stray)
            .map(|one| format!("the process {} ({})", one.pid, one.name))
            .collect()
    }
}
