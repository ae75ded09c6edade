//! `labrun schema`.

use crate::error::Exit;
use crate::lab;
use crate::report::print_json;
use anyhow::Result;

/// Prints the schema of lab files.
///
/// # Errors
/// Never: it is text.
pub fn schema() -> Result<u8> {
    print_json(&serde_json::to_string_pretty(&lab::schema::schema())?);
    Ok(Exit::Passed as u8)
}
