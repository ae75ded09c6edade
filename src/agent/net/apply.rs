//! Does what the lines say, each in its namespace, and stops at the first that the kernel refuses.

use super::lines::{Command, Line, Section};
use super::link;
use super::mounts;
use super::route;
use super::socket::{Socket, reason};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::mount::{MountPropagationFlags, mount_bind, mount_bind_recursive, mount_change};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space, unshare_unsafe};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;

/// What the namespace of the sandbox itself is called.
const GLOBAL: &str = "global";
/// Where ip-netns(8) keeps the others.
const NAMESPACES: &str = "/run/netns";

pub fn path(namespace: &str) -> String {
    format!("{NAMESPACES}/{namespace}")
}

pub fn apply(sections: &[Section]) -> Result<(), String> {
    let mut network = Network::open()
        .map_err(|error| format!("cannot talk to the kernel: {}", reason(&error)))?;
    for section in sections {
        for place in &section.places {
            let fail = |why: String| format!("{}: {why}", section.title(place));
            network.enter(place).map_err(fail)?;
            for line in &section.lines {
                match network.line(line) {
                    Ok(()) => {}
                    Err(_) if line.may_fail => println!("{}", line.text),
                    Err(why) => {
                        return Err(fail(format!("{why} ({}{})", line.program(), line.text)));
                    }
                }
            }
        }
    }
    Ok(())
}

impl Line<'_> {
    /// The word that the line would be a command with.
    fn program(&self) -> &'static str {
        match self.command {
            Command::Namespace(_)
            | Command::Link(_)
            | Command::Set(_)
            | Command::Tap(_)
            | Command::Address { .. }
            | Command::Route(_)
            | Command::Rule(_) => "ip ",
            Command::Queue(_) => "tc ",
            _ => "",
        }
    }
}

/// This thread's network namespace, and a connection to it.
struct Network {
    global: File,
    /// The namespace that this thread is in; empty for that of the sandbox.
    place: String,
    /// To that of the sandbox, where nearly all links are made, and to `place`.
    sockets: (Socket, Option<Socket>),
    /// The folder of namespaces is a mount of its own.
    ready: bool,
}

impl Network {
    fn open() -> io::Result<Network> {
        let global = File::open("/proc/thread-self/ns/net")?;
        Ok(Network { global, place: String::new(), sockets: (Socket::open()?, None), ready: false })
    }

    fn enter(&mut self, place: &str) -> Result<(), String> {
        let name = if place == GLOBAL { "" } else { place };
        if name == self.place {
            return Ok(());
        }
        let open = || {
            File::open(path(name))
                .map_err(|error| format!("cannot enter the namespace: {}", reason(&error)))
        };
        let file = if name.is_empty() { None } else { Some(open()?) };
        let fd = file.as_ref().unwrap_or(&self.global).as_fd();
        move_into_link_name_space(fd, Some(LinkNameSpaceType::Network))
            .map_err(|errno| reason(&errno.into()))?;
        self.place = name.into();
        self.sockets.1 = None;
        Ok(())
    }

    /// The connection to the namespace that this thread is in.
    fn socket(&mut self) -> Result<&mut Socket, String> {
        if self.place.is_empty() {
            return Ok(&mut self.sockets.0);
        }
        if self.sockets.1.is_none() {
            self.sockets.1 = Some(Socket::open().map_err(|error| reason(&error))?);
        }
        Ok(self.sockets.1.as_mut().expect("just opened"))
    }

    fn line(&mut self, line: &Line) -> Result<(), String> {
        match &line.command {
            Command::Namespace(name) => self.add(name).map_err(|error| reason(&error)),
            Command::Sysctl { key, value, if_there } => {
                sysctl(key, value, *if_there).map_err(|error| reason(&error))
            }
            Command::Link(new) => link::add(self.socket()?, new),
            Command::Tap(name) => link::tap(name).map_err(|error| reason(&error)),
            Command::Set(set) => link::set(self.socket()?, set),
            Command::Address { address, broadcast, certain, link } => {
                link::add_address(self.socket()?, *address, *broadcast, *certain, link)
            }
            Command::Route(new) => route::add(self.socket()?, new),
            Command::Rule(new) => route::add_rule(self.socket()?, new),
            Command::Queue(words) => queue(words),
            Command::Folders { parents, folders } => mounts::make(*parents, folders),
            Command::Fifo(path) => mounts::fifo(path),
            Command::File(path) => mounts::file(path),
            Command::Symlink { target, path } => mounts::symlink(target, path),
            Command::Mount(mount) => mounts::mount(mount),
            Command::HostName(name) => mounts::host_name(name),
        }
    }

    /// Makes a namespace that lives as long as its file does, as ip-netns(8) makes it.
    fn add(&mut self, name: &str) -> io::Result<()> {
        if !self.ready {
            share()?;
            self.ready = true;
        }
        let file = path(name);
        OpenOptions::new().read(true).create_new(true).mode(0o0).write(true).open(&file)?;
        let made = namespace(&file);
        move_into_link_name_space(self.global.as_fd(), Some(LinkNameSpaceType::Network))?;
        self.place.clear();
        if made.is_err() {
            let _ = fs::remove_file(&file);
        }
        made
    }
}

/// Makes the folder of namespaces a mount that is shared with copies of this mount namespace, such
/// as those of `ip netns exec`: without that, a namespace would live on in them after it has been
/// deleted here.
fn share() -> io::Result<()> {
    match rustix::fs::mkdir(NAMESPACES, Mode::from_raw_mode(0o755)) {
        Ok(()) | Err(Errno::EXIST) => {}
        Err(errno) => return Err(errno.into()),
    }
    let shared =
        || mount_change(NAMESPACES, MountPropagationFlags::SHARED | MountPropagationFlags::REC);
    match shared() {
        // It is not a mount yet.
        Err(Errno::INVAL) => {
            mount_bind_recursive(NAMESPACES, NAMESPACES)?;
            Ok(shared()?)
        }
        other => Ok(other?),
    }
}

/// Moves this thread to a new namespace, and binds that to `file`.
#[allow(unsafe_code)]
fn namespace(file: &str) -> io::Result<()> {
    // SAFETY: descriptors stay shared, which is what the flag that is not given could change.
    unsafe { unshare_unsafe(UnshareFlags::NEWNET) }?;
    Ok(mount_bind("/proc/thread-self/ns/net", file)?)
}

/// Has tc(8) do it, in the namespace of this thread: what it makes of a delay or a rate differs from kernel to kernel.
fn queue(words: &[&str]) -> Result<(), String> {
    let output = std::process::Command::new("tc").args(words).output();
    let output = output.map_err(|error| format!("tc: {}", reason(&error)))?;
    let said = String::from_utf8_lossy(&output.stderr);
    match output.status.success() {
        true => Ok(()),
        false => Err(said.lines().next().unwrap_or("tc says nothing").into()),
    }
}

fn sysctl(key: &str, value: &str, if_there: bool) -> io::Result<()> {
    match OpenOptions::new().write(true).open(format!("/proc/sys/{key}")) {
        Err(error) if if_there && error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(mut file) => file.write_all(value.as_bytes()),
    }
}
