//! The text of a first lab file.

use crate::quote::{shell, yaml, yaml_line};
use crate::starter::ci;
use crate::starter::listens::{Listens, Speaks};
use crate::starter::project::{KnownBy, Project};
use crate::starter::shape::{Place, Shape};
use crate::starter::text::fill;
use crate::text::quoted;

/// What is asked for.
#[derive(Clone, Debug)]
pub struct Answers {
    /// The lab's name.
    pub name: String,
    pub program: String,
    /// What builds it; without, it is found on PATH or named with `--subject`.
    pub project: Option<Project>,
    pub shape: Shape,
    pub listens: Listens,
    /// The program's arguments. `{address}` and the like stand for what the shape has.
    pub arguments: String,
    /// What a client sends: a line, of HTTP the path, of DNS the name.
    pub ask: Option<String>,
    /// A regular expression for what the answer must have in it; for DHCP, the range of addresses.
    pub answer: Option<String>,
}

impl Answers {
    /// What to ask for `ask`, where the shape's test can make use of it.
    pub fn question(&self) -> Option<&'static str> {
        match (self.shape, self.listens.speaks) {
            (Shape::Dns, _) => Some("A name that it knows?"),
            (Shape::Server | Shape::Router, Speaks::Http) => Some("A path that it has, such as /?"),
            (Shape::Server | Shape::Router, Speaks::Udp | Speaks::Tcp) => Some(
                "A line that it answers? If there is none, the test only sees that it listens.",
            ),
            (Shape::Relay | Shape::Proxy | Shape::Vpn | Shape::Dhcp | Shape::Routing, _) => None,
        }
    }
}

/// What the relay's server is sent, unless the answers say otherwise.
const GREETING: &str = "hello";

/// The lab file for `answers`.
///
/// # Errors
/// If they contradict each other.
pub fn lab(answers: &Answers) -> Result<String, String> {
    if let Some(objection) = answers.shape.objection(answers.listens) {
        return Err(objection);
    }
    let Answers { listens, shape, .. } = answers;
    let transport = listens.speaks.transport();
    let answer = answers.answer.as_deref();
    let mut values: Vec<(&str, String)> = vec![
        (
            "top",
            format!(
                "{}\n# The network that {} is tested in: {}.\n#",
                for_editors(),
                answers.program,
                shape.about()
            ),
        ),
        ("head", head(answers)),
        ("transport", transport.into()),
        ("port", listens.port.to_string()),
        ("about", about(answers).into()),
        ("echo", echo(*listens)),
        ("answer", yaml(answer.unwrap_or("^server (one|two)$"))),
        ("pool", answer.unwrap_or("10.0.0.2-10.0.0.254").into()),
        ("dig", dig(answers)),
    ];
    for (place, key) in shape.places().iter().zip(match shape.places() {
        [_] => ["service", ""],
        _ => ["service-left", "service-right"],
    }) {
        values.push((key, service(answers, place)?));
    }
    let (steps, path) = exchange(answers)?;
    values.extend([("steps", steps), ("path", path)]);
    Ok(fill(shape.template(), &values))
}

/// By this line editors know the schema of the file: that of this version, so that it stays true.
fn for_editors() -> String {
    let (repository, version) = (ci::labrun(), env!("CARGO_PKG_VERSION"));
    format!(
        "# yaml-language-server: $schema=https://github.com/{repository}/releases/download/v{version}/lab.schema.json"
    )
}

/// What follows the drawing, down to the subject.
fn head(answers: &Answers) -> String {
    let Answers { name, program, shape, .. } = answers;
    let needs = match shape {
        Shape::Relay => "\nneeds:\n  commands: {socat: socat}\n",
        Shape::Proxy => "\nneeds:\n  commands: {busybox: busybox}\n",
        Shape::Dns => "\nneeds:\n  commands: {dig: bind9-dnsutils}\n",
        Shape::Vpn => {
            "\nneeds:\n  kernel: [tun]          # CHANGE: what the tunnel needs of the kernel\n"
        }
        Shape::Server | Shape::Router | Shape::Dhcp | Shape::Routing => "",
    };
    format!(
        "#\n# Made by `labrun init`, and yours from here. What says CHANGE depends on what {program} does.\n\
         # `labrun check` finds mistakes in this file, `labrun graph {name}` draws it.\n\
         lab: {name}\nabout: {}\n{needs}\nsubject:\n  program: {program}\n{}\n",
        shape.about(),
        subject(answers)
    )
}

/// How the program is found and built.
fn subject(answers: &Answers) -> String {
    let Some(project) = &answers.project else {
        return "  # Nothing here builds it: it is the one on PATH, or that of --subject.\n".into();
    };
    let known_by = match &project.known_by {
        KnownBy::GoModule(module) => format!("go-module: {}", yaml(module)),
        KnownBy::CargoPackage(package) => format!("cargo-package: {}", yaml(package)),
        KnownBy::Files(files) => {
            let files: Vec<String> = files.iter().map(|file| yaml(file)).collect();
            format!("files: [{}]", files.join(", "))
        }
    };
    let command: String = project.command.lines().map(|line| format!("        {line}\n")).collect();
    format!(
        "  repository: {{{known_by}}}\n  build:\n    - files: {}\n      # CHANGE: how it is built, if not so.\n      command: |-\n{command}",
        yaml(&project.mark)
    )
}

/// The program as a service.
fn service(answers: &Answers, place: &Place) -> Result<String, String> {
    let arguments = arguments(answers, place)?;
    let command = yaml_line(format!("exec {} {arguments}", answers.program).trim_end());
    let (program, suffix) = (&answers.program, place.suffix);
    let transport = answers.listens.speaks.transport();
    Ok(format!(
        "{program}{suffix}:\n  command: {command}   # CHANGE: its arguments\n  \
         # files: {{config: \"...\\n\"}}   # CHANGE: files that it needs; it is started in their folder\n  \
         ready: {{{transport}: {}}}   # CHANGE: where it listens",
        answers.listens.port
    ))
}

/// The program's arguments there, with the values of the place.
fn arguments(answers: &Answers, place: &Place) -> Result<String, String> {
    let port = answers.listens.port.to_string();
    let values: Vec<(&str, &str)> =
        place.values.iter().copied().chain([("port", port.as_str())]).collect();
    let mut text = answers.arguments.clone();
    for (name, value) in &values {
        text = text.replace(&format!("{{{name}}}"), value);
    }
    // What is left of that kind is a slip.
    let mut parts = text.split('{').skip(1).filter_map(|rest| rest.split_once('}'));
    let word = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase());
    match parts.find(|(name, _)| word(name)) {
        None => Ok(text),
        Some((name, _)) => {
            let known: Vec<String> = values.iter().map(|(name, _)| format!("{{{name}}}")).collect();
            Err(format!(
                "--args: a lab of the shape {} has no `{{{name}}}`, only {}",
                answers.shape.name(),
                quoted(&known)
            ))
        }
    }
}

fn about(answers: &Answers) -> &'static str {
    match (answers.listens.speaks, &answers.ask) {
        (Speaks::Http, _) | (_, Some(_)) => "a client gets an answer",
        (Speaks::Tcp, None) => "a client can connect",
        (Speaks::Udp, None) => "what a client sends gets to the program",
    }
}

/// What is on the other side of a relay.
fn echo(listens: Listens) -> String {
    match listens.speaks.transport() {
        "udp" => format!("UDP-RECVFROM:{},fork", listens.port),
        _ => format!("TCP-LISTEN:{},fork,reuseaddr", listens.port),
    }
}

/// What a client of a DNS server asks. Of the answer only what the server said of it is printed, so that nothing in the
/// question passes for it.
fn dig(answers: &Answers) -> String {
    let name = answers.ask.as_deref().unwrap_or("localhost");
    let question = format!(
        "dig +noall +comments +answer +time=1 +tries=1 @10.0.0.2 -p {} {} A",
        answers.listens.port,
        shell(name)
    );
    let (change, matched) = match (&answers.answer, &answers.ask) {
        (Some(answer), _) => ("a name that it knows, and what must be in the answer", answer),
        (None, Some(_)) => (
            "a name that it knows, and better the address that must be in the answer",
            &KNOWN.into(),
        ),
        (None, None) => {
            ("a name that it knows, and its address; no server knows all of them", &SANE.into())
        }
    };
    format!("# CHANGE: {change}.\ncommand: {}\nmatch: {}", yaml_line(&question), yaml_line(matched))
}

/// What `dig` prints of an answer that has something in it.
const KNOWN: &str = "(?s)status: NOERROR.* ANSWER: [1-9]";
/// What it prints of all answers by which a server that is well can say what it knows of a name, be it nothing.
const SANE: &str = "status: (NOERROR|NXDOMAIN|REFUSED)";

/// The steps of the test and its path rules, where they are not the shape's own.
fn exchange(answers: &Answers) -> Result<(String, String), String> {
    let Answers { shape, listens, .. } = answers;
    let port = listens.port;
    let (address, way) = match shape {
        Shape::Server => ("10.0.0.2", ["client", "server"].as_slice()),
        Shape::Router => ("10.0.2.2", ["client", "router", "server"].as_slice()),
        Shape::Relay => ("10.0.1.1", [].as_slice()),
        Shape::Dns => ("10.0.0.2", ["client", "server"].as_slice()),
        Shape::Proxy | Shape::Vpn | Shape::Dhcp | Shape::Routing => return Ok(Default::default()),
    };
    let (there, back) = match (shape, listens.speaks) {
        (Shape::Dns, _) if port == 53 => ("dns query".into(), "dns answer".into()),
        (_, Speaks::Udp) => (format!("udp to port {port}"), format!("udp from port {port}")),
        _ => (format!("tcp syn to port {port}"), format!("tcp syn-ack from port {port}")),
    };
    let reverse: Vec<&str> = way.iter().rev().copied().collect();
    let mut path = format!("- {{packet: {there}, crosses: [{}]}}\n", way.join(", "));
    let silent = listens.speaks == Speaks::Udp && answers.ask.is_none() && *shape != Shape::Dns;
    match shape {
        // Who relays it sends it anew: it is another packet.
        Shape::Relay => {
            path = format!(
                "# The client speaks with the program, and the server with nobody else.\n\
                 - {{packet: {there}, at: br1, fields: {{destination: 10.0.1.1}}}}\n\
                 - {{packet: {there}, at: br2, fields: {{source: 10.0.2.1, destination: 10.0.2.2}}}}"
            );
        }
        _ if silent => path.push_str(
            "# Nobody said that there is no such port.\n- {packet: icmp unreachable, at-most: 0}",
        ),
        Shape::Dns if port == 53 && (answers.answer.is_some() || answers.ask.is_some()) => path
            .push_str(&format!(
                "- {{packet: {back}, crosses: [{}], fields: {{rcode: NOERROR}}}}",
                reverse.join(", ")
            )),
        _ => path.push_str(&format!("- {{packet: {back}, crosses: [{}]}}", reverse.join(", "))),
    }
    Ok((steps(answers, address)?, path))
}

/// How a client at the node `client` asks at `address`.
fn steps(answers: &Answers, address: &str) -> Result<String, String> {
    let port = answers.listens.port;
    let relayed = (answers.shape == Shape::Relay).then_some(GREETING);
    let ask = answers.ask.as_deref().or(relayed);
    let answer = answers.answer.as_deref().or(if answers.ask.is_none() { relayed } else { None });
    let matched =
        answer.map(|answer| format!("    match: {}\n", yaml_line(answer))).unwrap_or_default();
    if answers.listens.speaks == Speaks::Http {
        let path = ask.unwrap_or("/");
        if !path.starts_with('/') {
            return Err(format!("--ask {path}: of HTTP it is a path, such as /health"));
        }
        let url = yaml(&format!("http://{address}:{port}{path}"));
        return Ok(format!(
            "- http:\n    node: client\n    # CHANGE: what it asks for, and with `match: REGEX` what must be in the page.\n    url: {url}\n{matched}    within: 5s"
        ));
    }
    let transport = answers.listens.speaks.transport();
    let opened = format!("exec 3<>/dev/{transport}/{address}/{port}");
    let (change, command) = match (ask, answers.listens.speaks) {
        (Some(ask), _) => (
            "what it sends, and what must be in the answer",
            format!(
                "{opened} && echo {} >&3 && timeout 2 dd bs=64K count=1 status=none <&3 | grep ''",
                shell(ask)
            ),
        ),
        (None, Speaks::Udp) => ("what it sends", format!("{opened} && echo hello >&3")),
        (None, _) => ("send something, and see what comes back", opened),
    };
    Ok(format!(
        "- run:\n    node: client\n    # CHANGE: {change}.\n    command: {}\n{matched}    within: 5s",
        yaml_line(&command)
    ))
}
