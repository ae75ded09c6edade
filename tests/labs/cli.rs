//! What the user types and sees: every verb, exit codes, machine-readable output, terminals.

use crate::common;
use crate::common::labs;

use common::schema::events;
use common::{STATE, User, folder, is_root, labrun, users, wait_for, write};
use labs::{Done, Lab, have, json_lines, run};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

/// A lab whose service greets and then says what is put into a file.
const TALKER: &str = r#"
about: a host that talks
nodes:
  host:
    services:
      talker: {command: "echo hello; touch more; exec tail -n +1 -f more", ready: {log: hello}}
      silent: {command: exec sleep 1000, ready: {running: 1ms}}
tests:
  good: {about: it goes well, steps: [run: {node: host, command: "true"}]}
  bad: {steps: [run: {node: host, command: "echo seen; false"}]}
"#;

fn plain(arguments: &[&str]) -> Done {
    let mut command = labrun(User::Own);
    command.args(arguments);
    run(command)
}

#[test]
fn help_tells_the_exit_codes_and_wrong_usage_has_its_own() {
    let help = plain(&["--help"]);
    assert_eq!(help.exit, 0);
    for words in [
        "0 passed",
        "1 a test failed",
        "2 wrong usage or lab file",
        "3 this machine cannot run it",
        "4 set-up failed",
        "130 interrupted",
    ] {
        assert!(help.stdout.contains(words), "{words}: {}", help.stdout);
    }
    for verb in [
        "init", "import", "setup", "test", "clean", "status", "exec", "shell", "logs", "report",
        "list", "check", "script", "doctor",
    ] {
        assert!(help.stdout.contains(&format!("\n  {verb} ")), "{verb}");
        assert_eq!(plain(&[verb, "--help"]).exit, 0, "{verb}");
    }
    for wrong in [
        &[][..],
        &["--no-such-option"],
        &["test", "--jobs", "0"],
        &["setup"],
        &["exec", "x"],
        &["test", "--client", "pump"],
        &["test", "--instance", "a/b"],
    ] {
        assert_eq!(plain(wrong).exit, 2, "{wrong:?}");
    }
    assert_eq!(plain(&["--version"]).stdout, format!("labrun {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn tests_are_chosen_by_patterns_and_by_files() {
    let folder = folder();
    let own = "lab: own\nnodes: {n: {}}\ntests:\n  one: {steps: [run: {node: n, command: x}]}\n  two: {steps: [run: {node: n, command: x}]}\n";
    std::fs::create_dir(folder.path().join("labs")).unwrap();
    write(folder.path(), "labs/own.yaml", own);
    write(folder.path(), "labs/more.yaml", &own.replace("own", "more"));
    write(folder.path(), "other.yaml", &own.replace("own", "other"));
    let chosen = |words: &[&str]| {
        let mut command = labrun(User::Own);
        command.current_dir(folder.path()).args(["--format", "json", "list"]).args(words);
        let done = run(command);
        let names = json_lines(&done.stdout)
            .iter()
            .flat_map(|lab| lab["tests"].as_array().unwrap().clone())
            .map(|test| test["name"].as_str().unwrap().to_string())
            .collect::<Vec<_>>();
        (done.exit, names.join(" "), done.all)
    };
    for (words, wanted) in [
        (&["own-*"][..], "own-one own-two"),
        (&["*-two"], "more-two own-two"),
        (&["own-t?o", "more-one"], "own-two more-one"),
        (&["o*n"], "own-one own-two"),
        (&["labs/own.yaml"], "own-one own-two"),
        (&["./labs/own.yaml", "own-one"], "own-one own-two"),
    ] {
        let (exit, names, all) = chosen(words);
        assert_eq!((exit, names.as_str()), (0, wanted), "{words:?}: {all}");
    }
    // What chooses nothing is no reason to run everything, or nothing.
    for (word, wanted) in [
        ("own-x*", "no lab or test is called `own-x*`"),
        ("own.*", "no lab or test is called `own.*`"),
        ("other.yaml", "is none of the repository's labs: --file other.yaml takes it"),
        ("labs/none.yaml", "there is no lab or test `labs/none.yaml`"),
    ] {
        let (exit, _, all) = chosen(&[word]);
        assert!(exit == 2 && all.contains(wanted), "{word}: {all}");
    }
    // `check` without a file takes all of them, and says so if there is none.
    write(folder.path(), "labs/bad.yaml", "lab: bad\n");
    let check = |at: &std::path::Path| {
        let mut command = labrun(User::Own);
        command.current_dir(at).arg("check");
        run(command)
    };
    let done = check(folder.path());
    for words in ["labs/bad.yaml:1:1: ", "labs/more.yaml: lab `more`", "labs/own.yaml: lab `own`"] {
        assert!(done.exit == 2 && done.stdout.contains(words), "{words}: {}", done.all);
    }
    let empty = common::folder();
    let done = check(empty.path());
    assert!(done.exit == 2 && done.all.contains("there is no lab file in "), "{}", done.all);
}

#[test]
fn with_fail_fast_no_test_is_begun_after_one_has_failed() {
    let step = |command| format!("{{steps: [run: {{node: n, command: '{command}'}}]}}");
    let folder = folder();
    let after = folder.path().join("run.json");
    let body = format!(
        "nodes: {{n: {{}}}}\ntests:\n  good: {}\n  bad: {}\n  more: {}\n",
        step("true"),
        step("false"),
        step("true")
    );
    let lab = Lab::new(User::Own, &body);
    let report = format!("json={}", after.display());
    let words = ["test", "--artifacts", "never", "--report", &report];
    let outcomes = |more: &[&str]| {
        let done = lab.run(&[&words, more].concat());
        assert_eq!(done.exit, 1, "{}", done.all);
        let run: Value = serde_json::from_str(&std::fs::read_to_string(&after).unwrap()).unwrap();
        let tests = run["tests"].as_array().unwrap().clone();
        (
            tests
                .iter()
                .map(|test| test["outcome"].as_str().unwrap().to_string())
                .collect::<Vec<_>>(),
            done.all,
        )
    };
    assert_eq!(outcomes(&[]).0, ["pass", "fail", "pass"]);
    let (found, said) = outcomes(&["--fail-fast"]);
    assert_eq!(found, ["pass", "fail", "skip"]);
    assert!(said.contains("-more: not run: another test had failed (--fail-fast)"), "{said}");
}

#[test]
fn list_shows_labs_with_their_tests() {
    let list = plain(&["list"]);
    assert_eq!(list.exit, 0);
    for (lab, _) in labrun::lab::find::BUILT_IN {
        assert!(
            list.stdout
                .lines()
                .any(|l| l.split_whitespace().next() == Some(lab) && l.ends_with("(built in)")),
            "{lab}: {}",
            list.stdout
        );
    }
    assert!(
        list.stdout.lines().any(|l| l.starts_with("  relay-v6 ") && l.contains("DHCPv6")),
        "{}",
        list.stdout
    );
    let lab = Lab::new(User::Own, TALKER);
    let done = lab.run(&["--format", "json", "list"]);
    let expected = serde_json::json!({
        "lab": lab.name, "about": "a host that talks", "from": lab.file,
        "tests": [{"name": format!("{}-good", lab.name), "about": "it goes well", "tags": []}, {"name": format!("{}-bad", lab.name), "about": "", "tags": []}],
    });
    assert_eq!(json_lines(&done.stdout), [expected]);
}

#[test]
fn check_tells_good_files_from_bad_ones() {
    let lab = Lab::new(User::Own, TALKER);
    let path = lab.file.to_str().unwrap();
    let good = plain(&["check", path]);
    assert!(
        good.exit == 0
            && good.stdout
                == format!("{path}: lab `{}`, 1 node, 2 services, 2 tests: ok\n", lab.name),
        "{}",
        good.all
    );
    let bad = common::write(
        lab.folder.path(),
        "bad.yaml",
        "lab: x\nnods: {}\nnodes: {a: {forward: on}}\n",
    );
    let bad = bad.to_str().unwrap();
    let done = plain(&["check", path, bad]);
    assert_eq!(done.exit, 2);
    assert!(
        done.stdout
            .contains(&format!("{bad}:2:1: nods: unknown field `nods`, did you mean `nodes`?\n")),
        "{}",
        done.all
    );
    assert!(
        done.stdout.contains(&format!("{bad}:3:22: nodes.a.forward: `on` is not a boolean here")),
        "{}",
        done.all
    );
    assert!(
        done.stdout.contains(&format!("{path}: lab")),
        "the good one is reported, too: {}",
        done.all
    );
    // What `check` refuses, nothing else takes.
    assert_eq!(plain(&["--file", bad, "test"]).exit, 2);
    let binary = lab.folder.path().join("binary.yaml");
    std::fs::write(&binary, b"lab: \xff\n").unwrap();
    let done = plain(&["check", binary.to_str().unwrap()]);
    assert!(done.exit == 2 && done.all.contains("is not UTF-8"), "{}", done.all);
    let done = plain(&["check", "/no/such/file.yaml"]);
    assert!(done.exit == 2 && done.all.contains("cannot read /no/such/file.yaml"), "{}", done.all);
}

const RELAY: &str = include_str!("../../labs/relay.yaml");

#[test]
fn a_slip_in_the_name_of_a_lab_or_its_file_is_told() {
    let repository = common::folder();
    for folder in ["labs", "labrun-artifacts/relay-v4/1", ".git"] {
        std::fs::create_dir_all(repository.path().join(folder)).unwrap();
    }
    std::fs::write(repository.path().join("labs/relay.yaml"), RELAY).unwrap();
    let there = |words: &[&str]| {
        let mut command = labrun(User::Own);
        command.args(words).current_dir(repository.path());
        run(command)
    };
    for (words, hint) in [
        (&["check", "labs/rely.yaml"][..], "did you mean `labs/relay.yaml`?"),
        (&["check", "rely"], "did you mean `labs/relay.yaml`?"),
        (&["test", "labs/rely.yaml"], "did you mean `labs/relay.yaml`?"),
        (&["test", "relay-v5"], "did you mean `relay-v4`?"),
        (&["setup", "rely"], "did you mean `relay`?"),
        (&["graph", "rely"], "did you mean `relay`?"),
        (&["script", "rely"], "did you mean `relay`?"),
        (&["list", "rely"], "did you mean `relay`?"),
        (&["doctor", "rely"], "did you mean `relay`?"),
        (&["capture", "show", "relay-v5"], "did you mean `relay-v4`?"),
    ] {
        let done = there(words);
        assert!(done.exit == 2 && done.all.contains(hint), "{words:?}: {}", done.all);
    }
}

#[test]
fn many_files_are_checked_whatever_is_wrong_with_one_and_two_are_not_one_lab() {
    let folder = common::folder();
    let file = |name: &str, text: &str| {
        common::write(folder.path(), name, text).to_str().unwrap().to_string()
    };
    let one = file("one.yaml", "lab: same\nnodes: {a: {}}\n");
    let two = file("two.yaml", "lab: same\nnodes: {b: {}}\n");
    let good = file("good.yaml", "lab: good\nnodes: {b: {}}\n");
    let binary = file("binary.yaml", "");
    std::fs::write(&binary, b"\xff").unwrap();
    let done = plain(&["check", "/no/such.yaml", &binary, &one, &two, &good]);
    assert_eq!(done.exit, 2);
    for words in [
        "cannot read /no/such.yaml".into(),
        format!("{binary}:1:1: the file is not UTF-8 text\n"),
        format!("{one}: lab `same`"),
        format!("{two}:1:1: the lab `same` is already in {one}\n"),
        format!("{good}: lab `good`"),
    ] {
        assert!(done.stdout.contains(&words), "there is no {words:?} in {}", done.all);
    }
    assert_eq!(plain(&["check", &one, &one]).exit, 0, "that is one file");
}

#[test]
fn a_full_disk_is_named_and_interrupts_nothing() {
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let lab = Lab::new(User::Own, TALKER);
    let report = lab.folder.path().join("report.json");
    let target = format!("json={}", report.display());
    let good = format!("{}-good", lab.name);
    for words in [&["list"][..], &["test", &good, "--report", &target]] {
        let mut command = lab.command(words);
        let output = command.stdout(full()).output().unwrap();
        let text = common::text(&output);
        assert_eq!(output.status.code(), Some(3), "{words:?}: {text}");
        assert!(text.contains("cannot write to standard output: No space left"), "{text}");
    }
    let run = std::fs::read_to_string(report).unwrap();
    let run: serde_json::Value = serde_json::from_str(&run).unwrap();
    assert!(run["interrupted"] == false && run["tests"][0]["outcome"] == "pass", "{run}");
    assert!(!lab.is_up());
}

#[test]
fn a_repositorys_labs_are_found_and_hide_built_in_ones() {
    let folder = common::folder();
    std::fs::create_dir_all(folder.path().join("labs")).unwrap();
    std::fs::create_dir_all(folder.path().join("deep/er")).unwrap();
    common::write(
        folder.path(),
        "labs/own.yaml",
        "lab: own\nnodes: {a: {}}\ntests: {t: {steps: [run: {node: a, command: \"pwd\"}]}}\n",
    );
    common::write(
        folder.path(),
        "labs/relay.yml",
        "lab: relay\nabout: another relay\nnodes: {a: {}}\n",
    );
    let list = |place: &str| {
        let mut command = labrun(User::Own);
        command.arg("list").current_dir(folder.path().join(place));
        run(command)
    };
    for place in ["", "deep/er"] {
        let done = list(place);
        assert!(done.stdout.lines().any(|l| l.starts_with("own ")), "{}", done.all);
        assert!(
            done.stdout.contains("another relay") && !done.stdout.contains("relay-v4"),
            "{}",
            done.all
        );
    }
    // A broken file does not hide the others, but it is told.
    common::write(folder.path(), "labs/broken.yaml", "lab: [\n");
    let done = list("");
    assert!(
        done.exit == 2
            && done.stdout.lines().any(|l| l.starts_with("own "))
            && done.all.contains("labs/broken.yaml:"),
        "{}",
        done.all
    );
}

/// The fields that each message has, besides `event`.
fn fields(event: &str) -> &'static [&'static str] {
    match event {
        "subject" => &["lab", "subject"],
        "setup" => &["instance", "again"],
        "ready" => &["instance", "ms", "services", "reused"],
        "setup-failed" => &["instance", "lines"],
        "test" => &["test"],
        "result" => {
            &["test", "lab", "outcome", "ms", "detail", "lines", "subject", "artifacts", "attempts"]
        }
        "cleaned" => &["instance"],
        "kept" => &["instance", "node"],
        "log" => &["lab", "source", "line"],
        "report" => &["kind", "path"],
        "note" => &["text"],
        "summary" => &["passed", "flaky", "failed", "errors", "skipped", "ms"],
        other => panic!("an unknown message: {other}"),
    }
}

#[test]
fn json_output_is_one_known_object_a_line() {
    for user in users() {
        let lab = Lab::new(user, TALKER);
        let done = lab.run(&["--format", "json", "test", "--keep", "-v"]);
        assert_eq!(done.exit, 1, "{}", done.all);
        let messages = events(&done.stdout);
        for message in &messages {
            let event = message["event"].as_str().unwrap();
            let mut found: Vec<&str> = message
                .as_object()
                .unwrap()
                .keys()
                .map(String::as_str)
                .filter(|k| *k != "event")
                .collect();
            let mut expected = fields(event).to_vec();
            found.sort();
            expected.sort();
            assert_eq!(found, expected, "{message}");
        }
        let of = |event: &str| messages.iter().filter(|m| m["event"] == event).collect::<Vec<_>>();
        assert_eq!(of("result").len(), 2);
        assert_eq!(
            (&of("kept")[0]["node"], &of("ready")[0]["services"]),
            (&"host".into(), &2.into())
        );
        assert!(
            of("log").iter().any(|m| m["source"] == "bad" && m["line"] == "seen"),
            "{}",
            done.all
        );
        let summary: &Value = messages.last().unwrap();
        assert_eq!(
            (&summary["event"], &summary["passed"], &summary["failed"]),
            (&"summary".into(), &1.into(), &1.into())
        );
        let status = lab.run(&["--format", "json", "status"]);
        let status: Value = serde_json::from_str(&status.stdout).unwrap();
        let own =
            status.as_array().unwrap().iter().find(|i| i["instance"] == lab.name.as_str()).unwrap();
        assert_eq!(own["condition"], "ready");
        assert!(
            own["pid"].is_u64()
                && own["services"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|s| s["name"] == "talker" && s["state"] == "running"),
            "{own}"
        );
        assert_eq!(
            events(&lab.run(&["--format", "json", "clean", &lab.name]).stdout),
            [serde_json::json!({"event": "cleaned", "instance": lab.name})]
        );
    }
}

#[test]
fn plain_output_has_no_escape_codes_and_names_everything() {
    let lab = Lab::new(User::Own, TALKER);
    let mut command = lab.command(&["test"]);
    command.env("TERM", "xterm-256color");
    let done = run(command);
    assert!(!done.all.contains('\u{1b}') && !done.all.contains('\r'), "{}", done.all);
    let name = &lab.name;
    for words in [
        format!("setup {name}\n"),
        format!("ready {name} in "),
        format!("PASS  {name}-good "),
        format!("FAIL  {name}-bad "),
        format!("cleaned {name}\n"),
        "1 passed, 1 failed in ".into(),
        "      | seen\n".into(),
    ] {
        assert!(done.stdout.contains(&words), "{words}: {}", done.all);
    }
}

/// Runs labrun on a terminal of its own, typing `input`; everything it shows, and its exit code.
fn on_a_terminal(
    lab: &Lab,
    arguments: &[&str],
    input: &str,
    environment: &[(&str, &str)],
) -> (i32, String) {
    let words: Vec<String> =
        lab.command(arguments).get_args().map(|a| a.to_str().unwrap().to_string()).collect();
    let line = format!("{} {}", env!("CARGO_BIN_EXE_labrun"), labrun::quote::command(&words));
    let mut command = Command::new("timeout");
    command
        .args(["60", "script", "-qec", &line, "/dev/null"])
        .env("TERM", "xterm")
        // A shell reads what is in its user's home, and that may wait for anything.
        .env("HOME", "/nonexistent")
        .env_remove("NO_COLOR")
        .env_remove("CI")
        .env("LABRUN_ARTIFACTS", "never")
        .envs([STATE])
        .current_dir("/");
    command.envs(environment.iter().copied()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    (output.status.code().unwrap(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn a_terminal_gets_colour_unless_no_color_is_set() {
    if !have("a_terminal_gets_colour_unless_no_color_is_set", &["script"]) {
        return;
    }
    let lab = Lab::new(User::Own, TALKER);
    let (exit, shown) = on_a_terminal(&lab, &["test"], "", &[]);
    assert!(
        exit == 1 && shown.contains("\u{1b}[1m") && shown.contains("1 passed, 1 failed"),
        "{shown:?}"
    );
    // Colours and weights end in `m`; what moves the cursor is no colour (no-color.org).
    let coloured = |text: &str| {
        text.split("\u{1b}[").skip(1).any(|rest| {
            rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';').starts_with('m')
        })
    };
    assert!(coloured(&shown));
    for environment in [("NO_COLOR", "1"), ("TERM", "dumb")] {
        let (exit, shown) = on_a_terminal(&lab, &["test"], "", &[environment]);
        assert!(
            exit == 1 && !coloured(&shown) && shown.contains("1 passed, 1 failed"),
            "{environment:?}: {shown:?}"
        );
    }
}

#[test]
fn exec_hands_input_output_and_exit_code_through() {
    for user in users() {
        let lab = Lab::new(user, TALKER);
        assert_eq!(lab.exec("host", &["true"]).exit, 2, "it is not up yet");
        assert_eq!(lab.run(&["setup", &lab.name]).exit, 0);
        for exit in [0, 1, 7, 255] {
            assert_eq!(lab.exec("host", &["sh", "-c", &format!("exit {exit}")]).exit, exit);
        }
        for node in ["host", "global"] {
            assert_eq!(lab.exec(node, &["no-such-command"]).exit, 127, "{node}");
        }
        let done = lab.exec("host", &["sh", "-c", "echo out; echo err >&2"]);
        assert_eq!(
            (done.stdout.as_str(), done.all.as_str()),
            ("out\n", "exit Some(0)\nout\nerr\n")
        );
        let done = lab.exec("nobody", &["true"]);
        assert!(
            done.exit == 2
                && done.all.contains("has no node nobody; there is `host`")
                && done.stdout.is_empty(),
            "{}",
            done.all
        );
        let mut command = labs::bounded(&lab.command(&["exec", &lab.name, "host", "cat"]));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(b"through\0the pipe\n").unwrap();
        assert_eq!(child.wait_with_output().unwrap().stdout, b"through\0the pipe\n");
        // `global` is there in every lab, and its processes are only the lab's.
        let processes = lab.exec("global", &["sh", "-c", "ls -d /proc/[0-9]* | wc -l"]).stdout;
        assert!(processes.trim().parse::<u32>().unwrap() < 30, "{processes}");
    }
}

#[test]
fn a_shell_on_a_terminal_stands_in_its_node() {
    if !have("a_shell_on_a_terminal_stands_in_its_node", &["script"]) {
        return;
    }
    let lab = Lab::new(User::Own, TALKER);
    assert_eq!(lab.run(&["setup", &lab.name]).exit, 0);
    let (exit, shown) = on_a_terminal(
        &lab,
        &["shell", &lab.name, "host"],
        "echo $((40 + 2))-$LABRUN_NODE; test -t 0 && echo a-terminal-$?; exit 7\n",
        &[],
    );
    assert!(
        exit == 7 && shown.contains("42-host") && shown.contains("a-terminal-0"),
        "{exit} {shown:?}"
    );
    assert!(shown.contains(&format!("({} host)", lab.name)), "the prompt says where: {shown:?}");
}

#[test]
fn logs_show_each_service_and_follow_until_interrupted() {
    for user in users() {
        let lab = Lab::new(user, TALKER);
        assert_eq!(lab.run(&["setup", &lab.name]).exit, 0);
        assert_eq!(lab.run(&["logs", &lab.name]).stdout, "talker | hello\n");
        let messages = events(&lab.run(&["--format", "json", "logs", &lab.name, "talker"]).stdout);
        assert_eq!(
            messages,
            [
                serde_json::json!({"event": "log", "lab": lab.name, "source": "talker", "line": "hello"})
            ]
        );
        let wrong = lab.run(&["logs", &lab.name, "talkre"]);
        assert!(
            wrong.exit == 2 && wrong.all.contains("has no service talkre, did you mean `talker`?"),
            "{}",
            wrong.all
        );
        // Which one was meant nobody can tell where others of such a name are up.
        let slip = format!("{}x", lab.name);
        for words in [
            vec!["exec", &slip, "host", "--", "true"],
            vec!["logs", &slip],
            vec!["capture", &slip, "host"],
            vec!["clean", &slip],
        ] {
            let done = lab.run(&words);
            assert!(
                done.all.contains(&format!("no lab `{slip}` is up"))
                    && done.all.contains("did you mean `"),
                "{words:?}: {}",
                done.all
            );
        }

        let follow = || {
            let mut command = lab.command(&["logs", "-f", &lab.name]);
            let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            assert_eq!(lines.next().unwrap().unwrap(), "talker | hello");
            (child, lines)
        };
        let (mut child, mut lines) = follow();
        let more = "for i in /run/labrun /tmp/labrun-*; do [ ! -d \"$i/$LABRUN_LAB\" ] || echo added >>\"$i/$LABRUN_LAB/service/talker/more\"; done";
        assert_eq!(lab.exec("host", &["sh", "-c", more]).exit, 0);
        assert_eq!(lines.next().unwrap().unwrap(), "talker | added");
        let kill = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
        assert!(kill.success());
        wait_for("logs -f to end", || child.try_wait().unwrap().is_some());
        assert_eq!(child.wait().unwrap().code(), Some(130));
        assert!(lab.is_up(), "only the following ended");
        let (mut child, _lines) = follow();
        assert_eq!(lab.run(&["clean", &lab.name]).exit, 0);
        wait_for("logs -f to end with its lab", || child.try_wait().unwrap().is_some());
    }
}

#[test]
fn status_shows_instances_and_clean_takes_them_down_one_by_one_or_by_lab() {
    for user in users() {
        let lab = Lab::new(user, TALKER);
        let two = format!("{}@two", lab.name);
        assert_eq!(lab.run(&["setup", &lab.name]).exit, 0);
        assert_eq!(lab.run(&["setup", &lab.name, "--instance", "two"]).exit, 0);
        let ups =
            || lab.run(&["status"]).stdout.lines().filter(|l| l.starts_with(&lab.name)).count();
        let status = lab.run(&["status"]).stdout;
        assert!(
            status
                .lines()
                .any(|l| l.starts_with(&two) && l.contains(" ready ") && l.contains(" pid ")),
            "{status}"
        );
        assert!(status.contains("  talker         running"), "{status}");
        assert_eq!(ups(), 2);
        assert_eq!(lab.run(&["exec", &two, "host", "true"]).exit, 0);
        // A second set-up finds it up.
        let again = lab.run(&["setup", &lab.name]);
        assert!(
            again.exit == 0
                && again.stdout.contains(&format!("ready {}: was up already", lab.name)),
            "{}",
            again.all
        );
        assert_eq!(lab.run(&["clean", &two]).exit, 0);
        assert_eq!(ups(), 1);
        assert_eq!(lab.run(&["setup", &lab.name, "--instance", "two"]).exit, 0);
        // The lab's name stands for all its instances; a second time there is nothing to do.
        let clean = lab.run(&["clean", &lab.name]);
        assert!(clean.exit == 0 && clean.stdout.matches("cleaned ").count() == 2, "{}", clean.all);
        let clean = lab.run(&["clean", &lab.name]);
        assert!(clean.exit == 0 && clean.stdout.contains("nothing to clean"), "{}", clean.all);
        assert_eq!(ups(), 0);
    }
}

#[test]
fn a_lab_that_was_set_up_is_used_and_left_up_by_test() {
    for user in users() {
        let lab = Lab::new(user, TALKER);
        let done = lab.run(&["setup", &lab.name, "--instance", "other"]);
        let next: Vec<&str> =
            done.stdout.lines().filter_map(|line| line.strip_prefix("   next: labrun ")).collect();
        assert!(
            next[0].starts_with("test ")
                && next[0].ends_with(&format!(" --file {} --instance other", lab.file.display())),
            "{next:?}"
        );
        assert_eq!(
            next[1..],
            [format!("shell {}@other host", lab.name), format!("clean {}@other", lab.name)]
        );
        assert_eq!(lab.run(&["clean", &format!("{}@other", lab.name)]).exit, 0);

        assert_eq!(lab.run(&["setup", &lab.name]).exit, 0);
        let (done, _) = lab.results(&[&format!("{}-good", lab.name)]);
        assert!(
            done.exit == 0 && done.stdout.contains("\"reused\":true") && lab.is_up(),
            "{}",
            done.all
        );
        // A changed file makes it anew.
        common::write(
            lab.folder.path(),
            "lab.yaml",
            &std::fs::read_to_string(&lab.file).unwrap().replace("echo hello", "echo hello again"),
        );
        let (done, _) = lab.results(&[&format!("{}-good", lab.name)]);
        assert!(
            done.exit == 0 && done.stdout.contains("\"again\":true") && lab.is_up(),
            "{}",
            done.all
        );
        assert_eq!(lab.run(&["logs", &lab.name]).stdout, "talker | hello again\n");
    }
}

#[test]
fn a_script_needs_no_labrun_to_come_up_be_used_and_go() {
    for user in users() {
        let lab = Lab::new(user, TALKER);
        // As this user, with labrun only printing.
        let mut command = Command::new("bash");
        let inner = lab.command(&["script", &lab.name]);
        let (program, arguments) = (
            inner.get_program(),
            inner.get_args().map(|a| a.to_str().unwrap().to_string()).collect::<Vec<_>>(),
        );
        let binary = arguments.iter().position(|a| a == env!("CARGO_BIN_EXE_labrun"));
        // What stands in front of labrun changes the user, and must stand in front of bash as well.
        let prefix: Vec<String> = binary.map_or(Vec::new(), |at| {
            [program.to_str().unwrap().to_string()]
                .into_iter()
                .chain(arguments[..at].iter().cloned())
                .collect()
        });
        let line = format!(
            "{} {} | {} bash",
            labrun::quote::shell(program.to_str().unwrap()),
            labrun::quote::command(&arguments),
            labrun::quote::command(&prefix)
        );
        command.args(["-c", &line]).env_remove("XDG_RUNTIME_DIR").current_dir("/");
        let up = run(command);
        assert!(up.exit == 0 && up.stdout.contains("\"event\":\"ready\""), "{}", up.all);
        let ready = json_lines(&up.stdout);
        let state = ready.iter().find(|e| e["event"] == "setup").unwrap()["state"]
            .as_str()
            .unwrap()
            .to_string();
        assert!(lab.is_up());

        let by_hand = |words: &[&str]| {
            let script = format!("{state}/lab.sh");
            let all: Vec<&str> = prefix
                .iter()
                .map(String::as_str)
                .chain(["bash", &script])
                .chain(words.iter().copied())
                .collect();
            let mut command = Command::new(all[0]);
            command.args(&all[1..]).env_remove("XDG_RUNTIME_DIR").current_dir("/");
            run(command)
        };
        assert_eq!(by_hand(&["exec", &lab.name, "host", "echo", "by hand"]).stdout, "by hand\n");
        assert!(
            by_hand(&["status"])
                .stdout
                .contains(&format!("\"instance\":\"{}\",\"condition\":\"ready\"", lab.name))
        );
        let clean = by_hand(&["clean", &lab.name]);
        assert!(clean.exit == 0 && clean.stdout.contains("\"event\":\"cleaned\""), "{}", clean.all);
        assert!(!lab.is_up() && !std::path::Path::new(&state).exists());
    }
}

#[test]
fn doctor_says_what_is_there_and_what_is_not() {
    let lab = Lab::new(User::Own, TALKER);
    let done = lab.run(&["doctor"]);
    assert!(
        done.exit == 0
            && done.stdout.contains("ok    sandbox")
            && done.stdout.contains(&format!("ok    lab {}", lab.name)),
        "{}",
        done.all
    );
    assert_eq!(done.stdout.contains("as root"), is_root());
}

#[test]
fn each_schema_is_one_json_document() {
    let done = plain(&["schema"]);
    let schema: Value = serde_json::from_str(&done.stdout).unwrap();
    assert_eq!(done.exit, 0);
    assert_eq!(schema, labrun::lab::schema::schema());
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
    let events: Value = serde_json::from_str(&plain(&["schema", "events"]).stdout).unwrap();
    assert_eq!(events, labrun::record::event::schema());
}
