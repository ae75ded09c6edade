//! What git is to ignore of a repository with labs.

use crate::process;
use anyhow::{Context, Result};
use std::ffi::OsStr;
use std::fs;
use std::path::Path;

/// Its name, in the repository's folder.
pub const FILE: &str = ".gitignore";

/// The line that has git ignore the artifacts of failed tests, where they are put unless the user says otherwise.
pub const LINE: &str = "/labrun-artifacts/";

/// The text of `.gitignore` in `folder` with the line for the artifacts at its end. `None` if git ignores them already,
/// if `folder` is in no checkout of git's, or if what is there is no file, which git does not heed.
///
/// # Errors
/// If there is a file that cannot be read.
pub fn artifacts(folder: &Path) -> Result<Option<Vec<u8>>> {
    if !folder.ancestors().any(|folder| folder.join(".git").exists()) {
        return Ok(None);
    }
    let file = folder.join(FILE);
    let mut text = match file.symlink_metadata() {
        Err(_) => Vec::new(),
        Ok(data) if data.is_file() => {
            fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?
        }
        Ok(_) => return Ok(None),
    };
    if ignored(folder).unwrap_or_else(|| has_line(&text)) {
        return Ok(None);
    }
    let end = if text.windows(2).any(|two| two == b"\r\n") { "\r\n" } else { "\n" };
    if text.last().is_some_and(|last| *last != b'\n') {
        text.extend(end.as_bytes());
    }
    text.extend(format!("{LINE}{end}").as_bytes());
    Ok(Some(text))
}

/// Whether git ignores them, whichever file says so; `None` if there is no git, or it cannot tell.
fn ignored(folder: &Path) -> Option<bool> {
    let words = ["git", "-C"].map(OsStr::new);
    let asked = ["check-ignore", "--quiet", LINE.trim_start_matches('/')].map(OsStr::new);
    let words = [&words[..], &[folder.as_os_str()], &asked].concat();
    match process::output(&words, Vec::new()).ok()?.status.code()? {
        0 => Some(true),
        1 => Some(false),
        _ => None,
    }
}

/// Whether a line of `text` says so, as people write it.
fn has_line(text: &[u8]) -> bool {
    let bare = |line: &str| line.trim().trim_matches(['/', '*']) == LINE.trim_matches('/');
    String::from_utf8_lossy(text).lines().any(bare)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of a `.gitignore` of `text`, by its lines alone: git does not take such a checkout for one.
    fn by_line(text: Option<&str>) -> Option<String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(".git"), "gitdir: /nonexistent\n").unwrap();
        if let Some(text) = text {
            fs::write(folder.path().join(FILE), text).unwrap();
        }
        artifacts(folder.path()).unwrap().map(|text| String::from_utf8(text).unwrap())
    }

    #[test]
    fn the_line_is_added_once_and_nothing_else_changes() {
        assert_eq!(LINE, format!("/{}/", crate::record::artifacts::FOLDER));
        let added = |text: Option<&str>| by_line(text).unwrap();
        assert_eq!(added(None), "/labrun-artifacts/\n");
        assert_eq!(added(Some("")), "/labrun-artifacts/\n");
        assert_eq!(added(Some("*.o\n\n")), "*.o\n\n/labrun-artifacts/\n");
        assert_eq!(added(Some("*.o")), "*.o\n/labrun-artifacts/\n");
        assert_eq!(added(Some("*.o\r\n*.a")), "*.o\r\n*.a\r\n/labrun-artifacts/\r\n");
        for other in ["# labrun-artifacts\n", "!labrun-artifacts/\n", "labrun-artifacts/x\n"] {
            assert_eq!(added(Some(other)), format!("{other}/labrun-artifacts/\n"));
        }
        for line in
            ["/labrun-artifacts/", "labrun-artifacts", "**/labrun-artifacts/", "labrun-artifacts/*"]
        {
            assert_eq!(by_line(Some(&format!("*.o\n{line}\n"))), None, "{line}");
            assert_eq!(by_line(Some(&format!("{line}\r\n*.o\r\n"))), None, "{line}");
        }
    }

    #[test]
    fn outside_of_a_checkout_and_through_a_link_nothing_is_written() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(artifacts(folder.path()).unwrap(), None);
        fs::create_dir(folder.path().join(".git")).unwrap();
        std::os::unix::fs::symlink("elsewhere", folder.path().join(FILE)).unwrap();
        assert_eq!(artifacts(folder.path()).unwrap(), None);
    }
}
