//! Ladders of real captures, as they were, and of anything else without breaking.

use crate::common::captures;

use labrun::analysis::difference::Course;
use labrun::analysis::ladder::{Extent, Ladder, Row};
use labrun::analysis::ladder_svg::View;
use labrun::lab::check;
use labrun::lab::find::BUILT_IN;
use labrun::lab::model::Lab;
use labrun::packet::capture::{Capture, Direction, InterfaceId, Packet};
use labrun::text::width;
use proptest::prelude::*;

fn built_in(name: &str) -> Lab {
    let (_, text) = BUILT_IN.into_iter().find(|(n, _)| *n == name).unwrap();
    check::lab(text, name).unwrap()
}

/// The ladder of a capture of a real run.
fn ladder(capture: &str) -> Ladder {
    Ladder::of(&built_in(capture.split('-').next().unwrap()).topology, &captures::read(capture))
}

fn text(ladder: &Ladder, columns: usize) -> String {
    ladder.text(columns, Extent::LONG).join("\n")
}

#[test]
fn a_dhcpv4_lease_through_a_relay_agent_and_a_balancer() {
    insta::assert_snapshot!(text(&ladder("relay-v4"), 80));
}

#[test]
fn a_dhcpv6_lease_in_a_wide_terminal_and_in_a_narrow_one() {
    let ladder = ladder("relay-v6");
    insta::assert_snapshot!(
        [text(&ladder, 160), text(&ladder, 80), text(&ladder, 60), text(&ladder, 40)].join("\n\n")
    );
}

#[test]
fn a_ladder_as_svg() {
    insta::assert_snapshot!(ladder("server-v4").svg(&View::default()));
}

/// A row in short: `0 DISCOVER: a -> b c`.
fn rows(ladder: &Ladder) -> Vec<String> {
    let name = |node: &usize| ladder.nodes[*node].as_str();
    let row = |row: &Row| {
        format!(
            "{} {}: {} -> {}",
            row.at,
            row.label,
            name(&row.from),
            row.to.iter().map(name).collect::<Vec<_>>().join(" ")
        )
    };
    ladder.rows.iter().map(row).collect()
}

#[test]
fn what_was_recorded_inside_every_node_is_told_once() {
    let rows = rows(&ladder("vpn-routed"));
    assert_eq!(
        rows[..3].iter().map(|r| r.split_once(' ').unwrap().1).collect::<Vec<_>>(),
        [
            "ECHO-REQUEST: pc1 -> vpn10",
            "ECHO-REQUEST: vpn10 -> vpn20",
            "ECHO-REQUEST: vpn20 -> pc2"
        ]
    );
    // Six steps of each ping, there and back.
    assert_eq!(rows.len() % 6, 0, "{rows:#?}");
}

const LAB: &str = "
lab: x
bridges: {br0: {addresses: 10.0.0.1/24}, br1: {}}
nodes:
  a: {links: {eth0: {bridge: br0, port: pa, mac: '02:00:00:00:00:0a'}, eth1: {peer: c/eth1}}}
  b: {links: {eth0: {bridge: br0, port: pb, mac: '02:00:00:00:00:0b'}}}
  c: {links: {eth0: {bridge: br0, port: pc, mac: '02:00:00:00:00:0c'}, eth1: {peer: a/eth1}}}
";

const ARP: u16 = 0x0806;
const OTHER: u16 = 0x88b5;

/// A frame from the node whose hardware address ends with `from`, to that which ends with `to`.
fn frame(from: u8, to: u8, ethertype: u16, number: u8) -> Vec<u8> {
    [&[2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from][..], &ethertype.to_be_bytes(), &[number; 30]]
        .concat()
}

/// `time` in microseconds; `place` as NODE/LINK.
fn seen(time: u64, place: &str, sent: bool, data: Vec<u8>) -> Packet {
    let (node, link) = place.split_once('/').unwrap();
    let interface = InterfaceId { node: node.into(), link: link.into() };
    Packet {
        time: 1_700_000_000_000_000_000 + time * 1000,
        interface,
        direction: Direction::of(sent),
        length: data.len() as u32,
        data,
    }
}

fn of(packets: Vec<Packet>) -> Ladder {
    Ladder::of(&check::lab(LAB, "x").unwrap().topology, &Capture { packets, ..Capture::default() })
}

#[test]
fn ports_send_what_nodes_get_and_nodes_send_what_ports_get() {
    let data = frame(0xa, 0xff, OTHER, 0);
    let ladder = of(vec![
        seen(0, "a/eth0", true, data.clone()),
        seen(1, "global/pa", false, data.clone()),
        seen(2, "global/pb", true, data.clone()),
        seen(2, "global/pc", true, data.clone()),
        seen(3, "c/eth0", false, data.clone()),
        seen(3, "global/br0", false, data),
    ]);
    assert_eq!(rows(&ladder), ["0 Ethernet TYPE 0x88b5: a -> b c global"]);
}

#[test]
fn the_same_bytes_sent_again_are_another_message() {
    let data = frame(0xa, 0xb, OTHER, 0);
    let twice = [0, 10, 200_000];
    let packets = twice.iter().flat_map(|t| {
        [seen(*t, "global/pa", false, data.clone()), seen(t + 1, "global/pb", true, data.clone())]
    });
    let ladder = of(packets.collect());
    let label = "Ethernet TYPE 0x88b5: a -> b";
    assert_eq!(rows(&ladder), twice.map(|t| format!("{t} {label}")));
    // It may be that each was seen in another place only.
    let ladder =
        of(vec![seen(0, "global/pa", false, data.clone()), seen(200_000, "a/eth0", true, data)]);
    assert_eq!(ladder.rows.len(), 2);
}

#[test]
fn who_sent_a_frame_that_was_only_seen_to_arrive_is_told_by_its_address_or_its_cable() {
    let ladder = of(vec![
        seen(0, "b/eth0", false, frame(0xc, 0xb, OTHER, 0)),
        seen(1, "a/eth1", false, frame(0x77, 0x78, OTHER, 1)),
        seen(2, "b/eth0", false, frame(0x77, 0xb, OTHER, 2)),
        // Nobody has such a port.
        seen(3, "global/px", false, frame(0xa, 0xb, OTHER, 3)),
    ]);
    let label = "Ethernet TYPE 0x88b5";
    assert_eq!(
        rows(&ladder),
        [
            format!("0 {label}: c -> b"),
            format!("1 {label}: c -> a"),
            format!("2 {label}: global -> b")
        ]
    );
}

#[test]
fn a_frame_that_nobody_gets_is_drawn_as_lost_unless_its_way_is_only_not_seen() {
    let ladder = of(vec![
        // To b, whose port never sent it.
        seen(0, "global/pa", false, frame(0xa, 0xb, OTHER, 0)),
        // To the bridge's own address.
        seen(1, "global/pa", false, frame(0xa, 0x77, OTHER, 1)),
        // Over the cable, whose other end was not watched.
        seen(2, "a/eth1", true, frame(0x78, 0x77, OTHER, 2)),
    ]);
    let label = "Ethernet TYPE 0x88b5";
    assert_eq!(
        rows(&ladder),
        [
            format!("0 {label}: a -> "),
            format!("1 {label}: a -> global"),
            format!("2 {label}: a -> c")
        ]
    );
    assert!(text(&ladder, 100).lines().nth(1).unwrap().contains('×'));
    assert!(text(&ladder, 30).starts_with("   0.0 ms  a → nobody"));
}

#[test]
fn noise_is_left_out_and_counted_unless_there_is_nothing_else() {
    let noise = |time, number| seen(time, "global/pa", false, frame(0xa, 0xff, ARP, number));
    let alone = of(vec![noise(0, 1), noise(5, 2)]);
    assert_eq!((alone.rows.len(), alone.left_out), (2, 0));
    let other =
        of(vec![noise(0, 1), seen(2, "global/pb", false, frame(0xb, 0xa, OTHER, 0)), noise(5, 2)]);
    // Time begins with the first that is shown.
    assert_eq!(other.rows.iter().map(|r| r.at).collect::<Vec<_>>(), [0]);
    assert_eq!(other.left_out, 2);
    assert!(
        text(&other, 80).ends_with("2 messages of ARP, neighbour discovery and the like left out")
    );
    // A search for routers (RFC 4861, 4.1) comes at any time, so it is no message even where it is
    // alone.
    let ip = [
        &[0x60, 0, 0, 0, 0, 8, 58, 255][..],
        &[0xfe; 16],
        &[0xff; 16],
        &[133, 0, 0, 0, 0, 0, 0, 0],
    ]
    .concat();
    let search = [&[0x33, 0x33, 0, 0, 0, 2, 2, 0, 0, 0, 0, 0xa, 0x86, 0xdd][..], &ip].concat();
    assert_eq!(of(vec![seen(0, "global/pa", false, search.clone())]).rows, []);
    let both = of(vec![seen(0, "global/pa", false, search), noise(2, 1)]);
    assert_eq!((both.rows.len(), both.left_out), (1, 1));
}

#[test]
fn nodes_stand_in_the_order_of_the_file_and_only_those_that_took_part() {
    let data = frame(0xc, 0xb, OTHER, 0);
    let ladder =
        of(vec![seen(0, "global/pc", false, data.clone()), seen(1, "global/pb", true, data)]);
    assert_eq!(ladder.nodes, ["b", "c"]);
    assert_eq!(of(Vec::new()), Ladder::default());
    assert_eq!(Ladder::default().text(80, Extent::LONG), ["no messages"]);
}

#[test]
fn of_many_messages_the_first_and_the_last_are_shown() {
    let frames =
        (0..200).map(|i| seen(i * 1000, "global/pa", false, frame(0xa, 0xb, OTHER, i as u8)));
    let ladder = of(frames.collect());
    let lines = ladder.text(80, Extent::LONG);
    assert_eq!(lines.len(), 1 + 40 + 1 + 20, "{lines:#?}");
    assert!(
        lines[41].ends_with("140 more")
            && lines[40].starts_with("  39.0 ms")
            && lines[42].starts_with(" 180.0 ms"),
        "{lines:#?}"
    );
    assert!(ladder.svg(&View::default()).contains("… 140 more"));
    let lines = ladder.text(80, Extent::SHORT);
    assert_eq!(lines.len(), 1 + 10 + 1 + 20, "{lines:#?}");
    assert!(lines[11].ends_with("170 more") && lines[12].starts_with(" 180.0 ms"), "{lines:#?}");
    assert_eq!((Extent::SHORT.hidden(30), Extent::SHORT.hidden(31)), (0..0, 10..11));
}

#[test]
fn a_long_name_at_the_edge_is_not_written_beyond_it() {
    let row = Row {
        at: 0,
        from: 0,
        to: vec![1],
        label: "ACK".into(),
        detail: String::new(),
        packets: vec![],
    };
    let ladder =
        Ladder { nodes: vec!["a".into(), "b".repeat(80)], rows: vec![row], left_out: 0, hidden: 0 };
    for columns in 1..160 {
        assert!(
            ladder.text(columns, Extent::LONG).iter().all(|line| width(line) <= columns),
            "{columns}"
        );
    }
    // It is moved to the left before it is cut.
    assert_eq!(ladder.text(60, Extent::LONG)[0].matches('b').count(), 40);
}

#[test]
fn colours_change_nothing_but_colours() {
    let ladder = ladder("relay-v4");
    let lines = ladder.coloured(80, Extent::LONG);
    // No colour runs into the next line.
    assert!(
        lines.iter().all(|line| !line.contains('\u{1b}') || line.ends_with("\u{1b}[0m")),
        "{lines:#?}"
    );
    let painted = lines.join("\n");
    assert!(painted.contains("\u{1b}[36m├─── \u{1b}[0mDISCOVER"), "{painted:?}");
    assert_eq!(
        regex_lite::Regex::new("\u{1b}\\[[0-9;]*m").unwrap().replace_all(&painted, ""),
        text(&ladder, 80)
    );
}

#[test]
fn a_ladder_that_was_read_from_a_report_breaks_no_lines() {
    let row = Row {
        at: 0,
        from: 0,
        to: vec![],
        label: "\u{1b}[1m".into(),
        detail: "a\nb".into(),
        packets: vec![],
    };
    let ladder = Ladder { nodes: vec!["x\ny".into()], rows: vec![row], left_out: 0, hidden: 0 };
    let lines = ladder.text(80, Extent::LONG);
    assert!(lines.len() == 2 && !lines.concat().chars().any(char::is_control), "{lines:#?}");
}

/// Any ladder at all, with names and texts that are not nice.
fn any_ladder() -> impl Strategy<Value = Ladder> {
    (1..12usize, any::<bool>()).prop_flat_map(|(nodes, long)| {
        let name = if long { "[a-z网]{1,40}" } else { "[a-z网<&]{1,4}" };
        let label =
            proptest::sample::select(vec!["ACK", "RELAY-FORWARD SOLICIT", "网络网络", "", "<&\">"]);
        let row = (
            any::<u64>(),
            0..64u32,
            0..nodes,
            proptest::collection::btree_set(0..nodes, 0..=nodes),
            label,
            "[ -~é网]{0,60}",
        );
        let row = row.prop_map(|(at, shift, from, to, label, detail)| Row {
            at: at >> shift,
            from,
            to: to.into_iter().collect(),
            label: label.into(),
            detail,
            packets: vec![],
        });
        (proptest::collection::vec(name, nodes), proptest::collection::vec(row, 0..80), 0..3usize)
            .prop_map(|(nodes, rows, left_out)| Ladder { nodes, rows, left_out, hidden: 0 })
    })
}

proptest! {
    #![proptest_config(crate::hostile::cases(300))]

    #[test]
    fn any_ladder_fits_into_its_columns_and_is_good_svg(ladder in any_ladder(), columns in 1..220usize) {
        for line in ladder.text(columns, Extent::LONG) {
            prop_assert!(width(&line) <= columns, "{} > {columns}: {line}", width(&line));
        }
        let svg = ladder.svg(&View::default());
        prop_assert!(roxmltree::Document::parse(&svg).is_ok(), "{}", svg);
    }

    #[test]
    fn any_frames_make_a_ladder(frames in proptest::collection::vec((0..200_000u64, 0..8usize, any::<bool>(), proptest::collection::vec(any::<u8>(), 0..60)), 0..40)) {
        let places = ["global/pa", "global/pb", "global/br0", "a/eth0", "a/eth1", "c/eth1", "global/px", "d/eth0"];
        // Times go backwards, too.
        let ladder = of(frames.into_iter().map(|(time, place, sent, data)| seen(time, places[place], sent, data)).collect());
        for row in &ladder.rows {
            prop_assert!(row.from < ladder.nodes.len() && row.to.iter().all(|to| *to < ladder.nodes.len() && *to != row.from));
        }
        ladder.text(80, Extent::LONG);
    }
}

#[test]
fn a_run_that_failed_parts_from_the_nearest_that_passed() {
    let course = |labels: &str| {
        let row = |(at, label): (usize, &str)| Row {
            at: at as u64,
            from: at % 2,
            to: vec![1 - at % 2],
            label: label.into(),
            detail: format!("xid {at}"),
            packets: vec![],
        };
        let rows = labels.split_whitespace().enumerate().map(row).collect();
        let nodes = vec!["client".into(), "server".into()];
        Course::of(&Ladder { nodes, rows, left_out: 0, hidden: 0 })
    };
    let passed =
        [course("DISCOVER OFFER"), course("DISCOVER OFFER REQUEST ACK"), course("SOLICIT")];
    for (failed, wanted) in [
        (
            "DISCOVER OFFER REQUEST",
            "message 4 is missing after REQUEST from client to server: in a run that passed it was ACK from server to client",
        ),
        (
            "DISCOVER OFFER REQUEST NAK",
            "message 4 is the first that no run that passed had there: NAK from server to client, where one had ACK from server to client",
        ),
        (
            "SOLICIT ADVERTISE",
            "message 2 is one more than a run that passed had: ADVERTISE from server to client",
        ),
        ("", "message 1 is missing: in a run that passed it was SOLICIT from client to server"),
        ("SOLICIT", "a run that passed had the same messages"),
    ] {
        assert_eq!(course(failed).parting(&passed).as_deref(), Some(wanted));
    }
    assert_eq!(course("SOLICIT").parting(&[]), None);
    assert_eq!(course("").parting(&[course("")]), None);
}
