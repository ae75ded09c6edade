//! The reference says what the tables say: its path rules are right, and the packets and fields
//! that it lists are all that there are.

use labrun::packet::PROTOCOLS;
use labrun::packet::ethernet::ETHERNET;
use labrun::packet::protocol::{Protocol, ValueKind};
use regex_lite::Regex;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

const LAB_FILES: &str = include_str!("../../docs/lab-files.md");

/// The code block of the document that begins with `start`.
fn block(start: &str) -> String {
    let begin = LAB_FILES.find(&format!("```yaml\n{start}")).expect("the document has it")
        + "```yaml\n".len();
    let length = LAB_FILES[begin..].find("```").unwrap();
    LAB_FILES[begin..begin + length].to_string()
}

#[test]
fn the_path_rules_of_the_reference_are_right() {
    let rules: String = block("path:").lines().map(|line| format!("    {line}\n")).collect();
    let links = |node: &str, bridges: &[&str]| {
        let link = |bridge: &&str| {
            format!(
                "e-{bridge}: {{bridge: {bridge}, port: {}}}",
                if *bridge == "b2" { "q".to_string() + node } else { format!("p-{node}") }
            )
        };
        format!(
            "  {node}: {{links: {{{}}}}}\n",
            bridges.iter().map(link).collect::<Vec<_>>().join(", ")
        )
    };
    let nodes = [
        links("client", &["b1"]),
        links("relay", &["b1", "b2"]),
        links("balancer", &["b2"]),
        links("server", &["b1", "b2"]),
    ]
    .concat();
    let lab = format!(
        "lab: x\nbridges: [b1, b2]\nnodes:\n{nodes}tests:\n  t:\n    steps: [ping: {{node: client, to: 10.0.0.1}}]\n{rules}"
    );
    let lab = labrun::lab::check::lab(&lab, "x")
        .unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}\n{lab}"));
    assert_eq!(lab.tests[0].path.len(), 6);
}

#[test]
fn the_links_and_routes_of_the_reference_are_right() {
    let links = block("nodes:\n  pe:\n");
    let ends = ["red: {links: {eth0: {peer: pe/eth1}}}", "left: {links: {eth0: {peer: pe/eth2}}}"];
    let more = "  right: {links: {eth0: {peer: pe/eth3}}}\n";
    let text = format!("lab: x\n{links}  {}\n  {}\n{more}", ends[0], ends[1]);
    let lab = labrun::lab::check::lab(&text, "x")
        .unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}\n{text}"));
    assert_eq!(lab.topology.nodes[0].devices.len(), 3);
    let routes = block("nodes:\n  router:\n    routes:\n");
    let links = "    links:\n      eth0: {peer: far/eth0, addresses: 10.0.0.2/24}\n      eth1: {peer: far/eth1, addresses: 10.0.1.2/24}\n";
    let text = format!(
        "lab: x\n{routes}{links}  far: {{links: {{eth0: {{peer: router/eth0}}, eth1: {{peer: router/eth1}}}}}}\n"
    );
    let lab = labrun::lab::check::lab(&text, "x")
        .unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}\n{text}"));
    assert_eq!((lab.topology.nodes[0].routes.len(), lab.topology.nodes[0].rules.len()), (4, 2));
}

#[test]
fn the_way_out_of_the_reference_is_right() {
    let text = format!("lab: x\n{}", block("nodes:\n  inner:\n"));
    let lab = labrun::lab::check::lab(&text, "x")
        .unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}\n{text}"));
    assert_eq!(lab.topology.uplinks[0].value, "gate/wan");
}

/// `a`, `b`.
fn quoted<'a>(names: impl IntoIterator<Item = &'a &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

fn row(cells: &[String]) -> String {
    let cell =
        |cell: &String| if cell.is_empty() { "| ".to_string() } else { format!("| {cell} ") };
    cells.iter().map(cell).collect::<String>() + "|\n"
}

/// The kinds of messages of `protocol` and what may be said of its ports.
fn kinds(protocol: &Protocol) -> String {
    let plain = quoted(protocol.kinds.iter().filter(|kind| !protocol.carriers.contains(kind)));
    let mut all: Vec<String> = Some(plain).filter(|kinds| !kinds.is_empty()).into_iter().collect();
    if !protocol.carriers.is_empty() {
        all.push(format!("{}, and then the kind of the message inside", quoted(protocol.carriers)));
    }
    if protocol.ports {
        all.push("`port N`, `from port N`, `to port N`, any number of them".into());
    }
    all.join("; ")
}

#[test]
fn the_reference_lists_all_packets() {
    let mut table =
        String::from("| `packet` | is carried by | may be followed by |\n|---|---|---|\n");
    for protocol in PROTOCOLS {
        let over: Vec<&str> = protocol.over.iter().map(|over| over.name).collect();
        table += &row(&[quoted(&[protocol.name]), quoted(&over), kinds(protocol)]);
    }
    assert!(LAB_FILES.contains(&table), "docs/lab-files.md must have\n{table}");
}

fn value(kind: ValueKind) -> String {
    match kind {
        ValueKind::Number => "number".into(),
        ValueKind::Ipv4 => "IPv4 address".into(),
        ValueKind::Ipv6 => "IPv6 address".into(),
        ValueKind::Mac => "hardware address".into(),
        ValueKind::Duid => "DUID, or the hardware address in it".into(),
        ValueKind::Text => "text".into(),
        ValueKind::Domain => "domain name".into(),
        ValueKind::Word(words) => quoted(words),
    }
}

#[test]
fn the_reference_lists_all_fields() {
    let all = ("all".to_string(), &ETHERNET.fields);
    let of = |protocol: &&'static Protocol| (quoted(&[protocol.name]), &protocol.fields);
    // What several protocols have alike is one row.
    let mut rows: Vec<(Vec<String>, [String; 3])> = Vec::new();
    for (protocol, fields) in PROTOCOLS.iter().map(of).chain([all]) {
        for field in *fields {
            let about = match field.only {
                Some((_, called)) if !field.about.is_empty() => {
                    format!("of {called}: {}", field.about)
                }
                Some((_, called)) => format!("of {called}"),
                None => field.about.to_string(),
            };
            let cells = [quoted(&[field.name]), value(field.value), about];
            match rows.iter_mut().find(|(_, known)| *known == cells) {
                Some((protocols, _)) => protocols.push(protocol.clone()),
                None => rows.push((vec![protocol.clone()], cells)),
            }
        }
    }
    let mut table = String::from("| `fields` | of | value | |\n|---|---|---|---|\n");
    for (protocols, [name, value, about]) in rows {
        table += &row(&[name, protocols.join(", "), value, about]);
    }
    assert!(LAB_FILES.contains(&table), "docs/lab-files.md must have\n{table}");
}

/// The rows of the table with this `head` that is the first after `title`.
fn rows(title: &str, head: &str) -> Vec<String> {
    let (_, rest) = LAB_FILES.split_once(title).expect(title);
    let (_, table) = rest.split_once(&format!("| {head} |\n|---|---|\n")).expect(head);
    table.lines().take_while(|line| line.starts_with('|')).map(String::from).collect()
}

#[test]
fn the_reference_says_of_fields_what_their_readers_say() {
    let schema = labrun::lab::schema::schema();
    let fields = |pointer: &str, before: &str| {
        let fields = schema.pointer(pointer).and_then(|p| p.as_object()).expect(pointer);
        let about = |field: &serde_json::Value| field["description"].as_str().unwrap().to_string();
        let name = |name| quoted(&[format!("{before}{name}").as_str()]);
        let rows = fields.iter().map(|(field, said)| row(&[name(field), about(said)]));
        rows.map(|row| row.trim_end().to_string()).collect::<Vec<_>>()
    };
    let file = [fields("/properties", ""), fields("/properties/needs/properties", "needs.")];
    let node = "/properties/nodes/additionalProperties/properties";
    let service = format!("{node}/services/additionalProperties/properties");
    let rule = "/properties/tests/additionalProperties/properties/path/items/properties";
    let field = "field | what it is";
    for (title, head, mut wanted) in [
        ("## Fields of the file\n", field, file.concat()),
        ("## Nodes\n", field, fields(node, "")),
        ("## Services\n", field, fields(&service, "")),
        (
            "\n`ready` ",
            "condition | holds when",
            fields(&format!("{service}/ready/properties"), ""),
        ),
        ("## Path rules\n", field, fields(rule, "")),
    ] {
        let mut rows = rows(title, head);
        // These are told of beside the tables, and no reader knows fragments.
        let beside = |row: &String| {
            ["| `needs` |", "| `within` |", "| `x-…` |"].iter().any(|begin| row.starts_with(begin))
        };
        rows.retain(|row| !beside(row));
        wanted.retain(|row| !beside(row));
        rows.sort();
        wanted.sort();
        assert_eq!(rows, wanted, "docs/lab-files.md, {title}: what is there, and what must be");
    }
    let kernel = schema.pointer("/properties/needs/properties/kernel/items/enum").unwrap();
    let kernel: Vec<&str> =
        kernel.as_array().unwrap().iter().map(|f| f.as_str().unwrap()).collect();
    assert!(LAB_FILES.contains(&format!("The kernel features are {}.", quoted(&kernel))));
}

#[test]
fn each_promise_has_a_test() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let pages = [include_str!("../../docs/promises.md"), include_str!("../../docs/security.md")];
    let rows = |page: &'static str| -> Vec<Vec<&str>> {
        // Other tables have no column of that name.
        let tables = page.split("\n\n").filter(|part| part.starts_with("| | test |"));
        let lines = tables.flat_map(|table| table.lines().skip(2));
        lines.map(|line| line.rsplit('|').nth(1).unwrap().split('`').collect()).collect()
    };
    let [promises, security] = pages.map(rows);
    assert!(promises.len() >= 40, "{}", promises.len());
    assert!(security.len() >= 10, "{}", security.len());
    let rows = promises.into_iter().chain(security);
    for row in rows {
        let [_, file, _, name, _] = row[..] else { panic!("{row:?}") };
        let folder = if file.starts_with("src/") { "" } else { "tests" };
        let code = std::fs::read_to_string(root.join(folder).join(file)).expect(file);
        let test = |indent: &str| format!("#[test]\n{indent}fn {name}(");
        let there = ["", "    "].iter().any(|indent| code.contains(&test(indent)));
        assert!(there, "{file} has no test {name}");
    }
}

/// The files below `folder` whose names end so.
fn files(folder: &Path, end: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| match path.is_dir() {
            true => files(&path, end),
            false if path.to_str().unwrap().ends_with(end) => vec![path],
            false => Vec::new(),
        })
        .collect()
}

/// What `pattern` finds in its first group.
fn all<'a>(pattern: &str, text: &'a str) -> BTreeSet<&'a str> {
    let pattern = Regex::new(pattern).unwrap();
    pattern.captures_iter(text).map(|found| found.get(1).unwrap().as_str()).collect()
}

/// The variables that the program reads: those that options name, and every name in capital letters
/// in a file that reads any.
fn read_by_rust(root: &Path) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for path in files(&root.join("src"), ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        // What it sets for others, and what help calls values.
        let other = Regex::new(r#"(?:\.env\(|value_name = )"[A-Z_]+""#).unwrap();
        let code = &other.replace_all(code, "");
        let mut found = all(r#"env = "([A-Z0-9_]+)""#, code);
        if code.contains("env::var") {
            found.extend(all(r#""([A-Z][A-Z0-9_]+)""#, code));
        }
        if code.contains("\"qemu-system-{arch}\"") {
            found.insert("QEMU_SYSTEM_ARCH");
        }
        if code.contains("tempfile::tempfile()") {
            found.insert("TMPDIR");
        }
        // Whose names could be anything.
        assert!(!code.contains("env::vars"), "{} reads all variables", path.display());
        names.extend(found.into_iter().map(String::from));
    }
    names
}

/// The variables that the shell of labs and of the VM uses and never sets, but for bash's own.
fn read_by_shell(root: &Path) -> BTreeSet<String> {
    let scripts = [files(&root.join("scripts"), ".sh"), files(&root.join("vm"), ".sh")].concat();
    let text: String = scripts.iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    let code: Vec<&str> = text.lines().filter(|line| !line.trim_start().starts_with('#')).collect();
    let code = code.join("\n");
    let mut used = all(r"\$\{?[#!]?([A-Z][A-Z0-9_]+)", &code);
    for set in [
        r"\b([A-Z][A-Z0-9_]+)(?:\+?=|\[)",
        r"\b(?:read|local|printf -v) [^\n;]*?\b([A-Z][A-Z0-9_]+)",
        r"\{([A-Z]+)\}<>",
    ] {
        all(set, &code).iter().for_each(|name| _ = used.remove(name));
    }
    // The text of a lab's program sets those of the lab.
    let other = ["EUID", "ERR", "PPID", "PWD", "LAB", "LAB_HASH", "PIPE"];
    used.retain(|name| !name.starts_with("BASH") && !other.contains(name));
    used.into_iter().map(String::from).collect()
}

#[test]
fn the_reference_lists_all_variables_of_the_environment_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let text = include_str!("../../docs/environment.md");
    let table = text.split("\n\n").find(|part| part.starts_with("| variable | what it does |"));
    let rows = table.unwrap().lines().skip(2);
    let cells = rows.map(|row| row.split('|').nth(1).unwrap());
    let listed: BTreeSet<String> =
        cells.flat_map(|cell| all("`([A-Z0-9_]+)`", cell)).map(String::from).collect();
    let mut read = read_by_rust(root);
    assert!(read.contains("LABRUN_ARTIFACTS") && read.contains("CGO_ENABLED"), "{read:?}");
    let shell = read_by_shell(root);
    assert!(shell.contains("XDG_CACHE_HOME"), "{shell:?}");
    read.extend(shell);
    assert_eq!(listed, read, "docs/environment.md lists what is not read, or lacks what is");
}

/// Each has a page with its drawing and its tests, and the README says where.
#[test]
fn every_built_in_lab_has_its_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = fs::read_to_string(root.join("README.md")).unwrap();
    for (name, text) in labrun::lab::find::BUILT_IN {
        let page = fs::read_to_string(root.join(format!("docs/labs/{name}.md"))).unwrap();
        let lab = labrun::lab::check::lab(text, name).unwrap();
        let drawing = labrun::graph::terminal(&lab, 80);
        assert!(page.contains(drawing.trim_end()), "{name}: its drawing is\n{drawing}");
        for test in &lab.tests {
            let row = format!("| `{}` | {} |\n", test.name, test.about);
            assert!(page.contains(&row), "{name}: {row}");
        }
        let row = format!("| [`{name}`](docs/labs/{name}.md) | ");
        let row = readme.lines().find(|line| line.starts_with(&row)).expect(name);
        assert!(row.contains(&format!("src=\"docs/pictures/labs/{name}.svg\"")), "{row}");
        let picture = root.join(format!("docs/pictures/labs/{name}.svg"));
        let drawn = fs::read_to_string(picture).unwrap_or_default();
        let now = labrun::graph::svg(&lab);
        assert!(drawn.trim_end() == now.trim_end(), "{name}: `.ci/pictures labs` draws it anew");
    }
}

/// Comments and blank lines don't count.
#[test]
fn no_built_in_lab_is_longer_than_120_lines() {
    for (name, text) in labrun::lab::find::BUILT_IN {
        let counts = |line: &&str| !line.trim().is_empty() && !line.trim_start().starts_with('#');
        let lines = text.lines().filter(counts).count();
        assert!(lines <= 120, "{name}: {lines} lines");
        let long = text.lines().filter(|line| line.chars().count() > 160).count();
        assert_eq!(long, 0, "{name}: lines of more than 160 columns");
    }
}
