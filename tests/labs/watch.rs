//! `labrun test --watch`: what a change concerns is run again, and nothing else.

use crate::common::labs::json_lines;
use crate::common::{User, folder, labrun};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

/// A labrun that watches, and what it has printed.
struct Watching<'a> {
    child: Child,
    log: &'a Path,
    runs: usize,
}

impl Watching<'_> {
    /// The names and outcomes of the next run, and what was said between it and the last.
    fn next(&mut self) -> (Vec<String>, String) {
        let deadline = Instant::now() + Duration::from_secs(60);
        self.runs += 1;
        loop {
            let text = fs::read_to_string(self.log).unwrap();
            let all = json_lines(&text);
            let ends = all.iter().enumerate().filter(|(_, event)| is_end(event));
            let ends: Vec<usize> = ends.map(|(index, _)| index).collect();
            if ends.len() >= self.runs {
                assert_eq!(ends.len(), self.runs, "{text}");
                let begin = if self.runs == 1 { 0 } else { ends[self.runs - 2] };
                let run = &all[begin..ends[self.runs - 1]];
                let result = |event: &Value| {
                    let text = |key: &str| event[key].as_str().unwrap().to_string();
                    (event["event"] == "result").then(|| text("test") + " " + &text("outcome"))
                };
                let mut results: Vec<String> = run.iter().filter_map(result).collect();
                results.sort();
                let said = run.iter().filter(|event| event["event"] == "note");
                return (results, said.map(|event| event["text"].to_string()).collect());
            }
            assert!(Instant::now() < deadline, "run {} does not come: {text}", self.runs);
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        // It has ended, unless the test failed.
        _ = self.child.kill();
    }
}

fn is_end(event: &Value) -> bool {
    event["text"].as_str().is_some_and(|text| text.starts_with("watching "))
}

#[test]
fn what_a_change_concerns_is_run_again_until_it_is_interrupted() {
    let (repository, kept) = (folder(), folder());
    let (root, log) = (repository.path(), kept.path().join("log"));
    let names = ["one", "two"].map(|name| format!("w{}-{name}", std::process::id()));
    let file = |index: usize| root.join(format!("labs/{}.yaml", names[index]));
    fs::create_dir_all(root.join("labs")).unwrap();
    let text = |index: usize, test: &str| {
        let name = &names[index];
        format!(
            "lab: {name}\nnodes: {{a: {{}}}}\ntests: {{{test}: {{steps: [run: {{node: a, command: cat source, stdout: good}}]}}}}\n"
        )
    };
    (0..2).for_each(|index| fs::write(file(index), text(index, "t")).unwrap());
    fs::write(root.join("source"), "good\n").unwrap();
    let mut command = labrun(User::Own);
    // What it writes itself is no change.
    command.args([
        "--format",
        "json",
        "test",
        "--watch",
        "--report",
        "json=run.json",
        &names[0],
        &names[1],
    ]);
    command.current_dir(root).stdout(File::create(&log).unwrap()).stderr(Stdio::inherit());
    let mut watching = Watching { child: command.spawn().unwrap(), log: &log, runs: 0 };
    let both = |outcome: &str| names.each_ref().map(|name| format!("{name}-t {outcome}"));

    assert_eq!(watching.next().0, both("pass"));
    fs::write(root.join("source"), "bad\n").unwrap();
    let (results, said) = watching.next();
    assert_eq!(results, both("fail"));
    assert!(said.contains("changed: source"), "{said}");
    fs::write(root.join("source"), "good again, or so\n").unwrap();
    assert_eq!(watching.next().0, both("fail"));
    // Only one lab, for which a rest of the old contents would not do.
    let good = text(1, "t").replace("stdout: good", "match: good");
    fs::write(file(1), good).unwrap();
    assert_eq!(watching.next().0, [format!("{}-t pass", names[1])]);
    // A broken file ends nothing.
    fs::write(file(0), "lab: [").unwrap();
    assert_eq!(watching.next().0, [""; 0]);
    fs::write(file(0), text(0, "u")).unwrap();
    assert_eq!(watching.next().0, [format!("{}-u fail", names[0])]);
    // Nor does a lab that was not chosen begin anything.
    fs::write(root.join("labs/other.yaml"), text(0, "v").replace(&names[0], "other")).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    fs::write(root.join("source"), "good\n").unwrap();
    assert_eq!(watching.next().0, [format!("{}-u pass", names[0]), format!("{}-t pass", names[1])]);

    kill_process(Pid::from_child(&watching.child), Signal::INT).unwrap();
    assert_eq!(watching.child.wait().unwrap().code(), Some(130));
}
