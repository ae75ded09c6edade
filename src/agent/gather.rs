//! What those look at who ask why a test failed: the state of every node, the services' output and
//! files, the processes, the versions of the programs.
//!
//! It is read while the state is still that of the failure, into a folder `gathered` of the
//! sandbox, and then sent; what is not of the sandbox can be sent when that is gone. Nothing in here
//! may fail or hang a test: a tool that is not there or does not end is a line in its file.

use super::message::Stream;
use super::pipe::Speaker;
use crate::event::signal;
use crate::sandbox::{
    Gone, OVERTIME, Output, Program, Sandbox, digest, end_of, part_of, processes, which,
};
use crate::topology::model::GLOBAL;
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// How long all commands may take, and how many run at once.
const LIMIT: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 8;
/// How long one of them may take.
const LOOK: Duration = Duration::from_secs(2);
/// How many bytes are sent in all, of a file of the state, of a log's beginning and of its end, of a
/// service's file; and how many of these.
const ALL: u64 = 16 << 20;
const STATE: u64 = 1 << 20;
const LOG_START: u64 = 64 << 10;
const LOG: u64 = 4 << 20;
const FILE: u64 = 64 << 10;
const FILES: usize = 200;

/// What is asked of every node, into which file. What explains most comes first.
const LOOKS: [(&str, &[&str]); 10] = [
    ("addresses", &["ip", "-d", "address", "show"]),
    ("links", &["ip", "-d", "-s", "link", "show"]),
    ("routes", &["ip", "-4", "route", "show", "table", "all"]),
    ("routes", &["ip", "-6", "route", "show", "table", "all"]),
    ("neighbours", &["ip", "-s", "neighbour", "show"]),
    (
        "sockets",
        &["ss", "--tcp", "--udp", "--raw", "--packet", "--all", "--numeric", "--processes"],
    ),
    ("nft", &["nft", "list", "ruleset"]),
    ("rules", &["ip", "-4", "rule", "show"]),
    ("rules", &["ip", "-6", "rule", "show"]),
    ("sysctls", &SETTINGS),
];
/// Of /proc/sys/net every process sees its own namespace's.
const SETTINGS: [&str; 11] = [
    "grep",
    "-rs",
    "--include=forwarding",
    "--include=rp_filter",
    "--include=proxy_arp",
    "--include=accept_ra",
    "--include=accept_dad",
    "--include=disable_ipv6",
    ".",
    "/proc/sys/net/ipv4/conf",
    "/proc/sys/net/ipv6/conf",
];
/// What is asked where the bridges are.
const BRIDGES: [(&str, &[&str]); 3] = [
    ("bridges", &["bridge", "-d", "link", "show"]),
    ("bridges", &["bridge", "fdb", "show"]),
    ("bridges", &["bridge", "vlan", "show"]),
];

/// Reads the state of the sandbox.
///
/// # Errors
/// If the session or the sandbox ended.
pub fn state(sandbox: &Sandbox) -> Result<(), Gone> {
    let folder = sandbox.private("gathered");
    let _ = fs::remove_dir_all(&folder);
    if fs::create_dir(&folder).is_err() {
        return Ok(());
    }
    // First, before what follows is most of it.
    let _ = fs::write(folder.join("processes.txt"), process_table());
    let mut nodes: Vec<String> = vec![GLOBAL.into()];
    nodes.extend(
        fs::read_dir("/run/netns")
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.file_name().to_string_lossy().into_owned()),
    );
    let mut asked: Vec<(PathBuf, Vec<String>)> = Vec::new();
    let mut programs = Vec::new();
    // The same of every node before the next, so that none goes short when the time is over.
    for (file, words) in LOOKS.iter().chain(&BRIDGES) {
        let everywhere = *file != "bridges";
        for node in nodes.iter().filter(|node| everywhere || *node == GLOBAL) {
            asked.push((
                folder.join("nodes").join(node).join(format!("{file}.txt")),
                words.iter().map(|word| word.to_string()).collect(),
            ));
            programs.push(sandbox.program(node, words).within(LOOK));
        }
    }
    let outputs = within(sandbox, programs)?;
    for ((path, words), output) in asked.iter().zip(outputs) {
        let _ = add(path, words, output);
    }
    let _ = fs::write(folder.join("versions.txt"), versions(sandbox)?);
    Ok(())
}

/// Runs `programs` as far as their time goes.
fn within(sandbox: &Sandbox, programs: Vec<Program>) -> Result<Vec<Option<Output>>, Gone> {
    let deadline = Instant::now() + LIMIT;
    let mut outputs = Vec::new();
    let mut programs = programs.into_iter().peekable();
    while programs.peek().is_some() {
        let some: Vec<Program> = programs.by_ref().take(AT_ONCE * 4).collect();
        let count = some.len();
        if Instant::now() < deadline {
            outputs.extend(sandbox.run_all(some, AT_ONCE)?.into_iter().map(Some));
        } else {
            outputs.extend((0..count).map(|_| None));
        }
    }
    Ok(outputs)
}

/// Adds what a command said to a file.
fn add(path: &Path, words: &[String], output: Option<Output>) -> io::Result<()> {
    fs::create_dir_all(path.parent().unwrap_or(path))?;
    let mut file = File::options().append(true).create(true).open(path)?;
    writeln!(file, "$ {}", words.join(" "))?;
    match output {
        None => writeln!(file, "(left out: the commands before it took too long)")?,
        Some(output) if output.exit == 127 => {
            writeln!(file, "(there is no {} on this machine)", words[0])?
        }
        Some(output) => {
            file.write_all(&output.stdout)?;
            file.write_all(&output.stderr)?;
            if output.exit == OVERTIME {
                writeln!(file, "(it did not end within 2 seconds)")?;
            }
        }
    }
    writeln!(file)
}

/// Every process of the sandbox, and the node it is in.
fn process_table() -> String {
    let inode = |path: &str| fs::metadata(path).ok().map(|metadata| metadata.ino());
    let mut nodes: BTreeMap<u64, String> = BTreeMap::new();
    for entry in fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        nodes.extend(inode(&entry.path().to_string_lossy()).map(|inode| (inode, name)));
    }
    nodes.extend(inode("/proc/1/ns/net").map(|inode| (inode, GLOBAL.to_string())));
    let mut text = format!("{:>7} {:>7} S {:<20} command\n", "pid", "parent", "node");
    for process in processes() {
        let node = inode(&format!("/proc/{}/ns/net", process.pid))
            .and_then(|inode| nodes.get(&inode))
            .map_or("-", String::as_str);
        let words = process.words().join(" ");
        // A zombie has no words, only a name.
        let words = if words.is_empty() { format!("[{}]", process.name) } else { words };
        let words: String =
            words.chars().take(2000).map(|c| if c.is_control() { ' ' } else { c }).collect();
        text.push_str(&format!(
            "{:>7} {:>7} {} {node:<20} {words}\n",
            process.pid, process.parent, process.state
        ));
    }
    text
}

/// The machine, the subject, and every command that the lab needs.
fn versions(sandbox: &Sandbox) -> Result<String, Gone> {
    let name = rustix::system::uname();
    let word = |word: &std::ffi::CStr| word.to_string_lossy().into_owned();
    let kernel =
        [word(name.sysname()), word(name.release()), word(name.version()), word(name.machine())]
            .join(" ");
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let system = release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))
        .unwrap_or_default()
        .trim_matches('"');
    let mut text = format!("{:<12} {kernel}\n{:<12} {system}\n", "kernel", "system");
    let subject = fs::read_to_string(sandbox.state.join("subject")).unwrap_or_default();
    if let (Some((how, path)), Some((program, stand_in))) = (
        subject
            .trim_end()
            .split_once('\n')
            .or(Some((subject.trim_end(), "")))
            .filter(|(how, _)| !how.is_empty()),
        &sandbox.layout.subject,
    ) {
        let what = match how {
            "stand-in" => format!("{program}: not there, its stand-in {stand_in} runs"),
            _ => format!(
                "{program}, {how}, {path}, sha256 {}",
                sha256(&sandbox.state.join("bin").join(program))
            ),
        };
        text.push_str(&format!("{:<12} {what}\n", "subject"));
    }
    let commands = &sandbox.layout.commands;
    let asks = commands.iter().map(|(_, package)| {
        sandbox.program(GLOBAL, &["dpkg-query", "-W", "-f", "${Version}", package]).within(LOOK)
    });
    let versions = within(sandbox, asks.collect())?;
    for ((command, package), version) in commands.iter().zip(versions) {
        let path = which(command, std::env::var_os("PATH").as_deref())
            .map_or("(there is none)".into(), |path| path.to_string_lossy().into_owned());
        let version = version
            .map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string())
            .unwrap_or_default();
        let known = match version.is_empty() {
            false => format!("{package} {version}"),
            // Not from a package: its own first line will have to do.
            true => {
                let output =
                    sandbox.run(sandbox.program(GLOBAL, &[command, "--version"]).within(LOOK))?;
                let said = String::from_utf8_lossy(&output.stdout).into_owned()
                    + &String::from_utf8_lossy(&output.stderr);
                said.lines().next().unwrap_or_default().chars().take(200).collect()
            }
        };
        text.push_str(&format!("{command:<12} {path} {known}\n"));
    }
    Ok(text)
}

fn sha256(path: &Path) -> String {
    match digest(path) {
        Ok(digest) => digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        Err(error) => error.to_string(),
    }
}

/// Sends what was gathered, and the services' output and files.
pub fn send(sandbox: &Sandbox, speaker: &Speaker) {
    let mut left = ALL;
    let mut send = |path: &Path, name: &str, start: u64, limit: u64| {
        if let Ok(bytes) = ends_of(path, start.min(left), limit.min(left)) {
            left = left.saturating_sub(bytes.len() as u64);
            speaker.output(Stream::File, name, &bytes);
        }
    };
    let gathered = sandbox.private("gathered");
    for path in files(&gathered) {
        let name = path.strip_prefix(&gathered).unwrap_or(&path).to_string_lossy().into_owned();
        send(&path, &name, 0, STATE);
    }
    for service in &sandbox.layout.services {
        let name = &service.id;
        let log = sandbox.log_of(name);
        if !log.exists() {
            continue;
        }
        send(&log, &format!("services/{name}.log"), LOG_START, LOG);
        speaker.output(
            Stream::File,
            &format!("services/{name}.status"),
            status(sandbox, name).as_bytes(),
        );
    }
    // Their configuration and what they remember, a server's leases above all.
    let folder = sandbox.state.join("service");
    for path in files(&folder).into_iter().take(FILES) {
        let name = path.strip_prefix(&folder).unwrap_or(&path).to_string_lossy().into_owned();
        if let Some((service, file)) = name.split_once('/') {
            send(&path, &format!("services/{service}.files/{file}"), 0, FILE);
        }
    }
    // Another failure must not be explained by this one's state.
    let _ = fs::remove_dir_all(gathered);
}

/// A file, or so many bytes of its beginning and of its end, with a word on what is between.
fn ends_of(path: &Path, start: u64, end: u64) -> io::Result<Vec<u8>> {
    let (size, last) = end_of(path, end)?;
    let before = size.saturating_sub(last.len() as u64);
    let mut bytes = part_of(path, 0, start.min(before))?;
    let cut = before - bytes.len() as u64;
    if cut > 0 {
        let newline = if bytes.is_empty() { "" } else { "\n" };
        bytes.extend(format!("{newline}({cut} bytes are left out here)\n").into_bytes());
    }
    bytes.extend(last);
    Ok(bytes)
}

/// All regular files below `folder`. Links are not followed: they could lead anywhere.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut entries: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().collect();
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => found.extend(files(&entry.path())),
            Ok(kind) if kind.is_file() => found.push(entry.path()),
            _ => {}
        }
    }
    found
}

/// Whether a service runs, in words.
fn status(sandbox: &Sandbox, name: &str) -> String {
    let stopped = if sandbox.was_stopped(name) { ", stopped by the test" } else { "" };
    match (sandbox.ended(name), sandbox.pid_of(name)) {
        (Some(status), _) => match signal(status) {
            Some(signal) => format!("ended by signal {signal}{stopped}\n"),
            None => format!("ended with exit status {status}{stopped}\n"),
        },
        (None, Some(pid)) => format!("running, process {pid} of the sandbox\n"),
        (None, None) => "not started\n".into(),
    }
}
