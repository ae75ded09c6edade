//! One lab, from set-up to clean-up: drives the runtime's session, and tells what it reports.

use crate::agent::message::{Event as AgentEvent, Request, Stream};
use crate::compile::script;
use crate::event::Event;
use crate::host::{Host, Process, Said};
use crate::interrupt;
use crate::lab::model::{Lab, Test};
use crate::record::artifacts::When;
use crate::record::event::RunEvent;
use crate::record::result::{Outcome, ResolvedSubject, TestResult};
use crate::record::timing::{Phase, Timing};
use crate::rules::judge::Span;
use crate::run::describe::{describe_missing, describe_service};
use crate::run::gather::Gathered;
use crate::run::options::Options;
use crate::run::subject::Given;
use crate::steps::Saved;
use crate::steps::figures::Bench;
use crate::topology::model::{Service, Subject};
use anyhow::Result;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant};

/// How long set-up may say nothing, beside the time of its services.
const SETUP: Duration = Duration::from_secs(60);
/// How long the clean-up may say nothing.
const CLEANING: Duration = Duration::from_secs(20);
/// How long the agent may say nothing: it says every second that it is at work.
const SILENCE: Duration = Duration::from_secs(20);

/// Why a lab is not up.
#[derive(Clone, Debug, PartialEq)]
pub enum SetupError {
    /// This machine lacks something, named here.
    Skip(String),
    /// Set-up failed.
    Failed(Vec<String>),
    /// The user asked to stop.
    Interrupted,
}

/// A lab and the process that drives it.
pub struct Session<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) options: &'a Options,
    pub(crate) process: Process,
    pub(crate) tell: &'a dyn Fn(RunEvent),
    pub(crate) instance: String,
    subject: Option<ResolvedSubject>,
    /// Whether an agent serves the lab once it is up.
    served: bool,
    /// Whether this session made the lab.
    begun: bool,
    /// Lines about services that failed, collected until somebody asks.
    pub(crate) trouble: Vec<String>,
    /// Why nothing can be captured.
    pub(crate) no_capture: Option<String>,
    /// For the artifacts of the test that runs.
    pub(crate) gathered: Gathered,
    /// What steps of the test that runs have saved for later ones.
    pub(crate) saved: Saved,
    /// What they have measured.
    pub(crate) benches: Vec<Bench>,
    /// When the steps of that test ran, by their index.
    pub(crate) spans: BTreeMap<usize, Span>,
    /// The lab could not be put back as set-up left it: no further test can run in it.
    pub broken: bool,
    /// What the last test left other than it found it, in words: the next test needs another lab.
    pub changes: Vec<String>,
    /// A test may have run in it.
    pub used: bool,
    /// When what goes on began, for `--timings`.
    pub(crate) lap: Instant,
    /// When the services began to start that are not ready yet.
    starting: BTreeMap<String, Instant>,
}

impl<'a> Session<'a> {
    /// Starts the runtime with `verb`, which is `setup`, `session` or `anew`: a session with a lab
    /// that nobody has used.
    ///
    /// # Errors
    /// If bash cannot be started.
    pub fn start(
        lab: &'a Lab,
        options: &'a Options,
        given: Option<&Given>,
        verb: &str,
        tell: &'a dyn Fn(RunEvent),
    ) -> Result<Session<'a>> {
        let began = Instant::now();
        let script = script::compile(lab, options.client);
        let planned = Instant::now();
        let mut process = options.host.run_keeping(
            &script,
            &options.arguments(lab, given, verb),
            &options.folder,
            &options.kept(lab),
        )?;
        // One service after the other may take all of its time.
        process.bear(SETUP + lab.topology.services.iter().map(Service::within).sum());
        let instance = options.instance_of(lab);
        let session = Session {
            lab,
            options,
            process,
            tell,
            instance,
            subject: None,
            served: verb != "setup",
            begun: false,
            trouble: Vec::new(),
            gathered: Gathered::default(),
            no_capture: None,
            saved: Saved::new(),
            benches: Vec::new(),
            spans: BTreeMap::new(),
            broken: false,
            changes: Vec::new(),
            used: false,
            lap: planned,
            starting: BTreeMap::new(),
        };
        session.took(None, Phase::Plan, "", planned - began);
        Ok(session)
    }

    /// Waits until the lab is up.
    ///
    /// # Errors
    /// Why it is not.
    pub fn up(&mut self) -> Result<(), SetupError> {
        let began = Instant::now();
        let mut missing = Vec::new();
        let mut refused = false;
        let mut again = false;
        let mut phase = Phase::Start;
        loop {
            match self.script() {
                Some(Event::Outdated { .. }) => again = true,
                Some(Event::Setup { instance, .. }) => {
                    self.instance = instance.clone();
                    self.begun = true;
                    self.next(&mut phase, Phase::Sandbox);
                    (self.tell)(RunEvent::Setup { instance, again });
                }
                Some(Event::Supervisor) => self.next(&mut phase, Phase::Topology),
                Some(Event::Service(_)) if phase == Phase::Topology => {
                    self.next(&mut phase, Phase::Services)
                }
                Some(Event::Ready { instance }) => {
                    self.lap(None, phase, "");
                    let services = self.lab.topology.services.len();
                    (self.tell)(RunEvent::Ready {
                        instance,
                        time: began.elapsed(),
                        services,
                        reused: false,
                    });
                    if self.served {
                        self.greet();
                    }
                    return Ok(());
                }
                Some(Event::Reused { instance }) => {
                    self.used = true;
                    self.lap(None, phase, "");
                    self.instance = instance.clone();
                    (self.tell)(RunEvent::Ready {
                        instance,
                        time: began.elapsed(),
                        services: self.lab.topology.services.len(),
                        reused: true,
                    });
                    // Its subject is told next, and must be known before the first result.
                    if self.lab.topology.subject.is_some() {
                        self.script();
                    }
                    if self.served {
                        self.greet();
                    }
                    return Ok(());
                }
                Some(Event::Missing(one)) => missing.push(one),
                Some(Event::Refused) => refused = true,
                Some(Event::Failing) => self.greet(),
                Some(Event::Failed) | None => break,
                Some(_) => {}
            }
        }
        self.lap(None, phase, "");
        if interrupt::interrupted() {
            return Err(SetupError::Interrupted);
        }
        if let Err(error) = self.options.host.check() {
            return Err(SetupError::Failed(vec![error.to_string()]));
        }
        if !missing.is_empty() {
            let mut lines = describe_missing(&missing, &self.options.host, &self.options.at);
            let subject = self.lab.topology.subject.as_ref();
            if missing.iter().any(|one| one.kind == "subject")
                && let Some((_, why)) = subject.and_then(Subject::never_built)
            {
                lines.push(why.into());
            }
            return Err(SetupError::Skip(lines.join("; ")));
        }
        if refused {
            return Err(SetupError::Skip(
                "this kernel refuses user namespaces to ordinary users: run labrun as root".into(),
            ));
        }
        let mut lines = std::mem::take(&mut self.trouble);
        lines.append(&mut self.process.noise);
        if lines.is_empty() {
            lines.push("the set-up ended without a word".into());
        }
        (self.tell)(RunEvent::SetupFailed {
            instance: self.instance.clone(),
            lines: lines.clone(),
        });
        Err(SetupError::Failed(lines))
    }

    /// Tells the agent what the lab is like. It is there from now on, if this is a session.
    fn greet(&mut self) {
        let layout = Box::new(script::layout(self.lab, self.options.client, &self.options.folder));
        let gather = self.options.artifacts.when != When::Never;
        self.process.ask(&Request::Hello { nonce: nonce(), layout, gather });
    }

    /// The next event of the script; what is the same at all times is dealt with here, also what
    /// the agent says.
    fn script(&mut self) -> Option<Event> {
        loop {
            match self.said()? {
                Said::Script(event) => return Some(event),
                Said::Agent(_) => {}
            }
        }
    }

    /// The next event of the agent, `None` when there is no agent any more.
    pub(crate) fn agent(&mut self) -> Option<AgentEvent> {
        self.process.bear(SILENCE);
        loop {
            match self.said() {
                Some(Said::Agent(AgentEvent::Alive)) => {}
                Some(Said::Agent(event)) => return Some(event),
                // The script only speaks again when the agent has ended.
                Some(Said::Script(_)) => {}
                None => return None,
            }
        }
    }

    fn said(&mut self) -> Option<Said> {
        let said = self.process.said()?;
        match &said {
            Said::Script(event) => self.heard(event),
            Said::Agent(event) => self.heard_agent(event),
        }
        Some(said)
    }

    fn heard(&mut self, event: &Event) {
        match event {
            Event::Subject { program, how, path } => {
                let subject = ResolvedSubject {
                    program: program.clone(),
                    how: how.clone(),
                    path: path.clone(),
                };
                (self.tell)(RunEvent::Subject {
                    lab: self.lab.name.clone(),
                    subject: subject.clone(),
                });
                self.subject = Some(subject);
            }
            Event::Service(service) => {
                match service.state.as_str() {
                    "starting" => _ = self.starting.insert(service.name.clone(), Instant::now()),
                    _ => {
                        if let Some(began) = self.starting.remove(&service.name) {
                            self.took(None, Phase::Service, &service.name, began.elapsed());
                        }
                    }
                }
                self.trouble.extend(describe_service(service))
            }
            Event::Log { service, line } => self.line(service, line),
            Event::Error { message } => self.trouble.extend(message.lines().map(String::from)),
            Event::Cleaned { instance } => {
                (self.tell)(RunEvent::Cleaned { instance: instance.clone() })
            }
            Event::Kept { instance } => {
                (self.tell)(RunEvent::Kept {
                    instance: instance.clone(),
                    node: self.lab.topology.entrance().into(),
                    at: self.options.at.clone(),
                });
            }
            _ => {}
        }
    }

    fn heard_agent(&mut self, event: &AgentEvent) {
        match event {
            AgentEvent::Service(service) => self.trouble.extend(describe_service(service)),
            AgentEvent::Log { service, line } => self.line(service, line),
            AgentEvent::NoCapture { reason } => {
                _ = self.no_capture.get_or_insert_with(|| reason.clone())
            }
            AgentEvent::Output { stream: Stream::File, name, data } => {
                self.gathered.file(name, data)
            }
            AgentEvent::Error { message } => self.trouble.extend(message.lines().map(String::from)),
            AgentEvent::Lost => self
                .trouble
                .push("the lab is gone: its supervisor was killed, or somebody cleaned it".into()),
            _ => {}
        }
    }

    /// A line of a service's output.
    fn line(&mut self, service: &str, line: &str) {
        if self.options.verbose {
            self.log(service, line);
        } else {
            self.trouble.push(format!("| {line}"));
        }
    }

    pub(crate) fn log(&self, source: &str, line: &str) {
        (self.tell)(RunEvent::Log {
            lab: self.lab.name.clone(),
            source: source.into(),
            line: line.into(),
        });
    }

    /// A result of `test` that has no details yet.
    pub fn result(&self, test: &Test, outcome: Outcome) -> TestResult {
        TestResult { subject: self.subject.clone(), ..TestResult::new(self.lab, test, outcome) }
    }

    /// Tells how long it is since the last lap, which was `phase`, and begins another one.
    pub(crate) fn lap(&mut self, test: Option<&Test>, phase: Phase, name: &str) {
        let now = Instant::now();
        self.took(test, phase, name, now - self.lap);
        self.lap = now;
    }

    fn next(&mut self, phase: &mut Phase, next: Phase) {
        self.lap(None, *phase, "");
        *phase = next;
    }

    fn took(&self, test: Option<&Test>, phase: Phase, name: &str, time: Duration) {
        if self.options.timings {
            (self.tell)(RunEvent::Timing(Timing {
                lab: Some(self.lab.name.clone()),
                test: test.map(|test| test.name.clone()),
                phase,
                name: name.into(),
                us: time.as_micros() as u64,
            }));
        }
    }

    /// Asks for the services' output as it comes.
    pub fn follow(&mut self) {
        self.process.ask(&Request::Follow);
    }

    /// Asks for the lab to be left up when the session ends.
    pub fn keep(&mut self) {
        self.process.ask(&Request::Keep);
    }

    /// Waits until `setup` has left the lab up for good; whether it has.
    pub fn settle(&mut self) -> bool {
        let mut up = true;
        while let Some(event) = self.script() {
            up &= !matches!(event, Event::Cleaned { .. });
        }
        up
    }

    /// Reports a lab that was up and is no more.
    pub fn lost(&mut self) -> SetupError {
        let lines =
            vec!["the lab is gone: its supervisor was killed, or somebody cleaned it".to_string()];
        (self.tell)(RunEvent::SetupFailed {
            instance: self.instance.clone(),
            lines: lines.clone(),
        });
        SetupError::Failed(lines)
    }

    /// Ends the session and waits for the clean-up; the runtime's exit status.
    pub fn end(mut self) -> i32 {
        self.lap = Instant::now();
        self.process.requests.close();
        self.process.bear(SETUP);
        while self.said().is_some() {}
        if interrupt::insisted() && self.begun {
            self.clean();
        }
        self.lap(None, Phase::Clean, "");
        self.process.finish()
    }

    /// Takes the lab down in the place of the script, which was killed. On another machine that
    /// script has only lost its connection, and does so itself.
    fn clean(&self) {
        let agent = self.options.agent.to_string_lossy().into_owned();
        let mut words = vec!["--agent".to_string(), agent];
        match &self.options.host {
            Host::Native(_) => {}
            // What was copied goes, too; and no interface was lent.
            Host::Remote(remote) if remote.machine.here => words.clear(),
            Host::Remote(_) => return,
        }
        words.extend(["clean".to_string(), self.instance.clone()]);
        let folder = Path::new("/");
        let Ok(mut process) = self.options.host.run(&script::runtime(), &words, folder) else {
            return;
        };
        process.bear(CLEANING);
        while let Some(event) = process.event() {
            if let Event::Cleaned { instance } = event {
                (self.tell)(RunEvent::Cleaned { instance });
            }
        }
        process.finish();
    }
}

/// Something that nobody in a lab can guess.
fn nonce() -> String {
    let mut bytes = [0; 16];
    let read = File::open("/dev/urandom").and_then(|mut file| file.read_exact(&mut bytes));
    read.expect("every Unix has random numbers");
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
