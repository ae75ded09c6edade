//! Where scripts run: the one place that starts processes.
//!
//! A host takes a compiled script and hands its events back. The script travels on standard input,
//! followed by the requests of a session, so nothing is written to a disk on the way and any
//! transport that carries a pipe will do.

mod capturer;
mod chunks;
pub mod files;
pub mod interrupt;
mod kind;
mod link;
pub mod native;
mod program;
pub mod remote;
pub mod ssh;
pub mod sync;
pub mod tool;

pub use files::Files;
pub use kind::HostKind;
pub use native::Native;
pub use remote::Remote;

use crate::event::{self, Event};
use crate::vm::{Vm, template::Wishes};
use anyhow::{Context, Result};
use duct::{Expression, ReaderHandle, cmd};
use std::io::{self, BufRead, BufReader, ErrorKind, PipeWriter, Write};
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Reads the script from its standard input, then becomes it, and lets it know its text. `read -N` takes exactly
/// as much, so that the requests after the script stay in the pipe; it counts bytes only in this locale.
const BOOTSTRAP: &str = r#"LC_ALL=C && IFS= read -rN "$1" LAB_PROGRAM && shift && eval "$LAB_PROGRAM""#;

/// Where labs run.
#[derive(Clone, Debug)]
pub enum Host {
    /// This machine.
    Native(Native),
    /// Another one.
    Remote(Remote),
}

impl Host {
    /// The host of `kind`, found fit for labs if it is this machine. Another one shows when it is used.
    ///
    /// # Errors
    /// If labs cannot be run on this machine.
    pub fn new(kind: &HostKind) -> Result<Host> {
        Ok(match kind {
            HostKind::Native | HostKind::Auto => Host::Native(Native::detect()?),
            HostKind::Lima => Host::Remote(Remote::new(Vm::new(Wishes::default())?.machine())),
            HostKind::Ssh(destination) => Host::Remote(Remote::new(destination.machine())),
        })
    }

    /// Starts `script` with `arguments`, in `folder` on the host.
    ///
    /// # Errors
    /// If what runs it cannot be started.
    pub fn run(&self, script: &str, arguments: &[String], folder: &Path) -> Result<Process> {
        match self {
            Host::Native(native) => native.run(script, arguments, folder),
            Host::Remote(remote) => remote.run(script, arguments, folder),
        }
    }

    /// Starts `script` with `arguments`, in `folder` on the host, for a verb whose output is a program's alone.
    ///
    /// # Errors
    /// If what runs it cannot be started.
    pub fn stream(&self, script: &str, arguments: &[String], folder: &Path) -> Result<Stream> {
        match self {
            Host::Native(native) => native.stream(script, arguments, folder),
            Host::Remote(remote) => remote.stream(script, arguments, folder),
        }
    }

    /// Runs a program on this terminal that has nothing to do with labs; whether it succeeded.
    ///
    /// # Errors
    /// If it cannot be started.
    pub fn run_tool(&self, words: &[String]) -> Result<bool> {
        let status = match self {
            Host::Native(_) => in_terminal(words)?,
            Host::Remote(remote) => remote.tool(words)?,
        };
        Ok(status == 0)
    }

    /// Whether programs run there as root; of another machine this is known once something has run there.
    pub fn is_root(&self) -> bool {
        match self {
            Host::Native(_) => native::is_root(),
            Host::Remote(remote) => remote.how() == "root",
        }
    }

    /// How labs run there, in words.
    pub fn how(&self) -> &'static str {
        let how = match self {
            Host::Native(Native { elevated: true }) => "sudo",
            Host::Native(_) if native::is_root() => "root",
            Host::Native(_) => "namespaces",
            Host::Remote(remote) => remote.how(),
        };
        match how {
            "root" => "as root",
            "sudo" => "through sudo: this kernel refuses user namespaces to ordinary users",
            _ => "as this user, in user namespaces",
        }
    }

    /// What has turned out to be wrong with the connection to the host.
    ///
    /// # Errors
    /// If anything has.
    pub fn check(&self) -> Result<()> {
        match self {
            Host::Native(_) => Ok(()),
            Host::Remote(remote) => remote.check(),
        }
    }
}

/// `command` in a process group of its own: a Ctrl-C in the terminal is for labrun alone, which then ends
/// what it runs in good order. Its exit status is no error.
fn apart(command: Expression) -> Expression {
    use std::os::unix::process::CommandExt;
    command.unchecked().before_spawn(|command| {
        command.process_group(0);
        Ok(())
    })
}

/// The exit status of what has ended by itself.
fn status(handle: &ReaderHandle) -> Option<i32> {
    handle.try_wait().ok().flatten().and_then(|output| output.status.code())
}

/// Runs `words` on this terminal; their exit status, as a shell would give it.
fn in_terminal(words: &[String]) -> Result<i32> {
    use std::os::unix::process::ExitStatusExt;
    let status = cmd(&words[0], &words[1..]).unchecked().run().with_context(|| format!("cannot run {}", words[0]))?.status;
    Ok(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(1)))
}

/// The writing end of a script's standard input. Closing it, which an interrupt does, too, tells the
/// script to leave everything as it was found.
#[derive(Clone)]
pub struct Requests(Arc<Mutex<Option<PipeWriter>>>);

impl Requests {
    fn new(pipe: PipeWriter) -> Requests {
        Requests(Arc::new(Mutex::new(Some(pipe))))
    }

    /// Sends one request. Nobody reading any more shows in the events, so it is no error here.
    pub fn send(&self, request: &str) {
        if let Some(pipe) = self.0.lock().expect("not poisoned").as_mut() {
            let _ = writeln!(pipe, "{request}");
        }
    }

    /// Sends what is more than a request.
    ///
    /// # Errors
    /// If nobody reads it any more, or the input was ended.
    pub fn write(&self, data: &[u8]) -> io::Result<()> {
        match self.0.lock().expect("not poisoned").as_mut() {
            Some(pipe) => pipe.write_all(data),
            None => Err(ErrorKind::BrokenPipe.into()),
        }
    }

    /// Ends the input.
    pub fn close(&self) {
        self.0.lock().expect("not poisoned").take();
    }
}

/// A running script.
pub struct Process {
    lines: BufReader<ReaderHandle>,
    /// Its standard input.
    pub requests: Requests,
    /// What it printed that is no event: the words of a shell or of sudo.
    pub noise: Vec<String>,
    /// The machine it runs on, if that isn't this one, and whether it has been reached.
    remote: Option<(Remote, bool)>,
}

/// Starts `command` with `script` on its standard input; its output, and what is left of its input.
fn start(command: Expression, script: &str) -> Result<(ReaderHandle, Requests)> {
    let (reader, mut writer) = io::pipe()?;
    let handle = apart(command.stdin_file(reader)).reader().context("cannot start bash")?;
    // Longer than a pipe holds. Nobody may be there to read it any more: then what it printed, or its
    // exit status, says why.
    match writer.write_all(script.as_bytes()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => return Err(error).context("cannot hand the script over"),
        _ => {}
    }
    let requests = Requests::new(writer);
    interrupt::on_interrupt(&requests);
    Ok((handle, requests))
}

/// A running script whose output is a program's alone: bytes, no events.
pub struct Stream {
    /// Its standard output.
    pub output: ReaderHandle,
    requests: Requests,
}

impl Stream {
    fn start(command: Expression, script: &str) -> Result<Stream> {
        let (output, requests) = start(command, script)?;
        Ok(Stream { output, requests })
    }

    /// Ends its input, waits for its end and returns the exit status, 255 if it can't be told.
    pub fn finish(mut self) -> i32 {
        self.requests.close();
        let _ = io::copy(&mut self.output, &mut io::sink());
        status(&self.output).unwrap_or(255)
    }
}

impl Process {
    fn start(command: Expression, script: &str, remote: Option<Remote>) -> Result<Process> {
        let (output, requests) = start(command.stderr_to_stdout(), script)?;
        Ok(Process { lines: BufReader::new(output), requests, noise: Vec::new(), remote: remote.map(|remote| (remote, false)) })
    }

    /// The next event, or `None` at the end.
    pub fn event(&mut self) -> Option<Event> {
        let mut line = Vec::new();
        loop {
            line.clear();
            match self.lines.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => {
                    if let Some((remote, reached)) = self.remote.take() {
                        remote.ended(status(self.lines.get_ref()), reached, &self.noise);
                    }
                    return None;
                }
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line);
            match event::parse(text.trim_end()) {
                Ok(Event::End) => return None,
                Ok(Event::Host { how }) => {
                    // What came before are the words of a login.
                    self.noise.clear();
                    if let Some((remote, reached)) = &mut self.remote {
                        remote.found(how);
                        *reached = true;
                    }
                }
                Ok(event) => return Some(event),
                Err(noise) => self.noise.push(noise),
            }
        }
    }

    /// Waits for the end and returns the exit status, 255 if it can't be told.
    pub fn finish(mut self) -> i32 {
        self.requests.close();
        while self.event().is_some() {}
        // The status comes with the end of the output, which what the script left running may delay
        // but for its own last event; so the reader is only asked after that.
        let mut rest = Vec::new();
        let _ = self.lines.read_until(0, &mut rest);
        status(self.lines.get_ref()).unwrap_or(255)
    }
}
