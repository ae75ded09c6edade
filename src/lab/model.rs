//! A checked lab: everything resolved, nothing that could still be wrong in the file.

use crate::rules::model::Rule;
use crate::steps::model::Step;
use crate::topology::model::Topology;

/// A lab that can be run.
#[derive(Clone, Debug)]
pub struct Lab {
    /// Its name.
    pub name: String,
    /// A sentence about it.
    pub about: String,
    /// The lab file as messages show it.
    pub file: String,
    /// The text of that file.
    pub source: String,
    /// What it is wired from and what runs in it.
    pub topology: Topology,
    /// Its tests.
    pub tests: Vec<Test>,
}

/// A test.
#[derive(Clone, Debug)]
pub struct Test {
    /// LAB-NAME.
    pub name: String,
    /// NAME, unique in its lab.
    pub short: String,
    /// A sentence about it.
    pub about: String,
    /// Names of the nodes inside which it is captured, besides the lab's own namespace; those that its path
    /// rules need among them.
    pub capture: Vec<String>,
    /// Its steps.
    pub steps: Vec<Step>,
    /// Which way its packets must have gone.
    pub path: Vec<Rule>,
}
