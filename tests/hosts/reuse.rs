//! Proves which program a lab tests: the one that was named, the one built from a repository (once
//! for each content), the one on PATH, or the stand-in, which `--strict` and CI refuse.

use crate::common;

use common::host::{self, finish_within, labrun, run_within};
use common::{User, builds, folder, text, users, wait_for, write};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A lab whose program is "compiled" by a shell, which notes every build and refuses some sources.
const LAB: &str = r#"
lab: said
about: a program that says what its source says
subject:
  program: sayer
  stand-in: {program: "true", package: coreutils}
  repository: {files: [sayer.source]}
  build: |
    echo built >>"$BUILDS"
    ! grep -n nonsense sayer.source || { echo "sayer.source: that is nonsense"; exit 1; }
    ! grep -q nothing sayer.source || exit 0
    until [ -e "$OUT/../$AFTER" ]; do sleep 0.01; done
    { echo '#!/bin/sh'; cat sayer.source; } >"$OUT/sayer"
    chmod 755 "$OUT/sayer"
nodes:
  one: {}
tests:
  word:
    about: it says hello
    steps:
      - run: {node: one, command: sayer, match: hello}
"#;

/// A repository with that program and its lab, and a place for builds.
struct Fixture {
    user: User,
    folder: tempfile::TempDir,
}

impl Fixture {
    fn new(user: User) -> Fixture {
        let folder = folder();
        for name in ["repository", "repository/labs", "cache", "path"] {
            fs::create_dir(folder.path().join(name)).unwrap();
        }
        fs::set_permissions(folder.path().join("cache"), fs::Permissions::from_mode(0o777))
            .unwrap();
        write(folder.path(), "builds", "");
        fs::set_permissions(folder.path().join("builds"), fs::Permissions::from_mode(0o666))
            .unwrap();
        write(folder.path(), "repository/labs/said.yaml", LAB);
        write(folder.path(), "repository/sayer.source", "echo hello\n");
        Fixture { user, folder }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn source(&self, text: &str) {
        write(self.folder.path(), "repository/sayer.source", text);
    }

    fn builds(&self) -> usize {
        fs::read_to_string(self.path("builds")).unwrap().lines().count()
    }

    /// labrun inside the repository, or elsewhere with the same lab.
    fn labrun(&self, inside: bool) -> Command {
        let mut command = labrun(self.user);
        command
            .env("XDG_CACHE_HOME", self.path("cache"))
            .env("BUILDS", self.path("builds"))
            .env("AFTER", ".");
        if inside {
            command.current_dir(self.path("repository"));
        } else {
            command.arg("--file").arg(self.path("repository/labs/said.yaml"));
        }
        command
    }

    /// What `command` prints; it must exit with `code`.
    fn expect(&self, command: &mut Command, code: i32) -> String {
        let output = run_within(Duration::from_secs(60), command);
        let text = text(&output);
        assert_eq!(output.status.code(), Some(code), "{command:?}: {text}");
        text
    }
}

#[test]
fn a_repository_is_built_once_for_each_content() {
    host::private("a_repository_is_built_once_for_each_content", || {
        for user in users() {
            let fixture = Fixture::new(user);
            let test = |code| fixture.expect(fixture.labrun(true).args(["test", "said"]), code);
            let first = test(0);
            assert!(
                first.contains("build sayer from") && first.contains("built sayer in"),
                "{first}"
            );
            assert!(first.contains("said: testing sayer, built from its repository"), "{first}");
            assert_eq!(fixture.builds(), 1);

            assert!(test(0).contains("built sayer earlier from the same content"));
            // Neither a file that git ignores nor a new time is a new content.
            write(fixture.folder.path(), "repository/.gitignore", "ignored\n");
            test(0);
            let builds = fixture.builds();
            write(fixture.folder.path(), "repository/ignored", "anything");
            fixture.source("echo hello\n");
            assert!(test(0).contains("earlier"));
            assert_eq!(fixture.builds(), builds);

            fixture.source("echo goodbye\n");
            let other = test(1);
            assert!(other.contains("built sayer in") && other.contains("goodbye"), "{other}");
            assert_eq!(fixture.builds(), builds + 1);
            // The first content's build is still there.
            fixture.source("echo hello\n");
            assert!(test(0).contains("earlier"));
            assert_eq!(fixture.builds(), builds + 1);
        }
    });
}

/// The first may have started its program already, so that is not replaced.
#[test]
fn of_two_that_build_the_same_content_the_first_ones_stays() {
    host::private("of_two_that_build_the_same_content_the_first_ones_stays", || {
        for user in users() {
            let fixture = Fixture::new(user);
            let begin = |after: &str, builds: usize| {
                let mut command = fixture.labrun(true);
                command
                    .args(["test", "said"])
                    .env("AFTER", after)
                    .stdout(Stdio::piped())
                    .stderr(Stdio::piped());
                let child = command.spawn().unwrap();
                wait_for("the build", || fixture.builds() == builds);
                child
            };
            let cache = fixture.path("cache/labrun");
            let end = |child, after: &str| {
                write(&cache, after, "");
                let output =
                    finish_within(Duration::from_secs(60), child, "a build beside another");
                assert!(output.status.success(), "{}", text(&output));
                fs::remove_file(cache.join(after)).unwrap();
                builds(&cache, "sayer")
            };
            let (first, second) = (begin("one", 1), begin("two", 2));
            let built = end(first, "one");
            assert_eq!(end(second, "two"), built);
            assert_eq!((built.len(), fs::read_dir(&cache).unwrap().count()), (1, 1));
        }
    });
}

#[test]
fn what_a_failed_test_leaves_in_the_repository_is_no_reason_to_build_again() {
    host::private(
        "what_a_failed_test_leaves_in_the_repository_is_no_reason_to_build_again",
        || {
            for user in users() {
                let fixture = Fixture::new(user);
                fs::set_permissions(fixture.path("repository"), fs::Permissions::from_mode(0o777))
                    .unwrap();
                fixture.source("echo goodbye\n");
                for (folder, builds) in [
                    ("labrun-artifacts", 1),
                    ("labrun-artifacts", 1),
                    ("reports/failed", 1),
                    ("reports/failed", 1),
                ] {
                    let mut command = fixture.labrun(true);
                    command
                        .args(["test", "said", "--artifacts-dir", folder])
                        .env_remove("LABRUN_ARTIFACTS");
                    let text = fixture.expect(&mut command, 1);
                    assert!(text.contains(&format!("artifacts: {folder}/said-word/")), "{text}");
                    assert_eq!(fixture.builds(), builds, "{text}");
                }
                // Any other folder is content.
                fs::create_dir(fixture.path("repository/other")).unwrap();
                write(fixture.folder.path(), "repository/other/file", "");
                fixture.expect(fixture.labrun(true).args(["test", "said"]), 1);
                assert_eq!(fixture.builds(), 2);
            }
        },
    );
}

#[test]
fn a_build_that_fails_shows_the_compilers_words() {
    host::private("a_build_that_fails_shows_the_compilers_words", || {
        for user in users() {
            let fixture = Fixture::new(user);
            let test = |code| fixture.expect(fixture.labrun(true).args(["test", "said"]), code);
            fixture.source("nonsense\n");
            for builds in 1..3 {
                let text = test(4);
                assert!(
                    text.contains("cannot build sayer")
                        && text.contains("| 1:nonsense")
                        && text.contains("| sayer.source: that is nonsense"),
                    "{text}"
                );
                // A failure is not kept: what it lacked may be there the next time.
                assert_eq!(fixture.builds(), builds);
            }
            fixture.source("nothing\n");
            assert!(test(4).contains("it left no $OUT/sayer"));
            // No half of a build is left in the cache.
            assert_eq!(fs::read_dir(fixture.path("cache/labrun")).unwrap().count(), 0);
            // The stand-in does not step in for a program that cannot be built.
            fixture.source("echo hello\n");
            assert!(test(0).contains("built from its repository"));
        }
    });
}

#[test]
fn the_program_is_the_named_one_then_that_on_path_then_the_stand_in() {
    host::private("the_program_is_the_named_one_then_that_on_path_then_the_stand_in", || {
        for user in users() {
            let fixture = Fixture::new(user);
            let program = |name: &str, word: &str| {
                let path = write(fixture.folder.path(), name, &format!("#!/bin/sh\necho {word}\n"));
                fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
                path.display().to_string()
            };
            let path =
                format!("{}:{}", fixture.path("path").display(), std::env::var("PATH").unwrap());
            let elsewhere = || {
                let mut command = fixture.labrun(false);
                command.args(["test", "said"]);
                command
            };

            // The stand-in says nothing, so the test that wants a word fails, and says why.
            let text = fixture.expect(&mut elsewhere(), 1);
            assert!(
                text.contains("warning: said: no sayer found, testing its stand-in true"),
                "{text}"
            );
            for strict in [elsewhere().arg("--strict"), elsewhere().env("CI", "true")] {
                let text = fixture.expect(strict, 3);
                assert!(
                    text.contains("SKIP  said-word")
                        && text.contains("--strict refuses its stand-in true"),
                    "{text}"
                );
            }
            let text = fixture.expect(elsewhere().env("CI", "true").arg("--no-strict"), 1);
            assert!(text.contains("testing its stand-in true"), "{text}");

            let found = program("path/sayer", "hello from PATH");
            let text = fixture.expect(elsewhere().env("PATH", &path).arg("--strict"), 0);
            assert!(text.contains(&format!("said: testing {found} (found on PATH)")), "{text}");

            let named = program("named", "hello");
            for command in [
                elsewhere().args(["--subject", &named]),
                elsewhere().args(["--subject", &format!("sayer={named}")]),
                elsewhere().env("LABRUN_SUBJECT", &named),
            ] {
                let text = fixture.expect(command.env("PATH", &path), 0);
                assert!(text.contains(&format!("said: testing {named}\n")), "{text}");
            }
            assert_eq!(fixture.builds(), 0);
            // A folder is a repository to build.
            let repository = fixture.path("repository").display().to_string();
            let text =
                fixture.expect(elsewhere().env("PATH", &path).args(["--subject", &repository]), 0);
            assert!(text.contains("said: testing sayer, built from its repository"), "{text}");
            assert_eq!(fixture.builds(), 1);
            // Inside the repository it is built though there is one on PATH; a named one still goes
            // first.
            let text =
                fixture.expect(fixture.labrun(true).env("PATH", &path).args(["test", "said"]), 0);
            assert!(text.contains("built from its repository"), "{text}");
            let text =
                fixture.expect(fixture.labrun(true).args(["test", "said", "--subject", &named]), 0);
            assert!(text.contains(&format!("said: testing {named}\n")), "{text}");

            // What is no program is refused before anything is set up.
            let text = fixture.expect(elsewhere().args(["--subject", "/nonexistent"]), 2);
            assert!(
                text.contains("--subject: there is no `/nonexistent`") && !text.contains("setup"),
                "{text}"
            );
            let text = fixture.expect(
                elsewhere().args(["--subject", &fixture.path("builds").display().to_string()]),
                2,
            );
            assert!(text.contains("neither an executable file nor a repository"), "{text}");
            assert!(!host::state_root(user).exists());
        }
    });
}
