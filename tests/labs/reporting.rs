//! Reports of real runs: written whatever happens, the same each time, and of parts as of the
//! whole.

use crate::common;
use crate::common::labs;

use common::{STATE, User, users, wait_for};
use labrun::record::run::{Run, SetupState};
use labrun::record::timing::{Phase, Timing};
use labrun::report::merge;
use labs::{Done, Lab, run};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

/// A lab of which two tests pass, one fails and one is skipped, in another order than that of their
/// names.
const MIXED: &str = r#"
about: a host <b>and</b> what it does
nodes:
  host:
    links: {eth0: {peer: other/eth0}}
  other:
    links: {eth0: {peer: host/eth0}}
tests:
  second: {about: it goes well, steps: [run: {node: host, command: "true"}]}
  bad: {steps: [run: {node: host, command: "echo '::error::not labrun'; echo '##[error]nor this'; false"}]}
  first: {steps: [run: {node: host, command: "true"}]}
  six: {steps: [dhcp: {node: host, link: eth0, family: 6, expect: {}}]}
"#;

/// One that does not speak DHCPv6.
const CLIENT: &str = "--client=udhcpc";

const BROKEN: &str = r#"
nodes:
  host:
    services:
      dying: {command: "echo last words; exit 7", ready: {udp: 9}}
tests:
  one: {steps: [run: {node: host, command: "true"}]}
  two: {steps: [run: {node: host, command: "true"}]}
"#;

const SLOW: &str = r#"
nodes: {host: {}}
tests:
  done: {steps: [run: {node: host, command: "true"}]}
  sleeping: {steps: [run: {node: host, command: "exec sleep 63", timeout: 60s}]}
  after: {steps: [run: {node: host, command: "true"}]}
"#;

/// A folder in which `lab`'s user may write.
fn out(lab: &Lab) -> PathBuf {
    let folder = lab.folder.path().join("out");
    fs::create_dir(&folder).unwrap();
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o777)).unwrap();
    folder
}

fn read(path: &Path) -> Run {
    let text =
        fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    merge::read("report", &text).unwrap()
}

/// The options for a report of every kind, `folder/NAME.*`.
fn every_kind(folder: &Path, name: &str) -> Vec<String> {
    let option = |kind: &str, ending: &str| {
        format!("--report={kind}={}", folder.join(format!("deep/{name}.{ending}")).display())
    };
    vec![option("json", "json"), option("junit", "xml"), option("html", "html")]
}

fn test(lab: &Lab, options: &[String]) -> Done {
    let words: Vec<&str> =
        ["test", CLIENT].into_iter().chain(options.iter().map(String::as_str)).collect();
    lab.run(&words)
}

/// The outcomes by the short names of the tests, in the report's order.
fn outcomes(lab: &Lab, run: &Run) -> Vec<String> {
    run.tests.iter().map(|t| format!("{} {:?}", &t.test[lab.name.len() + 1..], t.outcome)).collect()
}

/// What is left of a report when times are taken out of it.
fn timeless(text: &str) -> String {
    let time = regex_lite::Regex::new(
        r#"[0-9]+\.[0-9]{2,3}( s|")|"ms": [0-9]+|2[0-9]{3}-[0-9-]+[T ][0-9:.]+"#,
    )
    .unwrap();
    time.replace_all(text, "TIME").into_owned()
}

#[test]
fn every_kind_of_report_is_written_and_is_the_same_in_every_run() {
    for user in users() {
        let lab = Lab::new(user, MIXED);
        let folder = out(&lab);
        let mut texts = Vec::new();
        for name in ["a", "b"] {
            let done = test(&lab, &every_kind(&folder, name));
            assert_eq!(done.exit, 1, "{}", done.all);
            assert!(
                done.stdout
                    .contains(&format!("\nreport: junit in {}", folder.join("deep").display())),
                "{}",
                done.all
            );
            assert!(
                done.stdout
                    .lines()
                    .last()
                    .unwrap()
                    .starts_with("2 passed, 1 failed, 1 skipped in "),
                "{}",
                done.all
            );
            texts.push(["json", "xml", "html"].map(|ending| {
                timeless(&fs::read_to_string(folder.join(format!("deep/{name}.{ending}"))).unwrap())
            }));
        }
        assert_eq!(texts[0], texts[1]);
        let run = read(&folder.join("deep/a.json"));
        assert_eq!(
            outcomes(&lab, &run),
            ["second Pass", "bad Fail", "first Pass", "six Skip"],
            "the order of the file"
        );
        assert_eq!(run.tests[1].place().unwrap(), format!("{}:10", lab.file.display()));
        assert!(
            run.tests[1].lines.iter().any(|line| line.contains("not labrun")),
            "{:?}",
            run.tests[1]
        );
        assert!(
            texts[0][2].contains("a host &lt;b&gt;and&lt;/b&gt; what it does")
                && texts[0][2].contains("src=\"data:image/svg+xml;base64,")
        );
        let left: Vec<_> = fs::read_dir(folder.join("deep"))
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        assert_eq!(left.len(), 6, "nothing half-written is left: {left:?}");
        let mode = fs::metadata(folder.join("deep/a.html")).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode & 0o444, 0o444, "others may read it: {mode:o}");
    }
}

#[test]
fn a_lab_that_does_not_come_up_is_reported_with_the_reason() {
    for user in users() {
        let lab = Lab::new(user, BROKEN);
        let folder = out(&lab);
        let done = test(&lab, &every_kind(&folder, "x"));
        assert_eq!(done.exit, 4, "{}", done.all);
        let run = read(&folder.join("deep/x.json"));
        assert_eq!(outcomes(&lab, &run), ["one Error", "two Error"]);
        assert!(
            run.labs[0].setup.state == SetupState::Failed
                && run.labs[0].setup.lines.iter().any(|l| l == "| last words"),
            "{run:?}"
        );
        let junit = fs::read_to_string(folder.join("deep/x.xml")).unwrap();
        assert!(
            junit.contains("errors=\"2\"") && junit.contains("died with exit status 7"),
            "{junit}"
        );
    }
}

#[test]
fn a_program_that_cannot_be_built_is_reported_for_every_test() {
    let body = "subject: {program: p, repository: {files: [p.txt]}, build: \"echo '::error::compiler'; false\"}\nnodes: {host: {}}\ntests:\n  one: {steps: [run: {node: host, command: p}]}\n";
    let lab = Lab::new(User::Own, body);
    let folder = out(&lab);
    common::write(lab.folder.path(), "p.txt", "");
    let subject = format!("--subject={}", lab.folder.path().display());
    let mut command = lab.command(&["test", &subject]);
    command
        .args(every_kind(&folder, "x"))
        .env("XDG_CACHE_HOME", folder.join("cache"))
        .env("GITHUB_ACTIONS", "true");
    let done = run(command);
    assert!(done.exit == 4 && done.all.contains("cannot build p"), "{}", done.all);
    let run = read(&folder.join("deep/x.json"));
    assert_eq!((run.totals.errors, run.exit() as u8), (1, 4));
    assert!(run.tests[0].lines.iter().any(|l| l == "| ::error::compiler"), "{:?}", run.tests[0]);
    assert!(done.stdout.contains("-one could not be run::cannot build p"), "{}", done.all);
}

#[test]
fn an_interrupted_run_reports_what_ran_and_what_did_not() {
    for user in users() {
        let lab = Lab::new(user, SLOW);
        let folder = out(&lab);
        let mut command = lab.command(&["--format", "json", "test"]);
        command.args(every_kind(&folder, "x")).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let sleeps = |entry: fs::DirEntry| {
            fs::read(entry.path().join("cmdline")).is_ok_and(|words| words == b"sleep\x0063\0")
        };
        wait_for("the second test", || fs::read_dir("/proc").unwrap().flatten().any(sleeps));
        common::host::kill("TERM", child.id());
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", common::text(&output));
        let run = read(&folder.join("deep/x.json"));
        assert!(run.interrupted && run.exit() as u8 == 130);
        assert_eq!(outcomes(&lab, &run), ["done Pass", "sleeping Error", "after Skip"]);
        assert_eq!(run.tests[2].detail, "not run: labrun was interrupted");
        assert!(folder.join("deep/x.html").exists() && folder.join("deep/x.xml").exists());
    }
}

#[test]
fn a_place_that_cannot_be_written_is_refused_before_anything_runs() {
    for user in users() {
        let lab = Lab::new(user, MIXED);
        let folder = out(&lab);
        let occupied = lab.file.join("x");
        for (report, words) in [
            (format!("html={}", folder.display()), "is a folder"),
            (format!("json={}", occupied.display()), "cannot make the folder"),
            ("junit=/proc/labrun/x".into(), "cannot write the junit report"),
        ] {
            let done = test(&lab, &["--report".into(), report]);
            assert!(
                done.exit == 2 && done.all.contains(words) && done.stdout.is_empty(),
                "{words}: {}",
                done.all
            );
        }
        let twice = format!("--report=html={}", folder.join("x").display());
        let done = test(&lab, &[twice.clone(), twice.replace("html", "json")]);
        assert!(done.exit == 2 && done.all.contains("two reports are to go to"), "{}", done.all);
    }
}

#[test]
fn a_report_may_go_into_a_pipe_and_keeps_links() {
    let lab = Lab::new(User::Own, MIXED);
    let folder = out(&lab);
    std::os::unix::fs::symlink(folder.join("real.json"), folder.join("link.json")).unwrap();
    fs::write(folder.join("real.json"), "old").unwrap();
    let first = format!("{}-first", lab.name);
    let done = lab.run(&[
        "test",
        CLIENT,
        &first,
        "--report=junit=/dev/stdout",
        &format!("--report=json={}", folder.join("link.json").display()),
    ]);
    assert!(done.exit == 0 && done.stdout.contains("<testsuites"), "{}", done.all);
    assert!(
        fs::symlink_metadata(folder.join("link.json")).unwrap().is_symlink()
            && read(&folder.join("real.json")).totals.passed == 1
    );
}

#[test]
fn parts_have_every_test_once_and_join_to_the_whole() {
    for user in users() {
        let lab = Lab::new(user, MIXED);
        let folder = out(&lab);
        let durations = format!("--durations={}", folder.join("durations.json").display());
        assert_eq!(
            test(&lab, &[every_kind(&folder, "whole"), vec![durations.clone()]].concat()).exit,
            1
        );
        let known = fs::read_to_string(folder.join("durations.json")).unwrap();
        assert!(
            known.contains(&format!("\"{}-second\"", lab.name)) && !known.contains("-bad"),
            "{known}"
        );

        let mut all = Vec::new();
        // The parts don't learn from each other, so that they stay parts of one division.
        fs::copy(folder.join("durations.json"), folder.join("before.json")).unwrap();
        for part in 1..=5 {
            fs::copy(folder.join("before.json"), folder.join("durations.json")).unwrap();
            let json = folder.join(format!("part{part}.json"));
            let options = [
                format!("--partition={part}/5"),
                format!("--report=json={}", json.display()),
                durations.clone(),
                "--strict".into(),
            ];
            let done = test(&lab, &options);
            let listed = lab.run(&[
                "list",
                "--partition",
                &format!("{part}/5"),
                &format!("--durations={}", folder.join("before.json").display()),
            ]);
            let run = read(&json);
            if run.tests.is_empty() {
                assert!(
                    done.exit == 0
                        && done.stdout.contains(&format!("there is no test in part {part}/5")),
                    "{}",
                    done.all
                );
            }
            for t in &run.tests {
                assert!(listed.stdout.contains(&t.test), "{} is not in {}", t.test, listed.all);
                all.push(t.test.clone());
            }
        }
        let whole = read(&folder.join("deep/whole.json"));
        let mut wanted: Vec<String> = whole.tests.iter().map(|t| t.test.clone()).collect();
        wanted.sort();
        all.sort();
        assert_eq!(all, wanted);

        let inputs: Vec<String> = (1..=5)
            .rev()
            .map(|part| folder.join(format!("part{part}.json")).display().to_string())
            .collect();
        let merge = |inputs: &[String], options: &[String]| {
            let words: Vec<&str> = ["report", "merge"]
                .into_iter()
                .chain(inputs.iter().chain(options).map(String::as_str))
                .collect();
            lab.run(&words)
        };
        let done = merge(&inputs, &every_kind(&folder, "joined"));
        assert!(
            done.exit == 1 && done.stdout.contains("2 passed, 1 failed, 1 skipped in "),
            "{}",
            done.all
        );
        let [joined, whole] = ["joined", "whole"].map(|name| {
            timeless(&fs::read_to_string(folder.join(format!("deep/{name}.html"))).unwrap())
        });
        assert_eq!(
            joined.replace(" · strict", ""),
            whole,
            "the page of the parts is that of the whole"
        );

        let done = merge(&inputs[1..], &[]);
        assert!(
            done.exit == 1 && done.stdout.contains("incomplete: the part 5/5 is missing"),
            "{}",
            done.all
        );
        let done = merge(&["/no/such.json".into()], &[]);
        assert!(done.exit == 2 && done.all.contains("cannot read /no/such.json"), "{}", done.all);
    }
}

#[test]
fn a_file_that_holds_no_durations_is_left_alone_and_told_of() {
    let lab = Lab::new(User::Own, MIXED);
    let file = common::write(&out(&lab), "notes.txt", "my notes\n");
    let done = lab.run(&[
        "test",
        CLIENT,
        &format!("{}-first", lab.name),
        "--durations",
        file.to_str().unwrap(),
    ]);
    assert!(
        done.exit == 0 && done.stdout.starts_with("warning: no durations are used or kept"),
        "{}",
        done.all
    );
    assert_eq!(fs::read_to_string(file).unwrap(), "my notes\n");
}

#[test]
fn github_gets_groups_annotations_and_a_summary_by_itself() {
    for user in users() {
        let lab = Lab::new(user, MIXED);
        let summary = out(&lab).join("summary.md");
        common::write(summary.parent().unwrap(), "summary.md", "there before\n");
        fs::set_permissions(&summary, fs::Permissions::from_mode(0o666)).unwrap();
        let mut command = lab.command(&["test", CLIENT]);
        command
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_STEP_SUMMARY", &summary)
            .env("GITHUB_WORKSPACE", lab.folder.path());
        let done = run(command);
        assert_eq!(done.exit, 1, "{}", done.all);
        let place = |words: &str| {
            done.stdout.find(words).unwrap_or_else(|| panic!("no {words} in {}", done.all))
        };
        let (open, close, failed) =
            (place("::group::lab "), place("::endgroup::\n"), place("FAIL "));
        assert!(open < close && close < failed, "results stand after the group: {}", done.all);
        let annotation = format!("::error file=lab.yaml,line=10,title={}-bad failed::", lab.name);
        assert!(
            done.stdout.lines().any(|line| line.starts_with(&annotation)),
            "{annotation}: {}",
            done.all
        );
        // The runner sees no command but labrun's.
        let mut stopped: Option<String> = None;
        for line in done.stdout.lines() {
            match &stopped {
                Some(token) if line == format!("::{token}::") => stopped = None,
                Some(_) => {}
                None if line.starts_with("::stop-commands::") => {
                    stopped = Some(line["::stop-commands::".len()..].into())
                }
                None => {
                    let own =
                        ["::group::", "::endgroup::", "::error file=lab.yaml", "::warning title="];
                    let command = line.trim_start().starts_with("::")
                        || line.contains("##[") && !line.starts_with("::error file=");
                    assert!(!command || own.iter().any(|own| line.starts_with(own)), "{line}");
                }
            }
        }
        assert_eq!(stopped, None);
        let text = fs::read_to_string(&summary).unwrap();
        assert!(
            text.starts_with("there before\n### ❌ labrun: 2 passed, 1 failed")
                && text.contains("```mermaid\n"),
            "{text}"
        );
    }
}

#[test]
fn json_lines_stay_json_on_github() {
    let lab = Lab::new(User::Own, MIXED);
    let mut command = lab.command(&["--format", "json", "test", CLIENT]);
    command.env("GITHUB_ACTIONS", "true");
    let done = run(command);
    assert!(!common::schema::events(&done.stdout).is_empty());
    assert!(done.all.contains("::error file="), "annotations go to the other stream: {}", done.all);
}

#[test]
fn a_matrix_has_a_job_a_test_or_a_job_a_part() {
    let lab = Lab::new(User::Own, MIXED);
    let matrix = |options: &[&str]| -> serde_json::Value {
        let done = lab.run(&[&["list", "--format", "github-matrix"], options].concat());
        assert!(done.exit == 0 && done.stdout.lines().count() == 1, "{}", done.all);
        serde_json::from_str(&done.stdout).unwrap()
    };
    let first = format!("{}-first", lab.name);
    assert_eq!(
        matrix(&[&first]),
        serde_json::json!({"include": [{"lab": lab.name, "test": first}]})
    );
    assert_eq!(matrix(&[])["include"].as_array().unwrap().len(), 4);
    assert_eq!(
        matrix(&["--partitions", "2"]),
        serde_json::json!({"include": [{"partition": "1/2"}, {"partition": "2/2"}]})
    );
    let done = lab.run(&["list", "--format", "github-matrix", "--partitions", "257"]);
    assert!(done.exit == 2 && done.all.contains("GitHub makes 256"), "{}", done.all);
    assert_eq!(lab.run(&["test", "--format", "github-matrix"]).exit, 2);
}

#[test]
fn the_end_of_a_run_names_what_matters() {
    let lab = Lab::new(User::Own, MIXED);
    let done = lab.run(&["test", CLIENT]);
    let end: Vec<&str> =
        done.stdout.lines().rev().take_while(|line| !line.starts_with("cleaned")).collect();
    assert!(end[0].starts_with("2 passed, 1 failed, 1 skipped in"), "{}", done.all);
    assert!(
        end.contains(&format!("skipped: {}-six: udhcpc does not speak DHCPv6", lab.name).as_str()),
        "{}",
        done.all
    );
    assert!(
        end.iter().any(|line| line.starts_with(&format!(
            "failed: {}-bad  {}:10  step 1, run in host: `echo",
            lab.name,
            lab.file.display()
        ))),
        "{}",
        done.all
    );
    // Three tests ran, which are not worth a list of three.
    assert!(!done.stdout.contains("slowest"), "{}", done.all);
}

#[test]
fn nothing_is_wider_than_the_terminal() {
    if !labs::have("nothing_is_wider_than_the_terminal", &["script", "stty"]) {
        return;
    }
    let lab = Lab::new(User::Own, MIXED);
    let report = out(&lab).join("r.html");
    let line = format!(
        "stty cols 80 rows 24; exec {} --file {} test {CLIENT} --report html={}",
        env!("CARGO_BIN_EXE_labrun"),
        lab.file.display(),
        report.display()
    );
    let mut command = std::process::Command::new("script");
    command
        .args(["-qec", &line, "/dev/null"])
        .envs([STATE])
        .env("NO_COLOR", "1")
        .env("TERM", "xterm")
        .env("LANG", "C.UTF-8")
        .current_dir("/")
        .env("LABRUN_ARTIFACTS", "never");
    let done = run(command);
    assert_eq!(done.exit, 1, "{}", done.all);
    // Spinners move the cursor; what stays is what the last carriage return left of a line.
    let shown: Vec<String> = done
        .stdout
        .lines()
        .map(|line| {
            console::strip_ansi_codes(line.trim_end().rsplit('\r').next().unwrap()).into_owned()
        })
        .collect();
    let wide: Vec<&String> = shown
        .iter()
        .filter(|line| console::measure_text_width(line) > 80 && !line.contains(".html"))
        .collect();
    assert!(wide.is_empty(), "{wide:?}");
    assert!(
        shown.iter().any(|line| line.contains("--keep leaves the lab up to look"))
            && shown.iter().any(|line| line == "   around"),
        "{shown:?}"
    );
}

#[test]
fn a_run_in_which_nothing_ran_says_so_and_names_the_field_that_is_missing() {
    let body = "subject: {program: no-such-program, build: make}\nnodes: {host: {}}\ntests:\n  one: {steps: [run: {node: host, command: no-such-program}]}\n";
    let missing = "`subject.repository` does not say by which files, Go module or Cargo package";
    for user in users() {
        let lab = Lab::new(user, body);
        let check = lab.run(&["check", lab.file.to_str().unwrap()]);
        let warning = format!("{}:2:44: subject.build: warning: {missing}", lab.file.display());
        assert!(check.exit == 0 && check.stdout.contains(&warning), "{}", check.all);
        let folder = out(&lab);
        let summary = folder.join("summary.md");
        let mut command = lab.command(&["test"]);
        command
            .args(every_kind(&folder, "x"))
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_STEP_SUMMARY", &summary);
        let done = run(command);
        let last = done.stdout.lines().last().unwrap_or_default();
        let words = "nothing ran: 0 passed, 0 failed, 1 skipped in ";
        assert!(done.exit == 0 && last.starts_with(words), "{}", done.all);
        let skip = format!("SKIP  {}-one there is no no-such-program: ", lab.name);
        let skipped = done.stdout.lines().find(|line| line.starts_with(&skip));
        assert!(skipped.is_some_and(|line| line.contains(missing)), "{}", done.all);
        assert!(read(&folder.join("deep/x.json")).nothing_ran);
        for (file, words) in [
            ("deep/x.xml", "<property name=\"nothing-ran\""),
            ("deep/x.html", "Nothing ran: 1 test skipped"),
            ("summary.md", "### ⚠️ labrun: nothing ran: 0 passed"),
        ] {
            let text = fs::read_to_string(folder.join(file)).unwrap();
            assert!(text.contains(words), "{file}: {text}");
        }
        assert_eq!(lab.run(&["test", "--strict"]).exit, 3);
    }
}

#[test]
fn the_time_of_a_run_is_told_to_its_end() {
    for user in users() {
        let lab = Lab::new(
            user,
            r#"
nodes:
  n:
    services:
      slow: {command: "sleep 0.3; exec busybox httpd -f -p 80", ready: {tcp: 80}}
      quick: {command: "exec busybox httpd -f -p 81", ready: {tcp: 81}}
tests:
  sleeps:
    steps:
    - run: {node: n, command: "sleep 0.4"}
    - run: {node: n, command: "false"}
"#,
        );
        let json = out(&lab).join("run.json");
        let report = format!("--report=json={}", json.display());
        let done = lab.run(&["--format=json", "test", "--timings", &report]);
        assert_eq!(done.exit, 1, "{}", done.all);
        let run = read(&json);
        let name =
            |phase: Phase| serde_json::to_value(phase).unwrap().as_str().unwrap().to_string();
        let told: Vec<String> = run
            .timings
            .iter()
            .map(|one| format!("{} {}", name(one.phase), one.name).trim().to_string())
            .filter(|what| !what.starts_with("service "))
            .collect();
        assert_eq!(
            told,
            [
                "parse",
                "plan",
                "start",
                "sandbox",
                "topology",
                "services",
                "begin",
                "step step 1, run",
                "step step 2, run",
                "capture",
                "judging",
                "state",
                "restoring",
                "state",
                "clean",
                "other",
            ],
            "{}",
            done.all
        );
        let took = |phase: Phase, name: &str| {
            let mut found = run.timings.iter().filter(|t| t.phase == phase && t.name == name);
            found.next().unwrap_or_else(|| panic!("{phase:?} {name}: {}", done.all)).us
        };
        let services = took(Phase::Services, "");
        let (slow, quick) = (took(Phase::Service, "slow"), took(Phase::Service, "quick"));
        assert!(300_000 <= slow && slow <= services && quick <= services, "{}", done.all);
        assert!(took(Phase::Step, "step 1, run") >= 400_000, "{}", done.all);
        assert!(took(Phase::Step, "step 2, run") < took(Phase::Step, "step 1, run"));
        // No time is told twice.
        let of_lab = run.timings.iter().filter(|t| t.lab.is_some() && t.phase != Phase::Service);
        let sum: u64 = of_lab.map(|t| t.us).sum();
        assert!(sum <= (run.ms + 1) * 1000, "{sum}: {}", done.all);

        let events = labs::json_lines(&done.stdout).into_iter();
        let events = events.filter(|event| event["event"] == "timing");
        let events = events.map(|event| serde_json::from_value::<Timing>(event).unwrap());
        assert_eq!(events.collect::<Vec<_>>(), run.timings);

        let done = lab.run(&["test", "--timings", "-q"]);
        let row = |name: &str| {
            done.stdout.lines().any(|l| l.trim().starts_with(name) && l.ends_with(" ms"))
        };
        for name in [&lab.name, "lab files", "services", "slow", "step 1, run", "clean"] {
            assert!(row(name), "{name}: {}", done.all);
        }
        let done = lab.run(&["test", &report]);
        assert!(!done.stdout.contains(" ms"), "{}", done.all);
        assert!(!fs::read_to_string(&json).unwrap().contains("timings"));
    }
}
