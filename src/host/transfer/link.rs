//! The connection by which another machine gets the files of a run (scripts/files.sh).

use crate::error::Failure;
use crate::host::native::BUILDING;
use crate::host::output::Output;
use crate::host::transfer::chunks::Chunks;
use crate::host::transfer::consent;
use crate::host::transfer::files::Build;
use crate::host::transfer::program;
use crate::host::transfer::scope::Scope;
use crate::host::transfer::sync;
use crate::host::transfer::sync::Entry;
use crate::host::{Remote, Requests, native};
use crate::interrupt;
use crate::process::Group;
use crate::text::{count, seconds};
use anyhow::{Context, Result, bail};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// How long the other side may take for an answer, but for a build.
const SILENCE: Duration = Duration::from_secs(120);

/// What was copied to a machine, for who wants to know what takes so long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Copied {
    /// How many files were sent.
    pub files: usize,
    /// How many there are.
    pub of: usize,
    /// How much was sent.
    pub bytes: u64,
    /// How many files were removed there.
    pub removed: usize,
    /// What is left out of the folder.
    pub left_out: String,
    pub machine: String,
    /// How long it took.
    pub time: Duration,
}

impl fmt::Display for Copied {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let (files, kilobytes) = (count(self.files, "file"), self.bytes.div_ceil(1000));
        write!(f, "copied {files} of {}, {kilobytes} kB, to {}", self.of, self.machine)?;
        if self.removed > 0 {
            write!(f, ", removed {}", self.removed)?;
        }
        write!(f, " in {}{}", seconds(self.time), self.left_out)
    }
}

/// A connection to `remote_files`.
pub struct Link {
    pub(crate) remote: Remote,
    answers: BufReader<Output>,
    pub(crate) requests: Requests,
    /// What ssh and the machine say besides.
    words: File,
    /// The machine's kind of processor, as uname(1) has it.
    pub(crate) processor: String,
    /// What has been copied, and where to.
    copies: BTreeMap<PathBuf, PathBuf>,
}

impl Link {
    /// Reaches the machine.
    ///
    /// # Errors
    /// If it cannot be reached, or not run labs.
    pub fn open(remote: &Remote) -> Result<Link> {
        let words = remote.machine.command(false, &["files".to_string()]);
        let (reader, writer) = io::pipe()?;
        let said = tempfile::tempfile()?;
        let command = remote.machine.apart(&words);
        let command = command.stdin_file(reader).stderr_file(said.try_clone()?);
        let answers = command.reader().with_context(|| format!("cannot run {}", words[0]))?;
        let (group, reached) = (Group::of(&answers), Arc::new(AtomicBool::new(false)));
        let mut link = Link {
            remote: remote.clone(),
            requests: Requests::new(writer),
            answers: BufReader::new(Output::of(answers, group.clone(), SILENCE)),
            words: said,
            processor: String::new(),
            copies: BTreeMap::new(),
        };
        link.requests.close_on_interrupt(&group, &reached);
        loop {
            // What comes before are the words of a login.
            let line = link.answer(false)?;
            if let Some((how, processor)) =
                line.strip_prefix("labrun ").and_then(|rest| rest.split_once(' '))
            {
                reached.store(true, Ordering::SeqCst);
                link.remote.found(how.into());
                link.processor = processor.into();
                return Ok(link);
            }
        }
    }

    /// The next line; its absence is an error, which says why if the machine has been `reached`.
    fn answer(&mut self, reached: bool) -> Result<String> {
        let mut line = Vec::new();
        match self.answers.read_until(b'\n', &mut line) {
            Ok(count) if count > 0 => Ok(String::from_utf8_lossy(&line).trim_end().into()),
            end => Err(self.broken(reached, end.is_err())),
        }
    }

    /// The reason why the connection has ended, or is given up since its other end is `silent`.
    fn broken(&mut self, reached: bool, silent: bool) -> anyhow::Error {
        if interrupt::interrupted() {
            return Failure::interrupted().into();
        }
        if silent {
            let name = &self.remote.machine.name;
            return Failure::machine(format!("{name} gave no answer within {SILENCE:?}")).into();
        }
        let status = self.answers.get_ref().status();
        let mut said = Vec::new();
        let _ = self.words.rewind().and_then(|()| self.words.read_to_end(&mut said));
        let said: Vec<String> = String::from_utf8_lossy(&said).lines().map(String::from).collect();
        self.remote.ended(status, reached, &said);
        let unknown = || {
            Failure::machine(format!(
                "{} gave no answer: {}",
                self.remote.machine.name,
                said.join("; ")
            ))
            .into()
        };
        self.remote.check().err().unwrap_or_else(unknown)
    }

    /// The path in the answer to a request, none if there is no such thing.
    pub(crate) fn path(&mut self) -> Result<Option<PathBuf>> {
        let line = self.answer(true)?;
        match line.split_once(' ') {
            Some(("path", path)) => Ok(Some(path.into())),
            Some(("failed", _)) if interrupt::interrupted() => Err(Failure::interrupted().into()),
            Some(("failed", why)) => {
                Err(Failure::setup(format!("{}: {why}", self.remote.machine.name)).into())
            }
            _ if line == "absent" => Ok(None),
            _ => bail!("{} gave an answer that makes no sense: {line}", self.remote.machine.name),
        }
    }

    fn chunks(&self, data: &[u8]) -> io::Result<()> {
        let mut chunks = Chunks::new(&self.requests);
        chunks.write_all(data)?;
        chunks.end()
    }

    /// Copies `paths` of `folder`, which are what `scope` says, unless this run has done so; where
    /// the copy is. If they are many or large the user is asked, unless that is fine (`large`).
    ///
    /// # Errors
    /// If a file cannot be read, or not be written there, or the user does not want it.
    pub fn folder(
        &mut self,
        folder: &Path,
        scope: Scope,
        paths: Vec<PathBuf>,
        large: bool,
        tell: &dyn Fn(Copied),
    ) -> Result<PathBuf> {
        if let Some(copy) = self.copies.get(folder) {
            return Ok(copy.clone());
        }
        let entries = sync::look(folder, paths)?;
        let left_out = scope.left_out(folder, &entries);
        self.copy(folder, folder, &entries, large, left_out, tell)
    }

    /// What the program `path` is made for, if that is not this machine.
    pub(crate) fn foreign(&self, path: &Path) -> io::Result<Option<String>> {
        let mut head = Vec::new();
        File::open(path)?.take(64).read_to_end(&mut head)?;
        Ok(program::runs_on(&head, &self.processor).err())
    }

    /// Copies a program; where the copy is.
    ///
    /// # Errors
    /// If it is for another kind of machine, or cannot be copied.
    pub fn program(&mut self, path: &Path, tell: &dyn Fn(Copied)) -> Result<PathBuf> {
        if let Some(what) = self.foreign(path)? {
            let machine = &self.remote.machine.name;
            return Err(Failure::usage(format!(
                "`{}` is {what}, {machine} runs Linux on {}",
                path.display(),
                self.processor
            ))
            .into());
        }
        // Its links followed, it is a folder's only file.
        let path = path.canonicalize()?;
        let (folder, name) = (
            path.parent().context("a program is in a folder")?,
            path.file_name().context("a program has a name")?,
        );
        let entries = sync::look(folder, vec![name.into()])?;
        Ok(self.copy(&path, folder, &entries, true, String::new(), tell)?.join(name))
    }

    /// Makes the copy that `key` stands for the same as `here`, files of `folder`; where it is.
    fn copy(
        &mut self,
        key: &Path,
        folder: &Path,
        here: &[Entry],
        large: bool,
        left_out: String,
        tell: &dyn Fn(Copied),
    ) -> Result<PathBuf> {
        let began = Instant::now();
        self.requests.send(&format!("folder {} {}", copy_id(key), copy_name(key)));
        let mut there = Vec::new();
        loop {
            let mut record = Vec::new();
            match self.answers.read_until(0, &mut record) {
                Ok(count) if count > 0 && record.pop() == Some(0) => {}
                end => return Err(self.broken(true, end.is_err())),
            }
            if record.is_empty() {
                break;
            }
            there.extend(Entry::parse(&record));
        }
        there.sort();
        let (send, gone) = sync::changes(here, &there);
        if !large && let Err(refused) = consent::ask(&self.remote.machine.name, folder, &send) {
            // Without an archive the other side gives up.
            self.requests.close();
            return Err(refused);
        }
        let sent = self.send(folder, here, &send, &gone);
        let copy = match (sent, self.path()) {
            // A file here that could not be read, in the middle of it all.
            (Err(error), _)
                if error
                    .downcast_ref::<io::Error>()
                    .is_none_or(|e| e.kind() != io::ErrorKind::BrokenPipe) =>
            {
                return Err(error);
            }
            (_, path) => path?.context("a copy has a path")?,
        };
        if !send.is_empty() || !gone.is_empty() {
            tell(Copied {
                files: send.len(),
                of: here.len(),
                bytes: send.iter().map(|entry| entry.size).sum(),
                removed: gone.len(),
                left_out,
                machine: self.remote.machine.name.clone(),
                time: began.elapsed(),
            });
        }
        self.copies.insert(key.into(), copy.clone());
        Ok(copy)
    }

    fn send(&self, folder: &Path, here: &[Entry], send: &[&Entry], gone: &[&Path]) -> Result<()> {
        self.chunks(&sync::names(gone.iter().copied()))?;
        self.chunks(&sync::names(here.iter().map(|entry| entry.path.as_path())))?;
        let mut chunks = Chunks::new(&self.requests);
        let sent = sync::archive(folder, send, &mut chunks);
        if sent.is_err() {
            // Without the end of the archive the other side knows that it isn't whole.
            self.requests.close();
            return sent;
        }
        Ok(chunks.end()?)
    }

    /// The program that an earlier build of the same content made there.
    ///
    /// # Errors
    /// If the connection breaks.
    pub fn built(&mut self, build: &Build) -> Result<Option<PathBuf>> {
        self.requests.send(&format!("built {} {}", build.name, build.program));
        self.path()
    }

    /// Builds a program in `copy`, a folder that [`Link::folder`] has copied.
    ///
    /// # Errors
    /// If it fails; then with the compiler's words.
    pub fn build(&mut self, build: &Build, copy: &Path) -> Result<PathBuf> {
        self.requests.send(&format!("build {} {} {}", build.name, build.program, copy.display()));
        // If nobody takes it the answer says why.
        let _ = self.chunks(build.command.as_bytes());
        let usual = self.answers.get_mut().bear(BUILDING);
        let line = self.answer(true);
        self.answers.get_mut().bear(usual);
        let line = line?;
        if interrupt::interrupted() {
            return Err(Failure::interrupted().into());
        }
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["output", status, length] => {
                let mut output = Vec::new();
                (&mut self.answers).take(length.parse().unwrap_or(0)).read_to_end(&mut output)?;
                let machine = &self.remote.machine.name;
                let why = match status {
                    "0" => format!("on {machine} it left no $OUT/{}", build.program),
                    "127" => format!(
                        "{machine} lacks a program it runs: install it there, or give the binary with --subject"
                    ),
                    _ => format!("it failed on {machine}"),
                };
                Err(build.failed(&why, &String::from_utf8_lossy(&output)))
            }
            ["path", ..] => Ok(line["path ".len()..].into()),
            _ => bail!("{} gave an answer that makes no sense: {line}", self.remote.machine.name),
        }
    }
}

impl Drop for Link {
    /// Waits until what was copied is gone, if it goes.
    fn drop(&mut self) {
        // Where a session's connection broke, its lab may still be going down there; without this
        // word the files wait for that.
        if self.remote.check().is_ok() {
            self.requests.send("end");
        }
        self.requests.close();
        self.answers.get_mut().finish();
    }
}

/// What a copy of `path` is known by on the other side: two machines, or two users, may have the
/// same path there.
fn copy_id(path: &Path) -> String {
    hash(&[native::machine_name().as_bytes(), path.as_os_str().as_encoded_bytes()])
}

/// A short name for `parts`.
pub(crate) fn hash(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The last name in `path`, as far as it can stand in a line of words; paths there are shown to
/// people.
fn copy_name(path: &Path) -> String {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let name: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_.".contains(c) { c } else { '_' })
        .take(60)
        .collect();
    format!("{}{name}", if name.is_empty() || name.starts_with(['-', '.']) { "_" } else { "" })
}
