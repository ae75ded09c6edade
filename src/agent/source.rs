//! What the interfaces of one network namespace see, from one moment to another. Both moments are
//! exact: the kernel numbers the frames of a ring, so those before the first and after the last are
//! told by their numbers.

use super::ring::{self, Counts, Ring};
use super::triage::{KEPT, Take};
use crate::packet::capture::{Direction, InterfaceId, Packet};
use crate::packet::headers::Headers;
use crate::sandbox::read_proc;
use anyhow::{Context, Result};
use std::fs::File;
use std::io;
use std::os::fd::{BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long the kernel may take to hand over what it has counted.
const DRAIN: Duration = Duration::from_secs(1);
/// How long frames may wait in the kernel between two interfaces, if the machine is that busy.
const SETTLE: Duration = Duration::from_millis(20);

/// A ring in a network namespace that is captured in.
pub struct Source {
    node: String,
    ring: Ring,
    /// The frames that are its part.
    part: Take,
    /// Whether the kernel puts them into the ring.
    open: bool,
    /// Numbers of the frames that are wanted: from here, and before there.
    from: u64,
    until: u64,
    /// What the ring had counted at the beginning.
    began: Counts,
}

impl Source {
    /// Opens a ring for each of the `parts` in each of `namespaces`: a name, and where it is unless
    /// it is the one that this thread is in.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn open_all(
        namespaces: &[(String, Option<String>)],
        parts: &[Take],
    ) -> Result<Vec<Source>> {
        let rings = namespaces.len() * parts.len();
        // The kernel takes its time over each ring, so all are opened at once; a thread of its own
        // may also move to another namespace without this one.
        std::thread::scope(|scope| {
            let opening: Vec<_> = namespaces
                .iter()
                .flat_map(|namespace| parts.iter().map(move |part| (namespace, *part)))
                .map(|((node, path), part)| {
                    scope.spawn(move || Source::open(node, path.as_deref(), part, rings))
                })
                .collect();
            opening
                .into_iter()
                .map(|thread| thread.join().expect("opening does not panic"))
                .collect()
        })
    }

    fn open(node: &str, path: Option<&str>, part: Take, rings: usize) -> Result<Source> {
        if let Some(path) = path {
            let entered = File::open(path).and_then(|file| ring::enter(&file));
            entered.with_context(|| format!("cannot enter the network namespace of {node}"))?;
        }
        let ring = Ring::open(part, rings).with_context(|| format!("cannot capture in {node}"))?;
        let node = node.into();
        Ok(Source { node, ring, part, open: true, from: 0, until: 0, began: Counts::default() })
    }

    /// What it is called.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// What can be read when there are frames.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.ring.descriptor()
    }

    /// From now on frames are wanted.
    ///
    /// # Errors
    /// If the kernel does not say which those are.
    pub fn begin(&mut self) -> io::Result<()> {
        if !self.open {
            self.ring.take(self.part)?;
            self.open = true;
        }
        self.began = self.ring.count()?;
        (self.from, self.until) = (self.began.frames, u64::MAX);
        Ok(())
    }

    /// No frames are wanted, nor those that have not been read yet.
    pub fn forget(&mut self) {
        self.until = 0;
    }

    /// None are wanted before the next [`begin`](Source::begin), and none cost anything.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn close(&mut self) -> io::Result<()> {
        self.forget();
        if self.open {
            self.ring.take(Take::Nothing)?;
            self.open = false;
        }
        Ok(())
    }

    /// Whether its frames are bulk data.
    pub fn is_bulk(&self) -> bool {
        self.part == Take::Bulk
    }

    /// Whether any are wanted.
    pub fn is_wanted(&self) -> bool {
        self.until > 0
    }

    /// Frames from now on are not wanted; how many were lost until now.
    ///
    /// # Errors
    /// If the kernel does not say.
    pub fn end(&mut self) -> io::Result<u64> {
        let counts = self.ring.count()?;
        self.until = counts.frames;
        Ok(counts.dropped - self.began.dropped)
    }

    /// How many wanted frames are still to be read.
    fn left(&self) -> u64 {
        self.until.saturating_sub(self.ring.read_so_far())
    }

    /// Takes the wanted ones of the frames that are there.
    pub fn read(&mut self, mut take: impl FnMut(Packet)) {
        let (wanted, is_bulk) = (self.from..self.until, self.is_bulk());
        self.ring.read(|number, link, frame| {
            if wanted.contains(&number) {
                let (mut data, length) = frame.ethernet();
                if is_bulk {
                    cut(&mut data);
                }
                let interface = InterfaceId { node: self.node.clone(), link: link.into() };
                take(Packet {
                    time: frame.time,
                    interface,
                    direction: Direction::of(frame.sent),
                    data,
                    length,
                });
            }
        });
    }
}

/// Cuts a frame of bulk data to the same length wherever it was seen: messages are known by what
/// they carry, and not all interfaces have the same headers before it.
fn cut(data: &mut Vec<u8>) {
    if data.len() > KEPT {
        let payload = Headers::of(data).payload.as_ptr() as usize - data.as_ptr() as usize;
        data.truncate(payload + KEPT);
    }
}

/// Reads until nothing is left that was seen before [`Source::end`]; how many frames never came.
///
/// # Errors
/// If the kernel refuses.
pub fn drain(sources: &mut [Source], mut take: impl FnMut(Packet, bool)) -> io::Result<Lost> {
    let deadline = Instant::now() + DRAIN;
    loop {
        for source in &mut *sources {
            let is_bulk = source.is_bulk();
            source.read(|packet| take(packet, is_bulk));
        }
        let mut left = Lost::default();
        for source in sources.iter().filter(|source| source.until < u64::MAX) {
            left.add(source, source.left());
        }
        if left == Lost::default() || Instant::now() > deadline {
            return Ok(left);
        }
        let waiting: Vec<BorrowedFd> =
            sources.iter().filter(|source| source.left() > 0).map(Source::descriptor).collect();
        ring::wait(&waiting, Some(Duration::from_millis(20)))?;
    }
}

/// How many frames never came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// Of bulk data.
    pub bulk: u64,
    /// Of everything else.
    pub telling: u64,
}

impl Lost {
    /// Adds so many of `source`.
    pub fn add(&mut self, source: &Source, frames: u64) {
        *(if source.is_bulk() { &mut self.bulk } else { &mut self.telling }) += frames;
    }
}

/// Waits until no frame is on its way between two interfaces: a kernel that is busy lets them wait
/// in a queue of each processor (the twelfth field of softnet_stat), where nobody has seen them
/// yet. `machine` is a /proc that this thread is in.
pub fn settle(machine: &OwnedFd) {
    let deadline = Instant::now() + SETTLE;
    let queues = || read_proc(machine, "thread-self/net/softnet_stat");
    let waiting = |line: &str| {
        line.split_whitespace().nth(11).is_some_and(|field| field.bytes().any(|b| b != b'0'))
    };
    while queues().is_ok_and(|text| text.lines().any(waiting)) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_micros(200));
    }
}
