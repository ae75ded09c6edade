//! Folders, mounts and the name of the sandbox.

use super::lines::Mount;
use super::socket::reason;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::io::Errno;
use rustix::mount::{self, MountFlags};
use std::borrow::Cow;
use std::ffi::CString;
use std::fs::{self, OpenOptions};

pub fn make(parents: bool, folders: &[Cow<str>]) -> Result<(), String> {
    let make = |folder: &Cow<str>| match parents {
        true => fs::create_dir_all(&**folder),
        false => fs::create_dir(&**folder),
    };
    folders.iter().try_for_each(make).map_err(|error| reason(&error))
}

pub fn fifo(path: &str) -> Result<(), String> {
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o644), 0)
        .map_err(|errno| reason(&errno.into()))
}

/// What a file can be mounted on.
pub fn file(path: &str) -> Result<(), String> {
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(path)
        .map(drop)
        .map_err(|error| reason(&error))
}

pub fn symlink(target: &str, path: &str) -> Result<(), String> {
    std::os::unix::fs::symlink(target, path).map_err(|error| reason(&error))
}

pub fn mount(what: &Mount) -> Result<(), String> {
    let done = match what {
        Mount::New { kind, options, source, target } => {
            let (flags, data) = split(options);
            let data = CString::new(data.join(",")).map_err(|error| error.to_string())?;
            mount::mount(*source, &**target, *kind, flags, Some(data.as_c_str()))
        }
        Mount::Bind { source, target } => mount::mount_bind_recursive(&**source, &**target),
        Mount::Again { options, target } => again(options, target),
    };
    done.map_err(|errno| reason(&errno.into()))
}

pub fn host_name(name: &str) -> Result<(), String> {
    rustix::system::sethostname(name.as_bytes()).map_err(|errno| reason(&errno.into()))
}

/// Options that are flags of mount(2), and those that the filesystem itself reads.
fn split<'a>(options: &[&'a str]) -> (MountFlags, Vec<&'a str>) {
    let mut flags = MountFlags::empty();
    let rest = options
        .iter()
        .filter(|option| flag(option).map(|flag| flags |= flag).is_none())
        .copied()
        .collect();
    (flags, rest)
}

fn flag(option: &str) -> Option<MountFlags> {
    Some(match option {
        "ro" => MountFlags::RDONLY,
        "nosuid" => MountFlags::NOSUID,
        "nodev" => MountFlags::NODEV,
        "noexec" => MountFlags::NOEXEC,
        _ => return None,
    })
}

/// Changes flags of a mount. Those that it has and that are not named stay, as with mount(8).
fn again(options: &[&str], target: &str) -> Result<(), Errno> {
    let now = rustix::fs::statvfs(target)?.f_flag;
    // The numbers of statvfs(3) are those of mount(2) for these.
    let kept = MountFlags::RDONLY | MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC;
    let mut flags = MountFlags::from_bits_truncate(now.bits() as u32) & kept;
    for option in options {
        match (flag(option), *option) {
            (Some(flag), _) => flags |= flag,
            (None, "exec") => flags -= MountFlags::NOEXEC,
            (None, "rw") => flags -= MountFlags::RDONLY,
            _ => return Err(Errno::INVAL),
        }
    }
    mount::mount_remount(target, flags | MountFlags::BIND, c"")
}
