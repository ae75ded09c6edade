//! The lab file as it is written, put together from its parts.

use crate::lab::params::PARAMS;
use crate::rules::file::{RuleFile, rule};
use crate::steps;
use crate::steps::StepFile;
use crate::topology::fields::FIELDS;
use crate::topology::file as topology;
use crate::topology::file::TopologyFile;
use crate::yaml::decode::{MAX_WAIT, Reader};
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use crate::yaml::tree::Value;
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
    /// Which packets are kept of it.
    pub capture_filter: Option<Spanned<String>>,
    /// What it does, in this order.
    pub steps: Vec<StepEntry>,
    /// Which way its packets must have gone.
    pub path: Vec<RuleFile>,
}

/// An entry of `steps`.
#[derive(Debug)]
pub struct StepEntry {
    /// What it does, and where that stands; `None` where nothing could be made of it.
    pub kind: Spanned<Option<StepFile>>,
    /// Which way the packets of its time must have gone.
    pub path: Vec<RuleFile>,
}

/// The fields of a lab file that are not those of its topology.
const HEAD: [Known; 3] = [
    ("lab", "the name: letters, digits, `-`, `_`, `.`", "web"),
    ("about", "a sentence for `labrun list`", "a web server and a client on one switch"),
    (
        "params",
        "what may differ from run to run (`--set NAME=VALUE`), by name: a number, text, or a list of these. `${NAME}` anywhere in the file stands for it",
        "{backends: 2}",
    ),
];
const TESTS: [Known; 1] =
    [("tests", "tests, by name", "{fetch: {steps: [ping: {node: client, to: 10.0.0.2}]}}")];
const TEST: [Known; 7] = [
    ("about", "a sentence for `labrun list`", "the page arrives"),
    ("tags", "what it can be chosen by, besides its name", "[slow]"),
    ("timeout", "how long all its steps may take", "30s"),
    ("fresh", "`true`: in a lab that no other test has run in", "true"),
    (
        "capture",
        "nodes inside which packets are captured, too; `none`: no packet is; or a mapping with `nodes` and `filter`",
        "[client]",
    ),
    ("steps", "what it does, one after the other", "[ping: {node: client, to: 10.0.0.2}]"),
    (
        "path",
        "which way its packets must have gone",
        "[{packet: dhcp4 offer, crosses: [server, client]}]",
    ),
];

const STEP_PATH: Known = (
    "path",
    "which way the packets must have gone that were sent between its begin and its end",
    "[{packet: icmp, at: p-client}]",
);

const CAPTURE: [Known; 2] = [
    ("nodes", "nodes inside which packets are captured, too", "[client]"),
    (
        "filter",
        "which packets are kept, besides those that the test's path rules are about: a tcpdump expression (pcap-filter(7))",
        "icmp or arp",
    ),
];

/// Reads a whole lab file.
pub fn lab(reader: Reader) -> LabFile {
    let fields = reader.fields(&[&HEAD[..], &FIELDS, &TESTS].concat());
    // What they are has been seen to where they were filled in.
    fields.get(PARAMS, |r| r.entries(|_, r| r.json()));
    LabFile {
        lab: fields.need("lab", |r| r.at(r.text())).unwrap_or_default(),
        about: fields.get("about", |r| r.text()).unwrap_or_default(),
        topology: topology::topology(&fields),
        tests: fields.get("tests", |r| r.entries(test)).unwrap_or_default(),
    }
}

/// Reads an entry of `steps`.
fn step(reader: Reader) -> StepEntry {
    let fields = reader.fields(&[steps::KNOWN, &[STEP_PATH]].concat());
    StepEntry {
        kind: reader.at(steps::read(&reader, &fields)),
        path: fields.get("path", |r| r.list(rule)).unwrap_or_default(),
    }
}

/// Reads `capture`: nodes, and which packets are kept.
fn capture(reader: Reader) -> (Vec<Spanned<String>>, Option<Spanned<String>>) {
    let nodes = |r: Reader| r.one_or_more(|r| r.at(r.text()));
    let mapping = |r: Reader| {
        let fields = r.fields(&CAPTURE);
        let filter = fields.need("filter", |r| r.at(r.text()));
        (fields.get("nodes", nodes).unwrap_or_default(), filter)
    };
    reader.either(|value| matches!(value, Value::Map(_)), mapping, |r| (nodes(r), None))
}

/// Reads an entry of `tests`.
fn test(name: Spanned<String>, reader: Reader) -> TestFile {
    let fields = reader.fields(&TEST);
    let (capture, capture_filter) = fields.get("capture", capture).unwrap_or_default();
    TestFile {
        name,
        about: fields.get("about", |r| r.text()).unwrap_or_default(),
        tags: fields.get("tags", |r| r.one_or_more(|r| r.at(r.text()))).unwrap_or_default(),
        timeout: fields.get("timeout", |r| r.duration(MAX_WAIT)),
        fresh: fields.get("fresh", |r| r.boolean()).unwrap_or_default(),
        capture,
        capture_filter,
        steps: fields.need("steps", |r| r.list(step)).unwrap_or_default(),
        path: fields.get("path", |r| r.list(rule)).unwrap_or_default(),
    }
}
