//! Captures survive being written and read, and nothing that stands in a file can upset the reader.

use labrun::packet::capture::{Capture, Direction, InterfaceId, Packet};
use labrun::packet::pcapng;
use proptest::prelude::*;

fn written(capture: &Capture) -> Vec<u8> {
    let mut file = Vec::new();
    pcapng::write(&mut file, capture, &|place| format!("{}, where {} is", place.node, place.link))
        .unwrap();
    file
}

fn packets() -> impl Strategy<Value = Packet> {
    let place = (
        prop_oneof![Just("global".to_string()), "[a-z][a-z0-9._-]{0,9}"],
        "[a-z][a-z0-9.@-]{0,14}",
    );
    (any::<u64>(), place, any::<bool>(), prop::collection::vec(any::<u8>(), 0..200), 0u32..9000)
        .prop_map(|(time, (node, link), sent, data, more)| {
            let length = data.len() as u32 + more;
            Packet {
                time,
                interface: InterfaceId { node, link },
                direction: Direction::of(sent),
                data,
                length,
            }
        })
}

fn captures() -> impl Strategy<Value = Capture> {
    let counts = (prop_oneof![Just(0), any::<u64>()], prop_oneof![Just(0), any::<u64>()]);
    (prop::collection::vec(packets(), 0..20), counts).prop_map(|(packets, (lost, left_out))| {
        Capture { packets, lost, left_out, bulk_left_out: left_out / 3 }
    })
}

proptest! {
    #![proptest_config(crate::hostile::cases(256))]

    #[test]
    fn what_is_written_is_read(capture in captures()) {
        prop_assert_eq!(pcapng::read(&written(&capture)).unwrap(), capture);
    }

    #[test]
    fn a_file_that_was_cut_off_is_refused_or_holds_the_packets_before(capture in captures(), cut in any::<prop::sample::Index>()) {
        let file = written(&capture);
        if let Ok(part) = pcapng::read(&file[..cut.index(file.len())]) {
            prop_assert!(capture.packets.starts_with(&part.packets));
        }
    }

    #[test]
    fn bytes_that_changed_are_no_harm(capture in captures(), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..9)) {
        let mut file = written(&capture);
        for (place, byte) in changes {
            let place = place.index(file.len());
            file[place] = byte;
        }
        let _ = pcapng::read(&file);
    }

    #[test]
    fn garbage_is_no_harm(bytes in prop::collection::vec(any::<u8>(), 0..300), magic in 0usize..6) {
        let magics: [&[u8]; 6] = [&[], &[0x0a, 0x0d, 0x0d, 0x0a], &[0xd4, 0xc3, 0xb2, 0xa1], &[0xa1, 0xb2, 0xc3, 0xd4], &[0x4d, 0x3c, 0xb2, 0xa1], &[0xa1, 0xb2, 0x3c, 0x4d]];
        let _ = pcapng::read(&[magics[magic], &bytes].concat());
    }
}

/// A classic file, as tcpdump writes it on a machine of that order of bytes.
fn classic(big_endian: bool, magic: u32, link_type: u32, record: &[u8]) -> Vec<u8> {
    let words = [magic, 0, 0, 0, 65535, link_type, 1_700_000_000, 5, record.len() as u32, 1000];
    let mut file: Vec<u8> = words
        .iter()
        .flat_map(|w| if big_endian { w.to_be_bytes() } else { w.to_le_bytes() })
        .collect();
    file.extend(record);
    file
}

#[test]
fn classic_files_of_every_kind_are_read() {
    let frame = [2; 20];
    for big_endian in [false, true] {
        for (magic, time) in
            [(0xa1b2_c3d4, 1_700_000_000_000_005_000), (0xa1b2_3c4d, 1_700_000_000_000_000_005)]
        {
            let capture = pcapng::read(&classic(big_endian, magic, 1, &frame)).unwrap();
            let interface = InterfaceId { node: "global".into(), link: "any".into() };
            assert_eq!(
                capture.packets,
                [Packet {
                    time,
                    interface,
                    direction: Direction::Received,
                    data: frame.to_vec(),
                    length: 1000
                }]
            );
        }
    }
}

#[test]
fn packets_without_an_ethernet_header_get_one() {
    let ethernet = |kind: [u8; 2], rest: &[u8]| [&[0; 12], kind.as_slice(), rest].concat();
    let read = |link_type, record: &[u8]| {
        pcapng::read(&classic(false, 0xa1b2_c3d4, link_type, record)).unwrap().packets.remove(0)
    };

    let packet = read(101, &[0x60, 1]);
    assert_eq!((packet.data, packet.length), (ethernet([0x86, 0xdd], &[0x60, 1]), 1014));
    assert_eq!(read(101, &[0x45, 1]).data, ethernet([8, 0], &[0x45, 1]));

    // SLL: sent, ARPHRD_ETHER, an address of six bytes, IPv4.
    let packet = read(113, &[0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0, 0x45]);
    assert_eq!(
        (packet.data, packet.direction.is_sent(), packet.length),
        (ethernet([8, 0], &[0x45]), true, 998)
    );

    // SLL2: IPv6, received by interface 3.
    let packet =
        read(276, &[0x86, 0xdd, 0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 0x60]);
    assert_eq!(
        (packet.data, packet.direction.is_sent(), packet.interface.link.as_str()),
        (ethernet([0x86, 0xdd], &[0x60]), false, "if3")
    );

    let error = pcapng::read(&classic(false, 0xa1b2_c3d4, 105, &[])).unwrap_err().to_string();
    assert_eq!(error, "packets of link type 105, where Ethernet was expected");
}

/// One interface in microseconds, one in 1/1024 seconds and with an offset, big-endian, and two
/// sections.
#[test]
fn times_and_orders_of_bytes_of_others_are_understood() {
    let block = |kind: u32, body: &[u8]| {
        let length = (body.len() as u32 + 12).to_be_bytes();
        [&kind.to_be_bytes(), length.as_slice(), body, &length].concat()
    };
    let section = block(0x0a0d_0d0a, b"\x1a\x2b\x3c\x4d\0\x01\0\0\xff\xff\xff\xff\xff\xff\xff\xff");
    let micro = block(1, b"\0\x01\0\0\0\0\0\0\0\x02\0\x04eth0");
    let binary =
        block(1, b"\0\x01\0\0\0\0\0\0\0\x09\0\x01\x8a\0\0\0\0\x0e\0\x08\0\0\0\0\0\0\0\x64\0\0\0\0");
    let packet = |interface: u8, ticks: [u8; 2]| {
        let head = [
            0, 0, 0, interface, 0, 0, 0, 0, 0, 0, ticks[0], ticks[1], 0, 0, 0, 1, 0, 0, 0, 1, 7, 0,
            0, 0,
        ];
        block(6, &[head.as_slice(), b"\0\x02\0\x04\0\0\0\x02"].concat())
    };
    let simple = block(3, &[0, 0, 0, 2, 5, 6, 0, 0]);
    let unknown = block(0x0bad, &[1, 2, 3, 4]);
    let file = [
        &section,
        &micro,
        &binary,
        &unknown,
        &packet(0, [0, 9]),
        &packet(1, [0x04, 0]),
        &simple,
        &section,
        &binary,
        &packet(0, [0x08, 0]),
    ];
    let capture = pcapng::read(&file.map(|bytes| bytes.as_slice()).concat()).unwrap();
    let seen: Vec<_> = capture
        .packets
        .iter()
        .map(|p| (p.time, p.interface.link.as_str(), p.direction.is_sent(), p.data.as_slice()))
        .collect();
    assert_eq!(
        seen,
        [
            (9_000, "eth0", true, [7].as_slice()),
            (101_000_000_000, "if1", true, &[7]),
            (0, "eth0", false, &[5, 6]),
            (102_000_000_000, "if0", true, &[7]),
        ]
    );
}

#[test]
fn what_is_no_capture_is_refused_in_plain_words() {
    for (bytes, words) in [
        (b"".as_slice(), "an empty file, where a capture was expected"),
        (b"abc", "the capture ends in the middle of a packet"),
        (b"abcd", "neither pcapng nor pcap"),
        (b"\x0a\x0d\x0d\x0a\x1c\0\0\0abcd", "a section that says no order of bytes"),
    ] {
        assert_eq!(pcapng::read(bytes).unwrap_err().to_string(), words);
    }
}
