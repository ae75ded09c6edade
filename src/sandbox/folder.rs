//! The layer over the user's repository (scripts/sandbox.sh): what steps write there is kept apart
//! from it. Each test gets a new one, so that it sees the repository as it is.

use super::Sandbox;
use crate::quote::unescaped;
use anyhow::{Context, Result};
use rustix::fs::Mode;
use rustix::io::Errno;
use rustix::mount::{MountFlags, UnmountFlags, mount, mount_bind_recursive, unmount};
use std::collections::BTreeSet;
use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};

impl Sandbox {
    /// Puts a new layer in the place of the old one, if there is one: where overlayfs is not to be
    /// had, and in between, the repository cannot be written to at all.
    ///
    /// # Errors
    /// If the kernel refuses.
    pub fn renew_folder(&self) -> Result<()> {
        let layers = self.state.join("private/folder");
        let Some(old) = self.layer(&layers) else { return Ok(()) };
        let folder = &self.layout.folder;
        let new = (1..).map(|number: u64| layers.join(number.to_string()));
        let new = new.into_iter().find(|path| !path.exists()).context("no number is left")?;
        for path in [new.clone(), new.join("upper"), new.join("work")] {
            match rustix::fs::mkdir(&path, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => {}
                Err(errno) => return Err(errno).context(format!("cannot make {}", path.display())),
            }
        }
        let (lower, shown) = (layers.join("lower"), new.display());
        let options =
            format!("lowerdir={},upperdir={shown}/upper,workdir={shown}/work", lower.display());
        let below = self.mounted_below(folder);
        // What runs in it keeps the old one for as long as it does.
        unmount(folder, UnmountFlags::DETACH)
            .and_then(|()| {
                let options = CString::new(options).map_err(|_| Errno::INVAL)?;
                mount("overlay", folder, "overlay", MountFlags::empty(), Some(options.as_c_str()))
            })
            .with_context(|| format!("cannot put a new layer over {}", folder.display()))?;
        // The layer hides what is mounted below the folder.
        for part in below {
            let target = folder.join(&part);
            let source = match self.layout.writable.contains(&target) {
                true => self.state.join("private/write").join(target.strip_prefix("/")?),
                false => lower.join(&part),
            };
            let _ = mount_bind_recursive(source, target);
        }
        let _ = fs::remove_dir_all(Path::new(&old));
        Ok(())
    }

    /// What is mounted below `folder`, as paths in it; not what is mounted below that again.
    fn mounted_below(&self, folder: &Path) -> Vec<PathBuf> {
        let mounts = self.mounts().unwrap_or_default();
        let point = |line: &str| line.split(' ').nth(4).map(|at| PathBuf::from(&*unescaped(at)));
        let parts: BTreeSet<PathBuf> = mounts
            .lines()
            .filter_map(point)
            .filter_map(|at| at.strip_prefix(folder).ok().map(Path::to_path_buf))
            .filter(|part| !part.as_os_str().is_empty())
            .collect();
        let is_outer =
            |part: &&PathBuf| !part.ancestors().skip(1).any(|above| parts.contains(above));
        parts.iter().filter(is_outer).cloned().collect()
    }

    /// The layer that is there now.
    fn layer(&self, layers: &Path) -> Option<String> {
        let mounts = self.mounts().ok()?;
        let folder = self.layout.folder.to_str()?;
        let prefix = format!("{}/", layers.display());
        mounts.lines().rev().find_map(|line| {
            let words: Vec<&str> = line.split(' ').collect();
            let at = unescaped(words.get(4)?);
            let upper = words.last()?.split(',').find_map(|word| word.strip_prefix("upperdir="))?;
            let layer = upper.strip_suffix("/upper")?;
            (at == folder && upper.starts_with(&prefix)).then(|| layer.to_string())
        })
    }
}
