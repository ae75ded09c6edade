//! Path rules in real runs: a lab whose packets go another way, come twice or hold something else
//! fails though every client gets its lease, and the same lab passes where they do what they are
//! to.

use crate::common;
use crate::common::labs;

use common::users;
use labs::{Lab, have, lines};
use std::os::unix::fs::PermissionsExt;

/// The place of the rule that has `text` in its first line.
fn place(lab: &Lab, text: &str) -> String {
    let file = std::fs::read_to_string(&lab.file).unwrap();
    let line = file
        .lines()
        .position(|line| line.contains(text))
        .unwrap_or_else(|| panic!("{text} is not in the file"))
        + 1;
    format!("{}:{line}", lab.file.display())
}

/// Runs the built-in lab `name` after `change`: the test `test` fails, although its steps hold,
/// with these words; `passing` passes as ever.
fn fails(
    name: &str,
    change: impl Fn(String) -> String,
    test: &str,
    words: &[&str],
    passing: &[&str],
) {
    if !have(name, &["dnsmasq", "dhclient", "dhcrelay"]) {
        return;
    }
    for user in users() {
        let lab = Lab::built_in(user, name, &change);
        let (done, results) = lab.results(&[]);
        assert_eq!(
            (done.exit, &results[test]["outcome"]),
            (1, &"fail".into()),
            "{user:?}: {}",
            done.all
        );
        let said = lines(&results[test]);
        for word in words {
            assert!(said.contains(word), "{user:?}: no `{word}` in\n{said}");
        }
        for test in passing {
            assert_eq!(results[*test]["outcome"], "pass", "{user:?} {test}: {}", done.all);
        }
    }
}

/// `text` with `from` replaced, which must be there.
fn replaced(text: String, from: &str, to: &str) -> String {
    assert!(text.contains(from), "{from} is not in\n{text}");
    text.replacen(from, to, 1)
}

/// The lab `relay` in which the server is no longer in the client's network, and its way there leads through
/// the balancer.
fn through_the_balancer(text: String) -> String {
    let text = replaced(
        text,
        "[192.168.100.3/24, \"fd00:100::3/64\"]}\n",
        "\"fd00:100::3/64\"}\n    routes: [{to: 192.168.100.0/24, via: 192.168.200.2}]\n",
    );
    replaced(
        text,
        "    routes:\n      - {to: 192.168.100.0/24, via: 192.168.200.1}\n",
        "    forward: true\n    routes:\n      - {to: 192.168.100.0/24, via: 192.168.200.1}\n",
    )
}

#[test]
fn answers_that_are_routed_through_the_balancer_are_found_out() {
    let words = [
        "dhcp4 offer must avoid v-br-lb, but was there:",
        "ns-server → ns-dhcplb (v-br-lb)  OFFER 192.168.100.",
        "its way: v-br-srv → v-br-lb → v-br-rly-ext",
        "dhcp4 ack must avoid v-br-lb",
    ];
    fails("relay", through_the_balancer, "v4", &words, &["v6"]);
}

#[test]
fn a_report_leads_from_a_packet_that_went_the_wrong_way_to_its_message() {
    if !have("relay", &["dnsmasq", "dhclient", "dhcrelay"]) {
        return;
    }
    for user in users() {
        let lab = Lab::built_in(user, "relay", through_the_balancer);
        let folder = lab.folder.path().join("out");
        std::fs::create_dir(&folder).unwrap();
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o777)).unwrap();
        let [json, page] = ["run.json", "page.html"].map(|name| folder.join(name));
        let reports = [("json", &json), ("html", &page)]
            .map(|(kind, file)| format!("--report={kind}={}", file.display()));
        let v4 = format!("{}-v4", lab.name);
        let done = lab.run(&["test", &v4, &reports[0], &reports[1]]);
        assert_eq!(done.exit, 1, "{user:?}: {}", done.all);
        let run: serde_json::Value =
            serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap();
        let test = &run["tests"][0];
        let link = &test["links"][0];
        let number = |value: &serde_json::Value| value.as_u64().unwrap() as usize;
        let (line, row) = (number(&link["line"]), number(&link["row"]));
        assert!(test["lines"][line].as_str().unwrap().contains("(v-br-lb)  OFFER"), "{test}");
        let node = |index: &serde_json::Value| test["ladder"]["nodes"][number(index)].clone();
        let there = &test["ladder"]["rows"][row];
        assert_eq!(there["label"], "OFFER");
        assert_eq!([node(&there["from"]), node(&there["to"][0])], ["ns-server", "ns-dhcplb"]);
        let of = test["messages"].as_array().unwrap().iter().find(|of| of["row"] == row).unwrap();
        assert_eq!(
            (&of["from"], &of["to"]),
            (&"ns-server/v-srv".into(), &serde_json::json!(["ns-dhcplb/v-lb"]))
        );
        // Its way was drawn: from the server to the balancer, the relay agent and the client.
        let way =
            test["messages"].as_array().unwrap().iter().filter(|one| one["first"] == of["first"]);
        let way: Vec<_> = way.map(|one| one["from"].as_str().unwrap()).collect();
        assert_eq!(way, ["ns-server/v-srv", "ns-dhcplb/v-lb", "ns-relay/v-rly-int"], "{user:?}");
        let page = std::fs::read_to_string(page).unwrap();
        assert!(page.contains(&format!("class=\"to-message\" href=\"#{v4}:{}\"", row + 1)));
        assert_eq!(
            page.matches("<g class=\"hop wrong").count(),
            6,
            "{user:?}: the OFFER's and the ACK's"
        );
    }
}

#[test]
fn a_server_that_answers_past_the_balancer_is_found_out() {
    // It also listens in the client's network. Which answer the client takes is for it to say.
    let change = |text: String| {
        let text = replaced(text, "-i v-srv ", "-i v-srv -i v-srv-int ");
        replaced(text, ", server: 192.168.200.3}", "}")
    };
    let words = [
        "dhcp4 offer must cross ns-server → ns-relay → ns-client, but one did not get from ns-server to ns-relay:",
        "its way: v-br-srv-int → v-br-cli\n",
        "dhcp4 offer: giaddr must be 192.168.100.1, but it is 0.0.0.0:",
    ];
    fails("relay", change, "v4", &words, &[]);
}

#[test]
fn a_relay_agent_that_gives_another_address_is_found_out() {
    let change = |text: String| {
        let text = replaced(
            text,
            "[192.168.100.1/24, \"fd00:100::1/64\"]",
            "[192.168.100.1/24, \"fd00:100::1/64\", 192.168.100.4/24, \"fd00:100::4/64\"]",
        );
        let text = replaced(text, "dhcp-relay=192.168.100.1,", "dhcp-relay=192.168.100.4,");
        replaced(text, "dhcp-relay=fd00:100::1,", "dhcp-relay=fd00:100::4,")
    };
    let words = [
        "dhcp4 discover at v-br-srv: giaddr must be 192.168.100.1, but it is 192.168.100.4:",
        "DISCOVER giaddr 192.168.100.4 xid ",
    ];
    fails("relay", change, "v4", &words, &[]);
    let words = [
        "dhcp6 relay-forward at v-br-srv: link-address must be fd00:100::1, but it is fd00:100::4:",
        "RELAY-FORWARD SOLICIT link fd00:100::4",
    ];
    fails("relay", change, "v6", &words, &[]);
}

#[test]
fn two_servers_that_answer_both_are_found_out() {
    // Another DHCP server in the client's network, with a pool of its own.
    let rogue = "nodes:
  rogue:
    links: {eth0: {bridge: br-int, port: p-rogue, addresses: [192.168.100.2/24, \"fd00:100::2/64\"], mac: \"02:00:00:00:00:02\"}}
    services:
      rogue:
        command: exec dnsmasq --no-daemon --conf-file=rogue.conf
        files:
          rogue.conf: |
            port=0
            no-ping
            user=root
            group=root
            interface=eth0
            dhcp-range=192.168.100.10,192.168.100.49,10m
            dhcp-range=fd00:100::10,fd00:100::4f,10m
            dhcp-leasefile=leases
        ready: {udp: [67, 547]}
";
    let change = |text: String| replaced(text, "nodes:\n", rogue);
    let words = [
        "dhcp4 offer must be seen at most once, but was 2 times at v-br-cli:",
        "rogue → ns-client (v-br-cli)  OFFER",
        "ns-dhcplb → ns-client (v-br-cli)  OFFER",
    ];
    // Which one the client takes is for it to say, so only the rules are of interest, not the
    // lease.
    let any = |text: String| {
        let text = change(text).replace("            router: 192.168.100.1\n            dns: 192.168.100.1\n            lease: 10m\n            server: 192.168.100.1\n", "");
        text.replace("            dns: fd00:100::1\n", "").replace("            lease: 10m\n            # The hardware address in the server's DUID: that of v-lb.\n            server: \"02:00:00:00:00:01\"\n", "")
    };
    fails("server", any, "v4", &words, &[]);
    fails(
        "server",
        any,
        "v6",
        &[
            "dhcp6 advertise must be seen at most once, but was 2 times at v-br-cli:",
            "dhcp6 advertise: server-id must be 02:00:00:00:00:01, but it is 02:00:00:00:00:02:",
        ],
        &[],
    );
}

#[test]
fn every_kind_of_rule_fails_where_it_does_not_hold_and_passes_where_it_does() {
    let name = "every_kind_of_rule";
    if !have(name, &["dnsmasq", "dhclient", "dhcrelay", "tcpdump"]) {
        return;
    }
    // (what it is, the rule, what is said; nothing if it holds)
    let rules = [
        (
            "order",
            "{packet: dhcp4 discover, crosses: [ns-client, ns-dhcplb, ns-relay]}",
            "but one did not get from ns-dhcplb to ns-relay:",
        ),
        (
            "ordered",
            "{packet: dhcp4 discover, crosses: [ns-client, ns-relay, ns-dhcplb, ns-server]}",
            "",
        ),
        (
            "avoided",
            "{packet: dhcp4 request, avoids: [v-br-lb, br-int]}",
            "dhcp4 request must avoid v-br-lb and br-int, but was there:",
        ),
        ("avoids", "{packet: dhcp4 ack, avoids: [ns-dhcplb, br-ext]}", ""),
        (
            "none",
            "{packet: dhcp4 ack, at: ns-client, at-most: 0}",
            "dhcp4 ack must not be seen at ns-client, but was:",
        ),
        ("no-nak", "{packet: dhcp4 nak, at-most: 0}", ""),
        (
            "missing",
            "{packet: dhcp4 nak, at: ns-client}",
            "no dhcp4 nak was seen at ns-client\nseen instead: 1 DHCPv4 DISCOVER, ",
        ),
        ("seen", "{packet: dhcp4 ack, at: ns-client}", ""),
        (
            "field",
            "{packet: dhcp4 offer, at: v-br-cli, fields: {yiaddr: 192.168.100.200-192.168.100.250}}",
            "yiaddr must be 192.168.100.200-192.168.100.250, but it is 192.168.100.",
        ),
        (
            "fields",
            "{packet: dhcp4 offer, at: v-br-cli, fields: {yiaddr: 192.168.100.0/24, chaddr: \"02:00:00:00:00:0c\", source-port: 67}}",
            "",
        ),
        (
            "filter",
            "{filter: udp port 67 and host 192.168.200.2, avoids: v-br-lb}",
            "packet matching `udp port 67 and host 192.168.200.2` must avoid v-br-lb, but was there:",
        ),
        ("filters", "{filter: udp port 67 and host 192.168.200.2, avoids: v-br-cli}", ""),
    ];
    let tests: String = rules
        .iter()
        .map(|(name, rule, _)| {
            format!("  {name}:\n    steps: [dhcp: {{node: ns-client, link: v-cli, family: 4}}]\n    path:\n      - {rule}\n")
        })
        .collect();
    for user in users() {
        let lab = Lab::built_in(user, "relay", |text| {
            format!("{}\ntests:\n{tests}", text.split_once("\ntests:\n").unwrap().0)
        });
        let (done, results) = lab.results(&[]);
        assert_eq!(done.exit, 1, "{}", done.all);
        for (name, rule, words) in rules {
            let said = lines(&results[name]);
            let outcome = if words.is_empty() { "pass" } else { "fail" };
            assert_eq!(results[name]["outcome"], outcome, "{user:?} {name}: {said}");
            assert!(said.contains(words), "{user:?} {name}: no `{words}` in\n{said}");
            if outcome == "fail" {
                assert_eq!(results[name]["detail"], place(&lab, rule), "{user:?} {name}");
            }
        }
    }
}

#[test]
fn nodes_joined_by_cables_are_seen_from_inside() {
    // Two routers side by side; the way there leads through one, the way back through the other.
    let body = "
nodes:
  left:
    links: {l1: {peer: r1/left, addresses: 10.0.1.1/24}, l2: {peer: r2/left, addresses: 10.0.2.1/24}}
    routes: [{to: 10.0.3.0/24, via: 10.0.1.2}, {to: 10.0.4.0/24, via: 10.0.1.2}]
  r1:
    forward: true
    links: {left: {peer: left/l1, addresses: 10.0.1.2/24}, right: {peer: right/r1, addresses: 10.0.3.2/24}}
  r2:
    forward: true
    links: {left: {peer: left/l2, addresses: 10.0.2.2/24}, right: {peer: right/r2, addresses: 10.0.4.2/24}}
    routes: [{to: 10.0.1.0/24, via: 10.0.2.1}]
  right:
    links: {r1: {peer: r1/right, addresses: 10.0.3.1/24}, r2: {peer: r2/right, addresses: 10.0.4.1/24}}
    routes: [{to: 10.0.1.0/24, via: 10.0.4.2}, {to: 10.0.2.0/24, via: 10.0.4.2}]
tests:
  kept:
    steps: [ping: {node: left, to: 10.0.3.1, count: 2}]
    path:
      - {packet: icmp echo-request, crosses: [left, r1, right], avoids: r2}
      - {packet: icmp echo-reply, crosses: [right/r2, r2, left/l2, left], avoids: r1}
      - {packet: icmp echo-request, at: right, at-most: 2, fields: {ttl: 63}}
  left:
    steps: [ping: {node: left, to: 10.0.3.1}]
    path: [{packet: icmp echo-reply, crosses: [right, r1, left]}]
";
    for user in users() {
        let lab = Lab::new(user, body);
        let (done, results) = lab.results(&[]);
        assert_eq!(results["kept"]["outcome"], "pass", "{user:?}: {}", done.all);
        assert_eq!(results["left"]["outcome"], "fail", "{user:?}: {}", done.all);
        let said = lines(&results["left"]);
        assert!(said.contains("icmp echo-reply must cross right → r1 → left, but one did not get from right to r1:"), "{said}");
        assert!(
            said.contains("right → r2 (right/r2)  ECHO-REPLY")
                && said.contains("its way: right → r2 → left"),
            "{said}"
        );
    }
}
