//! One lab, from set-up to clean-up: drives the runtime's session and judges what it reports.

use super::describe::{describe_missing, describe_service};
use super::gather::Gathered;
use super::judge::{Seen, Verdict, judge};
use super::path::path;
use crate::event::{self, Event};
use crate::evidence::artifacts::{Artifacts, When};
use crate::host::{Host, Process, interrupt};
use crate::lab::model::{Client, GLOBAL, Lab, Patience, Step, StepKind, Test};
use crate::report::{Message, Outcome, SubjectInfo, TestResult, count};
use crate::script;
use crate::subject::Given;
use anyhow::Result;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How labs are run, the same for all labs of a run.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where.
    pub host: Host,
    /// Working folder of the steps: the user's repository.
    pub folder: PathBuf,
    /// Which instance, if not the unnamed one.
    pub instance: Option<String>,
    /// The DHCP client of steps that name none.
    pub client: Client,
    /// Refuse stand-ins.
    pub strict: bool,
    /// Leave a failed lab up.
    pub keep: bool,
    /// Show the daemons' and clients' output.
    pub verbose: bool,
    /// What is kept of tests, and where.
    pub artifacts: Artifacts,
    /// The program on the host that captures packets there, or why there is none.
    pub capturer: Result<PathBuf, String>,
}

impl Options {
    /// What the instance of `lab` is called that these options mean.
    pub fn instance_of(&self, lab: &Lab) -> String {
        self.instance.as_ref().map_or(lab.name.clone(), |instance| format!("{}@{instance}", lab.name))
    }

    /// The runtime's options in front of `verb`.
    pub fn arguments(&self, given: Option<&Given>, verb: &str) -> Vec<String> {
        let mut words = vec!["--tied".to_string()];
        let mut add = |option: &str, value: Option<&str>| {
            words.push(option.into());
            words.extend(value.map(String::from));
        };
        if let Some(instance) = &self.instance {
            add("--instance", Some(instance));
        }
        if let Some(given) = given {
            add("--subject", Some(&given.path.to_string_lossy()));
            add("--subject-how", Some(given.how));
        }
        if let Ok(capturer) = &self.capturer {
            add("--capturer", Some(&capturer.to_string_lossy()));
        }
        if self.strict {
            add("--strict", None);
        }
        if self.keep {
            add("--keep", None);
        }
        if self.artifacts.when != When::Never {
            add("--gather", None);
        }
        words.push(verb.into());
        words
    }
}

/// Why a lab is not up.
#[derive(Clone, Debug, PartialEq)]
pub enum Down {
    /// This machine lacks something, named here.
    Skip(String),
    /// Set-up failed.
    Failed(Vec<String>),
    /// The user asked to stop.
    Interrupted,
}

/// A lab and the process that drives it.
pub struct Session<'a> {
    pub(super) lab: &'a Lab,
    pub(super) options: &'a Options,
    pub(super) process: Process,
    pub(super) tell: &'a dyn Fn(Message),
    pub(super) instance: String,
    subject: Option<SubjectInfo>,
    /// Lines about services that failed, collected until somebody asks.
    trouble: Vec<String>,
    /// Why nothing can be captured.
    pub(super) no_capture: Option<String>,
    /// For the artifacts of the test that runs.
    pub(super) gathered: Gathered,
    /// The lab could not be put back as set-up left it: no further test can run in it.
    pub broken: bool,
}

impl<'a> Session<'a> {
    /// Starts the runtime with `verb`, which is `setup` or `session`.
    ///
    /// # Errors
    /// If bash cannot be started.
    pub fn start(lab: &'a Lab, options: &'a Options, given: Option<&Given>, verb: &str, tell: &'a dyn Fn(Message)) -> Result<Session<'a>> {
        let script = script::compile(lab, options.client);
        let process = options.host.run(&script, &options.arguments(given, verb), &options.folder)?;
        let instance = options.instance_of(lab);
        Ok(Session {
            lab,
            options,
            process,
            tell,
            instance,
            subject: None,
            trouble: Vec::new(),
            gathered: Gathered::default(),
            no_capture: options.capturer.as_ref().err().cloned(),
            broken: false,
        })
    }

    /// Waits until the lab is up.
    ///
    /// # Errors
    /// Why it is not.
    pub fn up(&mut self) -> Result<(), Down> {
        let began = Instant::now();
        let mut missing = Vec::new();
        let mut refused = false;
        let mut again = false;
        loop {
            match self.next() {
                Some(Event::Outdated { .. }) => again = true,
                Some(Event::Setup { instance, .. }) => {
                    self.instance = instance.clone();
                    (self.tell)(Message::Setup { instance, again });
                }
                Some(Event::Ready { instance }) => {
                    let services = self.lab.services.len();
                    (self.tell)(Message::Ready { instance, time: began.elapsed(), services, reused: false });
                    return Ok(());
                }
                Some(Event::Reused { instance }) => {
                    self.instance = instance.clone();
                    (self.tell)(Message::Ready { instance, time: began.elapsed(), services: self.lab.services.len(), reused: true });
                    // Its subject is told next, and must be known before the first result.
                    if self.lab.subject.is_some() {
                        self.next();
                    }
                    return Ok(());
                }
                Some(Event::Missing(one)) => missing.push(one),
                Some(Event::Refused) => refused = true,
                Some(Event::Failed) | None => break,
                Some(_) => {}
            }
        }
        if interrupt::interrupted() {
            return Err(Down::Interrupted);
        }
        if let Err(error) = self.options.host.check() {
            return Err(Down::Failed(vec![error.to_string()]));
        }
        if !missing.is_empty() {
            return Err(Down::Skip(describe_missing(&missing, &self.options.host).join("; ")));
        }
        if refused {
            return Err(Down::Skip("this kernel refuses user namespaces to ordinary users: run labrun as root".into()));
        }
        let mut lines = std::mem::take(&mut self.trouble);
        lines.append(&mut self.process.noise);
        if lines.is_empty() {
            lines.push("the set-up ended without a word".into());
        }
        (self.tell)(Message::SetupFailed { instance: self.instance.clone(), lines: lines.clone() });
        Err(Down::Failed(lines))
    }

    /// The next event; what is the same at all times is dealt with here.
    pub(super) fn next(&mut self) -> Option<Event> {
        let event = self.process.event()?;
        match &event {
            Event::Subject { program, how, path } => {
                let subject = SubjectInfo { program: program.clone(), how: how.clone(), path: path.clone() };
                (self.tell)(Message::Subject { lab: self.lab.name.clone(), subject: subject.clone() });
                self.subject = Some(subject);
            }
            Event::Service(service) => self.trouble.extend(describe_service(service)),
            Event::Log { service, line } => {
                if self.options.verbose {
                    self.log(service, line);
                } else {
                    self.trouble.push(format!("| {line}"));
                }
            }
            // Why there is no capturer is known better here.
            Event::NoCapture { reason } => _ = self.no_capture.get_or_insert_with(|| reason.clone()),
            Event::Output { stream, name, data } if stream == "file" => self.gathered.file(name, event::bytes(data)),
            Event::Error { message } => self.trouble.extend(message.lines().map(String::from)),
            Event::Lost => self.trouble.push("the lab is gone: its supervisor was killed, or somebody cleaned it".into()),
            Event::Cleaned { instance } => (self.tell)(Message::Cleaned { instance: instance.clone() }),
            Event::Kept { instance } => {
                let node = self.lab.nodes.first().map_or(GLOBAL, |n| &n.name);
                (self.tell)(Message::Kept { instance: instance.clone(), node: node.into() });
            }
            _ => {}
        }
        Some(event)
    }

    fn log(&self, source: &str, line: &str) {
        (self.tell)(Message::Log { lab: self.lab.name.clone(), source: source.into(), line: line.into() });
    }

    /// Runs `test` and puts the lab back as it was.
    pub fn test(&mut self, test: &Test) -> TestResult {
        (self.tell)(Message::Test { test: test.name.clone() });
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

    /// A result of `test` that has no details yet.
    pub fn result(&self, test: &Test, outcome: Outcome) -> TestResult {
        TestResult { subject: self.subject.clone(), ..TestResult::new(self.lab, test, outcome) }
    }

    /// Asks for the services' output as it comes.
    pub fn follow(&self) {
        self.process.requests.send("follow");
    }

    /// Asks for the lab to be left up when the session ends.
    pub fn keep(&self) {
        self.process.requests.send("keep");
    }

    /// Waits until `setup` has left the lab up for good; whether it has.
    pub fn settle(&mut self) -> bool {
        let mut up = true;
        while let Some(event) = self.next() {
            up &= !matches!(event, Event::Cleaned { .. });
        }
        up
    }

    /// Reports a lab that was up and is no more.
    pub fn lost(&mut self) -> Down {
        let lines = vec!["the lab is gone: its supervisor was killed, or somebody cleaned it".to_string()];
        (self.tell)(Message::SetupFailed { instance: self.instance.clone(), lines: lines.clone() });
        Down::Failed(lines)
    }

    /// Ends the session and waits for the clean-up; the runtime's exit status.
    pub fn end(mut self) -> i32 {
        self.process.requests.close();
        while self.next().is_some() {}
        self.process.finish()
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
