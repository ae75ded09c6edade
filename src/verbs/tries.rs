//! The chosen tests of one lab, and until when any is begun.

use crate::lab::find::Selection;
use crate::lab::model::Test;
use crate::record::event::RunEvent;
use crate::record::result::{Outcome, TestResult};
use crate::record::timing::{Phase, Timing};
use crate::run::options::Options;
use crate::run::session::SetupError;
use crate::run::subject::Subjects;
use crate::verbs::sessions::{Down, NOT_UP, Sessions};
use crate::verbs::stress::Stress;
use std::cell::Cell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// What is tried again, and until when anything is begun.
pub struct Tries {
    /// How many attempts may follow the first one of a test.
    pub retries: usize,
    /// How often each is run, if not once.
    pub stress: Option<Stress>,
    pub halt: Halt,
}

/// Whether no further test is begun, because one has failed.
pub struct Halt {
    wanted: bool,
    failed: AtomicBool,
}

impl Halt {
    /// One that a failed test turns on if it is `wanted`.
    pub fn new(wanted: bool) -> Halt {
        Halt { wanted, failed: AtomicBool::new(false) }
    }

    /// Whether it is so by now.
    pub fn is_on(&self) -> bool {
        self.wanted && self.failed.load(Ordering::Relaxed)
    }

    fn hear(&self, message: &RunEvent) {
        if let RunEvent::Result(result) = message
            && result.outcome.is_bad()
        {
            self.failed.store(true, Ordering::Relaxed);
        }
    }
}

/// Runs the chosen tests of a lab, and tells of each.
pub fn run_lab(
    chosen: &Selection,
    options: &Options,
    subjects: &Subjects,
    tries: &Tries,
    tell: &dyn Fn(RunEvent),
) {
    let (began, spent) = (Instant::now(), Cell::new(0));
    let tell = |message: RunEvent| {
        tries.halt.hear(&message);
        if let RunEvent::Timing(one) = &message
            && one.phase != Phase::Service
        {
            spent.set(spent.get() + one.us);
        }
        tell(message);
    };
    let lab = chosen.lab;
    let given = lab.topology.subject.as_ref().and_then(|s| subjects.get(&s.program));
    let tests: Vec<&Test> = chosen.tests.iter().map(|i| &lab.tests[*i]).collect();
    let (runnable, silent): (Vec<&Test>, Vec<&Test>) =
        tests.into_iter().partition(|t| client_speaks(t, options));
    let unrun = |tests: &[&Test], outcome, detail: &str, artifacts: Option<PathBuf>| {
        for test in tests {
            let result = TestResult::new(lab, test, outcome);
            let result =
                TestResult { detail: detail.to_string(), artifacts: artifacts.clone(), ..result };
            tell(RunEvent::Result(Box::new(result)));
        }
    };
    unrun(
        &silent,
        Outcome::Skip,
        &format!("{} does not speak DHCPv6", options.client.name()),
        None,
    );
    if runnable.is_empty() {
        return;
    }
    // What comes and goes between tests is of interest to few.
    let quiet = |event| match event {
        RunEvent::Setup { .. } | RunEvent::Ready { .. } | RunEvent::Cleaned { .. } => {}
        RunEvent::Subject { .. } => {}
        event => tell(event),
    };
    let mut sessions = Sessions::new(lab, options, given, &tell, &quiet);
    let is_over = || tries.halt.is_on();
    let ended = match tries.stress {
        Some(stress) => sessions.stress(&runnable, stress, tries.halt.wanted, &is_over),
        None => sessions.run(&runnable, tries.retries, &is_over),
    };
    match ended {
        Ok(()) | Err((_, Down { why: SetupError::Interrupted, .. })) => {}
        Err((done, Down { why: SetupError::Skip(reason), .. })) => {
            unrun(&runnable[done..], Outcome::Skip, &reason, None)
        }
        Err((done, Down { why: SetupError::Failed(_), artifacts })) => {
            unrun(&runnable[done..], Outcome::Error, NOT_UP, artifacts)
        }
    }
    if options.timings {
        let us = (began.elapsed().as_micros() as u64).saturating_sub(spent.get());
        let (lab, test, name) = (Some(lab.name.clone()), None, String::new());
        tell(RunEvent::Timing(Timing { lab, test, phase: Phase::Other, name, us }));
    }
}

fn client_speaks(test: &Test, options: &Options) -> bool {
    test.steps.iter().all(|step| step.kind.with_client(options.client).speechless().is_none())
}
