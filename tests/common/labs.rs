//! Labs of the tests' own, each with a name nobody else uses, and the programs they need.

use crate::common::schema::events;
use crate::common::{User, folder, labrun, text};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// A lab file and whose labrun runs it. Cleaned up when dropped.
pub struct Lab {
    pub name: String,
    pub file: PathBuf,
    pub user: User,
    pub folder: tempfile::TempDir,
    /// What its file asks for that it gets (LABRUN_ALLOW).
    granted: &'static str,
}

/// What a run of labrun came to.
pub struct Done {
    pub exit: i32,
    pub stdout: String,
    /// Both streams and the exit status, for messages.
    pub all: String,
    pub time: Duration,
}

impl Lab {
    /// A lab whose file is `body`, after the line with its name.
    pub fn new(user: User, body: &str) -> Lab {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!("t{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::SeqCst));
        let folder = folder();
        let file = crate::common::write(
            folder.path(),
            "lab.yaml",
            &format!("lab: {name}\n{}", body.trim_start_matches('\n')),
        );
        Lab { name, file, user, folder, granted: "" }
    }

    /// A built-in lab under a name of its own, after `change`.
    pub fn built_in(user: User, name: &str, change: impl FnOnce(String) -> String) -> Lab {
        let (_, text) = labrun::lab::find::BUILT_IN.into_iter().find(|(n, _)| *n == name).unwrap();
        let (comment, body) = text.split_once(&format!("lab: {name}\n")).unwrap();
        Lab::new(user, &change(format!("{comment}{body}")))
    }

    /// Grants what its file asks for.
    pub fn granting(mut self, granted: &'static str) -> Lab {
        self.granted = granted;
        self
    }

    /// labrun with this lab's file and `arguments`.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = labrun(self.user);
        command.arg("--file").arg(&self.file).args(arguments);
        if !self.granted.is_empty() {
            command.env("LABRUN_ALLOW", self.granted);
        }
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Done {
        run(self.command(arguments))
    }

    /// Runs the tests and returns their results by their short names.
    pub fn results(&self, arguments: &[&str]) -> (Done, BTreeMap<String, Value>) {
        let done = self.run(&[&["--format", "json", "test"], arguments].concat());
        let results = events(&done.stdout)
            .into_iter()
            .filter(|message| message["event"] == "result")
            .map(|result| {
                (result["test"].as_str().unwrap()[self.name.len() + 1..].to_string(), result)
            })
            .collect();
        (done, results)
    }

    /// Runs all tests, each of which must pass.
    pub fn passes(&self, arguments: &[&str]) {
        let (done, results) = self.results(arguments);
        assert!(!results.is_empty() && done.exit == 0, "{:?}: {}", self.user, done.all);
        for (name, result) in results {
            assert_eq!(result["outcome"], "pass", "{:?} {name}: {}", self.user, done.all);
        }
    }

    /// Runs a command in a node of the lab, which is up.
    pub fn exec(&self, node: &str, command: &[&str]) -> Done {
        self.run(&[&["exec", &self.name, node, "--"], command].concat())
    }

    /// Whether `labrun status` knows the lab.
    pub fn is_up(&self) -> bool {
        self.run(&["status"])
            .stdout
            .lines()
            .any(|line| line.split_whitespace().next() == Some(&self.name))
    }
}

impl Drop for Lab {
    fn drop(&mut self) {
        self.run(&["clean", &self.name]);
    }
}

/// Runs `command` to its end, which is never further than two minutes away.
pub fn run(command: Command) -> Done {
    let began = Instant::now();
    let output = bounded(&command).output().unwrap();
    assert_ne!(output.status.code(), Some(124), "labrun hangs: {}", text(&output));
    done(&output, began.elapsed())
}

fn done(output: &Output, time: Duration) -> Done {
    let exit = output.status.code().unwrap_or(-1);
    Done {
        exit,
        stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
        all: text(output),
        time,
    }
}

/// `command` under timeout(1).
pub fn bounded(command: &Command) -> Command {
    let mut bounded = Command::new("timeout");
    bounded
        .args(["-k", "1", "120"])
        .arg(command.get_program())
        .args(command.get_args())
        .stdin(std::process::Stdio::null());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => bounded.env(name, value),
            None => bounded.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        bounded.current_dir(folder);
    }
    bounded
}

/// Every line of `text` as JSON.
pub fn json_lines(text: &str) -> Vec<Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line:?}")))
        .collect()
}

/// The `lines` of a result, as one text.
pub fn lines(result: &Value) -> String {
    let lines = result["lines"].as_array().unwrap_or_else(|| panic!("no lines in {result}"));
    lines.iter().map(|line| line.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Whether all `commands` are there. If not, the test is skipped and says so.
pub fn have(test: &str, commands: &[&str]) -> bool {
    let missing: Vec<&&str> =
        commands.iter().filter(|c| which::which_in(c, Some(path()), "/").is_err()).collect();
    if !missing.is_empty() {
        eprintln!("SKIP {test}: there is no {missing:?}");
    }
    missing.is_empty()
}

fn path() -> String {
    let unpacked = "/var/cache/labrun/unpacked/zabbix-proxy-sqlite3/usr/sbin";
    let path = std::env::var("PATH").unwrap_or_default();
    format!("{path}:/usr/local/sbin:/usr/sbin:/sbin:{unpacked}")
}

/// The project's own program under test, which is a repository of its own.
pub fn subject_repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/subject")
}

/// It, built where every user can run it. `None`, which is said, where that was not done before and
/// there is no cargo: it is not built anew while nothing of it has changed.
pub fn subject(test: &str) -> Option<PathBuf> {
    static BUILT: OnceLock<Option<PathBuf>> = OnceLock::new();
    let built = BUILT.get_or_init(|| {
        let (repository, target) =
            (subject_repository(), Path::new(env!("CARGO_TARGET_TMPDIR")).join("subject"));
        let program = target.join("debug/dhcplb");
        let written = |path: &Path| std::fs::metadata(path).and_then(|m| m.modified()).ok();
        let sources = std::fs::read_dir(repository.join("src")).unwrap();
        let newest = sources.filter_map(|entry| written(&entry.unwrap().path())).max();
        if written(&program) > newest {
            return Some(program);
        }
        let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let mut build = Command::new(cargo);
        build.args(["build", "--quiet", "--target-dir"]).arg(&target).current_dir(&repository);
        let output = build.output().ok()?;
        assert!(output.status.success(), "{}", text(&output));
        Some(program)
    });
    if built.is_none() {
        eprintln!("SKIP {test}: there is no cargo that could build {:?}", subject_repository());
    }
    built.clone()
}

/// The real dhcplb, from the checkout that LABRUN_TEST_DHCPLB names.
pub struct Dhcplb {
    pub repository: PathBuf,
    /// Built from it, where every user can run it.
    pub program: PathBuf,
    /// Whether it has the range handler, without which it cannot be the server of the lab `server`.
    pub has_ranges: bool,
    _folder: tempfile::TempDir,
}

/// `None`, which is said, without such a checkout or Go.
pub fn dhcplb(test: &str) -> Option<Dhcplb> {
    let Some(repository) =
        std::env::var_os("LABRUN_TEST_DHCPLB").filter(|value| !value.is_empty()).map(PathBuf::from)
    else {
        eprintln!("SKIP {test}: LABRUN_TEST_DHCPLB names no checkout of dhcplb");
        return None;
    };
    if !have(test, &["go"]) {
        return None;
    }
    let folder = folder();
    let program = folder.path().join("dhcplb");
    let mut build = Command::new("go");
    // The repository may be somebody else's, which git refuses to tell of.
    build.args(["build", "-buildvcs=false", "-o"]).arg(&program).arg(".").current_dir(&repository);
    let output = build.output().unwrap();
    assert!(output.status.success(), "{}", text(&output));
    let sources = std::fs::read_dir(&repository)
        .unwrap()
        .chain(std::fs::read_dir(repository.join("lib")).into_iter().flatten());
    let has_ranges = sources
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "go"))
        .any(|path| std::fs::read_to_string(path).unwrap().contains("\"range\""));
    Some(Dhcplb { repository, program, has_ranges, _folder: folder })
}

/// Lab files in which nothing is wrong: those that labrun brings along, those of the tests and of the
/// documents, those that `labrun init` writes.
pub fn lab_texts() -> Vec<String> {
    use labrun::starter::{listens::Listens, shape::Shape, write};
    let mut all: Vec<String> = labrun::lab::find::BUILT_IN.map(|(_, text)| text.into()).to_vec();
    all.push(include_str!("../data/good.yaml").into());
    let documents = [
        include_str!("../../docs/lab-files.md"),
        include_str!("../../docs/recipes.md"),
        include_str!("../../docs/tutorial.md"),
    ];
    let blocks = documents.iter().flat_map(|page| page.split("```yaml\n").skip(1));
    let blocks = blocks.filter(|block| block.starts_with("lab: "));
    all.extend(blocks.map(|block| block.split("```").next().unwrap().to_string()));
    for shape in Shape::ALL {
        for listens in ["udp:53", "udp:67", "udp:9", "tcp:80", "http:80"] {
            let listens: Listens = listens.parse().unwrap();
            let answers = write::Answers {
                name: "lab".into(),
                program: "server".into(),
                project: None,
                shape,
                listens,
                arguments: String::new(),
                ask: None,
                answer: None,
            };
            all.extend(write::lab(&answers));
        }
    }
    all
}
