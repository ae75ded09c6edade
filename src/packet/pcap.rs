//! Reading captures, packet by packet: pcapng (draft-ietf-opsawg-pcapng) and classic pcap
//! (draft-ietf-opsawg-pcap), of either order of bytes. Nothing in a file is trusted.

use crate::packet::capture::{Direction, GLOBAL, InterfaceId, Packet};
use crate::packet::pcapng;
use crate::packet::pcapng::{BULK_LEFT_OUT, BYTE_ORDER, ETHERNET, LEFT_OUT, SENT, block, option};
use anyhow::{Result, bail};
use std::io::Read;

/// LINKTYPE_RAW, LINKTYPE_LINUX_SLL and LINKTYPE_LINUX_SLL2 (tcpdump.org/linktypes.html).
const RAW: u16 = 101;
const COOKED: u16 = 113;
const COOKED_2: u16 = 276;
/// PACKET_OUTGOING of packet(7), in the header of a cooked packet.
const OUTGOING: u8 = 4;
/// Longer blocks and packets than this are none: Wireshark's limit is 256 KiB a packet.
const LONGEST: usize = 16 << 20;

/// Reads a capture as it comes.
pub struct Reader<R: Read> {
    input: R,
    /// How many packets were dropped, as far as has been read.
    pub lost: u64,
    /// How many were left out, as far as has been read.
    pub left_out: u64,
    /// The same of bulk data.
    pub bulk_left_out: u64,
    format: Format,
    big_endian: bool,
}

enum Format {
    Pcap { link_type: u16, nanoseconds: bool },
    Pcapng { interfaces: Vec<Interface> },
}

struct Interface {
    link_type: u16,
    name: Option<String>,
    /// Nanoseconds of a tick, as a fraction.
    tick: (u128, u128),
    /// Seconds to add to every time.
    offset: i64,
}

impl<R: Read> Reader<R> {
    /// Reads the beginning of a capture from `input`, which should be buffered.
    ///
    /// # Errors
    /// If it is none.
    pub fn new(input: R) -> Result<Self> {
        let mut reader = Reader {
            input,
            lost: 0,
            left_out: 0,
            bulk_left_out: 0,
            format: Format::Pcapng { interfaces: Vec::new() },
            big_endian: false,
        };
        let Some(magic) = reader.bytes(4, true)? else {
            bail!("an empty file, where a capture was expected")
        };
        let nanoseconds = match u32::from_le_bytes(magic.try_into().expect("four bytes")) {
            block::SECTION => {
                reader.section()?;
                return Ok(reader);
            }
            0xa1b2_c3d4 => false,
            0xa1b2_3c4d => true,
            0xd4c3_b2a1 => {
                reader.big_endian = true;
                false
            }
            0x4d3c_b2a1 => {
                reader.big_endian = true;
                true
            }
            _ => bail!("neither pcapng nor pcap"),
        };
        let header = reader.exactly(20)?;
        reader.format = Format::Pcap { link_type: reader.u32(&header, 16)? as u16, nanoseconds };
        Ok(reader)
    }

    /// The next packet, or `None` at the end.
    ///
    /// # Errors
    /// If the capture was cut off or is broken.
    pub fn packet(&mut self) -> Result<Option<Packet>> {
        match self.format {
            Format::Pcap { link_type, nanoseconds } => self.classic(link_type, nanoseconds),
            Format::Pcapng { .. } => loop {
                let Some(kind) = self.bytes(4, true)? else { return Ok(None) };
                let kind = self.u32(&kind, 0)?;
                if kind == block::SECTION {
                    self.section()?;
                } else if let Some(packet) = self.block(kind)? {
                    return Ok(Some(packet));
                }
            },
        }
    }

    fn classic(&mut self, link_type: u16, nanoseconds: bool) -> Result<Option<Packet>> {
        let Some(header) = self.bytes(16, true)? else { return Ok(None) };
        let field = |n: usize| self.u32(&header, n * 4);
        let (seconds, fraction, captured, length) =
            (field(0)?, field(1)?, field(2)? as usize, field(3)?);
        let data = self.exactly(captured)?;
        let time = u64::from(seconds) * 1_000_000_000
            + u64::from(fraction) * if nanoseconds { 1 } else { 1000 };
        packet(link_type, time, None, data, length).map(Some)
    }

    /// The header of a section, after its type: here the order of bytes is found out.
    fn section(&mut self) -> Result<()> {
        let header = self.exactly(8)?;
        self.big_endian = match u32::from_le_bytes(header[4..].try_into().expect("four bytes")) {
            BYTE_ORDER => false,
            order if order == BYTE_ORDER.swap_bytes() => true,
            _ => bail!("a section that says no order of bytes"),
        };
        let length = self.u32(&header, 0)? as usize;
        // What has been read, and the length that stands at the end once more.
        let Some(rest) = length.checked_sub(12) else { bail!("a block of {length} bytes") };
        self.exactly(rest)?;
        self.format = Format::Pcapng { interfaces: Vec::new() };
        Ok(())
    }

    /// A block after its type, and the packet in it.
    fn block(&mut self, kind: u32) -> Result<Option<Packet>> {
        let length = self.exactly(4)?;
        let length = self.u32(&length, 0)? as usize;
        let Some(rest) = length.checked_sub(8).filter(|rest| *rest >= 4 && rest.is_multiple_of(4))
        else {
            bail!("a block of {length} bytes")
        };
        let mut body = self.exactly(rest)?;
        body.truncate(rest - 4);
        match kind {
            block::INTERFACE => {
                let interface = self.interface(&body)?;
                if let Format::Pcapng { interfaces } = &mut self.format {
                    interfaces.push(interface);
                }
            }
            block::STATISTICS => self.statistics(&body),
            block::PACKET => return self.enhanced(&body).map(Some),
            block::SIMPLE_PACKET => {
                let length = self.u32(&body, 0)?;
                let data = body[4..].iter().copied().take(length as usize).collect();
                return self.of_interface(0, 0, 0, data, length).map(Some);
            }
            _ => {}
        }
        Ok(None)
    }

    fn interface(&self, body: &[u8]) -> Result<Interface> {
        let mut interface =
            Interface { link_type: self.u16(body, 0)?, name: None, tick: (1000, 1), offset: 0 };
        for (kind, value) in self.options(body, 8) {
            match (kind, value) {
                (option::INTERFACE_NAME, name) => {
                    interface.name = Some(String::from_utf8_lossy(name).into_owned())
                }
                (option::INTERFACE_RESOLUTION, [power, ..]) if power & 0x80 != 0 => {
                    interface.tick = (1_000_000_000, 1u128 << (power & 0x7f).min(64));
                }
                (option::INTERFACE_RESOLUTION, [power, ..]) => {
                    interface.tick = (1_000_000_000, 10u128.pow((*power).min(20).into()))
                }
                (option::INTERFACE_OFFSET, value) if value.len() == 8 => {
                    interface.offset = self.u64(value) as i64
                }
                _ => {}
            }
        }
        Ok(interface)
    }

    fn statistics(&mut self, body: &[u8]) {
        let (mut lost, mut left_out, mut bulk) = (0u64, 0u64, 0u64);
        for (kind, value) in self.options(body, 12) {
            match kind {
                option::STATISTICS_DROPPED | option::STATISTICS_DROPPED_BY_SYSTEM
                    if value.len() == 8 =>
                {
                    lost = lost.saturating_add(self.u64(value));
                }
                option::COMMENT => {
                    let text = String::from_utf8_lossy(value);
                    let number = |words| text.strip_prefix(words)?.parse().ok();
                    left_out = number(LEFT_OUT).unwrap_or(left_out);
                    bulk = number(BULK_LEFT_OUT).unwrap_or(bulk);
                }
                _ => {}
            }
        }
        self.lost = self.lost.saturating_add(lost);
        self.left_out = self.left_out.saturating_add(left_out);
        self.bulk_left_out = self.bulk_left_out.saturating_add(bulk);
    }

    fn enhanced(&self, body: &[u8]) -> Result<Packet> {
        let field = |n: usize| self.u32(body, n * 4);
        let ticks = u64::from(field(1)?) << 32 | u64::from(field(2)?);
        let captured = field(3)? as usize;
        let Some(data) = body.get(20..20 + captured) else {
            bail!("a packet of {captured} bytes in a block of {}", body.len())
        };
        let flags = self
            .options(body, 20 + captured.next_multiple_of(4))
            .find(|(kind, value)| *kind == option::PACKET_FLAGS && value.len() == 4);
        let flags = flags.map_or(Ok(0), |(_, value)| self.u32(value, 0))?;
        self.of_interface(field(0)?, ticks, flags, data.to_vec(), field(4)?)
    }

    fn of_interface(
        &self,
        number: u32,
        ticks: u64,
        flags: u32,
        data: Vec<u8>,
        length: u32,
    ) -> Result<Packet> {
        let Format::Pcapng { interfaces } = &self.format else { bail!("a block in a pcap file") };
        let Some(interface) = interfaces.get(number as usize) else {
            bail!("a packet of interface {number}, which is not described")
        };
        let (nanoseconds, ticks_in_it) = interface.tick;
        let time = (u128::from(ticks) * nanoseconds / ticks_in_it) as i128
            + i128::from(interface.offset) * 1_000_000_000;
        let id = pcapng::interface_id(interface.name.as_deref().unwrap_or(&format!("if{number}")));
        let time = time.clamp(0, u64::MAX.into()) as u64;
        let mut packet = packet(interface.link_type, time, Some(id), data, length)?;
        if flags & 3 == SENT {
            packet.direction = Direction::Sent;
        }
        Ok(packet)
    }

    /// The options that begin at `at`.
    fn options<'b>(
        &self,
        body: &'b [u8],
        at: usize,
    ) -> impl Iterator<Item = (u16, &'b [u8])> + use<'b, R> {
        let big_endian = self.big_endian;
        let mut rest = body.get(at..).unwrap_or_default();
        std::iter::from_fn(move || {
            let number = |bytes: [u8; 2]| {
                if big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) }
            };
            let (kind, length) = match rest {
                [a, b, c, d, ..] => (number([*a, *b]), usize::from(number([*c, *d]))),
                _ => return None,
            };
            let value = rest.get(4..4 + length).filter(|_| kind != 0)?;
            rest = rest.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
            Some((kind, value))
        })
    }

    /// So many bytes, or `None` at the end of the file where it may be.
    fn bytes(&mut self, count: usize, may_end: bool) -> Result<Option<Vec<u8>>> {
        if count > LONGEST {
            bail!("a block of {count} bytes");
        }
        let mut bytes = Vec::new();
        self.input.by_ref().take(count as u64).read_to_end(&mut bytes)?;
        match bytes.len() {
            0 if may_end && count > 0 => Ok(None),
            n if n == count => Ok(Some(bytes)),
            _ => bail!("the capture ends in the middle of a packet"),
        }
    }

    fn exactly(&mut self, count: usize) -> Result<Vec<u8>> {
        Ok(self.bytes(count, false)?.unwrap_or_default())
    }

    fn u64(&self, bytes: &[u8]) -> u64 {
        let bytes = bytes.try_into().unwrap_or_default();
        if self.big_endian { u64::from_be_bytes(bytes) } else { u64::from_le_bytes(bytes) }
    }

    fn u32(&self, bytes: &[u8], at: usize) -> Result<u32> {
        let Some(bytes) = bytes.get(at..at + 4) else { bail!("a block of {} bytes", bytes.len()) };
        let bytes = bytes.try_into().expect("four bytes");
        Ok(if self.big_endian { u32::from_be_bytes(bytes) } else { u32::from_le_bytes(bytes) })
    }

    fn u16(&self, bytes: &[u8], at: usize) -> Result<u16> {
        let Some(bytes) = bytes.get(at..at + 2) else { bail!("a block of {} bytes", bytes.len()) };
        let bytes = bytes.try_into().expect("two bytes");
        Ok(if self.big_endian { u16::from_be_bytes(bytes) } else { u16::from_le_bytes(bytes) })
    }
}

/// A packet with its header made that of Ethernet, with empty addresses where it has none.
fn packet(
    link_type: u16,
    time: u64,
    interface: Option<InterfaceId>,
    data: Vec<u8>,
    length: u32,
) -> Result<Packet> {
    // The length of its own header, and in that the place of EtherType and direction.
    let (header, protocol, direction) = match link_type {
        ETHERNET => {
            let interface = interface.unwrap_or_else(|| pcapng::interface_id("any"));
            return Ok(Packet { time, interface, direction: Direction::Received, data, length });
        }
        RAW => (0, None, None),
        COOKED => (16, data.get(14..16), data.get(1)),
        COOKED_2 => (20, data.get(..2), data.get(10)),
        other => bail!("packets of link type {other}, where Ethernet was expected"),
    };
    // Only of this kind does a file say from which interface each packet is.
    let index = data
        .get(4..8)
        .filter(|_| link_type == COOKED_2)
        .map(|b| u32::from_be_bytes(b.try_into().expect("four bytes")));
    let interface = index
        .map(|index| InterfaceId { node: GLOBAL.into(), link: format!("if{index}") })
        .or(interface);
    let sent = direction == Some(&OUTGOING);
    let rest = data.get(header..).unwrap_or_default();
    let protocol = protocol.unwrap_or(if rest.first().is_some_and(|b| b >> 4 == 6) {
        &[0x86, 0xdd]
    } else {
        &[0x08, 0x00]
    });
    let whole = [&[0; 12], protocol, rest].concat();
    let length = length.saturating_sub(header as u32).saturating_add(14);
    Ok(Packet {
        time,
        interface: interface.unwrap_or_else(|| pcapng::interface_id("any")),
        direction: Direction::of(sent),
        data: whole,
        length,
    })
}
