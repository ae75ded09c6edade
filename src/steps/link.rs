//! `link`: a cable is pulled or put back, or carries nothing any more.

use super::check::Checker;
use super::output::with_output;
use super::{Kind, StepOutput, Verdict, action};
#[cfg(target_os = "linux")]
use crate::sandbox::{Gone, Mark, Sandbox, Silent};
use crate::topology::model::{End, NetnsName};
use crate::yaml::decode::Reader;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A `link` step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinkStep {
    action: Action,
    /// The node's name.
    node: String,
    /// Its namespace.
    netns: NetnsName,
    /// The link.
    link: String,
    /// The bridge's end of the cable.
    port: Option<String>,
    /// The end that is not set, and its namespace.
    far: (NetnsName, String),
}

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Up,
    Down,
    Silence,
}

impl Action {
    /// In the order of [`FIELDS`].
    const ALL: [Action; 3] = [Action::Up, Action::Down, Action::Silence];

    fn word(self) -> &'static str {
        FIELDS[self as usize].0
    }
}

/// What stands in the file.
#[derive(Debug)]
pub struct LinkFile {
    action: Action,
    link: Spanned<String>,
}

const FIELDS: [Known; 3] = [
    ("up", "NODE/LINK of the end that is plugged in again, or silent no longer", "client/eth0"),
    ("down", "NODE/LINK of the end that is pulled", "client/eth0"),
    (
        "silence",
        "NODE/LINK of an end of the cable that carries nothing any more, though the link stays up",
        "client/eth0",
    ),
];

impl Kind for LinkStep {
    const NAME: &'static str = "link";
    const ABOUT: (&'static str, &'static str) =
        ("a cable is pulled, silent, or plugged in again", "{down: client/eth0}");
    type File = LinkFile;

    fn read(reader: Reader) -> Option<LinkFile> {
        let actions = FIELDS.map(|(name, ..)| name);
        let fields = reader.fields(&FIELDS);
        action(&reader, &fields, &actions).and_then(|(name, link)| {
            let action = Action::ALL.into_iter().find(|action| action.word() == name)?;
            Some(LinkFile { action, link })
        })
    }

    fn check(file: &LinkFile, checker: &Checker) -> Option<LinkStep> {
        let (node, found) = checker.cable(&file.link, "pulled")?;
        let (netns, link) = (&node.netns, &found.name);
        let (port, far) = match &found.end {
            End::Port { port, .. } => (Some(port.clone()), (netns.clone(), link.clone())),
            End::Peer { node, link } => {
                (None, (checker.topology.nodes[*node].netns.clone(), link.clone()))
            }
        };
        Some(LinkStep {
            action: file.action,
            node: node.name.clone(),
            netns: netns.clone(),
            link: link.clone(),
            port,
            far,
        })
    }

    /// With a port that is the bridge's end, so that the node keeps its addresses and routes and
    /// only loses the carrier.
    #[cfg(target_os = "linux")]
    fn run(&self, sandbox: &Sandbox, _: &Mark) -> Result<StepOutput, Gone> {
        let ends = match &self.port {
            Some(port) => vec![Silent::Port(port.clone())],
            None => [(&self.netns, &self.link), (&self.far.0, &self.far.1)]
                .map(|(netns, link)| Silent::End(netns.0.clone(), link.clone()))
                .to_vec(),
        };
        if self.action == Action::Silence {
            return Ok(sandbox.silence(&ends)?.into());
        }
        let up = self.action == Action::Up;
        let (netns, link) = match &self.port {
            Some(port) => (crate::topology::model::GLOBAL, port),
            None => (self.netns.0.as_str(), &self.link),
        };
        sandbox.note_pulled(&self.netns.0);
        let action = self.action.word();
        let output =
            sandbox.run(sandbox.program(netns, &["ip", "link", "set", "dev", link, action]))?;
        if output.exit != 0 {
            return Ok(output.into());
        }
        if up {
            let ended = sandbox.end_silence(&ends)?;
            if ended.exit != 0 {
                return Ok(ended.into());
            }
        }
        if up && self.port.is_none() {
            sandbox.restore_addresses(&self.netns.0)?;
        }
        let (netns, link) = &self.far;
        let heard = sandbox.heard(&netns.0, link, up)?;
        let late = || format!("{link}, the other end, was not told of it in time");
        Ok(StepOutput::done(heard.then_some(()).ok_or_else(late)))
    }

    fn judge(&self, seen: &StepOutput) -> Verdict {
        match seen.exit {
            0 => Ok(String::new()),
            _ => Err(with_output(
                vec![format!(
                    "could not set the link {} of {} {}",
                    self.link,
                    self.node,
                    if self.action == Action::Silence { "silent" } else { self.action.word() }
                )],
                &seen.stderr,
            )),
        }
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn commands(&self) -> Vec<(&'static str, &'static str)> {
        let command = if self.port.is_some() { "bridge" } else { "tc" };
        let silent = matches!(self.action, Action::Silence);
        silent.then_some((command, "iproute2")).into_iter().collect()
    }
}
