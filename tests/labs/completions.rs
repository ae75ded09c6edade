//! What shells complete: asked in the shells themselves, by a person's keys where they read keys.

use crate::common::labs::{Lab, have, run};
use crate::common::{User, folder, labrun, text, users, wait_for, write};
use std::io::{Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// Two daemons, so that there is something to choose from.
const PAIR: &str = "
nodes:
  left: {services: {first: {command: exec sleep 1000, ready: {running: 1ms}}}}
  right: {services: {second: {command: exec sleep 1000, ready: {running: 1ms}}}}
";

/// A shell in a terminal, with the labrun of this build as `labrun`.
struct Terminal {
    shell: Child,
    seen: Arc<Mutex<String>>,
}

impl Terminal {
    /// `shell`, in which `begin` has been run.
    fn new(shell: &str, begin: &str) -> Terminal {
        let mut command = Command::new("script");
        command.args(["-qefc", shell, "/dev/null"]).stdin(Stdio::piped()).stdout(Stdio::piped());
        with_labrun(&mut command).env("TERM", "dumb").env("COLUMNS", "200");
        let mut shell = command.spawn().unwrap();
        let seen = Arc::new(Mutex::new(String::new()));
        let (mut output, kept) = (shell.stdout.take().unwrap(), seen.clone());
        std::thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut bytes) {
                // Bells ring in the middle of words.
                let text = String::from_utf8_lossy(&bytes[..length]).replace('\u{7}', "");
                kept.lock().unwrap().push_str(&text);
            }
        });
        let mut terminal = Terminal { shell, seen };
        terminal.types(&format!("{begin}; echo be''gun\n"), "begun");
        terminal
    }

    /// Types `keys` and waits until `answer` is there, beyond what was there before.
    fn types(&mut self, keys: &str, answer: &str) {
        let before = self.seen.lock().unwrap().len();
        self.shell.stdin.as_mut().unwrap().write_all(keys.as_bytes()).unwrap();
        let seen = || self.seen.lock().unwrap()[before..].to_string();
        let found = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            wait_for(answer, || seen().contains(answer))
        }));
        assert!(found.is_ok(), "{keys:?} gave {:?}, not {answer:?}", seen());
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
    }
}

/// A `PATH` that begins with this build's labrun, in a folder without labs.
fn with_labrun(command: &mut Command) -> &mut Command {
    let built = Path::new(env!("CARGO_BIN_EXE_labrun")).parent().unwrap();
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("{}:{path}", built.display())).current_dir("/")
}

#[test]
fn bash_completes_names_at_the_tab() {
    if !have("bash_completes_names_at_the_tab", &["bash", "script"]) {
        return;
    }
    let lab = Lab::new(User::Own, PAIR);
    for instance in ["one", "two"] {
        assert_eq!(lab.run(&["setup", "--instance", instance, &lab.name]).exit, 0);
    }
    let begin = "source <(labrun completions bash); bind 'set enable-bracketed-paste off'";
    let mut bash = Terminal::new("bash --norc --noprofile -i", begin);
    bash.types("labrun tes\trel\t", "labrun test relay");
    bash.types("\t\t", "relay-v6");
    // The words are those that bash takes apart, and what is completed is whole for labrun.
    bash.types("\u{15}labrun list --format=js\trelay\n", r#"{"about":"#);
    let name = &lab.name;
    let file = format!("--file={}", lab.file.display());
    bash.types(&format!("labrun {file} logs {name}@\t\t"), "@two");
    bash.types("tw\tfi\t", "two first");
    bash.types(&format!("\u{15}labrun {file} exec {name}@o\tri\t-- echo wo''rks\n"), "\nworks");
    lab.run(&["clean", &format!("{name}@one"), &format!("{name}@two")]);
}

#[test]
fn zsh_completes_names_at_the_tab() {
    if !have("zsh_completes_names_at_the_tab", &["zsh", "script"]) {
        return;
    }
    let begin = "autoload -U compinit && compinit -D -u && source <(labrun completions zsh)";
    let mut zsh = Terminal::new("zsh -f -i", begin);
    zsh.types("labrun tes\trel\t", "relay");
    zsh.types("\t", "relay-v6");
    zsh.types("\u{15}labrun exec relay ns-r\t", "ns-relay");
}

#[test]
fn fish_completes_names() {
    if !have("fish_completes_names", &["fish"]) {
        return;
    }
    let home = folder();
    for (typed, wanted) in [
        ("labrun test rel", "relay-v6\ta DHCPv6 client"),
        ("labrun exec relay ns-s", "ns-server"),
        ("labrun --form", "--format\tHow to print"),
    ] {
        let script = format!("labrun completions fish | source; complete -C '{typed}'");
        let mut fish = Command::new("fish");
        with_labrun(&mut fish).args(["--no-config", "-c", &script]).env("HOME", home.path());
        let output = fish.output().unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(printed.lines().any(|line| line.starts_with(wanted)), "{typed}: {}", text(&output));
    }
}

#[test]
fn elvish_completes_names_at_the_tab() {
    if !have("elvish_completes_names_at_the_tab", &["elvish", "script"]) {
        return;
    }
    let home = folder();
    let home = home.path().display();
    let shell =
        format!("env HOME={home} XDG_STATE_HOME={home} XDG_RUNTIME_DIR={home} elvish -norc");
    // Where there is a choice, a list is shown, in which each name is whole.
    for (typed, wanted) in
        [("labrun test rel\t\t", "relay-v6"), ("labrun exec relay ns-\t", "ns-server")]
    {
        let begin = "eval (labrun completions elvish | slurp)";
        Terminal::new(&shell, begin).types(typed, wanted);
    }
}

#[test]
fn each_shell_has_a_script_that_asks_labrun() {
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let mut command = labrun(User::Own);
        command.args(["completions", shell]);
        let done = run(command);
        assert_eq!(done.exit, 0, "{}", done.all);
        assert!(done.stdout.contains("LABRUN_COMPLETE") && done.stdout.contains(shell), "{shell}");
    }
}

/// What labrun answers a shell that asks for the last of `words`, and that it says nothing else.
fn asked(user: User, folder: &Path, words: &[&str]) -> Vec<String> {
    let mut command = labrun(user);
    command.current_dir(folder).env("LABRUN_COMPLETE", "fish").args(["--", "labrun"]).args(words);
    let output = command.output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{words:?}: {}", text(&output));
    let lines = String::from_utf8(output.stdout).unwrap();
    lines.lines().map(|line| line.split('\t').next().unwrap().to_string()).collect()
}

#[test]
fn instances_and_what_runs_in_them_are_completed() {
    for user in users() {
        let lab = Lab::new(user, PAIR);
        let file = lab.file.to_str().unwrap();
        let ask = |words: &[&str]| asked(user, Path::new("/"), words);
        assert!(!ask(&["clean", ""]).contains(&lab.name));
        assert_eq!(ask(&["--file", file, "logs", &lab.name, "s"]), ["second"]);
        assert_eq!(lab.run(&["setup", &lab.name]).exit, 0);
        for verb in ["clean", "exec", "shell", "logs", "capture"] {
            assert!(ask(&[verb, &lab.name[..3]]).contains(&lab.name), "{user:?} {verb}");
        }
        // The services of what is up are known without the file.
        assert_eq!(ask(&["logs", &lab.name, ""]), ["first", "second"]);
        assert_eq!(ask(&["--file", file, "exec", &lab.name, ""]), ["left", "right", "global"]);
    }
}

#[test]
fn labs_of_the_repository_are_completed_and_mistakes_are_not_told_at_the_tab() {
    let folder = folder();
    let own = "lab: own\nnodes: {n: {}}\ntests:\n  one: {steps: [run: {node: n, command: x}]}\n";
    std::fs::create_dir(folder.path().join("labs")).unwrap();
    write(folder.path(), "labs/own.yaml", own);
    write(folder.path(), "labs/broken.yaml", "lab: [");
    let ask = |words: &[&str]| asked(User::Own, folder.path(), words);
    assert_eq!(ask(&["test", "own"]), ["own", "own-one"]);
    assert_eq!(ask(&["test", "labs/o"]), ["labs/own.yaml"]);
    assert_eq!(ask(&["setup", "relay"]), ["relay"]);
    // Options only for who wants one.
    assert!(!ask(&["test", ""]).iter().any(|word| word.starts_with('-')));
    assert!(ask(&["test", "--fail"]).contains(&"--fail-fast".to_string()));
    for nothing in [
        &["exec", "no-such-lab", "x"][..],
        &["logs", "no-such-lab", "x"],
        &["--file", "missing.yaml", "test", "rel"],
        &["no-such-verb", "x"],
        &["exec", "a/../b", "--", "x"],
    ] {
        assert_eq!(ask(nothing), [""; 0], "{nothing:?}");
    }
}
