//! Whoever looks at a failure later finds what there was to see: complete, in a folder that nothing
//! overwrites and every system can hold, however the test went down.

use crate::common;
use crate::common::labs;

use common::{User, users, wait_for};
use labs::{Done, Lab, have, lines, run};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// A client, a DHCP server with a firewall, and a daemon that does as a test says.
const LAB: &str = r#"
needs: {commands: {dnsmasq: dnsmasq-base}}
bridges: [br0]
nodes:
  client:
    links: {eth0: {bridge: br0, port: p-client}}
  server:
    links: {eth0: {bridge: br0, port: p-server, addresses: 10.0.0.1/24}}
    nft: "table inet wall { chain in { type filter hook input priority 0; tcp dport 99 drop; }; }"
    sysctls: {net.ipv4.conf.eth0.proxy_arp: 1}
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
            dhcp-leasefile=leases
        ready: {udp: 67}
      mortal:
        command: echo $$ >"$TMPDIR/mortal"; echo I live; while [ ! -e "$TMPDIR/die" ]; do sleep 0.01; done; rm "$TMPDIR/die"; echo famous last words; exit 7
        ready: {log: I live}
tests:
  pool:
    steps:
      - dhcp: {node: client, link: eth0, family: 4, expect: {pool: 10.0.0.30-10.0.0.40}}
  said:
    steps:
      - run: {node: client, command: "echo out; echo err >&2; exit 3"}
  dies:
    steps:
      - run: {node: server, command: 'pid=$(cat "$TMPDIR/mortal"); : >"$TMPDIR/die"; while kill -0 "$pid"; do sleep 0.01; done'}
  good:
    steps:
      - run: {node: server, command: "true"}
"#;

/// A lab and the folder for its artifacts, which its user may write to.
struct Fixture {
    lab: Lab,
    out: PathBuf,
}

impl Fixture {
    fn new(user: User, body: &str) -> Fixture {
        let lab = Lab::new(user, body);
        let out = lab.folder.path().join("out");
        fs::create_dir(&out).unwrap();
        fs::set_permissions(&out, fs::Permissions::from_mode(0o777)).unwrap();
        Fixture { lab, out }
    }

    /// labrun test with what a user gets who says nothing of artifacts but where.
    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.lab.command(&["test", "--artifacts-dir"]);
        command.arg(&self.out).args(words).env_remove("LABRUN_ARTIFACTS");
        command
    }

    fn test(&self, words: &[&str]) -> Done {
        run(self.command(words))
    }

    fn name(&self, test: &str) -> String {
        format!("{}-{test}", self.lab.name)
    }

    /// What attempt `attempt` of `test` left.
    fn folder(&self, test: &str, attempt: u32) -> PathBuf {
        self.out.join(self.name(test)).join(attempt.to_string())
    }
}

/// Every file below `folder`, with its content, by its path.
fn files(folder: &Path) -> BTreeMap<String, String> {
    let paths = common::host::tree(folder).into_iter().filter(|path| path.is_file());
    paths
        .map(|path| {
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_string();
            (name, String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned())
        })
        .collect()
}

/// In each of `expected`, a file and a part of its content, the file has that part.
fn assert_has(files: &BTreeMap<String, String>, expected: &[(&str, &str)]) {
    for (name, part) in expected {
        let Some(content) = files.get(*name) else {
            panic!("there is no {name}: {:?}", files.keys())
        };
        assert!(content.contains(part), "`{part}` is not in {name}:\n{content}");
    }
}

/// What actions/upload-artifact refuses or leaves out, and no system takes.
fn assert_portable(folder: &Path) {
    for path in common::host::tree(folder) {
        let name = path.file_name().unwrap().to_str().expect("names are UTF-8");
        assert!(
            !name.starts_with('.')
                && !name.contains(|c: char| "\"<>:|*?\\".contains(c) || c.is_control()),
            "{path:?}"
        );
    }
}

#[test]
fn a_failure_leaves_the_state_of_everything_and_a_retry_leaves_it_alone() {
    if !have("a_failure_leaves_the_state_of_everything", &["dnsmasq", "dhclient", "nft"]) {
        return;
    }
    for user in users() {
        let fixture = Fixture::new(user, LAB);
        let (pool, said, good) = (fixture.name("pool"), fixture.name("said"), fixture.name("good"));
        let done = fixture.test(&[&pool, &said, &good]);
        assert_eq!(done.exit, 1, "{}", done.all);
        let first = fixture.folder("pool", 1);
        assert!(
            done.stdout.contains(&format!("      artifacts: {}\n", first.display())),
            "{}",
            done.all
        );
        assert!(!fixture.out.join(&good).exists(), "a test that passed needs none");

        let found = files(&first);
        let lease = found["steps/1-dhcp/lease"]
            .lines()
            .find_map(|l| l.trim().strip_prefix("fixed-address "))
            .unwrap();
        let address = lease.trim_end_matches(';');
        assert_has(
            &found,
            &[
                ("nodes/server/addresses.txt", "inet 10.0.0.1/24"),
                ("nodes/client/addresses.txt", &format!("inet {address}/24")),
                ("nodes/client/routes.txt", "10.0.0.0/24 dev eth0"),
                ("nodes/server/routes.txt", "local 10.0.0.1 dev eth0"),
                ("nodes/server/rules.txt", "lookup local"),
                ("nodes/server/links.txt", "RX:"),
                ("nodes/server/neighbours.txt", "$ ip -s neighbour show"),
                ("nodes/server/nft.txt", "tcp dport 99 drop"),
                ("nodes/server/sockets.txt", ":67 "),
                ("nodes/server/sockets.txt", "dnsmasq"),
                ("nodes/server/sysctls.txt", "/conf/eth0/proxy_arp:1"),
                ("nodes/client/sysctls.txt", "/conf/eth0/proxy_arp:0"),
                ("nodes/global/links.txt", "p-server"),
                ("nodes/global/bridges.txt", "master br0"),
                ("services/dhcp.log", &format!("DHCPACK(eth0) {address}")),
                ("services/dhcp.status", "running, process "),
                ("services/dhcp.files/leases", address),
                ("services/dhcp.files/dnsmasq.conf", "dhcp-range=10.0.0.10,10.0.0.20,12h"),
                ("services/mortal.log", "I live"),
                ("steps/1-dhcp/stderr", "DHCPREQUEST"),
                ("steps/1-dhcp/status", "0\n"),
                ("steps/1-dhcp/addresses", address),
                ("ladder.txt", "OFFER"),
                // By that Wireshark knows it (the block type of pcapng).
                ("capture.pcapng", "\n\r\r\n"),
                ("capture.pcapng", "p-client"),
                ("lab.sh", "lab_network()"),
                ("lab.yaml", LAB.trim_start()),
                ("failure.txt", "is outside the pool 10.0.0.30-10.0.0.40"),
                ("result.json", r#""outcome": "fail""#),
                ("versions.txt", concat!("labrun       ", env!("CARGO_PKG_VERSION"))),
                ("versions.txt", "\nkernel       Linux "),
                ("versions.txt", "/dnsmasq dnsmasq-base 2."),
                ("processes.txt", "dnsmasq --no-daemon --conf-file=dnsmasq.conf"),
                ("README.txt", "services/ "),
            ],
        );
        assert!(
            found["processes.txt"]
                .lines()
                .any(|l| l.contains(" server ") && l.ends_with("--conf-file=dnsmasq.conf"))
        );
        assert!(!found["nodes/client/nft.txt"].contains("dport"), "each node has its own");
        // What can be run, can be run: the script is whole.
        let checked = Command::new("bash").arg("-n").arg(first.join("lab.sh")).status().unwrap();
        assert!(checked.success());
        assert_has(
            &files(&fixture.folder("said", 1)),
            &[
                ("steps/1-run/stdout", "out\n"),
                ("steps/1-run/stderr", "err\n"),
                ("steps/1-run/status", "3\n"),
            ],
        );
        assert_portable(&fixture.out);

        assert_eq!(fixture.test(&[&pool]).exit, 1);
        assert_eq!(files(&first), found, "the first attempt is as it was");
        assert_has(
            &files(&fixture.folder("pool", 2)),
            &[("failure.txt", &format!("artifacts: {}", fixture.folder("pool", 2).display()))],
        );
        let owner = if user == User::Own {
            fs::metadata("/proc/self").unwrap().uid()
        } else {
            fs::metadata(&first).unwrap().uid()
        };
        assert_eq!(
            (owner == 0, fs::metadata(first.join("lab.sh")).unwrap().uid()),
            (common::is_root() && user == User::Own, owner)
        );
    }
}

#[test]
fn a_daemon_that_dies_leaves_its_last_words_and_its_exit_status() {
    if !have("a_daemon_that_dies_leaves_its_last_words", &["dnsmasq", "nft"]) {
        return;
    }
    for user in users() {
        let fixture = Fixture::new(user, LAB);
        let done = fixture.test(&[&fixture.name("dies")]);
        // Its step held: that the daemon is dead is only found after it, and its state is still
        // there then.
        assert!(
            done.exit == 1 && done.stdout.contains("a service died during the test"),
            "{}",
            done.all
        );
        let found = files(&fixture.folder("dies", 1));
        let expected = [
            ("services/mortal.log", "I live\nfamous last words\n"),
            ("services/mortal.status", "ended with exit status 7\n"),
            ("services/dhcp.status", "running, process "),
            ("nodes/server/addresses.txt", "inet 10.0.0.1/24"),
            ("failure.txt", "service mortal (node server) died with exit status 7"),
        ];
        assert_has(&found, &expected);
        assert!(
            found["services/mortal.log"].ends_with("famous last words\n"),
            "not after it was started again"
        );
    }
}

#[test]
fn always_and_never_are_what_they_say() {
    if !have("always_and_never", &["dnsmasq", "nft"]) {
        return;
    }
    let fixture = Fixture::new(User::Own, LAB);
    let (said, good) = (fixture.name("said"), fixture.name("good"));
    let done = fixture.test(&["--artifacts", "never", &said, &good]);
    assert!(done.exit == 1 && !done.all.contains("artifacts:"), "{}", done.all);
    assert_eq!(fs::read_dir(&fixture.out).unwrap().count(), 0);
    let done = fixture.test(&["--artifacts", "always", &said, &good]);
    assert_eq!(done.exit, 1, "{}", done.all);
    let found = files(&fixture.folder("good", 1));
    assert_has(
        &found,
        &[
            ("result.json", r#""outcome": "pass""#),
            ("nodes/server/addresses.txt", "10.0.0.1"),
            ("services/dhcp.log", "started"),
        ],
    );
    assert!(!found.contains_key("failure.txt"));
    assert!(fixture.folder("said", 1).exists());
    // The folder of those who name none is in the current one, and both may come from the
    // environment.
    let mut command = fixture.lab.command(&["test", &said]);
    command.env_remove("LABRUN_ARTIFACTS").current_dir(&fixture.out);
    let done = run(command);
    let path = format!("artifacts: labrun-artifacts/{said}/1\n");
    assert!(
        done.stdout.contains(&path)
            && fixture.out.join("labrun-artifacts").join(&said).join("1/lab.sh").exists(),
        "{}",
        done.all
    );
    // git, which ignores what it is told to ignore in a folder of labrun's own making, sees nothing.
    let ignored = fixture.out.join("labrun-artifacts/.gitignore");
    assert_eq!(fs::read_to_string(ignored).unwrap(), "*\n");
    let mut command = fixture.lab.command(&["test", &good]);
    command
        .env("LABRUN_ARTIFACTS", "always")
        .env("LABRUN_ARTIFACTS_DIR", fixture.out.join("deep/er"));
    assert_eq!(run(command).exit, 0);
    assert!(fixture.out.join("deep/er").join(&good).join("1/lab.sh").exists());
}

/// Somebody else's repository may hold a link of that name.
#[test]
fn a_folder_of_artifacts_that_is_a_link_is_refused() {
    let lab = Lab::new(
        User::Own,
        "nodes: {a: {}}\ntests: {t: {steps: [run: {node: a, command: exit 3}]}}\n",
    );
    let (inside, outside) = (lab.folder.path().join("inside"), lab.folder.path().join("outside"));
    fs::create_dir(&inside).unwrap();
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink("../outside", inside.join("labrun-artifacts")).unwrap();
    for more in [&[][..], &["--artifacts-dir", "labrun-artifacts/"]] {
        let mut command = lab.command(&[&["test"], more].concat());
        command.env_remove("LABRUN_ARTIFACTS").current_dir(&inside);
        let done = run(command);
        let words = "is a link to ../outside, where artifacts may not be meant to go: remove it, or name a folder with --artifacts-dir";
        assert!(done.exit == 2 && done.all.contains(words), "{}", done.all);
    }
    // So is one in it, though that shows only when it is written to.
    fs::remove_file(inside.join("labrun-artifacts")).unwrap();
    fs::create_dir(inside.join("labrun-artifacts")).unwrap();
    let test = format!("labrun-artifacts/{}-t", lab.name);
    std::os::unix::fs::symlink("../../outside", inside.join(test)).unwrap();
    let mut command = lab.command(&["test"]);
    command.env_remove("LABRUN_ARTIFACTS").current_dir(&inside);
    let done = run(command);
    assert!(done.exit == 1 && done.all.contains("is a link to ../../outside"), "{}", done.all);
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[test]
fn a_set_up_that_fails_leaves_one_folder_for_the_lab() {
    let body = r#"
nodes:
  a:
    links: {eth0: {peer: b/eth0, addresses: 10.0.0.1/24}}
    services: {crash: {command: "echo before the end; exit 9", ready: {running: 5s}}}
  b:
    links: {eth0: {peer: a/eth0}}
tests:
  one: {steps: [run: {node: a, command: "true"}]}
  two: {steps: [run: {node: a, command: "true"}]}
"#;
    for user in users() {
        let fixture = Fixture::new(user, body);
        for attempt in ["1", "2"] {
            let mut command = fixture.command(&["--format", "json"]);
            command.arg("--no-strict");
            let done = run(command);
            assert_eq!(done.exit, 4, "{}", done.all);
            let folder = fixture.out.join(&fixture.lab.name).join(attempt);
            let expected = [
                ("services/crash.log", "before the end\n"),
                ("services/crash.status", "ended with exit status 9\n"),
                ("nodes/a/addresses.txt", "inet 10.0.0.1/24"),
                ("failure.txt", "service crash (node a) died with exit status 9"),
                ("result.json", r#""event": "setup-failed""#),
                ("lab.yaml", body.trim_start()),
                ("versions.txt", "kernel "),
            ];
            assert_has(&files(&folder), &expected);
            let results: Vec<_> = labs::json_lines(&done.stdout)
                .into_iter()
                .filter(|m| m["event"] == "result")
                .collect();
            assert_eq!(results.len(), 2);
            assert!(
                results.iter().all(|r| r["artifacts"] == folder.to_str().unwrap()),
                "{}",
                done.all
            );
        }
        assert_eq!(fs::read_dir(&fixture.out).unwrap().count(), 1);
    }
}

#[test]
fn names_that_some_system_refuses_are_encoded() {
    let body = r#"
nodes:
  "..up":
    services:
      web.log:
        command: echo "from $LABRUN_NODE"; exec sleep 1000
        ready: {log: from}
        files: {".hidden": dark, "a:b|c": colon, "blank ": end, "deep/*/x?": star}
  "x\n<y>": {}
tests:
  t: {steps: [run: {node: "..up", command: "false"}]}
"#;
    for user in users() {
        let fixture = Fixture::new(user, body);
        let done = fixture.test(&[]);
        assert_eq!(done.exit, 1, "{}", done.all);
        assert_portable(&fixture.out);
        let expected = [
            ("nodes/%2E.up/addresses.txt", "lo:"),
            ("nodes/x%0A%3Cy%3E/addresses.txt", "lo:"),
            ("services/web.log.log", "from _node-"),
            ("services/web.log.files/%2Ehidden", "dark"),
            ("services/web.log.files/a%3Ab%7Cc", "colon"),
            ("services/web.log.files/blank%20", "end"),
            ("services/web.log.files/deep/%2A/x%3F", "star"),
        ];
        assert_has(&files(&fixture.folder("t", 1)), &expected);
        assert_eq!(fs::read_dir(&fixture.out).unwrap().count(), 1);
    }
}

#[test]
fn a_tool_that_hangs_holds_nobody_up_and_much_output_is_cut() {
    let body = "
nodes:
  a:
    services:
      loud: {command: \"yes 0123456789abcde | head -c 6000000; echo the end; exec sleep 1000\", ready: {log: the end}}
tests:
  t: {steps: [run: {node: a, command: \"false\"}]}
";
    for user in users() {
        let fixture = Fixture::new(user, body);
        let tools = fixture.lab.folder.path().join("tools");
        fs::create_dir(&tools).unwrap();
        let ss = common::write(
            &tools,
            "ss",
            "#!/bin/sh\ntrap '' TERM\nsleep 1000 &\nwait\nsleep 1000\n",
        );
        fs::set_permissions(ss, fs::Permissions::from_mode(0o755)).unwrap();
        let mut command = fixture.command(&[]);
        command.env("PATH", format!("{}:{}", tools.display(), std::env::var("PATH").unwrap()));
        // Of /tmp a lab sees no more than the folder that labrun runs in.
        command.current_dir(fixture.lab.folder.path());
        let done = run(command);
        assert_eq!(done.exit, 1, "{}", done.all);
        assert!(done.time < Duration::from_secs(15), "{:?}", done.time);
        let found = files(&fixture.folder("t", 1));
        let expected = [
            ("nodes/a/sockets.txt", "(it did not end within 2 seconds)"),
            ("nodes/a/addresses.txt", "lo:"),
            ("nodes/a/sysctls.txt", "/conf/lo/"),
            ("services/loud.log", "bytes are left out here)\n"),
        ];
        assert_has(&found, &expected);
        let log = &found["services/loud.log"];
        assert!(
            log.ends_with("the end\n") && log.len() > 4_000_000 && log.len() < 4_300_000,
            "{}",
            log.len()
        );
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_a_warning() {
    for user in users() {
        let fixture = Fixture::new(
            user,
            "nodes: {a: {}}\ntests: {t: {steps: [run: {node: a, command: \"false\"}]}}\n",
        );
        // Root may write to any folder, but nobody below a file.
        let file = common::write(&fixture.out, "file", "");
        let mut command = fixture.lab.command(&["test", "--artifacts-dir"]);
        command.arg(&file).env_remove("LABRUN_ARTIFACTS");
        let done = run(command);
        assert!(done.exit == 1 && done.stdout.contains("0 passed, 1 failed"), "{}", done.all);
        let warning = format!(
            "warning: the artifacts of {} are not complete: cannot make the folder {}/",
            fixture.name("t"),
            file.display()
        );
        assert!(
            done.stdout.contains(&warning) && !done.stdout.contains("artifacts: "),
            "{}",
            done.all
        );
        assert!(done.stdout.contains("(see --artifacts-dir)"), "{}", done.all);
    }
}

#[test]
fn a_run_that_passes_but_keeps_nothing_of_what_it_was_to_keep_does_not_end_as_if_it_had() {
    for user in users() {
        let fixture = Fixture::new(
            user,
            "nodes: {a: {}}\ntests: {t: {steps: [run: {node: a, command: \"true\"}]}}\n",
        );
        let file = common::write(&fixture.out, "file", "");
        let mut command = fixture.lab.command(&["test", "--artifacts", "always"]);
        command.arg("--artifacts-dir").arg(&file);
        let done = run(command);
        assert!(done.exit == 3 && done.stdout.contains("1 passed, 0 failed"), "{}", done.all);
        assert!(done.stdout.contains("are not complete: cannot make the folder"), "{}", done.all);
    }
}

#[test]
fn a_lab_that_is_killed_leaves_what_it_had_written() {
    let body = "
nodes:
  a:
    services: {talker: {command: \"echo still here; exec sleep 1000\", ready: {log: still}}}
tests:
  t:
    steps:
      - run: {node: a, command: echo the first step}
      - run: {node: a, command: sleep 100, timeout: 100s}
";
    for user in users() {
        let fixture = Fixture::new(user, body);
        let mut command = labs::bounded(&fixture.command(&["--format", "json"]));
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let supervisor = || {
            let status = fixture.lab.run(&["status", "--format", "json"]).stdout;
            let instances: Vec<serde_json::Value> = serde_json::from_str(&status).unwrap();
            let own = instances
                .into_iter()
                .find(|i| i["instance"] == fixture.lab.name && i["condition"] == "testing")?;
            own["pid"].as_u64().map(|pid| pid as u32)
        };
        let sleeps = |pid: u32| {
            let own = fs::read_link(format!("/proc/{pid}/ns/pid")).ok();
            let all = fs::read_dir("/proc").unwrap().flatten();
            own.is_some()
                && all.filter(|p| fs::read_link(p.path().join("ns/pid")).ok() == own).any(|p| {
                    fs::read(p.path().join("cmdline"))
                        .is_ok_and(|line| line.starts_with(b"sleep\x00100\0"))
                })
        };
        let mut pid = 0;
        wait_for("the second step", || {
            supervisor().is_some_and(|found| {
                pid = found;
                sleeps(pid)
            })
        });
        common::host::kill("KILL", pid);
        let output = child.wait_with_output().unwrap();
        let text = common::text(&output);
        assert_eq!(output.status.code(), Some(4), "{text}");
        let results = labs::json_lines(&String::from_utf8_lossy(&output.stdout));
        let result = results.iter().find(|m| m["event"] == "result").unwrap();
        assert!(
            result["outcome"] == "error" && lines(result).contains("the lab is gone"),
            "{text}"
        );
        let expected = [
            ("services/talker.log", "still here\n"),
            ("steps/1-run/stdout", "the first step\n"),
            ("failure.txt", "the lab is gone"),
            ("lab.sh", "lab_network()"),
        ];
        assert_has(&files(&fixture.folder("t", 1)), &expected);
        assert_eq!(result["artifacts"], fixture.folder("t", 1).to_str().unwrap());
    }
}

#[test]
fn runs_at_the_same_time_have_folders_of_their_own() {
    let fixture = Fixture::new(
        User::Own,
        "nodes: {a: {}}\ntests: {t: {steps: [run: {node: a, command: \"false\"}]}}\n",
    );
    let start = |_| {
        labs::bounded(&fixture.command(&[]))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap()
    };
    let children: Vec<_> = (0..4).map(start).collect();
    for child in children {
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", common::text(&output));
    }
    for attempt in 1..=4 {
        let folder = fixture.folder("t", attempt);
        let path = format!("artifacts: {}", folder.display());
        assert_has(
            &files(&folder),
            &[
                ("failure.txt", &path),
                ("nodes/a/addresses.txt", "lo:"),
                ("README.txt", "failure.txt"),
            ],
        );
    }
    assert!(!fixture.folder("t", 5).exists());
}
