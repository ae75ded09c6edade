//! `http`: a request by curl, judged by status and body. TLS is checked against the certificate
//! authorities of the machine, or against the one in the file `cacert`.

use super::check::Checker;
use super::output::{lacks, short, with_output};
use super::patience::{self, Patience, PatienceFile, share};
use super::saved::{self, Saved};
use super::{Kind, NODE, StepOutput, Verdict, name};
#[cfg(target_os = "linux")]
use crate::sandbox::{Gone, Mark, Sandbox, View};
use crate::topology::model::NetnsName;
use crate::yaml::decode::Reader;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use crate::yaml::values;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;

const TIMEOUT: Duration = Duration::from_secs(5);
/// What the line begins with by which curl tells the status.
const STATUS: &str = "labrun-status ";
/// curl's exit statuses when somebody was asked and did not answer properly (curl(1)): nobody
/// listens, time is over, TLS fails, the answer is empty or breaks off, the certificate is wrong.
const UNANSWERED: [i32; 7] = [7, 28, 35, 52, 56, 60, 124];

/// An `http` step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Http {
    /// From where.
    node: NetnsName,
    method: String,
    url: String,
    /// The certificate authority that the server must be known by.
    cacert: Option<String>,
    /// No answer at all is the pass.
    fails: bool,
    /// The status; any of 200 to 299 unless said otherwise.
    status: Option<u16>,
    /// The body, but for blank space at its ends.
    body: Option<String>,
    /// A pattern found in the body.
    matches: Option<String>,
    /// What the body, parsed as JSON, must contain.
    json: Option<Value>,
    patience: Patience,
}

/// What stands in the file.
#[derive(Debug)]
pub struct HttpFile {
    node: Spanned<String>,
    method: Option<Spanned<String>>,
    url: Spanned<String>,
    cacert: Option<Spanned<String>>,
    fails: bool,
    status: Option<u16>,
    body: Option<String>,
    matches: Option<String>,
    json: Option<Value>,
    patience: PatienceFile,
}

const FIELDS: [Known; 5] = [
    NODE,
    ("method", "the method (GET)", "POST"),
    ("url", "what is asked for", "\"http://10.0.0.2:8080/health\""),
    (
        "cacert",
        "the file with the certificate authority that the server must be known by",
        "certs/ca.pem",
    ),
    ("fails", "`true`: there must be no proper answer", "true"),
];
/// What is said of the answer.
const EXPECTED: [Known; 4] = [
    ("status", "the status, else any of 200 to 299", "301"),
    ("body", "the whole body, but for blank space at its ends", "hello"),
    ("match", "a regular expression found in the body", "^hel+o"),
    ("json", "a document that the body must contain", "{state: up}"),
];

impl Kind for Http {
    const NAME: &'static str = "http";
    const ABOUT: (&'static str, &'static str) = (
        "a request by curl, judged by status and body",
        "{node: client, url: \"http://10.0.0.2/\", status: 200}",
    );
    type File = HttpFile;

    fn read(reader: Reader) -> Option<HttpFile> {
        let expected = EXPECTED.map(|(name, ..)| name);
        let fields = reader.fields(&[&FIELDS[..], &EXPECTED, &patience::FIELDS].concat());
        let file = HttpFile {
            node: name(&fields, "node"),
            method: fields.get("method", |r| r.at(r.text())),
            url: name(&fields, "url"),
            cacert: fields.get("cacert", |r| r.at(r.text())),
            fails: fields.get("fails", |r| r.boolean()).unwrap_or_default(),
            status: fields.get("status", |r| r.integer(100..=599) as u16),
            body: fields.get("body", |r| r.text_or_number()),
            matches: fields.get("match", |r| values::pattern(&r)),
            json: fields.get("json", |r| r.json()),
            patience: PatienceFile::read(&fields),
        };
        if let (true, [one, ..]) = (file.fails, fields.present(&expected).as_slice()) {
            reader.wrong(format!("`fails: true` wants no answer, so there is no `{one}` of one"));
        }
        Some(file)
    }

    fn check(file: &HttpFile, checker: &Checker) -> Option<Http> {
        let secure = file.url.starts_with("https://");
        let host = file
            .url
            .split_once("://")
            .map_or("", |(_, rest)| rest.split('/').next().unwrap_or_default());
        if !file.url.is_empty() && (!(secure || file.url.starts_with("http://")) || host.is_empty())
        {
            checker.wrong(
                &file.url,
                format!(
                    "`{}`: expected a URL such as `http://10.0.0.1:8080/health`",
                    file.url.value
                ),
            );
        }
        saved::known(&file.url, checker);
        if file.url.contains(|c: char| c.is_whitespace() || c.is_control()) {
            checker.wrong(&file.url, "a URL has no blanks: write `%20`");
        }
        if let Some(cacert) = file.cacert.as_ref().filter(|_| !secure) {
            checker.wrong(cacert, "`cacert` is for `https://` only");
        }
        let method = file.method.as_ref().map_or("GET", |method| method.as_str());
        if let Some(at) = file
            .method
            .as_ref()
            .filter(|method| method.is_empty() || !method.bytes().all(|b| b.is_ascii_uppercase()))
        {
            checker.wrong(at, format!("`{method}` is not a method: `GET`, `HEAD`, `POST`, …"));
        }
        Some(Http {
            node: checker.node(&file.node),
            method: method.into(),
            url: file.url.value.clone(),
            cacert: file.cacert.as_ref().map(|cacert| cacert.value.clone()),
            fails: file.fails,
            status: file.status,
            body: file.body.clone(),
            matches: file.matches.clone(),
            json: file.json.clone(),
            patience: file.patience.or(TIMEOUT, share(TIMEOUT)),
        })
    }

    #[cfg(target_os = "linux")]
    fn run(&self, sandbox: &Sandbox, _: &Mark) -> Result<StepOutput, Gone> {
        let seconds = self.limit().as_secs_f64().to_string();
        let report = format!("%{{stderr}}\n{STATUS}%{{http_code}}\n");
        // No settings of the user's, no proxy, no meaning of brackets, and in words what happens to
        // the connection.
        let mut words = vec![
            "curl",
            "--disable",
            "--noproxy",
            "*",
            "--globoff",
            "--silent",
            "--show-error",
            "--verbose",
        ];
        words.extend(["--max-time", &seconds, "--write-out", &report]);
        // curl would wait for the body of an answer to HEAD.
        if self.method == "HEAD" {
            words.push("--head")
        } else {
            words.extend(["--request", &self.method])
        }
        words.extend(self.cacert.iter().flat_map(|cacert| ["--cacert", cacert]));
        words.extend(["--url", &self.url]);
        let program = sandbox
            .in_lab(sandbox.program(&self.node.0, &words), &self.node.0)
            .folder(&sandbox.layout.folder);
        let program = program.view(View::Whole).within(self.limit() + Duration::from_secs(1));
        let mut seen = StepOutput::from(sandbox.run(program)?);
        // Once there is a connection, something was sent.
        if self.fails && matches!(seen.exit, 7 | 28 | 124) {
            for address in tried(&seen.stderr) {
                seen.unsent = sandbox.no_way(&self.node.0, address, None)?;
                if seen.unsent.is_none() {
                    break;
                }
            }
        }
        Ok(seen)
    }

    fn fill(&mut self, saved: &Saved) {
        self.url = saved::fill(&self.url, saved);
        self.body = self.body.take().map(|body| saved::fill(&body, saved));
    }

    fn judge(&self, seen: &StepOutput) -> Verdict {
        let status = seen
            .stderr
            .lines()
            .find_map(|line| line.strip_prefix(STATUS)?.parse::<u16>().ok())
            .unwrap_or_default();
        let asked = format!("{} {}", self.method, self.url);
        // The kernel itself had no way there: nothing was sent.
        let unsent = seen.stderr.lines().find(|line| line.contains("Immediate connect fail"));
        if self.fails {
            let connects = !tried(&seen.stderr).is_empty();
            return match (seen.exit, unsent, &seen.unsent) {
                (0, ..) => Err(vec![format!(
                    "{asked} was answered with status {status}, but was not to be"
                )]),
                // Time may also be over before curl knows whom to ask.
                (exit, None, None) if UNANSWERED.contains(&exit) && connects => {
                    Ok("no answer, as wanted".into())
                }
                (_, _, why) => {
                    let why = why.as_ref().map_or(String::new(), |why| format!(": {why}"));
                    Err(with_output(
                        vec![format!("{asked} could not even be asked, which proves nothing{why}")],
                        &told(&seen.stderr),
                    ))
                }
            };
        }
        let mut wrong = Vec::new();
        match (seen.exit, self.status) {
            (0, Some(wanted)) if status != wanted => {
                wrong.push(format!("{asked} was answered with status {status}, not {wanted}"))
            }
            (0, None) if !(200..300).contains(&status) => {
                wrong.push(format!("{asked} was answered with status {status}, not 200 to 299"))
            }
            (0, _) => {}
            (127, _) => wrong.push("curl could not be run".into()),
            (28 | 124, _) => {
                wrong.push(format!("{asked} was not answered within {:?}", self.limit()))
            }
            (exit, _) => {
                wrong.push(format!("{asked} was not answered: curl ended with exit status {exit}"))
            }
        }
        if seen.exit != 0 {
            return Err(with_output(wrong, &told(&seen.stderr)));
        }
        let body = format!("the body of {asked}");
        if let Some(wanted) =
            self.body.as_ref().filter(|wanted| wanted.trim() != seen.stdout.trim())
        {
            wrong.push(format!("{body} is {}, not {}", short(&seen.stdout), short(wanted)));
        }
        wrong.extend(lacks(&body, &seen.stdout, self.matches.as_deref(), self.json.as_ref()));
        if wrong.is_empty() {
            return Ok(format!("{} {status}", self.method));
        }
        Err(with_output(wrong, &seen.stdout))
    }

    fn limit(&self) -> Duration {
        self.patience.attempt()
    }

    fn deadlines(&mut self) -> Vec<&mut Duration> {
        self.patience.deadlines()
    }

    fn patience(&self) -> Option<Patience> {
        Some(self.patience)
    }

    fn commands(&self) -> Vec<(&'static str, &'static str)> {
        vec![("curl", "curl")]
    }

    fn uses_folder(&self) -> bool {
        self.cacert.is_some()
    }

    fn node(&self) -> Option<&NetnsName> {
        Some(&self.node)
    }
}

/// The addresses that curl says it tried to connect to: `Trying 10.0.0.1:80...`, an IPv6 address in
/// brackets or not.
fn tried(stderr: &str) -> Vec<IpAddr> {
    let words = stderr.lines().filter_map(|line| line.split_once("Trying ")?.1.strip_suffix("..."));
    words
        .filter_map(|at| {
            let address = at.rsplit_once(':').map_or(at, |(address, _)| address);
            address.trim_matches(['[', ']']).parse().or(at.parse()).ok()
        })
        .collect()
}

/// Of what curl says, what is about the connection and what went wrong.
fn told(stderr: &str) -> String {
    let telling = |line: &&str| line.starts_with("* ") || line.starts_with("curl: ");
    stderr
        .lines()
        .filter(telling)
        .map(|line| line.trim_start_matches("* "))
        .collect::<Vec<_>>()
        .join("\n")
}

#[cfg(test)]
mod tests {
    use super::tried;

    #[test]
    fn whom_curl_tried_is_known_in_the_words_of_every_version() {
        let said = "* Host x\n*   Trying 10.0.0.1:80...\n*   Trying [fd00::1]:80...\n*   Trying fd00::2:80...\n* Trying 10.0.0.3...\n";
        let all: Vec<String> = tried(said).iter().map(ToString::to_string).collect();
        assert_eq!(all, ["10.0.0.1", "fd00::1", "fd00::2", "10.0.0.3"]);
        assert!(tried("* Could not resolve host: x\ncurl: (6) Trying\n").is_empty());
    }
}
