//! Captures of real runs, recorded on every port (in `vpn-routed` inside every node; of `routers` only one
//! frame of each kind is kept):
//! a line a frame with the microseconds since the first, NODE/LINK, the direction and the bytes.

use labrun::packet::capture::{Capture, Direction, InterfaceId, Packet};
use std::path::Path;

/// All of them, by name.
pub fn all() -> Vec<(String, Capture)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures");
    let mut names: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert!(names.len() >= 8, "{names:?}");
    names.into_iter().map(|name| (name.clone(), read(&name))).collect()
}

/// One of them.
pub fn read(name: &str) -> Capture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/captures").join(name);
    let text = std::fs::read_to_string(path).unwrap();
    Capture { packets: text.lines().map(packet).collect(), ..Capture::default() }
}

fn packet(line: &str) -> Packet {
    let [time, place, direction, hex] = line.split(' ').collect::<Vec<_>>()[..] else {
        panic!("{line}")
    };
    let (node, link) = place.split_once('/').unwrap();
    let data: Vec<u8> = (0..hex.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap())
        .collect();
    Packet {
        time: time.parse::<u64>().unwrap() * 1000,
        interface: InterfaceId { node: node.into(), link: link.into() },
        direction: Direction::of(direction == "sent"),
        length: data.len() as u32,
        data,
    }
}
