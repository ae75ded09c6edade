//! `labrun init`: twelve repositories (tests/data/repositories), each green at its first `labrun test` and red once its
//! program is broken or killed; and what is asked, refused and left alone.

use crate::common::host::on_terminal;
use crate::common::labs::{Done, have, run};
use crate::common::repositories::{REPOSITORIES, Repository};
use crate::common::{User, folder, is_root, labrun, text, users, write};
use std::fs;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A copy of a repository, in which a user runs labrun.
struct Copy {
    repository: &'static Repository,
    user: User,
    folder: PathBuf,
    /// Of the lab.
    name: String,
    root: tempfile::TempDir,
}

impl Copy {
    /// `None`, which is said, where something is missing that it is built or tested with.
    fn of(name: &str, user: User) -> Option<Copy> {
        let repository = REPOSITORIES.iter().find(|repository| repository.name == name).unwrap();
        let test = format!("the repository {name}");
        if !have(&test, repository.tools) || !usable(&test, repository, user) {
            return None;
        }
        let root = folder();
        let folder = repository.copy(root.path());
        if user == User::Ordinary {
            let id = Command::new("chown").args(["-R", &ordinary()]).arg(root.path()).status();
            assert!(id.unwrap().success());
        }
        let name = format!("i{}-{name}-{user:?}", std::process::id());
        Some(Copy { repository, user, folder, name, root })
    }

    fn labrun(&self, words: &[&str]) -> Done {
        let mut command = labrun(self.user);
        command.args(words).current_dir(&self.folder);
        command.env("XDG_CACHE_HOME", self.folder.join("../cache"));
        // Go compiles its own library anew for each cache, which takes ten seconds; Zig what builds programs, which takes more.
        if self.user == User::Own {
            let kept = Path::new(env!("CARGO_TARGET_TMPDIR"));
            command.env("GOCACHE", kept.join("go")).env("ZIG_GLOBAL_CACHE_DIR", kept.join("zig"));
        }
        run(command)
    }

    /// Runs the lab's test, as it is or with another `text`; it must exit with `code`.
    fn test(&self, text: Option<&str>, code: i32) {
        let changed = self.root.path().join("changed.yaml");
        let mut words = vec!["test", &self.name, "--strict"];
        if let Some(text) = text {
            fs::write(&changed, text).unwrap();
            words.extend(["--file", changed.to_str().unwrap()]);
        }
        let done = self.labrun(&words);
        assert_eq!(done.exit, code, "{} as {:?}: {}", self.repository.name, self.user, done.all);
        let built = format!("testing {}, built from its repository", self.repository.program);
        assert!(done.all.contains(&built), "{}", done.all);
    }

    fn lab(&self) -> PathBuf {
        self.folder.join(format!("labs/{}.yaml", self.name))
    }
}

impl Drop for Copy {
    fn drop(&mut self) {
        self.labrun(&["clean", &self.name]);
    }
}

/// The ordinary user's name.
fn ordinary() -> String {
    std::env::var("LABRUN_TEST_USER").unwrap_or_else(|_| "nobody".into())
}

/// Whether `user` can use what only root is sure to.
fn usable(test: &str, repository: &Repository, user: User) -> bool {
    let script = match repository.name {
        "rust" => "cargo --version",
        "vpn" => ": <>/dev/net/tun",
        _ => return true,
    };
    let output = crate::common::command(user, "bash").args(["-c", script]).output().unwrap();
    if !output.status.success() {
        eprintln!("SKIP {test}: {user:?} cannot `{script}`: {}", text(&output));
    }
    output.status.success()
}

/// Green at once; red with a program that is broken, and red where it is killed.
fn first_test_tells_good_from_bad(name: &str, user: User) {
    let Some(copy) = Copy::of(name, user) else { return };
    let words = [&["init", "--yes", "--name", &copy.name][..], copy.repository.words].concat();
    let done = copy.labrun(&words);
    assert_eq!(done.exit, 0, "{}", done.all);
    let lab = copy.lab();
    let checked = copy.labrun(&["check", lab.to_str().unwrap()]);
    assert_eq!((checked.exit, checked.all.contains("warning")), (0, false), "{}", checked.all);
    copy.test(None, 0);

    // What is red waits no longer than it must, and is built no more often: the changed lab is none of the
    // repository's files.
    let mut text = fs::read_to_string(&lab).unwrap();
    for within in ["within: 5s", "within: 15s", "within: 30s"] {
        text = text.replace(within, "within: 1s");
    }
    text = text.replace("          family: 4\n", "          family: 4\n          within: 3s\n");
    if let Some(service) = copy.repository.service {
        let kill = format!("    steps:\n      - service: {{kill: {service}}}\n");
        copy.test(Some(&text.replace("    steps:\n", &kill)), 1);
    }
    let [file, good, bad] = copy.repository.broken;
    let file = copy.folder.join(file);
    let source = fs::read_to_string(&file).unwrap();
    assert!(source.contains(good), "no {good:?} in {source}");
    fs::write(&file, source.replace(good, bad)).unwrap();
    copy.test(Some(&text), copy.repository.exit);
}

/// A test for each repository: as whoever runs the tests, or as an ordinary user if that is root and it says so.
/// As another ordinary user only the latter.
macro_rules! repositories {
    ($($test:ident $name:literal $user:expr),* $(,)?) => {$(
        #[test]
        fn $test() {
            let users = users();
            match users.contains(&$user) {
                true => first_test_tells_good_from_bad($name, $user),
                false if $user == User::Ordinary && !is_root() => first_test_tells_good_from_bad($name, users[0]),
                false => {}
            }
        }
    )*
        #[test]
        fn no_repository_is_left_out() {
            let tested = [$($name),*];
            for repository in &REPOSITORIES {
                assert!(tested.contains(&repository.name), "{}", repository.name);
            }
        }
    };
}

repositories! {
    a_go_program_is_tested_at_once "go" User::Own,
    a_rust_program_is_tested_at_once "rust" User::Own,
    a_program_of_make_is_tested_at_once "make" User::Ordinary,
    a_program_of_cmake_is_tested_at_once "cmake" User::Own,
    a_program_of_meson_is_tested_at_once "meson" User::Ordinary,
    a_program_of_autotools_is_tested_at_once "autotools" User::Own,
    a_dhcp_server_is_tested_at_once "dhcp" User::Ordinary,
    a_vpn_gateway_is_tested_at_once "vpn" User::Own,
    a_proxy_is_tested_at_once "node" User::Ordinary,
    a_zig_program_is_tested_at_once "zig" User::Own,
    a_relay_is_tested_at_once "script" User::Ordinary,
    a_routing_daemon_is_tested_at_once "routing" User::Ordinary,
}

/// A DNS server that says `RCODE` of every name, with as many addresses as `RECORDS`.
const DNS: &str = r#"#!/usr/bin/env python3
import socket
RCODE, RECORDS = 0, 1
server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind(("", 53))
while True:
    question, client = server.recvfrom(512)
    end = 12
    while question[end]:
        end += question[end] + 1
    head = question[:2] + bytes([0x84, RCODE, 0, 1, 0, RECORDS, 0, 0, 0, 0]) + question[12:end + 5]
    server.sendto(head + bytes.fromhex("c00c000100010000003c0004c0000207") * RECORDS, client)
"#;

#[test]
fn a_dns_server_is_not_green_for_an_answer_by_which_it_is_not_well() {
    let test = "a_dns_server_is_not_green_for_an_answer_by_which_it_is_not_well";
    if !have(test, &["python3", "dig"]) {
        return;
    }
    const NAMED: &[&str] = &["--ask", "www.example.org"];
    // What is to be in the answer is in the question, too, which is none.
    const ASKED: &[&str] = &["--ask", "192.0.2.7.example.org", "--answer", "192.0.2.7"];
    let root = folder();
    for (index, (words, [rcode, records], code)) in [
        (&[][..], [0, 1], 0),
        // Of those who know no name but their own, and of this one no address.
        (&[], [5, 0], 0),
        (&[], [3, 0], 0),
        (&[], [2, 0], 1),
        (&[], [1, 0], 1),
        (NAMED, [0, 1], 0),
        (NAMED, [0, 0], 1),
        (NAMED, [3, 0], 1),
        (ASKED, [0, 1], 0),
        (ASKED, [0, 0], 1),
    ]
    .into_iter()
    .enumerate()
    {
        let folder = root.path().join(index.to_string());
        fs::create_dir(&folder).unwrap();
        let server = format!("RCODE, RECORDS = {rcode}, {records}");
        write(&folder, "names.py", &DNS.replace("RCODE, RECORDS = 0, 1", &server));
        let name = format!("i{}-dns{index}", std::process::id());
        init(&folder, &[&["--shape", "dns", "--name", &name], words].concat(), 0);
        let file = folder.join(format!("labs/{name}.yaml"));
        let text = fs::read_to_string(&file).unwrap();
        if code != 0 {
            // What is red waits no longer than it must.
            fs::write(&file, text.replace("within: 5s", "within: 500ms")).unwrap();
        }
        let mut command = labrun(User::Own);
        command.args(["test", &name, "--strict"]).current_dir(&folder);
        command.env("XDG_CACHE_HOME", root.path().join("cache"));
        let done = run(command);
        assert_eq!(done.exit, code, "{words:?} {rcode} {records}: {}", done.all);
        let verdict = if code == 0 { "PASS" } else { "FAIL" };
        assert!(done.all.contains(verdict), "{words:?} {rcode} {records}: {}", done.all);
    }
}

/// Runs `labrun init` in `folder`; what it says.
fn init(folder: &Path, words: &[&str], code: i32) -> String {
    let mut command = labrun(User::Own);
    command.arg("init").args(words).current_dir(folder);
    let done = run(command);
    assert_eq!(done.exit, code, "{words:?}: {}", done.all);
    done.all
}

/// The files in `folder`.
fn files(folder: &Path) -> Vec<String> {
    let output = Command::new("find").args([".", "-type", "f"]).current_dir(folder).output();
    let mut files: Vec<String> =
        String::from_utf8(output.unwrap().stdout).unwrap().lines().map(String::from).collect();
    files.sort();
    files
}

#[test]
fn nothing_that_is_there_is_replaced_unless_the_user_says_so() {
    let folder = folder();
    let folder = folder.path();
    write(folder, "server.py", "print()\n");
    fs::create_dir(folder.join(".github")).unwrap();
    let said = init(folder, &["--listens", "udp:9"], 0);
    assert!(said.contains("wrote labs/server.yaml\nwrote .github/workflows/labs.yml\n"), "{said}");
    // What it would write is there.
    init(folder, &["--listens", "udp:9"], 0);
    let lab = write(folder, "labs/server.yaml", "mine\n");
    fs::remove_file(folder.join(".github/workflows/labs.yml")).unwrap();
    let said = init(folder, &["--listens", "udp:9"], 2);
    assert!(said.contains("labs/server.yaml is there already: --force replaces it"), "{said}");
    // Nor is there half of it.
    assert_eq!(files(folder), ["./labs/server.yaml", "./server.py"]);
    assert_eq!(fs::read_to_string(&lab).unwrap(), "mine\n");
    init(folder, &["--listens", "udp:9", "--name", "other"], 0);
    init(folder, &["--listens", "udp:9", "--force"], 0);
    assert!(fs::read_to_string(&lab).unwrap().contains("\nlab: server\n"));
}

#[test]
fn of_several_programs_and_projects_the_others_are_named() {
    let root = folder();
    let folder = root.path();
    for program in ["one", "two"] {
        fs::create_dir_all(folder.join(format!("services/a/{program}"))).unwrap();
        write(folder, &format!("services/a/{program}/__main__.py"), "print()\n");
    }
    fs::create_dir_all(folder.join("services/b/node_modules/c")).unwrap();
    write(folder, "services/b/package.json", "{\"name\": \"b\", \"bin\": \"./b.js\"}");
    write(
        folder,
        "services/b/node_modules/c/package.json",
        "{\"name\": \"c\", \"bin\": \"./c.js\"}",
    );
    fs::create_dir(folder.join(".git")).unwrap();
    let said = init(folder, &["--yes"], 2);
    let hint =
        "--build. Or begin in one of its folders that has: services/a (Python), services/b (Node)";
    assert!(said.contains(hint), "{said}");
    let said = init(&folder.join("services/a"), &["--yes"], 0);
    let taken =
        "one: Python, by one/__main__.py\nthere is also two: `--program NAME` takes another\n";
    assert!(said.contains(taken) && said.contains("wrote labs/one.yaml\n"), "{said}");
    assert!(folder.join("services/a/labs/one.yaml").is_file());
    let said = init(&folder.join("services/a"), &["--yes", "--program", "two"], 0);
    assert!(said.contains("two: Python") && !said.contains("there is also"), "{said}");
    let said = init(&folder.join("services/b"), &["--yes"], 0);
    assert!(said.contains("b: Node") && !said.contains("there is also"), "{said}");
}

#[test]
fn git_is_told_once_to_ignore_the_artifacts() {
    if !have("git_is_told_once_to_ignore_the_artifacts", &["git"]) {
        return;
    }
    let git = |folder: &Path, words: &[&str]| {
        // What the user's own configuration ignores is not this test's.
        let mut git = Command::new("git");
        git.env("HOME", folder).args(words).current_dir(folder).output().unwrap()
    };
    let init = |folder: &Path, words: &[&str]| {
        let mut command = labrun(User::Own);
        command.arg("init").args(words).current_dir(folder).env("HOME", folder);
        let done = run(command);
        assert_eq!(done.exit, 0, "{words:?}: {}", done.all);
        done.all
    };
    let (root, ignored) = (folder(), ["--program", "a", "--name"]);
    let folder = root.path();
    let words = |name: &'static str| [&ignored[..], &[name]].concat();
    let file = folder.join(".gitignore");
    // Where no git is, there is nothing that it is to be told.
    init(folder, &words("a"));
    assert!(!file.exists());
    assert!(git(folder, &["init", "--quiet"]).status.success());
    let said = init(folder, &words("b"));
    assert!(said.contains("wrote labs/b.yaml\nwrote .gitignore\n"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "/labrun-artifacts/\n");
    assert!(git(folder, &["check-ignore", "labrun-artifacts/x"]).status.success());
    assert!(!init(folder, &words("c")).contains(".gitignore"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "/labrun-artifacts/\n");
    // What others have written stays as it is, though its last line does not end.
    fs::write(&file, "*.o").unwrap();
    let said = init(folder, &words("d"));
    assert!(said.contains("added /labrun-artifacts/ to .gitignore\n"), "{said}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "*.o\n/labrun-artifacts/\n");
    // Git knows what other files and patterns say.
    fs::write(&file, "labrun-*\n").unwrap();
    init(folder, &words("e"));
    fs::write(&file, "").unwrap();
    fs::write(folder.join(".git/info/exclude"), "labrun-artifacts\n").unwrap();
    init(folder, &words("f"));
    assert_eq!(fs::read_to_string(&file).unwrap(), "");
}

#[test]
fn what_cannot_become_a_lab_is_refused_with_a_way_out_and_nothing_is_written() {
    let folder = folder();
    let folder = folder.path();
    let nothing = init(folder, &[], 2);
    assert!(
        nothing.contains("name the program with --program, and how it is built with --build"),
        "{nothing}"
    );
    for (words, why) in [
        (&["--listens", "53"][..], "such as udp:53, tcp:25 or http:8080"),
        (&["--shape", "ring"], "possible values: server, router, relay, proxy"),
        (&["--build", "make"], "--program"),
        (&["--program", "a b"], "`a b` is no name of a program"),
        (&["--program", "a", "--name", "../x"], "`../x` may have letters"),
        (&["--program", "a", "--shape", "dhcp", "--listens", "udp:68"], "ask udp:67 only"),
        (&["--program", "a", "--shape", "dhcp", "--answer", "10.0.0.9"], "labs/a.yaml:"),
        (&["--program", "a", "--args", "{pear}"], "no `{pear}`, only `{address}`, `{port}`"),
    ] {
        let said = init(folder, words, 2);
        assert!(said.contains(why), "{words:?}: {said}");
    }
    assert_eq!(files(folder), [""; 0]);
    // A program that labrun finds no source of, and one that the user builds.
    let said = init(folder, &["--program", "a"], 0);
    assert!(said.contains("name it with `--subject PATH`"), "{said}");
    let build = "echo '#!/bin/sh' >\"$OUT/b\"";
    init(folder, &["--program", "b", "--build", build], 0);
    let text = fs::read_to_string(folder.join("labs/b.yaml")).unwrap();
    assert!(text.contains("repository: {files: [labs/b.yaml]}"), "{text}");
    assert!(text.contains(&format!("        {build}\n")), "{text}");
}

#[test]
fn on_a_terminal_it_asks_and_an_interrupt_leaves_nothing() {
    if !have("on_a_terminal_it_asks_and_an_interrupt_leaves_nothing", &["script"]) {
        return;
    }
    let root = folder();
    let folder = root.path();
    write(folder, "echo.py", "print()\n");
    // Ends with what was typed: Ctrl-C at the second question, the end of input at the first, answers to all.
    for (keys, code) in [
        ("\n\x03", 130),
        ("\x04", 2),
        ("\n9\nrouter\nudp\nudp:7\n--port {port}\nhello\nhel+o\ngitlab\n", 0),
    ] {
        let mut command = labrun(User::Own);
        command.arg("init").current_dir(folder);
        let mut terminal = on_terminal(&command);
        let mut screen = terminal.stdout.take().unwrap();
        let mut typing = terminal.stdin.take().unwrap();
        let (mut seen, mut asked) = (String::new(), 0);
        let mut buffer = [0; 4096];
        // Each line is an answer, which is typed once it was asked for.
        let mut answers = keys.split_inclusive('\n');
        while let Ok(size @ 1..) = screen.read(&mut buffer) {
            seen.push_str(&String::from_utf8_lossy(&buffer[..size]));
            let questions = seen.matches(['?', '.']).count();
            if seen.ends_with(' ') && questions > asked {
                asked = questions;
                typing.write_all(answers.next().unwrap_or_default().as_bytes()).unwrap();
            }
        }
        assert_eq!(terminal.wait().unwrap().code(), Some(code), "{keys:?}: {seen}");
        if code == 0 {
            assert!(seen.contains("`9` is none of them"), "{seen}");
            assert!(seen.contains("`udp`: such as udp:53"), "{seen}");
        } else {
            assert_eq!(files(folder), ["./echo.py"]);
        }
    }
    assert_eq!(files(folder), ["./.gitlab-ci.yml", "./echo.py", "./labs/echo.yaml"]);
    let text = fs::read_to_string(folder.join("labs/echo.yaml")).unwrap();
    for part in [
        "command: exec echo --port 7 ",
        "echo hello >&3",
        "match: hel+o",
        "[client, router, server]",
    ] {
        assert!(text.contains(part), "no {part:?} in {text}");
    }
}
