//! Exit codes, which are part of labrun's interface.

use std::fmt;

/// The exit codes of labrun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All well.
    Passed = 0,
    /// A test failed.
    TestFailed = 1,
    /// Wrong usage, or a mistake in a lab file.
    Usage = 2,
    /// This machine cannot run it: a package, a kernel feature or the subject is missing.
    Machine = 3,
    /// A lab could not be set up, or a program under test not be built.
    Setup = 4,
    /// Interrupted, and cleaned up.
    Interrupted = 130,
}

/// An error that ends labrun with a certain exit code.
#[derive(Debug)]
pub struct Failure {
    /// The code.
    pub exit: Exit,
    message: String,
}

impl Failure {
    /// Wrong usage or a wrong lab file.
    pub fn usage(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Usage, message: message.into() }
    }

    /// This machine lacks something.
    pub fn machine(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Machine, message: message.into() }
    }

    /// The user asked to stop.
    pub fn interrupted() -> Failure {
        Failure { exit: Exit::Interrupted, message: "interrupted".into() }
    }

    /// Something could not be set up.
    pub fn setup(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Setup, message: message.into() }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// The exit code for `error`: that of a [`Failure`], else that of a machine that can't do it.
pub fn exit_code(error: &anyhow::Error) -> Exit {
    error.downcast_ref::<Failure>().map_or(Exit::Machine, |failure| failure.exit)
}

/// Says that `program` cannot be found, and where it was looked for.
pub fn not_found(program: &str) -> String {
    let path = std::env::var_os("PATH").unwrap_or_default();
    format!(
        "{program} is in no folder of PATH, which is `{}`: call labrun with a PATH that leads to it",
        path.display()
    )
}
