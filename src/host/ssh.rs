//! A machine that is reached by ssh, with the user's own configuration, keys and agent.

use crate::host::remote::Machine;
use std::fmt;
use std::str::FromStr;

/// What follows `ssh://`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    user: Option<String>,
    /// A name of the user's ssh configuration, a host name or an address.
    machine: String,
    port: Option<u16>,
}

impl FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Destination, String> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let (user, rest) = match text.rsplit_once('@') {
            Some((user, rest)) => (Some(user), rest),
            None => (None, text),
        };
        // An IPv6 address stands in brackets (RFC 3986, 3.2.2).
        let (machine, port) =
            match rest.strip_prefix('[').and_then(|inner| inner.split_once(']')) {
                Some((address, "")) => (address, None),
                Some((address, port)) => (
                    address,
                    Some(port.strip_prefix(':').ok_or(format!(
                        "`{port}` is not a `:port`: `ssh://[user@]machine[:port]`"
                    ))?),
                ),
                None => rest
                    .split_once(':')
                    .map_or((rest, None), |(machine, port)| (machine, Some(port))),
            };
        let port = match port.map(str::parse) {
            None => None,
            Some(Ok(port)) if port > 0 => Some(port),
            Some(_) => {
                return Err(format!(
                    "`{}` is not a port, 1 to 65535: `ssh://[user@]machine[:port]`",
                    port.unwrap_or_default()
                ));
            }
        };
        // ssh would take a leading dash for an option, and its configuration may hand names to a
        // shell.
        let name = |text: &str, more: &str| {
            !text.starts_with('-') && text.chars().all(|c| c.is_alphanumeric() || more.contains(c))
        };
        if machine.is_empty() || !name(machine, "-_.:%") {
            return Err(format!("`{machine}` is not a machine: `ssh://[user@]machine[:port]`"));
        }
        if let Some(user) = user.filter(|user| user.is_empty() || !name(user, "-_.+@\\")) {
            return Err(format!("`{user}` is not a user: `ssh://[user@]machine[:port]`"));
        }
        Ok(Destination { user: user.map(String::from), machine: machine.into(), port })
    }
}

impl fmt::Display for Destination {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        if let Some(user) = &self.user {
            write!(f, "{user}@")?;
        }
        match self.machine.contains(':') {
            true => write!(f, "[{}]", self.machine)?,
            false => f.write_str(&self.machine)?,
        }
        self.port.map_or(Ok(()), |port| write!(f, ":{port}"))
    }
}

impl Destination {
    /// The machine, and how it is reached.
    pub fn machine(&self) -> Machine {
        Machine {
            name: self.to_string(),
            piped: self.words(false),
            terminal: self.words(true),
            quoted: true,
            own: false,
            here: false,
        }
    }

    /// The ssh command without the command it is to run (ssh(1), ssh_config(5)).
    fn words(&self, terminal: bool) -> Vec<String> {
        // A machine that does not answer is noticed in 15 s, one that has gone in 45 s. A
        // connection that the user shares (ControlPath) is used; but one that this ssh opened would
        // outlive it. The configuration's forwards would collide between connections side by side.
        let mut words = vec![
            "ssh",
            "-o",
            "ConnectTimeout=15",
            "-o",
            "ServerAliveInterval=15",
            "-o",
            "ControlMaster=no",
        ];
        words.extend(["-o", "ClearAllForwardings=yes", "-o", "LogLevel=ERROR"]);
        // Nobody could answer a question of one that runs beside others, in the background.
        words.extend(if terminal { &["-t"][..] } else { &["-T", "-o", "BatchMode=yes"] });
        let mut words: Vec<String> = words.into_iter().map(String::from).collect();
        if let Some(port) = self.port {
            words.extend(["-p".into(), port.to_string()]);
        }
        if let Some(user) = &self.user {
            words.extend(["-l".into(), user.clone()]);
        }
        words.extend(["--".into(), self.machine.clone()]);
        words
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> String {
        text.parse::<Destination>().unwrap().words(false).join(" ")
    }

    #[test]
    fn all_parts_reach_ssh() {
        assert!(words("lab").ends_with(" -T -o BatchMode=yes -- lab"));
        assert!(words("me@lab.example.org:2222").ends_with(" -p 2222 -l me -- lab.example.org"));
        assert!(words("[fe80::1%eth0]:22/").ends_with(" -p 22 -- fe80::1%eth0"));
        assert!(words("me@[::1]").ends_with(" -l me -- ::1"));
    }

    #[test]
    fn a_terminal_may_be_asked() {
        let words = "lab".parse::<Destination>().unwrap().words(true).join(" ");
        assert!(words.contains(" -t ") && !words.contains("BatchMode"), "{words}");
    }

    #[test]
    fn it_is_shown_as_it_was_written() {
        for text in ["lab", "me@lab", "me@lab:22", "[::1]:22", "me@[fe80::1%eth0]"] {
            assert_eq!(text.parse::<Destination>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_ssh_would_take_for_something_else_is_refused() {
        for wrong in [
            "",
            "@lab",
            "-oProxyCommand=x",
            "me@-lab",
            "-l@lab",
            "lab:",
            "lab:0",
            "lab:70000",
            "lab:x",
            "[::1]x",
        ] {
            assert!(wrong.parse::<Destination>().is_err(), "{wrong}");
        }
        for wrong in ["lab/path", "a b", "lab;x", "$(x)", "`x`@lab", "me:secret@lab", "lab\n"] {
            assert!(wrong.parse::<Destination>().is_err(), "{wrong}");
        }
    }
}
