//! Where scripts run: the one place that starts processes.
//!
//! A host takes a compiled script and hands its events back. The script travels on standard input,
//! followed by the requests of a session, so nothing is written to a disk on the way and any
//! transport that carries a pipe will do.

pub mod interrupt;
pub mod native;

pub use native::Native;

use crate::event::{self, Event};
use anyhow::{Context, Result};
use duct::{Expression, ReaderHandle};
use std::io::{BufRead, BufReader, PipeWriter, Write};
use std::sync::{Arc, Mutex};

/// Reads the script from its standard input, then becomes it. `head -c` takes exactly as much, so
/// that the requests behind the script stay in the pipe.
const BOOTSTRAP: &str = r#"script=$(head -c "$1") && shift && eval "$script""#;

/// The writing end of a script's standard input. Closing it, which an interrupt does, too, tells the
/// script to leave everything as it was found.
#[derive(Clone)]
pub struct Requests(Arc<Mutex<Option<PipeWriter>>>);

impl Requests {
    /// Sends one request. Nobody reading any more shows in the events, so it is no error here.
    pub fn send(&self, request: &str) {
        if let Some(pipe) = self.0.lock().expect("not poisoned").as_mut() {
            let _ = writeln!(pipe, "{request}");
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
}

/// Starts `command` with `script` on its standard input; its output, and what is left of its input.
fn start(command: Expression, script: &str) -> Result<(ReaderHandle, Requests)> {
    let (reader, mut writer) = std::io::pipe()?;
    let handle = command
        .stdin_file(reader)
        .unchecked()
        // A Ctrl-C in the terminal is for labrun alone, which then ends the script in good order.
        .before_spawn(|command| {
            use std::os::unix::process::CommandExt;
            command.process_group(0);
            Ok(())
        })
        .reader()
        .context("cannot start bash")?;
    // Longer than a pipe holds, and nobody may be there to read it any more.
    writer.write_all(script.as_bytes()).context("cannot hand the script over")?;
    let requests = Requests(Arc::new(Mutex::new(Some(writer))));
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
        let _ = std::io::copy(&mut self.output, &mut std::io::sink());
        match self.output.try_wait() {
            Ok(Some(output)) => output.status.code().unwrap_or(255),
            _ => 255,
        }
    }
}

impl Process {
    fn start(command: Expression, script: &str) -> Result<Process> {
        let (output, requests) = start(command.stderr_to_stdout(), script)?;
        Ok(Process { lines: BufReader::new(output), requests, noise: Vec::new() })
    }

    /// The next event, or `None` at the end.
    pub fn event(&mut self) -> Option<Event> {
        let mut line = Vec::new();
        loop {
            line.clear();
            match self.lines.read_until(b'\n', &mut line) {
                Ok(0) | Err(_) => return None,
                Ok(_) => {}
            }
            let text = String::from_utf8_lossy(&line);
            match event::parse(text.trim_end()) {
                Ok(Event::End) => return None,
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
        match self.lines.get_ref().try_wait() {
            Ok(Some(output)) => output.status.code().unwrap_or(255),
            _ => 255,
        }
    }
}
