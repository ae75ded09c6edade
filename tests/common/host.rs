//! A host of its own for a test: what looks at everything on a host must be alone on it.
//!
//! A test that root runs runs itself again in fresh mount, PID and network namespaces with an empty
//! /run, /tmp and /var/tmp. labrun cannot tell that host from any other, and there nothing else
//! comes and goes: a process, namespace or file more is a leak. LABRUN_TEST_HOST=real keeps it on
//! the real host (then with nobody else at work). An ordinary user's tests always run on the real
//! host, one after the other, and look only at what carries their mark.

use super::User;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::sync::mpsc::channel;
use std::thread;
use std::time::{Duration, Instant};

const HOST: &str = "LABRUN_TEST_HOST";
/// The variable that has the mark. Few get into a lab, and its processes are to be found by it, too; a time zone that
/// there is not is UTC.
const MARK: &str = "TZ";

/// Makes the host: PID 1, which reaps orphans as any init does, and something of everything that a
/// careless lab would change.
const BOOT: &str = r#"
set -e
# As Debian and Ubuntu mount it.
mount -t tmpfs -o mode=755,nosuid,nodev,noexec tmpfs /run
for folder in /tmp /var/tmp; do
  mount -t tmpfs -o mode=1777 tmpfs /mnt
  # What is tested may lie in it.
  for path in "$1" "$PWD/"; do
    [[ $path == $folder/*/* ]] || continue
    name=${path#$folder/} name=${name%%/*}
    [[ ! -e /mnt/$name ]] || continue
    mkdir "/mnt/$name"
    mount --bind "$folder/$name" "/mnt/$name"
  done
  mount --move /mnt $folder
done
cd "$PWD"
mount -t sysfs sysfs /sys || :
mkdir /run/lock /run/netns
: >/run/host.pid >/tmp/host.file
echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad
echo 0 >/proc/sys/net/ipv6/conf/all/accept_dad
ip -batch - <<'END'
link set lo up
link add host0 type veth peer name host1
link set host0 up
link set host1 up
link add hostbr type bridge
addr add 198.51.100.1/24 dev host0
addr add 2001:db8::1/64 dev host0
route add 203.0.113.0/24 via 198.51.100.2
route add 192.0.2.0/24 via 198.51.100.2 table 77
route add 2001:db8:1::/48 via 2001:db8::2
rule add from 203.0.113.7 lookup 77
END
! command -v nft >/dev/null || nft -f - <<'END'
table inet host { chain in { type filter hook input priority 0; policy accept; tcp dport 9 counter drop; }; }
END
! command -v iptables >/dev/null || iptables -A FORWARD -s 203.0.113.9 -j DROP
until [[ $(cat /sys/class/net/host[01]/operstate) == up*up && -n $(ip -6 addr show dev host0 scope link) ]]; do sleep 0.05; done
"$@"
exit $?
"#;

/// Runs `body`, which is the test called `name` in the caller's file, on a host of its own.
#[track_caller]
pub fn private(name: &str, body: impl FnOnce()) {
    if !super::is_root() || is_private() {
        static ALONE: Mutex<()> = Mutex::new(());
        let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        return body();
    }
    let name = &in_its_module(name);
    let output = Command::new("unshare")
        .args([
            "--mount",
            "--pid",
            "--net",
            "--ipc",
            "--uts",
            "--fork",
            "--kill-child",
            "--mount-proc",
            "bash",
            "-c",
            BOOT,
            "host",
        ])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(HOST, "private")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let text = super::text(&output);
    println!("{text}");
    // A misspelt name would select no test, and that would be a success.
    assert!(
        output.status.success() && text.contains("1 passed"),
        "on its own host, {name} failed:\n{text}"
    );
}

/// As [`private`], but only where root runs the tests: `why` the others cannot.
#[track_caller]
pub fn private_of_root(name: &str, why: &str, body: impl FnOnce()) {
    match super::is_root() {
        true => private(name, body),
        false => eprintln!("SKIP {name}: {why}"),
    }
}

/// As [`private`], run by root, on a host whose kernel refuses user namespaces to everybody, and on
/// which `user` may use sudo. The refusal is a limit of a user namespace around that host.
#[track_caller]
pub fn without_user_namespaces(name: &str, user: &str, body: impl FnOnce()) {
    if is_private() {
        return body();
    }
    let name = &in_its_module(name);
    let inner = r#"
        read -r _
        exec setpriv --reuid 0 --regid 0 --clear-groups unshare --mount --pid --net --ipc --uts --fork --kill-child --mount-proc bash -c '
            mount -t tmpfs -o mode=755 tmpfs /etc/sudoers.d
            echo "$1 ALL=(ALL) NOPASSWD: ALL" >/etc/sudoers.d/labrun-test
            chmod 440 /etc/sudoers.d/labrun-test
            echo 0 >/proc/sys/user/max_user_namespaces
            shift
            exec bash -c "$@"' sudo "$@""#;
    let mut child = Command::new("unshare")
        .args(["--user", "bash", "-c", inner, "inner", user, BOOT, "host"])
        .arg(std::env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(HOST, "private")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // unshare(1) has to have made the namespace before its ids can be mapped.
    let process = format!("/proc/{}", child.id());
    let own = fs::read_link("/proc/self/ns/user").unwrap();
    super::wait_for("the user namespace", || {
        fs::read_link(format!("{process}/ns/user")).is_ok_and(|other| other != own)
    });
    for map in ["gid_map", "uid_map"] {
        fs::write(format!("{process}/{map}"), "0 0 65536").unwrap();
    }
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"go\n").unwrap();
    let text = super::text(&child.wait_with_output().unwrap());
    println!("{text}");
    assert!(
        text.starts_with("exit Some(0)") && text.contains("1 passed"),
        "without user namespaces, {name} failed:\n{text}"
    );
}

/// The test called `name` as the test runner knows it: a module of the test program is a file.
#[track_caller]
fn in_its_module(name: &str) -> String {
    let module = Path::new(std::panic::Location::caller().file()).file_stem().unwrap();
    format!("{}::{name}", module.display())
}

/// Whether nobody else is on this host.
pub fn is_private() -> bool {
    std::env::var_os(HOST).is_some()
}

/// The labrun of this build with the mark that all its processes inherit.
pub fn labrun(user: User) -> Command {
    marked(user, env!("CARGO_BIN_EXE_labrun"))
}

/// `program` with the mark that all its processes inherit.
pub fn marked(user: User, program: &str) -> Command {
    let mut command = super::command(user, program);
    command.env(MARK, mark());
    command
}

/// The mark as a variable, for what labrun's processes are not the parents of.
pub fn mark_variable() -> String {
    format!("{MARK}={}", mark())
}

fn mark() -> String {
    format!(":labrun-test-{}", std::process::id())
}

/// The first process of the lab whose state is in the folder `state`.
pub fn first(state: &Path) -> u32 {
    let note = fs::read_to_string(state.join("supervisor")).unwrap();
    note.split(' ').next().unwrap().parse().unwrap()
}

/// The folder that labrun keeps the state of `user`'s labs in.
pub fn state_root(user: User) -> PathBuf {
    match user {
        User::Own if super::is_root() => "/run/labrun".into(),
        User::Own => {
            let own = fs::metadata("/proc/self").unwrap();
            format!("/tmp/labrun-{}", own.uid()).into()
        }
        User::Ordinary => {
            let name = std::env::var("LABRUN_TEST_USER").unwrap_or_else(|_| "nobody".into());
            let output = Command::new("id").args(["-u", &name]).output().unwrap();
            format!("/tmp/labrun-{}", String::from_utf8(output.stdout).unwrap().trim()).into()
        }
    }
}

/// Runs `command` to its end, which must come within `limit`.
pub fn run_within(limit: Duration, command: &mut Command) -> Output {
    let shown = format!("{command:?}");
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    finish_within(limit, child, &shown)
}

/// Waits for the end of `child` and its output, which must come within `limit`.
pub fn finish_within(limit: Duration, child: Child, shown: &str) -> Output {
    let pid = child.id();
    let (sender, receiver) = channel();
    thread::spawn(move || sender.send(child.wait_with_output()));
    match receiver.recv_timeout(limit) {
        Ok(output) => output.unwrap(),
        Err(_) => {
            let all: Vec<String> = processes().values().map(|p| format!("{p:?}")).collect();
            kill("KILL", pid);
            panic!("{shown} has not ended within {limit:?}; processes:\n{}", all.join("\n"));
        }
    }
}

/// Runs labrun with `words` as `user`; a minute is more than any of it may take.
pub fn run(user: User, words: &[&str]) -> Output {
    run_within(Duration::from_secs(60), labrun(user).args(words))
}

/// As [`run`], and it must exit with `code`; what it printed.
pub fn expect(user: User, words: &[&str], code: i32) -> String {
    let output = run(user, words);
    let text = super::text(&output);
    assert_eq!(output.status.code(), Some(code), "labrun {} as {user:?}: {text}", words.join(" "));
    text
}

/// Starts `command` on a terminal of its own, by script(1): its input is the keys, its output the screen.
pub fn on_terminal(command: &Command) -> Child {
    let words = [command.get_program()].into_iter().chain(command.get_args());
    let words: Vec<&str> = words.map(|word| word.to_str().unwrap()).collect();
    let mut terminal = Command::new("script");
    let line = format!("exec {}", labrun::quote::command(&words));
    terminal.args(["-qefc", &line, "/dev/null"]).stdin(Stdio::piped());
    terminal.stdout(Stdio::piped()).stderr(Stdio::piped());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => terminal.env(name, value),
            None => terminal.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        terminal.current_dir(folder);
    }
    terminal.spawn().unwrap()
}

/// Sends a signal; the process may be gone.
pub fn kill(signal: &str, pid: u32) {
    let _ =
        Command::new("kill").args(["-s", signal, &pid.to_string()]).stderr(Stdio::null()).status();
}

/// A process as /proc shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Process {
    /// Its number.
    pub pid: u32,
    /// Its parent's.
    pub parent: u32,
    /// When it started, which makes the number unique.
    pub start: u64,
    /// Its name.
    pub name: String,
    /// Its command line.
    pub command: String,
    /// Its namespaces, by kind.
    pub namespaces: BTreeMap<&'static str, String>,
}

/// The kinds of namespaces that a lab makes.
const KINDS: [&str; 6] = ["net", "mnt", "pid", "user", "uts", "ipc"];

/// All processes on a host of one's own, else those with this test's mark. A zombie is none:
/// nothing of it runs any more.
pub fn processes() -> BTreeMap<u32, Process> {
    pids()
        .filter(|pid| is_private() || carries_mark(*pid))
        .filter_map(process)
        .map(|process| (process.pid, process))
        .collect()
}

/// All processes in the mount namespace of `one`, with or without this test's mark.
pub fn beside(one: &Process) -> Vec<Process> {
    let mounts = |process: &Process| process.namespaces.get("mnt").cloned();
    pids().filter_map(process).filter(|other| mounts(other) == mounts(one)).collect()
}

fn pids() -> impl Iterator<Item = u32> {
    let entries = fs::read_dir("/proc").unwrap();
    entries.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok())
}

fn carries_mark(pid: u32) -> bool {
    let mark = format!("{MARK}={}", mark());
    fs::read(format!("/proc/{pid}/environ"))
        .is_ok_and(|text| text.split(|b| *b == 0).any(|word| word == mark.as_bytes()))
}

/// The process `pid`, if it runs.
pub fn process(pid: u32) -> Option<Process> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    if ["Z", "X"].contains(&fields[0]) {
        return None;
    }
    let command = fs::read(format!("/proc/{pid}/cmdline")).ok()?;
    let namespace = |kind| {
        Some((kind, fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok()?.display().to_string()))
    };
    Some(Process {
        pid,
        parent: fields[1].parse().ok()?,
        start: fields[19].parse().ok()?,
        name: name.into(),
        command: String::from_utf8_lossy(&command).replace('\0', " ").chars().take(300).collect(),
        namespaces: KINDS.into_iter().filter_map(namespace).collect(),
    })
}

/// The processes that are not among `before`, and not this test's own helpers of the moment.
pub fn added(before: &BTreeMap<u32, Process>) -> Vec<Process> {
    let known = |p: &Process| before.get(&p.pid).is_some_and(|b| b.start == p.start);
    processes().into_values().filter(|p| !known(p)).collect()
}

/// The distinct namespaces of `processes`.
pub fn namespaces<'a>(processes: impl IntoIterator<Item = &'a Process>) -> BTreeSet<String> {
    processes.into_iter().flat_map(|p| p.namespaces.values().cloned()).collect()
}

/// Namespaces, mounts, processes and files: what a lab could leave behind. Cheap enough to be taken
/// after every round of a long test.
#[derive(Debug)]
pub struct Trace {
    processes: BTreeMap<u32, Process>,
    mounts: String,
    user: User,
    files: BTreeSet<PathBuf>,
}

impl Trace {
    /// How it is now, before any lab of `user` is up.
    pub fn now(user: User) -> Trace {
        assert!(
            !state_root(user).exists(),
            "{} is there: `labrun clean` first",
            state_root(user).display()
        );
        Trace { processes: processes(), mounts: mounts(), user, files: files() }
    }

    /// The processes that have come since.
    pub fn added(&self) -> Vec<Process> {
        added(&self.processes)
    }

    /// Everything is as it was. A process that has been killed may take a moment to go, but it does
    /// so by itself.
    pub fn assert_same(&self, when: &str) {
        self.wait_for_processes(when);
        let now = processes();
        let extra: Vec<String> = namespaces(now.values())
            .difference(&namespaces(self.processes.values()))
            .cloned()
            .collect();
        assert!(extra.is_empty(), "{when}: namespaces are left: {extra:?}");
        let (gone, come) = difference("mounts", &self.mounts, &mounts());
        assert!(
            gone.is_empty() && come.is_empty(),
            "{when}: mounts are gone: {gone:#?}, have come: {come:#?}"
        );
        assert_eq!(files(), self.files, "{when}: files differ");
        let root = state_root(self.user);
        assert!(!root.exists(), "{when}: {} is left: {:?}", root.display(), tree(&root));
    }

    /// All processes that came since have gone.
    pub fn wait_for_processes(&self, when: &str) {
        let deadline = Instant::now() + Duration::from_secs(10);
        loop {
            let left = self.added();
            if left.is_empty() {
                return;
            }
            assert!(Instant::now() < deadline, "{when}: processes are left:\n{left:#?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// This namespace's mounts.
pub fn mounts() -> String {
    fs::read_to_string("/proc/self/mountinfo").unwrap()
}

/// The lines of `old`, which shows `name`, that are not in `new`, and the other way round.
pub fn difference(name: &str, old: &str, new: &str) -> (Vec<String>, Vec<String>) {
    let lacks = |text: &str, line: &str| !text.lines().any(|l| l == line);
    // The kernel ends a mount here, too, when somebody removes its folder in another mount
    // namespace.
    let removed = |line: &str| {
        name == "mounts" && line.split(' ').nth(4).is_some_and(|path| !Path::new(path).exists())
    };
    let gone =
        old.lines().filter(|line| lacks(new, line) && !removed(line)).map(String::from).collect();
    let come = new.lines().filter(|line| lacks(old, line)).map(String::from).collect();
    (gone, come)
}

/// What is in /run and /tmp, where nobody else writes there.
fn files() -> BTreeSet<PathBuf> {
    if !is_private() {
        return BTreeSet::new();
    }
    let all = ["/run", "/tmp"].into_iter().flat_map(|folder| tree(Path::new(folder)));
    // The tests' own folders are not labrun's.
    all.filter(|path| !path.to_string_lossy().starts_with("/tmp/labrun-test-")).collect()
}

/// All paths below `folder`.
pub fn tree(folder: &Path) -> BTreeSet<PathBuf> {
    let mut paths = BTreeSet::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if entry.file_type().is_ok_and(|t| t.is_dir()) {
            paths.extend(tree(&path));
        }
        paths.insert(path);
    }
    paths
}

/// A small generator (xorshift64*), so that a test that draws can be repeated from its seed.
pub struct Random(u64);

impl Random {
    /// From LABRUN_TEST_SEED, else from the clock; the seed is printed.
    pub fn new() -> Random {
        let clock =
            std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros()
                as u64;
        let seed = std::env::var("LABRUN_TEST_SEED")
            .ok()
            .and_then(|text| text.parse().ok())
            .unwrap_or(clock)
            .max(1);
        println!("LABRUN_TEST_SEED={seed}");
        Random(seed)
    }

    /// A number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % end
    }
}
