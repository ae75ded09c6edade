//! Copying much to another machine is asked for: a folder that is large by mistake costs minutes, and
//! may hold what was never meant to leave this machine.

use crate::error::Failure;
use crate::host::transfer::sync::Entry;
use crate::prompt;
use crate::text::{count, size};
use anyhow::Result;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// More than this is asked for.
const FILES: usize = 20_000;
const BYTES: u64 = 200_000_000;
/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(300);

/// What permits it without a question.
const SWITCH: &str = "--copy-large, or LABRUN_COPY_LARGE=1, permits it";

/// Asks whether `send`, files of `folder`, may be copied to `machine`, unless that is little.
///
/// # Errors
/// If they may not, or nobody can be asked; it names the largest.
pub fn ask(machine: &str, folder: &Path, send: &[&Entry]) -> Result<()> {
    let Some(much) = much(send) else { return Ok(()) };
    let text = format!("{} to {machine} from {}", much, folder.display());
    if prompt::possible() {
        let answer = prompt::line(&format!("labrun: copy {text}? [y/N] "), Some(PATIENCE))?;
        if answer.is_some_and(|line| ["y", "yes"].contains(&line.to_lowercase().as_str())) {
            return Ok(());
        }
    }
    Err(Failure::usage(format!(
        "not copied: {text}; git-ignore what labs do not need there, or {SWITCH}"
    ))
    .into())
}

/// How much `send` is and what makes it so, if it is much.
fn much(send: &[&Entry]) -> Option<String> {
    let bytes = send.iter().map(|entry| entry.size).sum();
    if send.len() <= FILES && bytes <= BYTES {
        return None;
    }
    let mut parts: BTreeMap<&Path, (u64, usize)> = BTreeMap::new();
    for entry in send {
        let name = entry.path.iter().next().map_or(Path::new(""), Path::new);
        let (bytes, number) = parts.entry(name).or_default();
        *bytes += entry.size;
        *number += 1;
    }
    let mut parts: Vec<_> = parts.into_iter().collect();
    // By the measure that is exceeded.
    match bytes > BYTES {
        true => parts.sort_by_key(|(_, (bytes, _))| std::cmp::Reverse(*bytes)),
        false => parts.sort_by_key(|(_, (_, number))| std::cmp::Reverse(*number)),
    }
    let parts: Vec<String> = parts
        .iter()
        .take(3)
        .map(|(name, (bytes, number))| format!("{} {}", name.display(), amount(*number, *bytes)))
        .collect();
    let largest = send.iter().max_by_key(|entry| entry.size)?;
    Some(format!(
        "{} (most of it {}; the largest file is {}, {})",
        amount(send.len(), bytes),
        parts.join(", "),
        largest.path.display(),
        size(largest.size)
    ))
}

fn amount(files: usize, bytes: u64) -> String {
    format!("{}, {}", count(files, "file"), size(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(number: usize, size: u64) -> Vec<Entry> {
        let entry = |index| Entry {
            path: format!("{}/{index}", ["few", "many", "many"][index % 3]).into(),
            mode: 0o100_644,
            size,
            time: String::new(),
        };
        (0..number).map(entry).collect()
    }

    fn said(entries: &[Entry]) -> Option<String> {
        much(&entries.iter().collect::<Vec<_>>())
    }

    #[test]
    fn little_is_not_asked_for() {
        assert_eq!(said(&[]), None);
        assert_eq!(said(&entries(FILES, BYTES / FILES as u64)), None);
    }

    #[test]
    fn what_is_large_is_named() {
        let text = said(&entries(FILES + 1, 1)).unwrap();
        assert_eq!(
            text,
            "20001 files, 20 kB (most of it many 13334 files, 13 kB, few 6667 files, 7 kB; the largest file is many/20000, 1 byte)"
        );
        let mut some = entries(3, 10);
        some[0].size = BYTES;
        let text = said(&some).unwrap();
        assert!(
            text.starts_with(
                "3 files, 200 MB (most of it few 1 file, 200 MB, many 2 files, 20 bytes; "
            ),
            "{text}"
        );
        assert!(text.ends_with("the largest file is few/0, 200 MB)"), "{text}");
    }
}
