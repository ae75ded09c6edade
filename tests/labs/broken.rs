//! Each test of labrun's own labs fails where what it is about is broken, and the others of its lab don't.
//!
//! Those of `relay` and `server` are broken by the faults of a program under test, in faults.rs.

use crate::common::labs::Lab;
use crate::common::users;
use std::collections::BTreeSet;

struct Case {
    lab: &'static str,
    /// What stands in the lab's file, and what stands there instead.
    change: (&'static str, &'static str),
    /// The tests that fail, and what their failure says.
    fails: &'static [(&'static str, &'static str)],
}

const CASES: &[Case] = &[
    Case {
        lab: "bridge",
        // The middle answers for all, too.
        change: ("addresses: 10.0.2.1/24", "addresses: [10.0.2.1/24, 10.0.0.2/32]"),
        fails: &[("ping", "10.0.0.2")],
    },
    Case {
        lab: "bridge",
        change: ("TCP:10.0.0.1:80", "TCP:10.0.0.1:81"),
        fails: &[("fetch", "http://10.0.2.1:8080/")],
    },
    Case {
        lab: "bridge",
        change: ("{down: right/right_inner}", "{down: middle/middle_inner}"),
        fails: &[("cable", "10.0.0.1")],
    },
    Case {
        lab: "vpn",
        change: (
            "{to: 192.168.10.0/24, via: 1.1.1.9, dev: veth20}",
            "{to: 10.0.0.0/8, via: 1.1.1.9}",
        ),
        fails: &[
            ("routed", "192.168.20.1 answered 0 of 2"),
            ("forwarding", "1.1.1.10 answered 0 of 1"),
            ("cut", "192.168.20.1"),
        ],
    },
    Case {
        lab: "vpn",
        change: ("addresses: 192.168.20.1/24", "addresses: [192.168.20.1/24, 192.168.20.99/32]"),
        fails: &[("unrouted", "192.168.20.99")],
    },
    Case {
        lab: "balance",
        change: ("1 : 192.168.1.12", "1 : 192.168.1.11"),
        fails: &[("spread", "4 server1"), ("one-left", "4 of 4")],
    },
    Case {
        lab: "balance",
        change: ("oifname wan0 masquerade", "oifname wan0 accept"),
        fails: &[("masquerade", "10.0.9.2")],
    },
    Case {
        lab: "balance",
        change: ("balance roundrobin", "balance first"),
        fails: &[("haproxy", "300 server1")],
    },
    Case {
        lab: "balance",
        // The connections of a dead server are lost until it is known to be dead.
        change: ("option redispatch 1", "retries 0"),
        fails: &[("haproxy", "step 3, run in outside")],
    },
    Case {
        lab: "spread",
        // Each message of a client to another server.
        change: ("pick='jhash @th,96,32'", "pick='numgen inc'"),
        fails: &[("xid", " clients got a lease"), ("lost", " clients got a lease")],
    },
    Case {
        lab: "spread",
        // All to the first server. By how many clients or by which packets `lost` tells depends on the machine.
        change: ("mod $n map", "mod 1 map"),
        fails: &[("xid", "p-s1"), ("rr", "p-s1"), ("lost", "")],
    },
    Case {
        lab: "kea",
        change: ("10.${each}.0.1,10.0.0.9", "10.${each}.0.1,10.0.0.7"),
        fails: &[("v4", "dhcp in client1"), ("both", "printed nothing, not `client1 in 10.1.0")],
    },
    Case {
        lab: "kea",
        change: ("fd00:2::10-fd00:2::50", "fd00:2::60-fd00:2::90"),
        fails: &[("v6", "fd00:2::")],
    },
    Case {
        lab: "kea",
        change: ("10.9.16.0-10.9.250.250", "10.9.16.0-10.9.16.255"),
        fails: &[("load", " clients got a lease")],
    },
    Case {
        lab: "proxy",
        change: ("server right 10.0.0.1:80", "server right 10.0.0.1:81"),
        fails: &[
            ("request", "http://10.0.2.1:8080/"),
            ("server-lost", "http://10.0.2.1:8080/"),
            ("cost", "through: 10.0.2.1:8080 "),
        ],
    },
    Case {
        lab: "proxy",
        change: ("10.0.1.9 } drop", "10.0.1.9 } accept"),
        fails: &[("blocked", "was answered with status 200, but was not to be")],
    },
    Case {
        lab: "proxy",
        change: ("backlog=512 TCP:10.0.0.1:80", "backlog=512 TCP:10.0.0.1:81"),
        fails: &[("cost-socat", "through: 10.0.2.1:8081 ")],
    },
    Case {
        lab: "mgmt",
        change: (
            "AuthorizedKeysFile /run/keys/admin.pub",
            "AuthorizedKeysFile /run/keys/stranger.pub",
        ),
        fails: &[
            ("login", "Permission denied (publickey)"),
            ("stranger", "exit status 0, not 255"),
            ("onward", "Permission denied (publickey)"),
        ],
    },
    Case {
        lab: "mgmt",
        // Something listens there, and it is no matter what.
        change: ("command: exec busybox httpd", "command: busybox httpd -p 22; exec busybox httpd"),
        fails: &[("elsewhere", "Connection refused")],
    },
    Case {
        lab: "mgmt",
        change: ("addresses: 192.0.2.2/24", "addresses: 192.0.2.7/24"),
        fails: &[("onward", "192.0.2.7/24")],
    },
    Case {
        lab: "mgmt",
        change: (
            "  MGMT:\n",
            "  MGMT:\n    nft: table ip t { chain c { type filter hook output priority 0; oif lo ip protocol icmp drop; }; }\n",
        ),
        fails: &[("lo", "127.0.0.1")],
    },
    Case {
        lab: "l3vpn",
        // The network of client 3 only.
        change: ("ip saddr != 100.64.0.0/10 snat", "ip saddr 10.0.0.0/8 snat"),
        fails: &[
            ("client1", "http://198.51.100.2/"),
            ("client2", "http://198.51.100.2/"),
            ("apart", "source must be 203.0.113.1"),
        ],
    },
    Case {
        lab: "l3vpn",
        // Routes that nobody has learned stay.
        change: (
            "    nft: 'table ip asbr",
            "    routes: [{each: 2, to: \"203.0.113.${each}/32\", via: \"100.64.${each}.2\", metric: 99}]\n    nft: 'table ip asbr",
        ),
        fails: &[("drop1", "203.0.113.1"), ("drop2", "203.0.113.2")],
    },
    Case {
        lab: "l3vpn",
        change: ("oifname \"c*\" reject", "oifname \"c*\" accept"),
        fails: &[("apart", "203.0.113.2")],
    },
    Case {
        lab: "cpe",
        // The daemons' pings, by which they are ready, still are.
        change: ("ip saddr != 100.64.0.0/10 snat", "ip protocol icmp snat"),
        fails: &[("reached", "http://198.51.100.2/")],
    },
    Case {
        lab: "cpe",
        // The client's router needs no session for it.
        change: (
            "  router:\n    forward: true\n",
            "  router:\n    forward: true\n    routes: [{to: default, via: 192.168.1.1, metric: 99}]\n",
        ),
        fails: &[("drop", "ip route get 198.51.100.2")],
    },
    Case {
        lab: "vrf",
        change: ("Hostname=the machine of customer ${each}", "Hostname=the machine of customer 1"),
        fails: &[("values", "customer2|the machine of customer 1")],
    },
    Case {
        lab: "vrf",
        // Another proxy goes on under the same name.
        change: (
            "      proxy:\n",
            "      spare:\n        after: vrf${each}/proxy\n        command: >-\n          \
             sed 's,^PidFile.*,PidFile=${dir}/pid,; s,^DBName.*,DBName=/run/spare${each}.db,; \
             $aListenPort=10052' ../vrf${each}@proxy/conf >conf; exec zabbix_proxy -f -c conf\n        \
             ready: {log: interface became available, within: 60s}\n      proxy:\n",
        ),
        fails: &[("lost", "WHERE host = 'customer2'")],
    },
    Case {
        lab: "impair-rate",
        change: ("impair: {rate: 1mbit}", "impair: {rate: 100mbit}"),
        fails: &[("download", "step 1, run in other")],
    },
    Case {
        lab: "impair-rate",
        change: ("{clear: server/eth0}", "{clear: other/eth0}"),
        fails: &[("slower", "step 4, run in other")],
    },
    Case {
        lab: "impair-rate",
        change: ("--dhcp-range=10.0.0.10,10.0.0.50", "--dhcp-range=10.0.0.60,10.0.0.90"),
        fails: &[("lease", "10.0.0.")],
    },
    Case {
        lab: "impair",
        // All that the relay agent sends is sent twice.
        change: (
            "- impair: {clear: relay/lan}\n      - dhcp: *lease\n      - run",
            "- impair: {link: relay/lan, duplicate: 100%}\n      - dhcp: *lease\n      - run",
        ),
        fails: &[("clean", "dhcp4 ")],
    },
    Case {
        lab: "impair",
        change: ("duplicate: 20%, reorder: 25%, ", ""),
        fails: &[("rough", "0 doubled, ")],
    },
    Case {
        lab: "impair",
        change: ("delay: 3s", "delay: 3ms"),
        fails: &[("late", "no lease was wanted, but ")],
    },
    Case {
        lab: "impair",
        change: ("loss: 100%", "loss: 0.001%"),
        fails: &[("lost", "no lease was wanted, but ")],
    },
    Case {
        lab: "impair",
        change: ("192.168.100.10,192.168.100.50", "192.168.100.60,192.168.100.90"),
        fails: &[
            ("clean", "192.168.100."),
            ("rough", "192.168.100."),
            ("lossy", "192.168.100."),
            ("late", "192.168.100."),
            ("lost", "192.168.100."),
        ],
    },
    Case {
        lab: "vrf",
        change: ("  vrf${each}:\n    each: 2\n", "  vrf${each}:\n    each: 2\n    forward: true\n"),
        fails: &[("apart", "must avoid global")],
    },
    Case {
        lab: "wireguard",
        // A way around the tunnel.
        change: ("{to: 192.168.2.0/24, dev: wg0}", "{to: 192.168.2.0/24, via: 203.0.113.2}"),
        fails: &[("through", "icmp must avoid left/wan"), ("key", "icmp must avoid left/wan")],
    },
    Case {
        lab: "wireguard",
        // What comes from there is not taken.
        change: ("[10.9.0.2/32, 192.168.2.0/24]", "[10.9.0.2/32]"),
        fails: &[("through", "192.168.2.2"), ("key", "192.168.2.2")],
    },
    Case {
        lab: "vrf-vlan",
        // Each VLAN leads to the other's namespace.
        change: (
            "br${each}: {each: [10, 20], kind: bridge, ports: [\"trunk.${each}\", \"uplink${each}\"]}",
            "br10: {kind: bridge, ports: [trunk.20, uplink10]}\n      br20: {kind: bridge, ports: [trunk.10, uplink20]}",
        ),
        fails: &[
            ("own10", "customer20"),
            ("own20", "customer10"),
            ("apart", "must avoid vrf20"),
            ("cut", "10.0.0.2"),
        ],
    },
    Case {
        lab: "pppoe-discovery",
        change: ("-I eth0 -C lab-ac", "-I eth0 -C other-ac"),
        fails: &[("offer", "Access-Concentrator: other-ac")],
    },
    Case {
        lab: "pppoe-discovery",
        // PADR, its code at the second byte, is lost.
        change: (
            "    links: {eth0: {peer: client/eth0}}\n",
            "    links: {eth0: {peer: client/eth0}}\n    nft: table netdev t { chain c { type filter hook ingress device eth0 priority 0; @ll,120,8 0x19 drop; }; }\n",
        ),
        fails: &[("session", "step 1, run in client"), ("other", "step 2, run in client")],
    },
    Case {
        lab: "pppoe-discovery",
        // In the stand-in's command.
        change: ("-S lab -N 8", "-S lab -S other -N 8"),
        fails: &[("other", "step 1, run in client")],
    },
    Case {
        lab: "pppoe",
        change: ("-C lab-ac -S lab", "-C other-ac -S lab"),
        fails: &[("session", "ac-name must be lab-ac")],
    },
    Case {
        lab: "pppoe",
        change: ("nopersist maxfail 1", "nopersist maxfail 1 mtu 1400"),
        fails: &[("session", "1492"), ("mtu", "192.0.2.2")],
    },
    Case {
        lab: "pppoe",
        change: ("\\nrequire-chap\\n", "\\nnoauth\\n"),
        fails: &[("password", "step 1, run in client")],
    },
    Case {
        lab: "pppoe",
        // Another way out stays.
        change: (
            "    links: {eth0: {peer: server/eth0}}\n",
            "    links: {eth0: {peer: server/eth0}}\n    routes: [{to: 192.0.2.0/24, dev: eth0, metric: 99}]\n",
        ),
        fails: &[("session", "192.0.2.2"), ("mtu", "192.0.2.2"), ("end", "ip route get 192.0.2.2")],
    },
];

/// Runs all cases of the lab `name`.
fn tried(name: &str) {
    let user = users()[0];
    let mut seen = BTreeSet::new();
    let mut all = BTreeSet::new();
    for Case { change: (old, new), fails, .. } in CASES.iter().filter(|case| case.lab == name) {
        let shown = format!("{name} with `{new}`");
        let lab = Lab::built_in(user, name, |text| {
            assert!(text.contains(old), "{shown}: `{old}` is not in it");
            text.replacen(old, new, 1)
        });
        let (done, results) = lab.results(&[&lab.name]);
        if done.exit == 0 && results.values().all(|result| result["outcome"] == "skip") {
            eprintln!("SKIP {shown}: {}", done.all);
            return;
        }
        for (test, result) in results {
            let wanted = fails.iter().find(|(failing, _)| *failing == test);
            let outcome = if wanted.is_some() { "fail" } else { "pass" };
            assert_eq!(result["outcome"], outcome, "{shown}, {test}: {}", done.all);
            if let Some((_, words)) = wanted {
                let said = result["lines"].to_string();
                assert!(said.contains(words), "{shown}, {test}: {said}");
                seen.insert(test.clone());
            }
            all.insert(test);
        }
    }
    let untried: Vec<_> = all.difference(&seen).collect();
    assert!(!all.is_empty() && untried.is_empty(), "no case makes these fail: {untried:?}");
}

#[test]
fn what_is_broken_in_bridge_is_found_out() {
    tried("bridge");
}

#[test]
fn what_is_broken_in_vpn_is_found_out() {
    tried("vpn");
}

#[test]
fn what_is_broken_in_balance_is_found_out() {
    tried("balance");
}

#[test]
fn what_is_broken_in_spread_is_found_out() {
    tried("spread");
}

#[test]
fn what_is_broken_in_kea_is_found_out() {
    tried("kea");
}

#[test]
fn what_is_broken_in_proxy_is_found_out() {
    tried("proxy");
}

#[test]
fn what_is_broken_in_mgmt_is_found_out() {
    tried("mgmt");
}

#[test]
fn what_is_broken_in_l3vpn_is_found_out() {
    tried("l3vpn");
}

#[test]
fn what_is_broken_in_cpe_is_found_out() {
    tried("cpe");
}

#[test]
fn what_is_broken_in_vrf_is_found_out() {
    tried("vrf");
}

#[test]
fn what_is_broken_in_wireguard_is_found_out() {
    tried("wireguard");
}

#[test]
fn what_is_broken_in_vrf_vlan_is_found_out() {
    tried("vrf-vlan");
}

#[test]
fn what_is_broken_in_pppoe_discovery_is_found_out() {
    tried("pppoe-discovery");
}

#[test]
fn what_is_broken_in_pppoe_is_found_out() {
    tried("pppoe");
}

#[test]
fn what_is_broken_in_impair_is_found_out() {
    tried("impair");
}

#[test]
fn what_is_broken_in_impair_rate_is_found_out() {
    tried("impair-rate");
}
