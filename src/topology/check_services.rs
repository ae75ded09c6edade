//! Checking the services of a lab: what they run, when they are ready, what they wait for.

use crate::text::quoted;
use crate::topology::check::{Check, netns_name};
use crate::topology::file::NodeFile;
use crate::topology::file_services::{RunFile, ServiceFile};
use crate::topology::model::*;
use crate::yaml::tree;
use crate::yaml::values;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// How long a service may take to become ready unless its lab says otherwise.
const READY_WITHIN: Duration = Duration::from_secs(10);

impl Check<'_> {
    pub(crate) fn services(&self) -> Vec<Service> {
        let all: Vec<(&NodeFile, usize, &ServiceFile)> = self
            .file
            .nodes
            .iter()
            .enumerate()
            .flat_map(|(i, n)| n.services.iter().map(move |s| (n, i, s)))
            .collect();
        let names: HashSet<&str> = all.iter().map(|(_, _, s)| s.name.as_str()).collect();
        let mut seen: BTreeMap<&str, u64> = BTreeMap::new();
        for (_, _, service) in &all {
            self.diagnostics.name("service", &service.name);
            if let Some(first) = seen.insert(&service.name, service.name.position.line) {
                self.diagnostics.wrong(
                    &service.name,
                    format!("there is a service `{}` already, in line {first}: names are unique in a lab", service.name.value),
                );
            }
            for other in &service.after {
                if !names.contains(other.as_str()) {
                    self.diagnostics.unknown(
                        "service",
                        other,
                        all.iter().map(|(_, _, s)| s.name.as_str()),
                    );
                }
            }
            if service.stand_in.is_some()
                && self.file.subject.as_ref().is_none_or(|s| s.stand_in.is_none())
            {
                self.diagnostics
                    .wrong(&service.name, "`stand-in` takes the place of a `subject` that has a `stand-in`, which this lab has not");
            }
        }
        self.cycles(&all, &names);
        all.iter()
            .map(|(node, index, service)| Service {
                name: service.name.value.clone(),
                node: netns_name(&node.name, *index),
                run: self.run(&service.run),
                stand_in: service.stand_in.as_ref().map(|run| self.run(run)),
                after: service.after.iter().map(|a| a.value.clone()).collect(),
            })
            .collect()
    }

    /// A service that waits for itself, over others or directly, would never start.
    fn cycles(&self, all: &[(&NodeFile, usize, &ServiceFile)], names: &HashSet<&str>) {
        // By the name waited for, who waits; and for how many each still does.
        let mut waiters: HashMap<&str, Vec<usize>> = HashMap::new();
        let mut missing = vec![0; all.len()];
        for (index, (_, _, service)) in all.iter().enumerate() {
            for name in service.after.iter().filter(|name| names.contains(name.as_str())) {
                waiters.entry(name.as_str()).or_default().push(index);
                missing[index] += 1;
            }
        }
        let mut startable: Vec<usize> =
            (0..all.len()).filter(|&index| missing[index] == 0).collect();
        while let Some(index) = startable.pop() {
            for waiter in waiters.remove(all[index].2.name.value.as_str()).unwrap_or_default() {
                missing[waiter] -= 1;
                if missing[waiter] == 0 {
                    startable.push(waiter);
                }
            }
        }
        let stuck = all.iter().zip(missing).filter(|&(_, missing)| missing > 0);
        for ((_, _, service), _) in stuck {
            let waits: Vec<&str> = service.after.iter().map(|a| a.as_str()).collect();
            let at = service.after.first().expect("it waits for something");
            self.diagnostics.wrong(
                at,
                format!(
                    "`{}` can never start: it waits for {}, which in the end waits for it",
                    service.name.value,
                    quoted(&waits)
                ),
            );
        }
    }

    fn run(&self, run: &RunFile) -> Run {
        let known = run.command.position == tree::Position::default()
            || self.diagnostics.are_at(run.command.position);
        if !known && run.command.trim().is_empty() {
            self.diagnostics.wrong(&run.command, "an empty command");
        }
        for (path, _) in &run.files {
            let outside =
                path.starts_with('/') && !path.starts_with("/etc/") && !path.starts_with("/run/");
            if outside
                || path.is_empty()
                || path.ends_with('/')
                || path.split('/').any(|part| part == ".." || part == ".")
            {
                let message = format!(
                    "`{}`: a path below the service's folder, or below /etc or /run, which are the lab's own",
                    path.value
                );
                self.diagnostics.wrong(path, message);
            }
        }
        for (name, _) in &run.environment {
            if let Err(message) = values::variable(name) {
                self.diagnostics.wrong(name, message);
            }
        }
        let exits = run.ready.conditions.iter().find(|c| matches!(c.value, Condition::Exit(_)));
        if let Some(exit) = exits
            && run.ready.conditions.len() > 1
        {
            self.diagnostics.wrong(
                exit,
                "a service that is ready when it has ended cannot be waited for by anything else",
            );
        }
        let within = run.ready.within.unwrap_or(READY_WITHIN);
        for condition in &run.ready.conditions {
            if matches!(condition.value, Condition::Running(time) if time >= within)
                && !self.diagnostics.are_at(condition.position)
            {
                self.diagnostics
                    .wrong(condition, format!("can never be ready: that is not within {within:?}"));
            }
            if matches!(&condition.value, Condition::File(path) | Condition::Command(path) if path.trim().is_empty())
            {
                self.diagnostics.wrong(condition, "empty: nothing to wait for");
            }
        }
        Run {
            command: run.command.value.clone(),
            files: run.files.iter().map(|(p, c)| (p.value.clone(), c.clone())).collect(),
            environment: run
                .environment
                .iter()
                .map(|(k, v)| (k.value.clone(), v.clone()))
                .collect(),
            ready: run.ready.conditions.iter().map(|c| c.value.clone()).collect(),
            within,
        }
    }
}
