//! C and C++, by the tool that builds them.

use crate::starter::project::{
    KnownBy, Project, entries, is_name, name, quoted_in, read, with_extension,
};
use std::collections::BTreeMap;
use std::path::Path;

/// Sources of C and C++.
const SOURCES: [&str; 4] = ["c", "cc", "cpp", "cxx"];

/// The files `file` of `folder` and of the folders in it, each as its folder's path in `folder` and its text.
fn texts(folder: &Path, file: &str) -> Vec<(String, String)> {
    let folders = entries(folder).into_iter().filter(|path| path.is_dir());
    let own = (String::new(), read(&folder.join(file)));
    let others = folders.map(|path| (format!("{}/", name(&path)), read(&path.join(file))));
    [own].into_iter().chain(others).filter(|(_, text)| !text.is_empty()).collect()
}

/// What CMake's `add_executable` makes. Built beside the sources, with programs where they are looked for.
pub(crate) fn cmake(folder: &Path) -> Vec<Project> {
    if !folder.join("CMakeLists.txt").is_file() {
        return Vec::new();
    }
    let texts = texts(folder, "CMakeLists.txt");
    let call = |text: &str, function: &str| -> Vec<String> {
        let uncommented: Vec<&str> =
            text.lines().map(|line| line.split('#').next().unwrap_or_default()).collect();
        let text = uncommented.join("\n");
        // Names of functions may be written in any case.
        let lower = text.to_ascii_lowercase();
        let calls = lower
            .match_indices(function)
            .filter_map(|(at, _)| text[at + function.len()..].trim_start().strip_prefix('('));
        let words = |rest: &str| rest.split(')').next().unwrap_or_default().to_string();
        let first = |words: String| {
            let mut words = words.split_whitespace();
            let first = words.next()?.to_string();
            // Names of programs that are built elsewhere.
            words.all(|word| !["ALIAS", "IMPORTED"].contains(&word)).then_some(first)
        };
        calls.map(words).filter_map(first).collect()
    };
    let project = call(&texts[0].1, "project").into_iter().next().unwrap_or_default();
    let named = |name: String| {
        name.replace("${PROJECT_NAME}", &project).replace("${CMAKE_PROJECT_NAME}", &project)
    };
    let programs = texts.iter().flat_map(|(_, text)| call(text, "add_executable")).map(named);
    let project = |program: String| Project {
        language: "C or C++ with CMake",
        known_by: KnownBy::Files(vec!["CMakeLists.txt".into()]),
        mark: "CMakeLists.txt".into(),
        command: format!(
            "cmake -S . -B \"$OUT/build\" -DCMAKE_BUILD_TYPE=Release -DCMAKE_RUNTIME_OUTPUT_DIRECTORY=\"$OUT\" && cmake --build \"$OUT/build\" --target {program}"
        ),
        program,
    };
    programs.filter(|program| is_name(program)).map(project).collect()
}

/// What Meson's `executable` makes.
pub(crate) fn meson(folder: &Path) -> Vec<Project> {
    if !folder.join("meson.build").is_file() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (inside, text) in texts(folder, "meson.build") {
        let calls = text.split("executable(").skip(1).filter_map(quoted_in);
        found.extend(calls.filter(|program| is_name(program)).map(|program| Project {
            language: "C or C++ with Meson",
            program: program.into(),
            known_by: KnownBy::Files(vec!["meson.build".into()]),
            mark: "meson.build".into(),
            command: format!(
                "meson setup \"$OUT/build\" && meson compile -C \"$OUT/build\" && cp \"$OUT/build/{inside}{program}\" \"$OUT\""
            ),
        }));
    }
    found
}

/// What Automake's `bin_PROGRAMS` and `sbin_PROGRAMS` name. Built in a copy: a configured source folder is
/// full of what git need not know.
pub(crate) fn autotools(folder: &Path) -> Vec<Project> {
    if !folder.join("configure.ac").is_file() {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (inside, text) in texts(folder, "Makefile.am") {
        let values = text.lines().filter_map(|line| {
            let (name, value) = line.split_once('=')?;
            ["bin_PROGRAMS", "sbin_PROGRAMS"]
                .contains(&name.trim_end_matches('+').trim())
                .then_some(value)
        });
        let programs = values.flat_map(str::split_whitespace).filter(|program| is_name(program));
        found.extend(programs.map(|program| Project {
            language: "C or C++ with Autotools",
            program: program.into(),
            known_by: KnownBy::Files(vec!["configure.ac".into()]),
            mark: "configure.ac".into(),
            command: format!(
                "cp -a . \"$OUT/build\" && cd \"$OUT/build\" && {{ [ -x configure ] || autoreconf --install; }} && ./configure --disable-dependency-tracking && make && cp {inside}{program} \"$OUT\""
            ),
        }));
    }
    found
}

/// The programs that a Makefile beside C sources makes: what `all` needs, or else its first target.
pub(crate) fn make(folder: &Path) -> Vec<Project> {
    let names = ["GNUmakefile", "makefile", "Makefile"];
    let Some(file) = names.into_iter().find(|name| folder.join(name).is_file()) else {
        return Vec::new();
    };
    let sources =
        ["", "src"].iter().any(|part| !with_extension(&folder.join(part), &SOURCES).is_empty());
    // Others make Makefiles, and are known by what they make them from.
    let made = ["CMakeLists.txt", "configure.ac", "meson.build", "go.mod", "Cargo.toml"];
    if !sources || made.iter().any(|other| folder.join(other).exists()) {
        return Vec::new();
    }
    let project = |target: String| Project {
        language: "C or C++ with Make",
        program: name(Path::new(&target)).into(),
        known_by: KnownBy::Files(vec![file.into()]),
        mark: file.into(),
        command: format!("make {target} && cp {target} \"$OUT\""),
    };
    targets(&read(&folder.join(file))).into_iter().map(project).collect()
}

/// The programs in a Makefile, as its targets.
fn targets(text: &str) -> Vec<String> {
    let mut variables: BTreeMap<&str, &str> = BTreeMap::new();
    let mut rules: Vec<(&str, &str)> = Vec::new();
    for line in text.lines().filter(|line| !line.starts_with(['\t', '#', ' ', '.'])) {
        let line = line.split('#').next().unwrap_or_default();
        match (line.find('='), line.find(':')) {
            (Some(equals), colon) if colon.is_none_or(|colon| colon + 2 >= equals) => {
                variables.insert(
                    line[..equals].trim_end_matches([':', '?', '+', ' ']),
                    line[equals + 1..].trim(),
                );
            }
            (_, Some(colon)) => rules.push((line[..colon].trim(), line[colon + 1..].trim())),
            _ => {}
        }
    }
    let words = |text: &str| -> Vec<String> {
        let mut text = text.to_string();
        // As deep as people nest them.
        for _ in 0..4 {
            for (name, value) in &variables {
                text = text.replace(&format!("$({name})"), value);
                text = text.replace(&format!("${{{name}}}"), value);
            }
        }
        let program = |word: &&str| word.split('/').all(is_name) && !word.contains('.');
        text.split_whitespace().filter(program).map(String::from).collect()
    };
    let chores = ["all", "clean", "install", "test", "check", "fmt", "lint"];
    let all = rules.iter().find(|(target, _)| *target == "all");
    let mut found = all.map(|(_, needs)| words(needs)).unwrap_or_default();
    if found.is_empty() {
        found = rules.iter().flat_map(|(target, _)| words(target)).collect();
    }
    found.retain(|word| !chores.contains(&word.as_str()));
    found.truncate(if all.is_some() { found.len() } else { 1 });
    found
}
