//! The files of a run: the folder its steps run in, and the program under test.
//!
//! On this machine they lie where they are. Another one gets copies by a connection of their own,
//! which lives as long as the run: when it ends, however it ends, what was copied goes with the
//! last lab (scripts/files.sh).

use crate::error::Failure;
use crate::host::transfer::link::{Copied, Link};
use crate::host::transfer::scope::{Scope, is_home};
use crate::host::transfer::sync;
use crate::host::{Host, Remote, native};
use anyhow::Result;
use std::path::{Path, PathBuf};

/// What is to be built.
#[derive(Debug)]
pub struct Build<'a> {
    /// The program that comes out of it.
    pub program: &'a str,
    /// The command, which puts it into `$OUT`.
    pub command: &'a str,
    /// Where it is run.
    pub repository: &'a Path,
    /// Its name in the cache, which stands for the content.
    pub name: String,
}

impl Build<'_> {
    /// The error of a build that went wrong for the reason `why`.
    pub fn failed(&self, why: &str, output: &str) -> anyhow::Error {
        let lines: String = output.lines().map(|line| format!("\n| {line}")).collect();
        let repository = self.repository.display();
        Failure::setup(format!(
            "cannot build {} in {repository}: `{}`: {why}{lines}",
            self.program, self.command
        ))
        .into()
    }
}

/// The files of a run on its host.
pub struct Files {
    /// What tests leave in the repository, which is none of it.
    artifacts: PathBuf,
    /// Much may be copied without a question.
    large: bool,
    /// The machine that needs copies, and the connection, made when something is first asked for.
    there: Option<(Remote, Option<Link>)>,
}

impl Files {
    /// Those on `host`; `artifacts` is where tests leave what they found.
    pub fn on(host: &Host, artifacts: &Path) -> Files {
        let there = match host {
            Host::Native(_) => None,
            Host::Remote(remote) => Some((remote.clone(), None)),
        };
        Files { artifacts: artifacts.into(), large: false, there }
    }

    /// With what the user permits: copies of many or `large` files.
    pub fn permitting(self, large: bool) -> Files {
        Files { large, ..self }
    }

    fn link(&mut self) -> Result<Option<&mut Link>> {
        let Some((remote, link)) = &mut self.there else { return Ok(None) };
        if link.is_none() {
            *link = Some(Link::open(remote)?);
        }
        Ok(link.as_mut())
    }

    /// The files of `repository` that a build or a step may depend on.
    ///
    /// # Errors
    /// If a folder cannot be read.
    pub fn sources(&self, repository: &Path) -> Result<Vec<PathBuf>> {
        sync::files(repository, "", &self.artifacts)
    }

    /// Where `folder` is on the host: itself, or a copy that is made the same, of which `tell`
    /// hears. `project` says that it is one, though it may not look so; of what is none, only its
    /// `labs/` is copied.
    ///
    /// # Errors
    /// If it cannot be read, or not be copied, or is so large that the user does not want that.
    pub fn folder(
        &mut self,
        folder: &Path,
        project: bool,
        tell: &dyn Fn(Copied),
    ) -> Result<PathBuf> {
        if self.there.is_none() {
            return Ok(folder.into());
        }
        let scope = Scope::of(folder, home().as_deref(), project);
        let sources = sync::files(folder, scope.part(), &self.artifacts)?;
        let large = self.large;
        Ok(match self.link()? {
            Some(link) => link.folder(folder, scope, sources, large, tell)?,
            None => folder.into(),
        })
    }

    /// Where the program `path` is on the host.
    ///
    /// # Errors
    /// If it cannot be copied, or could not run there.
    pub fn program(&mut self, path: &Path, tell: &dyn Fn(Copied)) -> Result<PathBuf> {
        Ok(match self.link()? {
            Some(link) => link.program(path, tell)?,
            None => path.into(),
        })
    }

    /// The agent on the host, which here is this program.
    ///
    /// # Errors
    /// Why there is none.
    pub fn agent(&mut self) -> Result<PathBuf> {
        match self.link()? {
            Some(link) => link.agent(),
            None => Ok(std::env::current_exe()?),
        }
    }

    /// The program that an earlier build of the same content made.
    ///
    /// # Errors
    /// If there can be no builds on the host.
    pub fn built(&mut self, build: &Build) -> Result<Option<PathBuf>> {
        match self.link()? {
            Some(link) => link.built(build),
            None => native::built(build),
        }
    }

    /// Builds a program where it will run.
    ///
    /// # Errors
    /// If it fails; then with the compiler's words.
    pub fn build(&mut self, build: &Build, tell: &dyn Fn(Copied)) -> Result<PathBuf> {
        if self.there.is_some() && is_home(build.repository, home().as_deref()) {
            return Err(Failure::usage(format!(
                "{} is a home folder, or above one, and goes to no other machine: build {} there or here, and give the binary with --subject",
                build.repository.display(),
                build.program
            ))
            .into());
        }
        let copy = self.folder(build.repository, true, tell)?;
        match self.link()? {
            Some(link) => link.build(build, &copy),
            None => native::build(build),
        }
    }
}

/// The user's home folder.
fn home() -> Option<PathBuf> {
    std::env::var_os("HOME").filter(|home| !home.is_empty()).map(PathBuf::from)
}
