//! Which host the user means: `--host`, `LABRUN_HOST`, or what suits the operating system.

use crate::host::ssh::Destination;
use crate::host::user::Account;
use crate::quote::shell;
use std::fmt;
use std::str::FromStr;

/// A kind of host, not yet looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HostKind {
    /// This machine.
    Native,
    /// The Lima VM on this machine.
    Lima,
    /// This machine for the labs that it can run, the VM, if there is one, for the others.
    Auto,
    /// Another machine, by ssh.
    Ssh(Destination),
    /// This machine, as another user, who may do nothing.
    User(Account),
}

impl HostKind {
    /// What suits `os`, a value of [`std::env::consts::OS`]. It is a parameter so that every answer
    /// can be tested on any system.
    ///
    /// # Errors
    /// Where labs can only run on another machine, which must be named.
    pub fn default_for(os: &str) -> Result<HostKind, String> {
        match os {
            "linux" => Ok(HostKind::Auto),
            "macos" => Ok(HostKind::Lima),
            _ => {
                Err("labs need Linux: name a Linux machine with `--host ssh://[user@]machine`"
                    .into())
            }
        }
    }

    /// What a command must say, after a space, to mean this host, where one that says nothing means
    /// `unsaid`.
    pub fn at(&self, unsaid: Option<&HostKind>) -> String {
        match (self, unsaid) {
            (kind, Some(unsaid)) if kind == unsaid => String::new(),
            // What is up on this machine is found all the same.
            (HostKind::Native, Some(HostKind::Auto)) => String::new(),
            _ => format!(" --host {}", shell(&self.to_string())),
        }
    }
}

impl FromStr for HostKind {
    type Err = String;

    fn from_str(value: &str) -> Result<HostKind, String> {
        match value {
            "native" => Ok(HostKind::Native),
            "lima" => Ok(HostKind::Lima),
            "auto" => Ok(HostKind::Auto),
            _ => match value.split_once("://") {
                Some(("ssh", rest)) => rest.parse().map(HostKind::Ssh),
                Some(("user", name)) => name.parse().map(HostKind::User),
                _ => {
                    Err("a host is `auto`, `native`, `lima`, `ssh://[user@]machine[:port]` or `user://NAME`"
                        .into())
                }
            },
        }
    }
}

impl fmt::Display for HostKind {
    /// As [`FromStr`] reads it.
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            HostKind::Native => f.write_str("native"),
            HostKind::Lima => f.write_str("lima"),
            HostKind::Auto => f.write_str("auto"),
            HostKind::Ssh(destination) => write!(f, "ssh://{destination}"),
            HostKind::User(account) => write!(f, "user://{account}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_is_read_again() {
        for text in [
            "native",
            "lima",
            "auto",
            "ssh://me@lab.example.org",
            "ssh://[fd00::1]:2222",
            "user://labs",
        ] {
            assert_eq!(text.parse::<HostKind>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_goes_without_saying_is_not_said() {
        let ssh: HostKind = "ssh://me@lab:2222".parse().unwrap();
        assert_eq!(ssh.at(Some(&HostKind::Auto)), " --host ssh://me@lab:2222");
        assert_eq!(ssh.at(Some(&ssh)), "");
        assert_eq!(ssh.at(None), " --host ssh://me@lab:2222");
        assert_eq!(HostKind::Lima.at(Some(&HostKind::Auto)), " --host lima");
        assert_eq!(HostKind::Native.at(Some(&HostKind::Auto)), "");
        assert_eq!(HostKind::Auto.at(Some(&HostKind::Lima)), " --host auto");
    }

    #[test]
    fn only_linux_runs_labs_itself() {
        assert_eq!(HostKind::default_for("linux"), Ok(HostKind::Auto));
        assert_eq!(HostKind::default_for("macos"), Ok(HostKind::Lima));
        for os in ["windows", "freebsd", ""] {
            let why = HostKind::default_for(os).unwrap_err();
            assert!(why.contains("--host ssh://"), "{os}: {why}");
        }
    }

    #[test]
    fn what_is_no_host_is_told_what_one_is() {
        assert_eq!("native".parse(), Ok(HostKind::Native));
        assert_eq!("lima".parse(), Ok(HostKind::Lima));
        assert_eq!("auto".parse(), Ok(HostKind::Auto));
        assert!(matches!("ssh://lab".parse(), Ok(HostKind::Ssh(_))));
        assert!(matches!("user://labs".parse(), Ok(HostKind::User(_))));
        for wrong in ["", "Lima", "lima://x", "lab.example.org", "ssh:/lab", "Native", "http://lab"]
        {
            let why = wrong.parse::<HostKind>().unwrap_err();
            assert!(why.contains("`native`") && why.contains("`ssh://"), "{wrong}: {why}");
        }
    }
}
