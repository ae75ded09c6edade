//! How patient a step is.

use crate::yaml::decode::{Fields, MAX_WAIT};
use crate::yaml::diagnostic::Spanned;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const EVERY: Duration = Duration::from_millis(200);

/// Deadline and retry of a step.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Patience {
    /// How long one attempt may take.
    pub timeout: Duration,
    /// Try again until it holds, for so long; `None` tries once.
    pub within: Option<Duration>,
    /// Pause between two attempts.
    pub every: Duration,
}

impl Patience {
    /// One attempt may not outlast all of them.
    pub fn attempt(&self) -> Duration {
        self.within.map_or(self.timeout, |within| self.timeout.min(within))
    }
}

/// `timeout`, `within` and `every` of a step.
#[derive(Debug, Default)]
pub struct PatienceFile {
    timeout: Option<Duration>,
    within: Option<Spanned<Duration>>,
    every: Option<Spanned<Duration>>,
}

impl PatienceFile {
    /// Reads them.
    pub fn read(fields: &Fields) -> PatienceFile {
        let file = PatienceFile {
            timeout: fields.get("timeout", |r| r.duration(MAX_WAIT)),
            within: fields.get("within", |r| r.at(r.duration(MAX_WAIT))),
            every: fields.get("every", |r| r.at(r.duration(MAX_WAIT))),
        };
        match (&file.within, &file.every) {
            (None, Some(_)) => {
                fields.wrong("`every` says how often to try again, which needs a `within`")
            }
            (Some(within), Some(every)) if every.value > within.value => {
                fields.wrong("`every` is longer than `within`: it would be tried only once");
            }
            _ => {}
        }
        file
    }

    /// With the kind's own `timeout` where none is given.
    pub fn or(&self, timeout: Duration) -> Patience {
        Patience {
            timeout: self.timeout.unwrap_or(timeout),
            within: self.within.as_ref().map(|within| within.value),
            every: self.every.as_ref().map_or(EVERY, |every| every.value),
        }
    }
}
