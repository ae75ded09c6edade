//! Programs in the nodes of a lab: started, bounded in time and in what they may print, and ended
//! with all they started.

use super::tail::Tail;
use super::{Gone, Sandbox};
use crate::topology::model::GLOBAL;
use rustix::fs::OFlags;
use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How many bytes are kept of each output of a program, from its end.
const KEPT: usize = 256 << 10;
/// How long a program has to end after SIGTERM.
const GRACE: Duration = Duration::from_millis(500);
/// The exit status of what did not end in time, as timeout(1) has it.
pub const OVERTIME: i32 = 124;

/// How a program sees the node it runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum View {
    /// Its network only: enough for programs that ask the kernel.
    Network,
    /// Also /sys and files of /etc/netns, as ip-netns(8) has it.
    Whole,
}

/// A program to run.
#[derive(Clone, Debug)]
pub struct Program {
    node: String,
    words: Vec<OsString>,
    view: View,
    folder: Option<PathBuf>,
    within: Duration,
    environment: BTreeMap<OsString, OsString>,
    /// Without this process's environment.
    bare: bool,
}

impl Program {
    /// `words` in `node`, with a view of its network only, for ten seconds.
    pub fn new(node: &str, words: &[&str]) -> Program {
        Program {
            node: node.into(),
            words: words.iter().map(OsString::from).collect(),
            view: View::Network,
            folder: None,
            within: Duration::from_secs(10),
            environment: BTreeMap::new(),
            bare: false,
        }
    }

    /// With another view.
    pub fn view(self, view: View) -> Program {
        Program { view, ..self }
    }

    /// In this folder.
    pub fn folder(self, folder: &Path) -> Program {
        Program { folder: Some(folder.into()), ..self }
    }

    /// For so long.
    pub fn within(self, within: Duration) -> Program {
        Program { within, ..self }
    }

    /// With this variable.
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Program {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// With no variable but PATH and those that are given.
    pub fn bare(self) -> Program {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Program { bare: true, ..self }.env("PATH", path)
    }
}

/// What a program did.
#[derive(Clone, Debug, Default)]
pub struct Output {
    /// Its exit status as a shell has it: over 128 for a signal, [`OVERTIME`] if it did not end in
    /// time.
    pub exit: i32,
    /// The end of its standard output.
    pub stdout: Vec<u8>,
    /// The end of its standard error.
    pub stderr: Vec<u8>,
}

impl Output {
    fn failed(exit: i32, why: String) -> Output {
        Output { exit, stdout: Vec::new(), stderr: why.into_bytes() }
    }
}

/// A program that runs.
struct Running {
    child: Child,
    ended: OwnedFd,
    pipes: [(Option<OwnedFd>, Tail); 2],
    deadline: Instant,
    /// How often it was told to end.
    told: u32,
}

impl Sandbox {
    /// Runs `program` to its end.
    ///
    /// # Errors
    /// If the session or the sandbox ended before; then the program has been ended, too.
    pub fn run(&self, program: Program) -> Result<Output, Gone> {
        Ok(self.run_all(vec![program], 1)?.remove(0))
    }

    /// Runs `programs`, so many `at_once`; their outputs in the same order.
    ///
    /// # Errors
    /// If the session or the sandbox ended before; then the programs have been ended, too.
    pub fn run_all(&self, programs: Vec<Program>, at_once: usize) -> Result<Vec<Output>, Gone> {
        let mut outputs: Vec<Option<Output>> = programs.iter().map(|_| None).collect();
        let mut waiting = programs.into_iter().enumerate();
        let mut running: Vec<(usize, Running)> = Vec::new();
        loop {
            while running.len() < at_once {
                let Some((index, program)) = waiting.next() else { break };
                match self.start(&program) {
                    Ok(started) => running.push((index, started)),
                    Err(output) => outputs[index] = Some(output),
                }
            }
            if running.is_empty() {
                break;
            }
            if let Err(gone) = self.follow(&mut running, &mut outputs) {
                for (_, program) in &mut running {
                    program.signal(Signal::KILL);
                    // Not waited for: a process of a PID namespace that ends is the kernel's to
                    // end.
                    let _ = program.child.try_wait();
                }
                return Err(gone);
            }
        }
        Ok(outputs.into_iter().map(|output| output.expect("every program has ended")).collect())
    }

    /// Waits for something to happen to `running`, and moves those that ended to `outputs`.
    fn follow(
        &self,
        running: &mut Vec<(usize, Running)>,
        outputs: &mut [Option<Output>],
    ) -> Result<(), Gone> {
        let mut descriptors: Vec<BorrowedFd> = Vec::new();
        for (_, program) in running.iter() {
            descriptors.push(program.ended.as_fd());
            descriptors.extend(
                program.pipes.iter().filter_map(|(pipe, _)| pipe.as_ref()).map(AsFd::as_fd),
            );
        }
        let deadline =
            running.iter().map(|(_, program)| program.deadline).min().unwrap_or_else(Instant::now);
        self.wait(&descriptors, deadline.saturating_duration_since(Instant::now()))?;
        let mut index = 0;
        while index < running.len() {
            let program = &mut running[index].1;
            program.read();
            if let Some(output) = program.output() {
                outputs[running[index].0] = Some(output);
                running.remove(index);
                continue;
            }
            program.bound();
            index += 1;
        }
        Ok(())
    }

    fn start(&self, program: &Program) -> Result<Running, Output> {
        let mut words: Vec<&OsString> = program.words.iter().collect();
        let name = words[0].to_string_lossy().into_owned();
        let path = program
            .environment
            .get(&OsString::from("PATH"))
            .cloned()
            .or_else(|| std::env::var_os("PATH"));
        // ip-netns(8) would end with a status of its own.
        if which(&name, path.as_deref()).is_none() {
            return Err(Output::failed(127, format!("{name}: not found\n")));
        }
        if let Some(folder) = program.folder.as_ref().filter(|folder| !folder.is_dir()) {
            return Err(Output::failed(
                126,
                format!("{name}: the lab does not see the folder {}\n", folder.display()),
            ));
        }
        let netns: Vec<OsString> =
            ["ip", "netns", "exec", &program.node].into_iter().map(OsString::from).collect();
        let whole = program.view == View::Whole && program.node != GLOBAL && !self.plain;
        if whole {
            words.splice(0..0, &netns);
        }
        let mut command = Command::new(words[0]);
        command
            .args(&words[1..])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0);
        if program.bare {
            command.env_clear();
        }
        command.envs(&program.environment).env("LABRUN_STEP", &self.mark);
        if let Some(folder) = &program.folder {
            command.current_dir(folder);
        }
        let spawned = match whole {
            true => command.spawn(),
            false => self.in_node(&program.node, || command.spawn()).and_then(|spawned| spawned),
        };
        let mut child = spawned.map_err(|error| match error.kind() {
            ErrorKind::NotFound => Output::failed(127, format!("{name}: {error}\n")),
            _ => Output::failed(126, format!("{name}: {error}\n")),
        })?;
        let pid = Pid::from_child(&child);
        let ended = pidfd_open(pid, PidfdFlags::empty()).map_err(|error| {
            let _ = child.kill();
            let _ = child.wait();
            Output::failed(126, format!("{name}: cannot be watched: {error}\n"))
        })?;
        let pipes =
            [child.stdout.take().map(OwnedFd::from), child.stderr.take().map(OwnedFd::from)];
        let pipes = pipes.map(|pipe| (pipe, Tail::of(KEPT)));
        Ok(Running { child, ended, pipes, deadline: Instant::now() + program.within, told: 0 })
    }
}

impl Running {
    fn signal(&self, signal: Signal) {
        let _ = kill_process_group(Pid::from_child(&self.child), signal);
    }

    /// Takes what has been printed.
    fn read(&mut self) {
        let mut buffer = [0; 65536];
        for (pipe, tail) in &mut self.pipes {
            // As much as a pipe holds, no more: whoever prints without end must not keep the others
            // waiting.
            for _ in 0..2 {
                let Some(descriptor) =
                    pipe.as_ref().filter(|descriptor| super::proc::is_readable(descriptor.as_fd()))
                else {
                    break;
                };
                match rustix::io::read(descriptor, &mut buffer[..]) {
                    Ok(0) | Err(_) => *pipe = None,
                    Ok(count) => tail.add(&buffer[..count]),
                }
            }
        }
    }

    /// What it did, if it has ended. Whatever it left running may hold its pipes: it is not waited
    /// for.
    fn output(&mut self) -> Option<Output> {
        let status = match self.child.try_wait() {
            // One that the kernel itself cannot end is given up.
            Ok(None) if self.told < 10 => return None,
            Ok(None) => OVERTIME,
            Ok(Some(status)) => {
                status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default())
            }
            Err(_) => 255,
        };
        self.read();
        let [(_, stdout), (_, stderr)] = std::mem::take(&mut self.pipes);
        let exit = if self.told > 0 { OVERTIME } else { status };
        Some(Output { exit, stdout: stdout.take(), stderr: stderr.take() })
    }

    /// Ends it when its time is over: with SIGTERM first, with SIGKILL a little later.
    fn bound(&mut self) {
        if Instant::now() < self.deadline {
            return;
        }
        self.signal(if self.told > 0 { Signal::KILL } else { Signal::TERM });
        // A stopped process takes a SIGTERM only when it goes on.
        self.signal(Signal::CONT);
        self.told += 1;
        self.deadline = Instant::now() + GRACE;
    }
}

/// The program `name` on `path`, a list of folders; one with a slash is a path of its own.
pub fn which(name: &str, path: Option<&OsStr>) -> Option<PathBuf> {
    if name.contains('/') {
        return Some(name.into());
    }
    std::env::split_paths(path?).map(|folder| folder.join(name)).find(|path| path.is_file())
}

/// What stands for the content of a file (SHA-256), however large it is.
pub fn digest(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut hash = Sha256::new();
    std::io::copy(&mut regular(path, OpenOptions::new().read(true))?, &mut hash)?;
    Ok(hash.finalize().to_vec())
}

/// Opens `path` if it is a file. Programs of the lab may have put a pipe or a link in its place, which would keep this
/// waiting, or lead elsewhere.
///
/// # Errors
/// If it is not, or cannot be opened.
pub fn regular(path: &Path, options: &mut OpenOptions) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    let flags = OFlags::NONBLOCK | OFlags::NOFOLLOW;
    let file = options.custom_flags(flags.bits() as i32).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(std::io::ErrorKind::InvalidInput.into()),
    }
}

/// The size of a file, and its end, `limit` bytes at most.
pub fn end_of(path: &Path, limit: u64) -> std::io::Result<(u64, Vec<u8>)> {
    let size = std::fs::metadata(path)?.len();
    Ok((size, part_of(path, size.saturating_sub(limit), limit)?))
}

/// What is in a file from `at` on, `limit` bytes at most.
pub fn part_of(path: &Path, at: u64, limit: u64) -> std::io::Result<Vec<u8>> {
    use std::io::{Seek, SeekFrom};
    let mut file = regular(path, OpenOptions::new().read(true))?;
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
