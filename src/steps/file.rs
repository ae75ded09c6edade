//! The steps of a test as they are written.

use crate::text::quoted;
use crate::topology::file_services::conditions;
use crate::topology::model::Condition;
use crate::yaml::decode::{Fields, MAX_WAIT, Reader};
use crate::yaml::problem::At;
use crate::yaml::tree::Value;
use crate::yaml::values;
use std::net::IpAddr;
use std::time::Duration;

/// An entry of `steps`.
#[derive(Debug)]
pub enum StepFile {
    /// A client takes a lease.
    Dhcp(DhcpFile),
    /// A command runs.
    Run(RunStepFile),
    /// A host is pinged.
    Ping(PingFile),
    /// Something is waited for.
    Wait {
        /// Where ports are looked for and commands run.
        node: At<String>,
        /// For what.
        condition: At<Condition>,
        /// Whose output, if for a line of it.
        service: Option<At<String>>,
        /// For how long.
        within: Option<Duration>,
    },
    /// A service is stopped or started on purpose.
    Service {
        /// `stop`, `kill`, `start` or `restart`.
        action: &'static str,
        /// Which.
        service: At<String>,
        /// How long it may take to end before it is killed.
        within: Option<Duration>,
    },
    /// A cable is pulled or put back.
    Link {
        /// `up` or `down`.
        action: &'static str,
        /// `NODE/LINK`.
        link: At<String>,
    },
    /// Could not be read; a problem has been noted.
    Broken,
}

/// A `dhcp` step.
#[derive(Debug, Default)]
pub struct DhcpFile {
    /// The client's node.
    pub node: At<String>,
    /// The client's link.
    pub link: At<String>,
    /// 4 or 6.
    pub family: i64,
    /// Which client, if not the one of the command line.
    pub client: Option<At<String>>,
    /// How long the client has.
    pub within: Option<Duration>,
    /// No lease is the pass.
    pub fails: bool,
    /// What the lease must be.
    pub expect: ExpectFile,
}

/// What a lease must be.
#[derive(Debug, Default)]
pub struct ExpectFile {
    /// First and last address.
    pub pool: Option<At<Option<(IpAddr, IpAddr)>>>,
    /// Prefix length on the link.
    pub prefix: Option<At<i64>>,
    /// Default router.
    pub router: Option<At<Option<IpAddr>>>,
    /// DNS servers.
    pub dns: Option<Vec<At<Option<IpAddr>>>>,
    /// For how long.
    pub lease: Option<At<Duration>>,
    /// IPv4: the server identifier; IPv6: the server's DUID or the hardware address in it.
    pub server: Option<At<String>>,
}

/// A `run` step.
#[derive(Debug, Default)]
pub struct RunStepFile {
    /// Where.
    pub node: At<String>,
    /// What, a shell command.
    pub command: At<String>,
    /// A failing command is the pass.
    pub fails: bool,
    /// The exit status.
    pub exit: Option<At<i64>>,
    /// Standard output, but for blank space at its ends.
    pub stdout: Option<String>,
    /// A pattern found in standard output.
    pub matches: Option<String>,
    /// What standard output, parsed as JSON, must contain.
    pub json: Option<serde_json::Value>,
    /// How patient to be.
    pub patience: PatienceFile,
}

/// A `ping` step.
#[derive(Debug, Default)]
pub struct PingFile {
    /// From where.
    pub node: At<String>,
    /// What.
    pub to: At<Option<IpAddr>>,
    /// How many requests, all of which must be answered.
    pub count: Option<i64>,
    /// No answer at all is the pass.
    pub fails: bool,
    /// How patient to be.
    pub patience: PatienceFile,
}

/// Deadline and retry of a step.
#[derive(Debug, Default)]
pub struct PatienceFile {
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
    /// Try again until it holds, for so long.
    pub within: Option<At<Duration>>,
    /// Pause between two attempts.
    pub every: Option<At<Duration>>,
}

/// DHCP counts a lease in 32 bits of seconds; nobody tests for more than a year.
const MAX_LEASE: Duration = Duration::from_secs(366 * 24 * 3600);

const KINDS: [&str; 6] = ["dhcp", "run", "ping", "wait", "service", "link"];

/// Reads an entry of `steps`.
pub fn step(reader: Reader) -> StepFile {
    let fields = reader.fields(&KINDS);
    match fields.present(&KINDS).as_slice() {
        [] => {
            if !matches!(reader.value(), Value::Map(map) if !map.is_empty()) {
                reader.wrong(format!("a step is one of {}", quoted(&KINDS)));
            }
            StepFile::Broken
        }
        [kind] => fields.get(kind, |r| one(kind, r)).unwrap_or(StepFile::Broken),
        several => {
            reader.wrong(format!("{} are steps of their own: give each its `-`", quoted(several)));
            StepFile::Broken
        }
    }
}

fn one(kind: &str, reader: Reader) -> StepFile {
    match kind {
        "dhcp" => StepFile::Dhcp(dhcp(reader)),
        "run" => StepFile::Run(run(reader)),
        "ping" => StepFile::Ping(ping(reader)),
        "wait" => wait(reader),
        "service" => {
            let actions = ["stop", "kill", "start", "restart"];
            let fields = reader.fields(&["stop", "kill", "start", "restart", "within"]);
            let within = fields.get("within", |r| r.duration(MAX_WAIT));
            action(&reader, &fields, &actions).map_or(StepFile::Broken, |(action, service)| StepFile::Service { action, service, within })
        }
        _ => {
            let actions = ["up", "down"];
            let fields = reader.fields(&actions);
            action(&reader, &fields, &actions).map_or(StepFile::Broken, |(action, link)| StepFile::Link { action, link })
        }
    }
}

/// The one of `actions` that is there, and what it is to be done to.
fn action(reader: &Reader, fields: &Fields, actions: &[&'static str]) -> Option<(&'static str, At<String>)> {
    match fields.present(actions).as_slice() {
        [one] => fields.get(one, |r| (*one, r.at(r.text()))),
        _ => {
            reader.wrong(format!("expected exactly one of {}", quoted(actions)));
            None
        }
    }
}

fn name(fields: &Fields, field: &str) -> At<String> {
    fields.need(field, |r| r.at(r.text())).unwrap_or_default()
}

fn dhcp(reader: Reader) -> DhcpFile {
    let fields = reader.fields(&["node", "link", "family", "client", "within", "fails", "expect"]);
    let file = DhcpFile {
        node: name(&fields, "node"),
        link: name(&fields, "link"),
        family: fields
            .need("family", |r| match r.value() {
                Value::Int(n @ (4 | 6)) => *n,
                _ => {
                    r.wrong(format!("expected 4 or 6, found {}", r.shown()));
                    4
                }
            })
            .unwrap_or(4),
        client: fields.get("client", |r| r.at(r.text())),
        within: fields.get("within", |r| r.duration(MAX_WAIT)),
        fails: fields.get("fails", |r| r.boolean()).unwrap_or_default(),
        expect: fields.get("expect", expect).unwrap_or_default(),
    };
    if file.fails && !fields.present(&["expect"]).is_empty() {
        reader.wrong("`fails: true` wants no lease, so there is nothing to `expect` of one");
    }
    file
}

fn expect(reader: Reader) -> ExpectFile {
    let fields = reader.fields(&["pool", "prefix", "router", "dns", "lease", "server"]);
    let address = |r: Reader| r.at(r.parsed(|t| values::address(t).map(Some)));
    ExpectFile {
        pool: fields.get("pool", |r| r.at(r.parsed(values::pool))),
        prefix: fields.get("prefix", |r| r.at(r.integer(0..=128))),
        router: fields.get("router", address),
        dns: fields.get("dns", |r| r.one_or_more(address)),
        lease: fields.get("lease", |r| r.at(r.duration(MAX_LEASE))),
        server: fields.get("server", |r| r.at(r.text())),
    }
}

fn run(reader: Reader) -> RunStepFile {
    let known = ["node", "command", "fails", "exit", "stdout", "match", "json", "timeout", "within", "every"];
    let fields = reader.fields(&known);
    let file = RunStepFile {
        node: name(&fields, "node"),
        command: name(&fields, "command"),
        fails: fields.get("fails", |r| r.boolean()).unwrap_or_default(),
        exit: fields.get("exit", |r| r.at(r.integer(0..=255))),
        stdout: fields.get("stdout", |r| r.text_or_number()),
        matches: fields.get("match", |r| values::pattern(&r)),
        json: fields.get("json", |r| json(&r)),
        patience: patience(&fields),
    };
    if let Some(exit) = file.exit.as_ref().filter(|exit| exit.value == 124) {
        fields.wrong_at(exit, "124 stands for a command whose time was over, which never passes");
    }
    if file.fails && file.exit.is_some() {
        reader.wrong("`fails: true` stands for any exit status but 0, `exit` for one: give either");
    }
    file
}

fn ping(reader: Reader) -> PingFile {
    let fields = reader.fields(&["node", "to", "count", "fails", "timeout", "within", "every"]);
    PingFile {
        node: name(&fields, "node"),
        to: fields.need("to", |r| r.at(r.parsed(|t| values::address(t).map(Some)))).unwrap_or_default(),
        count: fields.get("count", |r| r.integer(1..=100)),
        fails: fields.get("fails", |r| r.boolean()).unwrap_or_default(),
        patience: patience(&fields),
    }
}

fn wait(reader: Reader) -> StepFile {
    let fields = reader.fields(&["node", "udp", "tcp", "log", "file", "command", "service", "within"]);
    let mut conditions = conditions(&fields);
    if conditions.len() != 1 {
        reader.wrong("expected exactly one of `udp`, `tcp`, `log`, `file` and `command`");
        return StepFile::Broken;
    }
    let condition = conditions.remove(0);
    let service = fields.get("service", |r| r.at(r.text()));
    let in_node = !matches!(condition.value, Condition::Log(_) | Condition::File(_));
    if matches!(condition.value, Condition::Log(_)) && service.is_none() {
        reader.wrong("the field `service` is missing: whose log?");
    }
    let node = if in_node { name(&fields, "node") } else { reader.at("global".to_string()) };
    StepFile::Wait { node, condition, service, within: fields.get("within", |r| r.duration(MAX_WAIT)) }
}

fn patience(fields: &Fields) -> PatienceFile {
    let file = PatienceFile {
        timeout: fields.get("timeout", |r| r.duration(MAX_WAIT)),
        within: fields.get("within", |r| r.at(r.duration(MAX_WAIT))),
        every: fields.get("every", |r| r.at(r.duration(MAX_WAIT))),
    };
    match (&file.within, &file.every) {
        (None, Some(_)) => fields.wrong("`every` says how often to try again, which needs a `within`"),
        (Some(within), Some(every)) if every.value > within.value => {
            fields.wrong("`every` is longer than `within`: it would be tried only once");
        }
        _ => {}
    }
    file
}

/// The YAML value as JSON.
fn json(reader: &Reader) -> serde_json::Value {
    match reader.value() {
        Value::Null => serde_json::Value::Null,
        Value::Bool(b) => (*b).into(),
        Value::Int(n) => (*n).into(),
        Value::Float(n) => (*n).into(),
        Value::Text(t) => t.clone().into(),
        Value::List(_) => reader.list(|r| json(&r)).into(),
        Value::Map(_) => reader.entries(|key, r| (key.value, json(&r))).into_iter().collect::<serde_json::Map<_, _>>().into(),
    }
}
