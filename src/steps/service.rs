//! `service`: a daemon is stopped or started on purpose.

use super::check::Checker;
use super::output::with_output;
use super::{Kind, StepOutput, Verdict, action};
#[cfg(target_os = "linux")]
use crate::sandbox::{Gone, Mark, Sandbox, SignalName};
use crate::text::service;
use crate::yaml::decode::{MAX_WAIT, Reader};
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use serde::{Deserialize, Serialize};
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(5);

/// A `service` step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ServiceStep {
    action: Action,
    /// Which.
    service: String,
    /// How long it may take to end before it is killed.
    within: Duration,
    /// How long it may take to be ready again.
    ready: Duration,
}

/// What is done to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Stop,
    Kill,
    Start,
    Restart,
    Reload,
}

const ACTIONS: [(&str, Action); 5] = [
    ("stop", Action::Stop),
    ("kill", Action::Kill),
    ("start", Action::Start),
    ("restart", Action::Restart),
    ("reload", Action::Reload),
];

/// What stands in the file.
#[derive(Debug)]
pub struct ServiceFile {
    action: Action,
    service: Spanned<String>,
    within: Option<Duration>,
}

const FIELDS: [Known; 6] = [
    ("stop", "the service that is ended (SIGTERM)", "http"),
    ("kill", "the service that is killed (SIGKILL)", "http"),
    ("start", "the service that is started, until it is ready", "http"),
    ("restart", "the service that is ended and started, until it is ready", "http"),
    (
        "reload",
        "the service that reads its configuration again, by SIGHUP or its own `reload`, until it is ready",
        "http",
    ),
    ("within", "how long it may take to end before it is killed (5s)", "1s"),
];

impl Kind for ServiceStep {
    const NAME: &'static str = "service";
    const ABOUT: (&'static str, &'static str) =
        ("a service is stopped or started on purpose", "{kill: http}");
    type File = ServiceFile;

    fn read(reader: Reader) -> Option<ServiceFile> {
        let actions = ACTIONS.map(|(name, _)| name);
        let fields = reader.fields(&FIELDS);
        let within = fields.get("within", |r| r.duration(MAX_WAIT));
        let (name, service) = action(&reader, &fields, &actions)?;
        let (_, action) = ACTIONS.into_iter().find(|(known, _)| *known == name)?;
        Some(ServiceFile { action, service, within })
    }

    fn check(file: &ServiceFile, checker: &Checker) -> Option<ServiceStep> {
        let service = checker.service(&file.service)?;
        Some(ServiceStep {
            action: file.action,
            service: service.id.clone(),
            within: file.within.unwrap_or(WITHIN),
            ready: service.within(),
        })
    }

    #[cfg(target_os = "linux")]
    fn run(&self, sandbox: &Sandbox, _: &Mark) -> Result<StepOutput, Gone> {
        let name = &self.service;
        if self.action == Action::Reload {
            return Ok(StepOutput::done(sandbox.reload_service(name)?));
        }
        let signal = if self.action == Action::Kill { SignalName::Kill } else { SignalName::Term };
        if self.action != Action::Start && !sandbox.stop_service(name, signal, self.within)? {
            return Ok(StepOutput::done(Err("it goes on after SIGKILL".into())));
        }
        if matches!(self.action, Action::Stop | Action::Kill) {
            return Ok(StepOutput::done(Ok(())));
        }
        // Why it is not ready is told as of any service.
        Ok(StepOutput::done(if sandbox.start_service(name)? { Ok(()) } else { Err(String::new()) }))
    }

    fn judge(&self, seen: &StepOutput) -> Verdict {
        let (action, _) =
            ACTIONS.into_iter().find(|(_, action)| *action == self.action).expect("all are listed");
        match seen.exit {
            0 => Ok(String::new()),
            _ => Err(with_output(
                vec![format!("could not {action} the service {}", service(&self.service))],
                &seen.stderr,
            )),
        }
    }

    fn limit(&self) -> Duration {
        self.within + self.ready + Duration::from_secs(10)
    }

    fn deadlines(&mut self) -> Vec<&mut Duration> {
        vec![&mut self.within, &mut self.ready]
    }
}
