//! What a copy of a folder on another machine needs to be the same again.
//!
//! The other side says how the files that were copied before look there now. So nothing is taken on
//! trust: what a lab changed or removed there is sent again like what was changed here.

use crate::host::native;
use anyhow::{Context, Result};
use ignore::{DirEntry, WalkBuilder};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The name of folders that hold what tests left, which no copy needs.
pub const ARTIFACTS: &str = "labrun-artifacts";

/// The files of `repository` that git would take, tracked or not, as sorted paths in it. Ignored
/// folders are not read, nor are the `artifacts` of tests. Where it is not a git checkout, its ignore
/// files still count. With a `part`, a folder in it, only what is in that, which the repository's
/// own ignore files do not concern.
///
/// # Errors
/// If a folder cannot be read.
pub fn files(repository: &Path, part: &str, artifacts: &Path) -> Result<Vec<PathBuf>> {
    let root = if part.is_empty() { repository.into() } else { repository.join(part) };
    if !part.is_empty() && !root.is_dir() {
        return Ok(Vec::new());
    }
    // Also those that are tracked though they are ignored.
    let mut files = native::tracked(repository);
    files.retain(|file| file.starts_with(part));
    // They need not exist, and if they are the repository itself there is no telling apart.
    let artifacts = artifacts.canonicalize().ok();
    let beside = move |e: &DirEntry| {
        let left = e.depth() > 0
            && (e.file_name() == ARTIFACTS
                || e.path().canonicalize().ok() == artifacts && artifacts.is_some());
        e.file_name() != ".git" && !(left && e.file_type().is_some_and(|t| t.is_dir()))
    };
    let mut walk = WalkBuilder::new(root);
    walk.hidden(false).require_git(false).parents(part.is_empty()).filter_entry(beside);
    for entry in walk.build() {
        let entry = entry?;
        if entry.file_type().is_some_and(|t| t.is_file() || t.is_symlink()) {
            files.push(entry.path().strip_prefix(repository).unwrap_or(entry.path()).to_path_buf());
        }
    }
    files.sort();
    files.dedup();
    Ok(files)
}

/// A file or symbolic link, as both sides can tell whether it is the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// Its path in the folder.
    pub path: PathBuf,
    /// Its type and permissions, as in inode(7).
    pub mode: u32,
    /// In bytes; of a link its target's length.
    pub size: u64,
    /// When it was written: seconds since 1970 with nine decimals.
    pub time: String,
}

/// Type and permissions; the set-user-ID bit and its like are nothing to copy.
const MODE: u32 = 0o170_777;

impl Entry {
    fn new(path: PathBuf, metadata: &Metadata) -> Entry {
        let time = format!("{}.{:09}", metadata.mtime(), metadata.mtime_nsec());
        Entry { path, mode: metadata.mode() & MODE, size: metadata.len(), time }
    }

    /// From what stat(1) prints for `%f %s %.9Y %n`.
    pub fn parse(record: &[u8]) -> Option<Entry> {
        let mut fields = record.splitn(4, |byte| *byte == b' ');
        let mut text = || std::str::from_utf8(fields.next()?).ok();
        let (mode, size, time) = (text()?, text()?, text()?.to_string());
        let mode = u32::from_str_radix(mode, 16).ok()? & MODE;
        Some(Entry {
            path: PathBuf::from(OsStr::from_bytes(fields.next()?)),
            mode,
            size: size.parse().ok()?,
            time,
        })
    }
}

/// How `paths` in `root` look now; those that have just gone are left out, as is what is neither a
/// file nor a link.
///
/// # Errors
/// If one cannot be looked at.
pub fn look(root: &Path, paths: Vec<PathBuf>) -> Result<Vec<Entry>> {
    let mut entries = Vec::with_capacity(paths.len());
    for path in paths {
        match fs::symlink_metadata(root.join(&path)) {
            Ok(metadata) if metadata.is_file() || metadata.is_symlink() => {
                entries.push(Entry::new(path, &metadata))
            }
            Ok(_) => {}
            Err(error)
                if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {}
            Err(error) => {
                return Err(error)
                    .with_context(|| format!("cannot read {}", root.join(path).display()));
            }
        }
    }
    entries.sort();
    Ok(entries)
}

/// What has to be sent and what removed so that `there`, both sorted, becomes as `here`.
pub fn changes<'a>(here: &'a [Entry], there: &'a [Entry]) -> (Vec<&'a Entry>, Vec<&'a Path>) {
    let has = |all: &[Entry], one: &Entry| {
        all.binary_search_by(|other| other.path.cmp(&one.path)).is_ok()
    };
    let send = here.iter().filter(|entry| there.binary_search(entry).is_err()).collect();
    let gone =
        there.iter().filter(|entry| !has(here, entry)).map(|entry| entry.path.as_path()).collect();
    (send, gone)
}

/// `paths`, each ended by a NUL, as `xargs -0` takes them. None begins with a dash that could be an
/// option: they are always given after `--`.
pub fn names<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Vec<u8> {
    paths
        .into_iter()
        .flat_map(|path| path.as_os_str().as_bytes().iter().copied().chain([0]))
        .collect()
}

/// Writes `entries` of `root` as a tar archive. The time goes into a pax header, because the plain
/// one knows only seconds (pax(1)).
///
/// # Errors
/// If a file cannot be read, or `out` not be written to.
pub fn archive(root: &Path, entries: &[&Entry], out: impl Write) -> Result<()> {
    let mut archive = tar::Builder::new(out);
    for entry in entries {
        let path = root.join(&entry.path);
        add(&mut archive, entry, &path)
            .with_context(|| format!("cannot send {}", path.display()))?;
    }
    archive.into_inner()?.flush()?;
    Ok(())
}

fn add(archive: &mut tar::Builder<impl Write>, entry: &Entry, path: &Path) -> io::Result<()> {
    let link = entry.mode & 0o170_000 == 0o120_000;
    let opened = if link { fs::read_link(path).map(Err) } else { fs::File::open(path).map(Ok) };
    let opened = match opened {
        // It has gone since it was looked at, or is not a link any more: the next time it is as it is
        // then.
        Err(error) if [ErrorKind::NotFound, ErrorKind::InvalidInput].contains(&error.kind()) => {
            return Ok(());
        }
        opened => opened?,
    };
    archive.append_pax_extensions([("mtime", entry.time.as_bytes())])?;
    let mut header = tar::Header::new_ustar();
    header.set_mode(entry.mode & 0o777);
    match opened {
        Err(target) => {
            header.set_entry_type(tar::EntryType::Symlink);
            header.set_size(0);
            archive.append_link(&mut header, &entry.path, target)
        }
        Ok(file) => {
            header.set_size(entry.size);
            // Exactly as much as was announced, though the file may be written to at this moment.
            archive.append_data(
                &mut header,
                &entry.path,
                file.take(entry.size).chain(io::repeat(0)).take(entry.size),
            )
        }
    }
}

#[cfg(test)]
#[path = "sync_tests.rs"]
mod tests;
