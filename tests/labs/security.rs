//! What a lab file that means harm cannot do, as docs/security.md has it.

use crate::common::labs::{self, Lab};
use crate::common::{User, is_root, users, write};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{SocketAddr, UnixListener, UnixStream};
use std::path::Path;
use std::process::Command;

/// Of capabilities(7), in the order of their numbers: what a lab of root's may not do.
const NEVER: [(u32, &str); 15] = [
    (2, "dac_read_search"),
    (9, "linux_immutable"),
    (16, "sys_module"),
    (17, "sys_rawio"),
    (20, "sys_pacct"),
    (22, "sys_boot"),
    (25, "sys_time"),
    (27, "mknod"),
    (30, "audit_control"),
    (32, "mac_override"),
    (33, "mac_admin"),
    (34, "syslog"),
    (35, "wake_alarm"),
    (36, "block_suspend"),
    (37, "audit_read"),
];

/// A lab in which `script` is run by bash as a service, as a step and by hand; what it says must be nothing.
fn nowhere(user: User, name: &str, script: &str, prepare: impl Fn(&mut Command)) {
    let indented = script.trim().replace('\n', "\n          ");
    let lab = Lab::new(
        user,
        &format!(
            "nodes:
  a:
    services:
      once:
        command: |
          {indented}
        ready: {{exit: 0}}
tests:
  t:
    steps:
    - run:
        node: a
        command: |
          {indented}
"
        ),
    );
    let run = |words: &[&str]| {
        let mut command = lab.command(words);
        prepare(&mut command);
        labs::run(command)
    };
    for words in [
        &["setup", &lab.name][..],
        &["test", "-v", &lab.name],
        &["exec", &lab.name, "a", "--", "bash", "-c", script],
    ] {
        let done = run(words);
        assert_eq!(done.exit, 0, "{user:?} {name}, {}: {}", words[0], done.all);
    }
}

#[test]
fn a_lab_of_roots_has_no_capability_that_only_harms() {
    if !is_root() || !users().contains(&User::Own) {
        return;
    }
    let numbers = NEVER.map(|(number, _)| number.to_string()).join(" ");
    let script = format!(
        "while IFS=: read -r set mask; do
  [[ $set == Cap* ]] || continue
  for number in {numbers}; do
    ! ((0x${{mask//[[:blank:]]/}} >> number & 1)) || {{ echo $set $number; exit 1; }}
  done
done </proc/self/status
! mknod $TMPDIR/disk b 7 0 || exit 1"
    );
    nowhere(User::Own, "capabilities", &script, |_| ());
}

#[test]
fn a_labs_namespaces_are_none_of_the_machines() {
    for user in users() {
        let mut kinds = vec!["mnt", "pid", "net", "ipc", "uts", "cgroup"];
        if !is_root() || user == User::Ordinary {
            kinds.push("user");
        }
        let outside = kinds.iter().map(|kind| {
            let link = fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
            format!("[[ $(readlink /proc/self/ns/{kind}) != '{}' ]] || exit 1\n", link.display())
        });
        let script = outside.collect::<String>()
            + "! grep -v ':/$' /proc/self/cgroup || exit 1\n[[ $(readlink /proc/1/ns/pid) == \"$(readlink /proc/self/ns/pid)\" ]]";
        nowhere(user, "namespaces", &script, |_| ());
    }
}

#[test]
fn a_lab_sees_no_disk_memory_or_terminal_of_the_machine() {
    let known = "fd full kvm net null ppp ptmx pts random shm stderr stdin stdout tty urandom vhost-net zero";
    for user in users() {
        let script = format!(
            r#"for file in /dev/*; do [[ " {known} " == *" ${{file##*/}} "* ]] || {{ echo $file; exit 1; }}; done
[[ $(ls -A /dev/shm /dev/pts | sort | tr '\n' ' ') == ' /dev/pts: /dev/shm: ptmx ' ]] || exit 1
[[ $(echo /dev/net/*) == @(/dev/net/tun|'/dev/net/*') ]] || exit 1
! : >/dev/left || exit 1
# They are the machine's own, and would be as this left them: it leaves them as they are.
! chmod 666 /dev/null 2>/dev/null || exit 1
for file in kcore keys kmsg mtrr sysrq-trigger timer_list; do
  ! [[ -s /proc/$file ]] && ! timeout 1 head -c 1 /proc/$file 2>/dev/null | grep -q . || exit 1
done
echo works >/dev/shm/file && cat </dev/zero | head -c 1 >/dev/null && : </dev/urandom && cat <(:) && rm /dev/shm/file"#
        );
        nowhere(user, "devices", &script, |_| ());
    }
}

#[test]
fn a_lab_has_no_descriptor_that_labrun_was_started_with() {
    for user in users() {
        let folder = crate::common::folder();
        let secret = write(folder.path(), "secret", "secret\n");
        let script = r#"ls /proc/$$/fd >$TMPDIR/opened
[[ $(tr -d '\n' <$TMPDIR/opened) == 012 ]] || { cat $TMPDIR/opened; exit 1; }
! readlink /proc/[0-9]*/fd/* | grep '/secret$' || exit 1"#;
        nowhere(user, "descriptors", script, |command| {
            let mut with = Command::new("bash");
            // One that a shell would not take for its own, too.
            with.args(["-c", r#"exec 9<"$1" 77<"$1"; shift; exec "$@""#, "with"]).arg(&secret);
            with.arg(command.get_program()).args(command.get_args());
            for (name, value) in command.get_envs() {
                match value {
                    Some(value) => with.env(name, value),
                    None => with.env_remove(name),
                };
            }
            *command = with;
        });
    }
}

/// What programs of a lab may have besides what is granted; the last three are bash's own.
const KNOWN: &str = "HOME LABRUN_LAB LABRUN_NODE LABRUN_SERVICE LABRUN_STEP LC_ALL LOGNAME PATH SHELL TERM TMPDIR TZ USER PWD SHLVL _";

#[test]
fn a_lab_sees_no_variable_that_it_was_not_granted() {
    // What nobody named is in no environment of the sandbox, that of its first process too.
    let script = format!(
        r#"for name in $(compgen -e); do [[ " {KNOWN} " == *" $name "* ]] || {{ echo $name; exit 1; }}; done
! cat /proc/[0-9]*/environ | tr '\0' '\n' | grep '^TEST_TOKEN=' || exit 1
[[ -n $HOME && $TZ == Nowhere/Else ]]"#
    );
    for user in users() {
        nowhere(user, "environment", &script, |command| {
            command.envs([("TEST_TOKEN", "secret"), ("TZ", "Nowhere/Else")]);
        });
    }
}

#[test]
fn a_lab_sees_the_variables_that_its_file_asks_for_where_they_are_granted() {
    // One that the runtime itself has a variable of that name of is as the user has it.
    let test = "[[ $TEST_TOKEN == secret && $STATE == mine && ! -v OTHER ]]";
    for user in users() {
        let lab = Lab::new(
            user,
            &format!(
                "pass-env: [TEST_TOKEN, STATE]\nnodes: {{a: {{services: {{once: {{command: '{test}', ready: {{exit: 0}}}}}}}}}}\ntests: {{t: {{steps: [{{run: {{node: a, command: '{test}'}}}}]}}}}\n"
            ),
        );
        let with = |words: &[&str]| {
            let mut command = lab.command(words);
            command.envs([("TEST_TOKEN", "secret"), ("STATE", "mine"), ("OTHER", "x")]);
            labs::run(command)
        };
        let done = with(&["test", &lab.name]);
        let asks = format!(
            "`pass-env` ({}:2) asks for TEST_TOKEN, STATE: add `--allow env`",
            lab.file.display()
        );
        assert!(done.exit == 0 && done.all.contains(&asks), "{user:?}: {}", done.all);
        assert_eq!(with(&["test", &lab.name, "--allow", "write", "--strict"]).exit, 3);
        assert!(with(&["setup", &lab.name]).all.contains(&asks));
        let done = with(&["test", &lab.name, "--allow", "env", "--strict"]);
        assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
        assert_eq!(with(&["setup", &lab.name, "--allow", "env,write"]).exit, 0);
        assert!(with(&["exec", &lab.name, "a", "env"]).stdout.contains("TEST_TOKEN=secret\n"));
        // What was granted to a lab that is up is granted to nobody else.
        let done = with(&["test", &lab.name, "--strict"]);
        assert!(done.exit == 3 && done.all.contains(&asks), "{user:?}: {}", done.all);
    }
}

#[test]
fn a_labs_own_script_grants_no_more() {
    for user in users() {
        let lab = Lab::new(
            user,
            "pass-env: TEST_TOKEN\nnodes: {a: {services: {once: {command: env, ready: {exit: 0}}}}}\n",
        );
        let script = crate::common::folder();
        let file = write(script.path(), "lab.sh", &lab.run(&["script", &lab.name]).stdout);
        let bash = |words: &[&str]| {
            let mut command = crate::common::command(user, "bash");
            command.args(["-c", r#"cat "$1" | bash -s -- "${@:2}""#, "bash"]).arg(&file);
            command.args(words).envs([("TEST_TOKEN", "secret"), ("OTHER", "x")]);
            labs::run(command)
        };
        let done = bash(&[]);
        assert!(done.exit == 3 && done.all.contains(r#""kind":"allow""#), "{user:?}: {}", done.all);
        let done = bash(&["--allow", "env"]);
        assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
        let log = lab.run(&["logs", &lab.name]).stdout;
        assert!(log.contains("TEST_TOKEN=secret") && !log.contains("OTHER"), "{user:?}: {log}");
    }
}

#[test]
fn a_lab_writes_to_a_folder_of_the_machine_only_where_it_was_granted() {
    for user in users() {
        let repository = crate::common::folder();
        let outside = tempfile::Builder::new().tempdir_in("/var/tmp").unwrap();
        let inside = repository.path().join("out");
        fs::create_dir(&inside).unwrap();
        for folder in [repository.path(), outside.path(), &inside] {
            fs::set_permissions(folder, fs::Permissions::from_mode(0o777)).unwrap();
        }
        let (one, other) = (inside.display(), outside.path().display());
        let write = format!("echo $LABRUN_TEST >{one}/$0 && echo >{other}/$0 && echo >left");
        let step = |name: &str| {
            let command = write.replace("$0", name).replace("$LABRUN_TEST", name);
            format!("{name}: {{steps: [{{run: {{node: a, command: '{command}'}}}}]}}")
        };
        let lab = Lab::new(
            user,
            &format!(
                "writable: [{one}, {other}]\nnodes: {{a: {{}}}}\ntests: {{{}, {}}}\n",
                step("first"),
                step("second")
            ),
        );
        let run = |words: &[&str]| {
            let mut command = lab.command(&[&["test", &lab.name][..], words].concat());
            command.current_dir(repository.path());
            labs::run(command)
        };
        let done = run(&[]);
        let asks = format!(
            "`writable` ({}:2) asks for {one}, {other}: add `--allow write`",
            lab.file.display()
        );
        assert!(done.exit == 0 && done.all.contains(&asks), "{user:?}: {}", done.all);
        assert!(!inside.join("first").exists());
        let done = run(&["--allow", "write", "--strict"]);
        assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
        for name in ["first", "second"] {
            assert!(inside.join(name).exists() && outside.path().join(name).exists(), "{name}");
        }
        assert!(!repository.path().join("left").exists(), "{user:?}");
    }
}

#[test]
fn a_hostile_lab_finds_no_process_socket_disk_or_way_of_the_machine() {
    if !labs::have("hostile", &["socat", "nsenter"]) {
        return;
    }
    let listener = TcpListener::bind("0.0.0.0:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let folder = crate::common::folder();
    let path = folder.path().join("socket");
    let _path = UnixListener::bind(&path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o777)).unwrap();
    let name = format!("labrun-test-{}", std::process::id());
    let _name = UnixListener::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
    // Outside all of it is there.
    assert!(TcpStream::connect(("127.0.0.1", port)).is_ok() && UnixStream::connect(&path).is_ok());
    let addresses = Command::new("hostname").arg("-I").output().unwrap().stdout;
    let addresses = String::from_utf8(addresses).unwrap();
    let mine = ["mnt", "pid", "net", "ipc", "uts", "cgroup"].map(|kind| {
        let link = fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
        format!("-e '{}'", link.display())
    });
    let script = format!(
        "[[ ! -e /proc/{pid} ]] && ! kill -0 {pid} || exit 1
! readlink /proc/[0-9]*/ns/* | grep -xF {mine} || exit 2
for address in 127.0.0.1 {addresses}; do
  for in in '' 'nsenter --target 1 --net'; do
    ! timeout 1 $in bash -c \": >/dev/tcp/$address/{port}\" || exit 3
  done
done
! socat -u OPEN:/dev/null UNIX-CONNECT:{path} || exit 4
for in in '' 'nsenter --target 1 --net'; do
  ! $in socat -u OPEN:/dev/null ABSTRACT-CONNECT:{name} || exit 5
done
while read -r major minor size disk; do
  [[ $major != [0-9]* ]] || ! mknod $TMPDIR/$disk b $major $minor || exit 6
done </proc/partitions",
        pid = std::process::id(),
        mine = mine.join(" "),
        addresses = addresses.trim(),
        path = path.display(),
    );
    for user in users() {
        nowhere(user, "the machine", &script, |_| ());
    }
}

#[test]
fn an_ordinary_users_lab_that_undoes_its_mounts_can_do_what_that_user_can_and_no_more() {
    // No folder that a lab has one of its own for.
    let Ok(open) = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")) else {
        return eprintln!(
            "SKIP an_ordinary_users_lab_that_undoes_its_mounts: the folder of the tests is not this user's"
        );
    };
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let open = open.path().display();
    let mark = format!("labrun-test-left-{}", std::process::id());
    for user in users().into_iter().filter(|user| *user == User::Ordinary || !is_root()) {
        // Another program of that user's, as a shell or an agent is.
        let mut other = crate::common::command(user, "sleep").arg("100").spawn().unwrap();
        let pid = other.id();
        // A file of /proc is opened only: that is where the kernel refuses.
        let script = format!(
            "mkdir /tmp/m /tmp/p /tmp/c
! mount -t devtmpfs devtmpfs /tmp/m || exit 1
! mount -t proc proc /tmp/p || for file in sys/kernel/core_pattern sys/vm/drop_caches sysrq-trigger; do
  ! : >>/tmp/p/$file || exit 2
done
for kind in memory pids rdma freezer; do
  ! mount -t cgroup -o $kind cgroup /tmp/c || ! : >>/tmp/c/release_agent || exit 3
done
folder={open}
while [[ -n $folder ]]; do umount -l $folder; mount -o remount,bind,rw $folder; folder=${{folder%/*}}; done
umount -l /etc; mount -o remount,bind,rw / && : >{open}/$(hostname)
for folder in / /etc /usr /usr/bin /var /boot; do ! : >$folder/{mark} || exit 4; done
umount -l /proc && [[ -e /proc/{pid} ]] || exit 5
! cat /proc/{pid}/environ && ! readlink /proc/{pid}/fd/0 && ! kill -0 {pid} || exit 6
! nsenter --target {pid} --net true && ! nsenter --target {pid} --mount true || exit 7
[[ -e {open}/$(hostname) ]]"
        );
        let step = script.replace('\n', "\n          ");
        let lab = Lab::new(
            user,
            &format!(
                "nodes: {{a: {{}}}}\ntests:\n  t:\n    steps:\n    - run:\n        node: a\n        command: |\n          {step}\n"
            ),
        );
        let (done, _) = lab.results(&[]);
        other.kill().unwrap();
        other.wait().unwrap();
        assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
        assert!(Path::new(&format!("{open}/{}", lab.name)).exists(), "{user:?}");
        assert!(!Path::new("/etc").join(&mark).exists());
    }
}
