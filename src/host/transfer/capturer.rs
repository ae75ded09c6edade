//! What captures packets on another machine: labrun itself, or where that is no program for the machine,
//! because this is a Mac or its C library is newer, a script that does the same.

use crate::host::transfer::chunks::Chunks;
use crate::host::transfer::link::{Link, hash};
use anyhow::{Result, bail};
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

impl Link {
    /// A program there that does what `labrun _capture` does. It stays in the cache.
    ///
    /// # Errors
    /// Why there is none.
    pub fn agent(&mut self) -> Result<PathBuf> {
        let own = std::env::current_exe()?;
        let foreign = self.foreign(&own)?;
        if foreign.is_none() {
            // Its content is not worth hashing: whoever builds it anew changes these.
            let metadata = own.metadata()?;
            let id = hash(&[format!("{:?} {}", metadata.modified().ok(), metadata.len()).as_bytes()]);
            if let Some(path) = self.put("labrun", &id, File::open(&own)?)? {
                return Ok(path);
            }
        }
        let what = foreign.map_or("does not start".into(), |what| format!("is {what} and cannot run"));
        bail!("this labrun {what} on {}, and there is no python3 to capture in its place", self.remote.machine.name)
    }

    /// Where `program`, with the content that `id` stands for, is in the cache there; it is put there from
    /// `content` if need be. None if it does not run there.
    fn put(&mut self, program: &str, id: &str, mut content: impl Read) -> Result<Option<PathBuf>> {
        let name = format!("{program}-{id} {program}");
        self.requests.send(&format!("works {name}"));
        if let Some(path) = self.path()? {
            return Ok(Some(path));
        }
        self.requests.send(&format!("built {name}"));
        if self.path()?.is_some() {
            return Ok(None);
        }
        self.requests.send(&format!("put {name}"));
        let mut chunks = Chunks::new(&self.requests);
        // If nobody takes it the answer says why.
        if io::copy(&mut content, &mut chunks).and_then(|_| chunks.end()).is_err() {
            self.requests.close();
        }
        self.path()?;
        self.requests.send(&format!("works {name}"));
        self.path()
    }
}
