//! A checked lab: everything resolved, nothing that could still be wrong in the file.

use crate::rules::model::Rule;
use crate::steps::StepKind;
use crate::topology::model::Topology;
use crate::yaml::diagnostic::Spanned;
use std::iter;
use std::time::Duration;

/// A lab that can be run.
#[derive(Clone, Debug)]
pub struct Lab {
    pub name: String,
    /// A sentence about it.
    pub about: String,
    /// The lab file as messages show it.
    pub file: String,
    /// The text of that file.
    pub source: String,
    /// What it is wired from and what runs in it.
    pub topology: Topology,
    pub tests: Vec<Test>,
    /// The names of its parameters.
    pub params: Vec<String>,
}

impl Lab {
    /// Gives all that it waits for `factor` times as long: its services to be ready, its steps, its tests.
    pub fn wait_longer(&mut self, factor: f64) {
        let services = self.topology.services.iter_mut();
        let runs =
            services.flat_map(|service| iter::once(&mut service.run).chain(&mut service.stand_in));
        let deadlines =
            runs.map(|run| &mut run.within).chain(self.tests.iter_mut().flat_map(|test| {
                test.timeout
                    .iter_mut()
                    .chain(test.steps.iter_mut().flat_map(|step| step.kind.deadlines()))
            }));
        deadlines.for_each(|deadline| *deadline = deadline.mul_f64(factor));
    }
}

#[derive(Clone, Debug)]
pub struct Test {
    /// LAB-NAME.
    pub name: String,
    /// NAME, unique in its lab.
    pub short: String,
    /// A sentence about it.
    pub about: String,
    /// What it can be chosen by, besides its name.
    pub tags: Vec<String>,
    /// How long all its steps may take.
    pub timeout: Option<Duration>,
    /// It wants a lab that no other test has run in.
    pub fresh: bool,
    /// Whether its packets are captured.
    pub captured: bool,
    /// Names of the nodes inside which it is captured, besides the lab's own namespace; those that
    /// its path rules need among them.
    pub capture: Vec<String>,
    /// The packets that are kept, besides those that its rules are about, whose own filters say which
    /// these are: a tcpdump expression. All, if `None`.
    pub keep: Option<Spanned<String>>,
    pub steps: Vec<Step>,
    /// Which way its packets must have gone.
    pub path: Vec<Rule>,
}

/// A step and where it stands.
#[derive(Clone, Debug)]
pub struct Step {
    /// Line of the lab file.
    pub line: u64,
    /// What it does.
    pub kind: StepKind,
    /// Which way the packets must have gone that were sent while it ran.
    pub path: Vec<Rule>,
    /// The packet that it waits for: the rule holds once there is such a one.
    pub awaited: Option<Rule>,
}

impl Test {
    /// Its rules and those of its steps.
    pub fn rules(&self) -> impl Iterator<Item = &Rule> {
        self.path.iter().chain(self.steps.iter().flat_map(|step| &step.path))
    }

    /// The tcpdump expressions in it.
    pub fn filters(&self) -> impl Iterator<Item = &Spanned<String>> {
        self.keep.iter().chain(self.rules().filter_map(|rule| rule.filter.as_ref()))
    }
}
