//! What `labrun import` makes of what it has found: that which no test of a real script has on every kernel, and what
//! makes no sense.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use labrun::import::write::lab;
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
