//! `bench`: how many connections a second, how much data and how long a reply takes of a TCP service, directly
//! and through a proxy. labrun makes the load itself, the same on both, in turns.

use super::check::Checker;
use super::figures::{Bench, Figures, MEASURES, Measure, percent};
use super::{Kind, NODE, StepOutput, Verdict, name};
#[cfg(target_os = "linux")]
use crate::sandbox::{Done, Gone, Load, Mark, Sandbox};
use crate::topology::model::{GLOBAL, NetnsName};
use crate::yaml::decode::{MAX_WAIT, Reader};
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use crate::yaml::values;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;
#[cfg(target_os = "linux")]
use std::time::Instant;

const CONNECTIONS: i64 = 8;
const TIME: Duration = Duration::from_secs(1);
const LONGEST: Duration = Duration::from_secs(60);
const TIMEOUT: Duration = Duration::from_secs(5);
/// In how many turns each of the two is measured, so that what else the machine does concerns both.
const TURNS: u32 = 4;
/// What a limit may be: connections a second, Mbit/s, per cent.
const HIGHEST: i64 = 1_000_000_000;

/// A `bench` step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BenchStep {
    /// From where.
    node: NetnsName,
    direct: SocketAddr,
    through: SocketAddr,
    /// The node that has the address `direct`.
    server: NetnsName,
    request: String,
    reply: Option<u64>,
    /// A pattern found in the beginning of each reply; without one, all replies have the same length.
    matches: Option<String>,
    at_once: usize,
    /// For how long each of the two is measured.
    time: Duration,
    /// How long one connection may take.
    timeout: Duration,
    /// How long all of it may take.
    most: Duration,
    limits: Vec<Limit>,
}

/// What a measure must be through the proxy.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Limit {
    measure: Measure,
    at_least: Option<f64>,
    at_most: Option<f64>,
    /// In per cent of what it is directly.
    ratio: Option<(u64, u64)>,
}

/// What stands in the file.
#[derive(Debug)]
pub struct BenchFile {
    node: Spanned<String>,
    direct: Spanned<Option<SocketAddr>>,
    through: Spanned<Option<SocketAddr>>,
    send: Option<String>,
    reply: Option<i64>,
    matches: Option<String>,
    connections: Option<i64>,
    time: Option<Duration>,
    timeout: Option<Duration>,
    limits: Vec<Limit>,
}

const FIELDS: [Known; 10] = [
    NODE,
    ("direct", "address and port of the service itself", "\"10.0.0.1:80\""),
    ("through", "address and port of the proxy in front of it", "\"10.0.2.1:8080\""),
    ("send", "what each connection sends (nothing)", "\"GET / HTTP/1.0\\r\\n\\r\\n\""),
    ("reply", "how many bytes a reply has, if the service does not close the connection", "1024"),
    ("match", "a regular expression found in the first 4 KiB of each reply", "200 OK"),
    ("connections", "how many there are at once (8)", "32"),
    ("time", "for how long each of the two is measured (1s)", "5s"),
    ("timeout", "how long one connection may take (5s)", "2s"),
    ("expect", "what must have been measured through the proxy", "{connections: {ratio: 20-150}}"),
];
const EXPECTED: [Known; 5] = [
    ("connections", "connections a second", "{at-least: 1000, ratio: 20-150}"),
    ("throughput", "what the replies carry, in Mbit/s", "{at-least: 100}"),
    ("p50", "how long a connection takes to the end of its reply: half of them", "{at-most: 10ms}"),
    ("p90", "90 of a hundred", "{at-most: 20ms}"),
    ("p99", "99 of a hundred", "{at-most: 100ms, ratio: 50-1000}"),
];
const RATIO: Known = ("ratio", "how many per cent of what is measured directly", "20-150");
const RATE: [Known; 3] =
    [("at-least", "the lowest", "100"), ("at-most", "the highest", "100000"), RATIO];
const TOOK: [Known; 3] =
    [("at-least", "the shortest", "1ms"), ("at-most", "the longest", "100ms"), RATIO];

impl Kind for BenchStep {
    const NAME: &'static str = "bench";
    const ABOUT: (&'static str, &'static str) = (
        "a TCP service is measured, directly and through a proxy",
        "{node: client, direct: \"10.0.0.1:80\", through: \"10.0.2.1:8080\", send: \"GET / HTTP/1.0\\r\\n\\r\\n\"}",
    );
    type File = BenchFile;

    fn read(reader: Reader) -> Option<BenchFile> {
        let fields = reader.fields(&FIELDS);
        let socket = |field| fields.need(field, |r| r.at(r.parsed(socket))).unwrap_or_default();
        Some(BenchFile {
            node: name(&fields, "node"),
            direct: socket("direct"),
            through: socket("through"),
            send: fields.get("send", |r| r.text()),
            reply: fields.get("reply", |r| r.integer(1..=1 << 30)),
            matches: fields.get("match", |r| values::pattern(&r)),
            connections: fields.get("connections", |r| r.integer(1..=256)),
            time: fields.get("time", |r| r.duration(LONGEST)),
            timeout: fields.get("timeout", |r| r.duration(LONGEST)),
            limits: fields.get("expect", expected).unwrap_or_default(),
        })
    }

    fn check(file: &BenchFile, checker: &Checker) -> Option<BenchStep> {
        let node = checker.node(&file.node);
        let (direct, through) = (file.direct.value?, file.through.value?);
        if direct == through {
            checker.wrong(
                &file.through,
                format!("`{through}` is `direct`, too: there is no proxy to compare with"),
            );
        }
        let Some(server) = node_of(checker, direct.ip()) else {
            let message = format!("no node has the address `{}`", direct.ip());
            checker.wrong(&file.direct, message);
            return None;
        };
        let (time, timeout) = (file.time.unwrap_or(TIME), file.timeout.unwrap_or(TIMEOUT));
        Some(BenchStep {
            node,
            direct,
            through,
            server,
            request: file.send.clone().unwrap_or_default(),
            reply: file.reply.map(|bytes| bytes as u64),
            matches: file.matches.clone(),
            at_once: file.connections.unwrap_or(CONNECTIONS) as usize,
            time,
            timeout,
            // After each turn, and for a first connection to each, somebody may be waited for.
            most: time * 2 + timeout * 2 * (TURNS + 1),
            limits: file.limits.clone(),
        })
    }

    #[cfg(target_os = "linux")]
    fn run(&self, sandbox: &Sandbox, _: &Mark) -> Result<StepOutput, Gone> {
        Ok(match self.measure(sandbox)? {
            Ok(figures) => {
                let stdout = serde_json::to_string(&figures).unwrap_or_default();
                StepOutput { stdout, ..StepOutput::default() }
            }
            Err(why) => StepOutput::done(Err(why)),
        })
    }

    fn judge(&self, seen: &StepOutput) -> Verdict {
        let Some(bench) = self.measured(seen) else {
            let why = seen.stderr.trim();
            return Err(vec![if why.is_empty() { "nothing was measured" } else { why }.into()]);
        };
        let wrong: Vec<String> =
            self.limits.iter().flat_map(|limit| limit.missed(&bench)).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let of = |measure: Measure| {
            let (through, whole) = (bench.through.get(measure), bench.direct.get(measure));
            let ratio = percent(bench.ratio.get(measure));
            format!("{} of {} ({ratio})", measure.shown(through), measure.shown(whole))
        };
        Ok(format!("{}, {}", of(Measure::Connections), of(Measure::Throughput)))
    }

    fn measured(&self, seen: &StepOutput) -> Option<Bench> {
        let figures: [Figures; 2] = serde_json::from_str(&seen.stdout).ok()?;
        let something = |one: &Figures| one.connections > 0.0 && one.throughput > 0.0;
        let to = [self.direct.to_string(), self.through.to_string()];
        (seen.exit == 0 && figures.iter().all(something))
            .then(|| Bench::new(&self.node.0, to, figures))
    }

    fn limit(&self) -> Duration {
        self.most
    }

    fn deadlines(&mut self) -> Vec<&mut Duration> {
        vec![&mut self.timeout, &mut self.most]
    }

    fn node(&self) -> Option<&NetnsName> {
        Some(&self.node)
    }
}

#[cfg(target_os = "linux")]
impl BenchStep {
    /// Measures both; what was measured directly first, or what failed.
    fn measure(&self, sandbox: &Sandbox) -> Result<Result<[Figures; 2], String>, Gone> {
        let end = Instant::now() + self.most;
        let pattern = self.matches.as_ref().and_then(|pattern| {
            regex_lite::RegexBuilder::new(pattern).multi_line(true).build().ok()
        });
        let length = std::cell::Cell::new(None);
        let good = |head: &[u8], got: u64| match (&pattern, &self.matches, length.get()) {
            (Some(regex), Some(text), _) => {
                let head = String::from_utf8_lossy(head);
                let message = || {
                    let head = super::output::short(&head);
                    format!("gave a reply that does not match `{text}`: {head}")
                };
                regex.is_match(&head).then_some(()).ok_or_else(message)
            }
            (_, _, Some(first)) if first != got => {
                Err(format!("gave a reply of {got} bytes, where the first had {first}"))
            }
            _ => Ok(()),
        };
        let load = |to| Load {
            to,
            request: self.request.as_bytes(),
            reply: self.reply,
            good: &good,
            at_once: self.at_once,
            patience: self.timeout.min(end.saturating_duration_since(Instant::now())),
        };
        let late = || Ok(Err(format!("it was not over within {:?}", self.most)));
        for (what, to) in [("direct", self.direct), ("through", self.through)] {
            let load = load(to);
            let probe = match sandbox.in_node(&self.node.0, || sandbox.probe(&load)) {
                Ok(probe) => probe?,
                Err(error) => Err(error.to_string()),
            };
            let probe = match probe {
                Ok(probe) => probe,
                Err(why) => return Ok(Err(format!("{what}: {why}"))),
            };
            length.set(Some(probe.length));
            let arrives = sandbox.arrives(&self.server.0, self.direct.port(), probe.local);
            match (what, arrives) {
                ("direct", false) => {
                    return Ok(Err(format!(
                        "direct: connections to {to} do not get to the node that has this address as they are"
                    )));
                }
                ("through", true) => {
                    return Ok(Err(format!(
                        "through: connections to {to} get to {} as they are: no proxy takes them",
                        self.direct
                    )));
                }
                _ => {}
            }
        }
        let mut done = [Done::default(), Done::default()];
        for _ in 0..TURNS {
            for (done, to) in done.iter_mut().zip([self.direct, self.through]) {
                // The test may have less time left than the step wants.
                let left = end.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return late();
                }
                let turn = (self.time / TURNS).min(left);
                let load = load(to);
                let put = || sandbox.load(&load, turn, done);
                let result = match sandbox.in_node(&self.node.0, put) {
                    Ok(result) => result?,
                    Err(error) => Err(error.to_string()),
                };
                if let Err(why) = result {
                    return Ok(Err(why));
                }
                if turn == left {
                    return late();
                }
            }
        }
        let figures = done.map(|done| {
            let Done { times, bytes, took } = done;
            Figures::of(times, bytes, took.as_secs_f64())
        });
        Ok(Ok(figures))
    }
}

impl Limit {
    /// What of it `bench` does not keep.
    fn missed(&self, bench: &Bench) -> Vec<String> {
        let measure = self.measure;
        let [direct, through] = [&bench.direct, &bench.through].map(|one| one.get(measure));
        let ratio = bench.ratio.get(measure);
        let mut missed = Vec::new();
        let mut wrong = |wanted: String| {
            missed.push(format!("{} through the proxy: {wanted}", measure.name()));
        };
        let shown = measure.shown(through);
        if let Some(least) = self.at_least.filter(|least| through < *least) {
            wrong(format!("{shown}, not at least {}", measure.shown(least)));
        }
        if let Some(most) = self.at_most.filter(|most| through > *most) {
            wrong(format!("{shown}, not at most {}", measure.shown(most)));
        }
        let outside = |&(first, last): &(u64, u64)| ratio < first as f64 || ratio > last as f64;
        if let Some((first, last)) = self.ratio.filter(outside) {
            let direct = measure.shown(direct);
            let ratio = percent(ratio);
            wrong(format!("{shown} is {ratio} of the direct {direct}, not {first} to {last} %"));
        }
        missed
    }
}

/// The node that has `address`.
fn node_of(checker: &Checker, address: IpAddr) -> Option<NetnsName> {
    let topology = checker.topology;
    let node = topology.nodes.iter().find(|node| {
        let own = node.addresses().map(|(_, net)| net).chain(&node.loopback);
        own.into_iter().any(|net| net.addr() == address)
    });
    let bridge = || {
        let mut own = topology.bridges.iter().flat_map(|bridge| &bridge.addresses);
        own.any(|net| net.addr() == address).then(|| NetnsName(GLOBAL.into()))
    };
    node.map(|node| node.netns.clone()).or_else(bridge)
}

fn socket(text: &str) -> Result<Option<SocketAddr>, String> {
    match text.parse::<SocketAddr>() {
        Ok(socket) if socket.port() > 0 && !socket.ip().is_unspecified() => Ok(Some(socket)),
        _ => Err(format!(
            "`{text}`: expected an address and a port, such as `10.0.0.1:80` or `[fd00::1]:80`"
        )),
    }
}

/// Reads what must have been measured.
fn expected(reader: Reader) -> Vec<Limit> {
    let fields = reader.fields(&EXPECTED);
    MEASURES
        .into_iter()
        .filter_map(|measure| fields.get(measure.name(), |r| limit(measure, &r)))
        .collect()
}

fn limit(measure: Measure, reader: &Reader) -> Limit {
    let is_rate = matches!(measure, Measure::Connections | Measure::Throughput);
    let known = if is_rate { RATE } else { TOOK };
    let fields = reader.fields(&known);
    // Times are measured in milliseconds.
    let bound = |field| match is_rate {
        true => fields.get(field, |r| r.integer(1..=HIGHEST) as f64),
        false => fields.get(field, |r| r.duration(MAX_WAIT).as_secs_f64() * 1e3),
    };
    let (at_least, at_most) = (bound("at-least"), bound("at-most"));
    let ratio = fields.get("ratio", |r| r.at(values::range(&r, HIGHEST as u64)));
    if fields.present(&known.map(|(name, ..)| name)).is_empty() {
        fields.wrong("it limits nothing: say `at-least`, `at-most` or `ratio`");
    }
    if let (Some(least), Some(most)) = (at_least, at_most)
        && least > most
    {
        fields.wrong("`at-least` is more than `at-most`: nothing is both");
    }
    if let Some(ratio) = ratio.as_ref().filter(|ratio| ratio.0 == ratio.1 && ratio.1 > 0) {
        let message = "no two measurements are the same: give a range such as `20-150`";
        fields.wrong_at(ratio, message);
    }
    Limit { measure, at_least, at_most, ratio: ratio.map(|ratio| ratio.value) }
}
