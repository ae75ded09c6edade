//! What the documents show is true: their lab file runs, and their messages are labrun's.

use crate::common;

use common::{User, folder, labrun, text, write};

const LAB_FILES: &str = include_str!("../../docs/lab-files.md");

/// The code block of the document that begins with `start`.
fn block(start: &str) -> String {
    let begin = LAB_FILES.find(&format!("```yaml\n{start}")).expect("the document has it")
        + "```yaml\n".len();
    let length = LAB_FILES[begin..].find("```").unwrap();
    LAB_FILES[begin..begin + length].to_string()
}

#[test]
fn the_small_lab_of_the_reference_passes() {
    let folder = folder();
    let file = write(folder.path(), "web.yaml", &block("lab: web"));
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
    let readme = include_str!("../../README.md");
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
