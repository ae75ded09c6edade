//! `labrun schema`.

use crate::cli::Documented;
use crate::error::Exit;
use crate::lab;
use crate::record::event;
use crate::report::print_json;
use anyhow::Result;

/// Prints the schema of lab files or events.
///
/// # Errors
/// Never: it is text.
pub fn schema(of: Documented) -> Result<u8> {
    let schema = match of {
        Documented::Lab => lab::schema::schema(),
        Documented::Events => event::schema(),
    };
    print_json(&serde_json::to_string_pretty(&schema)?);
    Ok(Exit::Passed as u8)
}
