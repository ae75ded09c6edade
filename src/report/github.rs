//! GitHub Actions: groups in the log, and annotations. The step summary is in `summary`.
//!
//! The runner takes a line that begins with `::`, or holds `##[`, for a command. What daemons print
//! must not become one, so such lines stand between `stop-commands` and its token (docs.github.com,
//! "Workflow commands for GitHub Actions").

use crate::record::event::RunEvent;
use crate::record::result::{Outcome, tries};
use crate::record::run::{Run, SetupState, TestRun};
use crate::report::files::Target;
use crate::report::plain;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

/// How many annotations of a kind GitHub shows of a step.
const ANNOTATIONS: usize = 10;

/// Whether this is a step of GitHub Actions.
pub fn is_here() -> bool {
    std::env::var("GITHUB_ACTIONS").is_ok_and(|value| value == "true")
}

/// `asked`, and GitHub by itself where this is a step there.
pub fn targets(asked: &[Target]) -> Vec<Target> {
    let mut targets = asked.to_vec();
    if is_here() && !targets.contains(&Target::GitHub) {
        targets.push(Target::GitHub);
    }
    targets
}

/// `text` as the runner may see it: nothing in it is a command.
pub fn safe(text: &str) -> String {
    // The runner drops what Unicode calls a space, and a carriage return ends a line for it, too.
    let ignored = |c: char| c.is_whitespace() || c.is_control() || c == '\u{feff}';
    let command =
        |line: &str| line.trim_start_matches(ignored).starts_with("::") || line.contains("##[");
    if !text.split(['\n', '\r']).any(command) {
        return text.into();
    }
    let token = token();
    format!("::stop-commands::{token}\n{text}\n::{token}::")
}

/// What nobody can guess, so that nobody can start the commands again.
fn token() -> String {
    let random = || RandomState::new().hash_one(0u8);
    format!("labrun-{:016x}{:016x}", random(), random())
}

/// A line that the runner takes for a command.
fn command(name: &str, properties: &[(&str, String)], message: &str) -> String {
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let properties: Vec<String> =
        properties.iter().map(|(name, value)| format!("{name}={}", property(value))).collect();
    let space = if properties.is_empty() { "" } else { " " };
    format!("::{name}{space}{}::{}", properties.join(","), data(message))
}

/// The log: what belongs to one lab is a group, though labs run side by side. The lab that came
/// first is shown as it goes, the others wait for it. Results follow their group, where all can see
/// them.
#[derive(Default)]
pub struct Groups {
    labs: VecDeque<Group>,
    results: HashMap<String, Vec<String>>,
}

struct Group {
    lab: String,
    waiting: Vec<String>,
    done: bool,
}

impl Groups {
    /// The lines to print for `message`, which concerns `lab` if it concerns only that.
    pub fn hear(&mut self, lab: Option<&str>, message: &RunEvent) -> Vec<String> {
        let Some(text) = plain::text(message).map(|text| safe(&text)) else { return Vec::new() };
        let Some(lab) = lab else { return vec![text] };
        if let RunEvent::Result(_) = message {
            self.results.entry(lab.into()).or_default().push(text);
            return Vec::new();
        }
        let place = self.labs.iter().position(|group| group.lab == lab);
        let first = self.labs.is_empty();
        match place {
            Some(0) => vec![text],
            Some(place) => {
                self.labs[place].waiting.push(text);
                Vec::new()
            }
            None => {
                self.labs.push_back(Group { lab: lab.into(), waiting: Vec::new(), done: false });
                if first {
                    return vec![open(lab), text];
                }
                self.labs.back_mut().expect("just added").waiting.push(text);
                Vec::new()
            }
        }
    }

    /// The lines to print now that nothing more will come of `lab`.
    pub fn done(&mut self, lab: &str) -> Vec<String> {
        let Some(group) = self.labs.iter_mut().find(|group| group.lab == lab) else {
            // All its tests were skipped, say.
            return self.results.remove(lab).unwrap_or_default();
        };
        group.done = true;
        let mut lines = Vec::new();
        while self.labs.front().is_some_and(|group| group.done) {
            let group = self.labs.pop_front().expect("there is one");
            lines.push("::endgroup::".into());
            lines.extend(self.results.remove(&group.lab).unwrap_or_default());
            if let Some(next) = self.labs.front_mut() {
                lines.push(open(&next.lab));
                lines.append(&mut next.waiting);
            }
        }
        lines
    }
}

fn open(lab: &str) -> String {
    command("group", &[], &format!("lab {lab}"))
}

/// An annotation for everything that went wrong, at its line of the lab file. `workspace` is the
/// folder that GitHub's paths are relative to, `here` the one that ours are.
pub fn annotations(run: &Run, workspace: &Path, here: &Path) -> Vec<String> {
    let file = |file: &str, line: Option<u64>| -> Vec<(&str, String)> {
        let path = here.join(file);
        match path.strip_prefix(workspace) {
            Ok(path) if !file.starts_with('<') => {
                vec![("file", path.display().to_string()), ("line", line.unwrap_or(1).to_string())]
            }
            _ => Vec::new(),
        }
    };
    let annotate =
        |kind: &str, mut properties: Vec<(&str, String)>, title: String, lines: &[String]| {
            properties.push(("title", title));
            command(kind, &properties, &lines.join("\n"))
        };
    let broken = run.labs.iter().filter(|lab| lab.setup.state == SetupState::Failed);
    let mut errors: Vec<(String, String)> = broken
        .map(|lab| {
            let title = format!("setup of {} failed", lab.name);
            (title.clone(), annotate("error", file(&lab.file, None), title, &lab.setup.lines))
        })
        .collect();
    let told = |test: &&TestRun| {
        let setup = run
            .labs
            .iter()
            .any(|lab| lab.name == test.lab && lab.setup.state == SetupState::Failed);
        test.is_bad() && !(setup && test.lines.is_empty())
    };
    errors.extend(run.tests.iter().filter(told).map(|test| {
        let word = if test.outcome == Outcome::Fail { "failed" } else { "could not be run" };
        let lines =
            if test.lines.is_empty() { vec![test.detail.clone()] } else { test.lines.clone() };
        let title = format!("{} {word}", test.test);
        (title.clone(), annotate("error", file(&test.file, test.line), title, &lines))
    }));
    let flaky = run.tests.iter().filter(|t| t.outcome == Outcome::Flaky);
    let mut warnings: Vec<(String, String)> = flaky
        .map(|test| {
            let title = format!("{} is flaky", test.test);
            let first = test.attempts.first();
            let mut lines: Vec<String> = tries(test.outcome, &test.attempts).into_iter().collect();
            lines.extend(first.iter().flat_map(|first| first.lines.iter().cloned()));
            let place = file(&test.file, first.and_then(|first| first.line));
            (title.clone(), annotate("warning", place, title, &lines))
        })
        .collect();
    for (reason, tests) in run.skips() {
        let title = format!("{} skipped", crate::text::count(tests.len(), "test"));
        let kind = if run.strict { "error" } else { "warning" };
        let line =
            annotate(kind, Vec::new(), title.clone(), &[reason.to_string(), tests.join(" ")]);
        if run.strict { &mut errors } else { &mut warnings }.push((title, line));
    }
    for lab in &run.labs {
        if let Some(subject) = lab.subject.as_ref().filter(|s| s.how == "stand-in") {
            let title = format!("{} tested a stand-in", lab.name);
            let text = format!(
                "no {} was found, so its stand-in {} was tested",
                subject.program, subject.path
            );
            warnings.push((title.clone(), annotate("warning", Vec::new(), title, &[text])));
        }
    }
    [limited("error", errors), limited("warning", warnings)].concat()
}

/// At most as many as GitHub shows, the last of which then names the others.
fn limited(kind: &str, mut all: Vec<(String, String)>) -> Vec<String> {
    if all.len() > ANNOTATIONS {
        let rest: Vec<String> =
            all.split_off(ANNOTATIONS - 1).into_iter().map(|(title, _)| title).collect();
        let title = format!("{} more", rest.len());
        all.push((String::new(), command(kind, &[("title", title)], &rest.join("\n"))));
    }
    all.into_iter().map(|(_, line)| line).collect()
}

/// What GitHub's paths are relative to.
pub fn workspace(here: &Path) -> PathBuf {
    std::env::var_os("GITHUB_WORKSPACE")
        .filter(|path| !path.is_empty())
        .map_or(here.to_path_buf(), PathBuf::from)
}
