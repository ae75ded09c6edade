//! What the integration tests share: running labrun as root and as an ordinary user.

#![allow(dead_code)] // each test program uses its own part

pub mod captures;
pub mod host;
pub mod labs;
pub mod repositories;
pub mod schema;
pub mod sshd;

use std::os::unix::fs::DirEntryExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Whose labrun is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum User {
    /// The user that runs the tests.
    Own,
    /// An ordinary one, when root runs the tests: LABRUN_TEST_USER, or `nobody`.
    Ordinary,
}

/// Root and an ordinary user where the tests run as root, else only the user that runs them.
/// LABRUN_TEST_ROOT=no leaves root out, for the tests with a second ordinary user. With LABRUN_TEST_ROOT=only
/// the ordinary user runs the labs itself; the hosts on which it is tried in other tests are made by root alone.
pub fn users() -> Vec<User> {
    match std::env::var("LABRUN_TEST_ROOT").as_deref() {
        _ if !is_root() => vec![User::Own],
        Ok("no") => vec![User::Ordinary],
        Ok("only") if env!("CARGO_CRATE_NAME") == "labs" => vec![User::Own],
        _ => vec![User::Own, User::Ordinary],
    }
}

/// Whether the tests run as root.
pub fn is_root() -> bool {
    use std::os::unix::fs::MetadataExt;
    std::fs::metadata("/proc/self").unwrap().uid() == 0
}

/// Where labrun remembers things of tests, so that nothing is remembered of them beyond.
pub const STATE: (&str, &str) = ("XDG_STATE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/state"));

/// The labrun of this build, as `user`, with a clean environment.
pub fn labrun(user: User) -> Command {
    command(user, env!("CARGO_BIN_EXE_labrun"))
}

/// `program`, as `user`, with a clean environment.
pub fn command(user: User, program: &str) -> Command {
    let mut command = match user {
        User::Own => Command::new(program),
        User::Ordinary => {
            let name = std::env::var("LABRUN_TEST_USER").unwrap_or_else(|_| "nobody".into());
            let mut command = Command::new("setpriv");
            command.args([
                "--reuid",
                &name,
                "--regid",
                &group(&name),
                "--clear-groups",
                "--",
                program,
            ]);
            command.env("HOME", "/nonexistent");
            command
        }
    };
    // What the caller's environment could change.
    for name in [
        "CI",
        "CI_NODE_INDEX",
        "CI_NODE_TOTAL",
        "CIRCLE_NODE_INDEX",
        "CIRCLE_NODE_TOTAL",
        "BUILDKITE_PARALLEL_JOB",
        "BUILDKITE_PARALLEL_JOB_COUNT",
        "JOB_COMPLETION_INDEX",
        "SLURM_ARRAY_TASK_ID",
        "GITHUB_ACTIONS",
        "GITHUB_STEP_SUMMARY",
        "GITHUB_WORKSPACE",
        "LABRUN_ALLOW",
        "LABRUN_HOST",
        "LABRUN_TIMEOUT_SCALE",
        "LABRUN_SUBJECT",
        "XDG_RUNTIME_DIR",
        "XDG_CACHE_HOME",
        "NO_COLOR",
    ] {
        command.env_remove(name);
    }
    // Most tests have labs fail in folders that are nobody's.
    command.env("LABRUN_ARTIFACTS", "never").env_remove("LABRUN_ARTIFACTS_DIR");
    command.envs([STATE]);
    command.stdin(Stdio::null()).current_dir("/");
    command
}

/// Whether sandboxes of `user` have more ids than that of one user, as a lab may need (`needs.ids`).
pub fn has_range(user: User) -> bool {
    let mut map = command(user, "unshare");
    map.args(["--user", "--map-root-user", "--map-auto", "true"]);
    (user == User::Own && is_root()) || map.output().unwrap().status.success()
}

fn group(user: &str) -> String {
    let output = Command::new("id").args(["-g", user]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().into()
}

/// Both streams as text, for assertions that show everything when they fail.
pub fn text(output: &Output) -> String {
    format!(
        "exit {:?}\n{}{}",
        output.status.code(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// Polls `condition` until it holds; panics with `what` when it has not within ten seconds.
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain for {what}");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Which folders of `cache` have `program` in them, by their inodes: one that was replaced is
/// another.
pub fn builds(cache: &Path, program: &str) -> Vec<u64> {
    let folders = std::fs::read_dir(cache).unwrap().map(Result::unwrap);
    folders
        .filter(|folder| folder.path().join(program).exists())
        .map(|folder| folder.ino())
        .collect()
}

/// The agent for `processor` that the labrun of this build brings along, if it brings any.
pub fn agent(processor: &str) -> Option<PathBuf> {
    let folder = option_env!("LABRUN_AGENTS");
    if folder.is_none() {
        eprintln!(
            "SKIP labrun-agent: built without LABRUN_AGENTS, which .ci/agents says more about"
        );
    }
    Some(Path::new(folder?).join(format!("labrun-agent-{processor}")))
}

/// A folder that every user may enter, removed when dropped.
pub fn folder() -> tempfile::TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::Builder::new().prefix("labrun-test-").tempdir_in("/tmp").unwrap();
    std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

/// Writes `text` to `name` in `folder` and returns its path.
pub fn write(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    std::fs::write(&path, text).unwrap();
    path
}
