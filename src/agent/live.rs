//! `labrun capture`: all that one network namespace sees, to standard output as pcapng, until the
//! end of the input. It runs inside a lab as any command of the user's does, because it needs no
//! package there and one mapped uid is enough for it.

use super::ring;
use super::source::{Source, drain};
use super::triage::Take;
use crate::packet::pcapng;
use anyhow::Result;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;

/// Captures in the network namespace that labrun runs in.
///
/// # Errors
/// If the kernel refuses.
pub fn run() -> Result<()> {
    // Neither buffered nor locked: what is read is known to poll(2).
    let mut input = File::from(io::stdin().as_fd().try_clone_to_owned()?);
    let mut sources = Source::open_all(&[("here".into(), None)], &[Take::All])?;
    let mut writer = pcapng::Writer::new(
        io::BufWriter::new(File::from(io::stdout().as_fd().try_clone_to_owned()?)),
        &|_| String::new(),
    )?;
    sources[0].begin()?;
    let mut written = writer.flush();
    while written.is_ok() {
        let over = ring::wait(&[input.as_fd(), sources[0].descriptor()], None)?[0]
            && input.read(&mut [0; 4096])? == 0;
        let mut packets = Vec::new();
        if over {
            let lost = sources[0].end()?;
            let lost = lost + drain(&mut sources, |packet, _| packets.push(packet))?.telling;
            written = packets.iter().try_for_each(|packet| writer.packet(packet));
            written = written.and_then(|()| writer.finish(lost, 0, 0).map(drop));
            break;
        }
        sources[0].read(|packet| packets.push(packet));
        written = packets
            .iter()
            .try_for_each(|packet| writer.packet(packet))
            .and_then(|()| writer.flush());
    }
    match written {
        // Whoever was reading has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}
