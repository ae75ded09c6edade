//! Which tests are run, in which order, and how often.

use crate::common;
use crate::common::labs;

use common::{User, folder, users, wait_for};
use labs::{Done, Lab, json_lines, lines, run};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// A pipe that labs of every user read a line of at each attempt: what one consumes the next does not see, though
/// nothing else that happens in a lab outlives it.
struct Gate {
    folder: tempfile::TempDir,
    /// Open as long as the lines are to stay.
    pipe: File,
}

impl Gate {
    fn new() -> Gate {
        let folder = folder();
        let path = folder.path().join("gate");
        assert!(Command::new("mkfifo").arg(&path).status().unwrap().success());
        fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
        let pipe = File::options().read(true).write(true).open(&path).unwrap();
        Gate { folder, pipe }
    }

    /// What a shell says that goes on when it reads `good`.
    fn passage(&self) -> String {
        format!("(read -r word <{}/gate; [ \"$word\" = good ])", self.folder.path().display())
    }

    fn give(&mut self, words: &str) {
        words.split(' ').for_each(|word| writeln!(self.pipe, "{word}").unwrap());
    }
}

/// A lab that sees `gates`.
fn gated(user: User, gates: &[&Gate], body: &str) -> Lab {
    let folders = gates.iter().map(|gate| gate.folder.path().display().to_string());
    let folders = folders.collect::<Vec<_>>().join(", ");
    Lab::new(user, &format!("{body}writable: [{folders}]\n")).granting("write")
}

/// Runs the tests of `lab` with reports and all artifacts; what was printed for people, and the
/// folder of reports.
fn reported(lab: &Lab, words: &[&str]) -> (Done, tempfile::TempDir) {
    let out = folder();
    fs::set_permissions(out.path(), fs::Permissions::from_mode(0o777)).unwrap();
    let at = |name: &str| out.path().join(name).display().to_string();
    let reports = [format!("json={}", at("run.json")), format!("junit={}", at("junit.xml"))];
    let mut command = lab.command(&["test", "--artifacts=always", "--artifacts-dir", &at("kept")]);
    command.args(words);
    reports.iter().for_each(|report| _ = command.args(["--report", report]));
    (labs::run(command), out)
}

#[test]
fn what_passes_only_when_tried_again_is_flaky_in_every_report_and_its_failures_are_kept() {
    for user in users() {
        let mut gate = Gate::new();
        let body = format!(
            "nodes: {{n: {{}}}}\ntests:\n  shaky: {{steps: [run: {{node: n, command: '! ls /tmp/left'}}, run: {{node: n, command: 'echo x >/tmp/left; {}'}}]}}\n  sound: {{steps: [run: {{node: n, command: 'true'}}]}}\n",
            gate.passage()
        );
        let lab = gated(user, &[&gate], &body);
        let name = format!("{}-shaky", lab.name);
        gate.give("bad bad good");
        let (done, out) = reported(&lab, &["--retries", "2"]);
        assert_eq!(done.exit, 0, "{}", done.all);
        for words in [
            &format!("RETRY {name} "),
            " (attempt 1 of 3)\n",
            " (attempt 2 of 3)\n",
            &format!("FLAKY {name} "),
            "(flaky: passed at attempt 3)",
            &format!("\nflaky: {name}  2 attempts failed: "),
            "\n1 passed, 0 failed, 1 flaky in ",
        ] {
            assert!(done.stdout.contains(words), "{user:?} {words}: {}", done.all);
        }
        assert!(!done.stdout.contains(&format!("PASS  {name}")), "{}", done.all);
        let read = |name: &str| fs::read_to_string(out.path().join(name)).unwrap();
        let run: Value = serde_json::from_str(&read("run.json")).unwrap();
        assert_eq!((&run["totals"]["passed"], &run["totals"]["flaky"]), (&1.into(), &1.into()));
        let shaky = &run["tests"][0];
        assert_eq!(shaky["outcome"], "flaky");
        let attempts = shaky["attempts"].as_array().unwrap();
        assert_eq!(attempts.len(), 2);
        for (index, attempt) in attempts.iter().enumerate() {
            assert_eq!((&attempt["outcome"], &attempt["line"]), (&"fail".into(), &4.into()));
            assert!(lines(attempt).starts_with("step 2, run in n: "), "{attempt}");
            let kept = format!("kept/{name}/{}", index + 1);
            assert!(attempt["artifacts"].as_str().unwrap().ends_with(&kept), "{attempt}");
            assert!(read(&format!("{kept}/failure.txt")).starts_with("FAIL  "));
        }
        assert!(read(&format!("kept/{name}/3/result.json")).contains("\"outcome\": \"flaky\""));
        let junit = read("junit.xml");
        assert_eq!(junit.matches("<flakyFailure ").count(), 2, "{junit}");
        assert!(!junit.contains("<failure"), "{junit}");

        // A failure that stays is one, and nothing is tried again that passed.
        gate.give("bad bad");
        let (done, out) = reported(&lab, &["--retries", "1"]);
        assert_eq!(done.exit, 1, "{}", done.all);
        let told = format!("FAIL  {name} ");
        assert!(
            done.stdout.contains(&told) && done.stdout.contains("(failed at each of 2 attempts)")
        );
        assert!(done.stdout.contains("\n1 passed, 1 failed in "), "{}", done.all);
        assert_eq!(done.stdout.matches("RETRY ").count(), 1, "{}", done.all);
        let junit = fs::read_to_string(out.path().join("junit.xml")).unwrap();
        assert_eq!(junit.matches("<rerunFailure ").count(), 1, "{junit}");
    }
}

#[test]
fn a_test_under_stress_has_failed_if_one_run_has() {
    for user in users() {
        let mut gate = Gate::new();
        let body = format!(
            "nodes: {{n: {{}}}}\ntests:\n  shaky: {{steps: [run: {{node: n, command: '{}'}}]}}\n  sound: {{steps: [run: {{node: n, command: '! ls /tmp/left && echo x >/tmp/left'}}]}}\n",
            gate.passage()
        );
        let lab = gated(user, &[&gate], &body);
        let name = format!("{}-shaky", lab.name);
        // What was printed, the exit code, the results, and how many failures were kept.
        let ran = |words: &[&str]| {
            let out = folder();
            fs::set_permissions(out.path(), fs::Permissions::from_mode(0o777)).unwrap();
            let at = |name: &str| out.path().join(name).display().to_string();
            let report = format!("--report=json={}", at("run.json"));
            let mut command = lab.command(&["test", "--artifacts=on-failure", &report]);
            command.args(["--artifacts-dir", &at("kept")]).args(words);
            let done = labs::run(command);
            let run: Value =
                serde_json::from_str(&fs::read_to_string(at("run.json")).unwrap()).unwrap();
            let kept = fs::read_dir(out.path().join("kept").join(&name));
            let kept = kept.map_or(0, |folders| folders.count());
            (done, run["tests"].clone(), kept)
        };
        let runs = |of: u32, failed: u32| serde_json::json!({"of": of, "failed": failed});

        gate.give("good bad good bad");
        let (done, tests, kept) = ran(&["--stress=4"]);
        assert_eq!((done.exit, kept), (1, 2), "{}", done.all);
        assert_eq!((&tests[0]["outcome"], &tests[0]["runs"]), (&"fail".into(), &runs(4, 2)));
        assert_eq!((&tests[1]["outcome"], &tests[1]["runs"]), (&"pass".into(), &runs(4, 0)));
        let why = lines(&tests[0]);
        assert!(why.starts_with("2 of 4 runs failed, the first: step 1, run in n: "), "{why}");
        for words in ["failed in run 2: ", "failed in run 4: ", "(4 of 4 runs)"] {
            assert_eq!(done.stdout.matches(words).count(), 1, "{words}: {}", done.all);
        }

        gate.give("good good good");
        let (done, tests, kept) = ran(&["--stress=3"]);
        assert_eq!((done.exit, kept, &tests[0]["runs"]), (0, 0, &runs(3, 0)), "{}", done.all);

        // There is no word for a third run, which would wait for one.
        gate.give("good bad");
        let (done, tests, _) = ran(&["--stress=9", "--fail-fast"]);
        assert_eq!((done.exit, &tests[0]["runs"]), (1, &runs(2, 1)), "{}", done.all);
        assert_eq!(tests[1]["runs"], runs(1, 0), "{}", done.all);

        gate.give("good");
        let (done, tests, _) = ran(&["--stress-for=1ms"]);
        assert_eq!((done.exit, &tests[0]["runs"]), (0, &runs(1, 0)), "{}", done.all);
        assert_eq!(tests[1]["runs"], runs(1, 0), "{}", done.all);
    }
}

#[test]
fn a_race_that_is_lost_once_in_twenty_runs_is_found_and_its_message_is_named() {
    if !labs::have("a_race_that_is_lost", &["nft", "ping"]) {
        return;
    }
    // Every twentieth question is lost.
    let body = "
needs: {kernel: [nftables]}
nodes:
  client: {links: {eth0: {peer: server/eth0, addresses: 10.0.0.1/24}}}
  server:
    links: {eth0: {peer: client/eth0, addresses: 10.0.0.2/24}}
    nft: |
      table ip t { chain c { type filter hook input priority 0; icmp type echo-request numgen inc mod 20 19 drop; }; }
tests: {asks: {steps: [ping: {node: client, to: 10.0.0.2, count: 1, timeout: 1s}]}}
";
    for user in users() {
        let lab = Lab::new(user, body);
        let (done, results) = lab.results(&["--stress=40"]);
        let result = &results["asks"];
        assert_eq!(result["runs"], serde_json::json!({"of": 40, "failed": 2}), "{}", done.all);
        let why = lines(result);
        assert!(why.contains("2 of 40 runs failed, the first: "), "{why}");
        let named = "message 2 is missing after ECHO-REQUEST from client to server: in a run that passed it was ECHO-REPLY from server to client";
        assert!(why.contains(named), "{why}");
    }
}

#[test]
fn stress_is_of_labs_that_come_up_and_of_nothing_that_hides_a_failure() {
    let dead = "{command: 'exit 7', ready: {udp: 9}}";
    let step = "{steps: [run: {node: n, command: 'true'}]}";
    let lab = Lab::new(
        User::Own,
        &format!("nodes: {{n: {{services: {{dead: {dead}}}}}}}\ntests: {{a: {step}, b: {step}}}\n"),
    );
    let (done, results) = lab.results(&["--stress=3"]);
    assert_eq!((done.exit, results.len()), (4, 2), "{}", done.all);
    assert!(results.values().all(|result| result["outcome"] == "error"), "{}", done.all);
    for (words, why) in [
        (&["--stress=2", "--retries=1"][..], "cannot be used with"),
        (&["--stress=2", "--keep"], "cannot be used with"),
        (&["--stress=2", "--stress-for=1s"], "cannot be used with"),
        (&["--stress=0"], "0 is not in"),
        (&["--stress-for=0s"], "a time is wanted"),
        (&["--stress-for=10"], "a time is wanted"),
    ] {
        let done = lab.run(&[&["test"], words].concat());
        assert!(done.exit == 2 && done.all.contains(why), "{words:?}: {}", done.all);
    }
}

#[test]
fn a_lab_that_comes_up_only_when_tried_again_makes_its_test_flaky() {
    let mut gate = Gate::new();
    let body = format!(
        "nodes: {{n: {{services: {{gated: {{command: '{} && exec busybox httpd -f -p 99', ready: {{tcp: 99}}}}}}}}}}\ntests:\n  one: {{steps: [run: {{node: n, command: 'true'}}]}}\n  two: {{steps: [run: {{node: n, command: 'true'}}]}}\n",
        gate.passage()
    );
    if !labs::have("a_lab_that_comes_up_only_when_tried_again", &["busybox"]) {
        return;
    }
    let lab = gated(User::Own, &[&gate], &body);
    let outcomes = |words: &[&str]| {
        let done = lab.run(&[&["--format", "json", "test"], words].concat());
        let told = json_lines(&done.stdout);
        let results = told.iter().filter(|event| event["event"] == "result");
        let found: Vec<Value> = results.map(|event| event["outcome"].clone()).collect();
        (done.exit, found, told)
    };
    gate.give("bad good");
    let (exit, found, told) = outcomes(&["--retries=1"]);
    assert_eq!((exit, found), (0, vec!["flaky".into(), "pass".into()]), "{told:?}");
    let retry = told.iter().find(|event| event["event"] == "retry").unwrap();
    assert_eq!((&retry["attempt"], &retry["of"]), (&1.into(), &2.into()), "{retry}");
    assert_eq!(retry["outcome"], "error");
    let result = told.iter().find(|event| event["event"] == "result").unwrap();
    assert!(lines(&result["attempts"][0]).contains("gated"), "{result}");
    gate.give("bad bad");
    let (exit, found, told) = outcomes(&["--retries=1"]);
    assert_eq!((exit, found), (4, vec!["error".into(), "error".into()]), "{told:?}");
    // Where nothing is tried again, neither is that.
    gate.give("bad");
    assert_eq!(outcomes(&[]).1, ["error", "error"]);
}

#[test]
fn a_lab_that_a_test_lost_is_made_anew_where_tests_are_tried_again() {
    for (retries, next) in [("0", "error"), ("1", "pass")] {
        let mut gate = Gate::new();
        let body = format!(
            "nodes: {{n: {{}}}}\ntests:\n  deadly: {{steps: [run: {{node: n, command: '{}'}}]}}\n  next: {{steps: [run: {{node: n, command: 'true'}}]}}\n",
            gate.passage()
        );
        let lab = gated(User::Own, &[&gate], &body);
        let mut command = lab.command(&["--format=json", "test", "--retries", retries]);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut supervisor = 0;
        wait_for("a test that waits", || {
            let status = lab.run(&["status", "--format=json"]).stdout;
            let all: Value = serde_json::from_str(&status).unwrap();
            let mut all = all.as_array().unwrap().iter();
            let own = all.find(|i| i["instance"] == lab.name && i["condition"] == "testing");
            supervisor = own.map_or(0, |own| own["pid"].as_u64().unwrap() as u32);
            supervisor > 0
        });
        common::host::kill("KILL", supervisor);
        let mut told = Vec::new();
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let event: Value = serde_json::from_str(&line.unwrap()).unwrap();
            if event["event"] == "retry" {
                // One that is being killed may take one, too.
                gate.give("good good");
            }
            told.push(event);
        }
        child.wait().unwrap();
        let results: Vec<_> = told.iter().filter(|e| e["event"] == "result").collect();
        // The last that its agent says may be that the step was killed.
        let deadly = ["flaky", "fail", "error"].map(|word| results[0]["outcome"] == word);
        assert!(deadly[0] == (retries == "1") && deadly.contains(&true), "{told:?}");
        assert_eq!(results[1]["outcome"], next, "{told:?}");
    }
}

#[test]
fn who_wants_to_look_at_a_lab_that_failed_does_not_want_another_one() {
    let done = labs::run({
        let mut command = common::labrun(User::Own);
        command.args(["test", "--retries=1", "--keep"]);
        command
    });
    assert!(done.exit == 2 && done.all.contains("cannot be used with"), "{}", done.all);
}

#[test]
fn the_part_is_that_which_the_engine_says() {
    let step = "{steps: [run: {node: n, command: 'true'}]}";
    let lab = Lab::new(
        User::Own,
        &format!(
            "nodes: {{n: {{}}}}\ntests: {{a: {step}, b: {step}, c: {step}, d: {step}, e: {step}}}\n"
        ),
    );
    let run = |words: &[&str], variables: &[(&str, &str)]| {
        let mut command = lab.command(words);
        command.envs(variables.iter().copied());
        labs::run(command)
    };
    let listed = |verb: &[&str], part: &str, variables: &[(&str, &str)]| {
        let done = run(&[verb, &["--partition", part]].concat(), variables);
        assert_eq!(done.exit, 0, "{}", done.all);
        let rows = done.stdout.lines().skip(1).map(|row| row.trim().to_string());
        rows.filter(|row| row.starts_with(&lab.name)).collect::<Vec<_>>()
    };
    let mut all = Vec::new();
    for number in 1..=3 {
        let (first, second) = (number.to_string(), (number - 1).to_string());
        let wanted = listed(&["list"], &format!("{number}/3"), &[]);
        let slurm = [
            ("SLURM_ARRAY_TASK_ID", first.as_str()),
            ("SLURM_ARRAY_TASK_MIN", "1"),
            ("SLURM_ARRAY_TASK_MAX", "3"),
            ("SLURM_ARRAY_TASK_STEP", "1"),
            ("SLURM_ARRAY_TASK_COUNT", "3"),
        ];
        for (part, variables) in [
            ("auto", &[("CI_NODE_INDEX", first.as_str()), ("CI_NODE_TOTAL", "3")][..]),
            ("auto/3", &[("JOB_COMPLETION_INDEX", &second)]),
            ("auto", &slurm),
        ] {
            assert_eq!(listed(&["list"], part, variables), wanted, "{variables:?}");
            assert_eq!(listed(&["test", "--list"], part, variables), wanted, "{variables:?}");
        }
        all.extend(wanted);
    }
    all.sort();
    let names: Vec<String> = "abcde".chars().map(|short| format!("{}-{short}", lab.name)).collect();
    assert_eq!(all, names);

    let done =
        run(&["test", "--partition=auto"], &[("CI_NODE_INDEX", "4"), ("CI_NODE_TOTAL", "3")]);
    assert!(done.exit == 2 && done.all.contains("CI_NODE_INDEX is 4"), "{}", done.all);
    assert!(!done.all.contains("passed"), "{}", done.all);
}

#[test]
fn tests_are_chosen_by_their_tags() {
    for user in users() {
        let step = "steps: [run: {node: n, command: 'true'}]";
        let lab = Lab::new(
            user,
            &format!(
                "nodes: {{n: {{}}}}\ntests:\n  a: {{tags: [slow, v6], {step}}}\n  b: {{about: it is quick, tags: v6, {step}}}\n  c: {{{step}}}\n"
            ),
        );
        let ran = |words: &[&str]| lab.results(words).1.into_keys().collect::<String>();
        assert_eq!(ran(&["--tag", "v6", "--not-tag", "slow"]), "b");
        assert_eq!(ran(&["--not-tag", "slow"]), "bc");
        assert_eq!(ran(&["--tag=slow", "--tag=v6", "--partition=1/1"]), "ab");
        let done = lab.run(&["test", "--tag", "v4"]);
        assert!(done.exit == 2 && done.all.contains("no test has the tag `v4`"), "{}", done.all);

        // What is listed is what would be run, and listing runs nothing.
        let named = |short: &str| format!("{}-{short}", lab.name);
        for words in [&["list"][..], &["test", "--list"]] {
            let done = lab.run(&[words, &["--tag", "v6"]].concat());
            let rows: Vec<_> = done.stdout.lines().skip(1).map(str::trim).collect();
            let wanted = [
                format!("{}  [slow, v6]", named("a")),
                format!("{}  it is quick [v6]", named("b")),
            ];
            assert_eq!(
                (done.exit, rows),
                (0, wanted.iter().map(String::as_str).collect()),
                "{}",
                done.all
            );
            let done = lab.run(&[&["--format=json"], words, &["--not-tag", "slow"]].concat());
            let listed = json_lines(&done.stdout);
            assert_eq!(listed[0]["tests"][0]["tags"], serde_json::json!(["v6"]), "{}", done.all);
            assert_eq!(listed[0]["tests"].as_array().unwrap().len(), 2, "{}", done.all);
        }
    }
}

#[test]
fn what_failed_when_it_was_last_run_is_run_again() {
    for user in users() {
        let mut gate = Gate::new();
        let other = Gate::new();
        let test = |passage: &str| format!("{{steps: [run: {{node: n, command: '{passage}'}}]}}");
        let lab = gated(
            user,
            &[&gate, &other],
            &format!(
                "nodes: {{n: {{}}}}\ntests:\n  one: {}\n  two: {}\n  good: {}\n",
                test(&gate.passage()),
                test(&other.passage()),
                test("true")
            ),
        );
        let mut other = other;
        let out = folder();
        fs::set_permissions(out.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let state = out.path().join("state");
        // The exit code, each test with its outcome, and what was said.
        let ran = |words: &[&str]| {
            let mut command = lab.command(&["--format=json", "test"]);
            command.args(words).env("XDG_STATE_HOME", &state);
            let done = labs::run(command);
            let results = done.stdout.lines().filter(|line| line.contains("\"event\":\"result\""));
            let results = json_lines(&results.collect::<Vec<_>>().join("\n"));
            let short = |r: &Value| r["test"].as_str().unwrap()[lab.name.len() + 1..].to_string();
            let text = |r: &Value| format!("{} {}", short(r), r["outcome"].as_str().unwrap());
            (done.exit, results.iter().map(text).collect::<Vec<_>>().join(", "), done.all)
        };
        let (exit, _, all) = ran(&["--last-failed"]);
        assert!(exit == 2 && all.contains("is on record: run `labrun test` first"), "{all}");
        gate.give("bad");
        other.give("bad");
        let (exit, found, all) = ran(&[]);
        assert_eq!((exit, found.as_str()), (1, "one fail, two fail, good pass"), "{all}");
        // A run of another test says nothing of them, and no more does one that only lists.
        assert_eq!(ran(&[&format!("{}-good", lab.name)]).1, "good pass");
        let (exit, found, all) = ran(&["--last-failed", "--list"]);
        assert!(
            exit == 0 && found.is_empty() && all.contains("-one") && !all.contains("-good"),
            "{all}"
        );
        gate.give("bad");
        other.give("good");
        assert_eq!(ran(&["--last-failed"]).1, "one fail, two pass");
        let (exit, found, all) = ran(&["--last-failed", &format!("{}-two", lab.name)]);
        let said = format!(
            "of the tests that were named none failed when it was last run, but {}-one did",
            lab.name
        );
        assert!(exit == 0 && found.is_empty() && all.contains(&said), "{all}");
        // One that passed only when it was tried again has passed.
        gate.give("bad good");
        assert_eq!(ran(&["--last-failed", "--retries=1", "--partition=1/1"]).1, "one flaky");
        let (exit, found, all) = ran(&["--last-failed", "--strict"]);
        assert!(exit == 0 && found.is_empty(), "{all}");
        assert!(all.contains("nothing ran: no test failed when it was last run"), "{all}");

        let record = fs::read_dir(state.join("labrun/failures")).unwrap().next().unwrap().unwrap();
        fs::write(record.path(), "{}").unwrap();
        let (exit, _, all) = ran(&["--last-failed"]);
        assert!(exit == 2 && all.contains(" is no record of a run "), "{all}");
        fs::remove_dir_all(&state).unwrap();
        fs::write(&state, "").unwrap();
        let (exit, _, all) = ran(&["--last-failed"]);
        assert!(exit == 2 && all.contains("there is no record of runs: cannot make "), "{all}");
        // No run is the worse for that.
        assert_eq!(ran(&[&format!("{}-good", lab.name)]).0, 0);
    }
}

#[test]
fn a_home_that_is_not_there_is_not_made() {
    for user in users() {
        let lab = Lab::new(
            user,
            "nodes: {n: {}}\ntests: {t: {steps: [run: {node: n, command: \"true\"}]}}\n",
        );
        let out = folder();
        fs::set_permissions(out.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let home = out.path().join("home");
        let ran = |words: &[&str]| {
            let mut command = lab.command(words);
            command.env("HOME", &home).env_remove("XDG_STATE_HOME");
            run(command)
        };
        assert_eq!(ran(&["test"]).exit, 0);
        let done = ran(&["test", "--last-failed"]);
        assert!(done.exit == 2 && done.all.contains("/home is not there"), "{}", done.all);
        assert!(!home.exists(), "{user:?}");
        fs::create_dir(&home).unwrap();
        fs::set_permissions(&home, fs::Permissions::from_mode(0o777)).unwrap();
        assert_eq!(ran(&["test"]).exit, 0);
        assert!(home.join(".local/state/labrun/failures").is_dir(), "{user:?}");
    }
}

#[test]
fn tests_run_in_the_order_of_a_seed_that_is_printed() {
    let tests: String = (0..8)
        .map(|n| format!("  t{n}: {{steps: [run: {{node: n, command: 'test {n} != 3'}}]}}\n"))
        .collect();
    for user in users() {
        let lab = Lab::new(user, &format!("nodes: {{n: {{}}}}\ntests:\n{tests}"));
        let out = folder();
        fs::set_permissions(out.path(), fs::Permissions::from_mode(0o777)).unwrap();
        let report = out.path().join("run.json");
        // The order, the seed as often as it is told, and what was said.
        let ran = |words: &[&str]| {
            let report = format!("json={}", report.display());
            let words = [&["--format=json", "test"], words, &["--report", &report]].concat();
            let done = lab.run(&words);
            let told = json_lines(&done.stdout);
            let order: Vec<String> = told
                .iter()
                .filter(|event| event["event"] == "test")
                .map(|event| event["test"].as_str().unwrap()[lab.name.len() + 1..].to_string())
                .collect();
            let notes = told.iter().filter_map(|event| event["text"].as_str());
            let seeds: Vec<String> = notes
                .filter_map(|text| text.strip_prefix("the order of the tests is that of "))
                .map(String::from)
                .collect();
            (order.join(" "), seeds, done.all)
        };
        let file = "t0 t1 t2 t3 t4 t5 t6 t7";
        let (order, seeds, all) = ran(&["--shuffle"]);
        // At the end again, since a test failed.
        assert!(seeds.len() == 2 && seeds[0] == seeds[1], "{all}");
        assert_eq!(ran(&[&seeds[0]]).0, order, "{all}");
        let (order, _, all) = ran(&["--shuffle=7", "--partition=1/1"]);
        assert!(order != file && order.len() == file.len(), "{all}");
        assert_eq!(ran(&[]).0, file);
        // Reports are the same in any order.
        ran(&["--shuffle=7"]);
        let run: Value = serde_json::from_str(&fs::read_to_string(&report).unwrap()).unwrap();
        let places = run["tests"].as_array().unwrap().iter().map(|t| t["order"].as_u64().unwrap());
        assert!(places.eq(0..8), "{run}");
        let done = lab.run(&["test", "--shuffle=x"]);
        assert!(done.exit == 2 && done.all.contains("--shuffle"), "{}", done.all);
    }
}

#[test]
fn who_wants_quiet_hears_of_failures_and_the_end_only() {
    for user in users() {
        let mut gate = Gate::new();
        let body = format!(
            "nodes: {{n: {{}}}}\ntests:\n  shaky: {{steps: [run: {{node: n, command: '{}'}}]}}\n  good: {{steps: [run: {{node: n, command: 'true'}}]}}\n  bad: {{steps: [run: {{node: n, command: 'false'}}]}}\n  more: {{steps: [run: {{node: n, command: 'true'}}]}}\n",
            gate.passage()
        );
        let lab = gated(user, &[&gate], &body);
        gate.give("bad good");
        let done = lab.run(&["test", "-q", "--retries=1"]);
        // In front of what goes on in its line.
        let words = |line: &str| line.split(' ').next().unwrap().to_string();
        let said: Vec<String> =
            done.stdout.lines().filter(|line| !line.starts_with("      ")).map(words).collect();
        let wanted = ["RETRY", "FLAKY", "RETRY", "FAIL", "failed:", "flaky:", "to", "2"];
        assert_eq!((done.exit, said), (1, wanted.map(String::from).to_vec()), "{}", done.all);
        let done = lab.run(&["test", "-q", &format!("{}-good", lab.name)]);
        assert!(done.stdout.starts_with("1 passed, 0 failed in "), "{}", done.all);
        assert_eq!(done.stdout.lines().count(), 1, "{}", done.all);
    }
}

#[test]
fn colour_is_as_the_command_line_says_whatever_the_environment_does() {
    let lab = Lab::new(
        User::Own,
        "nodes: {n: {}}\ntests:\n  bad: {steps: [run: {node: n, command: 'false'}]}\n",
    );
    let said = |words: &[&str], no_color: bool, terminal: bool| {
        let mut command = lab.command(words);
        command.env("TERM", "xterm");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        match terminal {
            true => common::text(&common::host::on_terminal(&command).wait_with_output().unwrap()),
            false => labs::run(command).stdout,
        }
    };
    let coloured = |text: String| text.contains("\x1b[1;31m");
    for (color, no_color, terminal, wanted) in [
        ("auto", false, true, true),
        ("auto", true, true, false),
        ("auto", false, false, false),
        ("always", true, true, true),
        ("always", false, false, true),
        ("never", false, true, false),
    ] {
        let text = said(&["--color", color, "test"], no_color, terminal);
        assert!(text.contains("FAIL") || text.contains("❌"), "{text}");
        assert_eq!(coloured(text.clone()), wanted, "{color} {no_color} {terminal}: {text}");
    }
    let graph = |color| said(&["graph", &lab.name, "--color", color], true, false);
    assert!(graph("always").contains('\x1b') && !graph("never").contains('\x1b'));
}

#[test]
fn a_test_whose_time_is_over_fails_and_names_the_step_that_went_on() {
    // What would hold if it were cut short is cut short, too.
    let steps = [
        ("run", "{node: n, command: 'sleep 61', timeout: 60s}"),
        ("run", "{node: n, command: 'false', within: 60s}"),
        ("wait", "{node: n, tcp: 9, within: 60s}"),
        ("ping", "{node: n, to: 10.0.0.9, timeout: 60s, fails: true}"),
        ("http", "{node: n, url: 'http://10.0.0.9/', timeout: 60s, fails: true}"),
    ];
    let tests: String = steps
        .iter()
        .enumerate()
        .map(|(number, (kind, step))| {
            format!("  t{number}: {{timeout: 1s, steps: [run: {{node: n, command: 'true'}}, {kind}: {step}]}}\n")
        })
        .collect();
    let body = "nodes:\n  n: {links: {eth0: {peer: m/eth0, addresses: 10.0.0.1/24}}}\n  m: {links: {eth0: {peer: n/eth0}}}\ntests:\n";
    for user in users() {
        let fine = "  fine: {timeout: 60s, steps: [run: {node: n, command: 'true'}]}\n";
        let lab = Lab::new(user, &format!("{body}{tests}{fine}"));
        let (done, mut results) = lab.results(&[]);
        assert_eq!(done.exit, 1, "{}", done.all);
        assert_eq!(results.remove("fine").unwrap()["outcome"], "pass", "{}", done.all);
        for (number, (kind, _)) in steps.iter().enumerate() {
            let result = &results[&format!("t{number}")];
            let said = lines(result);
            let words = ": it went on when the 1s of the test (`timeout`) were over";
            let named = said.starts_with(&format!("step 2, {kind}")) && said.contains(words);
            assert!(result["outcome"] == "fail" && named, "{user:?} {result}");
            assert!(result["ms"].as_u64().unwrap() < 30_000, "{result}");
        }
    }
}

#[test]
fn on_a_slow_machine_all_that_a_lab_file_has_a_time_for_may_take_longer() {
    let late = "sleep 2; touch ready; exec sleep 99";
    let service = |within: &str| {
        format!(
            "nodes: {{n: {{services: {{late: {{command: '{late}', ready: {{file: ready, within: {within}}}}}}}}}}}\n"
        )
    };
    // A file of the lab's own comes late; so does the end of a command, or of all steps.
    let later = "{run: {node: n, command: 'rm -f /tmp/later; (sleep 2; touch /tmp/later) >/dev/null 2>&1 &'}}";
    let tests = format!(
        "tests:
  command: {{steps: [{{run: {{node: n, command: sleep 2, timeout: 500ms}}}}]}}
  again: {{steps: [{later}, {{run: {{node: n, command: test -e /tmp/later, within: 500ms}}}}]}}
  wait: {{steps: [{later}, {{wait: {{node: n, file: /tmp/later, within: 500ms}}}}]}}
  all: {{timeout: 500ms, steps: [{{run: {{node: n, command: sleep 2}}}}]}}
"
    );
    let slow = Lab::new(User::Own, &format!("{}{tests}", service("20s")));
    let (done, results) = slow.results(&[]);
    assert!(results.values().all(|result| result["outcome"] == "fail"), "{}", done.all);
    assert_eq!((done.exit, results.len()), (1, 4), "{}", done.all);
    slow.passes(&["--timeout-scale", "40"]);
    let slow = Lab::new(User::Own, &service("500ms"));
    let done = slow.run(&["setup", &slow.name]);
    assert!(done.exit == 4 && done.all.contains("within 500ms"), "{}", done.all);
    let mut command = slow.command(&["setup", &slow.name]);
    command.env("LABRUN_TIMEOUT_SCALE", "40");
    let done = labs::run(command);
    assert_eq!(done.exit, 0, "{}", done.all);
    for wrong in ["0.5", "-1", "101", "NaN", "inf", "two"] {
        let mut command = common::labrun(User::Own);
        command.args(["test", &format!("--timeout-scale={wrong}")]);
        let done = labs::run(command);
        let says = done.all.contains("a number from 1 to 100");
        assert!(done.exit == 2 && says, "{wrong}: {}", done.all);
    }
}
