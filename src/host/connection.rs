//! A script that runs, and what is said on its pipes. Nothing here waits without an end: who says
//! nothing for longer than is good gets no further, and whoever asked hears of that.

use crate::agent::message::{self, LONGEST, Request};
use crate::error::not_found;
use crate::event::{self, Event};
use crate::host::Remote;
use crate::host::output::{LEAVING, Output};
use crate::interrupt;
use crate::pipe::write_some;
use crate::process::{self, Group, Relay};
use anyhow::{Context, Result, anyhow};
use duct::{Expression, ReaderHandle};
use rustix::process::Signal;
use std::io::{self, BufRead, BufReader, ErrorKind, PipeWriter, Read};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long a script may say nothing, unless it is known to take longer.
const SILENCE: Duration = Duration::from_secs(120);
/// How long what is sent may not be taken.
const TAKEN: Duration = Duration::from_secs(60);
/// Longer than anybody waits.
pub const FOREVER: Duration = Duration::from_secs(1 << 31);
/// How many lines that are no events are kept.
const NOISE: usize = 100;

/// The writing end of a script's standard input. Closing it, which an interrupt does, too, tells
/// the script to leave everything as it was found.
#[derive(Clone)]
pub struct Requests(Arc<Mutex<Option<PipeWriter>>>);

impl Requests {
    pub(crate) fn new(pipe: PipeWriter) -> Requests {
        Requests(Arc::new(Mutex::new(Some(pipe))))
    }

    /// Sends one request. Nobody reading any more shows in the events, so it is not an error here.
    pub fn send(&self, request: &str) {
        let _ = self.write(format!("{request}\n").as_bytes());
    }

    /// Sends what is more than a request.
    ///
    /// # Errors
    /// If nobody reads it any more, or the input was ended.
    pub fn write(&self, mut data: &[u8]) -> io::Result<()> {
        let deadline = Instant::now() + TAKEN;
        while !data.is_empty() {
            // Not held for longer, because an interrupt closes it meanwhile.
            let mut pipe = self.0.lock().expect("not poisoned");
            let Some(pipe) = pipe.as_mut() else { return Err(ErrorKind::BrokenPipe.into()) };
            let count = write_some(pipe, data, Duration::from_millis(50))?;
            data = &data[count..];
            if count == 0 && Instant::now() > deadline {
                return Err(ErrorKind::TimedOut.into());
            }
        }
        Ok(())
    }

    /// Ends the input on an interrupt, at once if there was one; and `group`, whose input it is, if
    /// nobody at its other end is `reached` yet, who would see that. If the user insists, it ends
    /// in any case.
    pub(crate) fn close_on_interrupt(&self, group: &Group, reached: &Arc<AtomicBool>) {
        // What is started after that cleans up, and nobody waits for more than that.
        if interrupt::insisted() {
            return;
        }
        let (requests, connecting, reached) = (self.clone(), group.clone(), reached.clone());
        interrupt::on_interrupt(move || {
            requests.close();
            if !reached.load(Ordering::SeqCst) {
                connecting.signal(Signal::TERM);
            }
        });
        let group = group.clone();
        interrupt::on_insistence(move || group.kill());
    }

    /// Ends the input.
    pub fn close(&self) {
        self.0.lock().expect("not poisoned").take();
    }
}

/// Starts `command`, which no signal at the terminal reaches, with `script` on its standard input; its output, and what
/// is left of its input.
fn start(
    command: Expression,
    script: &str,
    reached: &Arc<AtomicBool>,
) -> Result<(ReaderHandle, Requests, Group)> {
    let (reader, writer) = io::pipe()?;
    let handle = command.stdin_file(reader).reader().map_err(not_started)?;
    let requests = Requests::new(writer);
    let group = Group::of(&handle);
    requests.close_on_interrupt(&group, reached);
    // Longer than a pipe holds. Nobody may be there to read it any more: then what it printed, or
    // its exit status, says why.
    match requests.write(script.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(error).context("cannot hand the script over")
        }
        _ => Ok((handle, requests, group)),
    }
}

/// Why bash, or what runs it elsewhere, could not be started.
fn not_started(error: io::Error) -> anyhow::Error {
    if error.kind() != ErrorKind::NotFound {
        return anyhow::Error::new(error).context("cannot start bash");
    }
    let what = "bash, or what starts it as another user or elsewhere (sudo, ssh, limactl),";
    anyhow!(not_found(what))
}

/// A running script whose output is a program's alone: bytes, no events.
pub struct Stream {
    /// Its standard output.
    pub output: Output,
    requests: Requests,
    /// What carries its words, where these do not go to labrun's own standard error.
    words: Option<Relay>,
}

impl Stream {
    pub(crate) fn start(command: Expression, script: &str, words: Option<Relay>) -> Result<Stream> {
        // Nobody knows when another machine has been reached, and the end of its input is the end.
        let reached = Arc::new(AtomicBool::new(true));
        let (output, requests, group) = start(command, script, &reached)?;
        Ok(Stream { output: Output::of(output, group, FOREVER), requests, words })
    }

    /// Ends its input, waits for its end and returns the exit status, 255 if it can't be told.
    pub fn finish(mut self) -> i32 {
        self.requests.close();
        let status = self.output.finish().unwrap_or(255);
        self.words.into_iter().for_each(Relay::finish);
        status
    }
}

/// What is said: by the script, or by the agent that has its pipes meanwhile.
#[derive(Clone, Debug, PartialEq)]
pub enum Said {
    Script(Event),
    Agent(message::Event),
}

/// A line of a script's output, or its end.
enum Heard {
    Line(Vec<u8>),
    End(Option<i32>),
}

/// A running script.
pub struct Process {
    heard: Receiver<Heard>,
    /// Its standard input.
    pub requests: Requests,
    /// What it printed that is not an event: the words of a shell or of sudo.
    pub noise: Vec<String>,
    /// What the agent's events must bear, once there is one.
    nonce: String,
    silence: Duration,
    /// Its exit status, if it has ended.
    ended: Option<Option<i32>>,
    /// The machine it runs on, if that isn't this one, and whether it has been reached.
    remote: Option<(Remote, Arc<AtomicBool>)>,
}

impl Process {
    pub(crate) fn start(
        command: Expression,
        script: &str,
        remote: Option<Remote>,
    ) -> Result<Process> {
        let reached = Arc::new(AtomicBool::new(remote.is_none()));
        let (output, requests, group) = start(command.stderr_to_stdout(), script, &reached)?;
        let (sender, heard) = sync_channel(1024);
        std::thread::spawn(move || hear(output, &group, &sender));
        let remote = remote.map(|remote| (remote, reached));
        Ok(Process {
            heard,
            requests,
            noise: Vec::new(),
            nonce: String::new(),
            silence: SILENCE,
            ended: None,
            remote,
        })
    }

    /// Lets it say nothing for so long.
    pub fn bear(&mut self, silence: Duration) {
        self.silence = silence;
    }

    /// Asks the agent. The first request says by which nonce its answers are known.
    pub fn ask(&mut self, request: &Request) {
        if let Request::Hello { nonce, .. } = request {
            self.nonce.clone_from(nonce);
        }
        let line = serde_json::to_string(request).expect("requests are JSON");
        self.requests.send(&line);
    }

    /// The next event of the script, or `None` at the end.
    pub fn event(&mut self) -> Option<Event> {
        loop {
            match self.said()? {
                Said::Script(event) => return Some(event),
                Said::Agent(_) => {}
            }
        }
    }

    /// What is said next, or `None` at the end. If that is because nothing is said any more, the
    /// noise says so.
    pub fn said(&mut self) -> Option<Said> {
        if self.ended.is_some() {
            return None;
        }
        loop {
            match self.heard.recv_timeout(self.silence) {
                Ok(Heard::Line(line)) => match self.understood(&String::from_utf8_lossy(&line)) {
                    Some(Said::Script(Event::End)) => {
                        self.silence = LEAVING;
                        return None;
                    }
                    Some(said) => return Some(said),
                    None => {}
                },
                Ok(Heard::End(status)) => {
                    self.end(status);
                    return None;
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.noise.push(format!("nothing was heard of the lab for {:?}: `labrun clean` ends what may be left", self.silence));
                    self.requests.close();
                    self.end(None);
                    return None;
                }
                Err(RecvTimeoutError::Disconnected) => {
                    self.end(None);
                    return None;
                }
            }
        }
    }

    fn understood(&mut self, line: &str) -> Option<Said> {
        let line = line.trim_end();
        if let Some(event) = message::parse(line, &self.nonce) {
            return Some(Said::Agent(event));
        }
        match event::parse(line) {
            Ok(Event::Host { how }) => {
                // What came before are the words of a login.
                self.noise.clear();
                if let Some((remote, reached)) = &mut self.remote {
                    remote.found(how);
                    reached.store(true, Ordering::SeqCst);
                }
                None
            }
            Ok(event) => Some(Said::Script(event)),
            Err(noise) => {
                if self.noise.len() < NOISE && !is_note_of_shell(&noise) {
                    self.noise.push(noise);
                }
                None
            }
        }
    }

    fn end(&mut self, status: Option<i32>) {
        self.ended = Some(status);
        if let Some((remote, reached)) = self.remote.take() {
            remote.ended(status, reached.load(Ordering::SeqCst), &self.noise);
        }
    }

    /// Ends its input, waits for its end and returns the exit status, 255 if it can't be told.
    pub fn finish(mut self) -> i32 {
        self.requests.close();
        self.silence = self.silence.min(LEAVING);
        loop {
            match self.ended {
                Some(status) => return status.unwrap_or(255),
                None => _ = self.said(),
            }
        }
    }
}

/// Whether `line` is what bash says of itself when a signal has ended what it ran: `lab.sh: line 9:
/// 4711 Killed  …`. What that means the script says in words of its own.
fn is_note_of_shell(line: &str) -> bool {
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    line.split_once(": line ").and_then(|(_, rest)| rest.split_once(':')).is_some_and(
        |(number, rest)| {
            is_number(number) && is_number(rest.split_whitespace().next().unwrap_or_default())
        },
    )
}

/// Reads `output` to its end, for a [`Process`]. A line that is too long is cut.
fn hear(output: ReaderHandle, group: &Group, sender: &SyncSender<Heard>) {
    let mut lines = BufReader::new(output);
    loop {
        let mut line = Vec::new();
        match lines.by_ref().take(LONGEST as u64).read_until(b'\n', &mut line) {
            Ok(0) | Err(_) => break,
            // Nobody wants it any more; it is read on, so that whoever prints can end.
            Ok(_) => _ = sender.send(Heard::Line(line)),
        }
    }
    group.ends();
    let _ = sender.send(Heard::End(process::status(lines.get_ref())));
}

#[cfg(test)]
mod tests {
    use super::*;
    use duct::cmd;

    #[test]
    fn a_runtime_that_says_rubbish_or_nothing_is_given_up_with_what_it_said() {
        let command = cmd!("sh", "-c", "echo what nonsense; exec sleep 20");
        let mut process = Process::start(process::apart(command), "", None).unwrap();
        process.bear(Duration::from_millis(300));
        let began = Instant::now();
        assert_eq!(process.said(), None);
        let nothing = "nothing was heard of the lab for 300ms";
        assert!(process.noise[0] == "what nonsense" && process.noise[1].starts_with(nothing));
        assert_eq!(process.finish(), 255);
        assert!(began.elapsed() < Duration::from_secs(10));
    }

    #[test]
    fn what_a_shell_says_of_a_signal_is_told_from_what_went_wrong() {
        assert!(is_note_of_shell(
            "environment: line 291: 32076 Killed        setsid --wait \"$AGENT\""
        ));
        assert!(is_note_of_shell("lab.sh: line 9:  7 Segmentation fault      (core dumped) ip"));
        for wrong in ["lab.sh: line 9: ip: command not found", "sudo: a password is required", ""] {
            assert!(!is_note_of_shell(wrong), "{wrong}");
        }
    }
}
