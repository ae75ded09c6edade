//! Every feature of the lab format does for real what it says, as root and as an ordinary user.

use crate::common;
use crate::common::labs;

use common::{User, command, has_range, users};
use labrun::compile::kernel::trial;
use labs::{Lab, have, lines};

/// Two hosts on one cable, a router with a bridge, all kinds of addresses and routes.
const NETWORK: &str = r#"
bridges:
  br0: {addresses: [10.1.0.254/24, "fd01::fe/64"], mtu: 1400, mac: "02:00:00:00:0b:00"}
  br1: {}
nodes:
  global:
    links:
      up0: {peer: left/eth1, addresses: 10.3.0.1/30}
    routes:
      - {to: 10.2.0.0/24, via: 10.1.0.1}
  left:
    links:
      eth0: {peer: router/left, addresses: [10.2.0.2/24, "fd02::2/64"], mtu: 9000, mac: "02:00:00:00:00:AA"}
      eth1: {peer: global/up0, addresses: 10.3.0.2/30}
    routes:
      - {to: default, via: 10.2.0.1, src: 10.2.0.2, metric: 42}
      - {to: default, via: "fd02::1"}
      - {to: 10.9.0.0/16, dev: eth0}
      - {to: "fd09::/64", via: "fe80::1", dev: eth0}
  router:
    forward: true
    links:
      left: {peer: left/eth0, addresses: [10.2.0.1/24, "fd02::1/64"], mtu: 9000}
      lan: {bridge: br0, port: p-router, addresses: [10.1.0.1/24, "fd01::1/64"], mtu: 1400}
    nft: |
      table inet t {
        chain c { type filter hook forward priority 0; tcp dport 4444 counter drop; }
      }
  wall:
    links:
      a: {bridge: br0, port: p-wall, addresses: [10.1.0.3/24, "fd01::3/64"]}
      b: {bridge: br1, port: p-wall-b, addresses: [10.4.0.1/24, "fd04::1/64"]}
    sysctls: {net.ipv4.ip_default_ttl: 33, net.ipv4.conf.a.rp_filter: 2, net/ipv4/conf/b/rp_filter: 1}
  beyond:
    links:
      lo: {addresses: [198.51.100.7/32, "2001:db8::7/128"]}
      eth0: {bridge: br1, port: p-beyond, addresses: [10.4.0.2/24, "fd04::2/64"]}
    routes: [{to: default, via: 10.4.0.1}, {to: default, via: "fd04::1"}]
  right:
    links:
      eth0: {bridge: br0, port: p-right, addresses: [10.1.0.2/24, "fd01::2/64"]}
    routes: [{to: 10.2.0.0/24, via: 10.1.0.1}, {to: "fd02::/64", via: "fd01::1"}, {to: 10.4.0.0/24, via: 10.1.0.3}, {to: "fd04::/64", via: "fd01::3"}]
  edge:
    links:
      eth0: {bridge: br1, port: p-edge, addresses: [10.4.0.3/24, "fd04::3/64"]}
    routes: [{to: 198.51.100.7/32, via: 10.4.0.2}, {to: "2001:db8::7/128", via: "fd04::2"}]
tests:
  links:
    steps:
      - run: {node: left, command: ip -j link show eth0, json: [{mtu: 9000, address: "02:00:00:00:00:aa", operstate: UP}]}
      - run: {node: router, command: ip -j link show left, json: [{mtu: 9000}]}
      - run: {node: global, command: ip -j -d link show br0, json: [{mtu: 1400, address: "02:00:00:00:0b:00", linkinfo: {info_kind: bridge}}]}
      - run: {node: global, command: ip -j -d link show p-router, json: [{mtu: 1400, master: br0, linkinfo: {info_slave_kind: bridge}}]}
      - run: {node: global, command: ip -j addr show br0, json: [{addr_info: [{local: 10.1.0.254, prefixlen: 24, broadcast: 10.1.0.255}, {local: "fd01::fe", prefixlen: 64}]}]}
      - run: {node: right, command: ls /sys/class/net, match: '^eth0\s+lo\s*$'}
      - run: {node: left, command: ip -j addr show lo, json: [{flags: [UP], addr_info: [{local: 127.0.0.1}]}]}
  routes:
    steps:
      - run: {node: left, command: ip -j route show default, json: [{gateway: 10.2.0.1, dev: eth0, prefsrc: 10.2.0.2, metric: 42}]}
      - run: {node: left, command: ip -j -6 route show default, json: [{gateway: "fd02::1", dev: eth0}]}
      - run: {node: left, command: ip -j route show 10.9.0.0/16, json: [{dev: eth0, scope: link}]}
      - run: {node: left, command: ip -j -6 route show fd09::/64, json: [{gateway: "fe80::1", dev: eth0}]}
      - run: {node: global, command: ip -j route show 10.2.0.0/24, json: [{gateway: 10.1.0.1}]}
  reach:
    steps:
      - ping: {node: left, to: 10.1.0.2, count: 2}
      - ping: {node: left, to: "fd01::2", count: 2}
      - ping: {node: global, to: 10.2.0.2}
      - ping: {node: left, to: 10.3.0.1}
      - ping: {node: right, to: 10.1.0.254}
      - ping: {node: right, to: "fd01::fe"}
      - ping: {node: edge, to: 198.51.100.7}
      - ping: {node: edge, to: "2001:db8::7"}
      # Eight bytes of ICMP and twenty of IP come on top.
      - ping: {node: right, to: 10.1.0.1, size: 1372, fragment: false}
      - ping: {node: left, to: 10.2.0.1, size: 8972, fragment: false, count: 2}
      - ping: {node: router, to: 10.1.0.2, size: 1373, fragment: false, timeout: 1s, fails: true}
      - ping: {node: beyond, to: 10.1.0.3, from: 10.4.0.2}
      - ping: {node: beyond, to: 10.4.0.1, from: 198.51.100.7, timeout: 500ms, fails: true}
      - ping: {node: left, to: "ff02::2", from: eth0}
  forward-off:
    steps:
      - run: {node: wall, command: cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding /proc/sys/net/ipv6/conf/b/forwarding, stdout: "0\n0\n0"}
      - ping: {node: wall, to: 10.4.0.2}
      - ping: {node: right, to: 10.4.0.1}
      - ping: {node: right, to: 10.4.0.2, timeout: 500ms, fails: true}
      - ping: {node: right, to: "fd04::2", timeout: 500ms, fails: true}
      - run: {node: router, command: cat /proc/sys/net/ipv4/ip_forward /proc/sys/net/ipv6/conf/all/forwarding /proc/sys/net/ipv6/conf/lan/forwarding, stdout: "1\n1\n1"}
  settings:
    steps:
      - run: {node: wall, command: cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/net/ipv4/conf/a/rp_filter /proc/sys/net/ipv4/conf/b/rp_filter, stdout: "33\n2\n1"}
      - run: {node: right, command: cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/net/ipv6/conf/eth0/accept_dad, stdout: "64\n0"}
      - run: {node: router, command: nft -j list ruleset, match: '"dport".*4444'}
      - run: {node: right, command: nft list ruleset, stdout: ''}
"#;

#[test]
fn networks_are_as_the_file_draws_them() {
    if !have("networks_are_as_the_file_draws_them", &["nft", "ping"]) {
        return;
    }
    for user in users() {
        Lab::new(user, NETWORK).passes(&[]);
    }
}

const SERVICES: &str = r#"
needs: {commands: {busybox: busybox, socat: socat}}
nodes:
  host:
    services:
      udp: {command: "exec socat UDP-RECVFROM:5353,fork EXEC:cat", ready: {udp: 5353}}
      udp6: {command: "sleep 0.2; exec socat UDP6-RECVFROM:5454,fork EXEC:cat", ready: {udp: [5454]}}
      tcp: {command: "exec busybox httpd -f -p 80 -h www", files: {www/index.html: "page\n"}, ready: {tcp: 80}}
      log: {command: "sleep 0.2; echo now I am up 7 >&2; exec sleep 1000", ready: {log: '^now .* up [0-9]+$'}}
      file: {command: "sleep 0.2; mkdir run; touch run/up; exec sleep 1000", ready: {file: run/up}}
      command: {command: "sleep 0.2; touch up; exec sleep 1000", ready: {command: test -e up}}
      running: {command: "exec sleep 1000", ready: {running: 300ms}}
      exit: {command: "sleep 0.2; echo made >$TMPDIR/made; exit 7", ready: {exit: 7}}
      several: {command: "echo one; touch two; exec busybox httpd -f -p 81", ready: {log: one, file: two, tcp: 81}}
      last:
        command: "date +%s%N >start; cat $TMPDIR/made ../command/up ../file/run/up; exec sleep 1000"
        after: [exit, command, file]
        ready: {log: made}
      environment:
        command: 'echo "<$GREETING><$NUMBER><$LABRUN_LAB><$LABRUN_NODE>"; pwd; exec sleep 1000'
        environment: {GREETING: "hello  world", NUMBER: 7}
        ready: {running: 1ms}
      files:
        command: cat plain deep/er/file /etc/labrun-test/config /etc/resolv.conf /run/labrun-test; exec sleep 1000
        files:
          plain: "a\n"
          deep/er/file: "b\n"
          /etc/labrun-test/config: "c\n"
          # There is one on the machine, where it belongs to root.
          /etc/default/labrun-test: "d\n"
          /etc/resolv.conf: "nameserver 192.0.2.53\n"
          /run/labrun-test: "d\n"
        ready: {log: d}
tests:
  ready:
    steps:
      - run: {node: host, command: "busybox wget -qO- http://127.0.0.1/", stdout: page}
      - run: {node: host, command: "printf ping | socat -t 1 - UDP:127.0.0.1:5353", stdout: ping}
      - run: {node: host, command: "cat /etc/resolv.conf", stdout: nameserver 192.0.2.53}
  waits:
    steps:
      - wait: {node: host, udp: 5353}
      - wait: {node: host, tcp: 80}
      # Printed anew: what it printed before the test began does not count.
      - service: {restart: log}
      - wait: {service: log, log: "up 7"}
      - wait: {node: host, command: test -e /etc/labrun-test/config}
      - wait: {file: /etc/labrun-test/config}
      - wait: {file: /etc/default/labrun-test}
      - run: {node: host, command: "(sleep 0.3; echo late >$TMPDIR/late) >/dev/null 2>&1 &"}
      - wait: {node: host, command: "test -e $TMPDIR/late", within: 5s}
  waits-in-vain:
    steps:
      - wait: {node: host, tcp: 5353, within: 200ms}
  run:
    steps:
      - run: {node: host, command: exit 3, exit: 3}
      - run: {node: host, command: exit 3, fails: true}
      - run: {node: host, command: "echo a; echo b; echo c >&2", stdout: "a\nb"}
      - run: {node: host, command: "echo a; echo b", match: ^b$}
      - run: {node: host, command: "echo '{\"a\": [{\"b\": 1, \"c\": 2}, 3], \"d\": null}'", json: {a: [3, {b: 1}]}}
      - run: {node: host, command: "n=$(cat $TMPDIR/n || echo 0); echo $((n + 1)) >$TMPDIR/n; test $n = 3", within: 5s, every: 20ms}
      - run: {node: global, command: "test -e /proc/1/status && test ! -e /run/systemd"}
      - run: {node: host, command: 'echo "$LABRUN_NODE"; cat', stdout: host}
      - run: {node: host, command: 'echo "$ONE:$TWO"', environment: {ONE: "a b", TWO: 2}, stdout: "a b:2", not-match: c}
"#;

#[test]
fn services_start_when_and_where_they_should_and_steps_do_what_they_say() {
    if !have("services_start", &["busybox", "socat"]) {
        return;
    }
    let host = || {
        (
            std::fs::read("/etc/resolv.conf").ok(),
            std::path::Path::new("/etc/labrun-test").exists(),
            std::path::Path::new("/run/labrun-test").exists(),
        )
    };
    let before = host();
    assert_eq!(
        (before.1, before.2),
        (false, false),
        "the host must not have what only the lab has"
    );
    for user in users() {
        let lab = Lab::new(user, SERVICES);
        let (done, results) = lab.results(&[]);
        for test in ["ready", "waits", "run"] {
            assert_eq!(results[test]["outcome"], "pass", "{user:?} {test}: {}", done.all);
        }
        assert_eq!(
            (done.exit, &results["waits-in-vain"]["outcome"]),
            (1, &"fail".into()),
            "{}",
            done.all
        );
        assert!(
            lines(&results["waits-in-vain"]).contains("waited 200ms for TCP port 5353"),
            "{}",
            done.all
        );
        assert_eq!(lab.run(&["setup", &lab.name]).exit, 0);
        let logs = |service: &str| lab.run(&["logs", &lab.name, service]).stdout;
        let environment = logs("environment");
        assert!(
            environment
                .starts_with(&format!("environment | <hello  world><7><{}><host>\n", lab.name))
                && environment.contains("/service/environment\n"),
            "{environment}"
        );
        assert_eq!(
            logs("files"),
            "files | a\nfiles | b\nfiles | c\nfiles | nameserver 192.0.2.53\nfiles | d\n"
        );
        // `after`: what the others had made was there already.
        assert_eq!(logs("last"), "last | made\n");
        assert!(host() == before, "the host's /etc or /run changed");
    }
}

#[test]
fn services_and_cables_are_taken_away_and_given_back() {
    if !have("services_and_cables", &["busybox", "ping"]) {
        return;
    }
    let body = r#"
needs: {commands: {busybox: busybox}}
bridges: [br0]
nodes:
  a:
    links:
      eth0: {bridge: br0, port: pa, addresses: [10.0.0.1/24, "fd00::1/64"]}
      p2p: {peer: b/p2p, addresses: [10.1.0.1/24, "fd01::1/64"]}
    routes:
      - {to: 10.7.0.0/16, via: 10.1.0.2}
      - {to: "fd07::/64", via: "fd01::2"}
      - {to: 10.8.0.0/16, via: 10.0.0.2}
  b:
    links:
      eth0: {bridge: br0, port: pb, addresses: [10.0.0.2/24, "fd00::2/64"]}
      p2p: {peer: a/p2p, addresses: [10.1.0.2/24, "fd01::2/64"]}
    services:
      web:
        command: 'echo run >>"$TMPDIR/runs"; trap "echo asked >>$TMPDIR/runs; kill %1; exit" TERM; busybox httpd -f -p 80 & wait'
        ready: {tcp: 80}
      stubborn: {command: "trap '' TERM; while :; do sleep 0.1; done", ready: {running: 1ms}}
tests:
  port:
    steps:
      - link: {down: b/eth0}
      - ping: {node: a, to: 10.0.0.2, timeout: 500ms, fails: true}
      - ping: {node: a, to: "fd00::2", timeout: 500ms, fails: true}
      - ping: {node: a, to: 10.1.0.2}
      - run: {node: b, command: ip -j link show eth0, json: [{flags: [NO-CARRIER, UP]}]}
      - link: {up: b/eth0}
      - ping: {node: a, to: 10.0.0.2, within: 5s}
      - ping: {node: a, to: "fd00::2", within: 5s}
  p2p:
    steps:
      - link: {down: a/p2p}
      - run: {node: a, command: ip route get 10.1.0.2, fails: true}
      - run: {node: a, command: ip route get 10.7.0.1, fails: true}
      - link: {up: a/p2p}
      - ping: {node: a, to: 10.1.0.2, within: 5s}
      - ping: {node: a, to: "fd01::2", within: 5s}
      - run: {node: a, command: ip -j route show 10.7.0.0/16, json: [{gateway: 10.1.0.2, dev: p2p}]}
      - run: {node: a, command: ip -j -6 route show fd07::/64, json: [{gateway: "fd01::2", dev: p2p}]}
      - run: {node: a, command: ip -j -6 addr show dev p2p scope link, json: [{addr_info: [{scope: link}]}]}
  services:
    steps:
      - service: {stop: web}
      - run: {node: b, command: "tail -n 1 $TMPDIR/runs", stdout: asked}
      - run: {node: b, command: "busybox wget -qO- http://127.0.0.1/", fails: true}
      - service: {start: web}
      - wait: {node: b, tcp: 80, within: 100ms}
      - service: {kill: web}
      - service: {start: web}
      - service: {restart: web}
      - service: {start: web}
      - run: {node: b, command: "tr '\\n' ' ' <$TMPDIR/runs", stdout: run asked run run asked run}
      - service: {stop: stubborn, within: 200ms}
  # The three that leave something behind, and what follows each.
  a-leaves-links-down: {steps: [link: {down: b/eth0}, link: {down: a/p2p}]}
  b-finds-them-up:
    steps:
      - ping: {node: a, to: 10.0.0.2, within: 5s}
      - ping: {node: a, to: "fd01::2", within: 5s}
      - run: {node: a, command: ip -j route show 10.7.0.0/16, json: [{gateway: 10.1.0.2}]}
  c-leaves-a-service-dead: {steps: [service: {kill: web}, service: {stop: stubborn, within: 100ms}]}
  d-finds-it-running: {steps: [wait: {node: b, tcp: 80, within: 50ms}, run: {node: b, command: "busybox wget -S http://127.0.0.1/x 2>&1", match: "404", exit: 1}]}
"#;
    for user in users() {
        Lab::new(user, body).passes(&[]);
    }
}

#[test]
fn a_lease_does_not_outlive_its_test() {
    if !have("a_lease_does_not_outlive_its_test", &["dnsmasq", "dhclient", "dhcpcd", "udhcpc"]) {
        return;
    }
    let clean = r#"[run: {node: client, command: 'ip -o addr show dev eth0 scope global; ip route show; ip -6 route show default; cat /etc/resolv.conf | grep -c 192.0.2.53; ! pgrep -x dhclient && ! pgrep -x dhcpcd && ! pgrep -x udhcpc', stdout: "0"}]"#;
    let mut tests = String::new();
    for (client, family) in
        [("dhclient", 4), ("dhcpcd", 4), ("udhcpc", 4), ("dhclient", 6), ("dhcpcd", 6)]
    {
        tests.push_str(&format!("  {client}-{family}: {{steps: [dhcp: {{node: client, link: eth0, family: {family}, client: {client}, within: 30s}}]}}\n  {client}-{family}-gone: {{steps: {clean}}}\n"));
    }
    // Two leases in one test: the second client begins from nothing.
    tests.push_str("  twice: {steps: [dhcp: {node: client, link: eth0, family: 4, client: dhcpcd, within: 30s}, dhcp: {node: client, link: eth0, family: 4, client: udhcpc, within: 30s}, dhcp: {node: client, link: eth0, family: 4, client: dhclient, within: 30s}]}\n");
    let body = format!(
        "
needs: {{commands: {{dnsmasq: dnsmasq-base, pgrep: procps}}}}
bridges: [br0]
nodes:
  client:
    links: {{eth0: {{bridge: br0, port: p-client}}}}
  server:
    links: {{eth0: {{bridge: br0, port: p-server, addresses: [10.0.0.1/24, \"fd00::1/64\"]}}}}
    services:
      dhcp:
        command: exec dnsmasq --no-daemon --conf-file=dnsmasq.conf
        files:
          dnsmasq.conf: |
            port=0
            no-ping
            user=root
            group=root
            interface=eth0
            dhcp-range=10.0.0.10,10.0.0.20,12h
            dhcp-range=fd00::10,fd00::20,12h
            dhcp-option=option:router,10.0.0.1
            dhcp-option=option:dns-server,192.0.2.53
            dhcp-leasefile=leases
        ready: {{udp: [67, 547]}}
tests:
{tests}"
    );
    for user in users() {
        Lab::new(user, &body).passes(&[]);
    }
}

#[test]
fn all_built_in_labs_pass_and_those_for_dhcp_with_every_client() {
    if !have(
        "all_built_in_labs_pass",
        &[
            "dnsmasq",
            "dhcrelay",
            "dhclient",
            "dhcpcd",
            "udhcpc",
            "busybox",
            "socat",
            "nft",
            "ping",
            "haproxy",
            "bird",
            "vtysh",
            "kea-dhcp4",
            "kea-dhcp6",
            "perfdhcp",
            "curl",
            "pppoe-server",
        ],
    ) {
        return;
    }
    let mut probe = std::process::Command::new("unshare");
    probe.args(["--user", "--map-root-user", "--net", "sh", "-c", &trial("netem")]);
    let netem = probe.output().unwrap().status.success();
    let takes = |link: &str| {
        let mut probe = std::process::Command::new("unshare");
        probe.args(["--user", "--map-root-user", "--net", "ip", "link", "add"]);
        probe.args(link.split(' ')).output().unwrap().status.success()
    };
    let vlan = takes("link lo name tagged type vlan id 1");
    let wireguard = takes("name tunnel type wireguard");
    let monitored = have(
        "the lab vrf",
        &["zabbix_server", "zabbix_proxy", "zabbix_agentd", "psql", "pg_ctlcluster"],
    );
    for user in users() {
        // Opening the device takes more than that it is there: it is root's, unless somebody has changed that.
        let sockets = ": </dev/ppp && perl -e 'socket(S, 24, 2, 0) or exit 1'";
        let dials = command(user, "sh").args(["-c", sockets]).output().unwrap().status.success();
        for (name, _) in labrun::lab::find::BUILT_IN {
            // The others have leases to have something to go on with.
            let clients: &[&str] = if ["relay", "server", "trunk"].contains(&name) {
                &["dhclient", "dhcpcd", "udhcpc"]
            } else {
                &["dhclient"]
            };
            for client in clients {
                let lab = Lab::built_in(user, name, |text| text);
                let (done, results) = lab.results(&["--client", client]);
                assert!(
                    done.exit == 0 && !results.is_empty(),
                    "{user:?} {name} {client}: {}",
                    done.all
                );
                for (test, result) in results {
                    let skipped = (*client == "udhcpc" && test == "v6")
                        || (["trunk", "vrf-vlan"].contains(&name) && !vlan)
                        || (name == "wireguard" && !wireguard)
                        || (name == "pppoe" && !dials)
                        || (name == "impair" && !netem)
                        || (name == "mgmt" && !has_range(user))
                        || (name == "vrf" && !monitored);
                    let expected = if skipped { "skip" } else { "pass" };
                    assert_eq!(
                        result["outcome"], expected,
                        "{user:?} {name}-{test} {client}: {}",
                        done.all
                    );
                }
            }
        }
    }
}

#[test]
fn a_service_is_not_ready_by_what_it_printed_before_it_was_started_again() {
    let lab = Lab::new(
        User::Own,
        r#"
nodes:
  host:
    services:
      slow: {command: "sleep 0.3; touch $TMPDIR/up; echo I am up; exec sleep 1000", ready: {log: ^I am up$}}
tests:
  t:
    steps:
      - run: {node: host, command: rm $TMPDIR/up}
      - service: {restart: slow}
      - run: {node: host, command: test -e $TMPDIR/up}
"#,
    );
    lab.passes(&[]);
}

/// Programs can be bound to the addresses at once. Where the lab file has a say in duplicate address detection that is
/// left to the kernel.
#[test]
fn ipv6_addresses_are_certain_unless_the_lab_says_otherwise() {
    let flags = |nodad: bool| {
        let nodad = if nodad { "nodad: true, " } else { "" };
        format!("json: [{{addr_info: [{{{nodad}local: \"fd00::1\"}}]}}]")
    };
    let step = |node: &str, more: &str| {
        format!(
            "      - run: {{node: {node}, command: 'ip -j -6 addr show dev eth0 scope global', {more}}}\n"
        )
    };
    let body = format!(
        "nodes:\n  a: {{links: {{eth0: {{peer: b/eth0, addresses: \"fd00::1/64\"}}}}}}\n  b: {{links: {{eth0: {{peer: a/eth0, addresses: \"fd00::2/64\"}}}}, sysctls: {{net.ipv6.conf.default.dad_transmits: 0}}}}\ntests:\n  t:\n    steps:\n{}{}{}",
        step("a", &flags(true)),
        step("b", "not-match: nodad, match: 'fd00::2'"),
        // Put back as it was.
        format_args!(
            "      - link: {{down: a/eth0}}\n      - link: {{up: a/eth0}}\n{}",
            step("a", &flags(false))
        ),
    );
    for user in users() {
        Lab::new(user, &body).passes(&[]);
    }
}

/// As a lab for duplicate address detection needs it.
#[test]
fn two_hosts_may_have_one_address_if_the_lab_says_so() {
    for user in users() {
        let lab = Lab::new(
            user,
            r#"
bridges: [br0]
nodes:
  a: {links: {eth0: {bridge: br0, port: p-a, addresses: [10.0.0.1/24, "fd00::1/64"]}}}
  b: {links: {eth0: {bridge: br0, port: p-b, addresses: [10.0.0.1/24, "fd00::1/64"], duplicate: true}}}
  c: {links: {eth0: {bridge: br0, port: p-c, addresses: 10.0.0.3/24}}}
tests:
  t:
    steps:
      - run: {node: a, command: ip -o addr show dev eth0, match: "10.0.0.1/24"}
      - run: {node: b, command: ip -o addr show dev eth0, match: "fd00::1/64"}
      - ping: {node: c, to: 10.0.0.1}
"#,
        );
        lab.passes(&[]);
    }
}
