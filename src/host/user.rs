//! Another user of this machine, as whom root has labs run: a user who may do nothing is a barrier that a lab cannot
//! take away, as it can the mounts of a lab that is root's.

use crate::error::Failure;
use crate::host::allowed;
use crate::host::native::is_root;
use crate::host::remote::Machine;
use crate::process;
use anyhow::{Context, Result};
use std::fmt;
use std::fs;
use std::str::FromStr;

/// The word that asks labrun to be the way (door.rs).
pub const VERB: &str = "_as";
/// The variable that names those that come along, with commas between them.
pub const KEEP: &str = "LABRUN_KEEP";
/// Says that a terminal of its own has been made for what is run.
pub const TERMINAL: &str = "terminal";
/// Says that nothing that is run may become somebody else, not even by a set-user-ID program.
pub const SHUT: &str = "shut";

/// What follows `user://`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account(String);

impl FromStr for Account {
    type Err = String;

    fn from_str(name: &str) -> Result<Account, String> {
        let known = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        let number = name.chars().all(|c| c.is_ascii_digit());
        match name.chars().all(known) && !number && !name.starts_with('-') {
            true => Ok(Account(name.into())),
            false => Err(format!("`{name}` is not the name of a user: `user://NAME`")),
        }
    }
}

impl fmt::Display for Account {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Groups whose members are as good as root, or read what is root's.
const MIGHTY: [&str; 16] = [
    "adm",
    "admin",
    "disk",
    "docker",
    "incus",
    "incus-admin",
    "kmem",
    "libvirt",
    "lxd",
    "podman",
    "root",
    "shadow",
    "staff",
    "sudo",
    "systemd-journal",
    "wheel",
];

/// Where ids of user namespaces are lent from; below this they may be those of somebody.
const LENT: u64 = 1000;

impl Account {
    /// The way to labs as this user, who turns out fit for it.
    ///
    /// # Errors
    /// If labrun is not root's, or the user is none, or one who may do more than others, or nothing at all.
    pub fn machine(&self) -> Result<Machine> {
        if !is_root() {
            return Err(refused(format!(
                "only root can have labs run as another user: `sudo labrun --host user://{self}`. As an ordinary user leave \
                 `--host` out: your labs are in user namespaces anyway, and can do what you can"
            )));
        }
        let (uid, gid, home) = self.found()?;
        let shut = !self.has_range(uid)?;
        self.is_harmless(uid, gid, shut)?;
        let machine = self.way(&std::env::current_exe()?.to_string_lossy(), uid, gid, &home, shut);
        let probe = |words: &[&str]| {
            let probe = machine.piped.iter().map(String::as_str).chain(words.iter().copied());
            process::output(&probe.collect::<Vec<_>>(), Vec::new())
                .is_ok_and(|output| output.status.success())
        };
        if let Some((why, way)) = allowed::other(&probe) {
            return Err(refused(format!("the user `{self}` cannot run labs: {why}: {way}")));
        }
        Ok(machine)
    }

    /// Its number, that of its group, and its home.
    fn found(&self) -> Result<(u32, u32, String)> {
        let words = ["getent", "passwd", &self.0].map(String::from);
        let seen = process::capture(&words)?.stdout;
        let fields: Vec<&str> = seen.lines().next().unwrap_or_default().split(':').collect();
        if fields.len() < 7 || fields[0] != self.0 {
            return Err(refused(format!(
                "there is no user `{self}`: make one that has nothing, `useradd --system --add-subids-for-system --no-create-home \
                 --home-dir /nonexistent --shell /usr/sbin/nologin {self}`"
            )));
        }
        let number = |text: &str| text.parse().context("getent passwd said something odd");
        Ok((number(fields[2])?, number(fields[3])?, fields[5].into()))
    }

    /// It may do no more than anybody. Who is `shut` in becomes nobody else by sudo anyway.
    fn is_harmless(&self, uid: u32, gid: u32, shut: bool) -> Result<()> {
        let no = |why: &str| {
            Err(refused(format!(
                "the user `{self}` {why}, so a lab would be kept from nothing: name one that may do nothing, such as `nobody`"
            )))
        };
        if uid == 0 || gid == 0 {
            return no("is root, or of root's group");
        }
        let groups = process::capture(&["id", "-Gn", "--", &self.0].map(String::from))?;
        if groups.status != 0 || groups.stdout.trim().is_empty() {
            return no("is in groups that cannot be told");
        }
        if let Some(group) = groups.stdout.split_whitespace().find(|group| MIGHTY.contains(group)) {
            return no(&format!("is in the group {group}"));
        }
        // Without a password; one that a lab does not know helps it to nothing.
        let sudo = ["env", "LC_ALL=C", "sudo", "-n", "-l", "-U", &self.0].map(String::from);
        if which::which("sudo").is_err() {
            return Ok(());
        }
        let may = process::capture(&sudo)?.stdout;
        if may.contains("NOPASSWD") || may.contains("!authenticate") {
            return no("may use sudo without a password");
        }
        // It names who may do nothing, too.
        match may.trim().is_empty() && !shut {
            true => no("may use sudo in a way that it does not tell"),
            false => Ok(()),
        }
    }

    /// Whether it has a range of ids, which a set-user-ID program gives it; the same that scripts/sandbox.sh asks.
    fn has_range(&self, uid: u32) -> Result<bool> {
        let lent = |file: &str| -> Vec<u64> {
            let text = fs::read_to_string(file).unwrap_or_default();
            let fields = text.lines().map(|line| line.split(':').collect::<Vec<_>>());
            fields
                .filter(|of| of.len() == 3 && (of[0] == self.0 || of[0] == uid.to_string()))
                .filter_map(|of| of[1].parse().ok())
                .collect()
        };
        let (users, groups) = (lent("/etc/subuid"), lent("/etc/subgid"));
        if users.iter().chain(&groups).any(|first| *first < LENT) {
            return Err(refused(format!(
                "the user `{self}` may use ids below {LENT} by /etc/subuid or /etc/subgid, which are those of others: give it a \
                 range of its own, by `usermod --add-subuids` and `--add-subgids`"
            )));
        }
        Ok(!users.is_empty() && which::which("newuidmap").is_ok())
    }

    /// The way to it by `labrun`, this program.
    fn way(&self, labrun: &str, uid: u32, gid: u32, home: &str, shut: bool) -> Machine {
        let door = |how: &str| {
            let shut = if shut { SHUT } else { "open" };
            let (uid, gid) = (uid.to_string(), gid.to_string());
            [labrun, VERB, &uid, &gid, how, shut, &self.0, home].map(String::from).to_vec()
        };
        Machine {
            name: format!("the user `{self}`"),
            piped: door("pipes"),
            terminal: door(TERMINAL),
            quoted: false,
            own: false,
            here: true,
        }
    }
}

fn refused(why: String) -> anyhow::Error {
    Failure::machine(why).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_be_taken_for_something_else_is_no_name() {
        for wrong in ["", "-x", "a b", "0", "1000", "a/b", "a:b", "a;b", "$(x)", "x\n", "é"] {
            assert!(wrong.parse::<Account>().is_err(), "{wrong:?}");
        }
        for name in ["nobody", "labrun-labs", "_x", "a.b", "u1"] {
            assert_eq!(name.parse::<Account>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn who_has_no_range_of_ids_is_shut_in_for_good() {
        let way = |shut| Account("labs".into()).way("/labrun", 7, 8, "/h", shut).piped.join(" ");
        assert_eq!(way(true), "/labrun _as 7 8 pipes shut labs /h");
        assert_eq!(way(false), "/labrun _as 7 8 pipes open labs /h");
    }
}
