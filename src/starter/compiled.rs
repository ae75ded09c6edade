//! Go, Rust and Zig, each of which has one way to build.

use crate::starter::project::{
    KnownBy, Project, entries, is_name, name, quoted_in, read, stem, with_extension,
};
use std::path::Path;

/// The main packages of the Go module in `folder`: its own, those of `cmd/`, and those of other folders.
pub(crate) fn go(folder: &Path) -> Vec<Project> {
    let text = read(&folder.join("go.mod"));
    let Some(module) = text.lines().find_map(|line| line.trim().strip_prefix("module ")) else {
        return Vec::new();
    };
    let module = module.split("//").next().unwrap_or_default().trim().trim_matches('"');
    // The version of a module is no name: example.org/echo/v2.
    let versioned = |word: &str| word.strip_prefix('v').is_some_and(|n| n.parse::<u32>().is_ok());
    let own = module.rsplit('/').find(|word| !versioned(word)).unwrap_or_default();
    let mut mains: Vec<(String, String)> = Vec::new();
    if is_main(folder) {
        mains.push((own.into(), ".".into()));
    }
    for (parent, path) in [("cmd/", folder.join("cmd")), ("", folder.to_path_buf())] {
        for child in entries(&path).iter().filter(|child| is_main(child)) {
            mains.push((name(child).into(), format!("./{parent}{}", name(child))));
        }
    }
    mains.retain(|(program, _)| is_name(program));
    let project = |(program, package): (String, String)| Project {
        language: "Go",
        known_by: KnownBy::GoModule(module.into()),
        mark: "go.mod".into(),
        command: format!("go build -o \"$OUT/{program}\" {package}"),
        program,
    };
    mains.into_iter().map(project).collect()
}

/// Whether a program's `main` is in `folder`, and not just what `go run` is for.
fn is_main(folder: &Path) -> bool {
    let sources = with_extension(folder, &["go"]);
    let sources =
        sources.iter().filter(|path| !name(path).ends_with("_test.go")).map(|path| read(path));
    let code = |line: &str| line.split("//").next().unwrap_or_default().trim().to_string();
    let ignored = |text: &str| text.lines().any(|line| line.trim() == "//go:build ignore");
    sources
        .filter(|text| !ignored(text))
        .any(|text| text.lines().any(|line| code(line) == "package main"))
}

/// The programs of the Cargo package or workspace in `folder`.
pub(crate) fn rust(folder: &Path) -> Vec<Project> {
    let text = read(&folder.join("Cargo.toml"));
    let mut found = Vec::new();
    if let Some(package) = field(&text, "[package]", "name") {
        let known_by = KnownBy::CargoPackage(package.into());
        found.extend(binaries(folder, &text).into_iter().map(|bin| cargo(bin, known_by.clone())));
    }
    if text.lines().any(|line| line.trim() == "[workspace]") {
        for parent in ["", "crates", "bins"] {
            for member in entries(&folder.join(parent)) {
                let text = read(&member.join("Cargo.toml"));
                let path = member.strip_prefix(folder).unwrap_or(&member).join("Cargo.toml");
                let known_by = ["Cargo.toml".to_string(), path.display().to_string()];
                let known_by = KnownBy::Files(known_by.into());
                let bins = binaries(&member, &text).into_iter();
                found.extend(bins.map(|bin| cargo(bin, known_by.clone())));
            }
        }
    }
    found
}

fn cargo(program: String, known_by: KnownBy) -> Project {
    Project {
        language: "Rust",
        known_by,
        mark: "Cargo.toml".into(),
        command: format!(
            "cargo build --release --target-dir target --bin {program} && cp target/release/{program} \"$OUT\""
        ),
        program,
    }
}

/// The binaries of the package in `folder`, whose Cargo.toml is `text`; as Cargo finds them.
fn binaries(folder: &Path, text: &str) -> Vec<String> {
    let Some(package) = field(text, "[package]", "name") else { return Vec::new() };
    let tables = text.match_indices("[[bin]]").map(|(at, _)| &text[at..]);
    let mut names: Vec<String> =
        tables.filter_map(|table| Some(field(table, "[[bin]]", "name")?.to_string())).collect();
    let main = folder.join("src/main.rs").is_file().then(|| package.to_string());
    let others = with_extension(&folder.join("src/bin"), &["rs"]);
    let others = others.iter().map(|path| stem(path).to_string());
    // A [[bin]] is mostly src/main.rs by another name.
    if names.is_empty() {
        names.extend(main);
    }
    names.extend(others);
    names.retain(|name| is_name(name));
    names
}

/// The text of `key` in the `table` of a TOML file that is written as Cargo writes it.
fn field<'t>(text: &'t str, table: &str, key: &str) -> Option<&'t str> {
    let lines = text.lines().map(str::trim).skip_while(|line| *line != table).skip(1);
    let mut fields = lines.take_while(|line| !line.starts_with('['));
    fields.find_map(|line| quoted_in(line.strip_prefix(key)?.trim_start().strip_prefix('=')?))
}

/// The programs of the build.zig in `folder`.
pub(crate) fn zig(folder: &Path) -> Vec<Project> {
    let text = read(&folder.join("build.zig"));
    let programs = text.split("addExecutable(").skip(1);
    let named = |call: &str| {
        let named = call.split(".name").nth(1)?.trim_start().strip_prefix('=')?;
        quoted_in(named).map(String::from).filter(|name| is_name(name))
    };
    let project = |program: String| Project {
        language: "Zig",
        known_by: KnownBy::Files(vec!["build.zig".into()]),
        mark: "build.zig".into(),
        command: format!(
            "zig build -Doptimize=ReleaseSafe --cache-dir \"$OUT/cache\" --prefix \"$OUT/build\" && cp \"$OUT/build/bin/{program}\" \"$OUT\""
        ),
        program,
    };
    programs.filter_map(named).map(project).collect()
}
