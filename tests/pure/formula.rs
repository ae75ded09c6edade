//! The Homebrew formula that `.ci/formula` makes of a release: its version, and the checksums of the archives that the
//! release has.

use regex_lite::Regex;
use sha2::{Digest, Sha256};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const TARGETS: [&str; 4] = [
    "aarch64-apple-darwin",
    "x86_64-apple-darwin",
    "aarch64-unknown-linux-musl",
    "x86_64-unknown-linux-musl",
];

/// `.ci/formula VERSION FOLDER`
fn formula(version: &str, folder: &Path) -> Output {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join(".ci/formula");
    Command::new("bash").arg(program).arg(version).arg(folder).output().unwrap()
}

#[test]
fn the_formula_names_the_archives_of_a_release_and_their_checksums() {
    let release = tempfile::tempdir().unwrap();
    for target in TARGETS {
        let archive = release.path().join(format!("labrun-{target}.tar.gz"));
        fs::write(archive, format!("the archive for {target}")).unwrap();
    }
    let made = formula("1.2.3", release.path());
    assert!(made.status.success(), "{made:?}");
    let text = String::from_utf8(made.stdout).unwrap();
    assert!(text.starts_with("class Labrun < Formula\n"), "{text}");
    assert!(text.contains("  version \"1.2.3\"\n"), "{text}");

    let pairs = Regex::new(r#"url "([^"]*)"\n *sha256 "([^"]*)"\n"#).unwrap();
    let found: Vec<_> =
        pairs.captures_iter(&text).map(|pair| (pair[1].to_string(), pair[2].to_string())).collect();
    let expected = TARGETS.map(|target| {
        let sum = Sha256::digest(format!("the archive for {target}"));
        (
            format!(
                "https://github.com/OWNER/labrun/releases/download/v1.2.3/labrun-{target}.tar.gz"
            ),
            sum.iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        )
    });
    assert_eq!(found, expected);
    // Nothing of the template is left to fill in.
    assert!(!text.contains("VERSION") && !text.contains("SHA256"), "{text}");
}

#[test]
fn a_release_that_lacks_an_archive_has_no_formula() {
    let release = tempfile::tempdir().unwrap();
    for target in &TARGETS[..3] {
        fs::write(release.path().join(format!("labrun-{target}.tar.gz")), "x").unwrap();
    }
    // Of one that was cut short there would be a checksum, too.
    for last in [false, true] {
        if last {
            fs::write(release.path().join(format!("labrun-{}.tar.gz", TARGETS[3])), "").unwrap();
        }
        let made = formula("1.2.3", release.path());
        assert_eq!(made.status.code(), Some(2), "{made:?}");
        assert_eq!(made.stdout, b"");
        let said = String::from_utf8(made.stderr).unwrap();
        assert!(said.contains("labrun-x86_64-unknown-linux-musl.tar.gz"), "{said}");
    }
    assert_eq!(formula("v1.2.3", release.path()).status.code(), Some(2));
}
