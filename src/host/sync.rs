//! What a copy of a folder on another machine needs to be the same again.
//!
//! The other side says how the files that were copied before look there now. So nothing is taken on
//! trust: what a lab changed or removed there is sent again like what was changed here.

use super::native;
use crate::evidence::artifacts::FOLDER;
use anyhow::{Context, Result};
use ignore::{DirEntry, WalkBuilder};
use std::ffi::OsStr;
use std::fs::{self, Metadata};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The files of `repository` that git would take, tracked or not, as sorted paths in it. Ignored
/// folders are not read, nor are the `artifacts` of tests. Where it is no git checkout, its ignore files
/// still count.
///
/// # Errors
/// If a folder cannot be read.
pub fn files(repository: &Path, artifacts: &Path) -> Result<Vec<PathBuf>> {
    // Also those that are tracked though they are ignored.
    let mut files = native::tracked(repository);
    // They need not exist, and if they are the repository itself there is no telling apart.
    let artifacts = artifacts.canonicalize().ok();
    let beside = move |e: &DirEntry| {
        let left = e.depth() > 0 && (e.file_name() == FOLDER || e.path().canonicalize().ok() == artifacts && artifacts.is_some());
        e.file_name() != ".git" && !(left && e.file_type().is_some_and(|t| t.is_dir()))
    };
    let walk = WalkBuilder::new(repository).hidden(false).require_git(false).filter_entry(beside).build();
    for entry in walk {
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
        Some(Entry { path: PathBuf::from(OsStr::from_bytes(fields.next()?)), mode, size: size.parse().ok()?, time })
    }
}

/// How `paths` in `root` look now; those that have just gone are left out, as is what is neither a file
/// nor a link.
///
/// # Errors
/// If one cannot be looked at.
pub fn look(root: &Path, paths: Vec<PathBuf>) -> Result<Vec<Entry>> {
    let mut entries = Vec::with_capacity(paths.len());
    for path in paths {
        match fs::symlink_metadata(root.join(&path)) {
            Ok(metadata) if metadata.is_file() || metadata.is_symlink() => entries.push(Entry::new(path, &metadata)),
            Ok(_) => {}
            Err(error) if [ErrorKind::NotFound, ErrorKind::NotADirectory].contains(&error.kind()) => {}
            Err(error) => return Err(error).with_context(|| format!("cannot read {}", root.join(path).display())),
        }
    }
    entries.sort();
    Ok(entries)
}

/// What has to be sent and what removed so that `there`, both sorted, becomes as `here`.
pub fn changes<'a>(here: &'a [Entry], there: &'a [Entry]) -> (Vec<&'a Entry>, Vec<&'a Path>) {
    let has = |all: &[Entry], one: &Entry| all.binary_search_by(|other| other.path.cmp(&one.path)).is_ok();
    let send = here.iter().filter(|entry| there.binary_search(entry).is_err()).collect();
    let gone = there.iter().filter(|entry| !has(here, entry)).map(|entry| entry.path.as_path()).collect();
    (send, gone)
}

/// `paths`, each ended by a NUL, as `xargs -0` takes them. None begins with a dash that could be an
/// option: they are always given behind `--`.
pub fn names<'a>(paths: impl IntoIterator<Item = &'a Path>) -> Vec<u8> {
    paths.into_iter().flat_map(|path| path.as_os_str().as_bytes().iter().copied().chain([0])).collect()
}

/// Writes `entries` of `root` as a tar archive. The time goes into a pax header, because the plain one
/// knows only seconds (pax(1)).
///
/// # Errors
/// If a file cannot be read, or `out` not be written to.
pub fn archive(root: &Path, entries: &[&Entry], out: impl Write) -> Result<()> {
    let mut archive = tar::Builder::new(out);
    for entry in entries {
        let path = root.join(&entry.path);
        add(&mut archive, entry, &path).with_context(|| format!("cannot send {}", path.display()))?;
    }
    archive.into_inner()?.flush()?;
    Ok(())
}

fn add(archive: &mut tar::Builder<impl Write>, entry: &Entry, path: &Path) -> io::Result<()> {
    let link = entry.mode & 0o170_000 == 0o120_000;
    let opened = if link { fs::read_link(path).map(Err) } else { fs::File::open(path).map(Ok) };
    let opened = match opened {
        // It has gone since it was looked at, or is no link any more: the next time it is as it is then.
        Err(error) if [ErrorKind::NotFound, ErrorKind::InvalidInput].contains(&error.kind()) => return Ok(()),
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
            archive.append_data(&mut header, &entry.path, file.take(entry.size).chain(io::repeat(0)).take(entry.size))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::process::{Command, Stdio};

    fn entry(path: &str, time: u64) -> Entry {
        Entry { path: path.into(), mode: 0o100_644, size: 1, time: format!("{time}.000000000") }
    }

    #[test]
    fn what_stat_prints_is_what_is_seen_here() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a b\n"), "text").unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("-link")).unwrap();
        let here = look(folder.path(), vec!["a b\n".into(), "-link".into(), "missing".into()]).unwrap();
        let output =
            Command::new("stat").args(["--printf", "%f %s %.9Y %n\\0", "--", "a b\n", "-link"]).current_dir(folder.path()).output();
        let mut there: Vec<Entry> = output.unwrap().stdout.split(|b| *b == 0).filter_map(Entry::parse).collect();
        there.sort();
        assert_eq!(there, here);
        assert_eq!(here.len(), 2);
    }

    #[test]
    fn what_is_no_record_is_none() {
        for text in ["", "81a4", "81a4 1", "81a4 1 2.0", "x 1 2.0 name", "81a4 x 2.0 name"] {
            assert_eq!(Entry::parse(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn ignored_files_stay_here_unless_they_are_tracked() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(".gitignore", "target\n*.log\n");
        for path in
            ["main.go", ".hidden", "kept.log", "other.log", "target/big", "labrun-artifacts/t/1/log", "found/1/log", "sub/labs/a.yaml"]
        {
            write(path, "x");
        }
        let git = |words: &[&str]| assert!(Command::new("git").args(words).current_dir(folder.path()).status().unwrap().success());
        git(&["init", "--quiet"]);
        git(&["add", "--force", "kept.log", "main.go"]);
        let found = files(folder.path(), &folder.path().join("found")).unwrap();
        let expected = [".gitignore", ".hidden", "kept.log", "main.go", "sub/labs/a.yaml"];
        assert_eq!(found, expected.map(PathBuf::from));
    }

    /// A folder's content by path: the text of a file with its mode, or the target of a link.
    type Content = BTreeMap<PathBuf, (u32, Vec<u8>)>;

    fn content(folder: &Path) -> Content {
        let all = ignore::WalkBuilder::new(folder).standard_filters(false).build().map(Result::unwrap);
        let files = all.filter(|e| !e.file_type().unwrap().is_dir());
        let read = |path: &Path| fs::read_link(path).map(|t| t.as_os_str().as_bytes().to_vec()).or_else(|_| fs::read(path)).unwrap();
        files.map(|e| (e.path().strip_prefix(folder).unwrap().into(), (e.metadata().unwrap().mode() & MODE, read(e.path())))).collect()
    }

    /// What the other side does: removes, then unpacks.
    fn apply(here: &Path, there: &Path, send: &[&Entry], gone: &[&Path]) {
        for path in gone {
            fs::remove_file(there.join(path)).unwrap();
        }
        let mut tar = Command::new("tar")
            .args(["-x", "-p", "--recursive-unlink", "-f", "-"])
            .current_dir(there)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        archive(here, send, tar.stdin.take().unwrap()).unwrap();
        assert!(tar.wait().unwrap().success());
    }

    /// A name that is hard on shells, tools and formats; or, every now and then, a very long one.
    fn name() -> impl Strategy<Value = String> {
        prop_oneof![9 => "[-a-c \n'\"$*\\\\é~%]{1,4}", 1 => "[ab]{120,200}"].prop_filter("no name", |n| n != "." && n != "..")
    }

    fn tree() -> impl Strategy<Value = BTreeMap<String, (String, u32, bool)>> {
        let file = ("[a-z]{0,8}", prop_oneof![Just(0o644), Just(0o755), Just(0o600), Just(0o444)], prop::bool::weighted(0.2));
        let path = prop_oneof![name(), (name(), name()).prop_map(|(a, b)| format!("d{a}/{b}"))];
        prop::collection::btree_map(path, file, 0..12)
    }

    fn make(folder: &Path, tree: &BTreeMap<String, (String, u32, bool)>) -> Vec<PathBuf> {
        use std::os::unix::fs::PermissionsExt;
        for (path, (text, mode, link)) in tree {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if *link {
                std::os::unix::fs::symlink(format!("x{text}"), &path).unwrap();
            } else {
                fs::write(&path, text).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
            }
        }
        tree.keys().map(PathBuf::from).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Whatever the folder was and becomes, the copy becomes the same, and then there is nothing left
        /// to send: a link's time and a file's nanoseconds arrive, too.
        #[test]
        fn the_copy_becomes_the_same(old in tree(), new in tree()) {
            let (before, after, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let paths = make(before.path(), &old);
            let here = look(before.path(), paths).unwrap();
            apply(before.path(), there.path(), &here.iter().collect::<Vec<_>>(), &[]);
            prop_assert_eq!(content(there.path()), content(before.path()));
            let known = look(there.path(), here.iter().map(|e| e.path.clone()).collect()).unwrap();
            prop_assert_eq!(&known, &here);

            let paths = make(after.path(), &new);
            let here = look(after.path(), paths).unwrap();
            let (send, gone) = changes(&here, &known);
            apply(after.path(), there.path(), &send, &gone);
            prop_assert_eq!(content(there.path()), content(after.path()));
        }
    }

    #[test]
    fn only_differences_are_sent() {
        let (same, old, new) = (entry("a", 1), entry("b", 1), entry("b", 2));
        let mode = Entry { mode: 0o100_755, ..entry("c", 1) };
        let there = [same.clone(), old, entry("c", 1), entry("d", 1)];
        let here = [same, new.clone(), mode.clone()];
        assert_eq!(changes(&here, &there), (vec![&new, &mode], vec![Path::new("d")]));
        assert_eq!(changes(&here, &here), (vec![], vec![]));
    }

    #[test]
    fn a_file_that_shrinks_or_goes_while_it_is_sent_harms_no_other() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in ["a", "b", "c"] {
            fs::write(here.path().join(name), name.repeat(1000)).unwrap();
        }
        let entries = look(here.path(), ["a", "b", "c"].map(PathBuf::from).to_vec()).unwrap();
        fs::write(here.path().join("a"), "a").unwrap();
        fs::remove_file(here.path().join("b")).unwrap();
        apply(here.path(), there.path(), &entries.iter().collect::<Vec<_>>(), &[]);
        let content = content(there.path());
        assert_eq!(content.keys().collect::<Vec<_>>(), [Path::new("a"), Path::new("c")]);
        assert_eq!(content[Path::new("c")].1, "c".repeat(1000).into_bytes());
    }
}
