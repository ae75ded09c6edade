//! What a lab file asks for that only who runs labrun can grant: a lab may be a stranger's.

use crate::topology::check::Check;
use crate::topology::model::Topology;
use crate::yaml::diagnostic::Spanned;

/// What can be granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
pub enum Allow {
    /// See the variables that `pass-env` names
    Env,
    /// Write to the folders that `writable` names
    Write,
    /// Reach what the machine reaches, by a link of `uplink`
    Uplink,
    /// Take the interfaces of the machine that `device` names
    Device,
}

impl Allow {
    pub const ALL: [Allow; 4] = [Allow::Env, Allow::Write, Allow::Uplink, Allow::Device];

    /// As the command line and the runtime have it.
    pub fn word(self) -> &'static str {
        match self {
            Allow::Env => "env",
            Allow::Write => "write",
            Allow::Uplink => "uplink",
            Allow::Device => "device",
        }
    }
}

impl Topology {
    /// What it asks for: what would grant it, and the names, folders or links with their places.
    pub fn wants(&self) -> [(Allow, &'static str, &[Spanned<String>]); 4] {
        [
            (Allow::Env, "pass-env", &self.pass_env[..]),
            (Allow::Write, "writable", &self.writable[..]),
            (Allow::Uplink, "uplink", &self.uplinks[..]),
            (Allow::Device, "device", &self.lent[..]),
        ]
    }
}

impl Check<'_> {
    pub(super) fn pass_env(&self) -> Vec<Spanned<String>> {
        for name in &self.file.pass_env {
            let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let is_name = name.chars().all(good) && !name.starts_with(|c: char| c.is_ascii_digit());
            if self.diagnostics.are_at(name.position) {
                continue;
            } else if !is_name || name.is_empty() {
                let message = format!("`{}`: expected the name of a variable", name.value);
                self.diagnostics.wrong(name, message);
            } else if ["BASH", "LABRUN_", "LC_ALL", "PATH", "SHELLOPTS", "TMPDIR"]
                .iter()
                .any(|taken| name.starts_with(taken))
            {
                let message = format!("`{}`: this variable is set by labrun or bash", name.value);
                self.diagnostics.wrong(name, message);
            }
        }
        self.file.pass_env.clone()
    }

    pub(super) fn writable(&self) -> Vec<Spanned<String>> {
        for folder in &self.file.writable {
            self.own_folder(folder, "be opened for writing");
        }
        self.file.writable.clone()
    }
}
