//! Writing to whoever may not read, and reading from whoever may not write.

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::retry_on_intr;
use std::io;
use std::os::fd::AsFd;
use std::time::Duration;

/// What a pipe takes at once without waiting, when it says that it takes anything (PIPE_BUF,
/// pipe(7)).
const PIECE: usize = if cfg!(target_os = "linux") { 4096 } else { 512 };

/// Writes some of `bytes` to a pipe within `limit`; how many, none if nobody takes them so soon.
///
/// # Errors
/// If nobody will.
pub fn write_some(pipe: impl AsFd, bytes: &[u8], limit: Duration) -> io::Result<usize> {
    if !ready(&pipe, PollFlags::OUT, limit)? {
        return Ok(0);
    }
    Ok(retry_on_intr(|| rustix::io::write(&pipe, &bytes[..bytes.len().min(PIECE)]))?)
}

/// Reads some of what is in a pipe, or comes within `limit`, into `room`; how much, 0 at its end, `None` if nothing is said so
/// soon.
///
/// # Errors
/// If it cannot be read.
pub fn read_some(pipe: impl AsFd, room: &mut [u8], limit: Duration) -> io::Result<Option<usize>> {
    if !ready(&pipe, PollFlags::IN, limit)? {
        return Ok(None);
    }
    Ok(Some(retry_on_intr(|| rustix::io::read(&pipe, &mut *room))?))
}

/// Whether there is something to do with `pipe` within `limit`.
fn ready(pipe: impl AsFd, what: PollFlags, limit: Duration) -> io::Result<bool> {
    let limit = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: limit.subsec_nanos().into() };
    let mut one = [PollFd::new(&pipe, what)];
    // A signal that is handled, such as Ctrl-C, ends a wait whatever its handler asks for (signal(7)).
    Ok(retry_on_intr(|| poll(&mut one, Some(&limit)))? > 0)
}
