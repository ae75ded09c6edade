//! `impair`: the end of a cable begins to lose, delay or otherwise impair what it sends, or stops it.

use super::check::Checker;
use super::output::with_output;
use super::{Kind, StepOutput, Verdict};
#[cfg(target_os = "linux")]
use crate::sandbox::{Gone, Mark, Sandbox};
use crate::topology::impair::{FIELDS, Impairment};
use crate::topology::model::NetnsName;
use crate::yaml::decode::Reader;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// An `impair` step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ImpairStep {
    /// NODE/LINK.
    end: String,
    /// The node's namespace.
    netns: NetnsName,
    link: String,
    /// In bytes, if the lab file says so.
    mtu: Option<i64>,
    /// From now on, if at all.
    impairment: Option<Impairment>,
}

/// What stands in the file.
#[derive(Debug)]
pub struct ImpairFile {
    end: Spanned<String>,
    impairment: Option<Impairment>,
}

const ENDS: [Known; 2] = [
    (
        "link",
        "NODE/LINK of the end that is impaired, in place of what it was before",
        "client/eth0",
    ),
    (
        "clear",
        "NODE/LINK of the end that is not impaired any more, in place of `link`",
        "client/eth0",
    ),
];

impl Kind for ImpairStep {
    const NAME: &'static str = "impair";
    const ABOUT: (&'static str, &'static str) = (
        "the end of a cable loses, delays or otherwise impairs what it sends",
        "{link: client/eth0, loss: 10%, delay: 50ms}",
    );
    type File = ImpairFile;

    fn read(reader: Reader) -> Option<ImpairFile> {
        let fields = reader.fields(&[&ENDS[..], &FIELDS].concat());
        let (end, clear) = super::action(&reader, &fields, &ENDS.map(|(name, ..)| name))
            .map(|(name, end)| (end, name == "clear"))?;
        let impairment = Impairment::read(&fields);
        match (clear, &impairment) {
            (true, Some(_)) => reader.wrong("`clear` ends all of it, and begins nothing"),
            (false, None) => Impairment::is_missing(&reader, 1),
            _ => {}
        }
        Some(ImpairFile { end, impairment })
    }

    fn check(file: &ImpairFile, checker: &Checker) -> Option<ImpairStep> {
        let (node, link) = checker.cable(&file.end, "impaired")?;
        Some(ImpairStep {
            end: file.end.value.clone(),
            netns: node.netns.clone(),
            link: link.name.clone(),
            mtu: link.mtu,
            impairment: file.impairment.clone(),
        })
    }

    #[cfg(target_os = "linux")]
    fn run(&self, sandbox: &Sandbox, _: &Mark) -> Result<StepOutput, Gone> {
        let queue = self.impairment.as_ref().map(|impairment| impairment.queue(self.mtu));
        Ok(sandbox.impair(&self.netns.0, &self.link, &queue.unwrap_or_default())?.into())
    }

    fn judge(&self, seen: &StepOutput) -> Verdict {
        let what = match &self.impairment {
            Some(impairment) => {
                format!("could not impair {} ({})", self.end, impairment.about().join(", "))
            }
            None => format!("could not end what impairs {}", self.end),
        };
        match seen.exit {
            0 => Ok(String::new()),
            _ => Err(with_output(vec![what], &seen.stderr)),
        }
    }

    fn limit(&self) -> Duration {
        Duration::from_secs(10)
    }

    fn commands(&self) -> Vec<(&'static str, &'static str)> {
        vec![("tc", "iproute2")]
    }

    fn feature(&self) -> Option<&'static str> {
        self.impairment.as_ref().map(Impairment::feature)
    }
}
