//! Captures as files that Wireshark opens: writing pcapng (draft-ietf-opsawg-pcapng), and reading
//! it.
//!
//! Each interface is one of the file's, by its name, with that of its node in front (`client/eth0`)
//! unless it is in the lab's own namespace. What was lost is told by the statistics at the end.

use crate::packet::capture::{Capture, GLOBAL, InterfaceId, Packet};
use anyhow::Result;
use std::collections::HashMap;
use std::io::{self, Write};

/// Types of blocks.
pub(crate) mod block {
    pub const SECTION: u32 = 0x0a0d_0d0a;
    pub const INTERFACE: u32 = 1;
    pub const SIMPLE_PACKET: u32 = 3;
    pub const STATISTICS: u32 = 5;
    pub const PACKET: u32 = 6;
}

/// Types of options, each of one kind of block only.
pub(crate) mod option {
    pub const COMMENT: u16 = 1;
    pub const SECTION_PROGRAM: u16 = 4;
    pub const INTERFACE_NAME: u16 = 2;
    pub const INTERFACE_DESCRIPTION: u16 = 3;
    pub const INTERFACE_RESOLUTION: u16 = 9;
    pub const INTERFACE_OFFSET: u16 = 14;
    pub const PACKET_FLAGS: u16 = 2;
    pub const STATISTICS_DROPPED: u16 = 5;
    pub const STATISTICS_DROPPED_BY_SYSTEM: u16 = 7;
}

/// What a section's header has after its length, in the order of bytes that the section is in.
pub(crate) const BYTE_ORDER: u32 = 0x1a2b_3c4d;
/// LINKTYPE_ETHERNET (tcpdump.org/linktypes.html).
pub(crate) const ETHERNET: u16 = 1;
/// Bits 0 and 1 of a packet's flags.
pub(crate) const RECEIVED: u32 = 1;
pub(crate) const SENT: u32 = 2;
/// How the comment on the statistics begins that tells how many packets were left out.
pub(crate) const LEFT_OUT: &str = "packets left out: ";
/// The same of bulk data.
pub(crate) const BULK_LEFT_OUT: &str = "packets of bulk data left out: ";

/// Writes a capture as it comes.
pub struct Writer<'a, W: Write> {
    out: W,
    describe: &'a dyn Fn(&InterfaceId) -> String,
    interfaces: HashMap<InterfaceId, u32>,
}

impl<'a, W: Write> Writer<'a, W> {
    /// Begins a capture in `out`; `describe` says to people where a place is, or nothing.
    ///
    /// # Errors
    /// Those of `out`, here and below.
    pub fn new(mut out: W, describe: &'a dyn Fn(&InterfaceId) -> String) -> io::Result<Self> {
        let mut body = Vec::from(BYTE_ORDER.to_le_bytes());
        // Version 1.0, of a length that is not told.
        body.extend([1, 0, 0, 0]);
        body.extend(u64::MAX.to_le_bytes());
        put_option(
            &mut body,
            option::SECTION_PROGRAM,
            concat!("labrun ", env!("CARGO_PKG_VERSION")).as_bytes(),
        );
        put_end(&mut body);
        put_block(&mut out, block::SECTION, &body)?;
        Ok(Writer { out, describe, interfaces: HashMap::new() })
    }

    /// Writes a packet.
    ///
    /// # Errors
    /// As above.
    pub fn packet(&mut self, packet: &Packet) -> io::Result<()> {
        let interface = self.interface(&packet.interface)?;
        let mut body = Vec::with_capacity(packet.data.len() + 64);
        body.extend(interface.to_le_bytes());
        body.extend(((packet.time >> 32) as u32).to_le_bytes());
        body.extend((packet.time as u32).to_le_bytes());
        body.extend((packet.data.len() as u32).to_le_bytes());
        body.extend(packet.length.to_le_bytes());
        put_padded(&mut body, &packet.data);
        put_option(
            &mut body,
            option::PACKET_FLAGS,
            &if packet.direction.is_sent() { SENT } else { RECEIVED }.to_le_bytes(),
        );
        put_end(&mut body);
        put_block(&mut self.out, block::PACKET, &body)
    }

    /// Ends the capture with how many packets were lost, left out, and left out of bulk data, if
    /// any.
    ///
    /// # Errors
    /// As above.
    pub fn finish(mut self, lost: u64, left_out: u64, bulk_left_out: u64) -> io::Result<W> {
        if (lost, left_out, bulk_left_out) != (0, 0, 0) {
            // Statistics are an interface's, so there must be one.
            if self.interfaces.is_empty() {
                self.interface(&InterfaceId { node: GLOBAL.into(), link: "any".into() })?;
            }
            // Interface and time, which nobody needs.
            let mut body = vec![0; 12];
            for (words, number) in [(LEFT_OUT, left_out), (BULK_LEFT_OUT, bulk_left_out)] {
                if number > 0 {
                    put_option(&mut body, option::COMMENT, format!("{words}{number}").as_bytes());
                }
            }
            put_option(&mut body, option::STATISTICS_DROPPED_BY_SYSTEM, &lost.to_le_bytes());
            put_end(&mut body);
            put_block(&mut self.out, block::STATISTICS, &body)?;
        }
        self.flush()?;
        Ok(self.out)
    }

    /// Hands on what was written.
    ///
    /// # Errors
    /// As above.
    pub fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    /// The number of `place`, which is described when it is met first.
    fn interface(&mut self, interface: &InterfaceId) -> io::Result<u32> {
        if let Some(number) = self.interfaces.get(interface) {
            return Ok(*number);
        }
        let mut body = Vec::from(u32::from(ETHERNET).to_le_bytes());
        // No limit to the length of packets.
        body.extend(0u32.to_le_bytes());
        put_option(&mut body, option::INTERFACE_NAME, interface_name(interface).as_bytes());
        let description = (self.describe)(interface);
        if !description.is_empty() {
            put_option(&mut body, option::INTERFACE_DESCRIPTION, description.as_bytes());
        }
        // Nanoseconds.
        put_option(&mut body, option::INTERFACE_RESOLUTION, &[9]);
        put_end(&mut body);
        put_block(&mut self.out, block::INTERFACE, &body)?;
        let number = self.interfaces.len() as u32;
        self.interfaces.insert(interface.clone(), number);
        Ok(number)
    }
}

/// `v-br-cli`, or `client/eth0` for an interface of a node.
pub fn interface_name(interface: &InterfaceId) -> String {
    if interface.node == GLOBAL {
        interface.link.clone()
    } else {
        format!("{}/{}", interface.node, interface.link)
    }
}

/// The place that [`interface_name`] names.
pub(crate) fn interface_id(name: &str) -> InterfaceId {
    // A link's name has no slash.
    let (node, link) = name.rsplit_once('/').unwrap_or((GLOBAL, name));
    InterfaceId { node: node.into(), link: link.into() }
}

/// Writes `capture` to `out`; `describe` says to people where a place is, or nothing.
///
/// # Errors
/// Those of `out`.
pub fn write(
    out: impl Write,
    capture: &Capture,
    describe: &dyn Fn(&InterfaceId) -> String,
) -> io::Result<()> {
    let mut writer = Writer::new(out, describe)?;
    for packet in &capture.packets {
        writer.packet(packet)?;
    }
    writer.finish(capture.lost, capture.left_out, capture.bulk_left_out).map(drop)
}

/// Reads a capture: pcapng or pcap, of labrun, tcpdump, dumpcap or Wireshark.
///
/// # Errors
/// If `bytes` are no capture, or one that was cut off.
pub fn read(bytes: &[u8]) -> Result<Capture> {
    let mut reader = crate::packet::pcap::Reader::new(bytes)?;
    let mut packets = Vec::new();
    while let Some(packet) = reader.packet()? {
        packets.push(packet);
    }
    Ok(Capture {
        packets,
        lost: reader.lost,
        left_out: reader.left_out,
        bulk_left_out: reader.bulk_left_out,
    })
}

fn put_block(out: &mut impl Write, kind: u32, body: &[u8]) -> io::Result<()> {
    let length = (body.len() as u32 + 12).to_le_bytes();
    out.write_all(&[&kind.to_le_bytes(), &length, body, &length].concat())
}

fn put_option(body: &mut Vec<u8>, kind: u16, value: &[u8]) {
    // Options are at most that long; only a comment or a description could be longer.
    let value = &value[..value.len().min(usize::from(u16::MAX))];
    body.extend(kind.to_le_bytes());
    body.extend((value.len() as u16).to_le_bytes());
    put_padded(body, value);
}

fn put_end(body: &mut Vec<u8>) {
    body.extend([0; 4]);
}

fn put_padded(body: &mut Vec<u8>, value: &[u8]) {
    body.extend(value);
    body.resize(body.len().next_multiple_of(4), 0);
}
