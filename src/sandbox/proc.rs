//! The processes of a sandbox, by its own /proc (proc_pid_stat(5)).

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Signal, pidfd_send_signal};
use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, Read};
use std::iter::successors;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant};

/// A process as the sandbox numbers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: i32,
    /// What it calls itself.
    pub name: String,
    /// `R`, `S`, `Z`, …
    pub state: char,
    /// Its parent.
    pub parent: i32,
    /// Its process group.
    pub group: i32,
    /// Its session.
    pub session: i32,
    /// The kernel's flags of it.
    flags: u32,
    /// When it started, in clock ticks since boot.
    pub start: u64,
    /// Where in its memory its environment begins and ends; nowhere while it takes on a program.
    environment: (u64, u64),
}

/// The content of a file of a process. What is read by and by ends early when the process takes on another program.
fn at_once(path: &str) -> io::Result<Vec<u8>> {
    let mut file = File::open(path)?;
    let mut bytes = vec![0; 1 << 18];
    let mut length = file.read(&mut bytes)?;
    // Few environments are as large.
    while length == bytes.len() {
        bytes.resize(2 * length, 0);
        length += file.read(&mut bytes[length..])?;
    }
    bytes.truncate(length);
    Ok(bytes)
}

/// PF_EXITING of linux/sched.h, which the kernel sets before all else.
const EXITING: u32 = 4;
/// Clock ticks of a second in /proc, the same on every Linux (USER_HZ).
const TICKS: u64 = 100;

impl Process {
    /// Whether it is there, dead or alive.
    pub fn is_there(&self) -> bool {
        Process::of(self.pid).is_some_and(|now| now.start == self.start)
    }

    /// The process `pid`, if there is one.
    pub fn of(pid: i32) -> Option<Process> {
        let text = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The name may itself hold blanks and brackets.
        let (head, rest) = text.rsplit_once(')')?;
        let name = head.split_once('(')?.1.to_string();
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let number = |index: usize| fields.get(index)?.parse::<i64>().ok();
        Some(Process {
            pid,
            name,
            state: fields.first()?.chars().next()?,
            parent: number(1)? as i32,
            group: number(2)? as i32,
            session: number(3)? as i32,
            flags: number(6)? as u32,
            start: number(19)? as u64,
            environment: (number(47)? as u64, number(48)? as u64),
        })
    }

    /// For how long it has run.
    pub fn age(&self) -> Duration {
        let uptime = fs::read_to_string("/proc/uptime").unwrap_or_default();
        let now: f64 =
            uptime.split(' ').next().and_then(|seconds| seconds.parse().ok()).unwrap_or_default();
        Duration::try_from_secs_f64(now - self.start as f64 / TICKS as f64).unwrap_or_default()
    }

    /// It has ended or is ending, or a signal that nothing can stop is on its way to it.
    pub fn is_dying(&self) -> bool {
        if matches!(self.state, 'Z' | 'X') || self.flags & EXITING != 0 {
            return true;
        }
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        // Of every fatal signal the kernel makes SIGKILL, the bit for 9.
        let pending = status.lines().filter_map(|line| {
            line.strip_prefix("SigPnd:").or_else(|| line.strip_prefix("ShdPnd:"))
        });
        pending
            .filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .any(|mask| mask & 1 << 8 != 0)
    }

    /// Whether it does something of its own about `signal`, or takes it from a descriptor.
    pub fn handles(&self, signal: Signal) -> bool {
        let status = fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap_or_default();
        let mask = status.lines().filter_map(|line| {
            line.strip_prefix("SigCgt:").or_else(|| line.strip_prefix("SigBlk:"))
        });
        mask.filter_map(|mask| u64::from_str_radix(mask.trim(), 16).ok())
            .any(|mask| mask & 1 << (signal.as_raw() - 1) != 0)
    }

    /// Its words, as they were given; none for a zombie.
    pub fn words(&self) -> Vec<String> {
        let bytes = fs::read(format!("/proc/{}/cmdline", self.pid)).unwrap_or_default();
        let words =
            bytes.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned());
        let mut words: Vec<String> = words.collect();
        words.pop();
        words
    }

    /// Whether it was started with `name` set to `value`.
    pub fn has_variable(&self, name: &str, value: &str) -> bool {
        self.variable(name).is_some_and(|found| found == value.as_bytes())
    }

    /// What `name` was set to when it was started.
    pub fn variable(&self, name: &str) -> Option<Vec<u8>> {
        let name = format!("{name}=");
        let environment = self.environment();
        let mut entries = environment.split(|byte| *byte == 0);
        entries.find_map(|entry| entry.strip_prefix(name.as_bytes())).map(<[u8]>::to_vec)
    }

    /// What it was started with. While it takes on another program (execve(2)) nothing is there to be read, and on a
    /// busy machine that lasts.
    fn environment(&self) -> Vec<u8> {
        let deadline = Instant::now() + Duration::from_secs(1);
        let mut without = 0;
        while without < 5 && Instant::now() < deadline {
            match at_once(&format!("/proc/{}/environ", self.pid)) {
                Ok(environment) if environment.is_empty() => {}
                found => return found.unwrap_or_default(),
            }
            match Process::of(self.pid) {
                Some(now) if now.start == self.start && !now.is_dying() => match now.environment {
                    // The program has begun meanwhile.
                    (start, end) if start < end => continue,
                    (0, _) => {}
                    // It has none at all, or the kernel is just about to give it one.
                    _ => without += 1,
                },
                _ => break,
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        Vec::new()
    }

    /// Whether it has one of the sockets of these numbers open.
    pub fn has_socket(&self, numbers: &[u64]) -> bool {
        let folder = fs::read_dir(format!("/proc/{}/fd", self.pid));
        folder.into_iter().flatten().flatten().any(|entry| {
            let Ok(target) = fs::read_link(entry.path()) else { return false };
            let socket = target.to_str().and_then(|text| text.strip_prefix("socket:["));
            let number = socket.and_then(|text| text.strip_suffix(']')?.parse().ok());
            number.is_some_and(|number| numbers.contains(&number))
        })
    }

    /// Sends it a signal. It may have ended meanwhile; another process with its number gets none.
    pub fn signal(&self, signal: Signal) {
        let Ok(folder) = File::open(format!("/proc/{}", self.pid)) else { return };
        if self.is_there() {
            let _ = pidfd_send_signal(&folder, signal);
        }
    }
}

/// All processes of the sandbox.
pub fn processes() -> Vec<Process> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Process::of)
        .collect()
}

/// The processes of the service `name`, whose first is `pid`: those of its session, those that came
/// from it, and those that left both but kept their environment.
pub fn processes_of(name: &str, pid: i32) -> Vec<Process> {
    let all = processes();
    let parents: HashMap<i32, i32> = all.iter().map(|one| (one.pid, one.parent)).collect();
    let own = |one: &&Process| one.session == pid || one.has_variable("LABRUN_SERVICE", name);
    let own: HashSet<i32> = all.iter().filter(own).map(|one| one.pid).collect();
    let comes_from = |one: &Process| {
        let line = successors(Some(one.pid), |pid| parents.get(pid).copied());
        // A list that was made while processes came and went may have a circle in it.
        line.take(all.len()).any(|pid| own.contains(&pid))
    };
    all.iter().filter(|one| comes_from(one)).cloned().collect()
}

/// Whether reading from `descriptor` would not wait.
pub fn is_readable(descriptor: BorrowedFd) -> bool {
    let mut one = [PollFd::from_borrowed_fd(descriptor, PollFlags::IN)];
    poll(&mut one, Some(&Timespec::default())).is_ok_and(|count| count > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn what_a_process_was_started_with_is_known_while_it_takes_on_another_program() {
        // Over and over.
        let again = r#"exec sh -c "$AGAIN""#;
        let mut child = Command::new("sh")
            .args(["-c", again])
            .env("AGAIN", again)
            .env("LABRUN_STEP", "7")
            .spawn()
            .unwrap();
        // Between fork and exec it has the environment of this process.
        let pid = child.id() as i32;
        let begun = Instant::now();
        while !Process::of(pid).unwrap().has_variable("LABRUN_STEP", "7") {
            assert!(begun.elapsed() < Duration::from_secs(10));
        }
        let process = Process::of(pid).unwrap();
        let missed = (0..5000).filter(|_| !process.has_variable("LABRUN_STEP", "7")).count();
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(missed, 0);
        // It is known at once that who has gone has none.
        let begun = Instant::now();
        assert!(!process.has_variable("LABRUN_STEP", "7"));
        assert!(begun.elapsed() < Duration::from_millis(500));
    }
}
