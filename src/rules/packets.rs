//! The words that name packets in a lab file: `dhcp4 offer`, `tcp syn to port 80`.

use crate::packet::{dhcp4, dhcp6, frame};
use crate::rules::model::{Kind, PortIs, TcpKind};
use crate::text::{quoted, suggest};

const PROTOCOLS: [&str; 9] = ["dhcp4", "dhcp6", "icmp", "icmp6", "arp", "tcp", "udp", "ip", "ip6"];
const TCP_KINDS: [(&str, TcpKind); 4] = [("syn", TcpKind::Syn), ("syn-ack", TcpKind::SynAck), ("fin", TcpKind::Fin), ("rst", TcpKind::Rst)];
const PORT_WORDS: [&str; 3] = ["port", "from", "to"];

/// Reads the words.
///
/// # Errors
/// The first word that is wrong, and what it could be.
pub fn packet(text: &str) -> Result<Kind, String> {
    let mut words = Words(text.split_whitespace().collect());
    let Some(protocol) = words.next() else { return Err(format!("empty: expected one of {}", quoted(&PROTOCOLS))) };
    let kind = match protocol {
        "ip" => Kind::Ip(4),
        "ip6" => Kind::Ip(6),
        "arp" => Kind::Arp(words.one_of(&["request", "reply"], "ARP packet")?.map(|index| index as u16 + 1)),
        "icmp" => Kind::Icmp(4, icmp(&mut words, &frame::ICMP)?),
        "icmp6" => Kind::Icmp(6, icmp(&mut words, &frame::ICMP6)?),
        "tcp" => Kind::Tcp(tcp(&mut words)?, words.ports(&[])?),
        "udp" => Kind::Udp(words.ports(&[])?),
        "dhcp4" => Kind::Dhcp4(words.one_of(&dhcp4::TYPES, "DHCPv4 message")?.map(|index| index as u8 + 1)),
        "dhcp6" => dhcp6(&mut words)?,
        other => return Err(unknown("kind of packet", other, &PROTOCOLS)),
    };
    match words.next() {
        None => Ok(kind),
        Some(word) => Err(format!("`{word}` is one word too many behind `{}`", text[..text.rfind(word).unwrap_or(0)].trim())),
    }
}

fn icmp(words: &mut Words, names: &[(u8, &str)]) -> Result<Option<u8>, String> {
    let known: Vec<&str> = names.iter().map(|(_, name)| *name).collect();
    Ok(words.one_of(&known, "ICMP message")?.map(|index| names[index].0))
}

/// `syn` and its like, which may be left out in front of ports.
fn tcp(words: &mut Words) -> Result<Option<TcpKind>, String> {
    if words.0.first().is_none_or(|word| PORT_WORDS.contains(word)) {
        return Ok(None);
    }
    let known: Vec<&str> = TCP_KINDS.iter().map(|(name, _)| *name).chain(PORT_WORDS).collect();
    Ok(words.one_of(&known, "kind of segment")?.map(|index| TCP_KINDS[index].1))
}

fn dhcp6(words: &mut Words) -> Result<Kind, String> {
    let what = "DHCPv6 message";
    let first = words.one_of(&dhcp6::TYPES, what)?.map(|index| index as u8 + 1);
    let relays = [dhcp6::RELAY_FORWARD, dhcp6::RELAY_REPLY];
    Ok(match first {
        Some(relay) if relays.contains(&relay) => {
            // Relay messages in relay messages are all of one type.
            let inner = &dhcp6::TYPES[..dhcp6::TYPES.len() - relays.len()];
            Kind::Dhcp6 { relay: first, kind: words.one_of(inner, what)?.map(|index| index as u8 + 1) }
        }
        kind => Kind::Dhcp6 { relay: None, kind },
    })
}

fn unknown(what: &str, word: &str, known: &[&str]) -> String {
    match suggest(word, known.iter().copied()) {
        Some(near) => format!("there is no {what} `{word}`, did you mean `{near}`?"),
        None => format!("there is no {what} `{word}`, expected one of {}", quoted(known)),
    }
}

struct Words<'a>(Vec<&'a str>);

impl<'a> Words<'a> {
    fn next(&mut self) -> Option<&'a str> {
        (!self.0.is_empty()).then(|| self.0.remove(0))
    }

    /// Which of `known` the next word is, if there is one.
    fn one_of(&mut self, known: &[&str], what: &str) -> Result<Option<usize>, String> {
        let Some(word) = self.next() else { return Ok(None) };
        known.iter().position(|name| *name == word).map(Some).ok_or_else(|| unknown(what, word, known))
    }

    /// `[from|to] port N`, any number of times.
    fn ports(&mut self, before: &[PortIs]) -> Result<Vec<PortIs>, String> {
        let Some(first) = self.next() else { return Ok(before.to_vec()) };
        let make: fn(u16) -> PortIs = match first {
            "from" => PortIs::From,
            "to" => PortIs::To,
            "port" => PortIs::Either,
            other => return Err(unknown("condition on ports", other, &PORT_WORDS)),
        };
        if first != "port" && self.next() != Some("port") {
            return Err(format!("behind `{first}` goes `port`, as in `{first} port 80`"));
        }
        let Some(number) = self.next() else { return Err("behind `port` goes its number, as in `port 80`".into()) };
        match number.parse() {
            Ok(port @ 1..) => self.ports(&[before, &[make(port)]].concat()),
            _ => Err(format!("`{number}` is no port: 1 to 65535")),
        }
    }
}
