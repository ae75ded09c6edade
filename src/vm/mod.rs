//! The virtual machine that labs run in where the machine itself cannot run them: a Lima instance of
//! labrun's own. Lima makes, starts and stops it and gets into it; labrun decides what is to be done
//! ([`state`]), from what ([`template`]), and what the machine needs to have ([`provision`]).

pub mod history;
pub mod limactl;
pub mod progress;
pub mod provision;
pub mod state;
pub mod template;

use crate::error::Failure;
use crate::host::remote::Machine;
use crate::host::{interrupt, native, tool};
use anyhow::{Context, Result};
use history::{History, Work};
use limactl::Instance;
use progress::Progress;
use state::{Action, Facts, Tried, next};
use std::env::consts::{ARCH, OS};
use std::fs::File;
use std::path::PathBuf;
use std::time::{Duration, Instant};
use template::Wishes;

/// How long Lima waits for a boot. Emulated, a first one takes about a minute on a quick machine.
const BOOT: &str = "--timeout=15m";

/// The VM.
#[derive(Clone, Debug)]
pub struct Vm {
    /// Its name among Lima's instances.
    pub name: String,
    wishes: Wishes,
}

/// Held while the VM is made, started, stopped or removed, so that two labrun do not do so at once.
/// The kernel lets go of it when the process ends, however it ends.
struct Lock(#[expect(dead_code, reason = "held, never read")] File);

impl Vm {
    /// The VM that the environment names: LABRUN_VM, with LABRUN_VM_TEMPLATE and LABRUN_VM_IMAGE
    /// where `wishes` leave that open.
    ///
    /// # Errors
    /// If the name is none that Lima could use.
    pub fn new(wishes: Wishes) -> Result<Vm> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let name = set("LABRUN_VM").unwrap_or_else(|| "labrun".into());
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric()) || !name.chars().all(good) || name.len() > 40 {
            let shown = name.escape_debug();
            return Err(Failure::usage(format!("LABRUN_VM: `{shown}` cannot name a VM: letters, digits, `-`, `_` and `.`")).into());
        }
        let template = wishes.template.or_else(|| set("LABRUN_VM_TEMPLATE").map(PathBuf::from));
        let image = wishes.image.or_else(|| set("LABRUN_VM_IMAGE"));
        Ok(Vm { name, wishes: Wishes { template, image, ..wishes } })
    }

    /// Whether the user has or wants this VM, found out without running anything.
    pub fn is_configured(&self) -> bool {
        let home =
            std::env::var_os("LIMA_HOME").map(PathBuf::from).or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".lima")));
        let exists = home.is_some_and(|home| home.join(&self.name).join("lima.yaml").exists());
        !native::is_root() && which::which("limactl").is_ok() && (exists || self.wishes.template.is_some() || self.wishes.image.is_some())
    }

    /// The machine, for whoever runs something in it.
    pub fn machine(&self) -> Machine {
        let words = |more: &[&str]| -> Vec<String> {
            let words = ["limactl"].into_iter().chain(more.iter().copied()).chain(["shell", "--workdir=/", &self.name]);
            words.map(String::from).collect()
        };
        let name = format!("the VM `{}`", self.name);
        Machine { name, piped: words(&["--tty=false"]), terminal: words(&[]), quoted: false, own: true }
    }

    /// What Lima knows of the VM.
    ///
    /// # Errors
    /// If limactl cannot be run or says what it never says.
    pub fn instance(&self) -> Result<Option<Instance>> {
        let words = ["limactl", "list", &self.name, "--json"].map(String::from);
        let seen = tool::capture(&words)?;
        // One that does not exist is an error of limactl's, but not the only one.
        let found = limactl::instance(&self.name, &seen.stdout, &seen.stderr)
            .map_err(|line| Failure::machine(format!("limactl list said something else than expected: {line}")))?;
        if found.is_none() && seen.status != 0 && !seen.stderr.contains("No instance matching") {
            let said: Vec<String> = seen.stderr.lines().map(|line| limactl::log_line(line).1).collect();
            return Err(Failure::machine(format!("limactl list failed: {}", said.join("; "))).into());
        }
        Ok(found)
    }

    /// What Lima knows of the VM, once it is clear that Lima can be used at all.
    ///
    /// # Errors
    /// If it cannot be.
    pub fn look(&self) -> Result<Option<Instance>> {
        let facts = self.facts(false)?;
        match state::unable(&facts) {
            Some(reason) => Err(Failure::machine(reason).into()),
            None => Ok(facts.instance),
        }
    }

    /// Why nothing can be up in the VM, if so: it does not run.
    ///
    /// # Errors
    /// If Lima cannot be used.
    pub fn idle(&self) -> Result<Option<String>> {
        Ok(match self.look()? {
            None => Some(format!("there is no VM `{}`", self.name)),
            Some(instance) if instance.status == limactl::Status::Running => None,
            Some(instance) => Some(format!("the VM `{}` is {}", self.name, instance.status.word())),
        })
    }

    /// Makes the VM, starts it or mends it, whatever it takes until it can be used; whether it had to.
    /// A VM that differs from what is wanted is used as it is, which is said.
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
                    while matches!(next(&facts), Action::Recover | Action::Remake) && Instant::now() < deadline && !interrupt::interrupted()
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
                    self.limactl(&["delete", "--force", &self.name], "remove what was left of it", &mut |_| ())?;
                    self.create(progress)?;
                }
                Action::Start => {
                    facts.tried.started = true;
                    self.start(progress, if facts.tried.created { Work::FirstBoot } else { Work::Boot })?;
                    facts.silent = false;
                }
                Action::Recover => {
                    facts.tried.recovered = true;
                    progress.note(&format!("the VM `{}` is in a bad state: it is ended by force and started again", self.name));
                    self.limactl(&["stop", "--force", &self.name], "end it by force", &mut |_| ())?;
                    self.start(progress, Work::Boot)?;
                    facts.silent = false;
                }
            }
            facts.instance = self.instance()?;
        }
    }

    fn facts(&self, silent: bool) -> Result<Facts<'_>> {
        let root = native::is_root();
        let installed = !root && which::which("limactl").is_ok();
        let instance = if installed { self.instance()? } else { None };
        let version = match (&instance, installed) {
            (_, false) => None,
            // Whoever made it had a version that could; asking again would cost every verb some time.
            (Some(instance), true) if instance.mark.is_some() => Some(limactl::OLDEST),
            _ => Some(limactl::version(&tool::capture(&["limactl", "--version"].map(String::from))?.stdout)),
        };
        let qemu = template::qemu(OS, ARCH, |name| std::env::var(name).ok());
        let no_qemu = qemu.filter(|program| which::which(program).is_err());
        Ok(Facts { name: &self.name, os: OS, root, limactl: version, no_qemu, instance, silent, tried: Tried::default() })
    }

    fn tell_differences(&self, facts: &Facts, progress: &Progress) -> Result<()> {
        let Some(instance) = &facts.instance else { return Ok(()) };
        let mark = self.wishes.mark(&self.wishes.text()?);
        let differences = self.wishes.differences(&mark, instance);
        if !differences.is_empty() {
            let all = differences.join(", ");
            progress.note(&format!("the VM `{}` is used as it is, but {all}: `labrun vm up --recreate` makes it anew", self.name));
        }
        Ok(())
    }

    fn create(&self, progress: &Progress) -> Result<()> {
        let text = self.wishes.text()?;
        let path = template::file(&history::folder()?, &self.name);
        std::fs::write(&path, &text).with_context(|| format!("cannot write {}", path.display()))?;
        let mut words = self.wishes.arguments(&self.name, &self.wishes.mark(&text), OS, ARCH);
        words.push(path.to_string_lossy().into_owned());
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        self.timed(progress, Work::Create, &words)
    }

    fn start(&self, progress: &Progress, work: Work) -> Result<()> {
        self.timed(progress, work, &["start", BOOT, &self.name])
    }

    /// Runs limactl, shows what it says, and remembers how long it took.
    fn timed(&self, progress: &Progress, work: Work, words: &[&str]) -> Result<()> {
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
        let words: Vec<String> = ["limactl", "--tty=false"].iter().chain(words).map(|word| word.to_string()).collect();
        let mut troubles: Vec<String> = Vec::new();
        let status = tool::watch(&words, &mut |line| {
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
        let why = if troubles.is_empty() { format!("limactl ended with exit status {status}") } else { troubles.join("; ") };
        let hint = if why.contains("no space left on device") { ": this machine's disk is full" } else { "" };
        Err(Failure::machine(format!("cannot {what}, the VM `{}`: {why}{hint}", self.name)).into())
    }

    /// Stops the VM, which ends all labs in it; whether it ran.
    ///
    /// # Errors
    /// If Lima cannot.
    pub fn stop(&self, progress: &Progress) -> Result<bool> {
        let Some(instance) = self.existing(progress)? else { return Ok(false) };
        if instance.1.status == limactl::Status::Stopped {
            return Ok(false);
        }
        self.timed(progress, Work::Stop, &["stop", &self.name])?;
        Ok(true)
    }

    /// Removes the VM with its disk; whether there was one.
    ///
    /// # Errors
    /// If Lima cannot, or the instance is not labrun's.
    pub fn delete(&self, progress: &Progress) -> Result<bool> {
        let Some(_held) = self.existing(progress)? else { return Ok(false) };
        self.timed(progress, Work::Delete, &["delete", "--force", &self.name])?;
        Ok(true)
    }

    /// The instance, if there is one of labrun's, and the lock under which it may be changed.
    fn existing(&self, progress: &Progress) -> Result<Option<(Lock, Instance)>> {
        let mut facts = self.facts(false)?;
        // Lima itself, and whose the instance is, are judged as ever; its state is about to change.
        facts.no_qemu = None;
        if let (Action::Refuse(reason), true) = (next(&facts), facts.instance.as_ref().is_none_or(|i| i.mark.is_none())) {
            return Err(Failure::machine(reason).into());
        }
        let lock = self.lock(progress)?;
        Ok(self.instance()?.map(|instance| (lock, instance)))
    }

    fn lock(&self, progress: &Progress) -> Result<Lock> {
        let path = history::folder()?.join(format!("{}.lock", self.name));
        let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
        if file.try_lock().is_err() {
            progress.note(&format!("waiting for another labrun, which is at work on the VM `{}`", self.name));
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
