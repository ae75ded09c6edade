//! The tcpdump expressions in tests: only tcpdump can tell whether they are right, so that is
//! found out by the verbs that may start programs, before any lab is.

use crate::error::Failure;
use crate::lab::find::{Selection, show_diagnostics};
use crate::lab::model::{Lab, Test};
use crate::packet::tcpdump;
use crate::yaml::diagnostic::{Diagnostic, Spanned};

/// The mistakes in the filters of `lab`; none where there is no tcpdump to tell.
pub fn diagnostics(lab: &Lab) -> Vec<Diagnostic> {
    if which::which("tcpdump").is_err() {
        return Vec::new();
    }
    let problem = |at: &Spanned<String>| {
        let message = format!("{:#}", tcpdump::compile(at).err()?);
        Some(Diagnostic { position: at.position, path: at.path.clone(), message })
    };
    lab.tests.iter().flat_map(Test::filters).filter_map(problem).collect()
}

/// Refuses labs whose filters are wrong.
///
/// # Errors
/// All of the mistakes.
pub fn intact(chosen: &[Selection]) -> Result<(), Failure> {
    let wrong: Vec<String> = chosen
        .iter()
        .map(|chosen| (chosen.lab, diagnostics(chosen.lab)))
        .filter(|(_, diagnostics)| !diagnostics.is_empty())
        .map(|(lab, diagnostics)| show_diagnostics(&lab.file, &diagnostics))
        .collect();
    if wrong.is_empty() { Ok(()) } else { Err(Failure::usage(wrong.join("\n"))) }
}
