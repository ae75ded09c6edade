//! The tests of a lab file as they are written.

use super::StepFile;
use crate::rules::file::{RuleFile, rule};
use crate::yaml::decode::{At, Reader};

/// An entry of `tests`.
#[derive(Debug)]
pub struct TestFile {
    /// Its name; the test is called LAB-NAME.
    pub name: At<String>,
    /// A sentence about it.
    pub about: String,
    /// The nodes inside which it is captured, too.
    pub capture: Vec<At<String>>,
    /// What it does, in this order; `None` where nothing could be made of a step.
    pub steps: Vec<At<Option<StepFile>>>,
    /// Which way its packets must have gone.
    pub path: Vec<RuleFile>,
}

/// Reads an entry of `tests`.
pub fn test(name: At<String>, reader: Reader) -> TestFile {
    let fields = reader.fields(&["about", "capture", "steps", "path"]);
    TestFile {
        name,
        about: fields.get("about", |r| r.text()).unwrap_or_default(),
        capture: fields.get("capture", |r| r.one_or_more(|r| r.at(r.text()))).unwrap_or_default(),
        steps: fields.need("steps", |r| r.list(|r| r.at(super::read(r)))).unwrap_or_default(),
        path: fields.get("path", |r| r.list(rule)).unwrap_or_default(),
    }
}
