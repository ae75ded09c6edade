//! The tests of one lab: each in a lab as set-up made it, and tried again if it failed and that is
//! wanted.
//!
//! An attempt more is made in a lab made anew, so that it owes nothing to the one before. It never
//! makes a failure anything but flaky: where no further attempt can be made, the failure stays.

use crate::analysis::ladder::Extent;
use crate::interrupt;
use crate::lab::model::{Lab, Test};
use crate::record::event::RunEvent;
use crate::record::result::{Attempt, Outcome, TestResult};
use crate::run::options::Options;
use crate::run::session::{Session, SetupError};
use crate::run::subject::Given;
use crate::verbs::artifacts;
use std::path::PathBuf;

/// What a lab that could not be set up means for a test.
pub const NOT_UP: &str = "the lab could not be set up";

/// A lab that could not be set up.
pub struct Down {
    pub why: SetupError,
    /// The folder of its artifacts.
    pub artifacts: Option<PathBuf>,
}

/// The sessions with a lab, one after the other.
pub struct Sessions<'a> {
    pub(crate) lab: &'a Lab,
    options: &'a Options,
    given: Option<&'a Given>,
    pub(crate) tell: &'a dyn Fn(RunEvent),
    /// Says nothing of labs that come and go.
    quiet: &'a dyn Fn(RunEvent),
    /// The one that goes on.
    session: Option<Session<'a>>,
    /// No further test can run in it.
    broken: bool,
    /// A test that failed has left it to be looked at.
    kept: bool,
}

impl<'a> Sessions<'a> {
    /// With `lab`, of which all is told to `tell`, and less of what comes and goes between tests to
    /// `quiet`.
    pub fn new(
        lab: &'a Lab,
        options: &'a Options,
        given: Option<&'a Given>,
        tell: &'a dyn Fn(RunEvent),
        quiet: &'a dyn Fn(RunEvent),
    ) -> Sessions<'a> {
        let (session, broken, kept) = (None, false, false);
        Sessions { lab, options, given, tell, quiet, session, broken, kept }
    }

    /// Runs `tests`, each up to `retries` times more where it fails, and begins none once
    /// `is_over`. If the lab could not be set up, how many have a result, and why.
    pub fn run(
        &mut self,
        tests: &[&Test],
        retries: usize,
        is_over: &dyn Fn() -> bool,
    ) -> Result<(), (usize, Down)> {
        for (done, test) in tests.iter().enumerate() {
            if interrupt::interrupted() || is_over() {
                break;
            }
            let down = self.tried(test, retries).map_err(|down| (done, down))?;
            if let Some(down) = down {
                return Err((done + 1, down));
            }
        }
        self.end();
        Ok(())
    }

    /// Ends the session that goes on, if one does.
    pub(crate) fn end(&mut self) {
        if let Some(session) = self.session.take() {
            session.end();
        }
    }

    /// Tries `test` until it does not fail, or has been tried again `retries` times, and tells of
    /// it. The lab that could not be set up after it was tried is no error here.
    fn tried(&mut self, test: &Test, retries: usize) -> Result<Option<Down>, Down> {
        let mut earlier: Vec<Attempt> = Vec::new();
        let mut failed: Option<TestResult> = None;
        loop {
            let (result, down) = match (self.attempt(test, &earlier, retries > 0), failed.take()) {
                (Ok(result), _) => (result, None),
                (Err(down @ Down { why: SetupError::Failed(_), .. }), _) if retries > 0 => {
                    let result = TestResult::new(self.lab, test, Outcome::Error);
                    let artifacts = down.artifacts.clone();
                    let result = TestResult { detail: NOT_UP.into(), artifacts, ..result };
                    (result.after(earlier.clone()), Some(down))
                }
                (Err(down), None) => return Err(down),
                (Err(down), Some(result)) => {
                    // That it cannot be tried again takes nothing back.
                    (self.tell)(RunEvent::Result(Box::new(result)));
                    return Ok(Some(down));
                }
            };
            let is_last = earlier.len() == retries
                || interrupt::interrupted()
                || (down.is_some() && self.options.host.check().is_err());
            if is_last || !result.outcome.is_bad() {
                (self.tell)(RunEvent::Result(Box::new(result)));
                return Ok(down);
            }
            let (attempt, of) = (earlier.len() + 1, retries + 1);
            (self.tell)(RunEvent::Retry { attempt, of, result: Box::new(result.clone()) });
            let mut attempt = result.attempt();
            if let Some(Down { why: SetupError::Failed(lines), .. }) = down {
                attempt.lines = lines;
            }
            earlier.push(attempt);
            failed = Some(result);
        }
    }

    /// An attempt at `test` after `earlier` ones. With `mends`, a lab that was lost is made anew.
    pub(crate) fn attempt(
        &mut self,
        test: &Test,
        earlier: &[Attempt],
        mends: bool,
    ) -> Result<TestResult, Down> {
        self.ready(test, !earlier.is_empty(), mends)?;
        let session = self.session.as_mut().expect("it is ready");
        let result = match self.broken {
            true => lost(session.result(test, Outcome::Error)),
            false => session.test(test),
        };
        let broken = session.broken || result.outcome == Outcome::Error;
        let mut result = result.after(earlier.to_vec());
        result.evidence.shown = extent(&result, self.options.verbose);
        if !self.broken {
            artifacts::save(self.lab, self.options, &mut result, self.tell);
        }
        self.broken |= broken;
        if self.options.keep && result.outcome != Outcome::Pass {
            session.keep();
            self.kept = true;
        }
        Ok(result)
    }

    /// Sees to a session in which `test` can run, for another time if it is tried `again`.
    fn ready(&mut self, test: &Test, again: bool, mends: bool) -> Result<(), Down> {
        let begin = |verb, tell| begin(self.lab, self.options, self.given, verb, tell);
        let Some(session) = &mut self.session else {
            let verb = if again { "anew" } else { "session" };
            self.session = Some(begin(verb, self.tell)?);
            return Ok(());
        };
        let changes = std::mem::take(&mut session.changes);
        let used = !changes.is_empty() || (test.fresh && session.used);
        let renew = again || if self.broken { mends } else { used };
        if !renew {
            return Ok(());
        }
        if self.kept {
            // It would be gone before anybody could look at it.
            let text = format!(
                "{} stays as a failed test left it (--keep): {} may see that",
                self.lab.name, test.name
            );
            (self.tell)(RunEvent::Note { text });
            return Ok(());
        }
        if self.options.verbose && !changes.is_empty() {
            let text =
                format!("{} is made anew, a test left: {}", self.lab.name, changes.join(", "));
            (self.tell)(RunEvent::Note { text });
        }
        session.tell = self.quiet;
        self.session.take().expect("there is one").end();
        self.broken = false;
        let mut session = begin("anew", if again { self.tell } else { self.quiet })?;
        session.tell = self.tell;
        self.session = Some(session);
        Ok(())
    }
}

/// A session with the lab, which is up. What its set-up says goes to `tell`.
fn begin<'a>(
    lab: &'a Lab,
    options: &'a Options,
    given: Option<&Given>,
    verb: &str,
    tell: &'a dyn Fn(RunEvent),
) -> Result<Session<'a>, Down> {
    let mut session = Session::start(lab, options, given, verb, tell).map_err(|error| {
        let lines = vec![format!("{error:#}")];
        tell(RunEvent::SetupFailed { instance: options.instance_of(lab), lines: lines.clone() });
        Down { why: SetupError::Failed(lines), artifacts: None }
    })?;
    if let Err(why) = session.up() {
        let artifacts = artifacts::save_setup(lab, options, &mut session, &why, tell);
        session.end();
        return Err(Down { why, artifacts });
    }
    if options.verbose {
        session.follow();
    }
    Ok(session)
}

/// How much of the ladder of `result` is shown.
fn extent(result: &TestResult, verbose: bool) -> Option<Extent> {
    let empty = result.evidence.ladder.as_ref().is_none_or(|ladder| ladder.rows.is_empty());
    match result.outcome {
        _ if verbose => Some(Extent::LONG),
        Outcome::Fail | Outcome::Error if !empty => Some(Extent::SHORT),
        _ => None,
    }
}

/// The result of a test that an earlier one left no lab to run in.
fn lost(result: TestResult) -> TestResult {
    TestResult { detail: "the lab was lost in an earlier test".into(), ..result }
}
