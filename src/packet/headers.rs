//! The headers of a frame, from Ethernet up to the transport, as far as they can be read.
//!
//! Frames may be cut short by the capture or be nonsense sent by the program under test; both must
//! still be shown and matched. So nothing here is an error: where a header cannot be read, what it
//! begins is payload. Checksums are not looked at, because on a veth pair the kernel leaves them
//! for hardware that is never reached.

use etherparse::{
    ArpPacketSlice, Icmpv4Slice, Icmpv6Slice, IpNumber, Ipv6ExtensionsSlice,
    Ipv6FragmentHeaderSlice, LaxIpPayloadSlice, LaxIpv4Slice, LaxIpv6Slice, LaxLinkExtSlice,
    LaxNetSlice, LaxSlicedPacket, LinkSlice, TcpSlice, TransportSlice, UdpSlice,
};
use std::net::IpAddr;

/// A hardware address.
pub type Mac = [u8; 6];

/// What could be read of a frame.
#[derive(Clone, Debug)]
pub struct Headers<'a> {
    /// How many bytes of the frame there are.
    pub length: usize,
    /// Hardware addresses, source and destination; `None` if not even they are there.
    pub macs: Option<(Mac, Mac)>,
    /// The innermost VLAN (IEEE 802.1Q).
    pub vlan: Option<u16>,
    /// What the frame carries after all VLAN tags (IEEE 802 numbers).
    pub ethertype: u16,
    /// ARP.
    pub arp: Option<ArpPacketSlice<'a>>,
    /// The IP header.
    pub ip: Option<Ip>,
    /// The transport's header and what it carries.
    pub transport: Option<TransportSlice<'a>>,
    /// What comes after all of these headers.
    pub payload: &'a [u8],
    /// How many bytes more the IP header announces than there are.
    pub missing: usize,
}

/// What matters of an IPv4 (RFC 791) or IPv6 (RFC 8200) header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ip {
    /// Source address.
    pub source: IpAddr,
    /// Destination address.
    pub destination: IpAddr,
    /// Time to live, hop limit.
    pub ttl: u8,
    /// What tells the fragments of two datagrams apart. IPv6 has it in fragments only.
    pub id: Option<u32>,
    /// Protocol of the payload (IANA protocol numbers), after extension headers.
    pub protocol: u8,
    /// Whether this is a fragment other than the first, so that the payload has no header of its
    /// own.
    pub fragment: bool,
}

/// Source and destination port.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ports {
    /// Source.
    pub source: u16,
    /// Destination.
    pub destination: u16,
}

impl<'a> Headers<'a> {
    /// Those of the frame that begins with the Ethernet header `data`.
    pub fn of(data: &'a [u8]) -> Headers<'a> {
        let mut headers = Headers::empty(data);
        let Ok(packet) = LaxSlicedPacket::from_ethernet(data) else { return headers };
        if let Some(LinkSlice::Ethernet2(ethernet)) = &packet.link {
            headers.macs = Some((ethernet.source(), ethernet.destination()));
            headers.ethertype = ethernet.ether_type().0;
            headers.payload = ethernet.payload_slice();
        }
        for extension in &packet.link_exts {
            if let LaxLinkExtSlice::Vlan(vlan) = extension {
                headers.vlan = Some(vlan.vlan_identifier().value());
            }
            if let Some(payload) = extension.payload() {
                (headers.ethertype, headers.payload) = (payload.ether_type.0, payload.payload);
            }
        }
        headers.carried(packet.net);
        headers
    }

    /// Those of the packet that begins with the IP header `data`; `None` if that is none.
    pub(crate) fn of_ip(data: &'a [u8]) -> Option<Headers<'a>> {
        let packet = LaxSlicedPacket::from_ip(data).ok()?;
        let mut headers = Headers::empty(data);
        headers.carried(packet.net);
        headers.ip.is_some().then_some(headers)
    }

    fn empty(data: &'a [u8]) -> Headers<'a> {
        Headers {
            length: data.len(),
            macs: None,
            vlan: None,
            ethertype: 0,
            arp: None,
            ip: None,
            transport: None,
            payload: data,
            missing: 0,
        }
    }

    fn carried(&mut self, net: Option<LaxNetSlice<'a>>) {
        match net {
            Some(LaxNetSlice::Arp(arp)) => self.arp = Some(arp),
            Some(LaxNetSlice::Ipv4(ip)) => {
                let length = usize::from(ip.header().total_len());
                self.missing = length.saturating_sub(self.payload.len());
                self.network(ipv4(&ip), ip.payload());
            }
            Some(LaxNetSlice::Ipv6(ip)) => {
                let length = usize::from(ip.header().payload_length()) + 40;
                self.missing = length.saturating_sub(self.payload.len());
                self.network(ipv6(&ip), ip.payload());
            }
            None => {}
        }
    }

    fn network(&mut self, ip: Ip, payload: &LaxIpPayloadSlice<'a>) {
        self.payload = payload.payload;
        // The first fragment has the transport's header, though perhaps not all that it announces.
        self.transport = if ip.fragment { None } else { transport(&ip, self.payload) };
        self.payload = match &self.transport {
            Some(TransportSlice::Udp(udp)) => udp.payload(),
            Some(TransportSlice::Tcp(tcp)) => tcp.payload(),
            Some(TransportSlice::Icmpv4(icmp)) => icmp.payload(),
            Some(TransportSlice::Icmpv6(icmp)) => icmp.payload(),
            _ => self.payload,
        };
        self.ip = Some(ip);
    }

    /// Whether there is an IPv4 header.
    pub fn is_ipv4(&self) -> bool {
        self.ip.is_some_and(|ip| ip.source.is_ipv4())
    }

    /// What the IP header carries, if that is of the protocol `number` and begins here.
    pub fn above_ip(&self, number: u8) -> Option<&'a [u8]> {
        self.ip.filter(|ip| ip.protocol == number && !ip.fragment)?;
        Some(self.payload)
    }

    /// The payload of a UDP datagram from or to one of the `ports`.
    pub fn udp(&self, ports: &[u16]) -> Option<&'a [u8]> {
        let Some(TransportSlice::Udp(udp)) = &self.transport else { return None };
        [udp.source_port(), udp.destination_port()]
            .iter()
            .any(|port| ports.contains(port))
            .then(|| udp.payload())
    }

    /// The payload of a TCP segment from or to one of the `ports`.
    pub fn tcp(&self, ports: &[u16]) -> Option<&'a [u8]> {
        let Some(TransportSlice::Tcp(tcp)) = &self.transport else { return None };
        [tcp.source_port(), tcp.destination_port()]
            .iter()
            .any(|port| ports.contains(port))
            .then(|| tcp.payload())
    }
}

fn ipv4(slice: &LaxIpv4Slice) -> Ip {
    let header = slice.header();
    Ip {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        ttl: header.ttl(),
        id: Some(header.identification().into()),
        protocol: slice.payload_ip_number().0,
        fragment: header.fragments_offset().value() != 0,
    }
}

fn ipv6(slice: &LaxIpv6Slice) -> Ip {
    let header = slice.header();
    let fragment = fragment(slice.extensions());
    Ip {
        source: header.source_addr().into(),
        destination: header.destination_addr().into(),
        ttl: header.hop_limit(),
        id: fragment.as_ref().map(Ipv6FragmentHeaderSlice::identification),
        protocol: slice.payload().ip_number.0,
        fragment: fragment.is_some_and(|fragment| fragment.fragment_offset().value() != 0),
    }
}

/// The fragment header among `extensions`. Their own iterator must not be used: it reads beyond
/// them if they end in one that is broken.
fn fragment<'a>(extensions: &Ipv6ExtensionsSlice<'a>) -> Option<Ipv6FragmentHeaderSlice<'a>> {
    let (mut kind, mut rest) = (extensions.first_header()?, extensions.slice());
    loop {
        let length = match kind {
            IpNumber::IPV6_FRAGMENTATION_HEADER => {
                return Ipv6FragmentHeaderSlice::from_slice(rest).ok();
            }
            // Of this alone the length is counted in units of four bytes (RFC 4302, 2.2).
            IpNumber::AUTHENTICATION_HEADER => (usize::from(*rest.get(1)?) + 2) * 4,
            _ => (usize::from(*rest.get(1)?) + 1) * 8,
        };
        (kind, rest) = (IpNumber(rest[0]), rest.get(length..)?);
    }
}

fn transport<'a>(ip: &Ip, data: &'a [u8]) -> Option<TransportSlice<'a>> {
    match IpNumber(ip.protocol) {
        IpNumber::ICMP if ip.source.is_ipv4() => {
            Icmpv4Slice::from_slice(data).ok().map(TransportSlice::Icmpv4)
        }
        IpNumber::IPV6_ICMP if ip.source.is_ipv6() => {
            Icmpv6Slice::from_slice(data).ok().map(TransportSlice::Icmpv6)
        }
        IpNumber::TCP => TcpSlice::from_slice(data).ok().map(TransportSlice::Tcp),
        IpNumber::UDP => UdpSlice::from_slice_lax(data).ok().map(TransportSlice::Udp),
        _ => None,
    }
}
