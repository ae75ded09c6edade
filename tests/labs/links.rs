//! Links that are made inside of nodes, with traffic through them: a lab that says so has them, and one that says
//! something else does not pass.

use crate::common;
use crate::common::labs;

use common::users;
use labs::{Lab, have};

/// Runs the tests of the lab `body` as each user, all of which pass; where the kernel lacks `feature`, they are
/// skipped, and that is the reason.
fn passes(test: &str, body: &str, feature: &str) {
    if !have(test, &["ping"]) {
        return;
    }
    for user in users() {
        let lab = Lab::new(user, body);
        let (done, results) = lab.results(&[]);
        assert!(!results.is_empty() && done.exit == 0, "{user:?}: {}", done.all);
        for (name, result) in results {
            let skipped = result["outcome"] == "skip" && done.all.contains(feature);
            if skipped && !feature.is_empty() {
                eprintln!("SKIP {test}: {name}: the kernel lacks {feature}");
            } else {
                assert_eq!(result["outcome"], "pass", "{user:?} {name}: {}", done.all);
            }
        }
    }
}

/// Three switches in a ring and two hosts: only the spanning tree protocol keeps a broadcast from going round.
const RING: &str = r#"
nodes:
  left: {links: {eth0: {peer: one/h, addresses: 10.0.0.1/24}}}
  right: {links: {eth0: {peer: two/h, addresses: 10.0.0.2/24}}}
  one:
    links:
      h: {peer: left/eth0}
      a: {peer: two/a}
      b: {peer: three/b}
      br0: {kind: bridge, ports: [h, a, b], stp: true, forward-delay: 2s, priority: 4096, addresses: 10.0.0.251/24}
  two:
    links:
      h: {peer: right/eth0}
      a: {peer: one/a}
      c: {peer: three/c}
      br0: {kind: bridge, ports: [h, a, c], stp: true, forward-delay: 2s, priority: 8192}
  three:
    links:
      b: {peer: one/b}
      c: {peer: two/c}
      br0: {kind: bridge, ports: [b, c], stp: true, forward-delay: 2s}
tests:
  ring:
    steps:
      - run: {node: two, command: cat /sys/class/net/br0/bridge/root_id, match: '^1000\.', within: 20s}
      - run: {node: three, command: bridge -j link show, json: [{state: blocking}], within: 20s}
      - ping: {node: left, to: 10.0.0.2, within: 20s}
      - ping: {node: left, to: 10.0.0.251, from: eth0}
      - ping: {node: one, to: 10.0.0.2, from: br0}
      - run: {node: one, command: ip -j -d link show br0, json: [{linkinfo: {info_data: {stp_state: 1, priority: 4096, forward_delay: 200, mcast_snooping: 0}}}]}
      - run: {node: one, command: cat /proc/sys/net/ipv6/conf/a/disable_ipv6, stdout: "1"}
    path:
      - {packet: stp configuration, at: [two/a, three/b]}
"#;

#[test]
fn bridges_inside_of_nodes_forward_and_agree_on_a_tree() {
    passes("bridges_inside", RING, "");
}

const SNOOPING: &str = r#"
bridges: {br9: {snooping: true, querier: true, priority: 8192}}
nodes:
  a: {links: {eth0: {bridge: br9, port: pa, addresses: 10.0.0.1/24}}}
  b: {links: {eth0: {bridge: br9, port: pb, addresses: 10.0.0.2/24}}}
tests:
  plain:
    steps:
      - run: {node: global, command: ip -j -d link show br9, json: [{linkinfo: {info_data: {mcast_snooping: 1, mcast_querier: 1, priority: 8192, stp_state: 0}}}]}
      - ping: {node: a, to: 10.0.0.2}
"#;

const FILTERING: &str = r#"
bridges: {br9: {vlan-filtering: true}}
nodes:
  a: {links: {eth0: {bridge: br9, port: pa, addresses: 10.0.0.1/24}}}
  b: {links: {eth0: {bridge: br9, port: pb, addresses: 10.0.0.2/24}}}
tests:
  apart:
    steps:
      - ping: {node: a, to: 10.0.0.2}
      - run: {node: global, command: bridge vlan del dev pb vid 1}
      - ping: {node: a, to: 10.0.0.2, timeout: 500ms, fails: true}
"#;

#[test]
fn ports_keep_vlans_apart_where_the_kernel_can() {
    passes("ports_keep_vlans_apart", FILTERING, "vlan-filtering");
}

#[test]
fn the_labs_own_bridges_are_what_the_file_says() {
    passes("the_labs_own_bridges", SNOOPING, "");
}

/// Two customers with the same addresses at one router, and a dummy in one of their tables.
const CUSTOMERS: &str = r#"
nodes:
  red: {links: {eth0: {peer: pe/eth1, addresses: 10.0.0.1/24}}, routes: [{to: default, via: 10.0.0.254}]}
  blue: {links: {eth0: {peer: pe/eth2, addresses: 10.0.0.1/24}}, routes: [{to: default, via: 10.0.0.254}]}
  pe:
    forward: true
    links:
      eth1: {peer: red/eth0, addresses: 10.0.0.254/24}
      eth2: {peer: blue/eth0, addresses: 10.0.0.254/24}
      d0: {kind: dummy, addresses: 10.1.0.1/24}
      vrf-red: {kind: vrf, table: 10, ports: [eth1, d0]}
      vrf-blue: {kind: vrf, table: 20, ports: eth2}
tests:
  apart:
    steps:
      - ping: {node: red, to: 10.1.0.1}
      - ping: {node: blue, to: 10.0.0.254}
      - ping: {node: blue, to: 10.1.0.1, timeout: 500ms, fails: true}
"#;

#[test]
fn customers_with_the_same_addresses_are_kept_apart_by_vrfs() {
    passes("customers", CUSTOMERS, "vrf");
}
