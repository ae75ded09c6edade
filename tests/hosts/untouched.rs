//! Proves that labrun does not touch the host: links, addresses, routes, rules, namespaces,
//! firewall, sysctls, mounts, files and processes are the same before a lab, while it is up, and
//! after it.
//!
//! Where root runs the tests, the host is one of its own (tests/common/host.rs) with links, routes
//! and firewall rules that a careless lab would change.

use crate::common;

use common::host::{self, expect, is_private, state_root, tree};
use common::{User, folder, users, write};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Sysctls below `net` that change on any host, each with the reason.
const VOLATILE: [(&str, &str); 1] =
    [("net.netfilter.nf_conntrack_count", "it counts the connections that are tracked now")];

/// Where programs for DHCP keep leases and identifiers.
const KEPT: [&str; 4] = ["/var/lib/dhcp", "/var/lib/dhcpcd", "/var/lib/kea", "/var/lib/misc"];

/// Everything there is to see, by what shows it.
type Snapshot = BTreeMap<String, String>;

fn snapshot(user: User) -> Snapshot {
    let mut all = Snapshot::new();
    let commands: [(&str, &[&str]); 12] = [
        ("links", &["ip", "-j", "link"]),
        ("addresses", &["ip", "-o", "addr"]),
        ("named network namespaces", &["ip", "netns"]),
        ("routes, v4", &["ip", "-4", "route", "show", "table", "all"]),
        ("routes, v6", &["ip", "-6", "route", "show", "table", "all"]),
        ("rules, v4", &["ip", "-4", "rule"]),
        ("rules, v6", &["ip", "-6", "rule"]),
        ("nftables", &["nft", "--stateless", "list", "ruleset"]),
        ("iptables", &["iptables-save"]),
        ("ip6tables", &["ip6tables-save"]),
        ("sysctls", &["sysctl", "-a"]),
        ("host name", &["uname", "-n"]),
    ];
    for (name, words) in commands {
        let mut command = Command::new(words[0]);
        // Where iproute2 and nftables are, for ordinary users.
        command
            .env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()));
        let Ok(output) = command.args(&words[1..]).output() else { continue };
        let text = String::from_utf8_lossy(&output.stdout);
        all.insert(
            name.into(),
            text.lines()
                .filter(|line| lasting(line))
                .map(settled_words)
                .collect::<Vec<_>>()
                .join("\n"),
        );
    }
    all.insert("mounts".into(), host::mounts());
    for file in ["/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"] {
        let Ok(metadata) = fs::metadata(file) else { continue };
        let text = fs::read_to_string(file).unwrap_or_default();
        all.insert(
            file.into(),
            format!(
                "inode {} changed {}.{:09}\n{text}",
                metadata.ino(),
                metadata.ctime(),
                metadata.ctime_nsec()
            ),
        );
    }
    for folder in ["/etc", "/var/db/dhcpcd", "/var/lib/NetworkManager"].iter().chain(&KEPT) {
        all.insert(folder.to_string(), listing(folder, |_| false));
    }
    let root = state_root(user);
    if is_private() {
        for folder in ["/run", "/tmp"] {
            all.insert(folder.into(), listing(folder, |path| path.starts_with(&root)));
        }
    }
    all
}

/// `line` without the seconds that an address or route still has, and without packet counters.
fn settled_words(line: &str) -> String {
    let mut words: Vec<&str> = Vec::new();
    for word in line.split_whitespace() {
        let counts = words
            .last()
            .is_some_and(|last| ["expires", "valid_lft", "preferred_lft"].contains(last))
            || (line.starts_with(':') && word.starts_with('['));
        words.push(if counts { "*" } else { word });
    }
    words.join(" ")
}

/// Whether a line of a command's output shows something that only changes when somebody changes it.
fn lasting(line: &str) -> bool {
    // iptables-save opens and ends with the time.
    let sysctl = |name: &str| line.starts_with("net.") && line.starts_with(name);
    !line.starts_with("# ")
        && !VOLATILE.iter().any(|(name, _)| sysctl(name))
        && (!line.contains(" = ") || line.starts_with("net."))
}

/// The paths below `folder` with size and time of the last change, without those to `skip`.
fn listing(folder: &str, skip: impl Fn(&Path) -> bool) -> String {
    let show = |path: &Path| {
        let metadata = path.symlink_metadata().ok()?;
        // A folder's times and size change with any entry, which is listed itself.
        let state = if metadata.is_dir() {
            String::new()
        } else {
            format!(" {} {}", metadata.len(), metadata.mtime_nsec())
        };
        Some(format!("{}{state}\n", path.display()))
    };
    tree(Path::new(folder))
        .iter()
        .filter(|path| !skip(path))
        .filter_map(|path| show(path))
        .collect()
}

/// Names what differs, line by line.
fn assert_same(before: &Snapshot, after: &Snapshot, when: &str) {
    assert_eq!(before.keys().collect::<Vec<_>>(), after.keys().collect::<Vec<_>>(), "{when}");
    for (name, old) in before {
        let (gone, come) = host::difference(name, old, &after[name]);
        assert!(
            gone.is_empty() && come.is_empty(),
            "{when}, {name} differ:\ngone: {gone:#?}\ncome: {come:#?}"
        );
    }
}

fn untouched_by(lab: &str) {
    for user in users() {
        let before = snapshot(user);
        let trace = host::Trace::now(user);
        let own = host::process(std::process::id()).unwrap();

        expect(user, &["setup", lab], 0);
        // The set-up's own shells end with it.
        settled(&trace);
        assert_same(&before, &snapshot(user), &format!("{lab} is up, as {user:?}"));
        let added = trace.added();
        let shared = |p: &host::Process| {
            ["net", "mnt", "pid", "uts", "ipc"]
                .into_iter()
                .filter(|kind| p.namespaces.get(kind) == own.namespaces.get(kind))
                .collect::<Vec<_>>()
        };
        let outside: Vec<_> = added
            .iter()
            .map(|p| (p.name.as_str(), shared(p)))
            .filter(|(_, kinds)| !kinds.is_empty())
            .collect();
        // It waits for PID 1 of the sandbox, so it cannot be in that PID namespace itself.
        assert_eq!(
            outside,
            [("unshare", vec!["pid"])],
            "{lab} is up, as {user:?}: these processes are in the host's namespaces"
        );
        assert!(added.len() > 3, "{lab} has no processes: {added:#?}");

        let text = expect(user, &["test", lab], 0);
        assert!(text.contains("was up already") && !text.contains("cleaned"), "{text}");
        settled(&trace);
        assert_same(&before, &snapshot(user), &format!("{lab} was tested, as {user:?}"));

        expect(user, &["clean", lab], 0);
        trace.assert_same(&format!("{lab} was cleaned, as {user:?}"));
        assert_same(&before, &snapshot(user), &format!("{lab} was cleaned, as {user:?}"));

        // Once more without a set-up before.
        expect(user, &["test", lab], 0);
        trace.assert_same(&format!("{lab} was tested and taken down, as {user:?}"));
        assert_same(
            &before,
            &snapshot(user),
            &format!("{lab} was tested and taken down, as {user:?}"),
        );
    }
}

/// Waits until no shell that labrun itself started is there any more.
fn settled(trace: &host::Trace) {
    let deadline = Instant::now() + Duration::from_secs(10);
    let own = host::process(std::process::id()).unwrap();
    let outer = |p: &host::Process| {
        p.name != "unshare" && p.namespaces.get("pid") == own.namespaces.get("pid")
    };
    while trace.added().iter().any(outer) && Instant::now() < deadline {
        sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_relay_lab_leaves_the_host_alone() {
    host::private("the_relay_lab_leaves_the_host_alone", || untouched_by("relay"));
}

#[test]
fn the_server_lab_leaves_the_host_alone() {
    host::private("the_server_lab_leaves_the_host_alone", || untouched_by("server"));
}

#[test]
fn the_balance_lab_leaves_the_host_alone() {
    host::private("the_balance_lab_leaves_the_host_alone", || untouched_by("balance"));
}

#[test]
fn what_programs_for_dhcp_keep_goes_with_the_lab() {
    host::private("what_programs_for_dhcp_keep_goes_with_the_lab", || {
        if !is_private() {
            return;
        }
        // Whatever is installed here.
        let line = format!("mount -t tmpfs tmpfs /var/lib && mkdir {}", KEPT.join(" "));
        assert!(Command::new("bash").args(["-ec", &line]).status().unwrap().success());
        let folder = folder();
        let step = format!(
            "run: {{node: one, command: 'for folder in {}; do echo >$folder/kept; done'}}",
            KEPT.join(" ")
        );
        let lab = write(
            folder.path(),
            "keeps.yaml",
            &format!("lab: keeps\nnodes: {{one: {{}}}}\ntests: {{all: {{steps: [{step}]}}}}\n"),
        );
        for user in users() {
            expect(user, &["--file", lab.to_str().unwrap(), "test", "keeps"], 0);
            assert!(
                KEPT.iter().all(|folder| fs::read_dir(folder).unwrap().count() == 0),
                "as {user:?}"
            );
        }
    });
}

/// The snapshot is worth nothing if it does not see what it should.
#[test]
fn the_snapshot_sees_every_kind_of_change() {
    host::private("the_snapshot_sees_every_kind_of_change", || {
        if !is_private() {
            return;
        }
        let changes = [
            ("links", "ip link add x0 type bridge", "ip link del x0"),
            (
                "addresses",
                "ip addr add 198.51.100.9/32 dev lo",
                "ip addr del 198.51.100.9/32 dev lo",
            ),
            (
                "routes, v4",
                "ip route add 203.0.113.128/25 via 198.51.100.3 table 9",
                "ip route flush table 9",
            ),
            (
                "routes, v6",
                "ip -6 route add 2001:db8:2::/48 via 2001:db8::2",
                "ip -6 route del 2001:db8:2::/48",
            ),
            ("rules, v4", "ip rule add from 203.0.113.8 lookup 77", "ip rule del from 203.0.113.8"),
            ("named network namespaces", "ip netns add x", "ip netns del x"),
            (
                "sysctls",
                "echo 1 >/proc/sys/net/ipv4/ip_forward",
                "echo 0 >/proc/sys/net/ipv4/ip_forward",
            ),
            (
                "host name",
                "cp /proc/sys/kernel/hostname /tmp/name; hostname x",
                "hostname $(cat /tmp/name)",
            ),
            ("mounts", "mkdir /tmp/x; mount -t tmpfs tmpfs /tmp/x", "umount /tmp/x; rmdir /tmp/x"),
            ("/run", "touch /run/x", "rm /run/x"),
            ("/tmp", "touch /tmp/x", "rm /tmp/x"),
            // A bind mount, because the real file is no test's to change.
            (
                "/etc/hosts",
                "echo >/tmp/hosts; mount --bind /tmp/hosts /etc/hosts",
                "umount /etc/hosts; rm /tmp/hosts",
            ),
            ("nftables", "nft add table ip x", "nft delete table ip x"),
            ("iptables", "iptables -A INPUT -s 203.0.113.9", "iptables -D INPUT -s 203.0.113.9"),
        ];
        for (name, make, undo) in changes {
            let tool = make.split(' ').next().unwrap();
            if ["nft", "iptables"].contains(&tool) && which::which(tool).is_err() {
                eprintln!("SKIP {name}: there is no {tool}");
                continue;
            }
            let before = snapshot(User::Own);
            let shell = |line: &str| {
                assert!(
                    Command::new("bash").args(["-ec", line]).status().unwrap().success(),
                    "{line}"
                )
            };
            shell(make);
            assert_ne!(
                before.get(name),
                snapshot(User::Own).get(name),
                "`{make}` does not show in {name}"
            );
            shell(undo);
        }
    });
}
