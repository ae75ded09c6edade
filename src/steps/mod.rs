//! What a test does, step by step. A kind of step is one file here: what it looks like in a lab
//! file, what must hold for it there, how it runs in the sandbox, how that is judged, and its
//! words. [`kinds`] lists them all.

mod bench;
pub(crate) mod check;
mod client;
mod dhcp;
pub mod figures;
mod http;
mod impair;
pub mod lease;
mod link;
mod output;
mod patience;
mod ping;
mod run;
mod saved;
mod service;
mod wait;

pub use client::Client;
pub use dhcp::{Dhcp, Expect};
pub use output::{StepOutput, Verdict};
pub use patience::Patience;
pub use saved::Saved;
pub use wait::PacketFile;

#[cfg(target_os = "linux")]
use crate::sandbox::{Gone, Sandbox};
use crate::text::quoted;
use crate::topology::model::NetnsName;
use crate::yaml::decode::{Fields, Reader};
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use crate::yaml::tree::Value;
use check::Checker;
use figures::Bench;
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// A kind of step, as its file makes it.
pub trait Kind: Sized {
    /// Its field in a step of a lab file.
    const NAME: &'static str;
    /// What it does, and an example of what stands there.
    const ABOUT: (&'static str, &'static str);
    /// What stands there, nothing resolved yet.
    type File;
    /// Reads it; `None` where nothing can be made of it, which has been noted as a mistake.
    fn read(reader: Reader) -> Option<Self::File>;
    /// Checks it against the lab; `None` as above.
    fn check(file: &Self::File, checker: &Checker) -> Option<Self>;
    /// Runs one attempt of it.
    #[cfg(target_os = "linux")]
    fn run(&self, sandbox: &Sandbox, mark: &crate::sandbox::Mark) -> Result<StepOutput, Gone>;
    /// Whether what it saw is what the lab file wants.
    fn judge(&self, seen: &StepOutput) -> Verdict;
    /// The longest that one attempt may take.
    fn limit(&self) -> Duration;
    /// How long it waits for things, if it waits for any.
    fn deadlines(&mut self) -> Vec<&mut Duration> {
        Vec::new()
    }
    /// Whether it is tried again.
    fn patience(&self) -> Option<Patience> {
        None
    }
    /// The commands that it needs, each with its Debian package.
    fn commands(&self) -> Vec<(&'static str, &'static str)> {
        Vec::new()
    }
    /// The kernel feature that it needs.
    fn feature(&self) -> Option<&'static str> {
        None
    }
    /// Whether it may use files of the user's repository.
    fn uses_folder(&self) -> bool {
        false
    }
    /// The node that it does something in which may send packets.
    fn node(&self) -> Option<&NetnsName> {
        None
    }
    /// What of `seen`, which is as it wants it, later steps may use.
    fn saves(&self, _seen: &StepOutput) -> Saved {
        Saved::new()
    }
    /// Uses what steps before it have saved.
    fn fill(&mut self, _saved: &Saved) {}
    /// What it measured, whether that is as wanted or not.
    fn measured(&self, _seen: &StepOutput) -> Option<Bench> {
        None
    }
    /// The command of the user's that it runs, which may do anything, and the namespace it runs in.
    fn command(&self) -> Option<(&str, &str)> {
        None
    }
}

macro_rules! kinds {
    ($($kind:ident: $file:ident::$type:ident,)*) => {
        /// What a step does.
        #[derive(Clone, Debug, Serialize, Deserialize)]
        #[serde(rename_all = "kebab-case")]
        pub enum StepKind {
            $($kind($file::$type),)*
        }

        /// A step as it stands in the lab file.
        #[derive(Debug)]
        pub enum StepFile {
            $($kind(<$file::$type as Kind>::File),)*
        }

        /// The fields that tell the kinds apart.
        pub const NAMES: &[&str] = &[$(<$file::$type>::NAME),*];

        /// These fields, each with what it is.
        pub(crate) const KNOWN: &[Known] = &[$((
            <$file::$type>::NAME,
            <$file::$type>::ABOUT.0,
            <$file::$type>::ABOUT.1,
        )),*];

        impl StepFile {
            fn one(name: &str, reader: Reader) -> Option<StepFile> {
                $(if name == <$file::$type>::NAME {
                    return <$file::$type>::read(reader).map(StepFile::$kind);
                })*
                None
            }

            /// The step, checked against the lab; `None` where nothing can be made of it.
            pub(crate) fn check(&self, checker: &Checker) -> Option<StepKind> {
                match self {
                    $(StepFile::$kind(file) => <$file::$type>::check(file, checker).map(StepKind::$kind),)*
                }
            }
        }

        impl StepKind {
            /// What it is called in a lab file.
            pub fn name(&self) -> &'static str {
                match self { $(StepKind::$kind(_) => <$file::$type>::NAME,)* }
            }

            /// Runs one attempt of it; `mark` is how much the services had printed when the test
            /// began.
            ///
            /// # Errors
            /// If the session or the sandbox ended.
            #[cfg(target_os = "linux")]
            pub fn run(&self, sandbox: &Sandbox, mark: &crate::sandbox::Mark) -> Result<StepOutput, Gone> {
                match self { $(StepKind::$kind(kind) => kind.run(sandbox, mark),)* }
            }

            /// Whether what it saw is what the lab file wants.
            pub fn judge(&self, seen: &StepOutput) -> Verdict {
                match self { $(StepKind::$kind(kind) => kind.judge(seen),)* }
            }

            /// The longest that one attempt may take.
            pub fn limit(&self) -> Duration {
                match self { $(StepKind::$kind(kind) => kind.limit(),)* }
            }

            /// Makes it take no longer than `left`, if it waits for anything. What it says then of
            /// something that did not come in that time is worth nothing.
            pub fn hurry(&mut self, left: Duration) {
                self.deadlines().into_iter().for_each(|deadline| *deadline = left.min(*deadline));
            }

            /// How long it waits for things, all of its attempts among them.
            pub fn deadlines(&mut self) -> Vec<&mut Duration> {
                match self { $(StepKind::$kind(kind) => kind.deadlines(),)* }
            }

            /// Whether it is tried again.
            pub fn patience(&self) -> Option<Patience> {
                match self { $(StepKind::$kind(kind) => kind.patience(),)* }
            }

            /// The commands that it needs, each with its Debian package.
            pub fn commands(&self) -> Vec<(&'static str, &'static str)> {
                match self { $(StepKind::$kind(kind) => kind.commands(),)* }
            }

            /// The kernel feature that it needs.
            pub fn feature(&self) -> Option<&'static str> {
                match self { $(StepKind::$kind(kind) => kind.feature(),)* }
            }

            /// Whether it may use files of the user's repository.
            pub fn uses_folder(&self) -> bool {
                match self { $(StepKind::$kind(kind) => kind.uses_folder(),)* }
            }

            /// The node that it does something in which may send packets.
            pub fn node(&self) -> Option<&NetnsName> {
                match self { $(StepKind::$kind(kind) => kind.node(),)* }
            }

            /// What of `seen`, which is as it wants it, later steps may use.
            pub fn saves(&self, seen: &StepOutput) -> Saved {
                match self { $(StepKind::$kind(kind) => kind.saves(seen),)* }
            }

            /// Uses what steps before it have saved.
            pub fn fill(&mut self, saved: &Saved) {
                match self { $(StepKind::$kind(kind) => kind.fill(saved),)* }
            }

            /// What it measured, whether that is as wanted or not.
            pub fn measured(&self, seen: &StepOutput) -> Option<Bench> {
                match self { $(StepKind::$kind(kind) => kind.measured(seen),)* }
            }

            /// The namespace and the text of the command of the user's that it runs, if it does:
            /// that may change anything.
            pub fn command(&self) -> Option<(&str, &str)> {
                match self { $(StepKind::$kind(kind) => kind.command(),)* }
            }
        }
    };
}

kinds! {
    Dhcp: dhcp::Dhcp,
    Run: run::Run,
    Ping: ping::Ping,
    Wait: wait::Wait,
    Service: service::ServiceStep,
    Link: link::LinkStep,
    Impair: impair::ImpairStep,
    Http: http::Http,
    Bench: bench::BenchStep,
}

impl StepFile {
    /// Whether it measures, which a capture would distort.
    pub fn measures(&self) -> bool {
        matches!(self, StepFile::Bench(_))
    }

    /// The packet that it waits for, if it does for one.
    pub fn packet(&self) -> Option<&PacketFile> {
        match self {
            StepFile::Wait(wait) => wait.packet(),
            _ => None,
        }
    }
}

impl StepKind {
    /// The same step by `client`, if it takes a lease and names no client of its own.
    pub fn with_client(&self, client: Client) -> StepKind {
        match self {
            StepKind::Dhcp(dhcp) => StepKind::Dhcp(dhcp.by(client)),
            other => other.clone(),
        }
    }

    /// The client that cannot take such a lease, if that is so.
    pub fn speechless(&self) -> Option<Client> {
        match self {
            StepKind::Dhcp(dhcp) => dhcp.client.filter(|client| !client.speaks(dhcp.family)),
            _ => None,
        }
    }

    /// Whether what it found out, such as a lease, says more of a test than how many steps it had.
    pub fn is_telling(&self) -> bool {
        match self {
            StepKind::Dhcp(_) | StepKind::Bench(_) => true,
            StepKind::Run(run) => run.tell,
            _ => false,
        }
    }
}

/// Reads what an entry of `steps` does, one of its `fields`.
pub(crate) fn read(reader: &Reader, fields: &Fields) -> Option<StepFile> {
    match fields.one_of(NAMES, StepFile::one) {
        Ok(step) => step,
        Err(none) if none.is_empty() => {
            // What it does not know has been noted.
            if !matches!(reader.value(), Value::Map(map) if map.len() > fields.present(&["path"]).len())
            {
                reader.wrong(format!("a step is one of {}", quoted(NAMES)));
            }
            None
        }
        Err(several) => {
            reader.wrong(format!("{} are steps of their own: give each its `-`", quoted(&several)));
            None
        }
    }
}

/// The one of `actions` that is there, and what it is to be done to.
fn action<'n>(
    reader: &Reader,
    fields: &Fields,
    actions: &[&'n str],
) -> Option<(&'n str, Spanned<String>)> {
    let action = fields.one_of(actions, |action, r| (action, r.at(r.text())));
    let wrong = |_| reader.wrong(format!("expected exactly one of {}", quoted(actions)));
    action.map_err(wrong).ok()
}

/// The node that a step does something in.
const NODE: Known = ("node", "the node that it is done in", "client");

/// A field that must be there and names something.
fn name(fields: &Fields, field: &str) -> Spanned<String> {
    fields.need(field, |r| r.at(r.text())).unwrap_or_default()
}
