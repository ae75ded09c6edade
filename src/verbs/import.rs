//! `labrun import`.

use crate::cli::ImportArgs;
use crate::error::{Exit, Failure};
use crate::fs;
use crate::import::write::lab;
use crate::import::{topology, translate};
use crate::interrupt;
use crate::lab::check;
use crate::lab::find::show_diagnostics;
use crate::lab::repository::repository;
use crate::process;
use crate::quote;
use crate::report::outln;
use crate::starter::project::is_name;
use crate::text::count;
use anyhow::{Context, Result};
use duct::cmd;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// What runs the command in the sandbox, and prints what that has made.
const GATHER: &str = include_str!("../import/gather.sh");
/// How long gathering may take, after the command.
const GATHERING: Duration = Duration::from_secs(60);

/// Writes the lab file that builds the same as a command does, which runs in a sandbox, or as a topology file describes.
///
/// # Errors
/// A command that fails or takes too long, what it makes being no lab, a file that is not understood, a lab file that
/// is there already.
pub fn import(args: &ImportArgs) -> Result<u8> {
    match &args.command[..] {
        [file] if is_topology(file) => described(args, Path::new(file)),
        _ => built(args),
    }
}

/// Whether it is YAML, and so no command.
fn is_topology(word: &str) -> bool {
    let end = Path::new(word).extension().and_then(|end| end.to_str());
    matches!(end, Some("yaml" | "yml"))
}

fn built(args: &ImportArgs) -> Result<u8> {
    // Of `bash setup.sh` the script.
    let script = args.command.iter().find(|word| !["bash", "sh"].contains(&word.as_str()));
    let script = Path::new(script.unwrap_or(&args.command[0])).file_stem().unwrap_or_default();
    let target = Target::new(args, &script.to_string_lossy())?;
    let printed = gather(&args.command, Duration::from_secs(args.timeout))?;
    let text = lab(&target.name, &quote::command(&args.command), &printed, &Path::exists)
        .map_err(Failure::setup)?;
    target.write(&text)
}

/// The lab of a topology file.
fn described(args: &ImportArgs, file: &Path) -> Result<u8> {
    let shown = file.display();
    let text = std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?;
    let topology = topology::read(&text)
        .map_err(|error| Failure::usage(format!("cannot import {shown}: {error}")))?;
    // Of `ring.clab.yml` the ring.
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let stem = stem.strip_suffix(".clab").unwrap_or(&stem);
    let target = Target::new(args, topology.name.as_deref().unwrap_or(stem))?;
    let beside = file.parent().unwrap_or(Path::new(""));
    let read = |path: &str| {
        let text = std::fs::read_to_string(beside.join(path)).ok()?;
        (!text.contains('\0')).then_some(text)
    };
    let source = file.file_name().unwrap_or_default().to_string_lossy();
    target.write(&translate::lab(&target.name, &source, &topology, &read))
}

/// Where the lab is written to.
struct Target {
    name: String,
    /// From the repository's folder.
    path: String,
    file: PathBuf,
    here: PathBuf,
}

impl Target {
    /// The lab's name is that of the arguments, or else `name`.
    fn new(args: &ImportArgs, name: &str) -> Result<Target> {
        let here = std::env::current_dir().context("cannot tell the working directory")?;
        let name = args.name.clone().unwrap_or_else(|| name.into());
        if !is_name(&name) {
            return Err(Failure::usage(format!(
                "`{name}` is no name for a lab: give one with --name"
            ))
            .into());
        }
        let path = format!("labs/{name}.yaml");
        let file = repository(&here).join(&path);
        if file.symlink_metadata().is_ok() && !args.force {
            return Err(Failure::usage(format!(
                "{path} is there already: --force replaces it, --name takes another name for the lab"
            ))
            .into());
        }
        Ok(Target { name, path, file, here })
    }

    fn write(&self, text: &str) -> Result<u8> {
        fs::write(&self.file, text.as_bytes())?;
        let shown = self.file.strip_prefix(&self.here).unwrap_or(&self.file).display();
        match check::lab(text, &self.path) {
            Ok(lab) => {
                // Who misses one of them looks why it has died.
                let (nodes, services) = (lab.topology.nodes.len(), lab.topology.services.len());
                outln!("wrote {shown}: {}, {}", count(nodes, "node"), count(services, "service"));
                outln!("Next: look for CHANGE in it, and `labrun setup {}`.", self.name);
                Ok(Exit::Passed as u8)
            }
            // What cannot be a lab is still most of one.
            Err(mistakes) => Err(Failure::usage(format!(
                "wrote {shown}, which is no good lab yet:\n{}",
                show_diagnostics(&self.path, &mistakes)
            ))
            .into()),
        }
    }
}

/// What gather.sh prints of what `command` makes within `time`.
fn gather(command: &[String], time: Duration) -> Result<String> {
    let mut words: Vec<&str> = vec!["unshare"];
    if !rustix::process::geteuid().is_root() {
        words.extend(["--user", "--map-root-user"]);
        // With a range of ids daemons can drop privileges, as in labs.
        let range = ["unshare", "--user", "--map-root-user", "--map-auto", "true"];
        if process::output(&range, Vec::new()).is_ok_and(|output| output.status.success()) {
            words.push("--map-auto");
        }
    }
    words.extend(["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]);
    let seconds = time.as_secs().to_string();
    words.extend(["bash", "-c", GATHER, "labrun", &seconds]);
    words.extend(command.iter().map(String::as_str));
    let sandbox = process::clean(cmd(words[0], &words[1..])).stdin_null().stdout_capture();
    let handle = process::apart(sandbox).start().map_err(|error| {
        Failure::machine(format!("cannot run unshare, which makes the sandbox: {error}"))
    })?;
    let deadline = Instant::now() + time + GATHERING;
    let output = loop {
        if let Some(output) = handle.try_wait()? {
            break output;
        }
        let late = Instant::now() > deadline;
        if late || interrupt::interrupted() {
            // With it the kernel ends all that is in the sandbox.
            handle.kill()?;
            let error = match late {
                true => Failure::setup("what came to be could not be looked at in time"),
                false => Failure::interrupted(),
            };
            return Err(error.into());
        }
        interrupt::sleep(Duration::from_millis(10));
    };
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let status = printed.lines().find_map(|line| line.strip_prefix("status\t-\t"));
    match (status, output.status.success()) {
        (_, true) => Ok(printed),
        (Some("124"), _) => Err(Failure::setup(format!(
            "{} was still running after {time:?}: it must end once all is up, with its daemons in the background (--timeout)",
            quote::command(command)
        ))
        .into()),
        (Some(status), _) if status != "0" => Err(Failure::setup(format!(
            "{} failed with exit status {status}, so there is nothing to import",
            quote::command(command)
        ))
        .into()),
        (Some(_), _) => Err(Failure::setup("what it has made cannot be imported, see above").into()),
        (None, _) => Err(Failure::machine("the sandbox could not be made, see above").into()),
    }
}
