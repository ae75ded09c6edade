//! Whether what is sent in a node can get out of it, and what does: that nobody answered proves
//! nothing of a question that was never asked.

use super::{Gone, Sandbox};
use rustix::net::{AddressFamily, RecvFlags, SocketFlags, SocketType, eth, recv, socket_with};
use std::io;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

/// The longest frame that is looked at; the messages of DHCP are shorter.
const FRAME: usize = 2048;
/// How long the kernel may take to tell one end of a cable of the other.
const TOLD: Duration = Duration::from_secs(5);
/// How many frames are looked at.
const FRAMES: usize = 4096;

/// Hears what all links of a node send and receive, as far as the kernel has room.
pub struct Listener(OwnedFd);

impl Listener {
    /// What was sent and received until now and is not yet known.
    pub fn frames(&self) -> Vec<Vec<u8>> {
        let mut room = [0; FRAME];
        let mut frames = Vec::new();
        while frames.len() < FRAMES
            && let Ok((length, _)) = recv(&self.0, &mut room[..], RecvFlags::DONTWAIT)
        {
            frames.push(room[..length].to_vec());
        }
        frames
    }
}

impl Sandbox {
    /// Listens in `node` from now on.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn listen(&self, node: &str) -> io::Result<Listener> {
        let open = || {
            let (family, kind) = (AddressFamily::PACKET, SocketType::RAW);
            socket_with(family, kind, SocketFlags::CLOEXEC, Some(eth::ALL))
        };
        Ok(Listener(self.in_node(node, open)??))
    }

    /// Why nothing that `node` sends to `to` gets out of it, from one of its addresses or links if
    /// that is given; `None` if it does.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn no_way(
        &self,
        node: &str,
        to: IpAddr,
        from: Option<&str>,
    ) -> Result<Option<String>, Gone> {
        let to = to.to_string();
        let mut words = vec!["ip", "-o", "route", "get", &to];
        let is_address = |from: &str| from.parse::<IpAddr>().is_ok();
        words.extend(
            from.iter().flat_map(|from| [if is_address(from) { "from" } else { "oif" }, from]),
        );
        let route = self.run(self.program(node, &words))?;
        let words = String::from_utf8_lossy(&route.stdout).into_owned();
        match after(&words, "dev") {
            Some(link) if route.exit == 0 => self.dark(node, link),
            _ => Ok(Some(format!("there is no route to {to}"))),
        }
    }

    /// Why nothing gets out of `link` of `node`; `None` if it does.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn dark(&self, node: &str, link: &str) -> Result<Option<String>, Gone> {
        let text = self.look_at(node, link)?;
        let is = |flag: &str| flags(&text).any(|one| one == flag);
        Ok(match (is("UP"), is("LOWER_UP")) {
            (true, true) => None,
            (true, false) => Some(format!("{link} has no carrier: its cable is pulled")),
            (false, _) => Some(format!("{link} is down")),
        })
    }

    /// Waits until the kernel has told the end `link` of a cable, in `node`, whether the other end
    /// is `up`, which it may do a second later; whether it has, or its own end is down anyway.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn heard(&self, node: &str, link: &str, up: bool) -> Result<bool, Gone> {
        self.until(Instant::now() + TOLD, || {
            let text = self.look_at(node, link)?;
            let is_up = after(&text, "state") == Some("UP");
            Ok(is_up == up || !flags(&text).any(|flag| flag == "UP"))
        })
    }

    /// The hardware address of `link` of `node`.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn hardware_address(&self, node: &str, link: &str) -> Result<Option<String>, Gone> {
        Ok(after(&self.look_at(node, link)?, "link/ether").map(String::from))
    }

    fn look_at(&self, node: &str, link: &str) -> Result<String, Gone> {
        let shown = self.run(self.program(node, &["ip", "-o", "link", "show", "dev", link]))?;
        Ok(String::from_utf8_lossy(&shown.stdout).into_owned())
    }
}

/// The flags of a link in a line of ip-link(8).
fn flags(text: &str) -> impl Iterator<Item = &str> {
    let flags = text.split_once('<').and_then(|(_, rest)| rest.split_once('>'));
    flags.map(|(flags, _)| flags.split(',')).into_iter().flatten()
}

/// What stands after `word` in a line of ip(8).
fn after<'t>(text: &'t str, word: &str) -> Option<&'t str> {
    text.split_whitespace().skip_while(|other| *other != word).nth(1)
}
