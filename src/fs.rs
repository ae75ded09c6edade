//! Files that are written as a whole or not at all.

use anyhow::{Context, Result};
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// Makes sure that `path` can be written; its folder is made if need be.
///
/// # Errors
/// Why it can't.
pub fn writable(path: &Path) -> Result<()> {
    match destination(path)? {
        Destination::Stream => File::options().write(true).open(path).map(drop),
        Destination::File { target, folder } => temporary(&target, &folder).map(drop),
    }
    .with_context(|| path.display().to_string())
}

/// Writes `path` as a whole or not at all; its folder is made if need be.
///
/// # Errors
/// If that cannot be done.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let done = match destination(path)? {
        Destination::Stream => {
            File::options().write(true).open(path).and_then(|mut file| file.write_all(bytes))
        }
        Destination::File { target, folder } => temporary(&target, &folder).and_then(|mut file| {
            file.write_all(bytes)?;
            file.persist(&target).map_err(|error| error.error)?;
            Ok(())
        }),
    };
    done.with_context(|| path.display().to_string())
}

/// The folder `name` of what labrun remembers: `$XDG_STATE_HOME/labrun/NAME`, by the XDG base
/// directory specification. It is made if it is not there.
///
/// # Errors
/// If there is no home, or it cannot be written to.
pub fn state(name: &str) -> Result<PathBuf> {
    let set =
        |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let home = || {
        let home = set("HOME").context(
            "neither XDG_STATE_HOME nor HOME is set, so there is no place to remember things",
        )?;
        // Root could make any, such as the /nonexistent of those who have none.
        anyhow::ensure!(home.is_dir(), "the home {} is not there", home.display());
        Ok(home.join(".local/state"))
    };
    let state = set("XDG_STATE_HOME").map_or_else(home, Ok)?;
    let folder = state.join("labrun").join(name);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    Ok(folder)
}

/// How a path is written.
enum Destination {
    /// A file beside it takes its name when it is whole.
    File { target: PathBuf, folder: PathBuf },
    /// It is a pipe or a device, whose name nothing may take.
    Stream,
}

fn destination(path: &Path) -> Result<Destination> {
    // Through a link: its name is to stay one.
    let target = fs::canonicalize(path).unwrap_or(path.to_path_buf());
    match fs::metadata(&target) {
        Ok(found) if found.is_dir() => anyhow::bail!("{} is a folder", path.display()),
        Ok(found) if !found.is_file() => return Ok(Destination::Stream),
        _ => {}
    }
    let folder = target
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .to_path_buf();
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    Ok(Destination::File { target, folder })
}

/// A new file in `folder`, gone unless it is given its name. It may be read by whoever the umask
/// allows.
fn temporary(target: &Path, folder: &Path) -> std::io::Result<tempfile::NamedTempFile> {
    let mode = fs::metadata(target).map_or(0o666, |found| found.permissions().mode() & 0o777);
    tempfile::Builder::new()
        .prefix(".labrun-")
        .permissions(fs::Permissions::from_mode(mode))
        .tempfile_in(folder)
}
