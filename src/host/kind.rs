//! Which host the user means: `--host`, `LABRUN_HOST`, or what suits the operating system.

use super::ssh::Destination;
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
            _ => Err("labs need Linux: name a Linux machine with `--host ssh://[user@]machine`".into()),
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
            _ => match value.strip_prefix("ssh://") {
                Some(rest) => rest.parse().map(HostKind::Ssh),
                None => Err("a host is `auto`, `native`, `lima` or `ssh://[user@]machine[:port]`".into()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        for wrong in ["", "Lima", "lima://x", "lab.example.org", "ssh:/lab", "Native", "http://lab"] {
            let why = wrong.parse::<HostKind>().unwrap_err();
            assert!(why.contains("`native`") && why.contains("`ssh://"), "{wrong}: {why}");
        }
    }
}
