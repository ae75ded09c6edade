//! What gather.sh has printed, taken apart.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::collections::BTreeMap;

/// All that came to be.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// By their names; `global` is the one that the script began in.
    pub namespaces: BTreeMap<String, Namespace>,
    pub processes: Vec<Process>,
    /// Where the script was started.
    pub folder: String,
    /// The variables that the script was given.
    pub environment: Vec<String>,
    /// Files that it has written, by path.
    pub files: BTreeMap<String, String>,
    /// What of them is no text.
    pub binaries: Vec<String>,
    /// The settings of a new namespace.
    pub fresh: BTreeMap<String, String>,
}

#[derive(Debug, Default)]
pub(crate) struct Namespace {
    /// What it calls the others.
    pub ids: BTreeMap<i64, String>,
    pub links: Vec<Value>,
    pub addresses: Vec<Value>,
    pub routes: Vec<Value>,
    pub rules: Vec<Value>,
    pub settings: BTreeMap<String, String>,
    pub nft: String,
    /// Which tables of the old iptables there are.
    pub iptables: String,
    /// As ss(8) prints them.
    pub sockets: String,
}

#[derive(Debug)]
pub(crate) struct Process {
    pub namespace: String,
    pub pid: String,
    pub words: Vec<String>,
    /// Where it runs.
    pub folder: String,
    pub environment: Vec<String>,
    /// It has left the script's session, as daemons do that put themselves in the background.
    pub detached: bool,
}

impl Found {
    /// # Errors
    /// If something in it makes no sense.
    pub fn read(text: &str) -> Result<Found, String> {
        let mut found = Found::default();
        let mut ended = false;
        for line in text.lines() {
            let mut fields = line.splitn(3, '\t');
            let mut field =
                || fields.next().ok_or_else(|| format!("a record is cut short: {line}"));
            let (kind, name, data) = (field()?, field()?, field()?);
            match kind {
                "status" => {}
                "end" => ended = true,
                "fresh" => found.fresh = settings(&decoded(data)?),
                "folder" => found.folder = decoded(data)?,
                "environment" => found.environment = words(&decoded(data)?),
                "file" => {
                    let (path, text) = data.split_once(' ').unwrap_or((data, ""));
                    let path = decoded(path)?;
                    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
                    match String::from_utf8(bytes) {
                        Ok(text) if !text.contains('\0') => _ = found.files.insert(path, text),
                        _ => found.binaries.push(path),
                    }
                }
                "process" => found.processes.push(process(name, data)?),
                _ => found.namespaces.entry(name.into()).or_default().add(kind, data)?,
            }
        }
        if ended { Ok(found) } else { Err("what was found is not complete".into()) }
    }
}

impl Namespace {
    fn add(&mut self, kind: &str, data: &str) -> Result<(), String> {
        let list = || -> Result<Vec<Value>, String> {
            let text = if data.is_empty() { "[]" } else { data };
            serde_json::from_str(text).map_err(|error| format!("{kind}: {error}"))
        };
        match kind {
            "ids" => {
                let name =
                    |id: &Value| Some((id["nsid"].as_i64()?, id["name"].as_str()?.to_string()));
                self.ids = list()?.iter().filter_map(name).collect();
            }
            "links" => self.links = list()?,
            "addresses" => self.addresses = list()?,
            "routes" => self.routes.extend(list()?),
            "rules" => self.rules.extend(list()?),
            "settings" => self.settings = settings(&decoded(data)?),
            "nft" => self.nft = decoded(data)?,
            "iptables" => self.iptables = decoded(data)?,
            "sockets" => self.sockets = decoded(data)?,
            _ => return Err(format!("an unknown record: {kind}")),
        }
        Ok(())
    }
}

fn process(namespace: &str, data: &str) -> Result<Process, String> {
    let parts: Vec<&str> = data.split(' ').collect();
    let [pid, session, command, folder, environment] = parts[..] else {
        return Err(format!("a process is cut short: {data}"));
    };
    Ok(Process {
        namespace: namespace.into(),
        pid: pid.into(),
        detached: session != "0",
        words: words(&decoded(command)?),
        folder: decoded(folder)?.trim_end_matches('\n').into(),
        environment: words(&decoded(environment)?),
    })
}

/// Texts that end with a NUL each, as in /proc/PID/cmdline.
fn words(text: &str) -> Vec<String> {
    text.split_terminator('\0').map(String::from).collect()
}

/// Kernel settings by their names, from lines `net/ipv4/ip_forward:1`.
fn settings(text: &str) -> BTreeMap<String, String> {
    let setting = |line: &str| {
        let (path, value) = line.split_once(':')?;
        // sysctl(8) swaps the two.
        let name: String = path
            .chars()
            .map(|c| match c {
                '/' => '.',
                '.' => '/',
                c => c,
            })
            .collect();
        Some((name, value.split_whitespace().collect::<Vec<_>>().join(" ")))
    };
    text.lines().filter_map(setting).collect()
}

fn decoded(text: &str) -> Result<String, String> {
    let bytes = STANDARD.decode(text).map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
