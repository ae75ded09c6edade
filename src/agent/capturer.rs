//! The capturer: labrun itself, run inside a lab (`labrun _capture`), because it needs no package there
//! and one mapped uid is enough for it.
//!
//! For a session it takes commands on standard input, one a line, and answers with events of the
//! runtime on standard output:
//!
//! ```text
//! begin NODE...   forget what was seen, keep what these nodes see from now on   ─►  begun
//! end             hand over what they have seen by now                          ─►  output..., captured
//! ```
//!
//! "Now" is exact: the kernel numbers the frames of a ring, so those before a `begin` and behind an
//! `end` are told by their numbers, and an `end` waits until all up to its own have been read.
//!
//! With `--live` it writes all it sees to standard output as pcapng. Either way the end of the input
//! ends it.

use crate::agent::ring;
use crate::agent::ring::{Counts, Ring};
use crate::packet::capture::{Capture, Packet, Place};
use crate::packet::pcapng;
use anyhow::{Context, Result};
use base64::Engine;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::time::{Duration, Instant, SystemTime};

/// How many bytes of a test are kept: what is more is counted only.
const SIZE: usize = 16 << 20;
/// What a packet needs in a file besides its data.
const OVERHEAD: usize = 44;
/// How long the kernel may take to hand over what it has counted.
const DRAIN: Duration = Duration::from_secs(1);
/// How long frames may wait in the kernel between two interfaces, if the machine is that busy.
const SETTLE: Duration = Duration::from_millis(20);
/// How many bytes an event carries: its line, in base64, must stay below PIPE_BUF.
const CHUNK: usize = 2250;

/// Captures in `namespaces` until the end of the input, for a session or `live`. Each is a name, and
/// `=PATH` behind it unless it is the namespace that labrun runs in.
///
/// # Errors
/// If the kernel refuses, or nobody reads any more.
pub fn run(namespaces: &[String], live: bool) -> Result<()> {
    // The kernel takes its time over each ring, so all are opened at once; a thread of its own may also
    // move to another namespace without this one.
    let sources = std::thread::scope(|scope| {
        let opening: Vec<_> = namespaces.iter().map(|namespace| scope.spawn(|| Source::open(namespace))).collect();
        opening.into_iter().map(|thread| thread.join().expect("opening does not panic")).collect::<Result<Vec<_>>>()
    })?;
    let mut capturer = Capturer { sources, input: file(io::stdin().as_fd())?, output: file(io::stdout().as_fd())? };
    if live { capturer.live() } else { capturer.session() }
}

fn file(stream: BorrowedFd) -> Result<File> {
    // Neither buffered nor locked: what is read is known to poll(2), and an event is one write(2).
    Ok(File::from(stream.try_clone_to_owned()?))
}

struct Source {
    node: String,
    ring: Ring,
    /// Numbers of the frames that are wanted: from here, and before there.
    from: u64,
    until: u64,
    /// What the ring had counted at the beginning.
    began: Counts,
}

impl Source {
    fn open(namespace: &str) -> Result<Source> {
        let (node, path) = namespace.split_once('=').map_or((namespace, None), |(node, path)| (node, Some(path)));
        if let Some(path) = path {
            let entered = File::open(path).and_then(|file| ring::enter(&file));
            entered.with_context(|| format!("cannot enter the network namespace of {node}"))?;
        }
        let ring = Ring::open().with_context(|| format!("cannot capture in {node}"))?;
        Ok(Source { node: node.into(), ring, from: 0, until: 0, began: Counts::default() })
    }

    fn begin(&mut self) -> io::Result<()> {
        self.began = self.ring.count()?;
        (self.from, self.until) = (self.began.frames, u64::MAX);
        Ok(())
    }

    /// How many wanted frames were lost until now, which is the end.
    fn end(&mut self) -> io::Result<u64> {
        let counts = self.ring.count()?;
        self.until = counts.frames;
        Ok(counts.dropped - self.began.dropped)
    }

    /// How many wanted frames are still to be read.
    fn left(&self) -> u64 {
        self.until.saturating_sub(self.ring.read_so_far())
    }

    fn read(&mut self, mut take: impl FnMut(Packet)) {
        let wanted = self.from..self.until;
        self.ring.read(|number, link, frame| {
            if wanted.contains(&number) {
                let (data, length) = frame.ethernet();
                let place = Place { node: self.node.clone(), link: link.into() };
                take(Packet { time: frame.time, place, sent: frame.sent, data, length });
            }
        });
    }
}

struct Capturer {
    sources: Vec<Source>,
    input: File,
    output: File,
}

impl Capturer {
    /// Waits for frames or a command; whether there is a command.
    fn wait(&self) -> io::Result<bool> {
        let rings = self.sources.iter().map(|source| source.ring.descriptor());
        let all: Vec<BorrowedFd> = std::iter::once(self.input.as_fd()).chain(rings).collect();
        Ok(ring::wait(&all, None)?[0])
    }

    /// Reads until nothing is left that was seen before [`Source::end`]; how many frames never came.
    fn drain(&mut self, mut take: impl FnMut(Packet)) -> io::Result<u64> {
        let deadline = Instant::now() + DRAIN;
        loop {
            self.sources.iter_mut().for_each(|source| source.read(&mut take));
            let left = self.sources.iter().map(Source::left).sum();
            if left == 0 || Instant::now() > deadline {
                return Ok(left);
            }
            let waiting: Vec<BorrowedFd> = self.sources.iter().filter(|s| s.left() > 0).map(|s| s.ring.descriptor()).collect();
            ring::wait(&waiting, Some(Duration::from_millis(20)))?;
        }
    }

    fn session(&mut self) -> Result<()> {
        let mut recording = Recording::default();
        let mut commands = String::new();
        loop {
            let command = self.wait()?;
            self.sources.iter_mut().for_each(|source| source.read(|packet| recording.add(packet)));
            if !command {
                continue;
            }
            let mut bytes = [0; 4096];
            let count = self.input.read(&mut bytes)?;
            if count == 0 {
                return Ok(());
            }
            commands.push_str(&String::from_utf8_lossy(&bytes[..count]));
            while let Some((line, rest)) = commands.split_once('\n') {
                let words: Vec<String> = line.split(' ').map(String::from).collect();
                commands = rest.to_string();
                match words[0].as_str() {
                    "begin" => recording = self.begin(&words[1..])?,
                    "end" => self.end(std::mem::take(&mut recording))?,
                    other => anyhow::bail!("unknown command `{other}`"),
                }
            }
        }
    }

    fn begin(&mut self, nodes: &[String]) -> Result<Recording> {
        settle();
        for source in &mut self.sources {
            if nodes.contains(&source.node) {
                source.begin()?;
            } else {
                source.until = 0;
            }
        }
        self.event("begun", "")?;
        Ok(Recording::default())
    }

    fn end(&mut self, mut recording: Recording) -> Result<()> {
        settle();
        for source in self.sources.iter_mut().filter(|source| source.until > 0) {
            recording.capture.lost += source.end()?;
        }
        recording.capture.lost += self.drain(|packet| recording.add(packet))?;
        for source in &mut self.sources {
            source.until = 0;
        }
        let mut capture = recording.capture;
        capture.packets.sort_by_key(|packet| packet.time);
        let mut file = Vec::new();
        pcapng::write(&mut file, &capture, &|_| String::new())?;
        for chunk in file.chunks(CHUNK) {
            let data = base64::engine::general_purpose::STANDARD.encode(chunk);
            self.event("output", &format!(r#","stream":"capture","data":"{data}""#))?;
        }
        let Capture { packets, lost, left_out } = capture;
        self.event("captured", &format!(r#","packets":{},"lost":{lost},"left_out":{left_out}"#, packets.len()))
    }

    /// Emits an event of the runtime; others write to the same pipe, so it is one write.
    fn event(&mut self, event: &str, fields: &str) -> Result<()> {
        let time = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        let line = format!("{{\"event\":\"{event}\",\"time\":{time:.6}{fields}}}\n");
        Ok(self.output.write_all(line.as_bytes())?)
    }

    fn live(&mut self) -> Result<()> {
        for source in &mut self.sources {
            source.begin()?;
        }
        let output = io::BufWriter::new(self.output.try_clone()?);
        let mut writer = pcapng::Writer::new(output, &|_| String::new())?;
        writer.flush()?;
        let mut written = Ok(());
        let mut over;
        loop {
            over = self.wait()? && self.input.read(&mut [0; 4096])? == 0;
            let mut lost = 0;
            if over {
                for source in &mut self.sources {
                    lost += source.end()?;
                }
            }
            let mut packets = Vec::new();
            if over {
                lost += self.drain(|packet| packets.push(packet))?;
            } else {
                self.sources.iter_mut().for_each(|source| source.read(|packet| packets.push(packet)));
            }
            for packet in &packets {
                written = written.and_then(|()| writer.packet(packet));
            }
            if over {
                written = written.and_then(|()| writer.finish(lost, 0).map(drop));
                break;
            }
            written = written.and_then(|()| writer.flush());
            if written.is_err() {
                break;
            }
        }
        match written {
            // Whoever was reading has seen enough.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => Ok(other?),
        }
    }
}

/// What has been kept of a test.
#[derive(Default)]
struct Recording {
    capture: Capture,
    size: usize,
}

impl Recording {
    fn add(&mut self, packet: Packet) {
        self.size += packet.data.len() + OVERHEAD;
        if self.size > SIZE {
            self.capture.left_out += 1;
        } else {
            self.capture.packets.push(packet);
        }
    }
}

/// Waits until no frame is on its way between two interfaces: a kernel that is busy lets them wait in a
/// queue of each processor (the twelfth field of /proc/net/softnet_stat), where nobody has seen them yet.
fn settle() {
    let deadline = Instant::now() + SETTLE;
    let waiting = |line: &str| line.split_whitespace().nth(11).is_some_and(|field| field.bytes().any(|b| b != b'0'));
    while fs::read_to_string("/proc/net/softnet_stat").is_ok_and(|text| text.lines().any(waiting)) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_micros(200));
    }
}
