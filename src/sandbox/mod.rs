//! A lab's sandbox, seen by a program of labrun's own that looks in from outside: it has entered
//! the sandbox's namespaces, but not its PID namespace. So no process of the lab can see it in
//! /proc, signal it, trace it or reach its descriptors, while what it starts runs among the lab's
//! processes.
//!
//! Nothing here waits without an end: what waits does so until a deadline, until labrun no longer
//! wants it, or until the sandbox has gone.

mod condition;
mod folder;
mod impair;
mod load;
mod netns;
mod proc;
mod program;
mod restore;
mod service;
mod silence;
mod tail;
mod wire;

pub use condition::{Asker, holds};
pub use load::{Done, Load};
pub use netns::read as read_proc;
pub use proc::{Process, processes};
pub use program::{OVERTIME, Output, Program, View, digest, end_of, part_of, which};
pub use restore::Lessee;
pub use service::{Mark, ServiceFailure, SignalName, Trouble, lines};
pub use silence::Silent;

use crate::topology::layout::Layout;
use crate::topology::model::GLOBAL;
use anyhow::{Context, Result};
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use sha2::{Digest, Sha256};
use std::cell::RefCell;
use std::fs::File;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why something in the sandbox was given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// Labrun wants no more: it closed the requests.
    Stopped,
    /// PID 1 of the sandbox has ended, and with it all of its processes.
    Lost,
}

/// Ends every wait at once, from another thread.
#[derive(Clone)]
pub struct Stop(Arc<OwnedFd>);

impl Stop {
    /// # Errors
    /// If the kernel has no descriptor left.
    pub fn new() -> Result<Stop> {
        Ok(Stop(Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?)))
    }

    /// From now on nothing is waited for.
    pub fn stop(&self) {
        let _ = rustix::io::write(&*self.0, &1u64.to_ne_bytes());
    }
}

/// The namespaces to be entered, found while the machine's own /proc is still there.
pub struct Door {
    supervisor: OwnedFd,
    machine: OwnedFd,
    user: Option<File>,
    others: Vec<File>,
    pid: File,
}

impl Door {
    /// Finds the sandbox whose PID 1 the machine knows as `supervisor`.
    ///
    /// # Errors
    /// If there is none, or this user may not enter it.
    pub fn find(supervisor: i32) -> Result<Door> {
        let pid = Pid::from_raw(supervisor).context("not a process")?;
        let folder = format!("/proc/{supervisor}/ns");
        let open = |name: &str| {
            File::open(format!("{folder}/{name}"))
                .with_context(|| format!("cannot open {folder}/{name}"))
        };
        let own = |name: &str| std::fs::read_link(format!("/proc/self/ns/{name}")).ok();
        // Entering the user namespace that one is in already is refused.
        let user = (std::fs::read_link(format!("{folder}/user")).ok() != own("user"))
            .then(|| open("user"))
            .transpose()?;
        Ok(Door {
            supervisor: pidfd_open(pid, PidfdFlags::empty())
                .context("the lab's supervisor is gone")?,
            machine: File::open("/proc").context("cannot open /proc")?.into(),
            user,
            others: ["mnt", "net", "ipc", "uts", "cgroup"]
                .into_iter()
                .map(open)
                .collect::<Result<_>>()?,
            pid: open("pid")?,
        })
    }

    /// The machine's own /proc, for another thread.
    ///
    /// # Errors
    /// If there is no descriptor left.
    pub fn machine(&self) -> Result<OwnedFd> {
        Ok(self.machine.try_clone()?)
    }

    /// Enters all but the PID namespace. Only a process with a single thread may.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn enter(&self) -> Result<()> {
        for namespace in self.user.iter().chain(&self.others) {
            netns::enter(namespace).context("cannot enter the lab's namespaces")?;
        }
        Ok(())
    }

    /// Lets what this thread starts be processes of the lab. After this it can start no more
    /// threads.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn inside(
        self,
        stop: Stop,
        state: PathBuf,
        nonce: &str,
        layout: Layout,
    ) -> Result<Sandbox> {
        netns::enter(&self.pid).context("cannot enter the lab's PID namespace")?;
        let global = netns::current(&self.machine)?;
        let plain = state.join("private/plain-nsenter").exists();
        // What runs in the lab sees the mark, so it must not tell the nonce.
        let mark = Sha256::digest(nonce)[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let troubles = RefCell::default();
        Ok(Sandbox {
            supervisor: self.supervisor,
            machine: self.machine,
            global,
            stop,
            state,
            mark,
            plain,
            layout,
            troubles,
        })
    }
}

/// The sandbox of a lab that is up.
pub struct Sandbox {
    supervisor: OwnedFd,
    /// The machine's own /proc: in that of the sandbox this process is not.
    machine: OwnedFd,
    global: File,
    stop: Stop,
    /// The instance's state folder.
    pub state: PathBuf,
    /// What marks the processes that this session starts.
    mark: String,
    /// Nodes are entered without a view of their own of /sys, where that cannot be mounted.
    plain: bool,
    /// What labrun has said of the lab.
    pub layout: Layout,
    /// Services that were to be up and are not, until somebody tells of them.
    troubles: RefCell<Vec<Trouble>>,
}

impl Sandbox {
    /// The file or folder `name` of labrun's own that is there for as long as the sandbox is: most of the
    /// state folder can only be read in it.
    pub fn private(&self, name: &str) -> PathBuf {
        self.state.join("private").join(name)
    }

    /// Runs `act` in the network namespace of `node`.
    ///
    /// # Errors
    /// If there is none.
    pub fn in_node<T>(&self, node: &str, act: impl FnOnce() -> T) -> std::io::Result<T> {
        if node == GLOBAL {
            return Ok(act());
        }
        netns::enter(&File::open(Path::new("/run/netns").join(node))?)?;
        let result = act();
        netns::enter(&self.global)?;
        Ok(result)
    }

    /// A file below /proc/net of the network namespace that this thread is in.
    pub fn proc_net(&self, file: &str) -> std::io::Result<String> {
        netns::read(&self.machine, &format!("thread-self/net/{file}"))
    }

    /// The mounts of the sandbox, as /proc/self/mountinfo has them.
    pub fn mounts(&self) -> std::io::Result<String> {
        netns::read(&self.machine, "thread-self/mountinfo")
    }

    /// Waits for so long.
    ///
    /// # Errors
    /// If it was cut short, and why.
    pub fn pause(&self, time: Duration) -> Result<(), Gone> {
        self.wait(&[], time).map(drop)
    }

    /// Waits for so long for something to be read from `descriptor`; whether there is.
    ///
    /// # Errors
    /// If it was cut short, and why.
    pub fn readable(&self, descriptor: BorrowedFd, time: Duration) -> Result<bool, Gone> {
        Ok(self.wait(&[descriptor], time)?[0])
    }

    /// Polls `condition`, every few milliseconds, until it holds or the deadline has passed;
    /// whether it holds.
    ///
    /// # Errors
    /// If the wait was cut short, and why.
    pub fn until(
        &self,
        deadline: Instant,
        mut condition: impl FnMut() -> Result<bool, Gone>,
    ) -> Result<bool, Gone> {
        let mut pause = Duration::from_millis(1);
        loop {
            if condition()? {
                return Ok(true);
            }
            if Instant::now() >= deadline {
                return Ok(false);
            }
            self.pause(pause)?;
            pause = (pause * 2).min(Duration::from_millis(10));
        }
    }

    /// Waits until one of `readable` is, or for so long; which are.
    fn wait(&self, readable: &[BorrowedFd], time: Duration) -> Result<Vec<bool>, Gone> {
        let (stop, supervisor) = (self.stop.0.as_fd(), self.supervisor.as_fd());
        let all = [stop, supervisor].into_iter().chain(readable.iter().copied());
        let mut all: Vec<PollFd> =
            all.map(|descriptor| PollFd::from_borrowed_fd(descriptor, PollFlags::IN)).collect();
        let time = Timespec { tv_sec: time.as_secs() as i64, tv_nsec: time.subsec_nanos().into() };
        // A signal that is handled elsewhere makes this a wait that was shorter.
        let _ = poll(&mut all, Some(&time));
        let ready: Vec<bool> = all.iter().map(|one| !one.revents().is_empty()).collect();
        match ready.as_slice() {
            [true, ..] => Err(Gone::Stopped),
            [_, true, ..] => Err(Gone::Lost),
            [_, _, rest @ ..] => Ok(rest.to_vec()),
            _ => unreachable!("two descriptors are always there"),
        }
    }

    /// A program with its arguments, to run in `node`.
    pub fn program(&self, node: &str, words: &[&str]) -> Program {
        Program::new(node, words)
    }
}
