//! What `labrun import` makes of what it has found: that which no test of a real script has on every kernel, and what
//! makes no sense.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use labrun::import::write::lab;
use labrun::import::{topology, translate};
use labrun::lab::check;
use labrun::lab::find::show_diagnostics;

fn encoded(text: &str) -> String {
    STANDARD.encode(text)
}

/// A link of veth; `more` are fields of its JSON.
fn veth(index: u32, name: &str, more: &str) -> String {
    let up = r#""flags":["UP"],"mtu":1500,"linkinfo":{"info_kind":"veth"}"#;
    format!(r#"{{"ifindex":{index},"ifname":"{name}",{up},{more}}}"#)
}

fn address(link: &str, local: &str, length: u8) -> String {
    format!(r#"{{"ifname":"{link}","addr_info":[{{"local":"{local}","prefixlen":{length}}}]}}"#)
}

#[test]
fn vlans_become_those_of_their_links_and_what_is_lost_is_said() {
    let vlan = r#"{"ifindex":9,"ifname":"blue","link":"eth0","flags":["UP"],"mtu":1500,"linkinfo":{"info_kind":"vlan","info_data":{"id":7}}}"#;
    let bridge = r#"{"ifindex":3,"ifname":"br0","flags":["UP"],"mtu":1500,"linkinfo":{"info_kind":"bridge","info_data":{"vlan_filtering":1}}}"#;
    let a = [
        veth(2, "eth0", r#""link_index":2,"link_netnsid":0,"qdisc":"netem""#),
        vlan.to_string(),
        veth(4, "x", r#""link":"y""#),
        veth(5, "y", r#""link":"x""#),
        veth(6, "lost", r#""link_index":77,"link_netnsid":5"#),
        r#"{"ifindex":7,"ifname":"tun0","flags":["UP"],"linkinfo":{"info_kind":"tun"}}"#.into(),
        r#"{"ifindex":8,"ifname":"sit0","flags":[],"linkinfo":{"info_kind":"sit"}}"#.into(),
    ];
    let b = [
        veth(2, "eth0", r#""link_index":2,"link_netnsid":0"#),
        bridge.into(),
        veth(4, "inner", r#""link":"port","mtu":1400"#).replace(r#""mtu":1500,"#, ""),
        veth(5, "port", r#""link":"inner","master":"br0""#),
    ];
    let records = [
        "status\t-\t0".to_string(),
        format!("fresh\t-\t{}", encoded("net/ipv4/tcp_sack:1\nnet/ipv4/ip_forward:0\n")),
        "ids\ta\t[{\"nsid\":0,\"name\":\"b\"}]".into(),
        format!("links\ta\t[{}]", a.join(",")),
        format!("addresses\ta\t[{},{}]", address("eth0", "fe80::1", 64), address("blue", "10.0.7.1", 24)),
        r#"routes	a	[{"dst":"10.9.0.0/16","gateway":"10.0.7.2","dev":"blue","metric":5},{"dst":"10.8.0.1","dev":"blue"},{"dst":"10.7.0.0/16","type":"unreachable"},{"dst":"10.6.0.0/16","type":"throw"},{"dst":"10.5.0.0/16","flags":[],"nexthops":[{"gateway":"10.0.7.2","dev":"blue","weight":3,"flags":[]},{"gateway":"10.0.7.3","dev":"blue","weight":1,"flags":[]}]},{"dst":"10.4.0.0/16","nexthops":[{"dev":"blue","weight":1}]}]"#.into(),
        r#"rules	a	[{"table":"main"},{"priority":5,"src":"10.0.0.1","table":"100"}]"#.into(),
        format!("settings\ta\t{}", encoded("net/ipv4/tcp_sack:0\nnet/ipv4/ip_forward:1\n")),
        format!("nft\ta\t{}", encoded("table ip nat {\n\tchain x {\n\t\txt target \"MASQUERADE\"\n\t}\n}\n")),
        "ids\tb\t[{\"nsid\":0,\"name\":\"a\"}]".into(),
        format!("links\tb\t[{}]", b.join(",")),
        format!("addresses\tb\t[{},{}]", address("br0", "10.1.0.1", 24), address("inner", "10.1.0.2", 24)),
        format!("process\tb\t9 9 {} {} {}", encoded("/usr/bin/python3\0serve.py\0--to=it's\0"), encoded("/made/here\n"), encoded("HOME=/\0A=b c\0_=x\0")),
        format!("sockets\tb\t{}", encoded("udp UNCONN 0 0 0.0.0.0:53 0.0.0.0:* users:((\"python3\",pid=9,fd=3))\ntcp LISTEN 0 5 [::]:80 [::]:* users:((\"python3\",pid=9,fd=4))\ntcp LISTEN 0 5 *:81 *:* users:((\"other\",pid=99,fd=4))\n")),
        format!("folder\t-\t{}", encoded("/script")),
        format!("environment\t-\t{}", encoded("HOME=/\0")),
        format!("file\t-\t{} {}", encoded("/made/here/serve.py"), encoded("print(1)\n\n")),
        format!("file\t-\t{} {}", encoded("/made/here/run.pid"), encoded("9\n")),
        format!("file\t-\t{} {}", encoded("/made/blob"), STANDARD.encode([255, 0])),
        "end\t-\t-".into(),
    ];
    let text = lab("x", "./setup.sh 'a\nb'", &records.join("\n"), &|_| false).unwrap();
    if let Err(mistakes) = check::lab(&text, "lab.yaml") {
        panic!("{}\n{text}", show_diagnostics("lab.yaml", &mistakes));
    }
    insta::assert_snapshot!(text);
}

#[test]
fn links_inside_of_a_node_are_imported_with_what_they_belong_to() {
    let link = |name: &str, more: &str, kind: &str, data: &str| {
        format!(
            r#"{{"ifname":"{name}","flags":["UP"],"mtu":1500,{more}"linkinfo":{{"info_kind":"{kind}","info_data":{data}}}}}"#
        )
    };
    let red = r#"{"ifname":"red","flags":["UP"],"mtu":1500,"master":"vrf-red","link_index":2,"link_netnsid":0,"ifindex":2,"linkinfo":{"info_kind":"veth","info_slave_kind":"vrf"}}"#;
    let links = [
        red.to_string(),
        link("vrf-red", "", "vrf", r#"{"table":10}"#),
        link("d0", r#""master":"vrf-red","#, "dummy", "{}")
            .replace(r#""dummy","#, r#""dummy","info_slave_kind":"vrf","#),
        link("m0", r#""link":"red","#, "macvlan", r#"{"mode":"private"}"#),
        link("i0", r#""link":"red","#, "ipvlan", r#"{"mode":"l3","flags":["bridge"]}"#),
        link("bond0", "", "bond", r#"{"mode":"active-backup"}"#),
        link(
            "g0",
            "",
            "gre",
            r#"{"local":"10.0.0.1","remote":"10.0.0.2","ikey":"0.0.1.0","okey":"0.0.1.0"}"#,
        ),
        link(
            "g1",
            "",
            "gre",
            r#"{"local":"10.0.0.1","remote":"10.0.0.3","ikey":"0.0.1.0","okey":"0.0.2.0"}"#,
        ),
        link("gre0", "", "gre", r#"{"local":"any","remote":"any"}"#).replace(r#""UP""#, ""),
        link("vx0", "", "vxlan", r#"{"id":7,"group":"239.1.1.1","link":"red","port":4789}"#),
    ];
    let other = veth(2, "eth0", r#""link_index":2,"link_netnsid":0"#);
    let records = [
        "status\t-\t0".to_string(),
        "ids\tpe\t[{\"nsid\":0,\"name\":\"red\"}]".into(),
        format!("links\tpe\t[{}]", links.join(",")),
        format!(
            "addresses\tpe\t[{},{}]",
            address("red", "10.0.0.1", 24),
            address("d0", "192.0.2.1", 32)
        ),
        "ids\tred\t[{\"nsid\":0,\"name\":\"pe\"}]".into(),
        format!("links\tred\t[{other}]"),
        "end\t-\t-".into(),
    ];
    let text = lab("x", "./setup.sh", &records.join("\n"), &|_| false).unwrap();
    insta::assert_snapshot!(text);
}

#[test]
fn what_makes_no_sense_is_an_error() {
    for (printed, why) in [
        ("", "not complete"),
        ("status\t-\t0\n", "not complete"),
        ("links\ta", "cut short"),
        ("links\ta\t[\nend\t-\t-", "links: "),
        ("links\ta\t{}\nend\t-\t-", "links: "),
        ("nft\ta\t***\nend\t-\t-", "Invalid"),
        ("process\ta\t1 2\nend\t-\t-", "cut short"),
        ("wings\ta\tx\nend\t-\t-", "an unknown record: wings"),
    ] {
        let error = lab("x", "y", printed, &|_| false).unwrap_err();
        assert!(error.contains(why), "{printed:?}: {error}");
    }
}

/// The lab of a topology file of tests/data/imports, which is a good one.
fn translated(file: &str) -> String {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/imports");
    let read = |path: &str| std::fs::read_to_string(folder.join(path)).ok();
    good(&translate::lab("x", file, &topology::read(&read(file).unwrap()).unwrap(), &read))
}

/// `text`, in which `check` finds no mistake.
fn good(text: &str) -> String {
    if let Err(mistakes) = check::lab(text, "lab.yaml") {
        panic!("{}\n{text}", show_diagnostics("lab.yaml", &mistakes));
    }
    text.into()
}

#[test]
fn a_topology_of_containerlab_becomes_a_lab() {
    insta::assert_snapshot!(translated("routers.clab.yml"));
}

#[test]
fn a_specification_of_tinet_becomes_a_lab() {
    insta::assert_snapshot!(translated("triangle.yaml"));
}

/// The lab of a node `n` with the links `eth1` and `eth2` that runs `commands`.
fn with_commands(commands: &[&str]) -> String {
    let commands = serde_json::to_string(commands).unwrap();
    let text = format!(
        "name: x\ntopology:\n  nodes: {{n: {{kind: linux, exec: {commands}}}, m: {{kind: linux}}}}\n  links: [{{endpoints: ['n:eth1', 'm:eth1']}}, {{endpoints: ['n:eth2', 'm:eth2']}}]\n"
    );
    good(&translate::lab("x", "x.yml", &topology::read(&text).unwrap(), &|_| None))
}

#[test]
fn a_command_that_has_no_field_is_run_as_it_is() {
    for command in [
        "ip addr add 10.0.0.1/24 dev eth1 label eth1:1",
        "ip addr add 10.0.0.0/24 dev eth1",
        "ip addr del 10.0.0.1/24 dev eth1",
        "ip link set eth1 down",
        "ip link set eth1 mtu 1",
        "ip link set eth1 address 01:00:00:00:00:01",
        "ip route add 10.2.0.0/16 via 10.9.0.1",
        "ip route add 10.2.0.1/16 dev eth1",
        "ip route add 10.2.0.0/16 via 10.9.0.1 dev eth1",
        "ip route add 10.2.0.0/16 dev eth1 table 7",
        "ip route add blackhole default",
        "ip route add 10.2.0.0/16",
        "ip rule add from 10.0.0.1 table 7",
        "sysctl -p",
        "sysctl -w net.ipv4.ip_forward",
        "sysctl -w kernel.domainname=x",
        "sysctl -w net.ipv4.ip_forward=1 kernel.domainname=x",
        "echo yes > /proc/sys/net/ipv4/ip_forward",
        "bash -c 'for i in 1 2; do ip link set eth1 mtu 140$i; done'",
        "sh -c 'cd /tmp; ip link set eth1 mtu 1400'",
        "sh -c \"ip addr add $MINE dev eth1\"",
        "bash -c 'ip link set eth1 mtu 1400 || true'",
        "ip addr add '10.0.0.1/24 dev eth1",
        "ip addr add 10.0.0.1/24 dev eth1 &",
        "nft -f /etc/x.nft",
    ] {
        let text = with_commands(&["true", command]);
        let started = format!(
            "started:   # CHANGE: each must succeed\n          - {}\n",
            labrun::quote::yaml_line("true")
        );
        assert!(text.contains(&started), "{text}");
        let kept = format!("          - {}\n", labrun::quote::yaml_line(command));
        assert!(text.contains(&kept), "{command}: {text}");
    }
}

#[test]
fn a_command_that_has_a_field_is_not_run() {
    for (commands, lines) in [
        (&["ip a a 10.0.0.1 dev eth1"][..], "eth1: {peer: m/eth1, addresses: 10.0.0.1/32}"),
        (&["ip l set dev eth1 up mtu 9000"], "eth1: {peer: m/eth1, mtu: 9000}"),
        (&["ip link set eth1 address 02:00:00:00:00:01 up"], "mac: \"02:00:00:00:00:01\"}"),
        (
            &["ip addr add 10.0.0.1/24 dev eth1", "ip addr add fd00::1/64 dev eth1"],
            "addresses: [10.0.0.1/24, fd00::1/64]}",
        ),
        (
            &["ip -6 addr add fd00::1/64 dev eth1", "ip -6 route add ::/0 via fd00::2"],
            "- {to: default, via: fd00::2}",
        ),
        (
            &[
                "ip addr add 10.0.0.1/24 dev eth1",
                "ip r add default via 10.0.0.2",
                "ip r replace default via 10.0.0.3",
            ],
            "routes:\n      - {to: default, via: 10.0.0.3}\n",
        ),
        (&["sysctl -q -w net/ipv4/tcp_sack=0"], "net.ipv4.tcp_sack: 0\n"),
        (&["sysctl net.ipv6.conf.all.forwarding=1"], "    forward: true\n    links:"),
        (&["/bin/sh -c 'echo \"0\" > /proc/sys/net/ipv4/ip_forward'", " "], "  \"n\":\n    links:"),
    ] {
        let text = with_commands(commands);
        assert!(text.contains(lines) && !text.contains("services:"), "{commands:?}: {text}");
    }
}

#[test]
fn a_topology_file_with_names_that_no_lab_has_is_a_good_lab_all_the_same() {
    let text = "name: x
topology:
  nodes:
    global: {kind: linux}
    _a b: {kind: linux, cmd: 'bash -c \"sleep 9\"', env: {A: 1.5, B: true}}
    both: {}
    a-bridge-with-a-long-name: {kind: bridge}
    another: {kind: ovs-bridge}
  links:
  - endpoints: ['global:a-link-with-a-long-name', 'a-bridge-with-a-long-name:eth1']
  - endpoints: ['_a b:-eth1', 'another:eth1']
  - endpoints: ['_a b:ge-0/0/0', 'both:lo']
  - endpoints: ['_a b:all', 'both:eth:1']
  - endpoints: ['both:eth9', 'both:eth8']
  - endpoints: ['another:eth9', 'a-bridge-with-a-long-name:eth8']
  - endpoints: ['both:eth2', 'another:eth1']
  - endpoints: ['both:eth2', 'another:eth3']
  - endpoints: [both]
  - {}
  - nothing
";
    let text = good(&translate::lab("x", "x.yml", &topology::read(text).unwrap(), &|_| None));
    insta::assert_snapshot!(text);
}

#[test]
fn a_variable_that_a_lab_file_fills_in_is_named() {
    let text = with_commands(&["sh -c 'for name in a b; do echo $${name}; done'"]);
    assert!(text.contains("CHANGE: ${name} means something else"), "{text}");
}

#[test]
fn what_is_neither_tools_is_an_error() {
    for (text, why) in [
        ("lab: x\nnodes: {a: {}}\n", "neither a topology of containerlab"),
        ("[]", "which has a list of `nodes`"),
        ("", "neither a topology"),
        ("topology: {}\n", "neither a topology"),
        ("nodes: [\n", "line "),
    ] {
        let error = topology::read(text).unwrap_err();
        assert!(error.contains(why), "{text:?}: {error}");
    }
    for empty in ["topology: {nodes: [a]}", "nodes: []", "nodes: [a, {name: b}, {name: [c]}]"] {
        good(&translate::lab("x", "x.yml", &topology::read(empty).unwrap(), &|_| None));
    }
}
