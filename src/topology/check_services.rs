//! Checking the services of a lab: what they run, when they are ready, what they wait for.

use crate::text::quoted;
use crate::topology::check::{Check, netns_name};
use crate::topology::file::NodeFile;
use crate::topology::file_services::{RESTART, RunFile, ServiceFile};
use crate::topology::model::*;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::tree;
use crate::yaml::values;
use std::collections::HashMap;
use std::time::Duration;

/// Where the folders of all services are found in a lab (`lab_up` in scripts/inside.sh).
const FOLDERS: &str = "/run/service";
/// How long a service may take to become ready unless its lab says otherwise.
const READY_WITHIN: Duration = Duration::from_secs(10);

/// A service with its node and that one's place in the file.
type Placed<'a> = (&'a NodeFile, usize, &'a ServiceFile);

/// What is wrong with `name`, which several services have.
pub(crate) fn ambiguous(name: &str, several: &[String]) -> String {
    format!("there are several services `{name}`: {}", quoted(several))
}

/// `run` with the folder of the service that the runtime calls `id` in the places of `${dir}`.
fn in_folder(mut run: Run, id: &str) -> Run {
    let fill = |text: &mut String| *text = text.replace("${dir}", &format!("{FOLDERS}/{id}"));
    fill(&mut run.command);
    run.started.iter_mut().chain(&mut run.reload).for_each(fill);
    run.files.iter_mut().for_each(|(_, content)| fill(content));
    run.environment.iter_mut().for_each(|(_, value)| fill(value));
    for condition in &mut run.ready {
        if let Condition::Log(text) | Condition::File(text) | Condition::Command(text) = condition {
            fill(text);
        }
    }
    run
}

impl Check<'_> {
    pub(crate) fn services(&self) -> Vec<Service> {
        let all: Vec<Placed> = self
            .file
            .nodes
            .iter()
            .enumerate()
            .flat_map(|(i, n)| n.services.iter().map(move |s| (n, i, s)))
            .collect();
        let mut called: HashMap<&str, Vec<usize>> = HashMap::new();
        for (index, (_, _, service)) in all.iter().enumerate() {
            called.entry(&service.name).or_default().push(index);
        }
        let mut after: Vec<Vec<usize>> = Vec::new();
        for (_, _, service) in &all {
            self.diagnostics.name("service", &service.name);
            after.push(
                service.after.iter().filter_map(|name| self.other(&all, &called, name)).collect(),
            );
            if service.stand_in.is_some()
                && self.file.subject.as_ref().is_none_or(|s| s.stand_in.is_none())
            {
                self.diagnostics
                    .wrong(&service.name, "`stand-in` takes the place of a `subject` that has a `stand-in`, which this lab has not");
            }
        }
        self.cycles(&all, &after);
        let ids: Vec<String> = (all.iter())
            .map(|(node, index, service)| match called[service.name.as_str()].len() {
                1 => service.name.value.clone(),
                _ => format!("{}@{}", netns_name(&node.name, *index).0, service.name.value),
            })
            .collect();
        all.iter()
            .zip(after)
            .enumerate()
            .map(|(at, ((node, index, service), after))| Service {
                name: service.name.value.clone(),
                id: ids[at].clone(),
                node: netns_name(&node.name, *index),
                run: in_folder(self.run(&service.run), &ids[at]),
                stand_in: service.stand_in.as_ref().map(|run| in_folder(self.run(run), &ids[at])),
                after: after.into_iter().map(|other| ids[other].clone()).collect(),
            })
            .collect()
    }

    /// Which of `all` is meant by `text`, NAME or NODE/NAME.
    fn other(
        &self,
        all: &[Placed],
        called: &HashMap<&str, Vec<usize>>,
        text: &Spanned<String>,
    ) -> Option<usize> {
        let (node, name) =
            text.rsplit_once('/').map_or((None, text.as_str()), |(node, name)| (Some(node), name));
        let mut found = called.get(name).cloned().unwrap_or_default();
        found.retain(|&index| node.is_none_or(|node| node == all[index].0.name.value));
        let whole =
            |(node, _, service): &Placed| format!("{}/{}", node.name.value, service.name.value);
        match found.as_slice() {
            [one] => return Some(*one),
            [] if node.is_some() => {
                let known: Vec<String> = all.iter().map(whole).collect();
                self.diagnostics.unknown("service", text, known.iter().map(String::as_str));
            }
            [] => {
                let known = all.iter().map(|(_, _, service)| service.name.as_str());
                self.diagnostics.unknown("service", text, known);
            }
            several => {
                let several: Vec<String> =
                    several.iter().map(|&index| whole(&all[index])).collect();
                self.diagnostics.wrong(text, ambiguous(text, &several));
            }
        }
        None
    }

    /// A service that waits for itself, over others or directly, would never start.
    fn cycles(&self, all: &[Placed], after: &[Vec<usize>]) {
        // By the one waited for, who waits; and for how many each still does.
        let mut waiters: HashMap<usize, Vec<usize>> = HashMap::new();
        let mut missing = vec![0; all.len()];
        for (index, others) in after.iter().enumerate() {
            for other in others {
                waiters.entry(*other).or_default().push(index);
                missing[index] += 1;
            }
        }
        let mut startable: Vec<usize> =
            (0..all.len()).filter(|&index| missing[index] == 0).collect();
        while let Some(index) = startable.pop() {
            for waiter in waiters.remove(&index).unwrap_or_default() {
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
        for text in run.started.iter().chain(&run.reload).filter(|text| text.trim().is_empty()) {
            self.diagnostics.wrong(text, "an empty command");
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
        if let Some(restart) = run.restart.as_ref() {
            if !RESTART.contains(&restart.as_str()) {
                self.diagnostics.wrong(restart, format!("expected one of {}", quoted(&RESTART)));
            } else if restart.value == "never" {
                // As without it.
            } else if exits.is_some() {
                self.diagnostics.wrong(
                    restart,
                    "a service that is ready when it has ended is not started again",
                );
            } else if !run.started.is_empty() {
                self.diagnostics.wrong(restart, "nobody would run `started` of a service that is started again: make it part of `command`");
            }
        }
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
            started: run.started.iter().map(|text| text.value.clone()).collect(),
            reload: run.reload.as_ref().map(|text| text.value.clone()),
            restart: run.restart.as_ref().is_some_and(|restart| restart.value == "on-failure"),
        }
    }
}
