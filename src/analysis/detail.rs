//! The messages of a ladder taken apart, for who asks what is in one, where it was seen and which way it
//! went on.

use crate::analysis::ladder::{Extent, Ladder, Row, Sites};
use crate::packet::capture::{Capture, Packet};
use crate::packet::frame::Frame;
use crate::packet::pcapng::interface_name;
use crate::packet::protocol::Identity;
use crate::text::{cut, plain};
use crate::topology::model::{GLOBAL, Topology};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};

/// So many bytes of a message are kept, so many of its sightings, and so many columns of a field.
const BYTES: usize = 512;
const SIGHTINGS: usize = 64;
const VALUE: usize = 200;
/// So many rows are taken apart beyond those that are drawn anyway.
const MORE: usize = 40;

/// A row of a ladder, taken apart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Detail {
    /// Which row.
    pub row: usize,
    /// The first row on the way of the same message.
    pub first: usize,
    /// The interface that it left by, as NODE/LINK; empty if there is none.
    pub from: String,
    /// Those that it reached.
    pub to: Vec<String>,
    pub seen: Vec<Sighting>,
    /// What it holds, from the outside in.
    pub layers: Vec<Fields>,
    /// Its first bytes, in hexadecimal digits.
    pub bytes: String,
    /// How many bytes it has.
    pub length: u64,
}

/// Where and when a message was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sighting {
    /// Microseconds since the first message.
    pub at: u64,
    /// A port of a bridge, or NODE/LINK.
    pub place: String,
    /// Whether the interface sent it.
    pub sent: bool,
}

/// What a message holds of a protocol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fields {
    pub protocol: String,
    /// Names as lab files have them, and values.
    pub fields: Vec<(String, String)>,
}

/// Takes apart those rows of `ladder`, which is that of `capture`, that are drawn, and those on the way of the
/// messages in the rows `wanted`.
pub fn details(
    lab: &Topology,
    capture: &Capture,
    ladder: &Ladder,
    wanted: &BTreeSet<usize>,
) -> Vec<Detail> {
    let first = |row: &Row| capture.packets.get(*row.packets.first()?);
    let hidden = Extent::LONG.hidden(ladder.rows.len());
    let drawn = (0..ladder.rows.len()).filter(|row| !hidden.contains(row));
    let mut rows: BTreeSet<usize> = drawn.chain(wanted.iter().copied().take(MORE)).collect();
    let mut firsts: HashMap<Identity, usize> = HashMap::new();
    let mut ways = vec![0; ladder.rows.len()];
    for (index, row) in ladder.rows.iter().enumerate() {
        let Some(packet) = first(row) else { continue };
        ways[index] = *firsts.entry(Frame::of(&packet.data).identity()).or_insert(index);
    }
    let on_way = |row: &usize| wanted.iter().any(|other| ways.get(*other) == Some(&ways[*row]));
    let more: Vec<usize> =
        hidden.filter(|row| !rows.contains(row) && on_way(row)).take(MORE).collect();
    rows.extend(more);
    let sites = Sites::of(lab);
    let plugs = Plugs::of(lab, &sites);
    let began = capture.began();
    rows.into_iter()
        .filter_map(|index| {
            let row = ladder.rows.get(index)?;
            let packets: Vec<&Packet> =
                row.packets.iter().filter_map(|number| capture.packets.get(*number)).collect();
            let end = |node: &usize| plugs.end(ladder.nodes.get(*node)?, &packets);
            let packet = packets.first()?;
            Some(Detail {
                row: index,
                first: ways[index],
                from: end(&row.from).unwrap_or_default(),
                to: row.to.iter().filter_map(end).collect(),
                seen: packets.iter().take(SIGHTINGS).map(|one| sighting(one, began)).collect(),
                layers: layers(&packet.data),
                bytes: packet.data.iter().take(BYTES).map(|byte| format!("{byte:02x}")).collect(),
                length: packet.length.into(),
            })
        })
        .collect()
}

fn sighting(packet: &Packet, began: u64) -> Sighting {
    Sighting {
        at: packet.time.saturating_sub(began) / 1000,
        place: plain(&interface_name(&packet.interface)),
        sent: packet.direction.is_sent(),
    }
}

fn layers(data: &[u8]) -> Vec<Fields> {
    let value = |value: String| cut(&plain(&value), VALUE);
    Frame::of(data)
        .fields()
        .map(|(protocol, fields)| Fields {
            protocol: protocol.title.into(),
            fields: fields.map(|(name, found)| (name.into(), value(found.to_string()))).collect(),
        })
        .collect()
}

/// The interfaces of nodes, which drawings have; at the other end of a cable is the port that packets were
/// seen at.
struct Plugs<'a> {
    lab: &'a Topology,
    sites: &'a Sites,
    /// Each with its node and its network.
    all: Vec<(String, String, usize)>,
}

impl Plugs<'_> {
    fn of<'a>(lab: &'a Topology, sites: &'a Sites) -> Plugs<'a> {
        let links = lab.wiring().links.into_iter();
        let links = links.map(|one| (plain(&lab.nodes[one.node].name), &one.link.name, one.net));
        let own = lab.own_bridges().map(|(net, bridge)| (GLOBAL.to_string(), &bridge.name, net));
        let plug = |(node, link, net): (String, &String, usize)| (plug(&node, link), node, net);
        Plugs { lab, sites, all: links.chain(own).map(plug).collect() }
    }

    /// The interface of `node` by which a message with these sightings left it or came in: where it was seen,
    /// or else any in the same network, because not everything is captured at both ends.
    fn end(&self, node: &str, packets: &[&Packet]) -> Option<String> {
        let sites = || packets.iter().filter_map(|packet| self.sites.sites.get(&packet.interface));
        let seen: Vec<String> = packets.iter().map(|packet| self.name(packet)).collect();
        let own = self.all.iter().filter(|(_, owner, _)| owner == node);
        let near = own.clone().find(|(name, ..)| seen.contains(name));
        let far = || own.clone().find(|(.., net)| sites().any(|site| site.net == *net));
        near.or_else(far).map(|(name, ..)| name.clone())
    }

    fn name(&self, packet: &Packet) -> String {
        let place = &packet.interface;
        let port = self.lab.ports().find(|port| place.node == GLOBAL && port.name == place.link);
        match port {
            Some(port) => plug(&port.node.name, &port.link.name),
            None => plug(&place.node, &place.link),
        }
    }
}

fn plug(node: &str, link: &str) -> String {
    format!("{}/{}", plain(node), plain(link))
}
