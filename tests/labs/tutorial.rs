//! docs/tutorial.md, read as a user reads it: its files are written, its commands run one after the other, and
//! what they print is what the page shows.

use crate::common::labs::have;
use crate::common::{STATE, User, command, folder, text, users};
use regex_lite::Regex;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const PAGE: &str = include_str!("../../docs/tutorial.md");

/// What a reader does with a fenced block.
enum Act {
    Write { file: String, text: String },
    Run { line: String, shown: Vec<String> },
}

/// All that the page tells its reader to do, in order, but how labrun is installed.
fn acts() -> Vec<Act> {
    let mut acts = Vec::new();
    let mut before = "";
    for (index, part) in PAGE.split("```").enumerate() {
        if index % 2 == 0 {
            before = part;
            continue;
        }
        let (kind, text) = part.split_once('\n').unwrap();
        match kind {
            "console" => {
                for line in text.lines() {
                    match (line.strip_prefix("$ "), acts.last_mut()) {
                        (Some(line), _) => acts.push(Act::Run { line: line.into(), shown: vec![] }),
                        (None, Some(Act::Run { shown, .. })) => shown.push(line.into()),
                        _ => panic!("output of no command: {line}"),
                    }
                }
            }
            "python" | "yaml" => {
                // The last name in backticks before the block.
                let file = before.rsplit('`').nth(1).unwrap().into();
                acts.push(Act::Write { file, text: text.into() });
            }
            "sh" => assert!(text.starts_with("git clone "), "{text}"),
            kind => panic!("what is a reader to do with a block of {kind}?"),
        }
    }
    acts
}

/// `text` without what differs each time: times, ports that the kernel chose, how wide columns are, where the
/// kernel was heard.
fn lasting(text: &str, home: &str) -> Vec<String> {
    let text = text.replace(home, "~");
    let text = Regex::new(r"\d+\.\d+ (m?s)\b").unwrap().replace_all(&text, "0.0 $1");
    let text = Regex::new(r":[3-6]\d{4}\b").unwrap().replace_all(&text, ":PORT");
    let text = Regex::new(r"\d+ messages of ARP").unwrap().replace_all(&text, "N messages of ARP");
    let text = Regex::new(r"[ \t]+").unwrap().replace_all(&text, " ");
    text.lines().map(|line| line.trim().to_string()).collect()
}

/// Whether `seen` is what is `shown`, in which `…` stands for any lines, but for at least one.
fn same(shown: &[String], seen: &[String]) -> bool {
    match shown {
        [] => seen.is_empty(),
        [first, rest @ ..] if first == "…" => {
            (1..=seen.len()).any(|skip| same(rest, &seen[skip..]))
        }
        [first, rest @ ..] => seen.first() == Some(first) && same(rest, &seen[1..]),
    }
}

/// Makes `path` and all below it the `user`'s own.
fn give(path: &Path, user: User) {
    if user == User::Ordinary {
        let name = std::env::var("LABRUN_TEST_USER").unwrap_or_else(|_| "nobody".into());
        assert!(Command::new("chown").args(["-R", &name]).arg(path).status().unwrap().success());
    }
}

/// What a shell of `user` in `place` prints for `line`, with labrun on its PATH.
fn shell(user: User, home: &Path, place: &Path, line: &str) -> Output {
    let labrun = Path::new(env!("CARGO_BIN_EXE_labrun")).parent().unwrap();
    let path = format!("{}:{}", labrun.display(), std::env::var("PATH").unwrap_or_default());
    let mut shell: Command = command(user, "timeout");
    shell.args(["120", "bash", "-c", &format!("exec 2>&1\n{line}")]).current_dir(place);
    shell.env("PATH", path).env("HOME", home).env_remove("LABRUN_ARTIFACTS");
    shell.env("XDG_CACHE_HOME", home.join("cache")).env(STATE.0, home.join("state"));
    shell.output().unwrap()
}

/// Takes the tutorial's lab down, also where the test fails while it is up.
struct Up<'a>(User, &'a Path);

impl Drop for Up<'_> {
    fn drop(&mut self) {
        shell(self.0, self.1, self.1, "labrun clean gate");
    }
}

#[test]
fn every_command_of_the_tutorial_does_what_the_tutorial_shows() {
    let test = "every_command_of_the_tutorial_does_what_the_tutorial_shows";
    if !have(test, &["python3", "socat", "ss"]) {
        return;
    }
    for user in users() {
        let home = folder();
        let place = home.path().join("gate");
        fs::create_dir(&place).unwrap();
        give(home.path(), user);
        let _up = Up(user, home.path());
        let mut ran = 0;
        for act in acts() {
            let (line, shown) = match act {
                Act::Write { file, text } => {
                    fs::write(place.join(file), text).unwrap();
                    give(&place, user);
                    continue;
                }
                Act::Run { line, shown } => (line, shown),
            };
            let output = shell(user, home.path(), &place, &line);
            let home = home.path().to_str().unwrap();
            let seen = lasting(&String::from_utf8_lossy(&output.stdout), home);
            let wanted = lasting(&shown.join("\n"), home);
            let all = text(&output);
            assert!(
                same(&wanted, &seen),
                "{user:?}, `{line}`:\n{all}\nis not\n{}",
                shown.join("\n")
            );
            let failed = shown.iter().any(|line| line.starts_with("FAIL "));
            assert_eq!(output.status.code(), Some(i32::from(failed)), "{user:?}, `{line}`: {all}");
            ran += 1;
        }
        assert!(ran >= 15, "only {ran} commands");
    }
}
