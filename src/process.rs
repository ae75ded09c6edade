//! Starting programs on this machine, such as limactl or tcpdump, and waiting for their end.

use crate::interrupt;
use crate::pipe::read_some;
use anyhow::{Context, Result, bail};
use duct::{Expression, ReaderHandle, cmd};
use rustix::process::{Pid, Signal, getpgrp, kill_process, kill_process_group};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, PipeReader, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a program printed, and its exit status, 255 if a signal ended it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// Exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// How long a program may take that is watched, and how long to end when it is told to.
const WATCHED: Duration = Duration::from_secs(3600);
const GRACE: Duration = Duration::from_secs(30);
/// How long a program may take that is only asked something.
const ASKED: Duration = Duration::from_secs(60);

/// Waits for the end of a program called `name` that is only asked something.
fn answered(name: &str, handle: &duct::Handle) -> Result<std::process::Output> {
    match handle.wait_timeout(ASKED)? {
        Some(output) => Ok(output.clone()),
        None => {
            handle.pids().into_iter().for_each(kill_all);
            bail!("{name} did not end within {ASKED:?}")
        }
    }
}

/// Runs `words` to their end, with nothing to read.
///
/// # Errors
/// If the program cannot be started, or does not end.
pub fn capture(words: &[String]) -> Result<Captured> {
    let handle = apart(cmd(&words[0], &words[1..]).stdin_null())
        .stdout_capture()
        .stderr_capture()
        .start()
        .with_context(|| format!("cannot run {}", words[0]))?;
    let output = answered(&words[0], &handle)?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Captured {
        status: output.status.code().unwrap_or(255),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    })
}

/// Runs `words` and hands over every line that they print, from both outputs, as it comes; the exit
/// status. An interrupt ends the program with SIGTERM.
///
/// # Errors
/// If the program cannot be started.
pub fn watch(words: &[String], line: &mut dyn FnMut(&str)) -> Result<i32> {
    let handle = apart(cmd(&words[0], &words[1..]).stdin_null())
        .stderr_to_stdout()
        .reader()
        .with_context(|| format!("cannot run {}", words[0]))?;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let began = Instant::now();
            let mut told: Option<Instant> = None;
            while !done.load(Ordering::SeqCst) {
                if told.is_some_and(|told| told.elapsed() > GRACE) {
                    handle.pids().into_iter().for_each(kill_all);
                    return;
                }
                if told.is_none() && (interrupt::interrupted() || began.elapsed() > WATCHED) {
                    handle.pids().into_iter().for_each(|pid| signal(pid, Signal::TERM));
                    told = Some(Instant::now());
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let mut lines = BufReader::new(&handle);
        let mut bytes = Vec::new();
        while lines.read_until(b'\n', &mut bytes).is_ok_and(|length| length > 0) {
            line(String::from_utf8_lossy(&bytes).trim_end());
            bytes.clear();
        }
        done.store(true, Ordering::SeqCst);
    });
    Ok(status(&handle).unwrap_or(255))
}

/// Runs `words` to their end with `input` as their standard input; what they printed and how they
/// ended.
///
/// # Errors
/// If the program cannot be started, or does not end.
pub fn output<W: AsRef<OsStr>>(words: &[W], input: Vec<u8>) -> Result<std::process::Output> {
    let name = words[0].as_ref();
    let rest = words[1..].iter().map(AsRef::as_ref);
    let command = cmd(name, rest).stdin_bytes(input).stdout_capture();
    answered(&name.to_string_lossy(), &command.stderr_capture().unchecked().start()?)
}

/// Runs `words` on this terminal; their exit status, as a shell would give it. Signals are for them
/// meanwhile.
///
/// # Errors
/// If the program cannot be started.
pub fn in_terminal(words: &[String]) -> Result<i32> {
    passing(words, clean(cmd(&words[0], &words[1..])).unchecked(), pass_on)
}

/// Runs `words` to their end with three pipes instead of this terminal and these descriptors, and carries what is
/// said; their exit status, as a shell would give it. Signals are for them meanwhile.
///
/// # Errors
/// If the program cannot be started.
pub fn through_pipes(words: &[String]) -> Result<i32> {
    let ((input, mut typed), (said, output), (worse, error)) =
        (io::pipe()?, io::pipe()?, io::pipe()?);
    // Nobody waits for that one: what it reads from need not end.
    std::thread::spawn(move || io::copy(&mut io::stdin(), &mut typed));
    let said = [Relay::start(said, io::stdout()), Relay::start(worse, io::stderr())];
    let command = cmd(&words[0], &words[1..]);
    let command = command.stdin_file(input).stdout_file(output).stderr_file(error).unchecked();
    let status = passing(words, command, signal);
    said.into_iter().for_each(Relay::finish);
    status
}

/// Runs `command`, which is that of `words`, to its end, with the signals that labrun gets handed to it by `pass`.
fn passing(words: &[String], command: Expression, pass: fn(u32, Signal)) -> Result<i32> {
    let failed = || format!("cannot run {}", words[0]);
    let handle = command.start().with_context(failed)?;
    // It holds the other ends of pipes open.
    drop(command);
    let pids = handle.pids();
    let _passed = interrupt::pass_to(move |number| {
        let Some(signal) = Signal::from_named_raw(number) else { return };
        pids.iter().for_each(|pid| pass(*pid, signal));
    });
    let status = handle.wait().with_context(failed)?.status;
    Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(1)))
}

/// Carries what a program says on a pipe somewhere else, at once.
pub struct Relay {
    over: Arc<AtomicBool>,
    thread: JoinHandle<()>,
}

impl Relay {
    /// Carries all that comes `from` the program `to` somewhere.
    pub fn start(from: PipeReader, mut to: impl Write + Send + 'static) -> Relay {
        let over = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&over);
        let thread = std::thread::spawn(move || {
            let mut room = vec![0; 64 << 10];
            loop {
                // Asked first: what was said before the program's end is in the pipe then.
                let last = ended.load(Ordering::SeqCst);
                match read_some(&from, &mut room, Duration::from_millis(50)) {
                    Ok(None) if !last => {}
                    Ok(Some(count @ 1..)) => {
                        if to.write_all(&room[..count]).and_then(|()| to.flush()).is_err() {
                            return;
                        }
                    }
                    _ => return,
                }
            }
        });
        Relay { over, thread }
    }

    /// The program has ended, and all that it said is carried. Something that it has left may have the pipe, too, and is not
    /// waited for.
    pub fn finish(self) {
        self.over.store(true, Ordering::SeqCst);
        let _ = self.thread.join();
    }
}

/// Sends `signal`, which labrun got, to what `pid` runs: it is nsenter(1), which waits for a
/// shell in a lab, which waits for a command; or another shell, or a program without children. What
/// the terminal sends they have, too.
fn pass_on(pid: u32, signal: Signal) {
    if [Signal::INT, Signal::QUIT].contains(&signal) && has_terminal() {
        return;
    }
    let enters = fs::read(format!("/proc/{pid}/comm")).is_ok_and(|name| name == b"nsenter\n");
    let mut ends = vec![pid];
    for _ in 0..1 + usize::from(enters) {
        let below: Vec<u32> = ends.iter().copied().flat_map(children).collect();
        if !below.is_empty() {
            ends = below;
        }
    }
    ends.into_iter().for_each(|pid| send(pid, signal));
}

fn children(pid: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"));
    children.unwrap_or_default().split_whitespace().filter_map(|c| c.parse().ok()).collect()
}

/// Sends `signal` to `pid`, which may have gone.
fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Kills `pid`, its group, and all that they started, whatever its group.
fn kill_all(pid: u32) {
    // Stopped first: who is dead has no children any more, and who runs may have more of them.
    send(pid, Signal::STOP);
    children(pid).into_iter().for_each(kill_all);
    send(pid, Signal::KILL);
    signal(pid, Signal::KILL);
}

/// Whether the keys of the terminal that interrupt are for this process and what it runs.
fn has_terminal() -> bool {
    File::open("/dev/tty")
        .is_ok_and(|tty| rustix::termios::tcgetpgrp(tty).is_ok_and(|group| group == getpgrp()))
}

/// `command` without the variables that make bash do something before or other than what it is
/// told.
pub fn clean(command: Expression) -> Expression {
    let variables = ["BASH_ENV", "BASHOPTS", "SHELLOPTS", "POSIXLY_CORRECT"];
    variables.into_iter().fold(command, |command, variable| command.env_remove(variable))
}

/// `command` in a process group of its own: a Ctrl-C in the terminal is for labrun alone, which
/// then ends what it runs in good order. Its exit status is not an error.
pub fn apart(command: Expression) -> Expression {
    command.unchecked().before_spawn(|command| {
        command.process_group(0);
        Ok(())
    })
}

/// The exit status of what has ended by itself.
pub fn status(handle: &ReaderHandle) -> Option<i32> {
    handle.try_wait().ok().flatten().and_then(|output| output.status.code())
}

/// The process groups of a program that was started by [`apart`], as long as it has not ended: a
/// number may be somebody else's then.
#[derive(Clone, Default)]
pub struct Group(Arc<Mutex<Vec<u32>>>);

impl Group {
    /// That of a program which runs.
    pub fn of(handle: &ReaderHandle) -> Group {
        Group(Arc::new(Mutex::new(handle.pids())))
    }

    /// Sends `signal` to all of it, if it still runs.
    pub fn signal(&self, signal: Signal) {
        self.0.lock().expect("not poisoned").iter().for_each(|pid| self::signal(*pid, signal));
    }

    /// Kills all of it that runs, and what that started in other groups.
    pub fn kill(&self) {
        self.0.lock().expect("not poisoned").iter().for_each(|pid| kill_all(*pid));
    }

    /// It ends: nothing is sent to it any more.
    pub fn ends(&self) {
        self.0.lock().expect("not poisoned").clear();
    }
}

/// Sends `signal` to the process group of `pid`: what a program started may hold its output open.
/// That it has gone meanwhile is fine.
pub fn signal(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process_group(pid, signal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(String::from).to_vec()
    }

    #[test]
    fn both_outputs_and_the_status_are_told_apart() {
        let seen = capture(&shell("echo out; echo error >&2; exit 7")).unwrap();
        assert_eq!(seen, Captured { status: 7, stdout: "out\n".into(), stderr: "error\n".into() });
        assert_eq!(capture(&shell("kill -9 $$")).unwrap().status, 255);
        assert!(
            capture(&["/nonexistent/program".to_string()])
                .unwrap_err()
                .to_string()
                .contains("/nonexistent/program")
        );
    }

    #[test]
    fn lines_come_from_both_outputs() {
        let mut lines = Vec::new();
        let status = watch(&shell("echo one; echo two >&2; printf three; exit 3"), &mut |line| {
            lines.push(line.to_string())
        })
        .unwrap();
        assert_eq!((lines.join(" "), status), ("one two three".into(), 3));
    }
}
