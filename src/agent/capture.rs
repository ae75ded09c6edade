//! The packets of a session's tests. The same process runs the steps, so what a test caused is what
//! was seen between the two moments that it names.

use super::ring;
use super::source::{Lost, Source, drain, settle};
use super::triage::Take;
use crate::packet::bpf::{self, Instruction};
use crate::packet::capture::{Capture, Packet};
use crate::packet::pcapng;
use anyhow::{Context, Result, bail};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

/// How many bytes of a test are kept, and how many of them may be bulk data: what is more is counted
/// only.
const SIZE: usize = 16 << 20;
const BULK: usize = 12 << 20;
/// What a packet needs in a file besides its data.
const OVERHEAD: usize = 44;
/// How long the kernel may take to open all rings.
const OPENED: Duration = Duration::from_secs(20);

/// A capture in a lab's namespaces, by a thread of its own.
pub struct Capturer {
    shared: Arc<(Mutex<State>, Condvar)>,
    machine: OwnedFd,
}

enum State {
    Opening,
    Open(Vec<Source>, Recording),
    Failed(String),
}

/// The packets of a test, and how it is told.
pub struct Captured {
    /// As pcapng.
    pub file: Vec<u8>,
    /// How many packets are in it.
    pub packets: u64,
    /// How many the kernel dropped.
    pub lost: u64,
    /// How many were left out because it had reached its size.
    pub left_out: u64,
    /// How many frames of bulk data were dropped or left out.
    pub bulk_left_out: u64,
}

impl Capturer {
    /// Begins to open rings in `namespaces`, each a name and where it is unless it is this one.
    /// `machine` is a /proc that this process is in.
    pub fn start(namespaces: Vec<(String, Option<String>)>, machine: OwnedFd) -> Capturer {
        let shared = Arc::new((Mutex::new(State::Opening), Condvar::new()));
        let theirs = shared.clone();
        std::thread::spawn(move || record(&namespaces, &theirs));
        Capturer { shared, machine }
    }

    /// From here on what `nodes` see is kept: what one of the programs `keep` accepts, or all if there are none.
    ///
    /// # Errors
    /// Why nothing can be captured.
    pub fn begin(&self, nodes: &[String], keep: Vec<Vec<Instruction>>) -> Result<()> {
        self.with(|sources, recording| {
            settle(&self.machine);
            *recording = Recording { keep, ..Recording::default() };
            for source in sources {
                if nodes.iter().any(|node| node == source.node()) {
                    source.begin()?;
                } else {
                    source.close()?;
                }
            }
            Ok(())
        })
    }

    /// What they have seen by now.
    ///
    /// # Errors
    /// Why nothing could be captured.
    pub fn end(&self) -> Result<Captured> {
        self.with(|sources, recording| {
            settle(&self.machine);
            let mut lost = Lost::default();
            for source in sources.iter_mut().filter(|source| source.is_wanted()) {
                let dropped = source.end()?;
                lost.add(source, dropped);
            }
            let never = drain(sources, |packet, bulk| recording.packets.push((packet, bulk)))?;
            recording.capture.lost += lost.telling + never.telling;
            recording.capture.bulk_left_out += lost.bulk + never.bulk;
            sources.iter_mut().for_each(Source::forget);
            let mut recording = std::mem::take(recording);
            recording.settle();
            let mut capture = recording.capture;
            capture.packets.sort_by_key(|packet| packet.time);
            let mut file = Vec::new();
            pcapng::write(&mut file, &capture, &|_| String::new())?;
            let Capture { packets, lost, left_out, bulk_left_out } = capture;
            Ok(Captured { file, packets: packets.len() as u64, lost, left_out, bulk_left_out })
        })
    }

    /// What they have seen by now but for the first packets, in the order in which it was read, and how
    /// much it is with those.
    ///
    /// # Errors
    /// Why nothing can be captured.
    pub fn seen(&self, from: usize) -> Result<(Vec<u8>, usize)> {
        self.with(|_, recording| {
            let all = &recording.capture.packets;
            let packets = all.get(from..).unwrap_or_default().to_vec();
            let mut file = Vec::new();
            pcapng::write(&mut file, &Capture { packets, ..Capture::default() }, &|_| {
                String::new()
            })?;
            Ok((file, all.len()))
        })
    }

    fn with<T>(
        &self,
        act: impl FnOnce(&mut Vec<Source>, &mut Recording) -> Result<T>,
    ) -> Result<T> {
        let (state, opened) = &*self.shared;
        let state = state.lock().expect("not poisoned");
        let waited =
            opened.wait_timeout_while(state, OPENED, |state| matches!(state, State::Opening));
        let (mut state, _) = waited.expect("not poisoned");
        match &mut *state {
            State::Open(sources, recording) => act(sources, recording),
            State::Failed(why) => bail!("{why}"),
            State::Opening => bail!("the kernel took longer than {OPENED:?} to open the rings"),
        }
    }
}

/// What the thread does: opens the rings, and empties them for as long as this process lives.
fn record(namespaces: &[(String, Option<String>)], shared: &(Mutex<State>, Condvar)) {
    let (state, opened) = shared;
    let sources = Source::open_all(namespaces, &[Take::Telling, Take::Bulk]).and_then(|sources| {
        let descriptors = sources.iter().map(|source| {
            source.descriptor().try_clone_to_owned().context("no descriptor is left")
        });
        Ok((descriptors.collect::<Result<Vec<OwnedFd>>>()?, sources))
    });
    let descriptors = match sources {
        Ok((descriptors, sources)) => {
            *state.lock().expect("not poisoned") = State::Open(sources, Recording::default());
            descriptors
        }
        Err(error) => {
            *state.lock().expect("not poisoned") = State::Failed(format!("{error:#}"));
            Vec::new()
        }
    };
    opened.notify_all();
    let polled: Vec<BorrowedFd> = descriptors.iter().map(AsFd::as_fd).collect();
    while !polled.is_empty() && ring::wait(&polled, None).is_ok() {
        if let State::Open(sources, recording) = &mut *state.lock().expect("not poisoned") {
            for source in sources {
                let bulk = source.is_bulk();
                source.read(|packet| recording.packets.push((packet, bulk)));
            }
            recording.settle();
        }
    }
}

/// What has been kept of a test.
#[derive(Default)]
struct Recording {
    capture: Capture,
    /// Read, but not yet looked at for whether there is room; each with whether it is bulk data.
    packets: Vec<(Packet, bool)>,
    size: usize,
    bulk: usize,
    keep: Vec<Vec<Instruction>>,
}

impl Recording {
    fn settle(&mut self) {
        let wanted = |(packet, _): &(Packet, bool)| {
            let accepts = |program: &Vec<_>| bpf::accepts(program, &packet.data, packet.length);
            self.keep.is_empty() || self.keep.iter().any(accepts)
        };
        for (packet, bulk) in self.packets.drain(..).filter(wanted) {
            let size = packet.data.len() + OVERHEAD;
            if bulk && self.bulk + size > BULK {
                self.capture.bulk_left_out += 1;
            } else if self.size + size > SIZE {
                self.capture.left_out += 1;
            } else {
                self.size += size;
                self.bulk += if bulk { size } else { 0 };
                self.capture.packets.push(packet);
            }
        }
    }
}
