//! `run`: a shell command in a node, by its exit status and output.

use super::check::Checker;
use super::output::{found, lacks, short, with_output};
use super::patience::{self, Patience, PatienceFile, share};
use super::saved::{self, Save, Saved};
use super::{Kind, NODE, StepOutput, Verdict, name};
#[cfg(target_os = "linux")]
use crate::sandbox::{Gone, Mark, Sandbox};
use crate::topology::file::texts;
use crate::topology::model::NetnsName;
use crate::yaml::decode::Reader;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use crate::yaml::values;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(10);
/// The exit status that stands for a command whose time was over.
const OVERTIME: i64 = 124;

/// A `run` step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Run {
    /// Where.
    node: NetnsName,
    /// What, a shell command.
    command: String,
    /// A failing command is the pass.
    fails: bool,
    /// The exit status, 0 unless said otherwise.
    exit: u8,
    /// Standard output, but for blank space at its ends.
    stdout: Option<String>,
    /// A pattern found in standard output.
    matches: Option<String>,
    /// One that is not.
    lacks: Option<String>,
    /// What standard output, parsed as JSON, must contain.
    json: Option<Value>,
    /// Variables besides those that every command has.
    environment: Vec<(String, String)>,
    /// The service whose folder and environment it has, by the runtime's name.
    service: Option<String>,
    save: Vec<Save>,
    /// The first line of standard output is what reports say of the test.
    pub tell: bool,
    patience: Patience,
}

/// What stands in the file.
#[derive(Debug)]
pub struct RunFile {
    node: Option<Spanned<String>>,
    service: Option<Spanned<String>>,
    command: Spanned<String>,
    save: Vec<(Spanned<String>, Spanned<String>)>,
    tell: bool,
    fails: bool,
    exit: Option<Spanned<i64>>,
    stdout: Option<String>,
    matches: Option<String>,
    lacks: Option<String>,
    json: Option<Value>,
    environment: Vec<(Spanned<String>, String)>,
    patience: PatienceFile,
}

const FIELDS: [Known; 12] = [
    NODE,
    (
        "service",
        "in place of `node`: the service in whose node, folder and environment it runs",
        "http",
    ),
    ("command", "a shell command, run in the repository's folder", "curl -s http://10.0.0.2/"),
    ("environment", "variables for it", "{LANG: C}"),
    (
        "save",
        "what of standard output later steps know as `${NAME}`: the way to it in a JSON document, or `.` for all of it",
        "{token: .session.token}",
    ),
    (
        "tell",
        "`true`: the first line of standard output, which must not be empty, is what reports say of the test if it passes",
        "true",
    ),
    ("fails", "`true`: it must exit with another status than 0", "true"),
    ("exit", "the status that it must exit with (0)", "1"),
    ("stdout", "the whole of standard output, but for blank space at its ends", "hello"),
    ("match", "a regular expression found in standard output", "^hel+o"),
    ("not-match", "one that must not be found", "error"),
    ("json", "a document that standard output must contain", "{state: up}"),
];

impl Kind for Run {
    const NAME: &'static str = "run";
    const ABOUT: (&'static str, &'static str) = (
        "a shell command in a node, judged by its exit status and output",
        "{node: client, command: curl -s http://10.0.0.2/, match: hello}",
    );
    type File = RunFile;

    fn read(reader: Reader) -> Option<RunFile> {
        let fields = reader.fields(&[&FIELDS[..], &patience::FIELDS].concat());
        let file = RunFile {
            service: fields.get("service", |r| r.at(r.text())),
            node: fields.get("node", |r| r.at(r.text())),
            save: fields
                .get("save", |r| r.entries(|name, r| (name, r.at(r.text()))))
                .unwrap_or_default(),
            command: name(&fields, "command"),
            tell: fields.get("tell", |r| r.boolean()).unwrap_or_default(),
            fails: fields.get("fails", |r| r.boolean()).unwrap_or_default(),
            exit: fields.get("exit", |r| r.at(r.integer(0..=255))),
            stdout: fields.get("stdout", |r| r.text_or_number()),
            matches: fields.get("match", |r| values::pattern(&r)),
            lacks: fields.get("not-match", |r| values::pattern(&r)),
            environment: fields.get("environment", texts).unwrap_or_default(),
            json: fields.get("json", |r| r.json()),
            patience: PatienceFile::read(&fields),
        };
        if let Some(exit) = file.exit.as_ref().filter(|exit| exit.value == OVERTIME) {
            fields
                .wrong_at(exit, "124 stands for a command whose time was over, which never passes");
        }
        if file.node.is_some() == file.service.is_some() {
            reader.wrong("expected either a `node` or a `service` that it runs in");
        }
        if file.fails && file.exit.is_some() {
            reader.wrong(
                "`fails: true` stands for any exit status but 0, `exit` for one: give either",
            );
        }
        Some(file)
    }

    fn check(file: &RunFile, checker: &Checker) -> Option<Run> {
        checker.not_empty(&file.command, "an empty command");
        for (name, _) in &file.environment {
            if let Err(message) = values::variable(name) {
                checker.wrong(name, message);
            }
        }
        let (node, service) = match (&file.node, &file.service) {
            (_, Some(name)) => {
                let service = checker.service(name)?;
                (service.node.clone(), Some(service.id.clone()))
            }
            (Some(node), None) => (checker.node(node), None),
            (None, None) => return None,
        };
        Some(Run {
            node,
            service,
            save: saved::check(&file.save, checker),
            command: file.command.value.clone(),
            tell: file.tell,
            fails: file.fails,
            exit: file.exit.as_ref().map_or(0, |exit| exit.value as u8),
            stdout: file.stdout.clone(),
            matches: file.matches.clone(),
            lacks: file.lacks.clone(),
            environment: (file.environment.iter())
                .map(|(name, value)| (name.value.clone(), value.clone()))
                .collect(),
            json: file.json.clone(),
            patience: file.patience.or(TIMEOUT, share(TIMEOUT)),
        })
    }

    #[cfg(target_os = "linux")]
    fn run(&self, sandbox: &Sandbox, _: &Mark) -> Result<StepOutput, Gone> {
        let service = self.service.as_ref().and_then(|id| sandbox.service(id));
        let folder = service.map(|service| sandbox.folder_of(&service.id));
        let program = sandbox
            .shell(&self.node.0, &self.command)
            .folder(folder.as_ref().unwrap_or(&sandbox.layout.folder));
        let environment = service.map(|service| &sandbox.run_of(service).environment);
        let program = environment
            .into_iter()
            .flatten()
            .chain(&self.environment)
            .fold(program, |program, (name, value)| program.env(name, value));
        Ok(sandbox.run(program.within(self.limit()))?.into())
    }

    fn judge(&self, seen: &StepOutput) -> Verdict {
        let mut wrong = Vec::new();
        let command = short(&self.command);
        match (seen.exit, self.fails) {
            (124, _) => {
                wrong.push(format!("{command} did not end within {:?}", self.patience.timeout))
            }
            (0, true) => wrong.push(format!("{command} succeeded, but was to fail")),
            // The shell's own, for what is no program or cannot be found: nothing was tried.
            (status @ (126 | 127), true) => wrong.push(format!(
                "{command} could not be run (exit status {status}), which proves nothing: `exit: {status}` instead of `fails: true` asks for that"
            )),
            (status, false) if status != i32::from(self.exit) => {
                wrong.push(format!(
                    "{command} ended with exit status {status}, not {}",
                    self.exit
                ));
            }
            _ => {}
        }
        if let Some(wanted) = &self.stdout
            && seen.stdout.trim() != wanted.trim()
        {
            let printed = match seen.stdout.trim() {
                "" => "nothing".into(),
                text => short(text),
            };
            wrong.push(format!("{command} printed {printed}, not {}", short(wanted)));
        }
        wrong.extend(lacks(
            &format!("what {command} printed"),
            &seen.stdout,
            self.matches.as_deref(),
            self.json.as_ref(),
        ));
        wrong.extend(self.lacks.iter().filter_map(|pattern| {
            let line = seen.stdout.lines().find(|line| found(pattern, line))?;
            Some(format!("{command} printed {}, which `{pattern}` matches", short(line)))
        }));
        wrong.extend(saved::values(&self.save, &seen.stdout).err());
        let first: String =
            seen.stdout.lines().next().unwrap_or_default().trim().chars().take(60).collect();
        if self.tell && first.is_empty() {
            wrong.push(format!("{command} printed nothing to tell"));
        }
        if wrong.is_empty() {
            return Ok(first);
        }
        Err(with_output(wrong, &seen.printed()))
    }

    fn limit(&self) -> Duration {
        self.patience.attempt()
    }

    fn deadlines(&mut self) -> Vec<&mut Duration> {
        self.patience.deadlines()
    }

    fn patience(&self) -> Option<Patience> {
        Some(self.patience)
    }

    fn saves(&self, seen: &StepOutput) -> Saved {
        saved::values(&self.save, &seen.stdout).unwrap_or_default()
    }

    fn fill(&mut self, saved: &Saved) {
        // What the step itself says counts.
        let all = saved.clone().into_iter();
        self.environment.splice(0..0, all);
        self.stdout = self.stdout.take().map(|stdout| saved::fill(&stdout, saved));
    }

    fn command(&self) -> Option<(&str, &str)> {
        Some((&self.node.0, &self.command))
    }

    fn uses_folder(&self) -> bool {
        true
    }

    fn node(&self) -> Option<&NetnsName> {
        Some(&self.node)
    }
}
