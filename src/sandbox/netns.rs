//! Network namespaces, entered by this thread.

use anyhow::{Context, Result};
use rustix::fs::{Mode, OFlags, openat};
use rustix::thread::move_into_link_name_space;
use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, OwnedFd};

/// Enters the namespace that `file` stands for.
pub fn enter(file: &File) -> io::Result<()> {
    Ok(move_into_link_name_space(file.as_fd(), None)?)
}

/// The network namespace that this thread is in; `machine` is a /proc that it is in, too.
pub fn current(machine: &OwnedFd) -> Result<File> {
    let opened =
        openat(machine, "thread-self/ns/net", OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty());
    opened.map(File::from).context("cannot open this thread's network namespace")
}

/// The text of a file below `machine`, a /proc.
pub fn read(machine: &OwnedFd, path: &str) -> io::Result<String> {
    let mut text = String::new();
    File::from(openat(machine, path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())?)
        .read_to_string(&mut text)?;
    Ok(text)
}
