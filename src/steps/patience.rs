//! How patient a step is.

use crate::yaml::decode::{Fields, MAX_WAIT};
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const EVERY: Duration = Duration::from_millis(200);
/// What an attempt gets that may take any time at all.
const LEAST: Duration = Duration::from_secs(1);

/// The share of an attempt that takes no longer than `timeout` when it is the only one.
pub fn share(timeout: Duration) -> impl Fn(Duration) -> Duration {
    // In whole milliseconds, because failures say it.
    move |within| Duration::from_millis(within.as_millis() as u64 / 3).clamp(LEAST, timeout)
}

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
    /// How long one attempt may take, and all of them.
    pub fn deadlines(&mut self) -> Vec<&mut Duration> {
        std::iter::once(&mut self.timeout).chain(&mut self.within).collect()
    }

    /// One attempt may not outlast all of them.
    pub fn attempt(&self) -> Duration {
        self.within.map_or(self.timeout, |within| self.timeout.min(within))
    }
}

/// The fields of that.
pub const FIELDS: [Known; 3] = [
    ("timeout", "how long one attempt may take", "2s"),
    ("within", "try again until it holds, for so long", "10s"),
    ("every", "how long to wait before the next attempt (200ms)", "500ms"),
];

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

    /// Where none is given with the kind's own `timeout`, or what `share` makes of `within`: a step
    /// that is to be tried again must not spend all of its time on one attempt.
    pub fn or(&self, timeout: Duration, share: impl Fn(Duration) -> Duration) -> Patience {
        let within = self.within.as_ref().map(|within| within.value);
        Patience {
            timeout: self.timeout.unwrap_or_else(|| within.map_or(timeout, share)),
            within,
            every: self.every.as_ref().map_or(EVERY, |every| every.value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_attempt_gets_a_third_of_the_time_in_whole_milliseconds() {
        let share = share(Duration::from_secs(10));
        assert_eq!(format!("{:?}", share(Duration::from_secs(5))), "1.666s");
        assert_eq!(share(Duration::from_secs(2)), LEAST);
        assert_eq!(share(Duration::from_secs(90)), Duration::from_secs(10));
    }
}
