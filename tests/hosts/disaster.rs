//! What can befall a lab while it is set up or tested, and how that is struck and lifted again: a process that
//! is killed or stopped, a disk or its inodes that run out, memory that does.
//!
//! Only root's private host has disks and memory of its own to take away.

use crate::{common, lack};

use common::User;
use common::host::{self, Process, Random, Trace};
use lack::{Disk, Memory};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// One test that holds, and two that never do, however little of what refutes them can be kept.
const TRUTH: &str = "
lab: truth
about: a test that holds, and tests that do not
nodes:
  a: {links: {a0: {peer: b/b0, addresses: 10.0.0.1/24}}}
  b:
    links: {b0: {peer: a/a0, addresses: 10.0.0.2/24}}
    services:
      said: {command: 'while :; do echo said; sleep 0.02; done', ready: {log: said}}
tests:
  holds:
    steps: [{ping: {node: a, to: 10.0.0.2}}]
    path: [{packet: icmp echo-request, crosses: [a, b]}]
  seen:
    steps: [{ping: {node: a, to: 10.0.0.2}}]
    path: [{packet: icmp echo-request, avoids: b}]
  said:
    steps: [{run: {node: a, command: 'seq 9000; echo said', not-match: said}}]
";

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Victim {
    Labrun,
    Shell,
    Supervisor,
    Agent,
    Daemon,
    All,
}

pub const VICTIMS: [Victim; 6] =
    [Victim::Labrun, Victim::Shell, Victim::Supervisor, Victim::Agent, Victim::Daemon, Victim::All];

/// Whose disk it is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Place {
    /// That of labs' state: /run for root, /tmp for others.
    State,
    /// That of reports, artifacts, the cache, what labrun remembers, and TMPDIR.
    Desk,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Disaster {
    Kill(Victim),
    Stop(Victim),
    /// No more than so many KiB.
    Full(Place, u64),
    /// No more than so many files.
    NoInodes(Place, u64),
    /// No more than so many KiB than there are used.
    NoMemory(u64),
}

impl Disaster {
    /// The one of cycle `number`, so that each kind gets its share, whatever is drawn. Where there is nothing to
    /// take away but processes, it is of these.
    pub fn draw(number: usize, random: &mut Random, bench: &Bench) -> Disaster {
        use Place::{Desk, State};
        let victim = |random: &mut Random| VICTIMS[random.below(6) as usize];
        let kind = number % 15;
        // Half of them leave next to nothing.
        let few = |random: &mut Random, many: u64| {
            let end = [many, 1 + many / 20][random.below(2) as usize];
            random.below(end)
        };
        match kind {
            6 | 7 => Disaster::Stop(victim(random)),
            8 | 9 if bench.disks.is_some() => Disaster::Full(State, few(random, 300)),
            10 if bench.disks.is_some() => Disaster::NoInodes(State, few(random, 60)),
            11 if bench.disks.is_some() => Disaster::Full(Desk, few(random, 400)),
            12 if bench.disks.is_some() => Disaster::NoInodes(Desk, few(random, 40)),
            13 | 14 if bench.memory.is_some() => Disaster::NoMemory(random.below(6000)),
            _ => Disaster::Kill(VICTIMS[number % 6]),
        }
    }
}

/// What a user's labs are set up on, with what can be taken away of it.
pub struct Bench {
    pub user: User,
    pub disks: Option<[Disk; 2]>,
    pub memory: Option<Memory>,
    /// Of all users, for reports and artifacts.
    pub desk: PathBuf,
    /// The file of a lab in which it is known what passes: see [`TRUTH`].
    pub truth: PathBuf,
    _folder: tempfile::TempDir,
}

impl Bench {
    /// For the labs of `user`. Says what is left out, and why.
    pub fn new(user: User) -> Bench {
        let folder = common::folder();
        let desk = folder.path().join("desk");
        fs::create_dir(&desk).unwrap();
        let own = common::is_root() && host::is_private();
        let truth = common::write(folder.path(), "truth.yaml", TRUTH);
        let mut bench = Bench { user, disks: None, memory: None, desk, truth, _folder: folder };
        if !own {
            eprintln!("SKIP full disks and lack of memory: this is no host of the test's own");
            return bench;
        }
        mount(&["-t", "tmpfs", "-o", "mode=1777,size=64M"], &bench.desk);
        let state = host::state_root(user).parent().unwrap().to_path_buf();
        bench.disks = Some([Disk::at(&state), Disk::at(&bench.desk)]);
        bench.memory = Memory::find().map_err(|why| eprintln!("SKIP lack of memory: {why}")).ok();
        bench
    }

    fn disk(&self, place: Place) -> &Disk {
        &self.disks.as_ref().expect("there are disks")[place as usize]
    }

    /// Lets `disaster` happen to the labrun `pid`, if there is something yet that it can happen to.
    pub fn strike(&self, disaster: Disaster, pid: u32, before: &Trace) -> Vec<u32> {
        let signal = |signal, victim| {
            let pids = pids(victim, pid, before);
            pids.iter().for_each(|pid| host::kill(signal, *pid));
            pids
        };
        match disaster {
            Disaster::Kill(victim) => return signal("KILL", victim),
            Disaster::Stop(victim) => return signal("STOP", victim),
            Disaster::Full(place, more) => self.disk(place).leave("size", more),
            Disaster::NoInodes(place, more) => self.disk(place).leave("nr_inodes", more),
            Disaster::NoMemory(more) => self.memory.as_ref().unwrap().leave(more),
        }
        vec![pid]
    }

    /// Ends `disaster`, which has struck the processes `pids`: these go on, or are killed.
    pub fn lift(&self, disaster: Disaster, pids: &[u32], random: &mut Random) {
        match disaster {
            Disaster::Kill(_) => {}
            Disaster::Stop(_) => {
                let signal = ["CONT", "KILL"][random.below(2) as usize];
                let here = |pid: &&u32| Path::new(&format!("/proc/{pid}")).exists();
                pids.iter().filter(here).for_each(|pid| host::kill(signal, *pid));
            }
            Disaster::Full(..) | Disaster::NoInodes(..) => {
                self.disks.iter().flatten().for_each(Disk::lift);
            }
            Disaster::NoMemory(_) => self.memory.as_ref().unwrap().lift(),
        }
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if self.disks.is_some() {
            let _ = Command::new("umount").arg(&self.desk).status();
        }
    }
}

pub fn mount(options: &[&str], folder: &Path) {
    let mut mount = Command::new("mount");
    assert!(mount.args(options).arg("tmpfs").arg(folder).status().unwrap().success());
}

/// The processes of `victim`, as far as they are there now.
fn pids(victim: Victim, labrun: u32, before: &Trace) -> Vec<u32> {
    if victim == Victim::Labrun {
        return vec![labrun];
    }
    let all = before.added();
    let find = |condition: &dyn Fn(&Process) -> bool| {
        all.iter().filter(|p| condition(p)).map(|p| p.pid).collect::<Vec<_>>()
    };
    let shell = find(&|p| p.parent == labrun && p.name == "bash");
    let unshare = find(&|p| p.name == "unshare" && p.command.contains("--kill-child"));
    let supervisor = find(&|p| unshare.contains(&p.parent));
    let agent = find(&|p| p.command.contains(" _agent "));
    let daemons = find(&|p| {
        ["dnsmasq", "dhcrelay", "dhclient"].contains(&p.name.as_str())
            || p.command.contains("while :; do echo said")
    });
    match victim {
        Victim::Labrun | Victim::All => [vec![labrun], shell, supervisor, agent, daemons].concat(),
        Victim::Shell => shell,
        Victim::Supervisor => supervisor,
        Victim::Agent => agent,
        Victim::Daemon => daemons.into_iter().take(1).collect(),
    }
}
