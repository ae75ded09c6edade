//! Questions to whoever sits at the terminal.

use crate::error::Failure;
use crate::interrupt;
use anyhow::Result;
use std::io::{self, IsTerminal, Write};
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// Whether there is somebody to ask.
pub fn possible() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// The line that answers `question`, without blanks around it; `None` if the input ends, or `patience` does.
///
/// # Errors
/// An interrupt.
pub fn line(question: &str, patience: Option<Duration>) -> Result<Option<String>> {
    let _ = write!(io::stderr(), "{question}");
    let (sender, answer) = channel();
    // It may read for ever: nothing waits for it.
    std::thread::spawn(move || {
        let mut line = String::new();
        let read = io::stdin().read_line(&mut line).is_ok_and(|bytes| bytes > 0);
        let _ = sender.send(read.then_some(line));
    });
    let began = Instant::now();
    while !interrupt::interrupted() && patience.is_none_or(|patience| began.elapsed() < patience) {
        match answer.recv_timeout(Duration::from_millis(50)) {
            Ok(Some(line)) => return Ok(Some(line.trim().to_string())),
            Ok(None) | Err(RecvTimeoutError::Disconnected) => break,
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
    let _ = writeln!(io::stderr());
    if interrupt::interrupted() { Err(Failure::interrupted().into()) } else { Ok(None) }
}
