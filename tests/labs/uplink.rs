//! `uplink`: a lab's way to what the machine reaches. The machine is a network namespace of the test's own, and another
//! one is what it reaches; no packet leaves either.

use crate::common::labs::{self, Lab, have};
use crate::common::{User, command, is_root, users, wait_for};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

/// The link is called as nothing else of any test is.
const NAT: &str = "
nodes:
  inner:
    links: {eth0: {peer: gate/in, addresses: 10.9.0.2/24}}
    routes: [{to: default, via: 10.9.0.1}]
  bare:
    links: {eth0: {peer: gate/in2, addresses: 10.9.1.2/24}}
    routes: [{to: default, via: 10.9.1.1}]
  gate:
    forward: true
    links:
      in: {peer: inner/eth0, addresses: 10.9.0.1/24}
      in2: {peer: bare/eth0, addresses: 10.9.1.1/24}
      LINK: {uplink: true}
    nft: |
      table ip nat {
        chain post {
          type nat hook postrouting priority srcnat;
          ip saddr 10.9.0.0/24 oifname \"LINK\" masquerade
        }
      }
    services:
      alone:
        command: |
          ls /proc/$$/fd >$TMPDIR/opened
          [[ $(tr -d '\\n' <$TMPDIR/opened) == 012 ]] || { cat $TMPDIR/opened; exit 1; }
          exec sleep 1000
        ready: {running: 100ms}
tests:
";

/// A lab with an uplink and these `tests`, with the name of that link.
fn lab(user: User, tests: &str) -> (Lab, String) {
    // Its name is only known once it is there.
    let lab = Lab::new(user, "nodes: {}\n");
    let text = format!("lab: {}\n{}{tests}", lab.name, NAT.trim_start());
    std::fs::write(&lab.file, text.replace("LINK", &lab.name)).unwrap();
    let link = lab.name.clone();
    (lab, link)
}

/// The programs on this machine that are the other end of the uplink `link`.
fn ends(link: &str) -> Vec<i32> {
    let is_one = |pid: &i32| {
        let line = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let mut words = line.split(|byte| *byte == 0);
        words.next().is_some_and(|word| word.ends_with(b"slirp4netns"))
            && words.any(|word| word == link.as_bytes())
    };
    let all = std::fs::read_dir("/proc").unwrap().flatten();
    all.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(is_one).collect()
}

/// Whether `user` can have an uplink here; if not, which is said, labs with one are skipped with the way out.
fn can(test: &str, user: User) -> bool {
    let tun = command(user, "bash").args(["-c", ": <>/dev/net/tun"]).output().unwrap();
    if tun.status.success() {
        return true;
    }
    eprintln!("SKIP {test} as {user:?}: {}", String::from_utf8_lossy(&tun.stderr).trim());
    let (lab, _) = lab(user, "  t: {steps: [{run: {node: gate, command: \"true\"}}]}\n");
    let done = lab.run(&["test", &lab.name, "--allow", "uplink"]);
    assert!(done.exit == 0 && done.all.contains("SKIP"), "{user:?}: {}", done.all);
    assert!(done.all.contains("run labrun as root, or change that"), "{user:?}: {}", done.all);
    false
}

/// A process that keeps a network namespace, a machine of a test's own.
pub struct Namespace(Child);

impl Namespace {
    pub fn new() -> Namespace {
        let child = Command::new("unshare").args(["--net", "sleep", "600"]).spawn().unwrap();
        let link = |pid: &str| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
        wait_for("a namespace", || link(&child.id().to_string()) != link("self"));
        let namespace = Namespace(child);
        namespace.ip("link set lo up");
        namespace
    }

    /// `program` in it.
    pub fn command(&self, program: &str) -> Command {
        let mut command = Command::new("nsenter");
        command.args([&format!("--net=/proc/{}/ns/net", self.0.id()), program]);
        command
    }

    /// labrun in it.
    pub fn labrun(&self, lab: &Lab, words: &[&str]) -> Command {
        let inside = lab.command(words);
        let mut command = self.command(inside.get_program().to_str().unwrap());
        command.args(inside.get_args()).current_dir("/").stdin(Stdio::null());
        for (name, value) in inside.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command
    }

    pub fn ip(&self, words: &str) {
        let output = self.command("ip").args(words.split(' ')).output().unwrap();
        assert!(output.status.success(), "ip {words}: {}", String::from_utf8_lossy(&output.stderr));
    }

    /// A server in it that tells everybody their address.
    fn server(&self, address: &str) -> Namespace {
        let listen = format!("TCP4-LISTEN:8080,bind={address},fork,reuseaddr");
        let mut server = self.command("socat");
        server.args([&listen, "SYSTEM:echo $SOCAT_PEERADDR"]).stderr(Stdio::null());
        let server = server.spawn().unwrap();
        wait_for("the server", || {
            let output = self.command("ss").arg("-Hltn").output().unwrap();
            String::from_utf8_lossy(&output.stdout).contains(&format!("{address}:8080"))
        });
        Namespace(server)
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn behind_nat_a_node_reaches_the_outside_by_the_address_of_the_machine_and_without_it_nothing() {
    const TEST: &str = "behind_nat_a_node_reaches_the_outside";
    if !have(TEST, &["slirp4netns", "socat", "nft", "ss"]) {
        return;
    }
    if !is_root() {
        return eprintln!("SKIP {TEST}: only root makes a machine of its own to run it on");
    }
    let (machine, outside) = (Namespace::new(), Namespace::new());
    machine.ip(&format!("link add wan type veth peer name out netns {}", outside.0.id()));
    machine.ip("addr add 203.0.113.7/24 dev wan");
    machine.ip("link set wan up");
    outside.ip("addr add 203.0.113.1/24 dev out");
    outside.ip("link set out up");
    let _outside = outside.server("203.0.113.1");
    let _own = machine.server("127.0.0.1");
    let client = "'socat -T 2 - TCP4:203.0.113.1:8080,connect-timeout=2'";
    let tests = format!(
        "  out:
    steps:
      - run: {{node: inner, command: {client}, stdout: 203.0.113.7}}
      - run: {{node: gate, command: {client}, stdout: 203.0.113.7}}
      - run: {{node: gate, command: cat /etc/resolv.conf, stdout: nameserver 10.0.2.3}}
  bare:
    steps:
      - run: {{node: bare, command: 'socat -T 2 - TCP4:203.0.113.1:8080,connect-timeout=2', fails: true}}
      - ping: {{node: bare, to: 10.9.1.1}}
  loopback:
    steps:
      - run: {{node: gate, command: 'socat -T 2 - TCP4:10.0.2.2:8080,connect-timeout=2', fails: true}}
      - run: {{node: gate, command: {client}, stdout: 203.0.113.7}}
"
    );
    for user in users() {
        if !can(TEST, user) {
            continue;
        }
        let (lab, link) = lab(user, &tests);
        let words = ["test", &lab.name, "--allow", "uplink", "--strict"];
        let done = labs::run(machine.labrun(&lab, &words));
        assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
        assert!(done.all.contains("3 passed"), "{user:?}: {}", done.all);
        wait_for("the end of the uplink", || ends(&link).is_empty());
    }
}

#[test]
fn a_lab_has_an_uplink_only_where_it_was_granted() {
    if !have("a_lab_has_an_uplink", &["slirp4netns", "nft"]) {
        return;
    }
    for user in users() {
        let (lab, link) = lab(user, "  t: {steps: [{run: {node: gate, command: \"true\"}}]}\n");
        let asks = format!(
            "`uplink` ({}:14) asks for gate/{link}: add `--allow uplink`",
            lab.file.display()
        );
        let done = lab.run(&["test", &lab.name]);
        assert!(done.exit == 0 && done.all.contains(&asks), "{user:?}: {}", done.all);
        let done = lab.run(&["test", &lab.name, "--strict", "--allow", "env,write"]);
        assert!(done.exit == 3 && done.all.contains(&asks), "{user:?}: {}", done.all);
        // By its own script no more than by labrun.
        let script = lab.run(&["script", &lab.name]).stdout;
        let file = crate::common::write(lab.folder.path(), "lab.sh", &script);
        let bash = |words: &[&str]| {
            let mut bash = command(user, "bash");
            bash.args(["-c", r#"cat "$1" | bash -s -- "${@:2}""#, "bash"]).arg(&file).args(words);
            labs::run(bash)
        };
        let done = bash(&[]);
        assert!(done.exit == 3 && done.all.contains(r#""kind":"allow""#), "{user:?}: {}", done.all);
        assert_eq!(ends(&link), [0; 0], "{user:?}");
        if can("a_lab_has_an_uplink", user) {
            let done = bash(&["--allow", "uplink"]);
            assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
            assert_eq!(ends(&link).len(), 1, "{user:?}");
            // The output is on a pipe that nothing may hold open: that it came to its end says so.
            assert_eq!(lab.exec("gate", &["ip", "link", "show", &link, "up"]).exit, 0, "{user:?}");
            assert_eq!(bash(&["clean"]).exit, 0, "{user:?}");
            assert_eq!(ends(&link), [0; 0], "{user:?}");
        }
    }
}

#[test]
fn an_uplink_ends_with_its_lab_however_that_ends() {
    if !have("an_uplink_ends", &["slirp4netns", "nft"]) {
        return;
    }
    for user in users().into_iter().filter(|user| can("an_uplink_ends", *user)) {
        let (lab, link) = lab(user, "  t: {steps: [{service: {restart: alone}}]}\n");
        let setup = || {
            let done = lab.run(&["setup", &lab.name, "--allow", "uplink"]);
            assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
            let ends = ends(&link);
            assert_eq!(ends.len(), 1, "{user:?}");
            ends[0]
        };
        let kill = |signal: &str, pid: i32| {
            let pid = pid.to_string();
            assert!(Command::new("kill").args([signal, &pid]).status().unwrap().success());
        };
        let first = setup();
        // It goes on over the tests, and what is started anew has nothing of it open either.
        let done = lab.run(&["test", &lab.name, "--allow", "uplink"]);
        assert_eq!((done.exit, ends(&link)), (0, vec![first]), "{user:?}: {}", done.all);
        assert!(!done.all.contains("anew"), "{user:?}: {}", done.all);
        assert_eq!(lab.run(&["clean", &lab.name]).exit, 0, "{user:?}");
        assert_eq!(ends(&link), [0; 0], "{user:?}");
        // One that cannot see that its lab has gone is ended as well.
        kill("-STOP", setup());
        assert_eq!(lab.run(&["clean", &lab.name]).exit, 0, "{user:?}");
        assert_eq!(ends(&link), [0; 0], "{user:?}");
        // The first process of the lab.
        setup();
        let status = lab.run(&["--format", "json", "status"]).stdout;
        let all: serde_json::Value = serde_json::from_str(&status).unwrap();
        let own = all.as_array().unwrap().iter().find(|one| one["instance"] == lab.name.as_str());
        let pid = own.and_then(|one| one["pid"].as_i64());
        kill("-KILL", pid.unwrap_or_else(|| panic!("{status}")) as i32);
        wait_for("the end of the uplink", || ends(&link).is_empty());
        // labrun, while the lab is being tested.
        let mut test = lab.command(&["test", &lab.name, "--allow", "uplink"]);
        test.process_group(0).stdout(Stdio::null()).stderr(Stdio::null());
        lab.run(&["clean", &lab.name]);
        let mut test = test.spawn().unwrap();
        wait_for("the uplink", || !ends(&link).is_empty());
        kill("-KILL", test.id() as i32);
        test.wait().unwrap();
        wait_for("the end of the uplink", || ends(&link).is_empty());
    }
}
