//! `labrun _held FOLDER NOTES [LINK...]`: what keeps a lab from going whose state is in FOLDER, as a line for who cleans
//! up: who is in its namespaces, which LINKs as in /proc/PID/ns name, and what in FOLDER cannot be removed. Who is in
//! there is noted in the folder NOTES, too, in files `held-PID`, as the runtime notes processes.

use anyhow::Result;
use rustix::fs::{CWD, IFlags, Mode, OFlags, StatVfsMountFlags};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// More than these are not named.
const MOST: usize = 8;

/// Prints the line; its status says whether anything was found.
pub fn run(words: &[String]) -> Result<u8> {
    let [folder, notes, links @ ..] = words else { return Ok(1) };
    let mut found = processes(links, Path::new(notes));
    found.extend(files(Path::new(folder)));
    let more = found.len().saturating_sub(MOST);
    found.truncate(MOST);
    if more > 0 {
        found.push(format!("and {more} more"));
    }
    println!("{}", found.join("; "));
    Ok(u8::from(found.is_empty()))
}

/// What of a process matters here.
struct Process {
    /// When it started, which makes its number unique.
    start: String,
    /// The letter of its state, see proc_pid_stat(5).
    state: char,
    parent: u32,
    tracer: u32,
    command: String,
    /// Whether it is one of the lab's processes.
    pid: bool,
    /// Whether it sees the lab's mounts, or was in there the last time.
    mnt: bool,
}

fn processes(links: &[String], notes: &Path) -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let all: BTreeMap<u32, Process> =
        pids.filter_map(|pid| Some((pid, look(pid, links, notes)?))).collect();
    for (pid, process) in all.iter().filter(|(_, process)| process.mnt || process.pid) {
        // On a full disk there are none, and the next time nobody is waited for.
        let _ = fs::write(note(notes, *pid), format!("{pid} {}\n", process.start));
    }
    let said: Vec<Said> = all.keys().filter_map(|pid| say(*pid, &all)).collect();
    // Whoever has not ended yet mostly waits for the others.
    let holds: Vec<String> =
        said.iter().filter(|one| !one.waits).map(|one| one.text.clone()).collect();
    if !holds.is_empty() {
        return holds;
    }
    said.into_iter().map(|one| one.text).collect()
}

/// What keeps one process, and whether that may be others only.
struct Said {
    text: String,
    waits: bool,
}

fn say(pid: u32, all: &BTreeMap<u32, Process>) -> Option<Said> {
    let process = &all[&pid];
    let name = |pid: u32| all.get(&pid).map(|process| name(pid, &process.command));
    let own = name(pid)?;
    let inside = |process: &Process| all.get(&process.parent).is_some_and(|parent| parent.pid);
    let holds = |text: String| Some(Said { text, waits: false });
    let waits = |text: String| Some(Said { text, waits: true });
    // Of one that has ended the kernel does not tell where it was.
    let ended_inside = matches!(process.state, 'Z' | 'X') && inside(process);
    if !(process.pid || process.mnt || ended_inside) {
        return None;
    }
    if let Some(tracer) = name(process.tracer) {
        let tracer_pid = process.tracer;
        return holds(format!(
            "{own} is traced by {tracer}, and cannot end before that: `kill -KILL {tracer_pid}`"
        ));
    }
    match process.state {
        // As soon as its parent looks, it is gone; that is another one here.
        'Z' | 'X' => None,
        'D' => {
            let place = fs::read_to_string(format!("/proc/{pid}/wchan")).unwrap_or_default();
            let place = match place.trim() {
                "" | "0" => String::new(),
                place => format!(" ({place})"),
            };
            holds(format!(
                "{own} waits in the kernel{place}, as for a disk or another machine, and no signal ends that"
            ))
        }
        'T' | 't' => holds(format!("{own} is stopped: `kill -KILL {pid}` ends it")),
        _ if process.pid || all.values().any(|other| other.parent == pid && other.pid) => {
            waits(format!("{own} has not ended yet"))
        }
        _ => holds(format!("{own} has entered it from outside: `kill -KILL {pid}` ends it")),
    }
}

/// The file of `notes` that a process is noted in.
fn note(notes: &Path, pid: u32) -> PathBuf {
    notes.join(format!("held-{pid}"))
}

fn look(pid: u32, links: &[String], notes: &Path) -> Option<Process> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let field = |name: &str| {
        status.lines().find_map(|line| line.strip_prefix(name)?.split_whitespace().next())
    };
    let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    let command = String::from_utf8_lossy(&command).replace('\0', " ");
    let is_in = |kind: &str| {
        fs::read_link(format!("/proc/{pid}/ns/{kind}"))
            .is_ok_and(|link| links.iter().any(|one| Path::new(one) == link))
    };
    // Fields are counted from after the name, which may itself hold blanks and brackets.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let start = stat.rsplit(')').next()?.split_whitespace().nth(19)?;
    // Its namespaces may be gone by now, as those of one that ends are at first.
    let noted = fs::read_to_string(note(notes, pid))
        .is_ok_and(|text| text.trim_end() == format!("{pid} {start}"));
    Some(Process {
        start: start.into(),
        state: field("State:")?.chars().next()?,
        parent: field("PPid:")?.parse().ok()?,
        tracer: field("TracerPid:")?.parse().ok()?,
        command: match command.trim() {
            // The kernel forgets it when a process ends.
            "" => field("Name:")?.into(),
            command => command.into(),
        },
        pid: is_in("pid"),
        mnt: is_in("mnt") || noted,
    })
}

/// A process for people. What it is called it may have chosen itself.
fn name(pid: u32, command: &str) -> String {
    let plain = |c: char| if c.is_control() { ' ' } else { c };
    let mut text: String = command.chars().map(plain).take(60).collect();
    if command.chars().count() > 60 {
        text.push('…');
    }
    format!("pid {pid} (`{text}`)")
}

/// What of `folder` cannot be removed, each with what helps.
fn files(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    if rustix::fs::statvfs(folder).is_ok_and(|fs| fs.f_flag.contains(StatVfsMountFlags::RDONLY)) {
        found.push(format!("the file system of {} can only be read", folder.display()));
    }
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for path in mounts.lines().filter_map(|line| line.split(' ').nth(4)) {
        // As the kernel writes it, blanks and such in octal: what is made by labrun has none.
        if Path::new(path).starts_with(folder) {
            found.push(format!("something is mounted on {path}: `umount {path}`"));
        }
    }
    flagged(folder, &mut found);
    found
}

/// Adds what is immutable of `path` and below.
fn flagged(path: &Path, found: &mut Vec<String>) {
    let Ok(entry) = fs::symlink_metadata(path) else { return };
    if !entry.is_dir() && !entry.is_file() {
        return;
    }
    let open = rustix::fs::openat(
        CWD,
        path,
        OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC,
        Mode::empty(),
    );
    let flags = open.and_then(rustix::fs::ioctl_getflags).unwrap_or(IFlags::empty());
    let shown = path.display();
    if flags.intersects(IFlags::IMMUTABLE | IFlags::APPEND) {
        found.push(format!("{shown} is immutable: `chattr -ia {shown}`"));
    }
    if entry.is_dir() && found.len() <= MOST {
        let below = fs::read_dir(path).into_iter().flatten().flatten();
        let below: Vec<PathBuf> = below.map(|entry| entry.path()).collect();
        below.iter().for_each(|path| flagged(path, found));
    }
}
