//! Bringing the VM up, from whatever state it is in: what [`state`](crate::host::lima::state)
//! decides is done here.

use crate::error::Failure;
use crate::host::lima::history;
use crate::host::lima::history::{History, Work};
use crate::host::lima::limactl;
use crate::host::lima::progress::Progress;
use crate::host::lima::state::{Action, Facts, Tried, next};
use crate::host::lima::{Vm, template};
use crate::host::native;
use crate::interrupt;
use crate::process;
use anyhow::{Context, Result};
use std::env::consts::{ARCH, OS};
use std::fs::File;
use std::time::{Duration, Instant};

/// How long Lima waits for a boot. Emulated, a first one takes about a minute on a quick machine.
const BOOT: &str = "--timeout=15m";

/// Held while the VM is made, started, stopped or removed, so that two labrun do not do so at once.
/// The kernel lets go of it when the process ends, however it ends.
pub(crate) struct Lock(#[expect(dead_code, reason = "held, never read")] File);

impl Vm {
    /// Makes the VM, starts it or mends it, whatever it takes until it can be used; whether it had
    /// to. A VM that differs from what is wanted is used as it is, which is said.
    ///
    /// # Errors
    /// If it cannot be had; why, and what to do.
    pub fn up(&self, progress: &Progress) -> Result<bool> {
        self.bring_up(progress, false)
    }

    /// As [`Vm::up`], for one that Lima says runs but that could not be logged into.
    ///
    /// # Errors
    /// If it cannot be had.
    pub fn up_again(&self, progress: &Progress) -> Result<bool> {
        self.bring_up(progress, true)
    }

    fn bring_up(&self, progress: &Progress, silent: bool) -> Result<bool> {
        let mut facts = self.facts(silent)?;
        if next(&facts) == Action::Use {
            self.tell_differences(&facts, progress)?;
            return Ok(false);
        }
        let mut lock = None;
        loop {
            if interrupt::interrupted() {
                return Err(Failure::interrupted().into());
            }
            let action = next(&facts);
            // Another labrun may have done it while this one waited for the lock.
            if lock.is_none() && !matches!(action, Action::Use | Action::Refuse(_)) {
                lock = Some(self.lock(progress)?);
                facts.instance = self.instance()?;
                continue;
            }
            match action {
                Action::Use => {
                    self.tell_differences(&facts, progress)?;
                    return Ok(true);
                }
                Action::Refuse(reason) => return Err(Failure::machine(reason).into()),
                Action::Wait => {
                    facts.tried.waited = true;
                    let deadline = Instant::now() + Duration::from_secs(5);
                    while matches!(next(&facts), Action::Recover | Action::Remake)
                        && Instant::now() < deadline
                        && !interrupt::interrupted()
                    {
                        interrupt::sleep(Duration::from_millis(300));
                        facts.instance = self.instance()?;
                    }
                    continue;
                }
                Action::Create => {
                    facts.tried.created = true;
                    self.create(progress)?;
                }
                Action::Remake => {
                    facts.tried.created = true;
                    self.limactl(
                        &["delete", "--force", &self.name],
                        "remove what was left of",
                        &mut |_| (),
                    )?;
                    self.create(progress)?;
                }
                Action::Start => {
                    facts.tried.started = true;
                    self.start(
                        progress,
                        if facts.tried.created { Work::FirstBoot } else { Work::Boot },
                    )?;
                    facts.silent = false;
                }
                Action::Recover => {
                    facts.tried.recovered = true;
                    progress.note(&format!(
                        "the VM `{}` is in a bad state: it is ended by force and started again",
                        self.name
                    ));
                    self.limactl(&["stop", "--force", &self.name], "stop by force", &mut |_| ())?;
                    self.start(progress, Work::Boot)?;
                    facts.silent = false;
                }
            }
            facts.instance = self.instance()?;
        }
    }

    pub(crate) fn facts(&self, silent: bool) -> Result<Facts<'_>> {
        let root = native::is_root();
        let installed = !root && which::which("limactl").is_ok();
        let instance = if installed { self.instance()? } else { None };
        let version = match (&instance, installed) {
            (_, false) => None,
            // Whoever made it had a version that could; asking again would cost every verb some
            // time.
            (Some(instance), true) if instance.mark.is_some() => Some(limactl::OLDEST),
            _ => Some(limactl::version(
                &process::capture(&["limactl", "--version"].map(String::from))?.stdout,
            )),
        };
        let qemu = template::qemu(OS, ARCH, |name| std::env::var(name).ok());
        let no_qemu = qemu.filter(|program| which::which(program).is_err());
        Ok(Facts {
            name: &self.name,
            os: OS,
            root,
            limactl: version,
            no_qemu,
            instance,
            silent,
            tried: Tried::default(),
        })
    }

    fn tell_differences(&self, facts: &Facts, progress: &Progress) -> Result<()> {
        let Some(instance) = &facts.instance else { return Ok(()) };
        let mark = self.config.mark(&self.config.text()?);
        let differences = self.config.differences(&mark, instance);
        if !differences.is_empty() {
            let all = differences.join(", ");
            progress.note(&format!(
                "the VM `{}` is used as it is, but {all}: `labrun vm up --recreate` makes it anew",
                self.name
            ));
        }
        Ok(())
    }

    fn create(&self, progress: &Progress) -> Result<()> {
        let text = self.config.text()?;
        let path = template::file(&history::folder()?, &self.name);
        std::fs::write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        let mut words = self.config.arguments(&self.name, &self.config.mark(&text), OS, ARCH);
        words.push(path.to_string_lossy().into_owned());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.timed(progress, Work::Create, &words)
    }

    fn start(&self, progress: &Progress, work: Work) -> Result<()> {
        self.timed(progress, work, &["start", BOOT, &self.name])
    }

    /// Runs limactl, shows what it says, and remembers how long it took.
    pub(crate) fn timed(&self, progress: &Progress, work: Work, words: &[&str]) -> Result<()> {
        let mut history = History::load(&self.name);
        let began = Instant::now();
        let stage = progress.begin(&work.title(&self.name), history.last(work));
        self.limactl(words, work.infinitive(), &mut |text| stage.now(text))?;
        stage.end(&format!("the VM `{}` is {}", self.name, work.done()));
        history.record(work, began.elapsed());
        Ok(())
    }

    /// Runs limactl and hands over what it says it does.
    fn limactl(&self, words: &[&str], what: &str, tell: &mut dyn FnMut(&str)) -> Result<()> {
        let words: Vec<String> =
            ["limactl", "--tty=false"].iter().chain(words).map(|word| word.to_string()).collect();
        let mut troubles: Vec<String> = Vec::new();
        let status = process::watch(&words, &mut |line| {
            let (level, text) = limactl::log_line(line);
            match level.as_str() {
                "error" | "fatal" | "" => troubles.push(text),
                "info" => tell(&text),
                _ => {}
            }
        })?;
        if interrupt::interrupted() {
            return Err(Failure::interrupted().into());
        }
        if status == 0 {
            return Ok(());
        }
        let why = if troubles.is_empty() {
            format!("limactl ended with exit status {status}")
        } else {
            troubles.join("; ")
        };
        let hint = match what {
            _ if why.contains("no space left on device") => ": this machine's disk is full",
            "start" => "; `labrun vm up --recreate` makes it anew",
            _ => "",
        };
        Err(Failure::machine(format!("cannot {what} the VM `{}`: {why}{hint}", self.name)).into())
    }

    pub(crate) fn lock(&self, progress: &Progress) -> Result<Lock> {
        let path = history::folder()?.join(format!("{}.lock", self.name));
        let file =
            File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        if file.try_lock().is_err() {
            progress.note(&format!(
                "waiting for another labrun, which is at work on the VM `{}`",
                self.name
            ));
            while file.try_lock().is_err() {
                if interrupt::interrupted() {
                    return Err(Failure::interrupted().into());
                }
                interrupt::sleep(Duration::from_millis(100));
            }
        }
        Ok(Lock(file))
    }
}
