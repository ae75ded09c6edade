//! The lab file as it is written, put together from its parts.

use crate::rules::file::{RuleFile, rule};
use crate::steps;
use crate::steps::StepFile;
use crate::topology::file as topology;
use crate::topology::file::TopologyFile;
use crate::yaml::decode::{MAX_WAIT, Reader};
use crate::yaml::diagnostic::Spanned;
use std::time::Duration;

#[derive(Debug, Default)]
pub struct LabFile {
    /// Its name.
    pub lab: Spanned<String>,
    /// A sentence about it.
    pub about: String,
    /// What it is wired from.
    pub topology: TopologyFile,
    pub tests: Vec<TestFile>,
}

/// An entry of `tests`.
#[derive(Debug)]
pub struct TestFile {
    /// Its name; the test is called LAB-NAME.
    pub name: Spanned<String>,
    /// A sentence about it.
    pub about: String,
    /// What it can be chosen by, besides its name.
    pub tags: Vec<Spanned<String>>,
    /// How long all its steps may take.
    pub timeout: Option<Duration>,
    /// Whether it wants a lab of its own.
    pub fresh: bool,
    /// The nodes inside which it is captured, too; `none` if it is not captured at all.
    pub capture: Vec<Spanned<String>>,
    /// What it does, in this order; `None` where nothing could be made of a step.
    pub steps: Vec<Spanned<Option<StepFile>>>,
    /// Which way its packets must have gone.
    pub path: Vec<RuleFile>,
}

/// Reads a whole lab file.
pub fn lab(reader: Reader) -> LabFile {
    let known = [&["lab", "about"][..], &topology::FIELDS, &["tests"]].concat();
    let fields = reader.fields(&known);
    LabFile {
        lab: fields.need("lab", |r| r.at(r.text())).unwrap_or_default(),
        about: fields.get("about", |r| r.text()).unwrap_or_default(),
        topology: topology::topology(&fields),
        tests: fields.get("tests", |r| r.entries(test)).unwrap_or_default(),
    }
}

/// Reads an entry of `tests`.
fn test(name: Spanned<String>, reader: Reader) -> TestFile {
    let fields = reader.fields(&["about", "tags", "timeout", "fresh", "capture", "steps", "path"]);
    TestFile {
        name,
        about: fields.get("about", |r| r.text()).unwrap_or_default(),
        tags: fields.get("tags", |r| r.one_or_more(|r| r.at(r.text()))).unwrap_or_default(),
        timeout: fields.get("timeout", |r| r.duration(MAX_WAIT)),
        fresh: fields.get("fresh", |r| r.boolean()).unwrap_or_default(),
        capture: fields.get("capture", |r| r.one_or_more(|r| r.at(r.text()))).unwrap_or_default(),
        steps: fields.need("steps", |r| r.list(|r| r.at(steps::read(r)))).unwrap_or_default(),
        path: fields.get("path", |r| r.list(rule)).unwrap_or_default(),
    }
}
