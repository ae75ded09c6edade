//! Programs that an interpreter runs. A lab's program is a single file: a script is one, and of more files
//! one is made that unpacks itself.

use crate::quote::shell;
use crate::starter::project::{
    KnownBy, Project, entries, is_name, name, quoted_in, read, stem, with_extension,
};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The programs that Python runs: what pyproject.toml calls scripts, packages that can be run, scripts.
pub(crate) fn python(folder: &Path) -> Vec<Project> {
    let project = read(&folder.join("pyproject.toml"));
    let lines =
        project.lines().map(str::trim).skip_while(|line| *line != "[project.scripts]").skip(1);
    let entry = |line: &str| {
        let (name, value) = line.split_once('=')?;
        let (module, function) = quoted_in(value)?.split_once(':')?;
        Some((name.trim().trim_matches('"').to_string(), module.to_string(), function.to_string()))
    };
    let install = python_packages(folder, &project);
    let python = |program: String, mark: &str, words: &str| Project {
        language: "Python",
        known_by: KnownBy::Files(vec![mark.into()]),
        mark: mark.into(),
        command: match install {
            None => unpacking(&program, &format!("PYTHONPATH=$d:$d/src exec python3 {words}"), ""),
            Some(install) => {
                let run = format!("PYTHONPATH=$d:$d/src:$d/.packages exec python3 {words}");
                format!("{install}{}", unpacking(&program, &run, " -C \"$OUT\" .packages"))
            }
        },
        program,
    };
    let scripts = lines.take_while(|line| !line.starts_with('[')).filter_map(entry);
    let mut found: Vec<Project> = scripts
        .map(|(program, module, function)| {
            let call =
                format!("import sys; from {module} import {function} as main; sys.exit(main())");
            python(program, "pyproject.toml", &format!("-c \"{call}\""))
        })
        .collect();
    for parent in ["", "src/"] {
        let packages = entries(&folder.join(parent));
        for package in packages.iter().filter(|path| path.join("__main__.py").is_file()) {
            let mark = format!("{parent}{}/__main__.py", name(package));
            found.push(python(name(package).into(), &mark, &format!("-m {}", name(package))));
        }
    }
    let sources = with_extension(folder, &["py"]);
    let alone = sources.len() == 1 && install.is_none();
    for path in sources.iter().filter(|path| is_script(path, sources.len(), "__main__")) {
        found.push(match alone {
            true => single("Python", path, "python3"),
            false => python(stem(path).into(), name(path), &format!("\"$d\"/{}", name(path))),
        });
    }
    found.retain(|project| is_name(&project.program));
    found
}

/// What gets the packages that a Python project depends on into `$OUT/.packages`, if there are any.
fn python_packages(folder: &Path, project: &str) -> Option<&'static str> {
    let asked = |text: &str| {
        text.lines().map(str::trim).any(|line| !line.is_empty() && !line.starts_with('#'))
    };
    if asked(&read(&folder.join("requirements.txt"))) {
        return Some(
            "python3 -m pip install --quiet --target \"$OUT/.packages\" -r requirements.txt &&\n",
        );
    }
    let list = project.split("\ndependencies").nth(1).and_then(|rest| rest.split_once('['));
    let some = list.is_some_and(|(_, list)| !list.trim_start().starts_with(']'));
    some.then_some("python3 -m pip install --quiet --target \"$OUT/.packages\" . &&\n")
}

/// Whether one of `number` sources is a program: the only one, or with what programs have.
fn is_script(path: &Path, number: usize, sign: &str) -> bool {
    let chores = ["setup", "conftest", "noxfile", "tasks"];
    let chore = chores.contains(&stem(path)) || stem(path).starts_with("test");
    let text = read(path);
    !chore && (number == 1 || text.starts_with("#!") || text.contains(sign))
}

/// The programs that Node runs: what package.json calls `bin` or `main`, or a script.
pub(crate) fn node(folder: &Path) -> Vec<Project> {
    let Ok(package) =
        serde_json::from_str::<serde_json::Value>(&read(&folder.join("package.json")))
    else {
        let sources = with_extension(folder, &["js", "mjs"]);
        let script = |path: &&PathBuf| read(path).starts_with("#!");
        return sources.iter().filter(script).map(|path| single("Node", path, "node")).collect();
    };
    let own = package["name"].as_str().unwrap_or_default().rsplit('/').next().unwrap_or_default();
    let mut mains: Vec<(String, String)> = Vec::new();
    match &package["bin"] {
        serde_json::Value::String(file) => mains.push((own.into(), file.clone())),
        serde_json::Value::Object(files) => {
            let file = |(name, file): (&String, &serde_json::Value)| {
                Some((name.clone(), file.as_str()?.to_string()))
            };
            mains.extend(files.iter().filter_map(file));
        }
        _ => {
            let usual = ["server.js", "index.js", "app.js", "main.js"];
            let main = package["main"].as_str().into_iter().chain(usual);
            let main = main.into_iter().find(|file| folder.join(file).is_file());
            mains.extend(main.map(|file| (own.to_string(), file.to_string())));
        }
    }
    let some = |key: &str| package[key].as_object().is_some_and(|packages| !packages.is_empty());
    let built = package["scripts"]["build"].is_string();
    let mut before = String::new();
    if some("dependencies") || (built && some("devDependencies")) {
        before.push_str("npm ci &&\n");
    }
    if built {
        before.push_str("npm run build &&\n");
    }
    mains.retain(|(program, _)| is_name(program));
    let project = |(program, file): (String, String)| {
        let file = file.trim_start_matches("./");
        let run = format!("exec node \"$d\"/{}", shell(file));
        Project {
            language: "Node",
            known_by: KnownBy::Files(vec!["package.json".into()]),
            mark: "package.json".into(),
            command: format!("{before}{}", unpacking(&program, &run, "")),
            program,
        }
    };
    mains.into_iter().map(project).collect()
}

/// Scripts that can be run as they are.
pub(crate) fn scripts(folder: &Path) -> Vec<Project> {
    let chores =
        ["configure", "autogen", "build", "install", "setup", "bootstrap", "release", "run"];
    let places = ["", "bin", "scripts"].map(|part| entries(&folder.join(part)));
    let script = |path: &PathBuf| {
        let executable =
            path.metadata().is_ok_and(|m| m.is_file() && m.permissions().mode() & 0o111 != 0);
        executable
            && read(path).starts_with("#!")
            && is_name(stem(path))
            && !chores.contains(&stem(path))
            && !stem(path).starts_with("test")
    };
    let relative = |path: PathBuf| path.strip_prefix(folder).unwrap_or(&path).to_path_buf();
    places
        .into_iter()
        .flatten()
        .filter(script)
        .map(|path| Project {
            language: "a script",
            program: stem(&path).into(),
            ..install(&relative(path))
        })
        .collect()
}

/// The script at `path`, which `interpreter` runs where it does not say so itself.
fn single(language: &'static str, path: &Path, interpreter: &str) -> Project {
    let file = name(path);
    if read(path).starts_with("#!") {
        return Project { language, program: stem(path).into(), ..install(Path::new(file)) };
    }
    let program = stem(path);
    Project {
        language,
        program: program.into(),
        known_by: KnownBy::Files(vec![file.into()]),
        mark: file.into(),
        command: format!(
            "{{ echo '#!/usr/bin/env {interpreter}'; cat {}; }} >\"$OUT/{program}\" && chmod +x \"$OUT/{program}\"",
            shell(file)
        ),
    }
}

/// A program that is a file of the repository.
fn install(file: &Path) -> Project {
    let program = stem(file).to_string();
    let shown = file.display().to_string();
    Project {
        language: "",
        known_by: KnownBy::Files(vec![shown.clone()]),
        mark: shown.clone(),
        command: format!("install -m 755 {} \"$OUT/{program}\"", shell(&shown)),
        program,
    }
}

/// The command that makes `$OUT/PROGRAM` of the whole folder: a script that unpacks what follows it and runs
/// `run`, for which `$d` is where that is. `more` are words of tar(1) for what else is packed.
fn unpacking(program: &str, run: &str, more: &str) -> String {
    let header = format!(
        "d=$(mktemp -d) && tail -n +3 \"$0\" | tar -xz --no-same-owner -C \"$d\" && {run} \"$@\"; exit 1"
    );
    [
        "# All of it in one file, which unpacks itself.".into(),
        "{".into(),
        "  echo '#!/bin/sh'".into(),
        format!("  echo {}", shell(&header)),
        format!("  tar -cz --exclude=./.git --exclude=./labrun-artifacts .{more}"),
        format!("}} >\"$OUT/{program}\" && chmod +x \"$OUT/{program}\""),
    ]
    .join("\n")
}
