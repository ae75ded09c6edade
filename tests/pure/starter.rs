//! `labrun init`: what is found in repositories, and the lab files that come of it. They are read by people who
//! see labrun for the first time, so they stand in snapshots.

use crate::common::repositories::{REPOSITORIES, Repository};
use labrun::lab::check;
use labrun::lab::find::show_diagnostics;
use labrun::starter::ci::{Ci, detect as detect_ci, workflow};
use labrun::starter::listens::Listens;
use labrun::starter::project::{KnownBy, Project, detect};
use labrun::starter::shape::Shape;
use labrun::starter::write::{Answers, lab};
use std::fs;
use std::path::Path;

/// What `labrun init` makes of its arguments in `repository`.
fn answers(repository: &Repository) -> Answers {
    let said = |option: &str| {
        let at = repository.words.iter().position(|word| *word == option)?;
        Some(repository.words[at + 1].to_string())
    };
    let project = detect(&repository.folder()).into_iter().next().unwrap();
    let listens: Option<Listens> = said("--listens").map(|text| text.parse().unwrap());
    let shape = said("--shape")
        .map(|name| Shape::ALL.into_iter().find(|shape| shape.name() == name).unwrap());
    let shape = shape.unwrap_or_else(|| Shape::of(listens.unwrap()));
    Answers {
        name: project.program.clone(),
        program: project.program.clone(),
        project: Some(project),
        shape,
        listens: listens.unwrap_or(shape.listens()),
        arguments: said("--args").unwrap_or_default(),
        ask: said("--ask"),
        answer: said("--answer"),
    }
}

/// The lab file for `answers`, in which nothing is wrong.
fn good(answers: &Answers) -> String {
    let text = lab(answers).unwrap();
    let checked =
        check::lab(&text, "lab.yaml").map_err(|mistakes| show_diagnostics("lab.yaml", &mistakes));
    let checked = checked.unwrap_or_else(|mistakes| panic!("{mistakes}\n{text}"));
    assert_eq!(checked.name, answers.name);
    // `labrun test` builds it in its repository.
    assert!(checked.topology.subject.unwrap().never_built().is_none(), "{text}");
    text
}

#[test]
fn programs_are_found_by_what_builds_them_and_labs_are_good() {
    for repository in &REPOSITORIES {
        let found = detect(&repository.folder());
        let programs: Vec<&str> = found.iter().map(|project| project.program.as_str()).collect();
        assert_eq!(programs, [repository.program], "{}", repository.name);
        let text = good(&answers(repository));
        insta::with_settings!({omit_expression => true}, {
            insta::assert_snapshot!(format!("init-{}", repository.name), text);
        });
    }
}

#[test]
fn every_shape_makes_a_good_lab_of_what_it_takes() {
    for shape in Shape::ALL {
        for listens in ["udp:53", "udp:67", "udp:9", "tcp:80", "tcp:53", "http:80"] {
            for (ask, answer) in
                [(None, None), (Some("/x 'y' \"z\": #"), Some("[0-9]+: \"it's\" #"))]
            {
                let answers = Answers {
                    name: "a.b_c-d".into(),
                    program: "server".into(),
                    project: None,
                    shape,
                    listens: listens.parse().unwrap(),
                    arguments: "-c '{\"a\": [1]}' # {address} {port}".into(),
                    // A URL takes no blanks, and says so.
                    ask: ask.map(|ask| match listens.starts_with("http") {
                        true => "/x?y='z'#".into(),
                        false => ask.to_string(),
                    }),
                    answer: match shape {
                        Shape::Dhcp => answer.map(|_| "10.0.0.5-10.0.0.9".into()),
                        _ => answer.map(String::from),
                    },
                };
                match shape.objection(answers.listens) {
                    Some(objection) => assert_eq!(lab(&answers).unwrap_err(), objection),
                    None => {
                        let text = good(&answers);
                        assert!(
                            text.contains("CHANGE") && !text.contains('@'.to_string().as_str())
                                || shape == Shape::Dns,
                            "{text}"
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn slips_in_answers_are_named() {
    let mut wrong = answers(&REPOSITORIES[0]);
    wrong.arguments = "--peer {per}".into();
    assert_eq!(
        lab(&wrong).unwrap_err(),
        "--args: a lab of the shape server has no `{per}`, only `{address}`, `{port}`"
    );
    wrong.arguments.clear();
    wrong.listens = "http:80".parse().unwrap();
    assert_eq!(
        lab(&wrong).unwrap_err(),
        "--ask hello there: of HTTP it is a path, such as /health"
    );
    for text in ["53", "udp", "sctp:53", "udp:0", "udp:70000", "udp:-1", ":53", ""] {
        assert_eq!(
            text.parse::<Listens>().unwrap_err(),
            format!("`{text}`: such as udp:53, tcp:25 or http:8080")
        );
    }
}

/// What is found in a repository of these files.
fn found(files: &[(&str, &str)]) -> Vec<Project> {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    detect(folder.path())
}

fn programs(files: &[(&str, &str)]) -> Vec<String> {
    found(files).into_iter().map(|project| project.program).collect()
}

#[test]
fn of_several_programs_each_is_found() {
    let main = "package main\n";
    assert_eq!(
        programs(&[
            ("go.mod", "module \"example.org/x\" // why\n"),
            ("main.go", "// A program.\npackage main // it is\n"),
            ("cmd/b/b.go", main),
            ("cmd/a/a.go", main),
            ("lib/lib.go", "package lib\n"),
            ("lib/gen_test.go", main),
            ("tool/tool.go", "//go:build ignore\n\npackage main\n"),
            ("bench/bench.go", main),
            ("Makefile", "all: x\n"),
            ("x.c", ""),
        ]),
        ["x", "a", "b", "bench"]
    );
    let cmake = "project(d C)\n# add_executable(no no.c)\nAdd_Executable (\n  ${PROJECT_NAME}\n  d.c)\nadd_executable(e ALIAS d)\n";
    let tests = "add_executable(unit-test t.c)\nadd_executable(agent c.c)\n";
    assert_eq!(
        programs(&[("CMakeLists.txt", cmake), ("src/CMakeLists.txt", tests)]),
        ["d", "agent", "unit-test"]
    );
    let manifest = "[package]\nname = \"one\"\n[[bin]]\nname = \"main\"\npath = \"src/main.rs\"\n[[bin]]\nname='ctl'\n";
    assert_eq!(
        programs(&[("Cargo.toml", manifest), ("src/main.rs", ""), ("src/bin/other.rs", "")]),
        ["main", "ctl", "other"]
    );
    let workspace = [
        ("Cargo.toml", "[workspace]\nmembers = [\"crates/*\"]\n"),
        ("crates/lib/Cargo.toml", "[package]\nname = \"lib\"\n"),
        ("crates/lib/src/lib.rs", ""),
        ("crates/d/Cargo.toml", "[package]\nname = \"daemon\"\n"),
        ("crates/d/src/main.rs", ""),
    ];
    let found = found(&workspace);
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        found[0].known_by,
        KnownBy::Files(vec!["Cargo.toml".into(), "crates/d/Cargo.toml".into()])
    );
    let makefile = "CC ?= cc\nBIN := ${ONE} out/two\nONE = $(ONE_)\nONE_ = one\nobjects = a.o\nall: $(BIN) b.o docs.html\n\none: one.c\n";
    assert_eq!(programs(&[("Makefile", makefile), ("one.c", "")]), ["one", "two"]);
    assert_eq!(
        programs(&[("Makefile", "x := 1\nclean:\n\ttrue\nfirst: a.c\nsecond: a.c\n"), ("a.c", "")]),
        ["first"]
    );
    // Make without C is for anything else.
    assert_eq!(programs(&[("Makefile", "all: site\n")]), [""; 0]);
    let package = r#"{"name": "x", "bin": {"b": "./b.js", "a": "./a.js"}}"#;
    assert_eq!(programs(&[("package.json", package)]), ["a", "b"]);
    assert_eq!(
        programs(&[
            ("a.py", "if __name__ == '__main__': pass"),
            ("b.py", ""),
            ("test_a.py", "#!x"),
            ("pkg/__main__.py", "")
        ]),
        ["pkg", "a"]
    );
}

#[test]
fn what_a_program_depends_on_is_fetched_before() {
    let command = |files: &[(&str, &str)]| found(files)[0].command.clone();
    let package =
        r#"{"name": "x", "main": "x.js", "dependencies": {"a": "1"}, "scripts": {"build": "tsc"}}"#;
    let node = command(&[("package.json", package), ("x.js", "")]);
    assert!(node.starts_with("npm ci &&\nnpm run build &&\n"), "{node}");
    let python = command(&[("x.py", ""), ("requirements.txt", "# none\nrequests\n")]);
    let install =
        "python3 -m pip install --quiet --target \"$OUT/.packages\" -r requirements.txt &&\n";
    assert!(
        python.starts_with(install) && python.contains(" . -C \"$OUT\" .packages\n"),
        "{python}"
    );
    let project = "[project]\ndependencies = [\n  \"x\",\n]\n[project.scripts]\nx = \"x:main\"\n";
    assert!(command(&[("pyproject.toml", project)]).contains("/.packages\" . &&"), "{project}");
    assert!(!command(&[("x.py", ""), ("requirements.txt", "# none\n")]).contains("pip"));
}

#[test]
fn what_is_not_text_or_no_name_or_nothing_is_no_program() {
    assert_eq!(programs(&[]), [""; 0]);
    assert_eq!(detect(Path::new("/no/such/folder")), []);
    assert_eq!(programs(&[("go.mod", "module x\n"), ("cmd/a b/m.go", "package main\n")]), [""; 0]);
    assert_eq!(
        programs(&[
            ("package.json", "{"),
            ("CMakeLists.txt", "add_executable("),
            ("Cargo.toml", "[package")
        ]),
        [""; 0]
    );
    assert_eq!(programs(&[("Makefile", "a:=\n:\n=\n$(: $(\n"), ("a.c", "")]), [""; 0]);
}

#[test]
fn workflows_are_for_who_runs_the_repository() {
    let folder = tempfile::tempdir().unwrap();
    assert_eq!(detect_ci(folder.path()), Ci::None);
    assert_eq!(workflow(Ci::None, folder.path()), None);
    let (file, gitlab) = workflow(Ci::Gitlab, folder.path()).unwrap();
    assert_eq!(file, ".gitlab-ci.yml");
    fs::create_dir(folder.path().join(".git")).unwrap();
    fs::write(
        folder.path().join(".git/config"),
        "[remote \"origin\"]\n\turl = git@github.com:a/b\n",
    )
    .unwrap();
    assert_eq!(detect_ci(folder.path()), Ci::Github);
    let (file, github) = workflow(Ci::Github, folder.path()).unwrap();
    assert_eq!(file, ".github/workflows/labs.yml");
    fs::write(folder.path().join(".git/config"), "").unwrap();
    fs::write(folder.path().join(".gitlab-ci.yml"), "").unwrap();
    assert_eq!(detect_ci(folder.path()), Ci::Gitlab);
    assert_eq!(workflow(Ci::Gitlab, folder.path()).unwrap(), (".gitlab/labs.yml", gitlab.clone()));
    insta::assert_snapshot!(format!("{github}\n{gitlab}"));
}

#[test]
fn the_document_knows_every_shape_and_what_its_arguments_may_have() {
    let text = include_str!("../../docs/your-own-lab.md");
    let row = |name: &str| text.lines().find(|line| line.starts_with(&format!("| `{name}` |")));
    for shape in Shape::ALL {
        let row = row(shape.name()).unwrap_or_else(|| panic!("no {shape:?}"));
        for (value, _) in shape.places()[0].values.iter().filter(|(value, _)| *value != "address") {
            assert!(row.contains(&format!("`{{{value}}}`")), "no {value} in {row}");
        }
    }
}
