//! A session with a lab that is up: labrun asks, the agent does, one thing after the other. The end
//! of the requests ends it, in the middle of a step too.

use super::capture::{Captured, Capturer};
use super::message::{Event, Request, Stream};
use super::pipe::{Speaker, request, requests};
use super::state::Found;
use super::{gather, logs};
use crate::event::Service;
use crate::sandbox::{Door, Gone, Mark, Sandbox, ServiceFailure, Stop};
use crate::steps::StepKind;
use crate::text::service;
use crate::topology::layout::Layout;
use crate::topology::model::{Condition, GLOBAL};
use anyhow::{Context, Result, bail};
use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::{self, BufReader};
use std::os::fd::{AsFd, OwnedFd};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long anything but a step may take.
const WORK: Duration = Duration::from_secs(60);
/// Longer than any session.
const FOREVER: Duration = Duration::from_secs(1 << 31);

/// Serves the lab whose state folder is `state` and whose PID 1 the machine knows as `supervisor`.
/// With `failed` its set-up has failed, and only its state is wanted.
///
/// # Errors
/// If it cannot be entered, or labrun says something that makes no sense.
pub fn run(supervisor: i32, state: PathBuf, failed: bool) -> Result<()> {
    let door = Door::find(supervisor)?;
    // What labrun goes by outside of the lab is in files that cannot be written to inside.
    let note = |name: &str| {
        let path = state.join(name);
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .with_context(|| format!("cannot write to {}", path.display()))
    };
    let (keep, dirty) = (note("keep")?, note("dirty")?);
    let here = std::env::current_dir().unwrap_or_else(|_| "/".into());
    // Before there is a second thread.
    door.enter()?;
    let mut input = BufReader::new(io::stdin());
    let (nonce, layout, gathers) = match request(&mut input)? {
        Some(Request::Hello { nonce, mut layout, gather }) => {
            // Where labrun names none, it is the one that a login has begun in.
            if layout.folder.as_os_str().is_empty() {
                layout.folder = here;
            }
            (nonce, *layout, gather)
        }
        Some(_) => bail!("labrun begins without a word of the lab"),
        None => return Ok(()),
    };
    let stop = Stop::new()?;
    let speaker = Speaker::new(nonce.clone(), stop.clone());
    let requests = requests(input, stop.clone(), speaker.clone(), keep)?;
    speaker.busy(WORK);
    speaker.beat();
    let capturer = (!failed)
        .then(|| Ok::<_, anyhow::Error>(Capturer::start(namespaces(&layout), door.machine()?)))
        .transpose()?;
    let (follow, started) = channel();
    let of = |service: &crate::topology::model::Service| {
        (service.id.clone(), state.join("log").join(format!("{}.log", service.id)))
    };
    logs::follow(layout.services.iter().map(of).collect(), speaker.clone(), started);
    // From here on no thread can be started.
    let sandbox = door.inside(stop, state, &nonce, layout)?;
    if let Err(error) = sandbox.renew_folder() {
        speaker.say(Event::Error { message: format!("{error:#}") });
    }
    let found = Found::of(&sandbox);
    let restarts = restarts(&sandbox);
    let mark = Mark::default();
    let mut session = Session { sandbox, speaker, capturer, follow, mark, found, restarts, dirty };
    let result = if failed { session.gather() } else { session.serve(&requests) };
    if result == Err(Gone::Lost) {
        // Its processes are gone, what they wrote is not.
        if gathers {
            gather::send(&session.sandbox, &session.speaker);
        }
        session.speaker.say(Event::Lost);
    }
    // Nothing that this session started survives it, except the services.
    session.sandbox.end_session();
    Ok(())
}

/// The time by the clock that packets are stamped with, in nanoseconds since 1970.
fn now() -> u64 {
    let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

fn namespaces(layout: &Layout) -> Vec<(String, Option<String>)> {
    let nodes =
        layout.captured.iter().map(|node| (node.0.clone(), Some(format!("/run/netns/{}", node.0))));
    [(GLOBAL.to_string(), None)].into_iter().chain(nodes).collect()
}

struct Session {
    sandbox: Sandbox,
    speaker: Speaker,
    capturer: Option<Capturer>,
    follow: Sender<()>,
    /// How much the services had printed when the test began.
    mark: Mark,
    /// How the lab was then.
    found: Found,
    /// How the services have failed and were started again, as far as that was told.
    restarts: BTreeMap<String, Vec<i32>>,
    /// Has a byte while the lab may be other than it was set up.
    dirty: File,
}

fn restarts(sandbox: &Sandbox) -> BTreeMap<String, Vec<i32>> {
    let of = |service: &crate::topology::model::Service| {
        (service.id.clone(), sandbox.restarts(&service.id))
    };
    sandbox.layout.services.iter().map(of).collect()
}

impl Session {
    fn serve(&mut self, (requests, news): &(Receiver<Request>, OwnedFd)) -> Result<(), Gone> {
        loop {
            // While labrun makes up its mind the lab may go, and labrun, too.
            self.speaker.busy(FOREVER);
            while !self.sandbox.readable(news.as_fd(), FOREVER)? {}
            let _ = rustix::io::read(news, &mut [0; 8]);
            let Ok(request) = requests.recv() else { return Err(Gone::Stopped) };
            self.speaker.busy(WORK);
            self.answer(request)?;
        }
    }

    fn answer(&mut self, request: Request) -> Result<(), Gone> {
        let say = |event| self.speaker.say(event);
        match request {
            Request::Hello { .. } => {
                say(Event::Error { message: "labrun says hello twice".into() })
            }
            Request::Begin { nodes, keep } => {
                // First, so that nothing of what follows is missed.
                match self
                    .capturer
                    .as_ref()
                    .context("the lab was not set up")
                    .and_then(|capturer| capturer.begin(&nodes, keep))
                {
                    Ok(()) => say(Event::Begun),
                    Err(error) => say(Event::NoCapture { reason: format!("{error:#}") }),
                }
                self.mark = self.sandbox.mark();
                self.dirty(true);
            }
            Request::Captured => match self
                .capturer
                .as_ref()
                .context("the lab was not set up")
                .and_then(Capturer::end)
            {
                Ok(Captured { file, packets, lost, left_out, bulk_left_out }) => {
                    self.speaker.output(Stream::Capture, "", &file);
                    say(Event::Captured { packets, lost, left_out, bulk_left_out });
                }
                Err(error) => say(Event::NoCapture { reason: format!("{error:#}") }),
            },
            Request::Seen { from } => match self
                .capturer
                .as_ref()
                .context("the lab was not set up")
                .and_then(|capturer| capturer.seen(from))
            {
                Ok((file, packets)) => {
                    self.speaker.output(Stream::Capture, "", &file);
                    say(Event::Seen { packets, now: now() });
                }
                Err(error) => say(Event::NoCapture { reason: format!("{error:#}") }),
            },
            Request::Step { step } => self.step(&step)?,
            Request::Tell => {
                logs::tell(&self.sandbox, &self.mark, &self.speaker)?;
                say(Event::Told);
            }
            Request::Gather => self.gather()?,
            Request::Restore { gather } => {
                let event = self.restore(gather)?;
                if matches!(&event, Event::Restored { changes, .. } if changes.is_empty()) {
                    self.dirty(false);
                }
                self.speaker.say(event);
            }
            Request::Follow => _ = self.follow.send(()),
            // Done where requests are read.
            Request::Keep => {}
        }
        Ok(())
    }

    /// Notes whether the lab may be other than it was set up. It may outlive this session, which may be
    /// killed in the middle of a test.
    fn dirty(&self, is: bool) {
        // A hole: there may be no room for anything else.
        if let Err(error) = self.dirty.set_len(is.into()) {
            let message = format!("cannot note the state of the lab: {error}");
            self.speaker.say(Event::Error { message });
        }
    }

    fn step(&mut self, step: &StepKind) -> Result<(), Gone> {
        self.speaker.busy(step.limit() + Duration::from_secs(10));
        if let Some((node, command)) = step.command() {
            self.found.before_command(&self.sandbox, node, command);
        }
        let began = now();
        let seen = step.run(&self.sandbox, &self.mark)?;
        let span = (began, now());
        self.tell_troubles();
        let streams = [
            (Stream::Stdout, &seen.stdout),
            (Stream::Stderr, &seen.stderr),
            (Stream::Lease, &seen.lease),
            (Stream::Addresses, &seen.addresses),
        ];
        for (stream, text) in streams {
            self.speaker.output(stream, "", text.as_bytes());
        }
        self.speaker.say(Event::Step { exit: seen.exit, unsent: seen.unsent, span });
        Ok(())
    }

    fn gather(&self) -> Result<(), Gone> {
        gather::state(&self.sandbox)?;
        gather::send(&self.sandbox, &self.speaker);
        self.speaker.say(Event::Gathered);
        Ok(())
    }

    /// After a test, puts the lab back as set-up left it, so that the next test finds it whole.
    /// What died though no step stopped it is reported: that is the test's result, too, and a
    /// reason to gather the state before it is gone. What is to be said of it.
    fn restore(&mut self, gather: bool) -> Result<Event, Gone> {
        let halted: Vec<String> = self.sandbox.halted().iter().map(|name| service(name)).collect();
        let mut dead = Vec::new();
        for service in &self.sandbox.layout.services {
            let ends = self
                .sandbox
                .run_of(service)
                .ready
                .iter()
                .any(|condition| matches!(condition, Condition::Exit(_)));
            if let Some(how) = self.sandbox.dead(&service.id)?.filter(|_| !ends) {
                dead.push((service.id.clone(), how, self.sandbox.was_stopped(&service.id)));
            }
        }
        if gather && dead.iter().any(|(.., stopped)| !stopped) {
            gather::state(&self.sandbox)?;
            gather::send(&self.sandbox, &self.speaker);
            self.speaker.say(Event::Gathered);
        }
        self.sandbox.restore()?;
        for (name, how, stopped) in dead {
            let within =
                self.sandbox.service(&name).map_or(WORK, crate::topology::model::Service::within);
            self.speaker.busy(within + WORK);
            if !stopped {
                self.sandbox.trouble(&name, how);
            }
            let back = self.sandbox.start_service(&name)?;
            self.tell_troubles();
            if !back {
                return Ok(Event::Broken);
            }
        }
        let restarted = self.restarted();
        for (name, _) in &restarted {
            // The next test is to find it ready.
            let within =
                self.sandbox.service(name).map_or(WORK, crate::topology::model::Service::within);
            self.speaker.busy(within + WORK);
            let back = self.sandbox.start_service(name)?;
            self.tell_troubles();
            if !back {
                return Ok(Event::Broken);
            }
        }
        let restarted = restarted.into_iter().map(|(id, how)| (service(&id), how)).collect();
        self.speaker.busy(WORK);
        let mut changes = self.found.changes(&self.sandbox)?;
        changes.extend(halted.iter().map(|name| format!("the service {name}, which is stopped")));
        changes.extend(self.sandbox.renew_folder().err().map(|error| format!("{error:#}")));
        Ok(Event::Restored { changes, halted, restarted })
    }

    /// The services that have failed and were started again since this was asked last, and how.
    fn restarted(&mut self) -> Vec<(String, Vec<i32>)> {
        let before = std::mem::replace(&mut self.restarts, restarts(&self.sandbox));
        let new = self.restarts.iter().map(|(name, all)| {
            let known = before.get(name).map_or(0, Vec::len);
            (name.clone(), all[known.min(all.len())..].to_vec())
        });
        new.filter(|(_, how)| !how.is_empty()).collect()
    }

    /// Says which services are not up though they should be.
    fn tell_troubles(&self) {
        for trouble in self.sandbox.troubles() {
            let log = trouble.log.to_string_lossy().into_owned();
            let (name, state) = (trouble.service.clone(), "died".into());
            let mut service = Service {
                name,
                state,
                node: trouble.node,
                command: trouble.command,
                log,
                ..Service::default()
            };
            match trouble.failure {
                ServiceFailure::Died(status) => service.status = Some(status),
                ServiceFailure::Vanished => {}
                ServiceFailure::Late(waiting) => {
                    (service.state, service.waiting) = ("late".into(), waiting);
                    service.within = Some(trouble.within.as_millis() as u64);
                }
                ServiceFailure::Failed(command) => {
                    (service.state, service.waiting) = ("failed".into(), command)
                }
                ServiceFailure::Unknown => continue,
            }
            self.speaker.say(Event::Service(service));
            for line in trouble.lines {
                self.speaker.say(Event::Log { service: trouble.service.clone(), line });
            }
        }
    }
}
