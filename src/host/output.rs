//! The output of a program, read by a thread of its own: whoever waits for it does so for a while
//! only, whatever holds it open.

use crate::interrupt;
use crate::process::{self, Group};
use duct::ReaderHandle;
use std::io::{self, ErrorKind, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::{Duration, Instant};

/// How long the end may take once the input has ended.
pub(crate) const LEAVING: Duration = Duration::from_secs(30);
/// How often it is looked for an interrupt.
const LOOK: Duration = Duration::from_millis(50);
/// How much is read at once.
const PIECE: usize = 64 << 10;

/// What a program prints, as it comes.
pub struct Output {
    pieces: Receiver<Piece>,
    left: Vec<u8>,
    at: usize,
    silence: Duration,
    /// Its exit status, once it has ended.
    ended: Option<Option<i32>>,
    group: Group,
}

enum Piece {
    Bytes(Vec<u8>),
    End(Option<i32>),
}

impl Output {
    /// Of `handle`, whose processes are `group`, which may say nothing for `silence`.
    pub(crate) fn of(mut handle: ReaderHandle, group: Group, silence: Duration) -> Output {
        let (sender, pieces) = sync_channel(16);
        std::thread::spawn(move || {
            let mut room = vec![0; PIECE];
            // Nobody may want it any more; it is read on, so that whoever prints can end.
            while let Ok(count @ 1..) = handle.read(&mut room) {
                let _ = sender.send(Piece::Bytes(room[..count].to_vec()));
            }
            let _ = sender.send(Piece::End(process::status(&handle)));
        });
        Output { pieces, left: Vec::new(), at: 0, silence, ended: None, group }
    }

    /// Lets it say nothing for so long; what it may have been before.
    pub(crate) fn bear(&mut self, silence: Duration) -> Duration {
        std::mem::replace(&mut self.silence, silence)
    }

    /// Its exit status, if it has ended by itself.
    pub(crate) fn status(&self) -> Option<i32> {
        self.ended.flatten()
    }

    /// Waits for its end, its input having ended; the exit status as above. What does not end is
    /// killed.
    pub(crate) fn finish(&mut self) -> Option<i32> {
        let deadline = Instant::now() + LEAVING;
        while self.ended.is_none() {
            let left = deadline.saturating_duration_since(Instant::now());
            match self.pieces.recv_timeout(left) {
                Ok(Piece::Bytes(_)) if !left.is_zero() => {}
                Ok(Piece::End(status)) => self.ended = Some(status),
                _ => {
                    self.group.kill();
                    self.ended = Some(None);
                }
            }
        }
        self.group.ends();
        self.status()
    }
}

impl Read for Output {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let mut deadline = Instant::now() + self.silence;
        let mut leaving = None;
        while self.at == self.left.len() {
            if self.ended.is_some() {
                return Ok(0);
            }
            match self.pieces.recv_timeout(LOOK.min(self.silence)) {
                Ok(Piece::Bytes(bytes)) => (self.left, self.at) = (bytes, 0),
                Ok(Piece::End(status)) => self.ended = Some(status),
                Err(RecvTimeoutError::Disconnected) => self.ended = Some(None),
                Err(RecvTimeoutError::Timeout) => {}
            }
            // An interrupt has ended its input, so it ends soon.
            if interrupt::interrupted() {
                let end = leaving.get_or_insert_with(|| Instant::now() + LEAVING);
                deadline = deadline.min(*end);
            }
            if self.at == self.left.len() && Instant::now() > deadline {
                return Err(ErrorKind::TimedOut.into());
            }
        }
        let count = buffer.len().min(self.left.len() - self.at);
        buffer[..count].copy_from_slice(&self.left[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use duct::cmd;
    use std::io::{BufRead, BufReader};

    fn of(script: &str, silence: Duration) -> Output {
        let handle = process::apart(cmd!("sh", "-c", script)).reader().unwrap();
        let group = Group::of(&handle);
        Output::of(handle, group, silence)
    }

    #[test]
    fn all_of_it_comes_and_then_how_it_ended() {
        let mut output = of("head -c 300000 /dev/zero; exit 7", Duration::from_secs(60));
        let mut all = Vec::new();
        output.read_to_end(&mut all).unwrap();
        assert_eq!((all.len(), output.status(), output.finish()), (300_000, Some(7), Some(7)));
    }

    #[test]
    fn who_says_nothing_is_waited_for_a_while() {
        // What holds the pipe open is no child of it, and would for hours.
        let mut output =
            BufReader::new(of("echo one; (sleep 20 &); exec sleep 20", Duration::from_millis(200)));
        let mut line = String::new();
        assert_eq!(output.read_line(&mut line).unwrap(), 4);
        let began = Instant::now();
        assert_eq!(output.read_line(&mut line).unwrap_err().kind(), ErrorKind::TimedOut);
        assert!(began.elapsed() < Duration::from_secs(10));
        output.get_ref().group.kill();
    }
}
