//! The kernel's packet ring (packet(7), Documentation/networking/packet_mmap.rst): every frame that
//! any interface of a network namespace sends or receives, in memory that the kernel and we share.
//!
//! Version 3 of the ring, because its frames may be as long as they are: a segment of 64 KiB that
//! the kernel has not split yet stays whole. The kernel fills blocks of many frames and hands each
//! over when it is full or [`RETIRE`] old.
//!
//! This is the one module with unsafe code: there is no other way to a ring than to map it.

#![allow(unsafe_code)]

use crate::agent::ring_frame::{Frame, HEADER};
use crate::agent::triage::Take;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::mem::{size_of, zeroed};
use std::os::fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// How long a frame may wait in a block that does not fill up.
const RETIRE: Duration = Duration::from_millis(4);

/// How large a ring is: blocks, and the bytes of each.
#[derive(Clone, Copy, Debug)]
struct Size {
    block: usize,
    blocks: usize,
}

impl Size {
    /// Of a ring for such frames, one of so many rings. Blocks that hold a frame each, which comes
    /// every now and then, last for as many times [`RETIRE`] as there are blocks.
    fn of(take: Take, rings: usize) -> Size {
        let (block, blocks) = match take {
            // 64 KiB is the longest frame that is usual.
            Take::All | Take::Nothing => (128 << 10, 128),
            Take::Telling => (16 << 10, 128),
            Take::Bulk => (16 << 10, 256),
        };
        // A block is a number of pages, which are larger on some processors.
        let block = block.max(page());
        // All rings of a lab together stay within what a few take.
        Size { block, blocks: (blocks * FEW / rings.max(FEW)).max(16) }
    }

    fn bytes(self) -> usize {
        self.block * self.blocks
    }
}

/// How many bytes a page has. rustix would have to ask /proc for that before Linux 6.4, and in that of a lab
/// the agent is not to be found.
fn page() -> usize {
    // SAFETY: it takes and gives numbers.
    let size = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    usize::try_from(size).unwrap_or(4096)
}

/// How many rings may have their full size.
const FEW: usize = 16;

/// What the kernel has put into a ring since it was opened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Frames.
    pub frames: u64,
    /// Frames that found the ring full.
    pub dropped: u64,
}

/// A ring and its socket.
pub struct Ring {
    socket: OwnedFd,
    blocks: NonNull<u8>,
    size: Size,
    next: usize,
    counts: Counts,
    read: u64,
    names: HashMap<i32, String>,
}

// SAFETY: the mapping belongs to the ring alone and may be used from any one thread.
unsafe impl Send for Ring {}

impl Ring {
    /// Opens a ring, one of so many, for the network namespace that this thread is in.
    ///
    /// # Errors
    /// If the kernel refuses: it wants CAP_NET_RAW in the namespace.
    pub fn open(take: Take, rings: usize) -> io::Result<Ring> {
        let size = Size::of(take, rings);
        // No protocol yet, so that nothing comes before the ring is there.
        // SAFETY: no memory is passed; the descriptor is new and nobody else's.
        let socket = unsafe {
            let socket =
                check(libc::socket(libc::AF_PACKET, libc::SOCK_RAW | libc::SOCK_CLOEXEC, 0))?;
            OwnedFd::from_raw_fd(socket)
        };
        filter(&socket, take)?;
        set(&socket, libc::PACKET_VERSION, &(libc::tpacket_versions::TPACKET_V3 as libc::c_int))?;
        let request = libc::tpacket_req3 {
            tp_block_size: size.block as u32,
            tp_block_nr: size.blocks as u32,
            // Frames are as long as they are; the kernel only wants the product to be right.
            tp_frame_size: 2048,
            tp_frame_nr: (size.bytes() / 2048) as u32,
            tp_retire_blk_tov: RETIRE.as_millis() as u32,
            tp_sizeof_priv: 0,
            tp_feature_req_word: 0,
        };
        set(&socket, libc::PACKET_RX_RING, &request)?;
        // SAFETY: a new mapping of a ring that is exactly that long; it is unmapped in `drop` only.
        let blocks = unsafe {
            libc::mmap(
                null_mut(),
                size.bytes(),
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.as_raw_fd(),
                0,
            )
        };
        let blocks = if blocks == libc::MAP_FAILED { None } else { NonNull::new(blocks.cast()) };
        let Some(blocks) = blocks else { return Err(io::Error::last_os_error()) };
        let ring = Ring {
            socket,
            blocks,
            size,
            next: 0,
            counts: Counts::default(),
            read: 0,
            names: HashMap::new(),
        };
        ring.bind()?;
        Ok(ring)
    }

    /// Takes everything from all interfaces from now on, those that come later included.
    fn bind(&self) -> io::Result<()> {
        // SAFETY: all zeroes are a valid address, and it lives through the call.
        unsafe {
            let mut address: libc::sockaddr_ll = zeroed();
            address.sll_family = libc::AF_PACKET as u16;
            address.sll_protocol = (libc::ETH_P_ALL as u16).to_be();
            check(libc::bind(
                self.socket.as_raw_fd(),
                (&raw const address).cast(),
                size_of::<libc::sockaddr_ll>() as u32,
            ))?;
        }
        Ok(())
    }

    /// Takes such frames from now on.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn take(&self, take: Take) -> io::Result<()> {
        filter(&self.socket, take)
    }

    /// What the kernel has put into the ring by now, whether it was read or not.
    ///
    /// # Errors
    /// If the kernel does not say.
    pub fn count(&mut self) -> io::Result<Counts> {
        // SAFETY: the kernel writes at most `size` bytes, and any bytes are a valid value.
        let news = unsafe {
            let mut news: libc::tpacket_stats_v3 = zeroed();
            let mut size = size_of::<libc::tpacket_stats_v3>() as u32;
            let socket = self.socket.as_raw_fd();
            check(libc::getsockopt(
                socket,
                libc::SOL_PACKET,
                libc::PACKET_STATISTICS,
                (&raw mut news).cast(),
                &mut size,
            ))?;
            news
        };
        // The kernel starts anew with every look, and counts what it dropped among the packets.
        self.counts.frames += u64::from(news.tp_packets.saturating_sub(news.tp_drops));
        self.counts.dropped += u64::from(news.tp_drops);
        Ok(self.counts)
    }

    /// How many frames have been read.
    pub fn read_so_far(&self) -> u64 {
        self.read
    }

    /// Hands over every frame of the blocks that the kernel is done with, each with its number,
    /// which counts from 0 as [`Counts::frames`] does, and the name of its interface.
    pub fn read(&mut self, mut take: impl FnMut(u64, &str, Frame)) {
        // Once around at most: somebody else wants to be served, too.
        for _ in 0..self.size.blocks {
            // SAFETY: `next` is below their number, and a block begins with its `tpacket_block_desc`.
            let block = unsafe { self.blocks.add(self.next * self.size.block) };
            let status = HEADER.status_of_block;
            // SAFETY: the status is an aligned word of the block, which kernel and we change
            // atomically.
            let status = unsafe { AtomicU32::from_ptr(block.add(status).as_ptr().cast()) };
            if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
                break;
            }
            // SAFETY: with that bit set, the kernel leaves the block to us until the bit is cleared
            // below.
            let bytes = unsafe { std::slice::from_raw_parts(block.as_ptr(), self.size.block) };
            for frame in Frame::all(bytes) {
                // Looked up now, because the interface may have gone a moment later.
                let name = self
                    .names
                    .entry(frame.interface)
                    .or_insert_with(|| interface(&self.socket, frame.interface));
                take(self.read, name, frame);
                self.read += 1;
            }
            status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
            self.next = (self.next + 1) % self.size.blocks;
        }
    }

    /// What [`wait`] waits on.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        use std::os::fd::AsFd;
        self.socket.as_fd()
    }
}

impl Drop for Ring {
    fn drop(&mut self) {
        // SAFETY: mapped in `open` with this length, and nothing borrowed from it outlives `read`.
        unsafe { libc::munmap(self.blocks.as_ptr().cast(), self.size.bytes()) };
    }
}

/// Moves this thread into a network namespace.
///
/// # Errors
/// If the kernel refuses.
pub fn enter(namespace: &File) -> io::Result<()> {
    // SAFETY: no memory is passed.
    unsafe { check(libc::setns(namespace.as_raw_fd(), libc::CLONE_NEWNET)) }.map(drop)
}

/// Waits until one of `descriptors` can be read or `limit` is over; which can be.
///
/// # Errors
/// If the kernel refuses.
pub fn wait(descriptors: &[BorrowedFd], limit: Option<Duration>) -> io::Result<Vec<bool>> {
    let mut polled: Vec<libc::pollfd> = descriptors
        .iter()
        .map(|d| libc::pollfd { fd: d.as_raw_fd(), events: libc::POLLIN, revents: 0 })
        .collect();
    let limit = limit.map_or(-1, |limit| limit.as_millis() as libc::c_int);
    // SAFETY: the kernel reads and writes as many entries as there are.
    match unsafe { check(libc::poll(polled.as_mut_ptr(), polled.len() as libc::nfds_t, limit)) } {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => {
            Ok(vec![false; descriptors.len()])
        }
        Err(error) => Err(error),
        Ok(_) => Ok(polled.iter().map(|p| p.revents != 0).collect()),
    }
}

/// The name of the interface with this index in the socket's own namespace, wherever this thread
/// is.
fn interface(socket: &OwnedFd, index: i32) -> String {
    // SAFETY: all zeroes are a valid request, and the kernel ends the name within its 16 bytes.
    let name = unsafe {
        let mut request: libc::ifreq = zeroed();
        request.ifr_ifru.ifru_ifindex = index;
        check(libc::ioctl(socket.as_raw_fd(), libc::SIOCGIFNAME as _, &raw mut request))
            .map(|_| request.ifr_name)
    };
    match name {
        Ok(name) => String::from_utf8_lossy(&name.map(|c| c.to_ne_bytes()[0]))
            .trim_end_matches('\0')
            .to_string(),
        Err(_) => format!("if{index}"),
    }
}

fn check(result: libc::c_int) -> io::Result<libc::c_int> {
    if result < 0 { Err(io::Error::last_os_error()) } else { Ok(result) }
}

fn filter(socket: &OwnedFd, take: Take) -> io::Result<()> {
    let mut program = take.program();
    let program = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    set_at(socket, libc::SOL_SOCKET, libc::SO_ATTACH_FILTER, &program)
}

fn set<T>(socket: &OwnedFd, option: libc::c_int, value: &T) -> io::Result<()> {
    set_at(socket, libc::SOL_PACKET, option, value)
}

fn set_at<T>(
    socket: &OwnedFd,
    level: libc::c_int,
    option: libc::c_int,
    value: &T,
) -> io::Result<()> {
    // SAFETY: the kernel reads as many bytes as the value has; what it makes of them it checks.
    unsafe {
        check(libc::setsockopt(
            socket.as_raw_fd(),
            level,
            option,
            (&raw const *value).cast(),
            size_of::<T>() as u32,
        ))
        .map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rings_of_many_nodes_take_little_more_memory_than_those_of_a_few() {
        let all = |nodes: usize| {
            nodes
                * (Size::of(Take::Telling, 2 * nodes).bytes()
                    + Size::of(Take::Bulk, 2 * nodes).bytes())
        };
        assert_eq!((all(1), all(8)), (6 << 20, 48 << 20));
        assert!(all(100) <= 64 << 20, "{}", all(100));
    }
}
