//! `labrun import`: the labs of three scripts (tests/data/imports) are what the scripts build. Each script ends with
//! its own client's steps, and fails if those do.

use crate::common::labs::{Done, have, run};
use crate::common::{User, folder, labrun, users};
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

/// The files in `folder`, by their paths.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
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
        let done = in_folder(user, place.path(), &["test", &name]);
        in_folder(user, place.path(), &["clean", &name]);
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
fn what_cannot_be_imported_says_why_and_leaves_no_file() {
    let folder = place(User::Own, "bridge.sh");
    let folder = folder.path();
    let import = |words: &[&str]| in_folder(User::Own, folder, &[&["import"], words].concat());
    for (words, exit, why) in [
        (&[][..], 2, "required"),
        (&["--", "./bridge.sh/"], 4, "failed with exit status"),
        (&["--", "bash", "-c", "exit 7"], 2, "is no name for a lab"),
        (&["--name", "x", "--", "bash", "-c", "exit 7"], 4, "failed with exit status 7, so"),
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
    assert_eq!(files(folder), [folder.join("bridge.sh")]);
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
