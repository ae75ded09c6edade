//! Links: from text to what it asks for.

use super::lines::{End, Gre, Kind, Link, Port, Set, Switch, Vxlan};
use super::parse::{Words, unknown};

/// `link add ...`
pub(super) fn link<'a>(words: &mut Words<'a>) -> Result<Link<'a>, String> {
    let mut end = End::default();
    let (mut up, mut master, mut parent) = (false, None, None);
    loop {
        match words.next()? {
            "up" => up = true,
            "master" => master = Some(words.next()?),
            "link" => parent = Some(words.next()?),
            "type" => break,
            word => of_end(&mut end, word, words)?,
        }
    }
    let kind = match words.next()? {
        "bond" => bond(words)?,
        "bridge" => bridge(words)?,
        "veth" => Kind::Veth { peer: peer(words)? },
        "vlan" => Kind::Vlan { id: only(words, "id")? },
        "dummy" => Kind::Dummy,
        "gre" => gre(words)?,
        "ipvlan" => Kind::Ipvlan { mode: mode(words, &[("l2", 0), ("l3", 1), ("l3s", 2)])? },
        "macvlan" => {
            Kind::Macvlan { mode: mode(words, &[("private", 1), ("vepa", 2), ("bridge", 4)])? }
        }
        "vxlan" => vxlan(words)?,
        "wireguard" => Kind::Wireguard,
        "vrf" => Kind::Vrf { table: only(words, "table")? },
        other => return Err(format!("links of type `{other}` are not known here")),
    };
    named(&end)?;
    Ok(Link { end, up, master, parent, kind })
}

/// What `word` says of `end`.
fn of_end<'a>(end: &mut End<'a>, word: &str, words: &mut Words<'a>) -> Result<(), String> {
    match word {
        "name" => end.name = words.next()?,
        "mtu" => end.mtu = Some(words.value()?),
        "address" => end.mac = Some(mac(words.next()?)?),
        "netns" => end.netns = Some(words.next()?),
        other => return Err(unknown(other)),
    }
    Ok(())
}

fn named(end: &End) -> Result<(), String> {
    if end.name.is_empty() { Err("a link needs a name".into()) } else { Ok(()) }
}

/// `link set dev NAME ...`
pub(super) fn set<'a>(words: &mut Words<'a>) -> Result<Set<'a>, String> {
    words.expect("dev")?;
    let mut set =
        Set { link: words.next()?, up: false, mtu: None, mac: None, master: None, port: None };
    let mut word = words.next()?;
    loop {
        match word {
            "up" => set.up = true,
            "type" => {
                words.expect("bridge_slave")?;
                set.port = Some(port(words)?);
            }
            "mtu" => set.mtu = Some(words.value()?),
            "address" => set.mac = Some(mac(words.next()?)?),
            "master" => set.master = Some(words.next()?),
            other => return Err(unknown(other)),
        }
        match words.more() {
            Some(more) => word = more,
            None => return Ok(set),
        }
    }
}

fn port(words: &mut Words) -> Result<Port, String> {
    let mut port = Port::default();
    while let Some(word) = words.more() {
        let option = match word {
            "isolated" => &mut port.isolated,
            "locked" => &mut port.locked,
            "learning" => &mut port.learning,
            other => return Err(unknown(other)),
        };
        *option = Some(match words.next()? {
            "on" => true,
            "off" => false,
            other => return Err(unknown(other)),
        });
    }
    Ok(port)
}

/// `tuntap add dev NAME mode tap`
pub(super) fn tap<'a>(words: &mut Words<'a>) -> Result<&'a str, String> {
    words.expect("dev")?;
    let name = words.next()?;
    words.expect("mode")?;
    words.expect("tap")?;
    Ok(name)
}

fn bond<'a>(words: &mut Words<'a>) -> Result<Kind<'a>, String> {
    let modes = [
        ("balance-rr", 0),
        ("active-backup", 1),
        ("balance-xor", 2),
        ("broadcast", 3),
        ("802.3ad", 4),
        ("balance-tlb", 5),
        ("balance-alb", 6),
    ];
    let mode = mode(words, &modes)?;
    Ok(Kind::Bond { mode, miimon: only(words, "miimon")? })
}

fn bridge<'a>(words: &mut Words<'a>) -> Result<Kind<'a>, String> {
    let mut switch = Switch::default();
    while let Some(word) = words.more() {
        match word {
            "mcast_snooping" => switch.snooping = Some(words.value()?),
            "mcast_querier" => switch.querier = Some(words.value()?),
            "stp_state" => switch.stp = Some(words.value()?),
            "forward_delay" => switch.forward_delay = Some(words.value()?),
            "priority" => switch.priority = Some(words.value()?),
            "vlan_filtering" => switch.vlan_filtering = Some(words.value()?),
            other => return Err(unknown(other)),
        }
    }
    Ok(Kind::Bridge(switch))
}

fn gre<'a>(words: &mut Words<'a>) -> Result<Kind<'a>, String> {
    let mut gre = Gre::default();
    while let Some(word) = words.more() {
        match word {
            "local" => gre.local = Some(words.value()?),
            "remote" => gre.remote = Some(words.value()?),
            "key" => gre.key = Some(words.value()?),
            other => return Err(unknown(other)),
        }
    }
    Ok(Kind::Gre(gre))
}

fn vxlan<'a>(words: &mut Words<'a>) -> Result<Kind<'a>, String> {
    let mut vxlan = Vxlan::default();
    while let Some(word) = words.more() {
        match word {
            "id" => vxlan.id = words.value()?,
            "local" => vxlan.local = Some(words.value()?),
            "remote" | "group" => vxlan.remote = Some(words.value()?),
            "dev" => vxlan.dev = Some(words.next()?),
            "dstport" => vxlan.port = words.value()?,
            other => return Err(unknown(other)),
        }
    }
    Ok(Kind::Vxlan(vxlan))
}

/// The number of a mode that is named.
fn mode<N: Copy>(words: &mut Words, modes: &[(&str, N)]) -> Result<N, String> {
    words.expect("mode")?;
    let name = words.next()?;
    modes
        .iter()
        .find(|(mode, _)| *mode == name)
        .map(|(_, number)| *number)
        .ok_or_else(|| unknown(name))
}

/// A single option `name`.
fn only<T: std::str::FromStr<Err: std::fmt::Display>>(
    words: &mut Words,
    name: &str,
) -> Result<T, String> {
    words.expect(name)?;
    words.value()
}

fn peer<'a>(words: &mut Words<'a>) -> Result<End<'a>, String> {
    words.expect("peer")?;
    let mut end = End::default();
    while let Some(word) = words.more() {
        of_end(&mut end, word, words)?;
    }
    named(&end)?;
    Ok(end)
}

fn mac(text: &str) -> Result<[u8; 6], String> {
    let bytes: Option<Vec<u8>> =
        text.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    bytes
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| format!("`{text}` is not a hardware address"))
}

#[cfg(test)]
mod tests {
    use super::super::lines::Command;
    use super::super::parse::tests::one;
    use super::*;

    #[test]
    fn links_are_read_with_both_their_ends() {
        let end = |name, mac, netns| End { name, mtu: None, mac, netns };
        let mac = Some([2, 0, 0, 0, 0, 0x0c]);
        let Command::Link(link) = one(
            "link add name p mtu 1400 master br up type veth peer name e address 02:00:00:00:00:0c netns n",
        ) else {
            panic!("a link")
        };
        assert_eq!(
            (&link.end, link.up, link.master),
            (&End { mtu: Some(1400), ..end("p", None, None) }, true, Some("br"))
        );
        assert_eq!(link.kind, Kind::Veth { peer: end("e", mac, Some("n")) });
        let Command::Link(link) = one("link add link e name e.7 type vlan id 7") else {
            panic!("a link")
        };
        assert_eq!((link.parent, link.kind), (Some("e"), Kind::Vlan { id: 7 }));
        let Command::Link(link) = one("link add name br type bridge mcast_snooping 0") else {
            panic!("a link")
        };
        assert_eq!(link.kind, Kind::Bridge(Switch { snooping: Some(0), ..Switch::default() }));
    }

    #[test]
    fn links_of_every_kind_are_read_with_their_options() {
        let kind = |line| match one(line) {
            Command::Link(link) => link.kind,
            other => panic!("{other:?}"),
        };
        let switch = Switch {
            snooping: Some(1),
            querier: Some(1),
            stp: Some(1),
            forward_delay: Some(200),
            priority: Some(4096),
            vlan_filtering: Some(1),
        };
        let bridge = "link add name b type bridge mcast_snooping 1 mcast_querier 1 stp_state 1 forward_delay 200 priority 4096 vlan_filtering 1";
        assert_eq!(kind(bridge), Kind::Bridge(switch));
        assert_eq!(kind("link add name d type dummy"), Kind::Dummy);
        assert_eq!(kind("link add name w type wireguard"), Kind::Wireguard);
        assert_eq!(kind("link add name v type vrf table 10"), Kind::Vrf { table: 10 });
        let (local, remote) = ("10.0.0.1".parse().ok(), "10.0.0.2".parse().ok());
        let gre = Gre { local, remote, key: Some(7) };
        let line = "link add name g type gre local 10.0.0.1 remote 10.0.0.2 key 7";
        assert_eq!(kind(line), Kind::Gre(gre));
        let line = "link add link e name m type macvlan mode bridge";
        assert_eq!(kind(line), Kind::Macvlan { mode: 4 });
        assert_eq!(kind("link add link e name i type ipvlan mode l3"), Kind::Ipvlan { mode: 1 });
        let (local, remote) = ("fd00::1".parse().ok(), "ff05::100".parse().ok());
        let vxlan = Vxlan { id: 10, local, remote, dev: Some("e"), port: 4789 };
        let line =
            "link add name v type vxlan id 10 local fd00::1 group ff05::100 dev e dstport 4789";
        assert_eq!(kind(line), Kind::Vxlan(vxlan));
        let line = "link add name b type bond mode 802.3ad miimon 100";
        assert_eq!(kind(line), Kind::Bond { mode: 4, miimon: 100 });
        assert_eq!(one("tuntap add dev t mode tap"), Command::Tap("t"));
        let set = Set { link: "p", up: false, mtu: None, mac: None, master: Some("b"), port: None };
        assert_eq!(one("link set dev p master b"), Command::Set(set));
        let Command::Set(set) = one("link set dev p type bridge_slave isolated on learning off")
        else {
            panic!("a link")
        };
        let port = Port { isolated: Some(true), locked: None, learning: Some(false) };
        assert_eq!(set.port, Some(port));
    }
}
