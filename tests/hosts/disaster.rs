//! What can befall a lab while it is set up or tested, and how that is struck and lifted again: a process that
//! is killed or stopped, a disk or its inodes that run out, memory that does.
//!
//! Only root's private host has disks and memory of its own to take away.

use crate::common;

use common::host::{self, Process, Random, Trace};
use common::{User, wait_for};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

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
    folder: tempfile::TempDir,
}

impl Bench {
    /// For the labs of `user`. Says what is left out, and why.
    pub fn new(user: User) -> Bench {
        let folder = common::folder();
        let desk = folder.path().join("desk");
        fs::create_dir(&desk).unwrap();
        let own = common::is_root() && host::is_private();
        let mut bench = Bench { user, disks: None, memory: None, desk, folder };
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

    /// A folder that every user may enter.
    pub fn folder(&self) -> &Path {
        self.folder.path()
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

/// A tmpfs, whose size can be changed at any time to what is in it.
pub struct Disk {
    path: PathBuf,
    size: u64,
    files: u64,
}

impl Disk {
    fn at(path: &Path) -> Disk {
        let now = rustix::fs::statvfs(path).unwrap();
        Disk { path: path.into(), size: now.f_blocks * now.f_frsize / 1024, files: now.f_files }
    }

    fn remount(&self, option: &str) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-n", "-o", &format!("remount,{option}")]).arg(&self.path);
        mount.output().unwrap().status.success()
    }

    /// Leaves `more` KiB or files.
    fn leave(&self, what: &str, more: u64) {
        // While it is looked at and changed, more may be written: then it would be too small, and is refused.
        wait_for("the disk to be small", || {
            let now = rustix::fs::statvfs(&self.path).unwrap();
            self.remount(&match what {
                "size" => {
                    let used = (now.f_blocks - now.f_bfree) * now.f_frsize / 1024;
                    format!("size={}k", used.max(4) + more)
                }
                _ => format!("nr_inodes={}", now.f_files - now.f_ffree + more),
            })
        });
    }

    fn lift(&self) {
        assert!(self.remount(&format!("size={}k,nr_inodes={}", self.size, self.files)));
    }
}

/// A memory cgroup, of either version.
pub struct Memory {
    folder: PathBuf,
    version: u8,
}

impl Memory {
    /// The one for what this test runs, which is made.
    fn find() -> Result<Memory, String> {
        let root = Path::new("/sys/fs/cgroup");
        let tried = |arguments: &[&str]| {
            let mut mount = Command::new("mount");
            mount.args(arguments).arg("none").arg(root);
            mount.output().unwrap().status.success()
        };
        let memory = |file: &str| {
            fs::read_to_string(root.join(file))
                .is_ok_and(|text| text.split_whitespace().any(|word| word == "memory"))
        };
        let mut version = if root.join("memory.limit_in_bytes").exists() { 1 } else { 2 };
        if version == 2 && !memory("cgroup.controllers") {
            if tried(&["-t", "cgroup2"]) && !memory("cgroup.controllers") {
                let _ = Command::new("umount").arg(root).status();
            }
            if !memory("cgroup.controllers") {
                version = 1;
                if !tried(&["-t", "cgroup", "-o", "memory"]) {
                    return Err("there is no memory controller of cgroups to mount".into());
                }
            }
        }
        if version == 2 && !memory("cgroup.subtree_control") {
            return Err("cgroups have no memory controller below the first".into());
        }
        let made = tempfile::Builder::new().prefix("labrun-test-").tempdir_in(root);
        let folder = made.map_err(|error| format!("no cgroup can be made: {error}"))?.keep();
        Ok(Memory { folder, version })
    }

    fn file(&self, old: &str, new: &str) -> PathBuf {
        self.folder.join(if self.version == 1 { old } else { new })
    }

    /// What is to be run in it, before a program.
    pub fn words(&self) -> [String; 5] {
        let enter = r#"echo 0 >"$1" && shift && exec "$@""#;
        let file = self.folder.join("cgroup.procs").display().to_string();
        ["sh", "-c", enter, "sh", &file].map(String::from)
    }

    fn leave(&self, more: u64) {
        // With the whole group, or what the kernel takes.
        let _ = fs::write(self.folder.join("memory.oom.group"), (more % 2).to_string());
        let _ = fs::write(self.folder.join("memory.swap.max"), "0");
        let used = fs::read_to_string(self.file("memory.usage_in_bytes", "memory.current"));
        let used: u64 = used.unwrap().trim().parse().unwrap();
        // The old version refuses what is too little by now; the new one kills.
        let limit = self.file("memory.limit_in_bytes", "memory.max");
        let mut limits = (0..100).map(|more_yet| used + (more + more_yet * 400) * 1024);
        assert!(limits.any(|bytes| fs::write(&limit, bytes.to_string()).is_ok()));
    }

    fn lift(&self) {
        let none = if self.version == 1 { "-1" } else { "max" };
        fs::write(self.file("memory.limit_in_bytes", "memory.max"), none).unwrap();
    }

    /// How many processes it has cost so far.
    pub fn killed(&self) -> u64 {
        let text = fs::read_to_string(self.file("memory.oom_control", "memory.events")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.map_or(0, |number| number.parse().unwrap())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // After a test that failed it is not empty, and would outlive the test's own host.
        for _ in 0..1000 {
            let left = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
            left.lines().filter_map(|pid| pid.parse().ok()).for_each(|pid| host::kill("KILL", pid));
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}

fn mount(options: &[&str], folder: &Path) {
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
