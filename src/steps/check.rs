//! Checking the tests of a lab against its topology.

use crate::lab::check::Check;
use crate::rules::check as check_path;
use crate::topology::model::{GLOBAL, Handle, Lab, Node, Service, Step, Test};
use crate::topology::places::inside;
use crate::yaml::decode::At;

/// The checked tests of the file; `lab` is the rest of it, already checked.
pub(crate) fn tests(check: &Check, lab: &Lab) -> Vec<Test> {
    let checker = Checker { check, lab };
    let mut tests = Vec::new();
    for test in &check.file.tests {
        check.name("test", &test.name);
        if test.steps.is_empty() {
            check.wrong(&test.name, "a test without steps proves nothing");
        }
        for node in &test.capture {
            checker.node(node);
        }
        let path = check_path::rules(check, lab, &test.path);
        let mut capture = inside(lab, &path);
        capture.extend(test.capture.iter().map(|node| node.value.clone()));
        let steps = test.steps.iter().filter_map(|step| {
            let kind = step.value.as_ref()?.check(&checker)?;
            Some(Step { line: step.place.line, kind })
        });
        tests.push(Test {
            name: format!("{}-{}", lab.name, test.name.value),
            short: test.name.value.clone(),
            about: test.about.trim().to_string(),
            capture: capture.into_iter().collect(),
            steps: steps.collect(),
            path,
        });
    }
    tests
}

/// What a step refers to, looked up in the lab.
pub struct Checker<'a> {
    check: &'a Check<'a>,
    lab: &'a Lab,
}

impl Checker<'_> {
    /// The namespace of the node that `name` means.
    pub fn node(&self, name: &At<String>) -> Handle {
        if name.value == GLOBAL {
            return Handle(GLOBAL.into());
        }
        match self.find_node(name) {
            Some(node) => node.handle.clone(),
            None => {
                self.unknown("node", name, self.lab.nodes.iter().map(|n| n.name.as_str()).chain([GLOBAL]));
                Handle(String::new())
            }
        }
    }

    /// The node called `name`.
    pub fn find_node(&self, name: &str) -> Option<&Node> {
        self.lab.nodes.iter().find(|node| node.name == name)
    }

    /// The service that `name` means.
    pub fn service(&self, name: &At<String>) -> Option<&Service> {
        let found = self.lab.services.iter().find(|service| service.name == name.value);
        if found.is_none() {
            self.unknown("service", name, self.lab.services.iter().map(|s| s.name.as_str()));
        }
        found
    }

    /// Notes that `name` is none of the `known`.
    pub fn unknown<'n>(&self, what: &str, name: &At<String>, known: impl Iterator<Item = &'n str> + Clone) {
        self.check.unknown(what, name, known);
    }

    /// Notes a mistake.
    pub fn wrong<T>(&self, at: &At<T>, message: impl Into<String>) {
        self.check.wrong(at, message);
    }

    /// Notes a mistake if `at` is there, and there is nothing in it.
    pub fn not_empty(&self, at: &At<String>, message: &str) {
        if at.place.line > 0 && !self.check.problems.are_at(at.place) && at.trim().is_empty() {
            self.wrong(at, message);
        }
    }
}
