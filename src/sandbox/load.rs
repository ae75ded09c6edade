//! Load on a TCP service, made by this thread alone: so many connections at once, each of which sends a
//! request and takes in the reply, over and over. Bounded in time and in what is kept.

use super::{Gone, Sandbox};
use rustix::event::epoll::{self, Event, EventData, EventFlags};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};
use std::io::{ErrorKind, Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// How much of a reply is kept, from its beginning.
const KEPT: usize = 4096;
/// How much is read at once.
const READ: usize = 256 << 10;
/// How many connections an address gets at most. A client that closes first has no more ports for a minute.
const MOST: usize = 200_000;
const MOST_CLOSED: usize = 20_000;

/// The state of a connection in /proc/net/tcp that is over.
const TIME_WAIT: &str = "06";

/// Looks at the beginning of a reply and its length.
pub type Good<'a> = dyn Fn(&[u8], u64) -> Result<(), String> + 'a;

/// What is asked, of whom, and what is an answer.
pub struct Load<'a> {
    pub to: SocketAddr,
    pub request: &'a [u8],
    /// How many bytes a reply has; without it, it ends where the server closes the connection.
    pub reply: Option<u64>,
    pub good: &'a Good<'a>,
    pub at_once: usize,
    /// How long a connection may take from its beginning to the end of the reply.
    pub patience: Duration,
}

/// What came of it.
#[derive(Default)]
pub struct Done {
    /// How many microseconds each connection took that got its reply.
    pub times: Vec<u32>,
    /// How many bytes these replies had.
    pub bytes: u64,
    /// From the first connection to the end of the last reply.
    pub took: Duration,
}

/// A single connection that got its reply and is still there.
pub struct Probe {
    pub local: SocketAddr,
    pub length: u64,
    _stream: TcpStream,
}

struct Exchange {
    stream: TcpStream,
    began: Instant,
    sent: usize,
    /// Whether all of the request is on its way, so that only the reply is waited for.
    asked: bool,
    got: u64,
    head: Vec<u8>,
}

impl Exchange {
    fn begin(load: &Load, poll: &OwnedFd, slot: usize) -> Result<Exchange, String> {
        let began = Instant::now();
        let family = if load.to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = socket_with(family, SocketType::STREAM, flags, None)
            .map_err(|error| format!("cannot be connected to: {}", why(&error.into())))?;
        match connect(&socket, &load.to) {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
            Err(error) => return Err(format!("cannot be connected to: {}", why(&error.into()))),
        }
        let data = EventData::new_u64(slot as u64);
        epoll::add(poll, &socket, data, EventFlags::IN | EventFlags::OUT)
            .map_err(|error| error.to_string())?;
        let stream = TcpStream::from(socket);
        Ok(Exchange { stream, began, sent: 0, asked: false, got: 0, head: Vec::new() })
    }

    /// Does what can be done now; whether the reply is whole.
    fn go_on(
        &mut self,
        load: &Load,
        poll: &OwnedFd,
        slot: usize,
        buffer: &mut [u8],
    ) -> Result<bool, String> {
        if !self.asked {
            if let Ok(Some(error)) = self.stream.take_error() {
                return Err(format!("cannot be connected to: {}", why(&error)));
            }
            while self.sent < load.request.len() {
                match self.stream.write(&load.request[self.sent..]) {
                    Ok(count) => self.sent += count,
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => {
                        return Err(format!("does not take the request: {}", why(&error)));
                    }
                }
            }
            if self.sent == load.request.len() {
                self.asked = true;
                let data = EventData::new_u64(slot as u64);
                epoll::modify(poll, &self.stream, data, EventFlags::IN)
                    .map_err(|error| error.to_string())?;
            }
        }
        let got = match self.stream.read(buffer) {
            Ok(got) => got,
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
            Err(error) => return Err(format!("ended after {} bytes: {}", self.got, why(&error))),
        };
        self.got += got as u64;
        let rest = KEPT - self.head.len();
        self.head.extend(&buffer[..got.min(rest)]);
        match (load.reply, got) {
            (_, 0) if self.got == 0 => Err("closed the connection without a byte".into()),
            (None, 0) => Ok(true),
            (Some(all), 0) => {
                Err(format!("closed the connection after {} of {all} bytes", self.got))
            }
            (Some(all), _) if self.got > all => {
                Err(format!("sent {} bytes, and only {all} are a reply", self.got))
            }
            (Some(all), _) => Ok(self.got == all),
            (None, _) => Ok(false),
        }
    }
}

impl Sandbox {
    /// Puts `load` on its address for `time`, from the namespace that this thread is in, and adds what came
    /// of it to `done`. What has been begun by then is brought to its end. The first connection that fails
    /// ends it.
    ///
    /// # Errors
    /// If the session or the sandbox ended; within, what failed.
    pub fn load(
        &self,
        load: &Load,
        time: Duration,
        done: &mut Done,
    ) -> Result<Result<(), String>, Gone> {
        let told = |why: String| format!("{} {why}", load.to);
        Ok(self.loaded(load, time, done)?.map_err(told).map(drop))
    }

    /// A single connection, as one of `load` would be.
    ///
    /// # Errors
    /// As [`load`](Sandbox::load).
    pub fn probe(&self, load: &Load) -> Result<Result<Probe, String>, Gone> {
        let load = Load { at_once: 1, ..*load };
        let mut done = Done::default();
        let last = match self.loaded(&load, Duration::ZERO, &mut done)? {
            Ok(last) => last,
            Err(why) => return Ok(Err(format!("{} {why}", load.to))),
        };
        let local = last.stream.local_addr().map_err(|error| format!("{} {error}", load.to));
        Ok(local.map(|local| Probe { local, length: last.got, _stream: last.stream }))
    }

    /// As [`load`](Sandbox::load); the last connection.
    fn loaded(
        &self,
        load: &Load,
        time: Duration,
        done: &mut Done,
    ) -> Result<Result<Exchange, String>, Gone> {
        let poll = match epoll::create(epoll::CreateFlags::CLOEXEC) {
            Ok(poll) => poll,
            Err(error) => return Ok(Err(error.to_string())),
        };
        let most = if load.reply.is_some() { MOST_CLOSED } else { MOST };
        let began = Instant::now();
        let mut buffer = vec![0; READ];
        let mut events = [Event { flags: EventFlags::empty(), data: EventData::new_u64(0) }; 64];
        let mut slots: Vec<Option<Exchange>> = Vec::new();
        for slot in 0..load.at_once {
            match Exchange::begin(load, &poll, slot) {
                Ok(exchange) => slots.push(Some(exchange)),
                Err(why) => return Ok(Err(why)),
            }
        }
        loop {
            let oldest = slots.iter().flatten().min_by_key(|exchange| exchange.began);
            let Some(oldest) = oldest else { break };
            let left = load.patience.saturating_sub(oldest.began.elapsed());
            if left.is_zero() {
                let (got, patience) = (oldest.got, load.patience);
                return Ok(Err(format!(
                    "gave no whole reply within {patience:?}: {got} bytes of it came"
                )));
            }
            if !self.readable(poll.as_fd(), left)? {
                continue;
            }
            let none = rustix::event::Timespec { tv_sec: 0, tv_nsec: 0 };
            let count = match epoll::wait(&poll, &mut events[..], Some(&none)) {
                Ok(count) => count,
                Err(rustix::io::Errno::INTR) => continue,
                Err(error) => return Ok(Err(error.to_string())),
            };
            for event in &events[..count] {
                let slot = event.data.u64() as usize;
                let Some(exchange) = slots.get_mut(slot).and_then(Option::as_mut) else { continue };
                match exchange.go_on(load, &poll, slot, &mut buffer) {
                    Ok(false) => continue,
                    Ok(true) => {}
                    Err(why) => return Ok(Err(why)),
                }
                if let Err(why) = (load.good)(&exchange.head, exchange.got) {
                    return Ok(Err(why));
                }
                let took = exchange.began.elapsed().as_micros();
                done.times.push(u32::try_from(took).unwrap_or(u32::MAX));
                done.bytes += exchange.got;
                let over = began.elapsed() >= time || done.times.len() >= most;
                let next = (!over).then(|| Exchange::begin(load, &poll, slot)).transpose();
                let last = match next {
                    Ok(next) => std::mem::replace(&mut slots[slot], next),
                    Err(why) => return Ok(Err(why)),
                };
                if let Some(last) = last.filter(|_| slots.iter().all(Option::is_none)) {
                    done.took += began.elapsed();
                    return Ok(Ok(last));
                }
            }
        }
        Ok(Err("was asked nothing".into()))
    }

    /// Whether a socket of `node` is the other end of the connection that `local` is the near end of, so that
    /// no program took it in between. Only the `port` of `node` is looked at.
    pub fn arrives(&self, node: &str, port: u16, local: SocketAddr) -> bool {
        let address = match local.ip() {
            IpAddr::V4(address) => vec![
                address_in_proc(&address.octets()),
                address_in_proc(&address.to_ipv6_mapped().octets()),
            ],
            IpAddr::V6(address) => vec![address_in_proc(&address.octets())],
        };
        let remote: Vec<String> =
            address.iter().map(|address| format!("{address}:{:04X}", local.port())).collect();
        let port = format!(":{port:04X}");
        let tables = || ["tcp", "tcp6"].map(|file| self.proc_net(file).unwrap_or_default());
        let tables = self.in_node(node, tables).unwrap_or_default();
        tables.iter().flat_map(|table| table.lines()).any(|line| {
            let mut fields = line.split_whitespace().skip(1);
            fields.next().is_some_and(|own| own.ends_with(&port))
                && fields.next().is_some_and(|other| remote.iter().any(|one| one == other))
                // The same port may have served an earlier connection, which both ends have closed.
                && fields.next() != Some(TIME_WAIT)
        })
    }
}

/// An error in the kernel's words, without its number.
fn why(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or_default().to_lowercase()
}

/// An address as /proc/net/tcp has it: words of the processor's own byte order.
fn address_in_proc(octets: &[u8]) -> String {
    let word = |word: &[u8]| u32::from_ne_bytes([word[0], word[1], word[2], word[3]]);
    octets.chunks(4).map(|bytes| format!("{:08X}", word(bytes))).collect()
}

#[cfg(test)]
mod tests {
    use super::address_in_proc;

    #[test]
    #[cfg(target_endian = "little")]
    fn addresses_are_written_as_the_kernel_does() {
        assert_eq!(address_in_proc(&[10, 0, 1, 2]), "0201000A");
        let loopback = std::net::Ipv6Addr::LOCALHOST.octets();
        assert_eq!(address_in_proc(&loopback), "00000000000000000000000001000000");
    }
}
