//! One test in a lab that is up: its steps, and the lab put back after them.

use crate::agent::message::{Event, Request, Stream};
use crate::interrupt;
use crate::lab::model::Step;
use crate::lab::model::Test;
use crate::packet::capture::Capture;
use crate::record::event::RunEvent;
use crate::record::result::{Outcome, TestResult};
use crate::record::timing::Phase;
use crate::rules::judge::{ALWAYS, Filters, judge};
use crate::rules::model::Rule;
use crate::run::describe::describe_restarts;
use crate::run::gather::Gathered;
use crate::run::path::{path, suspects};
use crate::run::session::Session;
use crate::steps::figures::Bench;
use crate::steps::{StepKind, StepOutput, Verdict};
use crate::text::count;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

impl Session<'_> {
    /// Runs `test` and puts the lab back as it was.
    pub fn test(&mut self, test: &Test) -> TestResult {
        (self.tell)(RunEvent::Test { test: test.name.clone() });
        let began = Instant::now();
        self.lap = began;
        let mut result = self.result(test, Outcome::Pass);
        self.trouble.clear();
        self.saved.clear();
        self.benches.clear();
        self.spans.clear();
        self.used = true;
        self.gathered = Gathered::default();
        self.begin(test);
        self.lap(Some(test), Phase::Begin, "");
        let deadline = test.timeout.map(|timeout| Instant::now() + timeout);
        for (index, step) in test.steps.iter().enumerate() {
            let tried = self.in_time(test, index, step, deadline);
            let name = format!("step {}, {}", index + 1, step.kind.name());
            self.lap(Some(test), Phase::Step, &name);
            match tried {
                Ok(Ok(detail)) if step.kind.is_telling() => result.detail = detail,
                Ok(Ok(_)) => {}
                Ok(Err(mut lines)) => {
                    result.outcome = Outcome::Fail;
                    result.at(&self.lab.file, step.line);
                    if let Some(first) = lines.first_mut() {
                        first.insert_str(0, &self.named(index, &step.kind));
                    }
                    result.lines = lines;
                    // Of a service that it could not start, say.
                    result.lines.append(&mut self.trouble);
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
        result.benches = std::mem::take(&mut self.benches);
        self.captured(test, &mut result);
        self.lap(Some(test), Phase::Capture, "");
        if result.detail.is_empty() {
            result.detail = count(test.steps.len(), "step");
        }
        let steps_held = result.outcome == Outcome::Pass;
        if result.outcome == Outcome::Fail {
            suspects(self.lab, test, &mut result);
        }
        match result.outcome {
            // Of a packet that went the wrong way the packets tell more than any daemon.
            Outcome::Pass => path(self.lab, test, &self.spans, &mut result),
            Outcome::Fail if !self.options.verbose => self.witnesses(&mut result),
            _ => {}
        }
        self.lap(Some(test), Phase::Judging, "");
        if result.outcome != Outcome::Error {
            self.gather(&result);
            self.lap(Some(test), Phase::State, "");
            self.restore(&mut result, steps_held);
            self.lap(Some(test), Phase::Restoring, "");
            // What has just failed to come back.
            self.gather(&result);
            self.lap(Some(test), Phase::State, "");
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
        self.process.ask(&Request::Tell);
        let mut last = String::new();
        loop {
            let count = self.trouble.len();
            match self.agent() {
                Some(Event::Log { service, line }) => {
                    // It belongs to the failure, not to a service's.
                    self.trouble.truncate(count);
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

    /// Has the lab put back. A service that died though no step asked for it has failed the test,
    /// whatever its steps say, and is why what came after it did not hold: it is told first, and
    /// alone where only packets were missed. So does one fail it that cannot be brought back.
    fn restore(&mut self, result: &mut TestResult, steps_held: bool) {
        let gather = self.options.artifacts.keeps(Outcome::Fail) && !self.gathered.has_state();
        self.process.ask(&Request::Restore { gather });
        let mut troubles: usize = 0;
        loop {
            match self.agent() {
                Some(Event::Restored { changes, halted, restarted }) => {
                    self.changes = changes;
                    for (service, statuses) in restarted {
                        let said = describe_restarts(&service, &statuses);
                        match result.outcome {
                            Outcome::Pass => result.detail += &format!("; {said}"),
                            _ => result.lines.push(said),
                        }
                    }
                    if result.outcome == Outcome::Fail {
                        result.lines.extend(halted.iter().map(|name| {
                            format!(
                                "service {name} is stopped (SIGSTOP): it runs, and answers nothing"
                            )
                        }));
                    }
                    break;
                }
                Some(Event::Broken) => {
                    self.broken = true;
                    break;
                }
                Some(Event::Service(_)) => troubles += 1,
                Some(Event::Lost) | None => {
                    result.outcome = Outcome::Error;
                    self.trouble.append(&mut result.lines);
                    return;
                }
                Some(_) => {}
            }
        }
        // The last trouble of a lab that could not be put back is why.
        let died = troubles > usize::from(self.broken);
        if died && steps_held {
            result.outcome = Outcome::Fail;
            result.detail = "a service died during the test".into();
            result.place = None;
            result.lines.clear();
        } else if self.broken && result.outcome == Outcome::Pass {
            result.outcome = Outcome::Error;
            result.detail = "the lab could not be put back after the test".into();
        }
        let mut told = std::mem::take(&mut self.trouble);
        if died {
            std::mem::swap(&mut told, &mut result.lines);
        }
        result.lines.append(&mut told);
    }

    /// Which step it is, for the first line of its failure.
    fn named(&self, index: usize, kind: &StepKind) -> String {
        let node = kind.node().map(|netns| format!(" in {}", self.name_of(&netns.0)));
        format!("step {}, {}{}: ", index + 1, kind.name(), node.unwrap_or_default())
    }

    /// What the lab file calls the node with this namespace.
    fn name_of<'n>(&'n self, netns: &'n str) -> &'n str {
        let node = self.lab.topology.nodes.iter().find(|node| node.netns.0 == netns);
        node.map_or(netns, |node| &node.name)
    }

    /// Tries `step`, which has not held where it ends after `deadline`, whatever it says: something
    /// that was not to come may not have had the time to.
    fn in_time(
        &mut self,
        test: &Test,
        index: usize,
        step: &Step,
        deadline: Option<Instant>,
    ) -> Result<Verdict, Gone> {
        let mut kind = step.kind.with_client(self.options.client);
        kind.fill(&self.saved);
        if let Some(deadline) = deadline {
            kind.hurry(deadline.saturating_duration_since(Instant::now()) + LATE);
        }
        let verdict = self.step(test, index, kind)?;
        if deadline.is_none_or(|deadline| Instant::now() < deadline) {
            return Ok(verdict);
        }
        let timeout = test.timeout.unwrap_or_default();
        Ok(Err(vec![format!("it went on when the {timeout:?} of the test (`timeout`) were over")]))
    }

    /// Tries a step until it holds or its patience is over.
    fn step(&mut self, test: &Test, index: usize, kind: StepKind) -> Result<Verdict, Gone> {
        let patience = kind.patience();
        let deadline = patience.and_then(|p| p.within).map(|within| Instant::now() + within);
        let mut attempts: usize = 0;
        loop {
            attempts += 1;
            let seen = self.attempt(test, index, &kind)?;
            let verdict = kind.judge(&seen);
            self.benches.extend(kind.measured(&seen).map(|bench| {
                let node = self.name_of(&bench.node).to_string();
                Bench { node, ..bench }
            }));
            let every = patience.map_or(Duration::ZERO, |p| p.every);
            match (verdict, deadline) {
                (Err(_), Some(deadline))
                    if Instant::now() + every < deadline && !interrupt::interrupted() =>
                {
                    interrupt::sleep(every)
                }
                (Err(mut lines), Some(_)) => {
                    let within = patience.and_then(|p| p.within).unwrap_or_default();
                    if let Some(first) = lines.first_mut() {
                        let times = count(attempts, "attempt");
                        first.push_str(&format!(" (the last of {times} within {within:?})"));
                    }
                    return Ok(Err(lines));
                }
                (verdict, _) => {
                    if verdict.is_ok() {
                        self.saved.extend(kind.saves(&seen));
                    }
                    return Ok(verdict);
                }
            }
        }
    }

    /// Waits until the capture has a packet by which `rule` holds.
    fn awaited(&mut self, index: usize, rule: &Rule, within: Duration) -> Result<StepOutput, Gone> {
        let deadline = Instant::now() + within;
        let rules = std::slice::from_ref(rule);
        let mut capture = Capture::default();
        let mut known = 0;
        loop {
            let Some((packets, now)) = self.seen(known, &mut capture) else {
                let Some(why) = &self.no_capture else { return Err(Gone) };
                let stderr = format!("there is no capture to find it in: {why}");
                return Ok(StepOutput { exit: 1, stderr, ..StepOutput::default() });
            };
            let began = self.spans.get(&index).map_or(now, |span| *span.start());
            self.spans.insert(index, began..=now);
            let late = Instant::now() >= deadline || interrupt::interrupted();
            if packets > known || late {
                let violations =
                    judge(&self.lab.topology, rules, &capture, &Filters::new(), &ALWAYS);
                if violations.is_empty() {
                    return Ok(StepOutput::default());
                } else if late {
                    let lines: Vec<String> =
                        violations.into_iter().flat_map(|one| one.said.lines).collect();
                    let stderr = lines.join("\n");
                    return Ok(StepOutput { exit: 124, stderr, ..StepOutput::default() });
                }
            }
            known = packets;
            interrupt::sleep(LOOK);
        }
    }

    fn attempt(&mut self, test: &Test, index: usize, step: &StepKind) -> Result<StepOutput, Gone> {
        if let (StepKind::Wait(wait), Some(rule)) = (step, &test.steps[index].awaited) {
            return self.awaited(index, rule, wait.within());
        }
        self.process.ask(&Request::Step { step: Box::new(step.clone()) });
        // The agent bounds a step; one that goes on for much longer is not what it bounds.
        let deadline = Instant::now() + step.limit() + GRACE;
        let mut outputs: BTreeMap<Stream, Vec<u8>> = BTreeMap::new();
        while Instant::now() < deadline {
            match self.agent() {
                Some(Event::Output { stream, data, .. }) => {
                    let output = outputs.entry(stream).or_default();
                    output.extend(&data[..data.len().min(MOST.saturating_sub(output.len()))]);
                }
                Some(Event::Step { exit, unsent, span: (began, ended) }) => {
                    // Of several attempts from the first to the last.
                    let first = self.spans.get(&index).map_or(began, |span| *span.start());
                    self.spans.insert(index, first..=ended);
                    let mut text = |stream| {
                        String::from_utf8_lossy(&outputs.remove(&stream).unwrap_or_default())
                            .into_owned()
                    };
                    let (stdout, stderr) = (text(Stream::Stdout), text(Stream::Stderr));
                    let seen = StepOutput {
                        exit,
                        stdout,
                        stderr,
                        lease: text(Stream::Lease),
                        addresses: text(Stream::Addresses),
                        time: Duration::from_nanos(ended.saturating_sub(began)),
                        unsent,
                    };
                    if self.options.verbose {
                        for line in seen.stdout.lines().chain(seen.stderr.lines()) {
                            self.log(&test.short, line);
                        }
                    }
                    self.gathered.step(index, step.name(), &seen);
                    return Ok(seen);
                }
                Some(Event::Lost) | None => return Err(Gone),
                Some(_) => {}
            }
        }
        self.trouble.push(format!(
            "the step did not end within {:?}, which its agent should have seen to",
            step.limit() + GRACE
        ));
        Err(Gone)
    }
}

/// How often the capture is looked through for a packet that is waited for.
const LOOK: Duration = Duration::from_millis(50);
/// How many bytes of an output are kept; the agent sends fewer.
const MOST: usize = 1 << 20;
/// How long after the end of a test a step of it goes on at most: enough to tell the one that was
/// ended for that from one that ended by itself.
const LATE: Duration = Duration::from_millis(250);
/// How much longer than its own limit a step may take to be told of.
const GRACE: Duration = Duration::from_secs(30);

/// The session ended in the middle.
struct Gone;
