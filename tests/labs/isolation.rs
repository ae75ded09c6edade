//! What a test leaves in a lab, the next one does not find; what it writes to the user's repository
//! and to the machine's own folders is never there.

use crate::common::labs::{Lab, have};
use crate::common::{User, command, folder, is_root, text, users, wait_for, write};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

/// What labrun calls it, how it is made, and how the next test sees that it is not there.
type Change = (&'static str, &'static str, &'static str);

/// Every kind of change that a command can make, each test of several in a node.
const CHANGES: &[(&str, &[Change])] = &[
    (
        "a",
        &[
            ("an address of a", "ip addr add 10.9.9.9/24 dev a0", "! ip addr | grep 10.9.9.9"),
            ("a route of a", "ip route add 10.8.0.0/16 via 10.0.0.2", "! ip route | grep 10.8"),
            (
                "a routing rule of a",
                "ip rule add from 10.0.0.5 lookup 9",
                "! ip rule | grep 10.0.0.5",
            ),
            (
                "a queueing discipline of a",
                "tc qdisc add dev a0 root pfifo limit 7",
                "! tc qdisc show dev a0 | grep pfifo",
            ),
            (
                "a lasting neighbour of a",
                "ip neigh add 10.0.0.77 lladdr 02:00:00:00:00:77 dev a0 nud permanent",
                "! ip neigh | grep 10.0.0.77",
            ),
            ("the nftables ruleset of a", "nft add table ip left", "! nft list tables | grep left"),
            ("a link of a", "ip link set a0 mtu 1300", "ip link show a0 | grep 1500"),
            (
                "the sysctl net/ipv4/tcp_retries2 of a",
                "echo 7 >/proc/sys/net/ipv4/tcp_retries2",
                "! grep -x 7 /proc/sys/net/ipv4/tcp_retries2",
            ),
        ],
    ),
    ("a", &[("a link of a", "ip link add new type bridge", "! ip link show new")]),
    ("a", &[("an address of a", "ip addr del 10.0.0.1/24 dev a0", "ip addr | grep 10.0.0.1")]),
    (
        "a",
        &[(
            "a route of a",
            "ip route add default via 10.0.0.2 table 9",
            "! ip route show table all | grep 'table 9'",
        )],
    ),
    ("a", &[("a route of a", "ip route del 10.7.0.0/16", "ip route | grep 10.7")]),
    ("a", &[("a link of a", "ip link del a0", "ip link show a0")]),
    ("a", &[("a link of a", "ip link set a0 down", "ip link show a0 | grep LOWER_UP")]),
    (
        "a",
        &[(
            "a link of a",
            "ip link set a0 address 02:00:00:00:99:99",
            "! ip link show a0 | grep 99:99",
        )],
    ),
    (
        "a",
        &[(
            "a link of a",
            "echo 2 >/proc/sys/net/ipv4/conf/a0/rp_filter",
            "! grep -x 2 /proc/sys/net/ipv4/conf/a0/rp_filter",
        )],
    ),
    (
        "a",
        &[(
            "of b",
            "ip netns exec b sysctl -q net.ipv4.tcp_retries2=7",
            "! ip netns exec b grep -x 7 /proc/sys/net/ipv4/tcp_retries2",
        )],
    ),
    ("a", &[("", "setsid sleep 77 &", "! pgrep -fx 'sleep 77'")]),
    (
        "a",
        &[
            ("the process", "env -i setsid sleep 78 >/dev/null 2>&1 &", "! pgrep -fx 'sleep 78'"),
            ("/etc/left", "echo left >/etc/left", "! cat /etc/left"),
            (
                "/etc/passwd",
                "cp /etc/passwd /etc/new; echo left >>/etc/new; mv /etc/new /etc/passwd",
                "! grep left /etc/passwd",
            ),
            ("/run/left", "echo left >/run/left", "! cat /run/left"),
            ("/tmp/left", "echo left >/tmp/left", "! cat /tmp/left"),
            ("/tmp/mine", "echo left >$TMPDIR/mine", "! cat $TMPDIR/mine"),
            ("/var/tmp/left", "echo left >/var/tmp/left", "! cat /var/tmp/left"),
            ("/var/log/left", "echo left >/var/log/left", "! cat /var/log/left"),
            ("/var/lib/left", "mkdir /var/lib/left", "! ls -d /var/lib/left"),
            (
                "/service/talker/left",
                "echo left >$TMPDIR/../service/talker/left",
                "! cat $TMPDIR/../service/talker/left",
            ),
        ],
    ),
    // Those are the services' own business, and seen in files that set-up wrote alone.
    (
        "a",
        &[(
            "/service/talker/settings",
            "echo left >$TMPDIR/../service/talker/settings",
            "! grep left $TMPDIR/../service/talker/settings",
        )],
    ),
    ("a", &[("/home/left", "echo left >/home/left", "! cat /home/left")]),
    ("a", &[("", "echo left >left", "! cat left")]),
    (
        "global",
        &[
            ("the host name", "hostname left", "! hostname | grep left"),
            ("the mount /mnt", "mount -t tmpfs left /mnt", "! grep ' /mnt ' /proc/self/mountinfo"),
            ("the namespace of left", "ip netns add left", "! ip netns | grep left"),
            (
                "a link of global",
                "ip link set dev br type bridge ageing_time 700",
                "! ip -d link show br | grep 'ageing_time 700'",
            ),
        ],
    ),
];

fn lab() -> String {
    let mut text = String::from(
        "needs: {commands: {nft: nftables}}
bridges: [br]
nodes:
  a:
    links: {a0: {bridge: br, port: pa, addresses: [10.0.0.1/24]}}
    routes: [{to: 10.7.0.0/16, via: 10.0.0.2}]
    services:
      talker: {command: exec sleep 1000, files: {settings: as written}, ready: {running: 1ms}}
  b:
    links: {b0: {bridge: br, port: pb, addresses: [10.0.0.2/24]}}
tests:
",
    );
    let step = |node: &str, command: &str| {
        format!("{{run: {{node: {node}, command: '{}'}}}}", command.replace('\'', "''"))
    };
    for (number, (node, changes)) in CHANGES.iter().enumerate() {
        let makes: Vec<_> = changes.iter().map(|(_, make, _)| step(node, make)).collect();
        let sees: Vec<_> = changes.iter().map(|(.., see)| step(node, see)).collect();
        for (kind, steps) in [("makes", makes), ("sees", sees)] {
            text.push_str(&format!("  t{number:02}-{kind}: {{steps: [{}]}}\n", steps.join(", ")));
        }
    }
    text
}

#[test]
fn no_test_sees_what_an_earlier_one_left_whatever_it_is() {
    for user in users() {
        let lab = Lab::new(user, &lab());
        let repository = repository(user);
        let mut command = lab.command(&["test", "-v", &lab.name]);
        command.current_dir(repository.path());
        let done = crate::common::labs::run(command);
        assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
        assert!(!repository.path().join("left").exists());
        // It says why the lab is made anew; what labrun can put back is none.
        let tests = done.all.split("-makes").skip(1);
        for ((_, changes), said) in CHANGES.iter().zip(tests) {
            let said = said.split("-sees").next().unwrap();
            for (words, make, _) in *changes {
                assert!(said.contains(words), "{user:?} `{make}`: {said}");
            }
            assert_eq!(said.contains("made anew"), !changes[0].0.is_empty(), "{said}");
        }
    }
}

/// A lease that was taken before the first command of a test is labrun's own, and put back.
#[test]
fn a_lab_is_not_made_anew_for_what_a_client_had_left_before_a_command() {
    if !have("a_lab_is_not_made_anew_for_a_client", &["dnsmasq", "dhclient"]) {
        return;
    }
    for user in users() {
        let lab = Lab::new(
            user,
            r#"
needs: {commands: {dnsmasq: dnsmasq-base}}
bridges: [br0]
nodes:
  client: {links: {eth0: {bridge: br0, port: p-client}}}
  server:
    links: {eth0: {bridge: br0, port: p-server, addresses: 10.0.0.1/24}}
    services:
      dhcp:
        command: exec dnsmasq -d -C /dev/null -p 0 -u root -g root --no-ping -i eth0 -F 10.0.0.10,10.0.0.20 -l leases
        ready: {udp: 67}
tests:
  a: {steps: [dhcp: {node: client, link: eth0, family: 4, client: dhclient}, run: {node: server, command: ls /run, match: dhclient-client-eth0-4.pid, within: 20s}]}
  b: {steps: [run: {node: client, command: ip -o -4 address, not-match: 10.0.0}]}
"#,
        );
        let done = lab.run(&["test", "-v", &lab.name]);
        assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
        assert!(!done.all.contains("made anew"), "{user:?}: {}", done.all);
    }
}

#[test]
fn a_test_that_wants_a_fresh_lab_gets_one_and_others_share_theirs() {
    for user in users() {
        let who = r#"'cut -d " " -f 22 /proc/1/stat; exit 3'"#;
        let tests: String = ["one: {", "two: {", "three: {fresh: true, ", "four: {"]
            .map(|begin| format!("  {begin}steps: [{{run: {{node: a, command: {who}}}}}]}}\n"))
            .concat();
        let lab = Lab::new(user, &format!("nodes: {{a: {{}}}}\ntests:\n{tests}"));
        for kept in [false, true] {
            if kept {
                assert_eq!(lab.run(&["setup", &lab.name]).exit, 0);
            }
            let (done, results) = lab.results(&[]);
            let seen: Vec<String> = ["one", "two", "three", "four"]
                .map(|name| {
                    let lines = results[name]["lines"].to_string();
                    lines[lines.find("| ").expect("a time")..].into()
                })
                .into();
            assert!(seen[0] == seen[1] && seen[1] != seen[2] && seen[2] == seen[3], "{}", done.all);
            assert_eq!(lab.is_up(), kept);
        }
    }
}

#[test]
fn a_lab_that_was_set_up_and_changed_by_a_test_is_made_anew_for_the_next_run() {
    for user in users() {
        let step = "{run: {node: a, command: 'ip rule | grep 10.0.0.5 && exit 9; ip rule add from 10.0.0.5 lookup 9'}}";
        let lab =
            Lab::new(user, &format!("nodes: {{a: {{}}}}\ntests: {{t: {{steps: [{step}]}}}}\n"));
        assert_eq!(lab.run(&["setup", &lab.name]).exit, 0);
        for time in 0..2 {
            let done = lab.run(&["test", &lab.name]);
            assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
            assert_eq!(done.all.contains("a test has changed it"), time > 0, "{}", done.all);
            assert!(lab.is_up());
        }
    }
}

#[test]
fn a_lab_that_was_set_up_and_whose_test_was_killed_is_made_anew_for_the_next_run() {
    for user in users() {
        let lab = Lab::new(
            user,
            "nodes: {a: {}}\ntests:\n  \
             hangs: {steps: [{run: {node: a, command: 'ip rule add from 10.0.0.5 lookup 9; sleep 60', timeout: 90s}}]}\n  \
             looks: {steps: [{run: {node: a, command: 'ip rule', not-match: 10.0.0.5}}]}\n",
        );
        assert_eq!(lab.run(&["setup", &lab.name]).exit, 0);
        let mut child = lab
            .command(&["test", &format!("{}-hangs", lab.name)])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        wait_for("the rule", || lab.exec("a", &["ip", "rule"]).stdout.contains("10.0.0.5"));
        child.kill().unwrap();
        child.wait().unwrap();
        wait_for("the end of the session", || {
            let status = lab.run(&["status"]).stdout;
            status.lines().any(|line| line.starts_with(&lab.name) && line.contains(" ready "))
        });
        let done = lab.run(&["test", &format!("{}-looks", lab.name)]);
        assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
        assert!(done.all.contains("a test has changed it"), "{}", done.all);
    }
}

/// A user's repository, with something in it.
fn repository(user: User) -> tempfile::TempDir {
    let folder = folder();
    fs::create_dir(folder.path().join("labs")).unwrap();
    write(folder.path(), "tracked", "as it was\n");
    if user == User::Ordinary {
        let id = |flag| String::from_utf8(command(user, "id").arg(flag).output().unwrap().stdout);
        let owner = format!("{}:{}", id("-u").unwrap().trim(), id("-g").unwrap());
        let chown = Command::new("chown").args(["-R", owner.trim()]).arg(folder.path()).status();
        assert!(chown.unwrap().success());
    }
    folder
}

#[test]
fn steps_see_the_repository_and_never_change_it() {
    for user in users() {
        let steps = [
            "grep 'as it was' tracked",
            "echo changed >tracked; echo new >new; mkdir sub; rm -r labs; grep changed tracked",
            // Edited meanwhile, outside.
            "grep 'as it was' tracked && ! ls new sub && ls labs",
        ];
        let tests: String = steps
            .iter()
            .enumerate()
            .map(|(number, step)| {
                let step = step.replace('\'', "''");
                format!("  t{number}: {{steps: [{{run: {{node: a, command: '{step}'}}}}]}}\n")
            })
            .collect();
        let lab = Lab::new(user, &format!("nodes: {{a: {{}}}}\ntests:\n{tests}"));
        for (name, kept) in [("plain", false), ("with blanks \\ and", true)] {
            let outer = repository(user);
            let inner = outer.path().join(name);
            fs::rename(repository(user).keep(), &inner).unwrap();
            let run = |words: &[&str]| {
                let mut command = lab.command(words);
                command.current_dir(&inner);
                crate::common::labs::run(command)
            };
            if kept {
                assert_eq!(run(&["setup", &lab.name]).exit, 0);
            }
            let done = run(&["test", &lab.name]);
            assert_eq!(done.exit, 0, "{user:?} {name}: {}", done.all);
            let left = |path: &Path| fs::read_dir(path).unwrap().count();
            assert_eq!(fs::read_to_string(inner.join("tracked")).unwrap(), "as it was\n");
            assert_eq!(left(&inner), 2, "{user:?} {name}");
            // Replaced, as editors do it: the lab that is up sees it.
            write(&inner, "other", "as it was, edited\n");
            fs::rename(inner.join("other"), inner.join("tracked")).unwrap();
            let done = run(&["test", &format!("{}-t0", lab.name)]);
            assert_eq!(done.exit, 0, "{user:?} {name}: {}", done.all);
            run(&["clean", &lab.name]);
        }
    }
}

#[test]
fn what_labs_write_to_tmp_and_var_is_not_the_machines() {
    let mark = format!("labrun-test-left-{}", std::process::id());
    let folders = [
        "/tmp",
        "/var/tmp",
        "/var/cache",
        "/var/log",
        "/var/lib",
        "/var/lib/kea",
        "/var/spool",
        "/etc",
        "/home",
        "/opt",
        "/run",
        "/srv",
        "/root",
    ];
    for user in users() {
        // Others may not even look into the last.
        let all = match user {
            User::Own if is_root() => &folders[..],
            _ => &folders[..folders.len() - 1],
        };
        // Nor can they put a layer over what something is mounted below of, which then can only be read.
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let has_mounts = |folder: &str| mounts.contains(&format!(" {folder}/"));
        let can_be_written = |folder: &str| {
            let is_empty = ["/run", "/tmp", "/var/tmp"].contains(&folder);
            is_empty || (user == User::Own && is_root()) || !has_mounts(folder)
        };
        let all: Vec<&str> = all.iter().copied().filter(|folder| can_be_written(folder)).collect();
        let all = all.join(" ");
        let step = format!("for f in {all}; do echo >$f/{mark} || exit 1; done");
        let lab = Lab::new(
            user,
            &format!(
                "nodes:\n  a:\n    services:\n      writer: {{command: '{step}; exec sleep 99', ready: {{file: /run/{mark}}}}}\ntests: {{t: {{steps: [{{run: {{node: a, command: '{step}'}}}}]}}}}\n"
            ),
        );
        lab.passes(&[]);
        for folder in folders {
            let left = Path::new(folder).join(&mark);
            assert!(!left.exists(), "{user:?}: {}", left.display());
        }
    }
}

#[test]
fn all_else_of_the_machine_can_only_be_read() {
    let mark = format!("labrun-test-left-{}", std::process::id());
    // Anybody may write to it, unless the lab is kept from that. An ordinary user has such a folder at home only.
    let open = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR"))
        .or_else(|_| tempfile::tempdir_in(std::env::var("HOME").unwrap()))
        .unwrap();
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let places = ["/", "/usr", "/usr/local/bin", "/boot", "/mnt", "/media", "/var", "/dev"];
    let all = places.map(|place| format!("{}/{mark}", place.trim_end_matches('/'))).join(" ");
    for user in users() {
        let open = open.path().join(&mark);
        // One of root's could be ruined, and is given what it has.
        let kernel = "/proc/sys/kernel/core_pattern /proc/sys/vm/swappiness";
        let step = |command: &str| format!("{{run: {{node: a, command: '{command}'}}}}");
        let steps = [
            format!("for f in {all}; do ! ( : >$f ) || exit 1; done; ( : >/tmp/{mark} )"),
            format!("for f in {kernel}; do v=$(cat $f); ! ( echo \"$v\" >$f ) || exit 1; done"),
            "echo 1 >/proc/sys/net/ipv4/ip_forward".to_string(),
            "for f in /dev/*; do ! test -b $f || exit 1; done; echo >/dev/null; : </dev/urandom"
                .to_string(),
            // At home it would be kept in the lab.
            format!("echo >{} || :", open.display()),
        ];
        let body = format!(
            "nodes: {{a: {{}}}}\ntests: {{t: {{steps: [{}]}}}}\n",
            steps.iter().map(|command| step(command)).collect::<Vec<_>>().join(", ")
        );
        let lab = match user {
            // What is not root's on the machine is not for the others to change anyway.
            User::Own if is_root() => Lab::new(user, &body),
            _ => Lab::new(user, &body.replace("! test -b $f", "! test -w $f -a -b $f")),
        };
        lab.passes(&[]);
        for place in places {
            let left = Path::new(place).join(&mark);
            assert!(!left.exists(), "{user:?}: {}", left.display());
        }
        assert!(!open.exists(), "{user:?}");
    }
}

#[test]
fn a_repository_below_tmp_is_there_and_others_of_tmp_are_not() {
    for user in users() {
        let repository = repository(user);
        let lab = Lab::new(
            user,
            "nodes: {a: {}}\ntests: {t: {steps: [{run: {node: a, command: 'cat tracked; ls /tmp | grep -c labrun-test-', stdout: \"as it was\\n1\"}}]}}\n",
        );
        let mut command = lab.command(&["test", &lab.name]);
        command.current_dir(repository.path());
        let done = crate::common::labs::run(command);
        assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
    }
}

#[test]
fn nobody_else_reads_the_state_of_labs_whatever_the_umask() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt};
    for user in users() {
        let lab = Lab::new(
            user,
            "nodes: {a: {services: {s: {command: exec sleep 99, files: {key: secret}, ready: {running: 1ms}}}}}\n",
        );
        let root = crate::common::host::state_root(user);
        let mut shell = command(user, "bash");
        shell.args(["-c", "umask 0; exec \"$@\"", "x", env!("CARGO_BIN_EXE_labrun"), "--file"]);
        let output = shell.arg(&lab.file).args(["setup", &lab.name]).output().unwrap();
        assert!(output.status.success(), "{user:?}: {}", text(&output));
        assert_eq!(fs::metadata(&root).unwrap().permissions().mode() & 0o7777, 0o700, "{user:?}");
        let mut folders = vec![root.join(&lab.name)];
        while let Some(path) = folders.pop() {
            let metadata = fs::symlink_metadata(&path).unwrap();
            let is_open = metadata.mode() & 0o22 != 0 && !metadata.is_symlink();
            assert!(!is_open, "{user:?}: {} {:o}", path.display(), metadata.mode());
            if metadata.is_dir() {
                folders.extend(fs::read_dir(path).unwrap().map(|entry| entry.unwrap().path()));
            }
        }
    }
}

#[test]
fn a_state_folder_of_somebody_elses_is_refused_by_every_verb() {
    // In a mount namespace of its own: the real folder may be in use.
    if !crate::common::is_root() {
        return;
    }
    let lab = folder();
    let lab = write(lab.path(), "x.yaml", "lab: planted\nnodes: {a: {}}\n");
    for plant in [
        "install -d -o daemon /run/labrun",
        "install -d -o daemon /run/else; ln -s /run/else /run/labrun",
    ] {
        for verb in ["setup", "status", "exec planted a true", "logs planted", "clean planted"] {
            let script = format!(
                "mount -t tmpfs tmpfs /run; {plant}; mkdir /run/labrun/planted; echo 'touch /run/ran' >/run/labrun/planted/lab.sh; \
                 echo $$ $(cut -d ' ' -f 22 /proc/$$/stat) >/run/labrun/planted/supervisor; \
                 {0} --file {1} script planted | bash -s -- {verb}; status=$?; [ ! -e /run/ran ] || exit 99; exit $status",
                env!("CARGO_BIN_EXE_labrun"),
                lab.display()
            );
            let output = Command::new("unshare").args(["--mount", "bash", "-c", &script]).output();
            let output = output.unwrap();
            let said = text(&output);
            assert!(said.contains("is not a folder of this user's"), "{plant}, {verb}: {said}");
            assert_eq!(output.status.code(), Some(4), "{plant}, {verb}: {said}");
        }
    }
}

#[test]
fn the_environment_of_the_user_changes_nothing() {
    let step = "shopt -q failglob && exit 1; [[ -o noclobber ]] && exit 2; echo >$TMPDIR/x; echo >$TMPDIR/x; echo /no/*";
    for user in users() {
        for variable in [
            "BASHOPTS=failglob:nullglob:extdebug",
            "SHELLOPTS=noclobber:noglob:errexit:posix",
            "GLOBIGNORE=*",
            "BASH_ENV=/dev/stdin",
        ] {
            let lab = Lab::new(
                user,
                &format!(
                    "nodes: {{a: {{}}}}\ntests: {{t: {{steps: [{{run: {{node: a, command: '{step}', stdout: /no/*}}}}]}}}}\n"
                ),
            );
            let mut command = lab.command(&["test", &lab.name]);
            let (name, value) = variable.split_once('=').unwrap();
            command.env(name, value);
            let done = crate::common::labs::run(command);
            assert_eq!(done.exit, 0, "{user:?} {variable}: {}", done.all);
        }
    }
}

#[test]
fn what_a_clean_that_was_killed_left_goes_with_the_next() {
    for user in users() {
        let lab = Lab::new(user, "nodes: {a: {}}\n");
        let root = crate::common::host::state_root(user);
        assert_eq!(lab.run(&["setup", &lab.name]).exit, 0);
        let outside = root.join(format!(".outside-{}", lab.name));
        let gone = root.join(format!(".gone-{}-123-456", lab.name));
        // It goes before the lab's own folder is renamed.
        fs::remove_dir(&outside).unwrap();
        fs::rename(root.join(&lab.name), &gone).unwrap();
        let done = lab.run(&["clean", &lab.name]);
        assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
        assert!(!gone.exists() && done.all.contains("cleaned"), "{user:?}: {}", done.all);
    }
}

#[test]
fn a_step_that_a_stopped_service_keeps_waiting_says_so() {
    for user in users() {
        let lab = Lab::new(
            user,
            r#"
needs: {commands: {socat: socat}}
nodes:
  a:
    services:
      echo: {command: "exec socat UDP4-RECVFROM:7,fork EXEC:cat", ready: {udp: 7}}
tests:
  a-asks:
    steps:
      - run: {node: a, command: 'pkill -STOP -f ^socat'}
      - run: {node: a, command: 'echo x | socat -t 0.2 - UDP4:127.0.0.1:7', stdout: x}
  b-asks-again: {steps: [{run: {node: a, command: 'echo x | socat -t 2 - UDP4:127.0.0.1:7', stdout: x}}]}
"#,
        );
        let (done, results) = lab.results(&[]);
        let lines = results["a-asks"]["lines"].to_string();
        assert!(lines.contains("service echo is stopped (SIGSTOP)"), "{user:?}: {}", done.all);
        assert_eq!(results["b-asks-again"]["outcome"], "pass", "{user:?}: {}", done.all);
    }
}

#[test]
fn a_state_folder_that_others_could_look_into_is_closed_again() {
    // In a mount namespace of its own: the real folder may be in use.
    if !is_root() {
        return;
    }
    let folder = folder();
    let lab = write(folder.path(), "x.yaml", "lab: open\nnodes: {a: {}}\n");
    for mode in ["755", "600", "500"] {
        let script = format!(
            "mount -t tmpfs tmpfs /run; {0} --file {1} script open >/run/open; bash /run/open setup && chmod {mode} /run/labrun && \
             bash /run/open status && stat -c 'mode %a' /run/labrun && bash /run/open clean",
            env!("CARGO_BIN_EXE_labrun"),
            lab.display()
        );
        let output = Command::new("unshare").args(["--mount", "bash", "-c", &script]).output();
        let said = text(&output.unwrap());
        assert!(said.starts_with("exit Some(0)"), "{mode}: {said}");
        assert!(said.contains("\"condition\":\"ready\""), "{mode}: {said}");
        assert!(said.contains("mode 700"), "{mode}: {said}");
    }
}
