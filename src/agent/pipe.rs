//! The two pipes to labrun: requests come from a thread, events go through one writer. Neither
//! waits for good: what labrun does not take is given up, and the end of the requests ends
//! everything.

use super::message::{CHUNK, Event, LONGEST, Request, Signed, Stream};
use crate::pipe::write_some;
use crate::sandbox::Stop;
use anyhow::{Context, Result, bail};
use rustix::event::{EventfdFlags, eventfd};
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How long labrun may not take what it is told.
const TAKEN: Duration = Duration::from_secs(60);
/// How often the agent says that it is at work.
const BEAT: Duration = Duration::from_secs(1);

/// Reads a request, `None` at the end.
///
/// # Errors
/// If what comes is none.
pub fn request(input: &mut impl BufRead) -> Result<Option<Request>> {
    let mut line = Vec::new();
    input.take(LONGEST as u64 + 1).read_until(b'\n', &mut line)?;
    match line.last() {
        None => Ok(None),
        Some(b'\n') => {
            serde_json::from_slice(&line).map(Some).context("labrun asks for something unknown")
        }
        // The end in the middle of a line.
        Some(_) if line.len() <= LONGEST => Ok(None),
        Some(_) => bail!("labrun asks for too much at once"),
    }
}

/// The requests that are still to come; when there are some, the descriptor can be read. When they
/// end, so does every wait. That the lab is to stay up is noted in `keep` at once, because the end often
/// comes right after it.
///
/// # Errors
/// If there is no descriptor left.
pub fn requests(
    mut input: BufReader<io::Stdin>,
    stop: Stop,
    speaker: Speaker,
    keep: File,
) -> Result<(Receiver<Request>, OwnedFd)> {
    let (sender, receiver) = sync_channel(16);
    let news =
        eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK | EventfdFlags::SEMAPHORE)?;
    let ring = news.try_clone()?;
    std::thread::spawn(move || {
        loop {
            match request(&mut input) {
                Ok(Some(Request::Keep)) => _ = keep.set_len(1),
                Ok(Some(request)) => {
                    if sender.send(request).is_err()
                        || rustix::io::write(&ring, &1u64.to_ne_bytes()).is_err()
                    {
                        break;
                    }
                }
                Ok(None) => break,
                Err(error) => {
                    speaker.say(Event::Error { message: format!("{error:#}") });
                    break;
                }
            }
        }
        stop.stop();
    });
    Ok((receiver, news))
}

/// The one writer of events.
#[derive(Clone)]
pub struct Speaker(Arc<Shared>);

struct Shared {
    nonce: String,
    /// One at a time writes.
    turn: Mutex<()>,
    stop: Stop,
    epoch: Instant,
    /// Until when what goes on may take, in milliseconds since `epoch`.
    busy: AtomicU64,
}

impl Speaker {
    /// Signs with `nonce`, and stops everything if nobody listens.
    pub fn new(nonce: String, stop: Stop) -> Speaker {
        Speaker(Arc::new(Shared {
            nonce,
            turn: Mutex::new(()),
            stop,
            epoch: Instant::now(),
            busy: AtomicU64::new(0),
        }))
    }

    /// From a thread of its own: says every second that the agent is at work, as long as what goes
    /// on is within its time. Without that labrun knows that something hangs.
    pub fn beat(&self) {
        let speaker = self.clone();
        std::thread::spawn(move || {
            loop {
                std::thread::sleep(BEAT);
                let now = speaker.0.epoch.elapsed().as_millis() as u64;
                if now <= speaker.0.busy.load(Ordering::Relaxed) {
                    speaker.say(Event::Alive);
                }
            }
        });
    }

    /// What goes on now takes no longer than this.
    pub fn busy(&self, within: Duration) {
        let until = self.0.epoch.elapsed() + within;
        self.0.busy.store(until.as_millis() as u64, Ordering::Relaxed);
    }

    /// Writes `event`.
    pub fn say(&self, event: Event) {
        let signed = Signed { nonce: self.0.nonce.clone(), event };
        let mut line = serde_json::to_vec(&signed).expect("events are JSON");
        line.push(b'\n');
        let _turn = self.0.turn.lock().expect("not poisoned");
        if write(&line).is_err() {
            self.0.stop.stop();
        }
    }

    /// Writes `data` as outputs of `stream`, at least one if there is a `name`: that a file is
    /// empty is worth knowing.
    pub fn output(&self, stream: Stream, name: &str, data: &[u8]) {
        if data.is_empty() && !name.is_empty() {
            self.say(Event::Output { stream, name: name.into(), data: Vec::new() });
        }
        for chunk in data.chunks(CHUNK) {
            self.say(Event::Output { stream, name: name.into(), data: chunk.to_vec() });
        }
    }
}

/// To standard output, unless nobody takes it.
fn write(mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match write_some(io::stdout(), bytes, TAKEN)? {
            0 => return Err(io::ErrorKind::TimedOut.into()),
            count => bytes = &bytes[count..],
        }
    }
    Ok(())
}
