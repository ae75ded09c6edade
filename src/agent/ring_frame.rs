//! A frame as the kernel's ring has it, and the Ethernet frame that it stands for.

use std::mem::{offset_of, size_of};

/// Where in a block of the ring its own header has what.
pub struct Header {
    /// Whose the block is.
    pub status_of_block: usize,
    frames: usize,
    first: usize,
}

const BODY: usize = offset_of!(libc::tpacket_block_desc, hdr);
/// `struct tpacket_block_desc`.
pub const HEADER: Header = Header {
    status_of_block: BODY + offset_of!(libc::tpacket_hdr_v1, block_status),
    frames: BODY + offset_of!(libc::tpacket_hdr_v1, num_pkts),
    first: BODY + offset_of!(libc::tpacket_hdr_v1, offset_to_first_pkt),
};

/// The length of the two addresses that an Ethernet header begins with.
const ADDRESSES: usize = 12;
/// EtherType of a VLAN tag (IEEE 802.1Q).
const VLAN: u16 = 0x8100;

/// A frame of a ring.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// Nanoseconds since 1970.
    pub time: u64,
    /// Index of the interface in its namespace.
    pub interface: i32,
    /// Whether the interface sent it.
    pub sent: bool,
    /// The VLAN tag, EtherType and tag control information, which the kernel keeps beside the
    /// frame.
    tag: Option<(u16, u16)>,
    /// EtherType of what is in the frame.
    protocol: u16,
    /// Whether `bytes` begin with an Ethernet header.
    ethernet: bool,
    bytes: &'a [u8],
    length: u32,
}

impl<'a> Frame<'a> {
    /// The frames of a block that the kernel is done with.
    pub fn all(block: &'a [u8]) -> impl Iterator<Item = Frame<'a>> {
        let count = u32_at(block, HEADER.frames).unwrap_or(0);
        let mut at = u32_at(block, HEADER.first).unwrap_or(0) as usize;
        (0..count).map_while(move |_| {
            let frame = Frame::at(block, at)?;
            at += u32_at(block, at + offset_of!(libc::tpacket3_hdr, tp_next_offset))? as usize;
            Some(frame)
        })
    }

    /// `struct tpacket3_hdr`, with a `struct sockaddr_ll` after it.
    fn at(block: &'a [u8], at: usize) -> Option<Frame<'a>> {
        let word = |offset| u32_at(block, at + offset);
        let half = |offset| u16_at(block, at + offset);
        let address = at + size_of::<libc::tpacket3_hdr>().next_multiple_of(16);
        let hardware = u16_at(block, address + offset_of!(libc::sockaddr_ll, sll_hatype))?;
        let ethernet = [libc::ARPHRD_ETHER, libc::ARPHRD_LOOPBACK].contains(&hardware);

        let status = word(offset_of!(libc::tpacket3_hdr, tp_status))?;
        let beside = offset_of!(libc::tpacket3_hdr, hv1);
        let tci = word(beside + offset_of!(libc::tpacket_hdr_variant1, tp_vlan_tci))? as u16;
        let tpid = half(beside + offset_of!(libc::tpacket_hdr_variant1, tp_vlan_tpid))?;
        let tpid = if status & libc::TP_STATUS_VLAN_TPID_VALID != 0 { tpid } else { VLAN };

        let link = half(offset_of!(libc::tpacket3_hdr, tp_mac))? as usize;
        let network = half(offset_of!(libc::tpacket3_hdr, tp_net))? as usize;
        let end = link + word(offset_of!(libc::tpacket3_hdr, tp_snaplen))? as usize;
        let begin = if ethernet { link } else { network.min(end) };
        let seconds = u64::from(word(offset_of!(libc::tpacket3_hdr, tp_sec))?);
        Some(Frame {
            time: seconds * 1_000_000_000
                + u64::from(word(offset_of!(libc::tpacket3_hdr, tp_nsec))?),
            interface: u32_at(block, address + offset_of!(libc::sockaddr_ll, sll_ifindex))? as i32,
            sent: *block.get(address + offset_of!(libc::sockaddr_ll, sll_pkttype))?
                == libc::PACKET_OUTGOING,
            tag: (status & libc::TP_STATUS_VLAN_VALID != 0).then_some((tpid, tci)),
            protocol: u16::from_be(u16_at(
                block,
                address + offset_of!(libc::sockaddr_ll, sll_protocol),
            )?),
            ethernet,
            bytes: block.get(at + begin..at + end)?,
            length: word(offset_of!(libc::tpacket3_hdr, tp_len))?
                .saturating_sub((begin - link) as u32),
        })
    }

    /// The frame as it is on a wire, and how long it was. One of an interface that has no Ethernet
    /// headers, such as a tun device, gets one with empty addresses, so that all are read alike.
    pub fn ethernet(&self) -> (Vec<u8>, u32) {
        let split = if self.ethernet { ADDRESSES.min(self.bytes.len()) } else { 0 };
        let (addresses, rest) = self.bytes.split_at(split);
        let mut data = Vec::with_capacity(self.bytes.len() + ADDRESSES + 6);
        data.extend(addresses);
        if !self.ethernet {
            data.extend([0; ADDRESSES]);
        }
        if let Some((tpid, tci)) = self.tag {
            data.extend(tpid.to_be_bytes());
            data.extend(tci.to_be_bytes());
        }
        if !self.ethernet {
            data.extend(self.protocol.to_be_bytes());
        }
        data.extend(rest);
        let added = (data.len() - self.bytes.len()) as u32;
        (data, self.length + added)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(bytes: &[u8], ethernet: bool, tag: Option<(u16, u16)>) -> Frame<'_> {
        Frame {
            time: 0,
            interface: 1,
            sent: false,
            tag,
            protocol: 0x0800,
            ethernet,
            bytes,
            length: bytes.len() as u32,
        }
    }

    #[test]
    fn a_tag_that_the_kernel_took_out_is_put_back() {
        let bytes = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x08, 0x00, 0x45];
        let whole =
            [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 0x81, 0x00, 0x00, 0x07, 0x08, 0x00, 0x45];
        assert_eq!(frame(&bytes, true, Some((VLAN, 7))).ethernet(), (whole.to_vec(), 19));
        assert_eq!(frame(&bytes, true, None).ethernet(), (bytes.to_vec(), 15));
    }

    #[test]
    fn a_frame_without_an_ethernet_header_gets_one() {
        let (data, length) = frame(&[0x45, 0], false, None).ethernet();
        assert_eq!(
            (&data[..12], &data[12..], length),
            (&[0; 12][..], &[0x08, 0x00, 0x45, 0][..], 16)
        );
    }

    #[test]
    fn what_does_not_fit_into_the_block_is_no_frame() {
        assert_eq!(Frame::all(&[0xff; 256]).count(), 0);
        assert_eq!(Frame::all(&[]).count(), 0);
        let short = frame(&[1, 2, 3], true, Some((VLAN, 7)));
        assert_eq!(short.ethernet().0, [1, 2, 3, 0x81, 0, 0, 7]);
    }
}
