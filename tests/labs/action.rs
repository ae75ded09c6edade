//! The GitHub action does what its inputs say, on this machine: the steps of action.yml are run as
//! the runner runs them, with its variables and files, against a server of releases that is a
//! folder.
//!
//! What needs GitHub itself, `uses:` steps, is only checked for its form.

use crate::common;
use crate::common::labs;

use common::{STATE, folder, write};
use labs::have;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

fn repository() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn yaml(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn action() -> Value {
    yaml(&repository().join("action.yml"))
}

/// The expressions `${{ … }}` in a text.
fn expressions(text: &str) -> Vec<&str> {
    text.split("${{").skip(1).map(|rest| rest.split_once("}}").expect("it ends").0.trim()).collect()
}

/// All strings in `value`.
fn strings(value: &Value) -> Vec<&str> {
    match value {
        Value::String(text) => vec![text],
        Value::Array(items) => items.iter().flat_map(strings).collect(),
        Value::Object(fields) => fields.values().flat_map(strings).collect(),
        _ => Vec::new(),
    }
}

/// The steps of an action or of all jobs of a workflow.
fn steps(file: &Value) -> Vec<&Value> {
    let jobs = file["jobs"].as_object().into_iter().flat_map(|jobs| jobs.values());
    jobs.chain([&file["runs"]]).filter_map(|job| job["steps"].as_array()).flatten().collect()
}

#[test]
fn the_action_declares_all_that_it_uses_and_uses_all_that_it_declares() {
    let action = action();
    assert!(action["name"].is_string() && action["description"].is_string());
    assert_eq!(action["runs"]["using"], "composite");
    let declared = action["inputs"].as_object().unwrap();
    for input in ["test", "subject", "args", "artifacts", "version"] {
        assert!(declared.contains_key(input), "no input {input}");
    }
    for (name, input) in declared {
        // An action knows strings only: a bare `false` would be one by luck.
        assert!(
            input["description"].is_string() && input["default"].is_string(),
            "{name}: {input}"
        );
    }
    let document = include_str!("../../docs/github-actions.md");
    for name in declared.keys().chain(action["outputs"].as_object().unwrap().keys()) {
        assert!(
            document.contains(&format!("`{name}`")),
            "docs/github-actions.md does not say what {name} is"
        );
    }
    // `if:` is an expression with or without its braces.
    let conditions = steps(&action).into_iter().filter_map(|step| step["if"].as_str());
    let used: Vec<&str> =
        strings(&action).into_iter().flat_map(expressions).chain(conditions).collect();
    let names = |text: &&str| {
        let inputs = text.split("inputs.").skip(1).map(|rest| {
            rest.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').next().unwrap()
        });
        inputs.map(String::from).collect::<Vec<_>>()
    };
    let mut used: Vec<String> = used.iter().flat_map(names).collect();
    used.sort();
    used.dedup();
    assert_eq!(used, declared.keys().cloned().collect::<Vec<_>>());
}

#[test]
fn no_script_has_foreign_text_pasted_into_it_and_no_other_action_moves_freely() {
    let workflows = fs::read_dir(repository().join(".github/workflows"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for path in workflows.chain([repository().join("action.yml")]) {
        let file = yaml(&path);
        let composite = file["runs"].is_object();
        assert!(!steps(&file).is_empty(), "{}", path.display());
        for step in steps(&file) {
            if let Some(script) = step["run"].as_str() {
                assert!(expressions(script).is_empty(), "{}: {script}", path.display());
                assert!(
                    !composite || step["shell"] == "bash",
                    "{}: a step of an action names its shell",
                    path.display()
                );
                for word in script
                    .split(['"', ' '])
                    .filter_map(|word| word.strip_prefix("$GITHUB_ACTION_PATH/"))
                {
                    assert!(repository().join(word).exists(), "there is no {word}");
                }
            } else {
                let uses = step["uses"].as_str().unwrap();
                let (_, version) =
                    uses.split_once('@').unwrap_or((uses, if uses == "./" { "v0" } else { "" }));
                assert!(
                    version.strip_prefix('v').is_some_and(|v| v.parse::<u32>().is_ok()),
                    "{}: {uses}",
                    path.display()
                );
            }
        }
        if !composite {
            assert_eq!(
                file["permissions"]["contents"],
                "read",
                "{}: the token may not do more than it must",
                path.display()
            );
        }
    }
}

/// A machine of GitHub's: its folders, and a server with the releases of `someone/labrun`.
struct Runner {
    root: tempfile::TempDir,
    inputs: BTreeMap<String, String>,
    github: BTreeMap<&'static str, String>,
    /// Which job of the matrix it runs, from 0, and how many there are.
    job: (usize, usize),
}

/// The labrun of this build as a release has it, and its checksum; made once, because it is large.
fn packed() -> &'static (Vec<u8>, String) {
    static PACKED: OnceLock<(Vec<u8>, String)> = OnceLock::new();
    PACKED.get_or_init(|| {
        let folder = Path::new(env!("CARGO_BIN_EXE_labrun")).parent().unwrap();
        let output =
            Command::new("tar").args(["-cz", "labrun"]).current_dir(folder).output().unwrap();
        assert!(output.status.success(), "{}", common::text(&output));
        let sum = Sha256::digest(&output.stdout).iter().map(|byte| format!("{byte:02x}")).collect();
        (output.stdout, sum)
    })
}

/// What an action came to.
struct Ended {
    exit: i32,
    text: String,
    outputs: BTreeMap<String, String>,
    path: Vec<PathBuf>,
}

/// A program of its own in place of labrun, which takes minutes to build: what is built is not the
/// matter.
const SMALL: &str = r#"fn main() { println!("labrun 0.0.0 from source {:?}", std::env::args().collect::<Vec<_>>()) }"#;

impl Runner {
    /// With an action that is used as `someone/labrun@REF`.
    fn new(reference: &str) -> Runner {
        let root = folder();
        for name in ["temp", "workspace", "action/src", "server/someone/labrun"] {
            fs::create_dir_all(root.path().join(name)).unwrap();
        }
        let scripts = root.path().join("action/.github/action");
        fs::create_dir_all(&scripts).unwrap();
        for entry in fs::read_dir(repository().join(".github/action")).unwrap() {
            let path = entry.unwrap().path();
            fs::copy(&path, scripts.join(path.file_name().unwrap())).unwrap();
        }
        write(
            root.path(),
            "action/Cargo.toml",
            "[package]\nname = \"labrun\"\nversion = \"1.2.3\"\nedition = \"2024\"\n",
        );
        write(
            root.path(),
            "action/Cargo.lock",
            "version = 4\n\n[[package]]\nname = \"labrun\"\nversion = \"1.2.3\"\n",
        );
        write(root.path(), "action/src/main.rs", SMALL);
        let github = [("action_repository", "someone/labrun"), ("action_ref", reference)]
            .map(|(k, v)| (k, v.to_string()));
        Runner { root, inputs: BTreeMap::new(), github: github.into(), job: (0, 1) }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn input(mut self, name: &str, value: &str) -> Runner {
        self.inputs.insert(name.into(), value.into());
        self
    }

    /// Publishes the labrun of this build as release `tag` for this machine; where its checksum is.
    fn release(&self, tag: &str) -> PathBuf {
        let place = self.path("server/someone/labrun/releases/download").join(tag);
        fs::create_dir_all(&place).unwrap();
        let name = format!("labrun-{}-unknown-linux-musl.tar.gz", std::env::consts::ARCH);
        let (archive, sum) = packed();
        fs::write(place.join(&name), archive).unwrap();
        write(&place, &format!("{name}.sha256"), &format!("{sum}  {name}\n"))
    }

    /// A lab with a test that passes and one that fails, in the workspace.
    fn lab(&self) -> String {
        let name = format!(
            "action-{}-{}",
            std::process::id(),
            self.root.path().file_name().unwrap().to_str().unwrap().replace('.', "-")
        );
        let text = format!(
            "lab: {name}\nnodes: {{a: {{}}}}\ntests:\n  good: {{steps: [run: {{node: a, command: \"true\"}}]}}\n  bad: {{steps: [run: {{node: a, command: \"false\"}}]}}\n"
        );
        write(&self.path("workspace"), "my lab.yaml", &text);
        name
    }

    /// `text` with its expressions replaced, of those kinds that steps of the action use.
    fn expand(&self, text: &str) -> String {
        let action = action();
        let mut result = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once("${{") {
            let (expression, after) = after.split_once("}}").unwrap();
            let value =
                match expression.trim().split_once('.') {
                    Some(("inputs", name)) => self.inputs.get(name).cloned().unwrap_or_else(|| {
                        action["inputs"][name]["default"].as_str().unwrap().into()
                    }),
                    Some(("github", name)) => self.github[name].clone(),
                    Some(("strategy", "job-index")) => self.job.0.to_string(),
                    Some(("strategy", "job-total")) => self.job.1.to_string(),
                    _ => panic!("this test does not know ${{{{{expression}}}}}"),
                };
            result.push_str(before);
            result.push_str(&value);
            rest = after;
        }
        result + rest
    }

    fn condition(&self, step: &Value) -> bool {
        match step["if"].as_str() {
            None => true,
            Some("inputs.install-only != 'true'") => {
                self.expand("${{ inputs.install-only }}") != "true"
            }
            Some(other) => panic!("this test does not know the condition {other}"),
        }
    }

    /// Runs the steps one after the other until one fails.
    fn run(&self) -> Ended {
        let mut ended =
            Ended { exit: 0, text: String::new(), outputs: BTreeMap::new(), path: Vec::new() };
        for name in ["path", "output", "summary"] {
            write(self.root.path(), name, "");
        }
        let action = action();
        for step in steps(&action).into_iter().filter(|step| step["run"].is_string()) {
            if !self.condition(step) {
                continue;
            }
            let script = write(self.root.path(), "step.sh", step["run"].as_str().unwrap());
            let own = ended.path.iter().rev().map(|path| path.display().to_string());
            let path: Vec<String> = own.chain(std::env::var("PATH").ok()).collect();
            let mut command = Command::new("timeout");
            command
                .args(["120", "bash", "--noprofile", "--norc", "-e", "-o", "pipefail"])
                .arg(script);
            command.current_dir(self.path("workspace")).env("PATH", path.join(":"));
            for name in [
                "LABRUN_SUBJECT",
                "LABRUN_ARTIFACTS",
                "LABRUN_ARTIFACTS_DIR",
                "XDG_CACHE_HOME",
                "CARGO_TARGET_DIR",
            ] {
                command.env_remove(name);
            }
            command.envs([
                ("CI", "true"),
                ("GITHUB_ACTIONS", "true"),
                ("RUNNER_OS", "Linux"),
                ("GITHUB_REPOSITORY", "someone/project"),
                STATE,
            ]);
            command.env("GITHUB_SERVER_URL", format!("file://{}", self.path("server").display()));
            let places = [
                ("GITHUB_ACTION_PATH", "action"),
                ("GITHUB_WORKSPACE", "workspace"),
                ("RUNNER_TEMP", "temp"),
            ];
            let files = [
                ("GITHUB_PATH", "path"),
                ("GITHUB_OUTPUT", "output"),
                ("GITHUB_STEP_SUMMARY", "summary"),
            ];
            command.envs(
                places.into_iter().chain(files).map(|(name, place)| (name, self.path(place))),
            );
            for (name, value) in step["env"].as_object().into_iter().flatten() {
                command.env(name, self.expand(value.as_str().unwrap()));
            }
            let output = command.stdin(std::process::Stdio::null()).output().unwrap();
            ended.text.push_str(&common::text(&output));
            ended.exit = output.status.code().unwrap();
            ended.path =
                fs::read_to_string(self.path("path")).unwrap().lines().map(PathBuf::from).collect();
            let lines = fs::read_to_string(self.path("output")).unwrap();
            ended.outputs = lines
                .lines()
                .filter_map(|line| line.split_once('='))
                .map(|(k, v)| (k.into(), v.into()))
                .collect();
            if ended.exit != 0 {
                break;
            }
        }
        ended
    }
}

const TOOLS: [&str; 3] = ["curl", "git", "xargs"];

#[test]
fn a_release_is_installed_and_its_tests_pass() {
    if !have("a_release_is_installed", &TOOLS) {
        return;
    }
    let runner = Runner::new("v1").input("args", "--file 'my lab.yaml' --artifacts \"always\"");
    runner.release("v1.2.3");
    let name = runner.lab();
    let runner = runner.input("test", &format!("  {name}-good\n"));
    let ended = runner.run();
    assert_eq!(ended.exit, 0, "{}", ended.text);
    assert!(
        ended.text.contains("labrun v1.2.3, as released")
            && ended.text.contains("1 passed, 0 failed"),
        "{}",
        ended.text
    );
    assert_eq!(ended.path, [runner.path("temp/labrun/bin")]);
    assert_eq!(ended.outputs["exit-code"], "0");
    assert_eq!(ended.outputs["artifacts"], "labrun-artifacts");
    assert!(runner.path(&format!("workspace/labrun-artifacts/{name}-good/1/lab.sh")).exists());
}

#[test]
fn a_failure_hands_its_exit_code_and_its_artifacts_on() {
    if !have("a_failure_hands_its_exit_code_on", &TOOLS) {
        return;
    }
    for (artifacts, kept) in [("what failed", true), ("", false)] {
        let runner = Runner::new("v1.2.3")
            .input("args", "--file=my\\ lab.yaml")
            .input("artifacts", artifacts);
        runner.release("v1.2.3");
        let name = runner.lab();
        let ended = runner.run();
        assert_eq!((ended.exit, ended.outputs["exit-code"].as_str()), (1, "1"), "{}", ended.text);
        assert!(ended.text.contains("1 passed, 1 failed"), "{}", ended.text);
        // labrun knows by the runner's variables that it is to annotate the lab file and write a
        // summary.
        assert!(ended.text.contains("::error file=my lab.yaml,line=5,"), "{}", ended.text);
        let summary = fs::read_to_string(runner.path("summary")).unwrap();
        assert!(
            summary.contains("1 passed, 1 failed") && summary.contains(&format!("{name}-bad")),
            "{summary}"
        );
        assert_eq!(ended.outputs.get("artifacts").map(String::as_str), kept.then_some(artifacts));
        let left: Vec<_> = fs::read_dir(runner.path("workspace"))
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        assert_eq!(left.len(), if kept { 2 } else { 1 }, "{left:?}");
        assert_eq!(
            runner.path(&format!("workspace/what failed/{name}-bad/1/failure.txt")).exists(),
            kept
        );
    }
}

#[test]
fn jobs_of_a_matrix_find_their_parts_by_themselves() {
    if !have("jobs_of_a_matrix_find_their_parts", &TOOLS) {
        return;
    }
    let mut runner = Runner::new("v1.2.3")
        .input("args", "--file 'my lab.yaml' --partition auto")
        .input("artifacts", "");
    runner.release("v1.2.3");
    runner.lab();
    let mut exits = Vec::new();
    for index in 0..3 {
        runner.job = (index, 3);
        let ended = runner.run();
        exits.push(ended.exit);
        let part = format!("there is no test in part {}/3", index + 1);
        assert_eq!(ended.text.contains(&part), ended.text.contains("0 passed, 0 failed"));
    }
    // One has the test that passes, one that which fails, and one has none.
    exits.sort();
    assert_eq!(exits, [0, 0, 1]);
}

#[test]
fn the_shards_of_the_example_are_all_of_the_tests_and_one_report() {
    let workflow = yaml(&repository().join(".github/workflows/sharded.yml"));
    let scripts: Vec<&str> =
        steps(&workflow).into_iter().filter_map(|step| step["run"].as_str()).collect();
    let [list, merge] = scripts[..] else { panic!("{scripts:?}") };
    let arguments =
        strings(&workflow).into_iter().find(|text| text.contains("--partition ")).unwrap();
    let runner = Runner::new("main");
    let name = runner.lab();
    let text = fs::read_to_string(runner.path("workspace/my lab.yaml"))
        .unwrap()
        .replace("\"false\"", "\"true\"");
    fs::create_dir(runner.path("workspace/labs")).unwrap();
    write(&runner.path("workspace"), "labs/own.yaml", &text);
    let program = Path::new(env!("CARGO_BIN_EXE_labrun")).parent().unwrap();
    let shell = |script: &str| {
        let mut command = Command::new("bash");
        command.args(["-e", "-o", "pipefail", "-c", script]).current_dir(runner.path("workspace"));
        command.env("PATH", format!("{}:{}", program.display(), std::env::var("PATH").unwrap()));
        command.envs([STATE, ("LABRUN_ARTIFACTS", "never")]);
        command.env("GITHUB_OUTPUT", runner.path("output"));
        let output = command.stdin(std::process::Stdio::null()).output().unwrap();
        assert!(output.status.success(), "{script}: {}", common::text(&output));
        String::from_utf8(output.stdout).unwrap()
    };
    shell(list);
    let output = fs::read_to_string(runner.path("output")).unwrap();
    let matrix: Value =
        serde_json::from_str(output.trim().strip_prefix("matrix=").unwrap()).unwrap();
    let parts = matrix["include"].as_array().unwrap();
    // The lab has two tests, so some of the parts are empty, which is no failure.
    assert_eq!(parts.len(), 4);
    for (index, part) in parts.iter().enumerate() {
        let arguments =
            arguments.replace("${{ matrix.partition }}", part["partition"].as_str().unwrap());
        shell(&format!(
            "labrun test {}",
            arguments.replace("${{ strategy.job-index }}", &index.to_string())
        ));
    }
    assert!(shell(merge).contains("2 passed, 0 failed"));
    for file in ["report.html", "report.xml"] {
        let report = fs::read_to_string(runner.path("workspace").join(file)).unwrap();
        assert!(
            report.contains(&format!("{name}-good")) && report.contains(&format!("{name}-bad")),
            "{file}"
        );
    }
}

#[test]
fn a_subject_is_handed_on() {
    if !have("a_subject_is_handed_on", &TOOLS) {
        return;
    }
    let runner = Runner::new("v1.2.3")
        .input("subject", "no/such program\n")
        .input("args", "--file 'my lab.yaml'");
    runner.release("v1.2.3");
    runner.lab();
    let text = "lab: x\nsubject: {program: \"true\"}\nnodes: {a: {}}\ntests: {t: {steps: [run: {node: a, command: x}]}}\n";
    write(&runner.path("workspace"), "my lab.yaml", text);
    let ended = runner.run();
    assert!(
        ended.exit == 2
            && ended.text.contains("there is no `")
            && ended.text.contains("no/such program`"),
        "{}",
        ended.text
    );
}

#[test]
fn a_wrong_checksum_ends_it() {
    if !have("a_wrong_checksum_ends_it", &TOOLS) {
        return;
    }
    let runner = Runner::new("v1.2.3");
    let sum = runner.release("v1.2.3");
    fs::write(
        &sum,
        fs::read_to_string(&sum).unwrap().replacen(|c: char| c.is_ascii_hexdigit(), "x", 1),
    )
    .unwrap();
    let ended = runner.run();
    assert!(
        ended.exit == 1
            && ended.text.contains("::error title=labrun::")
            && ended.text.contains("checksum"),
        "{}",
        ended.text
    );
    assert!(
        ended.path.is_empty() && !runner.path("temp/labrun/bin/labrun").exists(),
        "nothing of it is kept"
    );
}

#[test]
fn without_a_release_of_just_this_source_it_is_built() {
    let name = "without_a_release_of_just_this_source_it_is_built";
    if !have(name, &["curl", "git", "cargo", "cc"]) {
        return;
    }
    // rustup's is nobody's but of who installed it.
    if !Command::new("cargo").arg("--version").output().unwrap().status.success() {
        eprintln!("SKIP {name}: this user has no cargo");
        return;
    }
    let zeros = "0".repeat(40);
    // The reference, the release there is, and the input `version`.
    let cases = [
        ("v1.2.3", "v1.2.2", ""),
        ("main", "v1.2.3", ""),
        ("v2", "v1.2.3", ""),
        (&zeros, "v1.2.3", ""),
        ("v1.2.3", "v1.2.3", "source"),
    ];
    for (reference, tag, version) in cases {
        let runner = Runner::new(reference).input("install-only", "true").input("version", version);
        runner.release(tag);
        let ended = runner.run();
        assert_eq!(ended.exit, 0, "{reference}: {}", ended.text);
        assert!(
            ended.text.contains("labrun 0.0.0 from source") && ended.text.contains("::notice"),
            "{reference}: {}",
            ended.text
        );
        assert!(ended.path[0].join("labrun").exists() && ended.outputs.is_empty());
    }
    // One that was asked for by name is not replaced by something else.
    let runner = Runner::new("v1.2.3").input("version", "v9.9.9");
    runner.release("v1.2.3");
    let ended = runner.run();
    assert!(ended.exit == 1 && ended.text.contains("there is no labrun v9.9.9"), "{}", ended.text);
    // A mistake in the source is the compiler's to name.
    let runner = Runner::new("main");
    write(runner.root.path(), "action/src/main.rs", "fn main() { nonsense }");
    let ended = runner.run();
    assert!(
        ended.exit != 0 && ended.text.contains("nonsense") && ended.path.is_empty(),
        "{}",
        ended.text
    );
}

#[test]
fn a_pinned_commit_is_a_release_if_its_tag_says_so() {
    if !have("a_pinned_commit_is_a_release", &TOOLS) {
        return;
    }
    let server = Runner::new("").root;
    let git = |words: &[&str]| {
        let mut command = Command::new("git");
        command.args([
            "-c",
            "user.name=x",
            "-c",
            "user.email=x@example.org",
            "-c",
            "safe.directory=*",
        ]);
        let output = command.arg("-C").arg(server.path()).args(words).output().unwrap();
        assert!(output.status.success(), "{}", common::text(&output));
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    };
    git(&["init", "-q"]);
    git(&["commit", "-q", "--allow-empty", "-m", "x"]);
    git(&["tag", "-a", "-m", "x", "v1.2.3"]);
    let commit = git(&["rev-parse", "HEAD"]);
    let runner = Runner::new(&commit).input("install-only", "true");
    fs::rename(server.path().join(".git"), runner.path("server/someone/labrun/.git")).unwrap();
    runner.release("v1.2.3");
    let ended = runner.run();
    assert!(ended.exit == 0 && ended.text.contains("labrun v1.2.3, as released"), "{}", ended.text);
}

#[test]
fn inputs_are_never_run() {
    if !have("inputs_are_never_run", &TOOLS) {
        return;
    }
    let evil = "$(touch pwned) `touch pwned` ; touch pwned # ${HOME} *";
    let cases = [
        ("args", evil, 2, ""),
        ("args", "--file \"$(touch pwned)\"", 2, "cannot read $(touch pwned)"),
        ("args", "--file 'never ends", 2, "the quotes of the input `args` do not match"),
        ("test", evil, 2, "there is no lab or test `$(touch`"),
        ("test", "--keep", 2, "`--keep` in the input `test` is no test"),
        ("subject", evil, 2, "there is no `"),
        ("artifacts", "../elsewhere", 2, "the input `artifacts`"),
        ("artifacts", "..", 2, "the input `artifacts`"),
        ("version", "$(touch pwned)", 1, "there is no labrun $(touch pwned)"),
    ];
    for (input, value, exit, words) in cases {
        let runner = Runner::new("v1.2.3").input(input, value);
        runner.release("v1.2.3");
        let lab = "lab: x\nsubject: {program: \"true\"}\nnodes: {a: {}}\ntests: {t: {steps: [run: {node: a, command: x}]}}\n";
        fs::create_dir(runner.path("workspace/labs")).unwrap();
        write(&runner.path("workspace"), "labs/x.yaml", lab);
        let ended = runner.run();
        assert!(
            ended.exit == exit && ended.text.contains(words),
            "{input}={value}: {}",
            ended.text
        );
        let touched =
            common::host::tree(runner.root.path()).into_iter().any(|path| path.ends_with("pwned"));
        assert!(!touched, "{input}={value} was run: {}", ended.text);
    }
}

#[test]
fn the_scripts_can_be_read_by_everybody() {
    for entry in fs::read_dir(repository().join(".github/action")).unwrap() {
        let path = entry.unwrap().path();
        assert!(
            fs::metadata(&path).unwrap().permissions().mode() & 0o444 == 0o444,
            "{}",
            path.display()
        );
    }
}
