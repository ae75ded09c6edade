//! `labrun import`: the labs of three scripts (tests/data/imports) are what the scripts build. Each script ends with
//! its own client's steps, and fails if those do. The labs of topology files are up, and their nodes reach each other.

use crate::common::labs::{Done, have, run};
use crate::common::{User, folder, is_root, labrun, users};
use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A folder of the user's, with a copy of the script.
fn place(user: User, script: &str) -> tempfile::TempDir {
    let folder = folder();
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/imports").join(script);
    fs::copy(from, folder.path().join(script)).unwrap();
    if user == User::Ordinary {
        let name = std::env::var("LABRUN_TEST_USER").unwrap_or_else(|_| "nobody".into());
        let status =
            Command::new("chown").args(["-R", &format!("{name}:")]).arg(folder.path()).status();
        assert!(status.unwrap().success());
    }
    folder
}

fn in_folder(user: User, folder: &Path, words: &[&str]) -> Done {
    let mut command = labrun(user);
    command.args(words).current_dir(folder);
    run(command)
}

/// Takes the lab down at the end, also of a test that fails.
struct Taken<'a>(User, &'a Path, &'a str);

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        in_folder(self.0, self.1, &["clean", self.2]);
    }
}

/// The files in `folder`, by their paths.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

/// What a namespace is looked at by, a line each.
const LOOK: &str = "ip -j -d addr; ip -j -4 route; ip -j -6 route; \
    echo \"[$(cat /proc/sys/net/ipv4/ip_forward), $(cat /proc/sys/net/ipv4/ip_default_ttl)]\"; \
    nft -j list ruleset 2>/dev/null || echo '{}'";

/// The kernel has the same of what `script` builds in a namespace of its own and of the lab that was imported of it.
fn assert_same_state(folder: &Path, script: &[&str], lab: &str) {
    let script = script.join(" ");
    let look = format!(
        "mount --bind . /mnt && cd /mnt && mount -t tmpfs tmpfs /tmp && mount -t tmpfs tmpfs /run && mkdir /run/netns && \
         {script} >&2 && {{ {LOOK}; }} && \
         for node in $(ls /run/netns); do echo $node; ip netns exec $node sh -c '{}'; done",
        LOOK.replace('\'', "'\\''")
    );
    let mut built = Command::new("unshare");
    built
        .args(["--mount", "--net", "--pid", "--fork", "--kill-child", "sh", "-c", &look])
        .current_dir(folder);
    let built = run(built);
    assert_eq!(built.exit, 0, "{}", built.all);
    let mut nodes = vec![(String::from("global"), String::new())];
    for line in built.stdout.lines() {
        match line.starts_with(['[', '{']) {
            true => nodes.last_mut().unwrap().1 += &format!("{line}\n"),
            false => nodes.push((line.into(), String::new())),
        }
    }
    let done = in_folder(User::Own, folder, &["setup", lab]);
    assert_eq!(done.exit, 0, "{}", done.all);
    for (node, wanted) in nodes {
        // Its bridge stands in the lab's own namespace.
        if node == "switch" {
            continue;
        }
        let done = in_folder(User::Own, folder, &["exec", lab, &node, "--", "sh", "-c", LOOK]);
        assert_eq!(done.exit, 0, "{node}: {}", done.all);
        let (wanted, found) = (plain(&node, &wanted), plain(&node, &done.stdout));
        assert!(wanted.contains("\"addr_info\""), "{node}: {wanted}");
        assert!(wanted == found, "{node}:\n{}", difference(&wanted, &found));
    }
}
/// The lines that only one of both has.
fn difference(one: &str, two: &str) -> String {
    let only = |mark, a: &str, b: &str| {
        let lines = a.lines().filter(|line| !b.lines().any(|other| other == *line));
        lines.map(|line| format!("{mark} {line}\n")).collect::<String>()
    };
    format!("{}{}\n{one}\n{two}", only('-', one, two), only('+', two, one))
}

/// What was seen in `node`, without what differs between any two namespaces: numbers of links, hardware addresses and what
/// is made of them. In a lab every loopback is up, and both ends of a cable have one MTU.
fn plain(node: &str, seen: &str) -> String {
    const KEPT: [&str; 20] = [
        "ifname",
        "addr_info",
        "local",
        "prefixlen",
        "mtu",
        "dst",
        "gateway",
        "dev",
        "type",
        "nftables",
        "table",
        "chain",
        "rule",
        "family",
        "hook",
        "expr",
        "master",
        "linkinfo",
        "info_kind",
        "info_slave_kind",
    ];
    fn prune(value: &mut Value, keep: &dyn Fn(&str) -> bool) {
        let own = |value: &Value| {
            let text = value["dst"].as_str().or(value["local"].as_str()).unwrap_or_default();
            let name = value["ifname"].as_str().unwrap_or_default();
            ["fe80", "ff00", "127.", "::1"].iter().any(|prefix| text.starts_with(prefix))
                || name.starts_with("switch-")
        };
        match value {
            Value::Object(fields) => {
                fields.retain(|name, _| keep(name));
                fields.values_mut().for_each(|value| prune(value, keep));
            }
            Value::Array(values) => {
                values.retain(|value| !own(value));
                values.iter_mut().for_each(|value| prune(value, keep));
                values.sort_by_key(Value::to_string);
            }
            _ => {}
        }
    }
    let keep = |name: &str| KEPT.contains(&name) && (name != "mtu" || node != "global");
    let line = |line: &str| {
        let mut value: Value = serde_json::from_str(line).unwrap();
        prune(&mut value, &keep);
        serde_json::to_string_pretty(&value).unwrap()
    };
    seen.lines().map(line).collect::<Vec<_>>().join("\n")
}

/// Imports what `script` builds, as each user: the same lab, which passes with `tests`. Returns its text.
fn imports(script: &str, words: &[&str], tests: &str) -> String {
    let mut texts = Vec::new();
    for user in users() {
        let place = place(user, script);
        let name = format!("m{}-{}-{user:?}", std::process::id(), script.trim_end_matches(".sh"));
        let command = format!("./{script}");
        let words = [&["import", "--name", &name, "--", &command][..], words].concat();
        let done = in_folder(user, place.path(), &words);
        assert!(done.exit == 0 && done.all.contains(", 2 services\n"), "{user:?}: {}", done.all);
        // Of what the script did, nothing is left but the lab.
        let left = [place.path().join("labs"), place.path().join(script)];
        assert_eq!(files(place.path()).iter().filter(|file| !left.contains(file)).count(), 0);

        let file = place.path().join(format!("labs/{name}.yaml"));
        let text = fs::read_to_string(&file).unwrap();
        let checked = in_folder(user, place.path(), &["check", file.to_str().unwrap()]);
        assert_eq!(checked.exit, 0, "{}", checked.all);
        assert!(text.contains("\ntests: {}\n"), "{text}");
        fs::write(&file, text.replace("\ntests: {}\n", &format!("\ntests:\n{tests}"))).unwrap();
        let _taken = Taken(user, place.path(), &name);
        if is_root() && user == User::Own {
            assert_same_state(
                place.path(),
                &[&[command.as_str()][..], &words[5..]].concat(),
                &name,
            );
        }
        let done = in_folder(user, place.path(), &["test", &name]);
        assert_eq!(done.exit, 0, "{user:?}: {}\n{text}", done.all);

        let place = place.path().to_str().unwrap();
        let text = text.replace(&name, "NAME").replace(place, "PLACE");
        let random =
            text.find("/tmp/tmp.").map(|at| text[at..at + "/tmp/tmp.0123456789".len()].to_string());
        texts.push(random.map_or(text.clone(), |random| text.replace(&random, "TEMPORARY")));
    }
    texts.dedup();
    assert_eq!(texts.len(), 1, "{texts:#?}");
    texts.remove(0)
}

#[test]
fn two_networks_on_a_bridge_are_imported() {
    if !have("two_networks_on_a_bridge_are_imported", &["busybox", "sysctl"]) {
        return;
    }
    let text = imports(
        "bridge.sh",
        &[],
        "  fetch:
    steps:
      - run: {node: left, command: busybox wget -qO- http://10.0.2.1/, stdout: hello from right}
      - run: {node: right, command: busybox wget -qO- http://10.0.1.1/, stdout: hello from left}
      - ping: {node: left, to: 10.0.2.1, size: 1372, fragment: false}
      - ping: {node: left, to: 10.0.2.1, size: 1373, fragment: false, timeout: 1s, fails: true}
      - run: {node: right, command: 'cat /proc/sys/net/ipv4/conf/eth0/proxy_arp; xargs -0n1 </proc/$(pidof -s busybox)/environ', match: '^1\\n(.*\\n)*PLACE='}
    path:
      - {packet: icmp, fields: {ttl: 33}}
"
    );
    insta::assert_snapshot!(text);
}

#[test]
fn two_servers_behind_nat_are_imported() {
    if !have("two_servers_behind_nat_are_imported", &["socat", "nft", "sysctl"]) {
        return;
    }
    let text = imports(
        "nat.sh",
        &[],
        "  spread:
    steps:
      - run:
          node: outside
          command: for i in 1 2; do socat -u TCP:10.0.9.1:80 -; done | sort | xargs
          stdout: server1 server2
      - ping: {node: server1, to: 10.0.9.2}
    path:
      - {packet: icmp echo-request, at: global/wan0, fields: {source: 10.0.9.1}}
",
    );
    insta::assert_snapshot!(text);
}

#[test]
fn a_relay_with_daemons_is_imported() {
    if !have("a_relay_with_daemons_is_imported", &["dnsmasq", "dhclient", "sysctl"]) {
        return;
    }
    let text = imports(
        "relay.sh",
        &["192.168.100.10", "192.168.100.50"],
        "  lease:
    steps:
      - dhcp:
          node: client
          link: eth0
          family: 4
          expect: {pool: 192.168.100.10-192.168.100.50, server: 192.168.200.3}
    path:
      - {packet: dhcp4 discover, crosses: [client, relay, server]}
",
    );
    insta::assert_snapshot!(text);
}

#[test]
fn links_inside_of_nodes_are_imported() {
    if !is_root() || !have("links_inside_of_nodes_are_imported", &["ip", "nft"]) {
        return;
    }
    let place = place(User::Own, "devices.sh");
    let vxlan = ["--net", "ip", "link", "add", "k0", "type", "vxlan", "id", "7", "dstport", "4789"];
    if !Command::new("unshare").args(vxlan).output().unwrap().status.success() {
        return eprintln!("SKIP links_inside_of_nodes_are_imported: this kernel lacks VXLAN");
    }
    let name = format!("m{}-devices", std::process::id());
    let done =
        in_folder(User::Own, place.path(), &["import", "--name", &name, "--", "./devices.sh"]);
    assert!(done.exit == 0 && done.all.contains(": 2 nodes, "), "{}", done.all);
    let _taken = Taken(User::Own, place.path(), &name);
    assert_same_state(place.path(), &["./devices.sh"], &name);
    let text = fs::read_to_string(place.path().join(format!("labs/{name}.yaml"))).unwrap();
    let file = place.path().join(format!("labs/{name}.yaml"));
    let test = "\ntests:
  tunnel:
    steps: [ping: {node: left, to: 192.0.2.2}]
    path: [{packet: vxlan, at: right/eth0}]\n";
    fs::write(file, text.replace("\ntests: {}\n", test)).unwrap();
    let done = in_folder(User::Own, place.path(), &["test", &name]);
    assert_eq!(done.exit, 0, "{}\n{text}", done.all);
    insta::assert_snapshot!(text.replace(&name, "NAME"));
}

/// A router between a client and a server, as containerlab has them.
const ROUTER: &str = r#"topology:
  defaults: {kind: linux, image: "example/tools:1"}
  nodes:
    client:
      exec:
      - ip addr add 10.0.1.2/24 dev eth1
      - ip route replace default via 10.0.1.1 dev eth1
    router:
      exec:
      - sh -c 'ip addr add 10.0.1.1/24 dev eth1; ip addr add 10.0.2.1/24 dev eth2'
      - sh -c 'echo "I am $$ROLE" > /tmp/role'
      env: {ROLE: the router}
    server:
      cmd: busybox httpd -f -p 80 -h /srv/www
      binds: ["conf/index.html:/srv/www/index.html:ro"]
      exec:
      - ip addr add 10.0.2.2/24 dev eth1
      - ip route add 10.0.1.0/24 via 10.0.2.1
    lan: {kind: bridge}
  links:
  - endpoints: ["client:eth1", "lan:c1"]
  - endpoints: ["router:eth1", "lan:r1"]
  - endpoints: ["router:eth2", "server:eth1"]
"#;

#[test]
fn topologies_of_other_tools_are_up_and_connected() {
    if !have("topologies_of_other_tools_are_up_and_connected", &["busybox"]) {
        return;
    }
    for user in users() {
        let place = place(user, "triangle.yaml");
        let folder = place.path();
        fs::create_dir_all(folder.join("top/conf")).unwrap();
        fs::write(folder.join("top/router.clab.yml"), ROUTER).unwrap();
        fs::write(folder.join("top/conf/index.html"), "hello from the server\n").unwrap();
        // The specification of tinet brings its own test.
        let tests = "\ntests:\n  across:\n    steps:
      - ping: {node: client, to: 10.0.2.2}
      - run: {node: client, command: busybox wget -qO- http://10.0.2.2/, stdout: hello from the server}
      - run: {node: router, command: cat /tmp/role, stdout: I am the router}
    path:
      - {packet: icmp echo-request, crosses: [client, router, server]}\n";
        for (file, tests) in [("top/router.clab.yml", tests), ("triangle.yaml", "")] {
            let name = format!("m{}-topology-{}-{user:?}", std::process::id(), file.len());
            let done = in_folder(user, folder, &["import", "--name", &name, file]);
            assert!(done.exit == 0 && done.all.contains(": 3 nodes, "), "{user:?}: {}", done.all);
            let lab = folder.join(format!("labs/{name}.yaml"));
            let checked = in_folder(user, folder, &["check", lab.to_str().unwrap()]);
            assert_eq!(checked.exit, 0, "{}", checked.all);
            let text = fs::read_to_string(&lab).unwrap();
            assert_eq!(text.contains("\ntests: {}\n"), !tests.is_empty(), "{text}");
            fs::write(&lab, text.replace("\ntests: {}\n", tests)).unwrap();
            let done = in_folder(user, folder, &["test", &name]);
            in_folder(user, folder, &["clean", &name]);
            assert_eq!(done.exit, 0, "{user:?}: {}\n{text}", done.all);
        }
    }
}

#[test]
fn what_cannot_be_imported_says_why_and_leaves_no_file() {
    let folder = place(User::Own, "bridge.sh");
    let folder = folder.path();
    fs::write(folder.join("other.yaml"), "services: {}\n").unwrap();
    let import = |words: &[&str]| in_folder(User::Own, folder, &[&["import"], words].concat());
    for (words, exit, why) in [
        (&[][..], 2, "required"),
        (&["--", "./bridge.sh/"], 4, "failed with exit status"),
        (&["--", "bash", "-c", "exit 7"], 2, "is no name for a lab"),
        (&["--name", "x", "--", "bash", "-c", "exit 7"], 4, "failed with exit status 7, so"),
        (&["--name", "x", "--", "true"], 4, "true has made no network namespace, so"),
        (&["none.yml"], 2, "cannot read none.yml: "),
        (&["other.yaml"], 2, "neither a topology of containerlab"),
        (&["--name", "x", "--timeout", "1", "--", "sleep", "50"], 4, "was still running after 1s"),
        (
            &["--name", "x", "--", "ip", "netns", "add", "global"],
            4,
            "a namespace is called global,",
        ),
    ] {
        let done = import(words);
        assert_eq!(done.exit, exit, "{words:?}: {}", done.all);
        assert!(done.all.contains(why), "{words:?}: {}", done.all);
    }
    assert_eq!(files(folder), [folder.join("bridge.sh"), folder.join("other.yaml")]);
    // A file that is there is not replaced unasked, and the command not even run.
    fs::create_dir(folder.join("labs")).unwrap();
    fs::write(folder.join("labs/x.yaml"), "mine").unwrap();
    let done = import(&["--name", "x", "--", "false"]);
    assert!(done.exit == 2 && done.all.contains("--force replaces it"), "{}", done.all);
    // A command that goes to the background by itself, and one that listens nowhere.
    let script = "ip netns add a; ip netns exec a setsid sleep 1000 & ip netns exec a sleep 1001 & sleep 0.3";
    let done = import(&["--name", "x", "--force", "--", "bash", "-c", script]);
    assert_eq!(done.exit, 0, "{}", done.all);
    let text = fs::read_to_string(folder.join("labs/x.yaml")).unwrap();
    assert!(text.contains("it went to the background by itself"), "{text}");
    assert!(text.contains("ready: {running: 1s}"), "{text}");
}
