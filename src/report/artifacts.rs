//! The folder of a test that failed: everything somebody may ask for who was not there.
//!
//! It is `FOLDER/TEST/1`, and the next failure's is `FOLDER/TEST/2`: no run overwrites what another
//! has left, whether before this one or at the same time. File names are such that they can be
//! uploaded, unpacked and looked at anywhere, so what a file system somewhere refuses is encoded,
//! and nothing is hidden, but for a `.gitignore`.

use crate::analysis::Evidence;
use crate::analysis::ladder::Extent;
use crate::compile::script;
use crate::error::Failure;
use crate::lab::model::Lab;
use crate::packet::capture::Capture;
use crate::packet::pcapng;
use crate::record::artifacts::Artifacts;
use crate::record::event::RunEvent;
use crate::record::result::{Outcome, TestResult};
use crate::report::plain;
use crate::steps::Client;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

/// How wide the ladder is drawn in a file, in columns.
const LADDER: usize = 120;

/// Saves all that is known of a test that was run, and notes in `result` where.
///
/// # Errors
/// If the folder, or a file of it, cannot be written; the other files are.
pub fn save(
    artifacts: &Artifacts,
    lab: &Lab,
    client: Client,
    result: &mut TestResult,
) -> Result<()> {
    let folder = claim(&artifacts.folder, &result.test)?;
    result.artifacts = Some(folder.clone());
    let mut files = result.evidence.files.clone();
    let Evidence { capture, ladder, .. } = &result.evidence;
    files.extend(capture.iter().map(|capture| ("capture.pcapng".into(), packets(lab, capture))));
    files.extend(ladder.iter().map(|ladder| {
        ("ladder.txt".into(), (ladder.text(LADDER, Extent::LONG).join("\n") + "\n").into_bytes())
    }));
    files.push(json("result.json", result));
    if result.outcome != Outcome::Pass {
        files.push(printed(&RunEvent::Result(Box::new(result.clone()))));
    }
    write(&folder, with_lab(files, lab, client))
}

/// Saves what is known of a lab that could not be set up, under the lab's name: what `event` says,
/// and the `files` that the runtime gathered. The folder.
///
/// # Errors
/// As [`save`].
pub fn save_setup(
    artifacts: &Artifacts,
    lab: &Lab,
    client: Client,
    event: &RunEvent,
    mut files: Vec<(String, Vec<u8>)>,
) -> Result<PathBuf> {
    let folder = claim(&artifacts.folder, &lab.name)?;
    files.extend([json("result.json", event), printed(event)]);
    write(&folder, with_lab(files, lab, client))?;
    Ok(folder)
}

/// The capture as a file for other programs, in which every interface says where it is.
fn packets(lab: &Lab, capture: &Capture) -> Vec<u8> {
    let mut file = Vec::new();
    pcapng::write(&mut file, capture, &|place| lab.topology.describe(place))
        .expect("memory takes everything");
    file
}

fn json(name: &str, value: &impl serde::Serialize) -> (String, Vec<u8>) {
    (name.into(), serde_json::to_vec_pretty(value).expect("results are plain data"))
}

fn printed(event: &RunEvent) -> (String, Vec<u8>) {
    ("failure.txt".into(), format!("{}\n", plain::text(event).unwrap_or_default()).into_bytes())
}

/// Adds what is the same for every test of a lab, and the guide to all of it.
fn with_lab(
    mut files: Vec<(String, Vec<u8>)>,
    lab: &Lab,
    client: Client,
) -> Vec<(String, Vec<u8>)> {
    files.push(("lab.yaml".into(), lab.source.clone().into_bytes()));
    files.push(("lab.sh".into(), script::compile(lab, client).into_bytes()));
    let versions = format!("{:<12} {}\n", "labrun", env!("CARGO_PKG_VERSION")).into_bytes();
    match files.iter_mut().find(|(name, _)| name == "versions.txt") {
        Some((_, rest)) => *rest = [versions, std::mem::take(rest)].concat(),
        None => files.push(("versions.txt".into(), versions)),
    }
    files.push(("README.txt".into(), guide(lab, &files).into_bytes()));
    files
}

/// What there may be, what it is, and the command that shows it.
const GUIDE: [(&str, &str); 13] = [
    ("failure.txt", "what labrun said"),
    ("result.json", "the same for programs, see docs/json.md of labrun"),
    ("ladder.txt", "who sent what to whom"),
    ("capture.pcapng", "every packet at every interface: wireshark capture.pcapng"),
    ("services/", "NAME.log: what it printed, NAME.status: whether it ran, NAME.files: its files"),
    ("steps/", "each step's output, its exit status, and the lease it took"),
    ("nodes/", "addresses, links, routes, rules, neighbours, nft, sockets, sysctls of each node"),
    ("nodes/global/", "the lab's own namespace, in which the bridges and their ports are"),
    ("processes.txt", "what ran, and in which node"),
    ("versions.txt", "the machine and the programs"),
    ("lab.yaml", "the lab file"),
    ("lab.sh", "the lab as one program"),
    ("README.txt", "this text"),
];

fn guide(lab: &Lab, files: &[(String, Vec<u8>)]) -> String {
    let there =
        |name: &str| name == "README.txt" || files.iter().any(|(path, _)| path.starts_with(name));
    let rows = GUIDE
        .iter()
        .filter(|(name, _)| there(name))
        .map(|(name, about)| format!("  {name:<16} {about}\n"));
    format!(
        "What labrun found when this happened. Times are the machine's, states are those right after\nthe step that failed.\n\n{}\n\
         The lab again, without labrun, left up to look around:\n\n  sudo bash lab.sh\n  sudo bash lab.sh exec {} NODE bash\n  sudo bash lab.sh clean\n",
        rows.collect::<String>(),
        lab.name
    )
}

/// Refuses a folder of artifacts that is a link: a repository may hold one that leads out of it.
///
/// # Errors
/// If it is one, with a way out.
pub fn usable(folder: &Path) -> Result<(), Failure> {
    // A slash at the end would follow it.
    let folder: PathBuf = folder.components().collect();
    let Ok(target) = fs::read_link(&folder) else { return Ok(()) };
    Err(Failure::usage(format!(
        "{} is a link to {}, where artifacts may not be meant to go: remove it, or name a folder with --artifacts-dir",
        folder.display(),
        target.display()
    )))
}

/// Makes the folder of all artifacts. Of one that it made git sees nothing.
fn make(root: &Path) -> Result<()> {
    usable(root)?;
    if let Some(above) = root.parent() {
        fs::create_dir_all(above)?;
    }
    match fs::create_dir(root) {
        Ok(()) => Ok(fs::write(root.join(".gitignore"), "*\n")?),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Makes the first folder `root/name/NUMBER` that nobody has.
fn claim(root: &Path, name: &str) -> Result<PathBuf> {
    let parent = root.join(component(name));
    make(root)
        .and_then(|()| usable(&parent).map_err(Into::into))
        .and_then(|()| Ok(fs::create_dir_all(&parent)?))
        .with_context(|| format!("cannot make the folder {}", parent.display()))?;
    for attempt in 1u32.. {
        let folder = parent.join(attempt.to_string());
        match fs::create_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            done => {
                return done
                    .map(|()| folder.clone())
                    .with_context(|| format!("cannot make the folder {}", folder.display()));
            }
        }
    }
    unreachable!("a folder holds fewer than that");
}

/// Writes all `files` into `folder`; the first error, if there is one, when as many as possible
/// are.
fn write(folder: &Path, files: Vec<(String, Vec<u8>)>) -> Result<()> {
    let mut result = Ok(());
    for (name, bytes) in files {
        let path =
            name.split('/').fold(folder.to_path_buf(), |path, part| path.join(component(part)));
        let parent = path.parent().expect("it is in the folder");
        let written = fs::create_dir_all(parent).and_then(|()| fs::write(&path, bytes));
        result = result.and(written.with_context(|| format!("cannot write {}", path.display())));
    }
    result
}

/// `name` as the name of a file or folder on any system: what NTFS or the upload of GitHub refuses,
/// and what would hide it, is percent-encoded. Names that are too long end in a hash of the whole.
pub fn component(name: &str) -> String {
    let mut text = String::new();
    for (at, c) in name.char_indices() {
        let edge =
            (at == 0 && c == '.') || (at + c.len_utf8() == name.len() && matches!(c, '.' | ' '));
        if edge || c.is_control() || "\"<>:|*?/\\%".contains(c) {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes)
                .bytes()
                .for_each(|byte| text.push_str(&format!("%{byte:02X}")));
        } else {
            text.push(c);
        }
    }
    // A file system takes 255 bytes, which encoding can have made of fewer.
    if text.len() > 200 {
        let end = (0..=180).rev().find(|end| text.is_char_boundary(*end)).unwrap_or_default();
        let hash: String = Sha256::digest(name)[..8].iter().map(|b| format!("{b:02x}")).collect();
        text = format!("{}%{hash}", &text[..end]);
    }
    if text.is_empty() { "%".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_that_are_fine_stay_and_others_are_encoded() {
        for fine in ["relay-v4", "ns-client", "dnsmasq.conf", "käse 1"] {
            assert_eq!(component(fine), fine);
        }
        for (name, encoded) in [
            ("..", "%2E%2E"),
            (".env", "%2Eenv"),
            ("a:b?", "a%3Ab%3F"),
            ("a\n", "a%0A"),
            ("100%", "100%25"),
            ("x.", "x%2E"),
            ("", "%"),
        ] {
            assert_eq!(component(name), encoded);
        }
    }

    proptest! {
        /// Any two names have two folders, each fit for an upload.
        #[test]
        fn every_name_has_a_component_of_its_own(one in "\\PC{0,300}|[a.%:\n]{0,300}", other in "\\PC{0,300}|[a.%:\n]{0,300}") {
            let (a, b) = (component(&one), component(&other));
            prop_assert_eq!(one == other, a == b);
            prop_assert!(!a.starts_with('.') && !a.is_empty() && a.len() <= 255);
            prop_assert!(!a.contains(|c: char| c.is_control() || "\"<>:|*?/\\".contains(c)));
        }
    }
}
