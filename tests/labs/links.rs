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

/// Two ways from left to right, and a router that is told which packets take which.
const WAYS: &str = r#"
nodes:
  left:
    links:
      up: {peer: upper/l, addresses: [10.1.0.1/24, "fd01::1/64"]}
      low: {peer: lower/l, addresses: [10.2.0.1/24, "fd02::1/64"]}
      lo: {addresses: [10.0.0.1/32, 10.0.0.2/32, "fd00::1/128", "fd00::2/128"]}
    routes:
      - {to: 10.9.0.0/24, via: [{via: 10.1.0.254, weight: 3}, {via: 10.2.0.254}]}
      - {to: 10.9.1.0/24, via: 10.1.0.254}
      - {to: 10.9.1.0/24, via: 10.2.0.254, table: 1000}
      - {to: "fd09::/64", via: "fd01::fe"}
      - {to: "fd09::/64", via: "fd02::fe", table: 20}
      - {to: 10.9.2.0/24, type: blackhole}
      - {to: 10.9.3.0/24, type: prohibit}
      - {to: 10.9.4.0/24, type: unreachable}
    rules:
      - {from: 10.0.0.2/32, table: 1000}
      - {from: "fd00::2/128", to: "fd09::/64", table: 20, priority: 500}
      - {fwmark: 0x10/0xff, table: 1000, priority: 400}
  upper:
    forward: true
    links:
      l: {peer: left/up, addresses: [10.1.0.254/24, "fd01::fe/64"]}
      r: {peer: right/up, addresses: [10.3.0.254/24, "fd03::fe/64"]}
    routes:
      - {to: 10.0.0.0/24, via: 10.1.0.1}
      - {to: 10.9.0.0/16, via: 10.3.0.1}
      - {to: "fd00::/64", via: "fd01::1"}
      - {to: "fd09::/64", via: "fd03::1"}
  lower:
    forward: true
    links:
      l: {peer: left/low, addresses: [10.2.0.254/24, "fd02::fe/64"]}
      r: {peer: right/low, addresses: [10.4.0.254/24, "fd04::fe/64"]}
    routes:
      - {to: 10.0.0.0/24, via: 10.2.0.1}
      - {to: 10.9.0.0/16, via: 10.4.0.1}
      - {to: "fd00::/64", via: "fd02::1"}
      - {to: "fd09::/64", via: "fd04::1"}
  right:
    links:
      up: {peer: upper/r, addresses: [10.3.0.1/24, "fd03::1/64"]}
      low: {peer: lower/r, addresses: [10.4.0.1/24, "fd04::1/64"]}
      lo: {addresses: [10.9.0.1/32, 10.9.1.1/32, "fd09::1/128"]}
    routes:
      - {to: 10.0.0.0/24, via: 10.3.0.254}
      - {to: 10.1.0.0/24, via: 10.3.0.254}
      - {to: 10.2.0.0/24, via: 10.4.0.254}
      - {to: "fd00::/64", via: "fd03::fe"}
tests:
  by-source:
    steps:
      - ping: {node: left, to: 10.9.1.1, from: 10.0.0.2}
      - ping: {node: left, to: "fd09::1", from: "fd00::2"}
    path:
      - {packet: icmp echo-request, crosses: [left, lower, right], avoids: upper}
      - {packet: icmp6 echo-request, crosses: [left, lower, right], avoids: upper}
  others:
    steps:
      - ping: {node: left, to: 10.9.1.1, from: 10.0.0.1}
      - ping: {node: left, to: "fd09::1", from: "fd00::1"}
    path:
      - {packet: icmp echo-request, crosses: [left, upper, right], avoids: lower}
      - {packet: icmp6 echo-request, crosses: [left, upper, right], avoids: lower}
  by-mark:
    steps:
      - run: {node: left, command: ping -n -c 1 -W 2 -m 16 10.9.1.1}
    path: [{packet: icmp echo-request, crosses: [left, lower, right], avoids: upper}]
  both-ways:
    steps:
      - run: {node: left, command: ip -j route show 10.9.0.0/24, json: [{nexthops: [{gateway: 10.1.0.254, weight: 3}, {gateway: 10.2.0.254, weight: 1}]}]}
      - ping: {node: left, to: 10.9.0.1}
  nowhere:
    steps:
      - run: {node: left, command: "ip route get 10.9.2.1 2>&1; true", match: 'Invalid argument'}
      - run: {node: left, command: "ip route get 10.9.3.1 2>&1; true", match: 'Permission denied'}
      - run: {node: left, command: "ip route get 10.9.4.1 2>&1; true", match: 'No route to host'}
  pulled:
    steps:
      - link: {down: left/low}
      - link: {up: left/low}
      - ping: {node: left, to: 10.9.1.1, from: 10.0.0.2, within: 5s}
      - run: {node: left, command: "ip rule show | grep -c 1000; ip -6 rule show | grep -c '^500:'", stdout: "2\n1"}
"#;

#[test]
fn packets_take_the_way_of_their_table() {
    passes("packets_take_the_way", WAYS, "");
}

/// Two sites, each a switch with two hosts; what joins the switches is a VXLAN between the routers' addresses.
const OVERLAY: &str = r#"
nodes:
  a: {links: {eth0: {peer: left/lan, mtu: 1450, addresses: [192.168.7.1/24, "fd07::1/64"]}}}
  b: {links: {eth0: {peer: right/lan, mtu: 1450, addresses: [192.168.7.2/24, "fd07::2/64"]}}}
  left:
    links:
      lan: {peer: a/eth0, mtu: 1450}
      wan: {peer: core/l, addresses: 10.1.0.1/24}
      vx7: {kind: vxlan, id: 7, local: 10.1.0.1, remote: 10.2.0.1, mtu: 1450}
      br0: {kind: bridge, ports: [lan, vx7]}
    routes: [{to: default, via: 10.1.0.254}]
  core:
    forward: true
    links: {l: {peer: left/wan, addresses: 10.1.0.254/24}, r: {peer: right/wan, addresses: 10.2.0.254/24}}
  right:
    links:
      lan: {peer: b/eth0, mtu: 1450}
      wan: {peer: core/r, addresses: 10.2.0.1/24}
      vx7: {kind: vxlan, id: 7, local: 10.2.0.1, remote: 10.1.0.1, mtu: 1450}
      br0: {kind: bridge, ports: [vx7, lan]}
    routes: [{to: default, via: 10.2.0.254}]
tests:
  overlay:
    steps:
      - ping: {node: a, to: 192.168.7.2, size: 1422, fragment: false}
      - ping: {node: a, to: "fd07::2"}
    path:
      - {packet: udp to port 4789, at: [core/l, core/r]}
      - {packet: icmp echo-request, at: left/vx7, fields: {source: 192.168.7.1}}
      - {filter: host 192.168.7.1, avoids: [core/l, core/r]}
"#;

#[test]
fn a_vxlan_joins_two_switches_over_a_router() {
    passes("a_vxlan_joins", OVERLAY, "vxlan");
}

/// Two macvlans on one link, which reach each other and the far end.
const MACVLAN: &str = r#"
nodes:
  far: {links: {eth0: {peer: near/eth0, addresses: 10.0.0.254/24}}}
  near:
    # Or each would answer for the other.
    sysctls: {net.ipv4.conf.all.arp_ignore: 1}
    links:
      eth0: {peer: far/eth0}
      one: {kind: macvlan, on: eth0, addresses: 10.0.0.1/24}
      two: {kind: macvlan, on: eth0, mode: private, mac: "02:00:00:00:00:02", addresses: 10.0.0.2/24}
tests:
  far:
    steps:
      - ping: {node: near, to: 10.0.0.254, from: one}
      - ping: {node: far, to: 10.0.0.1}
  own:
    steps: [{ping: {node: near, to: 10.0.0.254, from: two}}]
    path: [{packet: icmp echo-request, at: far/eth0, fields: {source: 10.0.0.2, source-mac: "02:00:00:00:00:02"}}]
"#;

#[test]
fn macvlans_have_addresses_of_their_own_on_one_link() {
    passes("macvlans", MACVLAN, "macvlan");
}

const GRE: &str = r#"
nodes:
  left:
    links:
      eth0: {peer: right/eth0, addresses: 10.0.0.1/24}
      gre1: {kind: gre, local: 10.0.0.1, remote: 10.0.0.2, key: 7, addresses: 172.16.0.1/30}
  right:
    links:
      eth0: {peer: left/eth0, addresses: 10.0.0.2/24}
      gre1: {kind: gre, local: 10.0.0.2, remote: 10.0.0.1, key: 7, addresses: 172.16.0.2/30}
tests:
  tunnel:
    steps: [{ping: {node: left, to: 172.16.0.2}}]
    path: [{filter: ip proto 47, at: right/eth0}, {packet: gre, at: right/eth0, fields: {key: 7, source: 172.16.0.1-172.16.0.2}}]
"#;

#[test]
fn a_gre_tunnel_carries_packets_where_the_kernel_has_it() {
    passes("a_gre_tunnel", GRE, "gre");
}

const IPVLAN: &str = r#"
nodes:
  far: {links: {eth0: {peer: near/eth0, addresses: 10.0.0.254/24}}}
  near:
    links:
      eth0: {peer: far/eth0}
      one: {kind: ipvlan, on: eth0, addresses: 10.0.0.1/24}
tests:
  far: {steps: [{ping: {node: far, to: 10.0.0.1}}]}
"#;

#[test]
fn an_ipvlan_has_an_address_of_its_own_where_the_kernel_has_it() {
    passes("an_ipvlan", IPVLAN, "ipvlan");
}

/// A tap on a switch, which a program has open as a virtual machine would: what is sent to all comes out of it.
const TAP: &str = r#"
needs: {commands: {socat: socat}}
nodes:
  host:
    links:
      eth0: {peer: other/eth0}
      tap0: {kind: tap}
      br0: {kind: bridge, ports: [eth0, tap0], addresses: 10.0.0.254/24}
    services:
      machine:
        command: exec socat -u TUN,tun-name=tap0,tun-type=tap,iff-no-pi OPEN:/dev/null
        ready: {command: ip link show tap0 | grep -q LOWER_UP}
  other: {links: {eth0: {peer: host/eth0, addresses: 10.0.0.1/24}}}
tests:
  frames:
    steps:
      - run: {node: host, command: ip -d link show tap0, match: 'master br0(.|\n)*tun type tap'}
      - ping: {node: other, to: 10.0.0.254}
      - ping: {node: other, to: 10.0.0.9, timeout: 1s, fails: true}
    path: [{packet: arp request, at: host/tap0, fields: {source: 10.0.0.1}}]
"#;

#[test]
fn a_tap_is_the_port_of_a_switch() {
    if have("a_tap", &["socat"]) {
        passes("a_tap", TAP, "tun");
    }
}

const BOND: &str = r#"
nodes:
  left:
    links:
      a: {peer: right/a}
      b: {peer: right/b}
      bond0: {kind: bond, mode: active-backup, ports: [a, b], addresses: 10.0.0.1/24}
  right:
    links:
      a: {peer: left/a}
      b: {peer: left/b}
      bond0: {kind: bond, mode: active-backup, ports: [a, b], addresses: 10.0.0.2/24}
tests:
  one-cable-is-enough:
    steps:
      - ping: {node: left, to: 10.0.0.2, within: 5s}
      - link: {down: left/a}
      - ping: {node: left, to: 10.0.0.2, within: 5s}
"#;

#[test]
fn a_bond_lives_with_one_cable_where_the_kernel_has_it() {
    passes("a_bond", BOND, "bond");
}

const ONLY_IPV4: &str = r#"
nodes:
  old: {ipv6: false, links: {eth0: {peer: new/eth0, addresses: 10.0.0.1/24}}}
  new: {ipv6: true, links: {eth0: {peer: old/eth0, addresses: [10.0.0.2/24, "fd00::2/64"]}}}
tests:
  none:
    steps:
      - ping: {node: old, to: 10.0.0.2}
      - run: {node: old, command: ip -6 addr, stdout: ""}
      - run: {node: old, command: cat /proc/sys/net/ipv6/conf/eth0/disable_ipv6 /proc/sys/net/ipv6/conf/lo/disable_ipv6, stdout: "1\n1"}
      - run: {node: new, command: ip -6 addr show eth0, match: fe80}
"#;

#[test]
fn a_node_can_be_without_ipv6() {
    passes("a_node_can_be_without_ipv6", ONLY_IPV4, "");
}

/// Ports of the lab's own bridge and of one inside of a node that keep their hosts apart, or strangers out.
const PORTS: &str = r#"
bridges: [br9]
nodes:
  a: {links: {eth0: {bridge: br9, port: {name: pa, isolated: true}, addresses: 10.0.0.1/24}, eth1: {peer: sw/a, addresses: 10.1.0.1/24}}}
  b: {links: {eth0: {bridge: br9, port: {name: pb, isolated: true}, addresses: 10.0.0.2/24}, eth1: {peer: sw/b, addresses: 10.1.0.2/24}}}
  c: {links: {eth0: {bridge: br9, port: pc, addresses: 10.0.0.3/24}, eth1: {peer: sw/c, addresses: 10.1.0.3/24}}}
  sw:
    links:
      a: {peer: a/eth1}
      b: {peer: b/eth1}
      c: {peer: c/eth1}
      br0: {kind: bridge, ports: [{name: a, isolated: true, learning: false}, {name: b, isolated: true}, c]}
tests:
  isolated:
    steps:
      - ping: {node: a, to: 10.0.0.3}
      - ping: {node: b, to: 10.0.0.3}
      - ping: {node: a, to: 10.0.0.2, timeout: 500ms, fails: true}
      - ping: {node: a, to: 10.1.0.3}
      - ping: {node: a, to: 10.1.0.2, timeout: 500ms, fails: true}
  through:
    steps: [{ping: {node: a, to: 10.1.0.3}}]
    path: [{packet: icmp echo-request, crosses: [a, sw, c], avoids: [sw/b, br9]}]
  learning:
    steps:
      - ping: {node: a, to: 10.1.0.3}
      - ping: {node: b, to: 10.1.0.3}
      - run: {node: sw, command: "bridge fdb show br br0 dynamic | grep -o 'dev [abc]' | sort -u", stdout: "dev b\ndev c"}
"#;

#[test]
fn ports_of_bridges_keep_hosts_apart() {
    passes("ports_of_bridges", PORTS, "");
}

/// A port that lets nobody in who is not known.
const LOCKED: &str = r#"
nodes:
  in: {links: {eth0: {peer: sw/in, mac: "02:00:00:00:00:01", addresses: 10.0.0.1/24}}}
  out: {links: {eth0: {peer: sw/out, addresses: 10.0.0.2/24}}}
  sw:
    links:
      in: {peer: in/eth0}
      out: {peer: out/eth0}
      br0: {kind: bridge, ports: [{name: in, locked: true, learning: false}, out]}
tests:
  stranger:
    steps: [{ping: {node: in, to: 10.0.0.2, timeout: 500ms, fails: true}}]
  known:
    steps:
      - run: {node: sw, command: "bridge fdb replace 02:00:00:00:00:01 dev in master static"}
      - ping: {node: in, to: 10.0.0.2}
"#;

#[test]
fn a_locked_port_lets_in_only_who_is_known() {
    passes("a_locked_port", LOCKED, "");
}

const WIREGUARD: &str = r#"
nodes:
  a:
    links: {wg0: {kind: wireguard, addresses: 10.0.0.1/24}}
    routes: [{to: 10.1.0.0/16, dev: wg0}]
tests:
  there:
    steps:
      - run: {node: a, command: ip -j -d link show wg0, json: [{mtu: 1420, linkinfo: {info_kind: wireguard}}]}
      - run: {node: a, command: ip -j route show 10.1.0.0/16, json: [{dev: wg0}]}
"#;

#[test]
fn a_wireguard_link_waits_for_its_keys_where_the_kernel_has_it() {
    passes("a_wireguard_link", WIREGUARD, "wireguard");
}
