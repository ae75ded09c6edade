//! One test in a lab that is up: its steps, and the lab put back behind them.

use crate::event;
use crate::event::Event;
use crate::interrupt;
use crate::record::event::RunEvent;
use crate::record::result::{Outcome, TestResult};
use crate::run::gather::Gathered;
use crate::run::path::path;
use crate::run::session::Session;
use crate::steps::judge::{Seen, Verdict, judge};
use crate::text::count;
use crate::topology::model::{Patience, Step, StepKind, Test};
use std::time::{Duration, Instant};

impl Session<'_> {
    /// Runs `test` and puts the lab back as it was.
    pub fn test(&mut self, test: &Test) -> TestResult {
        (self.tell)(RunEvent::Test { test: test.name.clone() });
        let began = Instant::now();
        let mut result = self.result(test, Outcome::Pass);
        self.trouble.clear();
        self.gathered = Gathered::default();
        self.begin(test);
        for (index, step) in test.steps.iter().enumerate() {
            match self.step(test, index, step) {
                Ok(Ok(detail)) if matches!(step.kind, StepKind::Dhcp(_)) => result.detail = detail,
                Ok(Ok(_)) => {}
                Ok(Err(lines)) => {
                    result.outcome = Outcome::Fail;
                    result.at(&self.lab.file, step.line);
                    result.lines = lines;
                    break;
                }
                Err(Gone) => {
                    result.outcome = Outcome::Error;
                    result.at(&self.lab.file, step.line);
                    break;
                }
            }
        }
        result.time = began.elapsed();
        self.captured(&mut result);
        if result.detail.is_empty() {
            result.detail = count(test.steps.len(), "step");
        }
        match result.outcome {
            // Of a packet that went the wrong way the packets tell more than any daemon.
            Outcome::Pass => path(self.lab, test, &mut result),
            Outcome::Fail if !self.options.verbose => self.witnesses(&mut result),
            _ => {}
        }
        if result.outcome != Outcome::Error {
            self.gather(&result);
            self.restore(&mut result);
            // What has just failed to come back.
            self.gather(&result);
        }
        result.evidence.files = self.gathered.take(self.lab);
        result.lines.append(&mut self.trouble);
        if interrupt::interrupted() {
            result.outcome = Outcome::Error;
            result.lines = vec!["interrupted".into()];
        } else if result.outcome == Outcome::Error {
            result.lines.append(&mut self.process.noise);
        }
        result
    }

    /// Adds to a failure what the services printed during the test: the reason is often there.
    fn witnesses(&mut self, result: &mut TestResult) {
        self.process.requests.send("tell");
        let mut last = String::new();
        loop {
            match self.process.event() {
                Some(Event::Log { service, line }) => {
                    if service != last {
                        result.lines.push(format!("meanwhile {service} said:"));
                        last = service;
                    }
                    result.lines.push(format!("| {line}"));
                }
                Some(Event::Told) => break,
                Some(_) => {}
                // The lab is gone, which restoring it will find.
                None => break,
            }
        }
    }

    /// A service that died though no step asked for it has failed the test, whatever its steps say.
    fn restore(&mut self, result: &mut TestResult) {
        if self.options.verbose && result.outcome == Outcome::Pass {
            self.trouble.clear();
        }
        let gather = self.options.artifacts.keeps(Outcome::Fail) && !self.gathered.has_state();
        self.process.requests.send(if gather { "restore gather" } else { "restore" });
        loop {
            match self.next() {
                Some(Event::Restored) => break,
                Some(Event::Failed) => {
                    self.broken = true;
                    if result.outcome == Outcome::Pass {
                        result.outcome = Outcome::Error;
                        result.detail = "the lab could not be put back after the test".into();
                    }
                    break;
                }
                Some(Event::Service(service)) if service.state == "died" => result.outcome = Outcome::Fail,
                Some(_) => {}
                None => {
                    result.outcome = Outcome::Error;
                    break;
                }
            }
        }
        if result.outcome == Outcome::Fail && result.lines.is_empty() {
            result.detail = "a service died during the test".into();
        }
    }

    /// Tries `step` until it holds or its patience is over.
    fn step(&mut self, test: &Test, index: usize, step: &Step) -> Result<Verdict, Gone> {
        let patience = patience(&step.kind);
        let deadline = patience.and_then(|p| p.within).map(|within| Instant::now() + within);
        let mut attempts = 0;
        loop {
            attempts += 1;
            let seen = self.attempt(test, index)?;
            let verdict = judge(&step.kind, &seen, self.options.client);
            let every = patience.map_or(Duration::ZERO, |p| p.every);
            match (verdict, deadline) {
                (Err(_), Some(deadline)) if Instant::now() + every < deadline && !interrupt::interrupted() => interrupt::sleep(every),
                (Err(mut lines), Some(_)) => {
                    lines.insert(
                        0,
                        format!("tried {attempts} times within {:?}, the last time:", patience.and_then(|p| p.within).unwrap_or_default()),
                    );
                    return Ok(Err(lines));
                }
                (verdict, _) => return Ok(verdict),
            }
        }
    }

    fn attempt(&mut self, test: &Test, index: usize) -> Result<Seen, Gone> {
        self.process.requests.send(&format!("step {}/{index}", test.short));
        let mut outputs: [Vec<u8>; 4] = Default::default();
        const STREAMS: [&str; 4] = ["stdout", "stderr", "lease", "addresses"];
        loop {
            match self.next() {
                Some(Event::Output { stream, data, .. }) => {
                    if let Some(index) = STREAMS.iter().position(|s| *s == stream) {
                        outputs[index].extend(event::bytes(&data));
                    }
                }
                Some(Event::Step { exit }) => {
                    let [stdout, stderr, lease, addresses] = outputs.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
                    if self.options.verbose {
                        for line in stdout.lines().chain(stderr.lines()) {
                            self.log(&test.short, line);
                        }
                    }
                    let seen = Seen { exit, stdout, stderr, lease, addresses };
                    self.gathered.step(index, &test.steps[index], &seen);
                    return Ok(seen);
                }
                Some(Event::Lost) | None => return Err(Gone),
                Some(_) => {}
            }
        }
    }
}

/// The session ended in the middle.
struct Gone;

fn patience(step: &StepKind) -> Option<Patience> {
    match step {
        StepKind::Run(run) => Some(run.patience),
        StepKind::Ping(ping) => Some(ping.patience),
        _ => None,
    }
}
