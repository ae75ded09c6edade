//! The way to another user of this machine, without a way back: `labrun _as UID GID HOW SHUT COMMAND...`, which
//! root's labrun runs as a process of its own.
//!
//! What would lead back goes before the user changes: the controlling terminal, into which the user's programs could
//! type; descriptors; variables. Afterwards the keys of root's session are replaced by none, and it is made sure that
//! no capability is left.

#![allow(unsafe_code)] // two system calls that no safe crate has

use crate::error::Exit;
use crate::host::user::{self, KEEP, SHUT, TERMINAL};
use anyhow::{Context, Result, bail};
use rustix::process::{getegid, geteuid, getgid, getuid, setsid};
use rustix::thread::{
    CapabilitySet, CapabilitySets, set_capabilities, set_no_new_privs, set_thread_groups,
    set_thread_res_gid, set_thread_res_uid,
};
use rustix::{process::Gid, process::Uid, thread::capabilities};
use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, ExitCode};

/// The word that asks for it.
pub const VERB: &str = user::VERB;
/// What of the environment is nobody's secret, and is needed; besides what [`KEEP`] names.
const KEPT: &str = "PATH,TERM,TZ";

/// Becomes the command; comes back only if that cannot be done.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    let words: Vec<OsString> = words.into_iter().collect();
    let error = match become_it(&words) {
        Ok(never) => match never {},
        Err(error) => error,
    };
    eprintln!("labrun: {error:#}");
    ExitCode::from(Exit::Machine as u8)
}

fn become_it(words: &[OsString]) -> Result<std::convert::Infallible> {
    let [_, uid, gid, how, shut, account, home, program, arguments @ ..] = words else {
        bail!("this is how labrun runs labs as another user, and nothing to be run by hand");
    };
    let number = |word: &OsString| {
        word.to_str().and_then(|word| word.parse().ok()).filter(|n: &u32| *n != 0 && *n != u32::MAX)
    };
    let (Some(uid), Some(gid)) = (number(uid), number(gid)) else {
        bail!("root's ids are no ordinary user's");
    };
    if how != TERMINAL {
        setsid().context("cannot begin a session")?;
    }
    close_others().context("cannot close descriptors")?;
    drop_to(Uid::from_raw(uid), Gid::from_raw(gid)).context("cannot become that user")?;
    if shut == SHUT {
        set_no_new_privs(true)?;
    }
    let more = env::var(KEEP).unwrap_or_default();
    let names = KEPT.split(',').chain(more.split(',').filter(|name| !name.is_empty()));
    let kept: Vec<_> = names.filter_map(|name| Some((name, env::var_os(name)?))).collect();
    let mut command = Command::new(program);
    command.args(arguments).current_dir("/").env_clear();
    command.env("HOME", home).env("USER", account).env("LOGNAME", account);
    command.env("SHELL", "/bin/sh").envs(kept);
    Err(command.exec()).with_context(|| format!("cannot run {}", program.display()))
}

/// Closes all descriptors but the first three at the moment that the program is run.
fn close_others() -> io::Result<()> {
    // SAFETY: it takes three numbers, and no descriptor of this process is closed while it lives.
    let status =
        unsafe { libc::syscall(libc::SYS_close_range, 3u32, u32::MAX, libc::CLOSE_RANGE_CLOEXEC) };
    if status == 0 {
        return Ok(());
    }
    // A kernel before 5.11.
    for entry in std::fs::read_dir("/proc/self/fd")? {
        let number = entry?.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(number @ 3..) = number {
            // SAFETY: as above; the one that is read from has been marked so already.
            unsafe { libc::fcntl(number, libc::F_SETFD, libc::FD_CLOEXEC) };
        }
    }
    Ok(())
}

fn drop_to(uid: Uid, gid: Gid) -> Result<()> {
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    let none = CapabilitySet::empty();
    set_capabilities(None, CapabilitySets { effective: none, permitted: none, inheritable: none })?;
    let left = capabilities(None)?;
    let own = getuid() == uid && geteuid() == uid && getgid() == gid && getegid() == gid;
    if !own || !(left.effective | left.permitted | left.inheritable).is_empty() {
        bail!("the kernel left privileges");
    }
    // SAFETY: it takes a number and no name, and makes an empty keyring of this session's own (keyctl(2)).
    let joined = unsafe {
        libc::syscall(libc::SYS_keyctl, libc::KEYCTL_JOIN_SESSION_KEYRING, std::ptr::null::<u8>())
    };
    match io::Error::last_os_error() {
        // Kernels without keys have none that could be read.
        error if joined == -1 && error.raw_os_error() != Some(libc::ENOSYS) => {
            Err(error).context("cannot leave the keys of this session")
        }
        _ => Ok(()),
    }
}
