//! What labrun says of a lab file: all mistakes at once, each with its place, its path and, where
//! one is likely, what was meant. The words are part of the interface, so they stand in snapshots.

use labrun::lab::check;
use labrun::lab::find::{BUILT_IN, show_diagnostics};

/// The mistakes of `text`, one a line; empty if there are none.
fn mistakes(text: &str) -> String {
    check::lab(text, "lab.yaml")
        .map_or_else(|diagnostics| show_diagnostics("lab.yaml", &diagnostics), |_| String::new())
}

#[test]
fn built_in_labs_have_no_mistakes_and_their_files_names() {
    for (name, text) in BUILT_IN {
        assert_eq!(mistakes(text), "", "{name}");
        assert_eq!(check::lab(text, name).unwrap().name, name);
    }
}

#[test]
fn every_mistake_of_a_topology_is_reported_in_one_go() {
    let text = include_str!("../data/topology-mistakes.yaml");
    let found = mistakes(text);
    assert!(found.lines().count() >= 30, "{found}");
    insta::assert_snapshot!(found);
}

#[test]
fn every_mistake_of_links_inside_of_nodes_is_reported_in_one_go() {
    let text = include_str!("../data/link-mistakes.yaml");
    let found = mistakes(text);
    assert!(found.lines().count() >= 25, "{found}");
    insta::assert_snapshot!(found);
}

#[test]
fn every_mistake_of_services_and_tests_is_reported_in_one_go() {
    let text = include_str!("../data/test-mistakes.yaml");
    let found = mistakes(text);
    assert!(found.lines().count() >= 30, "{found}");
    insta::assert_snapshot!(found);
}

#[test]
fn every_mistake_of_path_rules_is_reported_in_one_go() {
    let text = include_str!("../data/path-mistakes.yaml");
    let found = mistakes(text);
    assert!(found.lines().count() >= 40, "{found}");
    insta::assert_snapshot!(found);
}

#[test]
fn an_uplink_is_one_and_has_its_network_for_itself() {
    let links = "
      u0: {uplink: true, addresses: 10.5.0.9/24, kind: tap, vlans: {7: {}}}
      u1: {uplink: true, mtu: 1400}
      e: {peer: b/e, addresses: [10.0.2.9/25, 10.0.0.9/8]}
";
    let text =
        format!("lab: lab\nnodes:\n  b: {{links: {{e: {{peer: a/e}}}}}}\n  a:\n    links:{links}");
    let expected = "\
lab.yaml:6:37: nodes.a.links.u0.addresses: an `uplink` has the address `10.0.2.100/24` and no others
lab.yaml:6:56: nodes.a.links.u0.kind: an `uplink` has no `kind`: it leads out of the lab
lab.yaml:6:68: nodes.a.links.u0.vlans: an `uplink` has no `vlans`: it leads out of the lab
lab.yaml:7:20: nodes.a.links.u1.uplink: `u0` is an uplink of this node already
lab.yaml:8:34: nodes.a.links.e.addresses[0]: `10.0.2.0/24` is the network of `u0`, an uplink
lab.yaml:8:47: nodes.a.links.e.addresses[1]: `10.0.2.0/24` is the network of `u0`, an uplink";
    assert_eq!(mistakes(&text).trim_end(), expected);
    let plain = text.replace("uplink: true", "uplink: false");
    assert!(mistakes(&plain).contains("u1: a link needs a `bridge` or a `peer`"), "{plain}");
}

#[test]
fn an_interface_of_the_machine_is_as_it_is_and_lent_once() {
    let links = "
      d0: {device: enp0s4, mtu: 1400, mac: \"02:00:00:00:00:01\", kind: tap}
      d1: {device: enp0s4}
      d2: {device: lo}
      d3: {device: \"en p\"}
";
    let text = format!("lab: lab\nnodes:\n  a:\n    links:{links}");
    let expected = "\
lab.yaml:5:33: nodes.a.links.d0.mtu: a `device` has no `mtu`: it is the machine's, as it is
lab.yaml:5:44: nodes.a.links.d0.mac: a `device` has no `mac`: it is the machine's, as it is
lab.yaml:5:71: nodes.a.links.d0.kind: a `device` has no `kind`: it is the machine's, as it is
lab.yaml:6:20: nodes.a.links.d1.device: `enp0s4` is lent already, in line 5
lab.yaml:7:20: nodes.a.links.d2.device: each namespace has its own `lo`, which cannot be moved";
    let found = mistakes(&text);
    assert!(found.starts_with(expected), "{found}");
    let last = found.lines().last().unwrap();
    assert!(last.starts_with("lab.yaml:8:20: nodes.a.links.d3.device: `en p`"), "{last}");
    assert_eq!(found.lines().count(), 6, "{found}");
}

#[test]
fn a_name_that_is_empty_refers_to_nothing() {
    let link = |link: &str| {
        mistakes(&format!("lab: x\nbridges: [b]\nnodes: {{a: {{links: {{l: {{{link}}}}}}}}}\n"))
    };
    for (written, words) in [
        ("bridge: \"\", port: p", "there is no bridge ``"),
        ("kind: \"\"", "there is no kind of link ``"),
        ("kind: bridge, ports: \"\"", "there is no link of `a` ``"),
        ("kind: macvlan, on: \"\"", "there is no link of `a` ``"),
    ] {
        assert!(link(written).contains(words), "{written}: {}", link(written));
    }
    assert_eq!(link("bridge: b, port: p"), "");
}

#[test]
fn packets_have_the_names_that_the_reference_gives_them() {
    for packet in [
        "dhcp4",
        "dhcp4 discover",
        "dhcp4 nak",
        "dhcp4 inform",
        "dhcp6",
        "dhcp6 solicit",
        "dhcp6 information-request",
        "dhcp6 relay-forward",
        "dhcp6 relay-reply advertise",
        "dns",
        "dns query",
        "dns answer",
        "icmp",
        "icmp time-exceeded",
        "icmp6 neighbor-solicitation",
        "icmp6 echo-reply",
        "arp",
        "arp request",
        "tcp",
        "tcp syn",
        "tcp syn-ack from port 80",
        "tcp port 80",
        "tcp rst to port 1 from port 65535",
        "udp",
        "udp  to  port 53",
        "ip",
        "ip6",
    ] {
        assert!(labrun::rules::kind::Kind::read(packet).is_ok(), "{packet}");
    }
}

#[test]
fn files_that_are_no_lab_at_all_say_what_was_expected() {
    let cases = [
        ("an empty file", ""),
        ("only a comment", "# nothing\n"),
        ("a list at the top", "- lab: x\n"),
        ("a word", "relay\n"),
        ("a number", "7\n"),
        ("an unclosed bracket", "lab: x\nnodes: {a: {\n"),
        ("a tab", "lab: x\nnodes:\n\ta: {}\n"),
        ("wrong indentation", "lab: x\nnodes:\n  a: {}\n b: {}\n"),
        ("an unknown alias", "lab: x\nnodes: *nowhere\n"),
        ("two documents", "lab: x\nnodes: {}\n---\nlab: y\nnodes: {}\n"),
        ("a key twice", "lab: x\nnodes: {}\nlab: y\n"),
        ("a list as a key", "lab: x\nnodes:\n  [a, b]: {}\n"),
        ("a NUL in a text", "lab: x\nnodes: {a: {nft: \"x\\0y\"}}\n"),
        ("a NUL in a name", "lab: x\nnodes: {\"a\\0b\": {}}\n"),
    ];
    let found: Vec<String> =
        cases.iter().map(|(what, text)| format!("{what}:\n{}", mistakes(text))).collect();
    assert!(found.iter().all(|text| text.contains("lab.yaml:")), "{found:#?}");
    insta::assert_snapshot!(found.join("\n\n"));
}

#[test]
fn an_alias_bomb_is_refused_before_it_explodes() {
    let mut text =
        String::from("lab: x\nnodes: {}\nbomb:\n  - &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for i in 1..12 {
        let previous = vec![format!("*a{}", i - 1); 10].join(", ");
        text.push_str(&format!("  - &a{i} [{previous}]\n"));
    }
    let began = std::time::Instant::now();
    let found = mistakes(&text);
    assert!(found.contains("lab.yaml:"), "{found}");
    // On a busy machine it may take a while; a billion times as long is what would fail.
    assert!(began.elapsed() < std::time::Duration::from_secs(60), "{:?}", began.elapsed());
}

#[test]
fn fragments_are_merged_where_they_are_used_and_checked_there() {
    let text = "\
lab: fragments
x-link: &link {bridge: br0, mtu: 1400}
x-router: &router {forward: true, sysctls: {net.ipv4.ip_default_ttl: 9}}
bridges: [br0]
nodes:
  a: {<<: *router, links: {eth0: {<<: *link, port: pa}}}
  b: {<<: *router, forward: false, links: {eth0: {port: pb, mtu: 1300, <<: *link}}}
  c: {links: {eth0: {<<: [*link, {mtu: 1200}], port: pc}}}
";
    let lab = check::lab(text, "lab.yaml").unwrap();
    let nodes = &lab.topology.nodes;
    assert!(nodes[0].forward && !nodes[1].forward);
    assert_eq!(nodes[1].sysctls, nodes[0].sysctls);
    assert_eq!(nodes[1].sysctls.len(), 1);
    let mtus: Vec<_> = nodes.iter().map(|node| node.links[0].mtu).collect();
    assert_eq!(
        mtus,
        [Some(1400), Some(1300), Some(1400)],
        "what a mapping says itself, then the first that is merged"
    );

    let text = text.replace("mtu: 1400", "mut: 1400").replace("lab: fragments", "x_lab: f");
    assert_eq!(
        mistakes(&text),
        "\
lab.yaml:1:1: the field `lab` is missing
lab.yaml:1:1: x_lab: unknown field `x_lab`, expected one of `lab`, `about`, `params`, `needs`, `subject`, `bridges`, `private`, `files`, `pass-env`, `writable`, `nodes`, `tests`
lab.yaml:6:39: nodes.a.links.eth0.mut: unknown field `mut`, did you mean `mtu`?
lab.yaml:7:76: nodes.b.links.eth0.mut: unknown field `mut`, did you mean `mtu`?
lab.yaml:8:27: nodes.c.links.eth0.mut: unknown field `mut`, did you mean `mtu`?"
    );
}

#[test]
fn deep_nesting_is_refused_without_overflowing_the_stack() {
    for (open, close) in [("[", "]"), ("{a: ", "}")] {
        let text = format!("lab: x\nnodes: {}{}\n", open.repeat(20_000), close.repeat(20_000));
        assert!(mistakes(&text).contains("lab.yaml:"));
    }
}

/// One changed value in a good lab is one mistake, which names the value and what would be right.
#[test]
fn how_a_program_is_built_may_depend_on_the_repository() {
    let with = |build: &str| {
        mistakes(&format!("lab: x\nsubject:\n  program: p\n  build: {build}\nnodes: {{a: {{}}}}\n"))
    };
    assert_eq!(with("make"), "");
    assert_eq!(with("[{files: go.mod, command: go build}, {files: [a, b], command: make}]"), "");
    assert_eq!(
        with("[{files: [], command: make}, {command: make}, {files: a, comand: make}]"),
        "lab.yaml:4:19: subject.build[0].files: names no file\n\
         lab.yaml:4:39: subject.build[1]: the field `files` is missing\n\
         lab.yaml:4:56: subject.build[2]: the field `command` is missing\n\
         lab.yaml:4:67: subject.build[2].comand: unknown field `comand`, did you mean `command`?"
    );
}

#[test]
fn a_single_wrong_value_is_a_single_mistake() {
    let good = include_str!("../data/good.yaml");
    assert_eq!(mistakes(good), "");
    let patterns = good.replace("running: 100ms", r"log: '^[]*?]a\.b\w+ (x|y)?[^]?+] \(z\)$'");
    assert_eq!(mistakes(&patterns), "");
    let pinned = good.replace("one: package", "one: package=1:2.90-4~deb12u1+b1");
    assert_eq!(mistakes(&pinned), "");
    let cases = [
        (
            "addresses: 10.0.0.1/24",
            "addresses: 10.0.0.1",
            "no prefix length, such as `10.0.0.1/24`",
        ),
        ("addresses: 10.0.0.1/24", "addresses: 10.0.0.0/24", "the network's own address"),
        ("addresses: 10.0.0.1/24", "addresses: 10.0.0.255/24", "broadcast address"),
        ("addresses: 10.0.0.1/24", "addresses: 300.1.1.1/24", "`300.1.1.1` is not an IP address"),
        ("addresses: 10.0.0.1/24", "addresses: 10.0.0.1/33", "0 to 32"),
        ("addresses: 10.0.0.2/24", "addresses: 10.0.0.1/24", "taken in the same network already"),
        ("bridge: br0, port: p1", "bridge: br, port: p1", "did you mean `br0`?"),
        ("bridge: br0, port: p2", "bridge: br0, port: p1", "`p1` is the name of a port too"),
        ("bridge: br0, port: p1", "bridge: br0, port: br0", "`br0` is the name of a bridge too"),
        ("bridge: br0, port: p1", "bridge: br0", "the field `port` is missing"),
        (
            "bridge: br0, port: p1",
            "bridge: br0, port: sixteen-bytes-xx",
            "has 16 bytes, the kernel takes 15",
        ),
        (
            "bridge: br0, port: p1",
            "bridge: br0, port: üüüüüüüü",
            "has 16 bytes, the kernel takes 15",
        ),
        ("forward: true", "forward: yes", "`yes` is not a boolean here: write `true` or `false`"),
        ("forward: true", "forward: 1", "expected `true` or `false`, found the number 1"),
        (
            "command: exec one",
            "command: 1.10",
            "expected text, found the number 1.1: put it in quotes",
        ),
        ("command: exec one", "command: ''", "an empty command"),
        ("after: one", "after: none", "did you mean `one`?"),
        ("after: one", "after: two", "`two` can never start"),
        ("running: 100ms", "running: 10s", "can never be ready: that is not within 10s"),
        ("running: 100ms", "running: 5", "expected a time such as"),
        ("running: 100ms", "running: 5 s", "expected a time such as"),
        ("running: 100ms", "running: 0s", "expected a time such as"),
        ("running: 100ms", "running: 2h", "is too long: at most 60 minutes"),
        ("running: 100ms", "log: '[a'", "is not a regular expression"),
        ("running: 100ms", "log: 'up \\d+'", "`\\d` is unknown to extended regular expressions"),
        ("running: 100ms", "log: '(?i)up'", "`(?` is unknown to extended regular expressions"),
        ("running: 100ms", "udp: 65536", "65536 is out of range: 1 to 65535"),
        ("ready: {running: 100ms}", "ready: {}", "nothing says when the service is ready"),
        (
            "pool: 10.0.0.10-10.0.0.20",
            "pool: 10.0.0.20-10.0.0.10",
            "is empty: its first address is after its last",
        ),
        ("pool: 10.0.0.10-10.0.0.20", "pool: 10.0.0.10-fd00::1", "mixes IPv4 and IPv6"),
        ("pool: 10.0.0.10-10.0.0.20", "pool: fd00::1-fd00::2", "an impossible pool"),
        ("pool: 10.0.0.10-10.0.0.20", "pool: 10.0.0.10", "is not a pool such as"),
        ("family: 4", "family: 5", "expected 4 or 6, found"),
        ("mac: \"02:00:00:00:00:01\"", "mac: \"03:00:00:00:00:01\"", "multicast address"),
        ("mac: \"02:00:00:00:00:02\"", "mac: \"02:00:00:00:00:01\"", "is taken already"),
        ("mac: \"02:00:00:00:00:01\"", "mac: 02-00-00-00-00-01", "is not a hardware address"),
        ("one: package", "one: -o=x", "cannot name a package"),
        ("one: package", "one: package-", "cannot name a package"),
        ("one: package", "one: \"package=\"", "cannot name a package"),
        ("one: package", "one: a b", "cannot name a package"),
        ("one: package", "-x: package", "`-x` cannot name a command"),
        ("kernel: [veth]", "kernel: [vlam]", "did you mean `vlan`?"),
        ("net.ipv4.ip_forward: 1", "kernel.hostname: x", "only `net.` settings belong to a node"),
        ("via: 10.0.0.2", "via: 10.7.0.2", "is in none of the networks of `a`"),
        ("via: 10.0.0.2", "via: 10.0.0.1", "is the node itself"),
        ("via: 10.0.0.2", "via: fd00::2", "is of another IP version than the destination"),
        ("to: 10.9.0.0/16", "to: 10.9.0.1/16", "did you mean `10.9.0.0/16`?"),
        ("lab: good", "lab: a/b", "cannot name a lab"),
        ("lab: good", "lab: 7", "put it in quotes"),
        ("down: a/eth0", "down: a/eth1", "did you mean `eth0`?"),
        ("kill: one", "kil: one", "unknown field `kil`, did you mean `kill`?"),
        ("X: y", "1X: y", "cannot name an environment variable"),
        ("conf/x: y", "../x: y", "a path below the service's folder"),
        ("conf/x: y", "/usr/x: y", "or below /etc or /run"),
    ];
    for (from, to, expected) in cases {
        assert!(good.contains(from), "{from}");
        let found = mistakes(&good.replacen(from, to, 1));
        let line = good.lines().position(|line| line.contains(from)).unwrap() + 1;
        assert!(found.contains(expected), "{to}: wanted {expected:?}, found {found:?}");
        // `kil` leaves its step without an action, which is a mistake of its own.
        assert!(found.lines().count() == 1 || to.starts_with("kil"), "{to}: {found}");
        assert!(
            found.lines().all(|l| l.starts_with(&format!("lab.yaml:{line}:"))),
            "{to}: line {line}: {found}"
        );
    }
}

/// A lab of two hosts with the same address, and what their links say besides.
fn same_address(one: &str, other: &str) -> String {
    mistakes(&format!(
        "lab: twice\nbridges: [br0]\nnodes:\n  a: {{links: {{eth0: {{bridge: br0, port: p-a, addresses: 10.0.0.1/24{one}}}}}}}\n  \
         b: {{links: {{eth0: {{bridge: br0, port: p-b, addresses: 10.0.0.1/24{other}}}}}}}\n"
    ))
}

#[test]
fn an_address_may_be_there_twice_if_that_is_said() {
    let refused = same_address("", "");
    assert!(
refused.contains("`10.0.0.1` is taken in the same network already, in line 4; if that is meant, one of the links says `duplicate: true`"),
        "{refused}"
    );
    for (one, other) in [(", duplicate: true", ""), ("", ", duplicate: true")] {
        assert_eq!(same_address(one, other), "");
    }
    assert_eq!(same_address(", duplicate: true", ", duplicate: true"), "");
    assert!(!same_address(", duplicate: false", "").is_empty());
    let alone = mistakes(
        "lab: once\nbridges: [br0]\nnodes:\n  a: {links: {eth0: {bridge: br0, port: p-a, addresses: 10.0.0.1/24, duplicate: true}}}\n",
    );
    assert!(
        alone.contains(
            "nodes.a.links.eth0.duplicate: nobody else in the same network has one of its addresses"
        ),
        "{alone}"
    );
}

/// Mistakes in the YAML itself are the library's to find, but it speaks to who programs with it.
#[test]
fn no_mistake_is_told_in_the_words_of_a_library() {
    let files = [
        "~: x\n",
        "lab: x\nnodes: {null: {}}\n",
        "? [a]\n: b\n",
        "? {a: b}\n: c\n",
        "!!int x: y\n",
        "lab: !!bool yes\n",
        "lab: !!binary x\n",
        "lab: !own x\n",
        "lab: .inf\n",
        "lab: -.nan\n",
        "<<: x\n",
        "<<: {a: b}\nlab: x\n",
        "a: &a [*a]\n",
        "a: *b\n",
        "lab: 'x\n",
        "lab: [x\n",
        "lab: x\n y: z\n",
        "\tlab: x\n",
        "lab: x\n---\nlab: y\n",
        "",
        "- x\n",
        "lab: |\n x\ny\n",
        "lab: 99999999999999999999999\n",
        "%YAML 3.0\n---\nlab: x\n",
        "a: \"\\q\"\n",
    ];
    let bomb: String = (1..40)
        .map(|i| format!("a{i}: &a{i} [{}]\n", vec![format!("*a{}", i - 1); 9].join(", ")))
        .collect();
    let bomb = format!("a0: &a0 [x]\n{bomb}");
    let deep = format!("lab: {}\n", "[".repeat(100));
    for text in files.into_iter().chain([bomb.as_str(), deep.as_str()]) {
        let found = mistakes(text);
        assert!(!found.is_empty(), "{text:?}");
        for word in [
            "Option",
            "policy",
            "deserialize",
            "serde",
            "internal",
            "budget",
            "String",
            "expected string",
            "max_",
        ] {
            assert!(!found.contains(word), "{text:?}: {found}");
        }
    }
}

/// A lab twelve times as large, or a chain of services, takes about twelve times as long, not a hundred; the bound is
/// generous, because others are at work on this machine.
#[test]
fn checking_takes_time_in_proportion_to_the_lab() {
    // Nanoseconds that this thread has had a processor (proc_pid_schedstat): what else the machine does is none of it.
    let processor = || -> u64 {
        let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        text.split_whitespace().next().unwrap().parse().unwrap()
    };
    let time = |number: usize, line: &dyn Fn(usize) -> String| {
        let text = format!("lab: large\nnodes:\n{}", (0..number).map(line).collect::<String>());
        let times = (0..2).map(|_| {
            let began = processor();
            assert_eq!(mistakes(&text), "");
            processor() - began
        });
        times.min().unwrap()
    };
    // In proportion it would be twelve times as much, for each with each other a hundred and forty-four times.
    let alone = |node| format!("  n{node}: {{}}\n");
    let (small, large) = (time(2000, &alone), time(24_000, &alone));
    assert!(large < small * 36, "2,000 hosts take {small} ns, 24,000 {large} ns");
    // The first to start is the last of the file.
    let chain = |number: usize| {
        time(number, &|node| {
            let after = match node + 1 {
                next if next < number => format!(", after: s{next}"),
                _ => String::new(),
            };
            format!(
                "  n{node}: {{services: {{s{node}: {{command: sleep 9, ready: {{log: up}}{after}}}}}}}\n"
            )
        })
    };
    let (small, large) = (chain(250), chain(3000));
    assert!(large < small * 36, "250 services take {small} ns, 3,000 {large} ns");
}
