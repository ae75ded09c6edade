//! What the documents show is true: their lab file runs, and their messages are labrun's.

use crate::common;

use common::{User, folder, labrun, text, write};

const LAB_FILES: &str = include_str!("../../docs/lab-files.md");

const README: &str = include_str!("../../README.md");

/// The code block of `document` that begins with `start`.
fn block(document: &str, start: &str) -> String {
    let begin = document.find(&format!("```yaml\n{start}")).expect("the document has it")
        + "```yaml\n".len();
    let length = document[begin..].find("```").unwrap();
    document[begin..begin + length].to_string()
}

/// Who copies it to begin with has a lab that passes, and fails when the program is another.
#[test]
fn the_eleven_lines_of_the_readme_are_a_lab_that_passes_and_can_fail() {
    if which::which("python3").is_err() {
        eprintln!(
            "SKIP the_eleven_lines_of_the_readme_are_a_lab_that_passes_and_can_fail: there is no python3"
        );
        return;
    }
    let lab = block(README, "lab: web");
    assert_eq!(lab.lines().count(), 11);
    let folder = folder();
    // The page is not there, and the packets are to go the other way.
    let broken = [("10.0.0.2/\"", "10.0.0.2/no\""), ("[client, server]", "[server, client]")];
    let broken = broken.map(|(right, wrong)| {
        assert!(lab.contains(right), "{right}");
        lab.replace(right, wrong)
    });
    for user in common::users() {
        let test = |text_of_lab: &str| {
            let file = write(folder.path(), "web.yaml", text_of_lab);
            labrun(user).args(["test", "web-page", "--file"]).arg(file).output().unwrap()
        };
        let output = test(&lab);
        assert!(output.status.success(), "{user:?}: {}", text(&output));
        for broken in &broken {
            let output = test(broken);
            assert_eq!(output.status.code(), Some(1), "{user:?}: {}", text(&output));
        }
    }
}

#[test]
fn the_small_lab_of_the_reference_passes() {
    let folder = folder();
    let file = write(folder.path(), "web.yaml", &block(LAB_FILES, "lab: web"));
    for user in common::users() {
        let output =
            labrun(user).args(["test", "web-fetch", "--file"]).arg(&file).output().unwrap();
        assert!(output.status.success(), "{user:?}: {}", text(&output));
    }
}

#[test]
fn the_mistakes_that_the_reference_shows_are_reported_so() {
    let folder = folder();
    std::fs::create_dir(folder.path().join("labs")).unwrap();
    let lab = "lab: web\nbridges: [br0]\nnodes:\n  web:\n    links:\n      eth0:\n        brigde: br0\n        port: p\n        addresses: [10.0.0.0/24]\n";
    write(folder.path(), "labs/web.yaml", lab);
    let output = labrun(User::Own)
        .args(["check", "labs/web.yaml"])
        .current_dir(folder.path())
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let printed = String::from_utf8(output.stdout).unwrap();
    for line in LAB_FILES.lines().filter(|line| line.starts_with("    labs/web.yaml:")) {
        assert!(printed.contains(line.trim()), "`{}` is not in\n{printed}", line.trim());
    }
}

#[test]
fn the_verbs_and_exit_codes_of_the_readme_exist() {
    let readme = README;
    let help = labrun(User::Own).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    for verb in [
        "init",
        "import",
        "setup",
        "test",
        "clean",
        "status",
        "exec",
        "shell",
        "logs",
        "report",
        "list",
        "check",
        "script",
        "doctor",
        "completions",
        "man",
        "schema",
    ] {
        assert!(help.contains(&format!("\n  {verb} ")), "no {verb} in {help}");
        assert!(readme.contains(&format!("`labrun {verb}")), "no {verb} in the README");
    }
    for code in [
        "0 passed",
        "1 a test failed",
        "2 wrong usage",
        "3 this machine cannot run it",
        "130 interrupted",
    ] {
        assert!(help.contains(code) && readme.contains(code), "{code}");
    }
}

#[test]
fn the_table_of_exit_codes_is_that_of_the_help() {
    let help = labrun(User::Own).arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let (_, codes) = help.split_once("Exit codes:\n").unwrap();
    // There, two blanks or more stand between them.
    let said: Vec<&str> = codes.split("  ").flat_map(str::lines).map(str::trim).collect();
    let said: Vec<String> = said.into_iter().filter(|s| !s.is_empty()).map(String::from).collect();
    let page = include_str!("../../docs/cli.md");
    let (_, table) = page.split_once("| code | meaning |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let shown: Vec<String> = rows
        .map(|row| {
            let cells: Vec<&str> = row.split('|').map(str::trim).collect();
            format!("{} {}", cells[1], cells[2])
        })
        .collect();
    assert_eq!(shown, said);
}
