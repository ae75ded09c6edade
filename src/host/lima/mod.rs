//! The virtual machine that labs run in where the machine itself cannot run them: a Lima instance
//! of labrun's own. Lima makes, starts and stops it and gets into it; labrun decides what is to be
//! done ([`state`]), from what ([`template`]), and what the machine needs to have ([`provision`]).

mod history;
pub(crate) mod limactl;
pub(crate) mod progress;
mod provision;
mod state;
pub(crate) mod template;
mod up;

use crate::error::Failure;
use crate::host::native;
use crate::host::remote::Machine;
use crate::process;
use anyhow::Result;
use history::Work;
use limactl::Instance;
use progress::Progress;
use state::{Action, next};
use std::path::PathBuf;
use template::VmConfig;
use up::Lock;

#[derive(Clone, Debug)]
pub struct Vm {
    /// Its name among Lima's instances.
    pub name: String,
    config: VmConfig,
}

impl Vm {
    /// The VM that the environment names: LABRUN_VM, with LABRUN_VM_TEMPLATE and LABRUN_VM_IMAGE
    /// where `wishes` leave that open.
    ///
    /// # Errors
    /// If the name is none that Lima could use.
    pub fn new(config: VmConfig) -> Result<Vm> {
        let set = |name: &str| std::env::var(name).ok().filter(|value| !value.is_empty());
        let name = set("LABRUN_VM").unwrap_or_else(|| "labrun".into());
        let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        if !name.starts_with(|c: char| c.is_ascii_alphanumeric())
            || !name.chars().all(good)
            || name.len() > 40
        {
            let shown = name.escape_debug();
            return Err(Failure::usage(format!(
                "LABRUN_VM: `{shown}` cannot name a VM: letters, digits, `-`, `_` and `.`"
            ))
            .into());
        }
        let template = config.template.or_else(|| set("LABRUN_VM_TEMPLATE").map(PathBuf::from));
        let image = config.image.or_else(|| set("LABRUN_VM_IMAGE"));
        Ok(Vm { name, config: VmConfig { template, image, ..config } })
    }

    /// Whether the user has or wants this VM, found out without running anything.
    pub fn is_configured(&self) -> bool {
        let home = std::env::var_os("LIMA_HOME")
            .map(PathBuf::from)
            .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".lima")));
        let exists = home.is_some_and(|home| home.join(&self.name).join("lima.yaml").exists());
        !native::is_root()
            && which::which("limactl").is_ok()
            && (exists || self.config.template.is_some() || self.config.image.is_some())
    }

    /// The machine, for whoever runs something in it.
    pub fn machine(&self) -> Machine {
        let words = |more: &[&str]| -> Vec<String> {
            let words = ["limactl"].into_iter().chain(more.iter().copied()).chain([
                "shell",
                "--workdir=/",
                &self.name,
            ]);
            words.map(String::from).collect()
        };
        let name = format!("the VM `{}`", self.name);
        Machine {
            name,
            piped: words(&["--tty=false"]),
            terminal: words(&[]),
            quoted: false,
            own: true,
            here: false,
        }
    }

    /// What Lima knows of the VM.
    ///
    /// # Errors
    /// If limactl cannot be run or says what it never says.
    pub fn instance(&self) -> Result<Option<Instance>> {
        let words = ["limactl", "list", &self.name, "--json"].map(String::from);
        let seen = process::capture(&words)?;
        // One that does not exist is an error of limactl's, but not the only one.
        let found = limactl::instance(&self.name, &seen.stdout, &seen.stderr).map_err(|line| {
            Failure::machine(format!("limactl list said something else than expected: {line}"))
        })?;
        if found.is_none() && seen.status != 0 && !seen.stderr.contains("No instance matching") {
            let said: Vec<String> =
                seen.stderr.lines().map(|line| limactl::log_line(line).1).collect();
            return Err(
                Failure::machine(format!("limactl list failed: {}", said.join("; "))).into()
            );
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
        if let (Action::Refuse(reason), true) =
            (next(&facts), facts.instance.as_ref().is_none_or(|i| i.mark.is_none()))
        {
            return Err(Failure::machine(reason).into());
        }
        let lock = self.lock(progress)?;
        Ok(self.instance()?.map(|instance| (lock, instance)))
    }
}
