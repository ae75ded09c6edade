//! `ping`: a host answers echo requests, or does not.

use super::check::Checker;
use super::output::{OVERTIME, with_output};
use super::patience::{self, Patience, PatienceFile};
use super::{Kind, NODE, StepOutput, Verdict, name};
#[cfg(target_os = "linux")]
use crate::sandbox::{Gone, Mark, Sandbox};
use crate::topology::model::{GLOBAL, NetnsName};
use crate::yaml::decode::Reader;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use crate::yaml::values;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;
use std::time::Duration;

/// How long the answer to the last request may take: once, and where it is tried again.
const TIMEOUT: Duration = Duration::from_secs(5);
const ANSWER: Duration = Duration::from_secs(1);
/// Between two requests.
const PAUSE: Duration = Duration::from_millis(200);

/// A `ping` step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Ping {
    /// From where.
    node: NetnsName,
    /// What.
    to: IpAddr,
    /// How many requests, all of which must be answered.
    count: i64,
    /// How many bytes of data each carries.
    size: Option<i64>,
    /// May not be taken apart on its way.
    whole: bool,
    /// The address or link that it is sent from.
    from: Option<String>,
    /// No answer at all is the pass.
    fails: bool,
    patience: Patience,
}

/// What stands in the file.
#[derive(Debug)]
pub struct PingFile {
    node: Spanned<String>,
    to: Spanned<Option<IpAddr>>,
    count: Option<i64>,
    size: Option<i64>,
    fragment: Option<bool>,
    from: Option<Spanned<String>>,
    fails: bool,
    patience: PatienceFile,
}

const FIELDS: [Known; 7] = [
    NODE,
    ("to", "the address that is asked", "10.0.0.2"),
    ("count", "how many requests are sent (1)", "3"),
    ("size", "how many bytes of data each carries (56); headers come on top", "1472"),
    ("fragment", "`false` forbids to take it apart on its way", "false"),
    ("from", "the address or link that it is sent from", "eth0"),
    ("fails", "`true`: no request may be answered", "true"),
];

impl Kind for Ping {
    const NAME: &'static str = "ping";
    const ABOUT: (&'static str, &'static str) =
        ("every request must be answered exactly once", "{node: client, to: 10.0.0.2}");
    type File = PingFile;

    fn read(reader: Reader) -> Option<PingFile> {
        let fields = reader.fields(&[&FIELDS[..], &patience::FIELDS].concat());
        Some(PingFile {
            node: name(&fields, "node"),
            to: fields
                .need("to", |r| r.at(r.parsed(|t| values::address(t).map(Some))))
                .unwrap_or_default(),
            count: fields.get("count", |r| r.integer(1..=100)),
            size: fields.get("size", |r| r.integer(0..=65507)),
            fragment: fields.get("fragment", |r| r.boolean()),
            from: fields.get("from", |r| r.at(r.text())),
            fails: fields.get("fails", |r| r.boolean()).unwrap_or_default(),
            patience: PatienceFile::read(&fields),
        })
    }

    fn check(file: &PingFile, checker: &Checker) -> Option<Ping> {
        let count = file.count.unwrap_or(1);
        if let Some(from) = &file.from {
            Ping::from(file, from, checker);
        }
        let sending = PAUSE * (count - 1) as u32;
        Some(Ping {
            node: checker.node(&file.node),
            to: file.to.value.unwrap_or(IpAddr::from([0; 4])),
            count,
            size: file.size,
            whole: file.fragment == Some(false),
            from: file.from.as_ref().map(|from| from.value.clone()),
            fails: file.fails,
            patience: file
                .patience
                .or(TIMEOUT + sending, |within| (within / 3).min(ANSWER) + sending),
        })
    }

    #[cfg(target_os = "linux")]
    fn run(&self, sandbox: &Sandbox, _: &Mark) -> Result<StepOutput, Gone> {
        let (count, to) = (self.count.to_string(), self.to.to_string());
        let pause = PAUSE.as_secs_f64().to_string();
        let size = self.size.map(|size| size.to_string());
        let mut words = vec!["ping", "-n", "-i", &pause, "-c", &count];
        words.extend(size.iter().flat_map(|size| ["-s", size]));
        words.extend(self.whole.then_some(["-M", "do"]).into_iter().flatten());
        words.extend(self.from.iter().flat_map(|from| ["-I", from]));
        words.extend(["--", &to]);
        let program = sandbox.program(&self.node.0, &words).within(self.limit());
        let mut seen = StepOutput::from(sandbox.run(program)?);
        if self.fails {
            seen.unsent = sandbox.no_way(&self.node.0, self.to, self.from.as_deref())?;
        }
        Ok(seen)
    }

    fn judge(&self, seen: &StepOutput) -> Verdict {
        let answers = seen
            .stdout
            .lines()
            .filter(|line| line.contains(" bytes from ") && !line.contains("(DUP!)"))
            .count() as i64;
        let duplicates = seen.stdout.contains("(DUP!)");
        if self.fails {
            let to = self.to;
            return match (answers, seen.exit, &seen.unsent) {
                (0, 126 | 127, _) => {
                    Err(with_output(vec!["ping could not be run".into()], &seen.stderr))
                }
                (0, _, Some(why)) => Err(with_output(
                    vec![format!("{to} could not even be asked, which proves nothing: {why}")],
                    &seen.printed(),
                )),
                // Of ping(8), 1 is "no answer", anything else its own trouble.
                (0, 1 | OVERTIME, None) => Ok("no answer, as wanted".into()),
                (0, status, None) => Err(with_output(
                    vec![format!(
                        "{to} could not even be asked, which proves nothing: ping ended with exit status {status}"
                    )],
                    &seen.printed(),
                )),
                _ => Err(with_output(vec![format!("{to} answers, but was not to")], &seen.stdout)),
            };
        }
        if answers == self.count && seen.exit == 0 && !duplicates {
            return Ok(format!("{} answers", self.to));
        }
        let what = if duplicates {
            "answers more than once".into()
        } else {
            format!("answered {answers} of {} requests", self.count)
        };
        Err(with_output(vec![format!("{} {what}", self.to)], &seen.printed()))
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

    fn commands(&self) -> Vec<(&'static str, &'static str)> {
        vec![("ping", "iputils-ping")]
    }

    fn node(&self) -> Option<&NetnsName> {
        Some(&self.node)
    }
}

impl Ping {
    /// Checks from where `file` wants to ping: an address of the same version, or a link.
    fn from(file: &PingFile, from: &Spanned<String>, checker: &Checker) {
        if let (Ok(address), Some(to)) = (from.parse::<IpAddr>(), file.to.value) {
            if address.is_ipv4() != to.is_ipv4() {
                checker.wrong(from, format!("`{address}` is of another IP version than `{to}`"));
            }
        } else if let Some(node) = checker.find_node(&file.node)
            && node.name != GLOBAL
            && !node.interfaces().any(|link| link == from.value)
        {
            checker.unknown(&format!("link of `{}`", node.name), from, node.interfaces());
        }
    }
}
