//! What a program listens on, as `--listens udp:53` has it.

use std::fmt;
use std::str::FromStr;

/// A port, and what is spoken there as far as a test can speak it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Listens {
    pub speaks: Speaks,
    pub port: u16,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speaks {
    Udp,
    Tcp,
    /// HTTP, on TCP.
    Http,
}

impl Speaks {
    /// `udp` or `tcp`, as conditions and path rules call it.
    pub fn transport(self) -> &'static str {
        match self {
            Speaks::Udp => "udp",
            Speaks::Tcp | Speaks::Http => "tcp",
        }
    }
}

impl FromStr for Listens {
    type Err = String;

    fn from_str(text: &str) -> Result<Listens, String> {
        let wanted = || format!("`{text}`: such as udp:53, tcp:25 or http:8080");
        let (speaks, port) = text.split_once(':').ok_or_else(wanted)?;
        let speaks = match speaks {
            "udp" => Speaks::Udp,
            "tcp" => Speaks::Tcp,
            "http" => Speaks::Http,
            _ => return Err(wanted()),
        };
        let port = port.parse().ok().filter(|port| *port > 0).ok_or_else(wanted)?;
        Ok(Listens { speaks, port })
    }
}

impl fmt::Display for Listens {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let speaks = match self.speaks {
            Speaks::Http => "http",
            other => other.transport(),
        };
        write!(f, "{speaks}:{}", self.port)
    }
}
