//! Writing to whoever may not read.

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
    let limit = Timespec { tv_sec: limit.as_secs() as i64, tv_nsec: limit.subsec_nanos().into() };
    let mut one = [PollFd::new(&pipe, PollFlags::OUT)];
    // A signal that is handled, such as Ctrl-C, ends a wait whatever its handler asks for (signal(7)).
    if retry_on_intr(|| poll(&mut one, Some(&limit)))? == 0 {
        return Ok(0);
    }
    Ok(retry_on_intr(|| rustix::io::write(&pipe, &bytes[..bytes.len().min(PIECE)]))?)
}
