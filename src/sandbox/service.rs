//! The services of a lab that is up. PID 1 starts them (scripts/service.sh) and notes how they end;
//! what a session does to them goes by these notes:
//!
//! ```text
//! log/NAME.log    its output          log/NAME.from     where in it its last start is
//! log/NAME.pid    its process         log/NAME.exit     how it ended, if it has
//! control         on which PID 1 is told which to start again
//! log/NAME.stopped   it was stopped on purpose
//! log/NAME.restarts  when and how it failed and was started again, a line each time
//! ```

use super::condition::{Asker, holds};
use super::proc::processes_of;
use super::program::{end_of, part_of, regular};
use super::{Gone, Output, Process, Program, Sandbox, View};
use crate::topology::model::{Condition, Run, Service};
use rustix::process::Signal;
use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Of a service's output, what is looked at for a pattern: so much of its beginning and of its end.
const SEEN: u64 = 1 << 20;
/// How long a note may be.
const NOTE: u64 = 1 << 20;
/// How many lines a failure shows, and how long each may be.
const SHOWN: usize = 20;
const LONGEST_LINE: usize = 1000;
/// How long the note of a service's end, or of its next start, may take after the end.
const NOTED: Duration = Duration::from_secs(10);

/// How a service is told to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignalName {
    /// SIGTERM, and SIGKILL if that does not do.
    Term,
    /// SIGKILL.
    Kill,
}

/// How much the services had printed at some moment.
#[derive(Clone, Debug, Default)]
pub struct Mark(BTreeMap<String, u64>);

/// Why a service is not up.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServiceFailure {
    /// It ended, with this exit status.
    Died(i32),
    /// It ended, and that could not be noted.
    Vanished,
    /// It was not ready in time, for want of this.
    Late(String),
    /// It was ready, and then this command failed.
    Failed(String),
    /// The lab has no such service.
    Unknown,
}

/// A service that is not up, and all that is known of it.
#[derive(Clone, Debug)]
pub struct Trouble {
    /// Which.
    pub service: String,
    /// Its network namespace.
    pub node: String,
    /// Its command.
    pub command: String,
    /// How long it was waited for, if it was.
    pub within: Duration,
    /// Why.
    pub failure: ServiceFailure,
    /// Where its output is.
    pub log: PathBuf,
    /// The last lines of that.
    pub lines: Vec<String>,
}

impl Sandbox {
    /// The service that the runtime calls `name`.
    pub fn service(&self, name: &str) -> Option<&Service> {
        self.layout.services.iter().find(|service| service.id == name)
    }

    /// How `service` runs: itself, or what takes its place where the stand-in of the program under
    /// test runs.
    pub fn run_of<'s>(&self, service: &'s Service) -> &'s Run {
        let stand_in = service.stand_in.as_ref().filter(|_| self.state.join("stand-in").exists());
        stand_in.unwrap_or(&service.run)
    }

    fn note(&self, name: &str, kind: &str) -> PathBuf {
        self.state.join("log").join(format!("{name}.{kind}"))
    }

    /// What is in a note.
    fn note_of(&self, name: &str, kind: &str) -> Option<String> {
        let bytes = part_of(&self.note(name, kind), 0, NOTE).ok()?;
        String::from_utf8(bytes).ok()
    }

    /// Where its output is.
    pub fn log_of(&self, name: &str) -> PathBuf {
        self.note(name, "log")
    }

    /// The folder that it runs in.
    pub fn folder_of(&self, name: &str) -> PathBuf {
        self.state.join("service").join(name)
    }

    /// Its exit status, if it has ended. Between its making and its writing the note is empty, and
    /// says nothing yet.
    pub fn ended(&self, name: &str) -> Option<i32> {
        self.note_of(name, "exit")?.trim().parse().ok()
    }

    /// Its process, if it runs.
    pub fn pid_of(&self, name: &str) -> Option<i32> {
        self.ended(name).is_none().then(|| self.note_of(name, "pid")?.trim().parse().ok())?
    }

    /// The services whose first process is stopped by a signal, as SIGSTOP does it: they run, and
    /// answer nothing.
    pub fn halted(&self) -> Vec<String> {
        let is_halted = |name: &&String| {
            self.pid_of(name).and_then(Process::of).is_some_and(|process| process.state == 'T')
        };
        self.layout.services.iter().map(|one| &one.id).filter(is_halted).cloned().collect()
    }

    /// Whether it was stopped on purpose.
    pub fn was_stopped(&self, name: &str) -> bool {
        self.note(name, "stopped").exists()
    }

    /// How it ended, if it has or is about to. PID 1 learns of an end a little later than whoever caused it, so its
    /// note is waited for. On a full disk it never comes.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn dead(&self, name: &str) -> Result<Option<ServiceFailure>, Gone> {
        // One that is started again has another process then.
        let clear = || self.ended(name).is_some() || self.lives(name);
        if !clear() {
            self.until(Instant::now() + NOTED, || Ok(clear()))?;
        }
        Ok(match self.ended(name) {
            Some(status) => Some(ServiceFailure::Died(status)),
            None => (!self.lives(name)).then_some(ServiceFailure::Vanished),
        })
    }

    /// Whether its first process is noted, and runs.
    fn lives(&self, name: &str) -> bool {
        let process = self.pid_of(name).and_then(Process::of);
        process.is_some_and(|process| !process.is_dying())
    }

    /// Ends `name`; whether it did. What does not within `within` gets SIGKILL.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn stop_service(
        &self,
        name: &str,
        signal: SignalName,
        within: Duration,
    ) -> Result<bool, Gone> {
        // Said first, so that nobody takes the end for a surprise.
        let stopped = self.note(name, "stopped");
        let _ = regular(&stopped, OpenOptions::new().append(true).create(true));
        let ended = || Ok(self.ended(name).is_some());
        if signal == SignalName::Term {
            self.signal_service(name, Signal::TERM);
            if self.until(Instant::now() + within, ended)? {
                return Ok(true);
            }
        }
        for _ in 0..5 {
            // Again, because it may just have been started again.
            self.signal_service(name, Signal::KILL);
            if self.until(Instant::now() + Duration::from_secs(1), ended)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// With which exit statuses `name` has failed and was started again since the lab is up.
    pub fn restarts(&self, name: &str) -> Vec<i32> {
        let note = self.note_of(name, "restarts").unwrap_or_default();
        note.lines().filter_map(|line| line.split_once(' ')?.1.parse().ok()).collect()
    }

    /// To all of its processes: one in a session of its own would keep the port from the next.
    fn signal_service(&self, name: &str, signal: Signal) {
        let Some(pid) = self.pid_of(name) else { return };
        processes_of(name, pid).iter().for_each(|process| process.signal(signal));
    }

    /// Has PID 1 start `name` once more if it does not run, and waits until it is ready; whether it
    /// is. If not, there is a [`Trouble`] more.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn start_service(&self, name: &str) -> Result<bool, Gone> {
        match self.started(name)? {
            Ok(()) => return Ok(true),
            Err(failure) => self.trouble(name, failure),
        }
        Ok(false)
    }

    /// Notes that `name` is not up.
    pub fn trouble(&self, name: &str, failure: ServiceFailure) {
        let Some(service) = self.service(name) else { return };
        let run = self.run_of(service);
        self.troubles.borrow_mut().push(Trouble {
            service: name.into(),
            node: service.node.0.clone(),
            command: run.command.clone(),
            within: run.within,
            failure,
            log: self.log_of(name),
            lines: self.last_lines(name),
        });
    }

    /// What has been noted since this was asked for last.
    pub fn troubles(&self) -> Vec<Trouble> {
        self.troubles.take()
    }

    fn started(&self, name: &str) -> Result<Result<(), ServiceFailure>, Gone> {
        let Some(service) = self.service(name) else { return Ok(Err(ServiceFailure::Unknown)) };
        let run = self.run_of(service);
        let deadline = Instant::now() + run.within;
        // While it is being started again, it has no process.
        let runs = self.ended(name).is_none() && (run.restart || self.lives(name));
        if !runs {
            let _ = fs::remove_file(self.note(name, "pid"));
            let _ = fs::remove_file(self.note(name, "exit"));
            // Read and write: a FIFO that nobody reads would keep this waiting.
            let control =
                OpenOptions::new().read(true).write(true).open(self.state.join("control"));
            if control.and_then(|mut control| writeln!(control, "{name}")).is_err() {
                return Ok(Err(ServiceFailure::Late(
                    "its start, for which the lab's supervisor could not be reached".into(),
                )));
            }
        }
        loop {
            if let Some(status) = self.ended(name) {
                let wanted = run.ready.iter().any(|condition| {
                    *condition == Condition::Exit(status.try_into().unwrap_or(u8::MAX))
                });
                if !wanted {
                    return Ok(Err(ServiceFailure::Died(status)));
                }
                break;
            }
            let unmet = match self.pid_of(name) {
                Some(pid) => self.unmet(service, run, pid)?,
                None => Some("its start".into()),
            };
            let Some(unmet) = unmet else {
                let _ = fs::remove_file(self.note(name, "stopped"));
                break;
            };
            if Instant::now() >= deadline {
                return Ok(Err(ServiceFailure::Late(unmet)));
            }
            self.pause(Duration::from_millis(3))?;
        }
        for text in run.started.iter().filter(|_| !runs) {
            let output = self.beside(service, text)?;
            let log = regular(&self.log_of(name), OpenOptions::new().append(true));
            let _ = log.and_then(|mut log| {
                log.write_all(&[output.stdout.as_slice(), &output.stderr].concat())
            });
            if output.exit != 0 {
                return Ok(Err(ServiceFailure::Failed(text.clone())));
            }
        }
        Ok(Ok(()))
    }

    /// Runs a shell command beside `service`: in its node, folder and environment.
    fn beside(&self, service: &Service, text: &str) -> Result<Output, Gone> {
        let run = self.run_of(service);
        let program = self.shell(&service.node.0, text).folder(&self.folder_of(&service.id));
        let program =
            run.environment.iter().fold(program, |program, (name, value)| program.env(name, value));
        self.run(program.within(run.within))
    }

    /// Has `name` read its configuration again, and waits until it is ready; if it is not, why. Of
    /// what it printed nothing is asked: it may say other things than at its start.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn reload_service(&self, name: &str) -> Result<Result<(), String>, Gone> {
        let Some(service) = self.service(name) else { return Ok(Err("there is none".into())) };
        let mut run = self.run_of(service).clone();
        let Some(process) = self.pid_of(name).and_then(Process::of) else {
            return Ok(Err("it does not run".into()));
        };
        match &run.reload {
            Some(text) => {
                let output = self.beside(service, text)?;
                if output.exit != 0 {
                    let said = [output.stdout.as_slice(), &output.stderr].concat();
                    let said = String::from_utf8_lossy(&said).into_owned();
                    return Ok(Err(format!(
                        "`{text}` ended with exit status {}\n{said}",
                        output.exit
                    )));
                }
            }
            None if !process.handles(Signal::HUP) => {
                return Ok(Err(format!(
                    "its first process, {}, does not handle SIGHUP: begin the service's command with `exec`, or say with `reload` what to run",
                    process.name
                )));
            }
            None => process.signal(Signal::HUP),
        }
        run.ready.retain(|condition| !matches!(condition, Condition::Log(_)));
        let deadline = Instant::now() + run.within;
        loop {
            match self.dead(name)? {
                Some(ServiceFailure::Died(status)) => {
                    return Ok(Err(format!("it ended, with exit status {status}")));
                }
                Some(_) => return Ok(Err("it ended".into())),
                None => {}
            }
            let Some(unmet) = self.unmet(service, &run, process.pid)? else { return Ok(Ok(())) };
            if Instant::now() >= deadline {
                return Ok(Err(format!("it was not ready again, still waiting for: {unmet}")));
            }
            self.pause(Duration::from_millis(3))?;
        }
    }

    /// The conditions of `service` that do not hold yet, in words.
    fn unmet(&self, service: &Service, run: &Run, pid: i32) -> Result<Option<String>, Gone> {
        // What it printed before it was started again says nothing of now.
        let log = self.printed(&service.id, self.began(&service.id)).unwrap_or_default();
        let asker = Asker {
            node: &service.node.0,
            folder: &self.folder_of(&service.id),
            environment: &run.environment,
            service: Some((&service.id, pid)),
            log: &log,
            within: Duration::from_secs(2),
        };
        let mut unmet = Vec::new();
        for condition in &run.ready {
            if !holds(self, condition, &asker)? {
                unmet.push(words(condition));
            }
        }
        Ok((!unmet.is_empty()).then(|| unmet.join(", ")))
    }

    /// What `name` has printed since its log had `from` bytes, the beginning and the end of it.
    ///
    /// # Errors
    /// If its log cannot be read.
    pub fn printed(&self, name: &str, from: u64) -> io::Result<Vec<u8>> {
        let path = self.log_of(name);
        let size = fs::metadata(&path)?.len();
        let (_, end) = end_of(&path, size.saturating_sub(from).min(SEEN))?;
        if size.saturating_sub(from) <= SEEN {
            return Ok(end);
        }
        let mut both = part_of(&path, from, SEEN.min(size - from - SEEN))?;
        both.extend(end);
        // Where PID 1 has made a hole in it (scripts/logs.sh).
        both.retain(|byte| *byte != 0);
        Ok(both)
    }

    /// How much the services have printed by now.
    pub fn mark(&self) -> Mark {
        let size =
            |name: &str| fs::metadata(self.log_of(name)).map_or(0, |metadata| metadata.len());
        Mark(
            self.layout
                .services
                .iter()
                .map(|service| (service.id.clone(), size(&service.id)))
                .collect(),
        )
    }

    /// What `name` has printed since then.
    pub fn printed_since(&self, mark: &Mark, name: &str) -> Vec<u8> {
        self.printed(name, mark.0.get(name).copied().unwrap_or(0)).unwrap_or_default()
    }

    /// How long its log was when it was started last.
    fn began(&self, name: &str) -> u64 {
        self.note_of(name, "from").and_then(|text| text.trim().parse().ok()).unwrap_or(0)
    }

    /// What `name` has printed since then, and since it was started last.
    pub fn printed_lately(&self, mark: &Mark, name: &str) -> Vec<u8> {
        let from = mark.0.get(name).copied().unwrap_or(0).max(self.began(name));
        self.printed(name, from).unwrap_or_default()
    }

    /// The last lines of its output.
    pub fn last_lines(&self, name: &str) -> Vec<String> {
        let bytes =
            end_of(&self.log_of(name), 64 << 10).map(|(_, bytes)| bytes).unwrap_or_default();
        let lines = lines(&bytes);
        match lines.len() {
            0 => vec!["(it printed nothing)".into()],
            count => lines[count.saturating_sub(SHOWN)..].to_vec(),
        }
    }

    /// A shell command in `node`, as steps and conditions run them.
    pub fn shell(&self, node: &str, text: &str) -> Program {
        self.in_lab(Program::new(node, &["bash", "-c", text]), node).view(View::Whole)
    }

    /// `program` with what every command of a lab finds in its environment.
    pub fn in_lab(&self, program: Program, node: &str) -> Program {
        let mut path = self.state.join("bin").into_os_string();
        path.push(":");
        path.push(std::env::var_os("PATH").unwrap_or_default());
        program
            .env("TMPDIR", self.state.join("tmp"))
            .env("PATH", path)
            .env("LABRUN_LAB", &self.layout.lab)
            .env("LABRUN_NODE", node)
    }
}

/// The lines of an output, each cut to what can be shown.
pub fn lines(bytes: &[u8]) -> Vec<String> {
    String::from_utf8_lossy(bytes)
        .lines()
        .map(|line| line.chars().take(LONGEST_LINE).collect())
        .collect()
}

/// As the runtime's own set-up says it (scripts/service.sh).
fn words(condition: &Condition) -> String {
    match condition {
        Condition::Udp(port) => format!("udp {port}"),
        Condition::Tcp(port) => format!("tcp {port}"),
        Condition::Log(pattern) => format!("log {pattern}"),
        Condition::File(path) => format!("file {path}"),
        Condition::Command(text) => format!("command {text}"),
        Condition::Running(time) => format!("running {}", time.as_millis()),
        Condition::Exit(status) => format!("exit {status}"),
    }
}
