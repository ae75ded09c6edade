//! Root's labs as another user of this machine: they do what labs do, nothing is left, and what a lab can do that
//! undoes its mounts is what that user can, not root. The same lab as root's own shows that it tries.

use crate::common;

use common::host::{self, Trace, without_user_namespaces};
use common::{User, folder, is_root, text, write};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(90);

#[track_caller]
fn as_root(name: &str, body: impl FnOnce()) {
    host::private_of_root(name, "only root can be another user", body);
}

fn name() -> String {
    std::env::var("LABRUN_TEST_USER").unwrap_or_else(|_| "nobody".into())
}

/// Root's labrun with `words` for labs of that user.
fn labrun(words: &[&str]) -> Command {
    let mut command = host::labrun(User::Own);
    command.args(["--host", &format!("user://{}", name())]).args(words);
    command
}

/// Runs `command`, which must exit with `code`; what it printed.
fn expect(command: &mut Command, code: i32) -> String {
    let output = host::run_within(LIMIT, command);
    let text = text(&output);
    assert_eq!(output.status.code(), Some(code), "{command:?}: {text}");
    text
}

fn id(flag: &str) -> String {
    let output = Command::new("id").args([flag, &name()]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// Nothing is left, of copies neither.
fn assert_clean(trace: &Trace, when: &str) {
    let files = format!("/var/tmp/labrun-{}", id("-u"));
    common::wait_for(&format!("{when}: the end of {files}"), || !Path::new(&files).exists());
    trace.assert_same(when);
}

#[test]
fn root_has_labs_run_as_another_user_and_nothing_is_left() {
    as_root("root_has_labs_run_as_another_user_and_nothing_is_left", || {
        let trace = Trace::now(User::Ordinary);
        let done = expect(&mut labrun(&["test", "relay-v4"]), 0);
        assert!(done.contains("PASS  relay-v4") && done.contains("cleaned relay"), "{done}");
        assert_clean(&trace, "after a run");

        let folder = folder();
        let lab = "lab: wrong\nnodes: {a: {}}\ntests: {fails: {steps: [run: {node: a, command: 'echo this; exit 3'}]}}\n";
        let file = write(folder.path(), "lab.yaml", lab);
        let kept = folder.path().join("kept");
        let mut command = labrun(&["--file", file.to_str().unwrap(), "test", "--artifacts-dir"]);
        command.arg(&kept).env("LABRUN_ARTIFACTS", "on-failure");
        let done = expect(&mut command, 1);
        assert!(done.contains("FAIL  wrong-fails"), "{done}");
        // It is root's labrun that writes.
        let said = kept.join("wrong-fails/1/steps/1-run/stdout");
        assert_eq!(fs::read_to_string(&said).unwrap(), "this\n");
        assert_eq!(said.metadata().unwrap().uid(), 0);
        assert_clean(&trace, "after a test that failed");

        // The way out of what is missing goes by the same host, or not by it.
        let lab = "lab: wants\nneeds: {commands: {labrun-no-command: {unpack: labrun-no-package}}}\n\
                   nodes: {a: {links: {h0: {device: h0}}}}\ntests: {t: {steps: [run: {node: a, command: 'true'}]}}\n";
        let file = write(folder.path(), "wants.yaml", lab);
        let host = format!("--host user://{}", name());
        let unpack = format!("`labrun doctor LAB --install {host}` does so");
        let mut command = labrun(&["--file", file.to_str().unwrap(), "test", "--no-strict"]);
        let done = expect(command.args(["--allow", "device"]), 0);
        let lent =
            "only labrun as root does that, and no script alone. Leave `--host user://…` out";
        assert!(done.contains("SKIP") && done.contains(&unpack) && done.contains(lent), "{done}");
        let done = expect(&mut labrun(&["--file", file.to_str().unwrap(), "doctor"]), 3);
        assert!(done.contains(&unpack), "{done}");

        let done = expect(&mut labrun(&["setup", "server"]), 0);
        assert!(done.contains(&format!("labrun clean server --host user://{}", name())), "{done}");
        let done = expect(&mut labrun(&["status"]), 0);
        assert!(done.contains("server           ready"), "{done}");
        // They are not root's own.
        assert!(expect(host::labrun(User::Own).arg("status"), 0).contains("no lab is up"));
        let done = expect(&mut labrun(&["logs", "server", "dhcp-v4"]), 0);
        assert!(done.contains("dhcp-v4 | dnsmasq"), "{done}");
        let words = ["exec", "server", "global", "--", "sh", "-c", "cat; echo worse >&2; exit 7"];
        let mut child = labrun(&words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(b"what is typed").unwrap();
        let output = host::finish_within(LIMIT, child, "exec");
        let said = (output.stdout.as_slice(), output.stderr.as_slice(), output.status.code());
        assert_eq!(said, (&b"what is typed"[..], &b"worse\n"[..], Some(7)));
        // What it leaves in the lab has its output, too, and is not waited for.
        let words =
            ["exec", "server", "global", "--", "sh", "-c", "sleep 1000 & echo said; exit 5"];
        assert!(expect(&mut labrun(&words), 5).ends_with("\nsaid\n"));
        let done = expect(&mut labrun(&["doctor", "server"]), 0);
        assert!(done.contains(&format!("as the user `{}`", name())), "{done}");
        let done = expect(&mut labrun(&["clean"]), 0);
        assert!(done.contains("cleaned server"), "{done}");
        assert_clean(&trace, "after a lab that stayed up");
    });
}

/// The user needs no access to the repository. What builds the program is a lab file's command, so it is not root's.
#[test]
fn a_repository_that_the_user_cannot_enter_is_built_and_tested_as_the_user() {
    as_root("a_repository_that_the_user_cannot_enter_is_built_and_tested_as_the_user", || {
        let trace = Trace::now(User::Ordinary);
        let folder = folder();
        let root = folder.path().join("shut");
        fs::create_dir_all(root.join("labs")).unwrap();
        fs::set_permissions(&root, fs::Permissions::from_mode(0o700)).unwrap();
        write(&root, "Makefile", "all:\n");
        write(&root, "input", "its file");
        let lab = "lab: own
subject:
  program: hello
  repository: {files: Makefile}
  build: 'echo \"#!/bin/sh\" >$OUT/hello; echo echo built by $(id -u) >>$OUT/hello; chmod 755 $OUT/hello'
nodes: {a: {}}
tests: {t: {steps: [run: {node: a, command: 'cat input; hello', match: '^its filebuilt by UID$'}]}}
";
        write(&root.join("labs"), "own.yaml", &lab.replace("UID", &id("-u")));
        let done = expect(labrun(&["test", "own"]).current_dir(&root), 0);
        assert!(done.contains("PASS  own-t") && done.contains("to the user `"), "{done}");
        assert_clean(&trace, "after a build");
    });
}

/// Says what it has managed of what no lab should. It leaves the settings of the kernel as they are.
const HOSTILE: &str = r#"cd /
mkdir $TMPDIR/p $TMPDIR/d
did() { echo "did $1"; }
mount -t proc proc $TMPDIR/p && : >>$TMPDIR/p/sys/kernel/core_pattern && did core_pattern
mount -t devtmpfs devtmpfs $TMPDIR/d && did devices
umount -l /proc
cat /proc/VICTIM/environ && did environment
readlink /proc/VICTIM/fd/0 && did descriptors
nsenter --pid=/proc/VICTIM/ns/pid kill -0 VICTIM && did signal
nsenter --mount=/proc/VICTIM/ns/mnt true && did namespace
for folder in /tmp /etc /root /usr; do umount -l $folder; done
mount -o remount,bind,rw /
for folder in FOLDERS; do : >$folder/MARK && did write-to-$folder; done
cat SECRET && did secret
socat -u OPEN:/dev/null UNIX-CONNECT:SOCKET && did socket
true"#;

#[test]
fn a_lab_of_another_users_that_undoes_its_mounts_is_not_root() {
    let test = "a_lab_of_another_users_that_undoes_its_mounts_is_not_root";
    if !common::labs::have(test, &["socat", "nsenter"]) {
        return;
    }
    as_root(test, || {
        let folder = folder();
        let at = |name: &str| folder.path().join(name);
        let mark = format!("labrun-test-left-{}", std::process::id());
        write(folder.path(), "secret", "root's");
        let _socket = UnixListener::bind(at("socket")).unwrap();
        for name in ["secret", "socket"] {
            fs::set_permissions(at(name), fs::Permissions::from_mode(0o600)).unwrap();
        }
        let mut victim = Command::new("sleep").arg("100").env("TOKEN", "root's").spawn().unwrap();
        let script = HOSTILE
            .replace("VICTIM", &victim.id().to_string())
            .replace("MARK", &mark)
            .replace("SECRET", at("secret").to_str().unwrap())
            .replace("SOCKET", at("socket").to_str().unwrap());
        write(folder.path(), "lab.yaml", "lab: hostile\nnodes: {a: {}}\n");
        let file = at("lab.yaml");
        let run = |mut labrun: Command, words: &[&str]| {
            expect(labrun.arg("--file").arg(&file).args(words), 0)
        };
        let all = |labrun: &dyn Fn() -> Command, folders: &[&str]| {
            let script = script.replace("FOLDERS", &folders.join(" "));
            run(labrun(), &["setup", "hostile"]);
            let said = run(labrun(), &["exec", "hostile", "a", "--", "bash", "-c", &script]);
            run(labrun(), &["clean", "hostile"]);
            for folder in folders {
                let left = fs::remove_file(Path::new(folder).join(&mark)).is_ok();
                assert_eq!(left, said.contains(&format!("did write-to-{folder}\n")), "{said}");
            }
            let did = said.lines().filter_map(|line| line.split_once("did "));
            did.map(|(_, what)| what.to_string()).collect::<Vec<_>>()
        };
        let as_user = all(&|| labrun(&[]), &["/", "/etc", "/root", "/usr"]);
        // Not to /etc, which tests on other hosts watch.
        let as_root = all(&|| host::labrun(User::Own), &["/", "/root", "/usr"]);
        victim.kill().unwrap();
        victim.wait().unwrap();
        println!("as root: {as_root:?}");
        assert_eq!(as_user, [] as [String; 0]);
        // Root's own lab does all of it: it is the user that keeps it from that.
        let expected = [
            "core_pattern",
            "devices",
            "environment",
            "descriptors",
            "namespace",
            "write-to-/",
            "write-to-/root",
            "write-to-/usr",
            "secret",
            "socket",
        ];
        for what in expected {
            assert!(as_root.iter().any(|did| did == what), "{what}: {as_root:?}");
        }
    });
}

/// What is there on the other side of the way to that user, for somebody who came with much.
#[cfg(target_arch = "x86_64")]
const LOOK: &str = r##"
grep -E '^(Uid|Gid|Groups|Cap(Inh|Prm|Eff|Amb)|NoNewPrivs):' /proc/self/status | tr -s '\t ' ' '
for file in /proc/$$/fd/*; do [[ ! -e $file ]] || descriptors+=" ${file##*/}"; done
echo "descriptors:$descriptors"
echo "variables: $(env | sed 's/=.*//' | sort | tr '\n' ' ')"
perl -e 'my $c = "#"; for my $t (*STDIN, *STDOUT, *STDERR) { print "typed\n" if ioctl($t, 0x5412, $c) }'
perl -e 'my $b = " " x 64; print "key: ", syscall(250, 11, $ARGV[0] + 0, $b, 64), "\n"' "$1"
"##;

#[cfg(target_arch = "x86_64")] // by the numbers of system calls
#[test]
fn nothing_of_roots_comes_along_to_another_user() {
    let test = "nothing_of_roots_comes_along_to_another_user";
    if !common::labs::have(test, &["script", "perl", "setpriv"]) {
        return;
    }
    as_root(test, || {
        let folder = folder();
        let secret = write(folder.path(), "secret", "root's");
        // With a key in the session, a descriptor, a variable, a group and a terminal. WAY comes before what looks.
        let come = r#"exec 9<"$SECRET"; export TOKEN=root
exec setpriv --groups 6 --inh-caps=+net_admin perl -e '
  syscall(250, 1, 0);
  my ($kind, $name, $secret) = ("user", "labrun-test", "secret");
  my $key = syscall(248, $kind, $name, $secret, 6, -3);
  exit(system(@ARGV, $key) >> 8);' -- "$@""#;
        let look = |way: &[&str]| {
            let mut words = vec!["bash", "-c", come, "come"];
            words.extend(way);
            words.extend(["bash", "-c", LOOK, "look"]);
            let mut command = Command::new("script");
            command.args(["-qefc", &labrun::quote::command(&words), "/dev/null"]);
            command.env("SECRET", &secret).env("SHELL", "/bin/bash").stdin(Stdio::null());
            expect(&mut command, 0).replace('\r', "")
        };
        let own = env!("CARGO_BIN_EXE_labrun");
        let (uid, gid, name) = (id("-u"), id("-g"), name());
        let there = look(&[own, "_as", &uid, &gid, "pipes", "shut", &name, "/nonexistent"]);
        let here = look(&["env"]);
        let none = "0000000000000000";
        for line in [
            format!("Uid: {uid} {uid} {uid} {uid}\n"),
            format!("Gid: {gid} {gid} {gid} {gid}\n"),
            "Groups: \n".into(),
            format!("CapInh: {none}\nCapPrm: {none}\nCapEff: {none}\nCapAmb: {none}\n"),
            "NoNewPrivs: 1\n".into(),
            "descriptors: 0 1 2\n".into(),
            "key: -1\n".into(),
        ] {
            assert!(there.contains(&line), "{line:?}: {there}");
            assert!(!here.contains(&line), "root has it, too: {line:?}: {here}");
        }
        let known = ["HOME", "LOGNAME", "PATH", "PWD", "SHELL", "SHLVL", "TERM", "TZ", "USER", "_"];
        let variables = there.lines().find_map(|line| line.strip_prefix("variables: ")).unwrap();
        let more: Vec<_> =
            variables.split(' ').filter(|v| !v.is_empty() && !known.contains(v)).collect();
        assert_eq!(more, [] as [&str; 0]);
        assert!(here.contains("TOKEN") && here.contains("key: 6\n"), "{here}");
        assert!(!there.contains("typed"), "{there}");
        // Where the kernel lets nobody do it, it could not be seen that it is kept from.
        let legacy = fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti");
        assert!(here.contains("typed") || legacy.is_ok_and(|value| value == "0\n"), "{here}");
    });
}

#[test]
fn who_is_no_barrier_is_refused_and_nothing_runs() {
    as_root("who_is_no_barrier_is_refused_and_nothing_runs", || {
        let trace = Trace::now(User::Ordinary);
        let refused = |account: &str, why: &str| {
            let host = format!("user://{account}");
            for words in [&["test", "vpn-routed"][..], &["status"], &["setup", "vpn"]] {
                let text = expect(host::labrun(User::Own).args(["--host", &host]).args(words), 3);
                assert!(text.contains(why) && !text.contains("setup vpn"), "{account}: {text}");
            }
        };
        refused("root", "is root");
        refused("no-such-user", "useradd --system --add-subids-for-system");
        // Of an ordinary user.
        let host = format!("user://{}", name());
        let text = expect(host::labrun(User::Ordinary).args(["--host", &host, "status"]), 3);
        assert!(text.contains(&format!("`sudo labrun --host {host}`")), "{text}");
        for wrong in ["user://", "user://0", "user://-x", "user://a b"] {
            let text = expect(host::labrun(User::Own).args(["--host", wrong, "status"]), 2);
            assert!(text.contains("user://NAME"), "{text}");
        }
        // On this host only, which is in a mount namespace of its own.
        let folder = folder();
        let instead = |file: &str, more: &str, run: &dyn Fn()| {
            let old = fs::read_to_string(file).unwrap_or_default();
            let new = write(folder.path(), "instead", &(old + more));
            let mount = |words: &[&str]| {
                assert!(Command::new(words[0]).args(&words[1..]).status().unwrap().success())
            };
            mount(&["mount", "--bind", new.to_str().unwrap(), file]);
            run();
            mount(&["umount", file]);
        };
        let group = format!("labrun-test:x:54321:\ndocker:x:54322:{}\n", name());
        instead("/etc/group", &group, &|| refused(&name(), "is in the group docker"));
        if Path::new("/etc/subuid").exists() {
            let range = format!("{}:0:65536\n", name());
            instead("/etc/subuid", &range, &|| refused(&name(), "may use ids below 1000"));
        }
        // What tells nothing of the user has not shown that there is nothing to tell.
        let mute = |program: &str| {
            let path = write(folder.path(), program, "#!/bin/sh\nexit 1\n");
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
            let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
            let text = expect(labrun(&["status"]).env("PATH", path), 3);
            fs::remove_file(folder.path().join(program)).unwrap();
            text
        };
        assert!(mute("id").contains("is in groups that cannot be told"));
        if Path::new("/etc/subuid").exists() && which::which("newuidmap").is_ok() {
            instead("/etc/subuid", &format!("{}:1900000000:65536\n", name()), &|| {
                assert!(mute("sudo").contains("may use sudo in a way that it does not tell"));
            });
        }
        if which::which("sudo").is_ok() {
            let all = format!("{} ALL=(ALL) NOPASSWD: ALL\n", name());
            instead("/etc/sudoers", &all, &|| refused(&name(), "may use sudo without a password"));
        }
        trace.assert_same("after refusals");
        expect(&mut labrun(&["status"]), 0);
    });
}

/// By ssh labrun would go through sudo there.
#[test]
fn sudo_is_no_way_around_a_kernel_that_refuses_user_namespaces() {
    let test = "sudo_is_no_way_around_a_kernel_that_refuses_user_namespaces";
    if !is_root() || which::which("sudo").is_err() {
        return eprintln!("SKIP {test}: it needs root and sudo");
    }
    // Somebody else may use sudo there, so that it works.
    without_user_namespaces(test, "daemon", || {
        let account = format!("user://{}", name());
        for words in [&["test", "vpn-routed"][..], &["doctor", "vpn"]] {
            let mut command = host::labrun(User::Own);
            let text = expect(command.args(["--host", &account]).args(words), 3);
            let way = "`sysctl user.max_user_namespaces=10000` allows them";
            assert!(text.contains("refuses user namespaces") && text.contains(way), "{text}");
        }
        let text = expect(host::labrun(User::Own).args(["--host", "user://daemon", "status"]), 3);
        assert!(text.contains("may use sudo without a password"), "{text}");
    });
}

/// However labrun ends: asked once, asked again by who does not want to wait, or killed.
#[test]
fn a_labrun_that_is_interrupted_or_killed_leaves_nothing_of_another_users() {
    let test = "a_labrun_that_is_interrupted_or_killed_leaves_nothing_of_another_users";
    as_root(test, || {
        let trace = Trace::now(User::Ordinary);
        let folder = folder();
        let lab = "lab: idle\nnodes: {a: {}}\ntests: {stubborn: {steps: [run: {node: a, command: \"trap '' INT TERM HUP; \
                   : >$TMPDIR/began; while :; do sleep 60 & wait; done\", timeout: 60s}]}}\n";
        let file = write(folder.path(), "lab.yaml", lab);
        let began = host::state_root(User::Ordinary).join("idle/tmp/began");
        for signals in [&["INT"][..], &["INT", "INT"], &["KILL"]] {
            let mut command = labrun(&["--file", file.to_str().unwrap(), "test"]);
            let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
            common::wait_for("the step", || began.exists());
            // Stopped, it does not end when it is asked to.
            if signals.len() == 2 {
                let agent = trace.added().into_iter().find(|p| p.command.contains(" _agent "));
                host::kill("STOP", agent.unwrap().pid);
            }
            for signal in signals {
                host::kill(signal, child.id());
                // Signals within a second of each other are one.
                std::thread::sleep(Duration::from_millis(1100 * (signals.len() as u64 - 1)));
            }
            let output = host::finish_within(LIMIT, child, "labrun");
            let expected = if signals[0] == "KILL" { None } else { Some(130) };
            let said = text(&output);
            assert_eq!(output.status.code(), expected, "{signals:?}: {said}");
            assert_eq!(said.contains("interrupted again"), signals.len() == 2, "{said}");
            let root = host::state_root(User::Ordinary);
            common::wait_for(&format!("{signals:?}: the end of the lab"), || !root.exists());
            assert_clean(&trace, &format!("after {signals:?}"));
        }
    });
}

/// What a program of a lab pushes into its terminal would be read by who has that next: root's shell.
#[test]
fn a_lab_of_another_users_types_nothing_into_roots_terminal() {
    let test = "a_lab_of_another_users_types_nothing_into_roots_terminal";
    if !common::labs::have(test, &["script", "perl"]) {
        return;
    }
    as_root(test, || {
        let trace = Trace::now(User::Ordinary);
        let typed = |labrun: &dyn Fn(&[&str]) -> Command| {
            expect(&mut labrun(&["setup", "vpn"]), 0);
            let push =
                r##"my $c = "#"; print ioctl(STDIN, 0x5412, $c) ? "pushed\n" : "refused: $!\n""##;
            let exec = labrun(&["exec", "vpn", "pc1", "--", "perl", "-e", push]);
            let mut shell = host::marked(User::Own, "bash");
            shell.args(["-c", r#""$@"; read -rt 1 -n 1 got; echo "root read: <$got>""#, "bash"]);
            shell.arg(exec.get_program()).args(exec.get_args());
            let mut child = host::on_terminal(&shell);
            // Held open: the end of the keys is a key, too.
            let keys = child.stdin.take();
            let output = host::finish_within(LIMIT, child, "exec");
            drop(keys);
            expect(&mut labrun(&["clean"]), 0);
            text(&output)
        };
        let there = typed(&|words| labrun(words));
        let here = typed(&|words| {
            let mut command = host::labrun(User::Own);
            command.args(words);
            command
        });
        assert!(there.contains("root read: <>"), "{there}");
        // Of root's own it is, unless the kernel lets nobody do it.
        let legacy = fs::read_to_string("/proc/sys/dev/tty/legacy_tiocsti");
        let refused = legacy.is_ok_and(|value| value == "0\n");
        assert!(refused || here.contains("root read: <#>"), "{here}");
        trace.assert_same("after a terminal");
    });
}
