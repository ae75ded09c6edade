//! `link`: a cable is pulled or put back.

use super::check::Checker;
use super::output::with_output;
use super::{Kind, StepOutput, Verdict, action};
#[cfg(target_os = "linux")]
use crate::sandbox::{Gone, Mark, Sandbox};
use crate::topology::model::{End, NetnsName};
use crate::yaml::decode::Reader;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A `link` step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LinkStep {
    up: bool,
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

/// What stands in the file.
#[derive(Debug)]
pub struct LinkFile {
    up: bool,
    link: Spanned<String>,
}

const FIELDS: [Known; 2] = [
    ("up", "NODE/LINK of the end that is plugged in again", "client/eth0"),
    ("down", "NODE/LINK of the end that is pulled", "client/eth0"),
];

impl Kind for LinkStep {
    const NAME: &'static str = "link";
    const ABOUT: (&'static str, &'static str) =
        ("a cable is pulled or plugged in again", "{down: client/eth0}");
    type File = LinkFile;

    fn read(reader: Reader) -> Option<LinkFile> {
        let actions = FIELDS.map(|(name, ..)| name);
        let fields = reader.fields(&FIELDS);
        action(&reader, &fields, &actions)
            .map(|(action, link)| LinkFile { up: action == "up", link })
    }

    fn check(file: &LinkFile, checker: &Checker) -> Option<LinkStep> {
        let at = &file.link;
        let Some((name, link)) = at.rsplit_once('/') else {
            checker.wrong(at, format!("`{}`: expected NODE/LINK, such as `router/eth0`", at.value));
            return None;
        };
        let netns = checker.node(&at.with(name.to_string()));
        let node = checker.find_node(name)?;
        let Some(found) = node.links.iter().find(|l| l.name == link) else {
            if node.interfaces().any(|name| name == link) {
                let message =
                    format!("no cable leads to `{link}` of `{name}`, so none can be pulled");
                checker.wrong(at, message);
                return None;
            }
            checker.unknown(
                &format!("link of `{name}`"),
                &at.with(link.to_string()),
                node.links.iter().map(|l| l.name.as_str()),
            );
            return None;
        };
        let (port, far) = match &found.end {
            End::Port { port, .. } => (Some(port.clone()), (netns.clone(), link.to_string())),
            End::Peer { node, link } => {
                (None, (checker.topology.nodes[*node].netns.clone(), link.clone()))
            }
        };
        Some(LinkStep { up: file.up, node: name.into(), netns, link: link.into(), port, far })
    }

    /// With a port that is the bridge's end, so that the node keeps its addresses and routes and
    /// only loses the carrier.
    #[cfg(target_os = "linux")]
    fn run(&self, sandbox: &Sandbox, _: &Mark) -> Result<StepOutput, Gone> {
        let (netns, link) = match &self.port {
            Some(port) => (crate::topology::model::GLOBAL, port),
            None => (self.netns.0.as_str(), &self.link),
        };
        sandbox.note_pulled(&self.netns.0);
        let action = if self.up { "up" } else { "down" };
        let output =
            sandbox.run(sandbox.program(netns, &["ip", "link", "set", "dev", link, action]))?;
        if output.exit != 0 {
            return Ok(output.into());
        }
        if self.up && self.port.is_none() {
            sandbox.restore_addresses(&self.netns.0)?;
        }
        let (netns, link) = &self.far;
        let heard = sandbox.heard(&netns.0, link, self.up)?;
        let late = || format!("{link}, the other end, was not told of it in time");
        Ok(StepOutput::done(heard.then_some(()).ok_or_else(late)))
    }

    fn judge(&self, seen: &StepOutput) -> Verdict {
        let action = if self.up { "up" } else { "down" };
        match seen.exit {
            0 => Ok(String::new()),
            _ => Err(with_output(
                vec![format!("could not set the link {} of {} {action}", self.link, self.node)],
                &seen.stderr,
            )),
        }
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(10)
    }
}
