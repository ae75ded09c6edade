//! `wait`: until something holds in the lab.

use super::check::Checker;
use super::output::short;
use super::{Kind, Saved, StepOutput, Verdict, name};
#[cfg(target_os = "linux")]
use crate::sandbox::{Asker, Gone, Mark, Sandbox, holds};
use crate::text;
use crate::topology::file_services::{CONDITIONS, conditions};
use crate::topology::model::{Condition, GLOBAL, NetnsName};
use crate::yaml::decode::{MAX_WAIT, Reader};
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use crate::yaml::tree::{Position, Value};
use serde::{Deserialize, Serialize};
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(10);

/// A `wait` step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Wait {
    /// Where ports are looked for and commands run.
    node: NetnsName,
    /// For what.
    what: What,
    /// In whose output, if for a line of it.
    service: Option<String>,
    /// In how many lines of it.
    count: usize,
    /// For how long.
    within: Duration,
    /// Variables of its command: what steps before it have saved.
    environment: Vec<(String, String)>,
}

/// What is waited for.
#[derive(Clone, Debug, Serialize, Deserialize)]
enum What {
    Condition(Condition),
    /// Such a packet, in words. It is found in the capture, which is looked through outside of the lab.
    Packet(String),
}

/// A value, and whether it is written as a number.
pub type HeldFile = Spanned<(String, bool)>;

/// A packet that is waited for, as it is written.
#[derive(Debug)]
pub struct PacketFile {
    /// Where the step is.
    pub position: Position,
    /// Its kind, in words.
    pub packet: Spanned<String>,
    /// Where it is seen.
    pub at: Option<Spanned<Vec<Spanned<String>>>>,
    /// What it holds: by the field's name any of these values.
    pub fields: Vec<(Spanned<String>, Vec<HeldFile>)>,
}

/// What stands in the file.
#[derive(Debug)]
pub struct WaitFile {
    node: Spanned<String>,
    what: WhatFile,
    service: Option<Spanned<String>>,
    count: Option<i64>,
    within: Option<Duration>,
}

#[derive(Debug)]
enum WhatFile {
    Condition(Spanned<Condition>),
    Packet(PacketFile),
}

impl WaitFile {
    /// The packet that it waits for, if it does for one.
    pub fn packet(&self) -> Option<&PacketFile> {
        match &self.what {
            WhatFile::Packet(packet) => Some(packet),
            WhatFile::Condition(_) => None,
        }
    }
}

impl Wait {
    /// For how long it waits.
    pub fn within(&self) -> Duration {
        self.within
    }
}

const FIELDS: [Known; 7] = [
    ("node", "the node that `udp`, `tcp` and `command` are about", "server"),
    ("service", "the service whose output `log` is about", "http"),
    ("packet", "a packet of this kind was seen since the test began", "dhcp4 ack"),
    ("at", "where `packet` is seen, one place or a list", "p-client"),
    ("fields", "what `packet` holds, as in a path rule", "{yiaddr: 10.0.0.9}"),
    ("count", "how many lines `log` must match at least (1)", "3"),
    ("within", "how long that may take (10s)", "5s"),
];

#[cfg(target_os = "linux")]
impl Wait {
    /// Whether as many lines of `log` match as are wanted.
    fn is_often(&self, log: &[u8]) -> bool {
        self.count == 1 || self.lines(log) >= self.count
    }

    /// How many lines of `log` match.
    fn lines(&self, log: &[u8]) -> usize {
        let What::Condition(Condition::Log(pattern)) = &self.what else { return 0 };
        let Ok(regex) = regex_lite::Regex::new(pattern) else { return 0 };
        String::from_utf8_lossy(log).lines().filter(|line| regex.is_match(line)).count()
    }
}

impl Kind for Wait {
    const NAME: &'static str = "wait";
    const ABOUT: (&'static str, &'static str) =
        ("until one thing holds", "{node: server, tcp: 80}");
    type File = WaitFile;

    fn read(reader: Reader) -> Option<WaitFile> {
        let fields = reader.fields(&[&CONDITIONS[..5], &FIELDS].concat());
        let node = fields.get("node", |r| r.at(r.text()));
        let service = fields.get("service", |r| r.at(r.text()));
        let within = fields.get("within", |r| r.duration(MAX_WAIT));
        let packet = fields.get("packet", |r| r.at(r.text()));
        let at = fields.get("at", |r| r.at(r.one_or_more(|r| r.at(r.text()))));
        let held = fields.get("fields", |r| {
            let value = |r: Reader| {
                let number = matches!(r.value(), Value::Int(_) | Value::Digits(_));
                r.at((r.text_or_number(), number))
            };
            r.entries(|name, r| (name, r.one_or_more(value)))
        });
        let count = fields.get("count", |r| r.at(r.integer(1..=100_000)));
        let mut conditions = conditions(&fields);
        if conditions.len() + usize::from(packet.is_some()) != 1 {
            reader.wrong(
                "expected exactly one of `udp`, `tcp`, `log`, `file`, `command` and `packet`",
            );
            return None;
        }
        if let Some(packet) = packet {
            if fields.present(&["node", "service", "count"]).is_empty() {
                let node = reader.at(GLOBAL.to_string());
                let (position, fields) = (reader.position(), held.unwrap_or_default());
                let what = WhatFile::Packet(PacketFile { position, packet, at, fields });
                return Some(WaitFile { node, what, service, count: None, within });
            }
            reader.wrong("where a `packet` is seen is said by `at`, and what it holds by `fields`");
            return None;
        }
        if at.is_some() || held.is_some() {
            reader.wrong("`at` and `fields` are about a `packet`");
        }
        let condition = conditions.remove(0);
        let in_node = !matches!(condition.value, Condition::Log(_) | Condition::File(_));
        if matches!(condition.value, Condition::Log(_)) && service.is_none() {
            reader.wrong("the field `service` is missing: whose log?");
        }
        if let Some(count) = &count
            && !matches!(condition.value, Condition::Log(_))
        {
            fields.wrong_at(count, "`count` is about the lines that `log` matches");
        }
        let count = count.map(|count| count.value);
        let node = match node {
            Some(node) if in_node => node,
            // It says that it is missing.
            None if in_node => name(&fields, "node"),
            _ => reader.at(GLOBAL.to_string()),
        };
        let what = WhatFile::Condition(condition);
        Some(WaitFile { node, what, service, count, within })
    }

    fn check(file: &WaitFile, checker: &Checker) -> Option<Wait> {
        let service = match &file.service {
            Some(service) => Some(checker.service(service)?.id.clone()),
            None => None,
        };
        let what = match &file.what {
            WhatFile::Condition(condition) => {
                if matches!(&condition.value, Condition::File(text) | Condition::Command(text) if text.trim().is_empty())
                {
                    checker.wrong(condition, "empty: nothing to wait for");
                }
                What::Condition(condition.value.clone())
            }
            WhatFile::Packet(packet) => What::Packet(packet.packet.value.clone()),
        };
        Some(Wait {
            node: checker.node(&file.node),
            what,
            service,
            count: file.count.unwrap_or(1) as usize,
            within: file.within.unwrap_or(WITHIN),
            environment: Vec::new(),
        })
    }

    #[cfg(target_os = "linux")]
    fn run(&self, sandbox: &Sandbox, mark: &Mark) -> Result<StepOutput, Gone> {
        let What::Condition(condition) = &self.what else {
            return Ok(StepOutput::done(Err(String::new())));
        };
        let in_time = sandbox.until(std::time::Instant::now() + self.within, || {
            // What a service printed before the test began proves nothing about the test, and what it
            // printed before it was started again nothing about what runs now.
            let log = self
                .service
                .as_ref()
                .map(|service| sandbox.printed_lately(mark, service))
                .unwrap_or_default();
            let asker = Asker {
                node: &self.node.0,
                folder: &sandbox.layout.folder,
                environment: &self.environment,
                service: None,
                log: &log,
                within: Duration::from_secs(5).min(self.within),
            };
            Ok(holds(sandbox, condition, &asker)? && self.is_often(&log))
        })?;
        let stdout = match (&self.service, self.count) {
            (Some(service), 2..) => self.lines(&sandbox.printed_lately(mark, service)).to_string(),
            _ => String::new(),
        };
        Ok(StepOutput { exit: if in_time { 0 } else { 124 }, stdout, ..StepOutput::default() })
    }

    fn judge(&self, seen: &StepOutput) -> Verdict {
        let condition = match &self.what {
            _ if seen.exit == 0 => return Ok(String::new()),
            What::Condition(condition) => condition,
            What::Packet(packet) => {
                let mut wrong = vec![format!("waited {:?} for {packet}", self.within)];
                wrong.extend(seen.stderr.lines().map(String::from));
                return Err(wrong);
            }
        };
        let what = match condition {
            Condition::Udp(port) => format!("UDP port {port}"),
            Condition::Tcp(port) => format!("TCP port {port}"),
            Condition::Log(pattern) => {
                let service = text::service(self.service.as_deref().unwrap_or("the log"));
                match self.count {
                    1 => format!("a line of {service} that matches `{pattern}`"),
                    count => format!(
                        "{count} lines of {service} that match `{pattern}`, there are {}",
                        seen.stdout
                    ),
                }
            }
            Condition::File(path) => format!("the file {path}"),
            Condition::Command(command) => format!("{} to succeed", short(command)),
            Condition::Running(_) | Condition::Exit(_) => "the service".into(),
        };
        Err(vec![format!("waited {:?} for {what}", self.within)])
    }

    fn limit(&self) -> Duration {
        self.within + Duration::from_secs(5)
    }

    fn deadlines(&mut self) -> Vec<&mut Duration> {
        vec![&mut self.within]
    }

    fn fill(&mut self, saved: &Saved) {
        self.environment = saved.clone().into_iter().collect();
    }

    fn command(&self) -> Option<(&str, &str)> {
        match &self.what {
            What::Condition(Condition::Command(command)) => Some((&self.node.0, command)),
            _ => None,
        }
    }

    fn uses_folder(&self) -> bool {
        matches!(self.what, What::Condition(Condition::File(_) | Condition::Command(_)))
    }
}
