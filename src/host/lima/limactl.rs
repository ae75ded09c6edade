//! What limactl prints, read: its version, its instances, its log. It understands Lima 1.x and 2.x.

use serde::Deserialize;
use std::collections::BTreeMap;

/// The environment variable that marks an instance as labrun's. Lima keeps it in the instance's own
/// configuration, so it comes and goes with the instance, whoever removes that.
pub const MARK: &str = "LABRUN_TEMPLATE";

/// A version of Lima, major and minor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version(pub u32, pub u32);

/// The oldest version that labrun works with: the first that has all options it uses.
pub const OLDEST: Version = Version(1, 0);

/// Reads `limactl --version`: `limactl version 1.2.2`, also with a `v` or a commit after it. What
/// has no number in it was built from a checkout, and is taken for the newest.
pub fn version(text: &str) -> Version {
    let word = text.split_whitespace().last().unwrap_or_default().trim_start_matches('v');
    let mut numbers = word.split(['.', '-', '+']).map(|part| part.parse().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => Version(major, minor),
        _ => Version(u32::MAX, 0),
    }
}

/// How an instance is, in Lima's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Status {
    /// Its disk is there, it does not run.
    Stopped,
    /// It runs, or is about to: Lima says so from the first moment of a boot.
    Running,
    /// Something of it runs and something else does not.
    Broken,
    /// It is being made, or that was cut short.
    Unfinished,
}

impl Status {
    /// As messages have it.
    pub fn word(&self) -> &'static str {
        match self {
            Status::Stopped => "stopped",
            Status::Running => "running",
            Status::Broken => "broken",
            Status::Unfinished => "unfinished",
        }
    }
}

/// An instance of Lima.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    pub status: Status,
    /// The template it was made from, if labrun has made it.
    pub mark: Option<String>,
    /// What is wrong with it.
    pub errors: String,
    /// Number of virtual processors.
    pub cpus: u32,
    /// Bytes.
    pub memory: u64,
    /// Bytes.
    pub disk: u64,
    /// Its folder on this machine.
    pub folder: String,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    dir: String,
    #[serde(default)]
    cpus: u32,
    #[serde(default)]
    memory: u64,
    #[serde(default)]
    disk: u64,
    config: Option<Config>,
    #[serde(default)]
    errors: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct Config {
    env: Option<BTreeMap<String, String>>,
}

/// The instance `name` in the output of `limactl list NAME --json`, one JSON object a line; `log`
/// is its standard error. Lima 1.x lists errors as empty objects, and has their words in the log
/// only.
///
/// # Errors
/// If that is not what limactl prints; the line.
pub fn instance(name: &str, output: &str, log: &str) -> Result<Option<Instance>, String> {
    for line in output.lines().filter(|line| !line.trim().is_empty()) {
        let listed: Listed =
            serde_json::from_str(line).map_err(|error| format!("{error} in: {line}"))?;
        if listed.name != name {
            continue;
        }
        let mut errors: Vec<String> =
            listed.errors.iter().filter_map(|error| error.as_str().map(String::from)).collect();
        if errors.is_empty() {
            errors = log.lines().filter_map(log_errors).collect();
        }
        return Ok(Some(Instance {
            status: match listed.status.as_str() {
                "Running" => Status::Running,
                "Stopped" => Status::Stopped,
                "Uninitialized" | "Installing" => Status::Unfinished,
                _ => Status::Broken,
            },
            mark: listed.config.and_then(|config| config.env).and_then(|mut env| env.remove(MARK)),
            errors: errors.join("; "),
            cpus: listed.cpus,
            memory: listed.memory,
            disk: listed.disk,
            folder: listed.dir,
        }));
    }
    Ok(None)
}

fn log_errors(line: &str) -> Option<String> {
    field(line, "errors").map(|errors| errors.trim_matches(['[', ']']).to_string())
}

/// The level and the text of a line of limactl's log, which is logrus's: `time="…" level=info
/// msg="…"`. A line of another form is a text without level.
pub fn log_line(line: &str) -> (String, String) {
    let level = field(line, "level").unwrap_or_default();
    let text = field(line, "msg").unwrap_or_else(|| line.to_string());
    (level, text.trim_start_matches("[hostagent] ").trim().to_string())
}

/// The value of `name=VALUE` or `name="VALUE"`, with Go's escapes undone as far as JSON knows them.
fn field(line: &str, name: &str) -> Option<String> {
    let start = line.find(&format!("{name}="))? + name.len() + 1;
    let rest = &line[start..];
    if !rest.starts_with('"') {
        return rest.split_whitespace().next().map(String::from);
    }
    let mut escaped = false;
    let end = rest[1..].find(|c| {
        let ends = c == '"' && !escaped;
        escaped = c == '\\' && !escaped;
        ends
    })?;
    let quoted = &rest[..end + 2];
    Some(serde_json::from_str(quoted).unwrap_or_else(|_| quoted.trim_matches('"').to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_of_releases_and_of_checkouts() {
        assert_eq!(version("limactl version 1.2.2\n"), Version(1, 2));
        assert_eq!(version("limactl version v2.0.0-rc.1"), Version(2, 0));
        assert_eq!(version("limactl version 2.1.0-14-g1234567.m"), Version(2, 1));
        assert_eq!(version("limactl version 0.23.2"), Version(0, 23));
        assert!(version("limactl version <unknown>") > OLDEST);
        assert!(version("limactl version 0.23.2") < OLDEST);
    }

    /// When the host agent was killed, in the words of either source.
    #[test]
    fn errors_are_words_in_2_and_in_the_log_of_1() {
        let why = "qemu driver is running but host agent is not";
        let one = r#"{"name":"labrun","status":"Broken","dir":"/d","errors":[{}]}"#;
        let log = format!(
            r#"time="t" level=warning msg="instance \"labrun\" has errors" errors="[{why}]""#
        );
        let two = format!(r#"{{"name":"labrun","status":"Broken","dir":"/d","errors":["{why}"]}}"#);
        for (list, log) in [(one, log.as_str()), (&two, "")] {
            let found = instance("labrun", list, log).unwrap().unwrap();
            assert_eq!((found.status, found.errors.as_str()), (Status::Broken, why));
        }
        assert_eq!(instance("labrun", "", "").unwrap(), None);
        assert!(instance("labrun", "no JSON", "").unwrap_err().contains("no JSON"));
    }

    #[test]
    fn log_lines_lose_their_wrapping() {
        let line = r#"time="2026-11-21T14:00:00Z" level=info msg="[hostagent] Waiting for the essential requirement 1 of 2: \"ssh\"""#;
        assert_eq!(
            log_line(line),
            ("info".into(), "Waiting for the essential requirement 1 of 2: \"ssh\"".into())
        );
        assert_eq!(log_line("level=fatal msg=short"), ("fatal".into(), "short".into()));
        assert_eq!(log_line("no log at all"), (String::new(), "no log at all".into()));
        assert_eq!(log_line(r#"level=warning msg="never ends"#).0, "warning");
    }
}
