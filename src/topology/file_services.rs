//! The services of a lab file as they are written, and the conditions that services and tests wait
//! for.

use crate::text::quoted;
use crate::topology::file::texts;
use crate::topology::model::Condition;
use crate::yaml::decode::{Fields, MAX_WAIT, Reader};
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use crate::yaml::values;
use std::time::Duration;

/// An entry of `services`.
#[derive(Debug, Default)]
pub struct ServiceFile {
    /// Its name, unique in its node.
    pub name: Spanned<String>,
    pub run: RunFile,
    /// How the packaged daemon runs that takes the subject's place.
    pub stand_in: Option<RunFile>,
    /// Services that must be ready before it starts.
    pub after: Vec<Spanned<String>>,
}

/// What a service runs.
#[derive(Debug, Default)]
pub struct RunFile {
    /// A shell command.
    pub command: Spanned<String>,
    /// Files, by path, written before it starts.
    pub files: Vec<(Spanned<String>, String)>,
    pub environment: Vec<(Spanned<String>, String)>,
    /// When it is ready.
    pub ready: ReadyFile,
    /// Shell commands that are run when it is ready.
    pub started: Vec<Spanned<String>>,
    /// The shell command that has it read its configuration again.
    pub reload: Option<Spanned<String>>,
    /// Whether, and when, it is started again.
    pub restart: Option<Spanned<String>>,
}

/// `ready`: all of the conditions must hold.
#[derive(Debug, Default)]
pub struct ReadyFile {
    pub conditions: Vec<Spanned<Condition>>,
    /// How long they may take.
    pub within: Option<Duration>,
}

/// What `restart` may be.
pub const RESTART: [&str; 2] = ["never", "on-failure"];

const RUN_FIELDS: [Known; 7] = [
    (
        "command",
        "a shell command, run in the service's own folder. Begin it with `exec` if it is more than one word of shell: signals reach it either way, but its exit status is its own then",
        "exec busybox httpd -f -p 80 -h www",
    ),
    (
        "files",
        "files to write before it starts: paths below its folder, or below `/etc` and `/run`, which are private to the lab",
        "{www/index.html: hello}",
    ),
    ("environment", "variables", "{PORT: \"80\"}"),
    ("ready", "when it is ready; required", "{tcp: 80}"),
    (
        "started",
        "one shell command or a list, run in the service's folder each time it has been started and is ready. Each must succeed, and may take as long as getting ready",
        "./leasectl add 10.0.0.9",
    ),
    (
        "reload",
        "the shell command by which a `service` step has it read its configuration again; without one it gets SIGHUP",
        "httpctl reload",
    ),
    (
        "restart",
        "`on-failure`: when it has ended with another exit status than 0, or by a signal, though no step asked for it, it is started again, up to 5 times in a minute; a test in which that happened says so. `never` (the default): the test fails",
        "on-failure",
    ),
];
const SERVICE_FIELDS: [Known; 2] = [
    (
        "after",
        "services that must be ready before it is started, NAME or NODE/NAME. Others start side by side",
        "[database]",
    ),
    (
        "stand-in",
        "how the packaged daemon runs that takes the subject's place: `command`, `files`, `environment`, `ready`, `started`, `reload`, `restart`",
        "{command: exec dhcrelay -d 10.0.0.2, ready: {udp: 67}}",
    ),
];

/// Reads an entry of `services`.
pub fn service(name: Spanned<String>, reader: Reader) -> ServiceFile {
    let fields = reader.fields(&[&RUN_FIELDS[..], &SERVICE_FIELDS].concat());
    ServiceFile {
        name,
        run: run(&fields),
        after: fields.get("after", |r| r.one_or_more(|r| r.at(r.text()))).unwrap_or_default(),
        stand_in: fields.get("stand-in", |r| run(&r.fields(&RUN_FIELDS))),
    }
}

fn run(fields: &Fields) -> RunFile {
    RunFile {
        command: fields.need("command", |r| r.at(r.text())).unwrap_or_default(),
        files: fields.get("files", texts).unwrap_or_default(),
        environment: fields.get("environment", texts).unwrap_or_default(),
        ready: fields.need("ready", ready).unwrap_or_default(),
        started: fields.get("started", |r| r.one_or_more(|r| r.at(r.text()))).unwrap_or_default(),
        reload: fields.get("reload", |r| r.at(r.text())),
        restart: fields.get("restart", |r| r.at(r.word(&RESTART))),
    }
}

/// The conditions of `ready` and of a `wait` step, which knows but the first five.
pub const CONDITIONS: [Known; 7] = [
    (
        "udp",
        "a socket of the service's own processes is bound to this port, or to all of a list, in its node. For a socket of the kernel's, such as WireGuard's, use `command`",
        "53",
    ),
    (
        "tcp",
        "a socket of the service's own processes listens on this port, or on all of a list, in its node",
        "80",
    ),
    ("log", "a line of the service's output matches this regular expression", "listening"),
    ("file", "this path exists, seen from the service's folder", "ready"),
    ("command", "this command succeeds in the service's node", "nc -z 127.0.0.1 80"),
    ("running", "the service has lived for this time", "1s"),
    ("exit", "the service has ended with this status; for commands that prepare something", "0"),
];
const READY_WITHIN: Known = ("within", "how long that may take (10s)", "30s");

fn ready(reader: Reader) -> ReadyFile {
    let fields = reader.fields(&[&CONDITIONS[..], &[READY_WITHIN]].concat());
    let conditions = conditions(&fields);
    if conditions.is_empty() {
        reader.wrong(format!(
            "nothing says when the service is ready, expected one of {}",
            quoted(&CONDITIONS.map(|(name, ..)| name))
        ));
    }
    ReadyFile { conditions, within: fields.get("within", |r| r.duration(MAX_WAIT)) }
}

/// The conditions of `ready` and of a `wait` step.
pub fn conditions(fields: &Fields) -> Vec<Spanned<Condition>> {
    let port = |r: Reader| r.integer(1..=65535) as u16;
    let mut all = Vec::new();
    all.extend(
        fields.get("udp", |r| r.one_or_more(|r| r.at(Condition::Udp(port(r))))).unwrap_or_default(),
    );
    all.extend(
        fields.get("tcp", |r| r.one_or_more(|r| r.at(Condition::Tcp(port(r))))).unwrap_or_default(),
    );
    all.extend(fields.get("log", |r| r.at(Condition::Log(values::log_pattern(&r)))));
    all.extend(fields.get("file", |r| r.at(Condition::File(r.text()))));
    all.extend(fields.get("command", |r| r.at(Condition::Command(r.text()))));
    all.extend(fields.get("running", |r| r.at(Condition::Running(r.duration(MAX_WAIT)))));
    all.extend(fields.get("exit", |r| r.at(Condition::Exit(r.integer(0..=255) as u8))));
    all
}
