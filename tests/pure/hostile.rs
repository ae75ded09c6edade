//! What others give labrun to read: whatever is in it, reading ends in something that makes sense or in an error, never in
//! a panic. Lab files have `properties`, captures `pcapng` and `decode`, leases `leases`.
//!
//! LABRUN_TEST_CASES makes more cases of each; `.ci/nightly` has a million.

use crate::runs::mixed;

use labrun::agent::message;
use labrun::event;
use labrun::import::{topology, translate, write};
use labrun::lab::check;
use labrun::report::{html, junit, merge, summary};
use proptest::prelude::*;
use std::path::Path;
use std::sync::LazyLock;

/// So many cases, or as many as LABRUN_TEST_CASES says.
pub fn cases(usual: u32) -> ProptestConfig {
    let more = std::env::var("LABRUN_TEST_CASES").ok();
    let cases = more.map_or(usual, |number| number.parse().expect("LABRUN_TEST_CASES is a number"));
    ProptestConfig { cases, failure_persistence: None, ..ProptestConfig::default() }
}

/// `text` with some of its characters replaced, several times over.
fn damaged(text: &'static str) -> impl Strategy<Value = String> {
    let slip = (any::<prop::sample::Index>(), 0..30usize, "[ -~\n\t]{0,6}|\\PC{1,3}");
    prop::collection::vec(slip, 1..5).prop_map(move |slips| {
        slips.into_iter().fold(text.to_string(), |text, (at, length, new)| {
            let characters: Vec<char> = text.chars().collect();
            let at = at.index(characters.len() + 1);
            let end = (at + length).min(characters.len());
            let kept = |part: &[char]| part.iter().collect::<String>();
            kept(&characters[..at]) + &new + &kept(&characters[end..])
        })
    })
}

/// A report as another machine writes it.
static REPORT: LazyLock<String> = LazyLock::new(|| mixed().json());

const TOPOLOGIES: [&str; 2] = [
    include_str!("../data/imports/routers.clab.yml"),
    include_str!("../data/imports/triangle.yaml"),
];

/// What the agent says, a line each.
const ANSWERS: [&str; 4] = [
    r#"{"nonce":"n","event":"alive"}"#,
    r#"{"nonce":"n","event":"captured","packets":3,"lost":0,"left_out":0}"#,
    r#"{"nonce":"n","event":"output","stream":"capture","index":0,"data":"AAEC"}"#,
    r#"{"event":"service","name":"dhcp","node":"server","state":"ready","ms":12}"#,
];

/// What `labrun import` has found of a script.
const FOUND: &str = "status\t-\t0\nids\ta\t[{\"nsid\":0,\"name\":\"b\"}]\n\
    links\ta\t[{\"ifindex\":2,\"ifname\":\"eth0\",\"flags\":[\"UP\"],\"mtu\":1500,\"linkinfo\":{\"info_kind\":\"veth\"},\"link_index\":2,\"link_netnsid\":0}]\n\
    addresses\ta\t[{\"ifname\":\"eth0\",\"addr_info\":[{\"local\":\"10.0.0.1\",\"prefixlen\":24}]}]\n\
    routes\ta\t[{\"dst\":\"default\",\"gateway\":\"10.0.0.2\",\"dev\":\"eth0\"}]\n\
    links\tb\t[{\"ifindex\":2,\"ifname\":\"eth0\",\"flags\":[\"UP\"],\"mtu\":1500,\"linkinfo\":{\"info_kind\":\"veth\"},\"link_index\":2,\"link_netnsid\":0}]\n\
    process\tb\t9 9 L2Jpbi9zaAA= Lw== QT1iAA==\nfolder\t-\tLw==\nend\t-\t-";

proptest! {
    #![proptest_config(cases(300))]

    #[test]
    fn any_topology_becomes_a_lab_file_or_an_error(text in prop::sample::select(TOPOLOGIES.to_vec()).prop_flat_map(damaged)) {
        if let Ok(found) = topology::read(&text) {
            // It may have mistakes, which are shown then.
            let _ = check::lab(&translate::lab("x", "x.yml", &found, &|_| None), "x.yaml");
        }
    }

    #[test]
    fn any_findings_become_a_lab_file_or_an_error(text in damaged(FOUND)) {
        if let Ok(text) = write::lab("x", "./x", &text, &|_| false) {
            let _ = check::lab(&text, "x.yaml");
        }
    }

    #[test]
    fn any_report_is_merged_or_refused(text in damaged(&REPORT)) {
        if let Ok(run) = merge::read("x.json", &text) {
            html::page(&run, Path::new("."), Path::new("."));
            let _ = junit::document(&run);
            prop_assert!(summary::markdown(&run, 9999).len() <= 9999);
        }
    }

    #[test]
    fn any_line_of_the_runtime_is_an_event_or_none(text in prop::sample::select(ANSWERS.to_vec()).prop_flat_map(damaged)) {
        let _ = event::parse(&text);
        // Without the word of the session nobody is believed.
        prop_assert!(text.contains("\"n\"") || message::parse(&text, "n").is_none());
        prop_assert_eq!(message::parse(&text, ""), None);
    }
}
