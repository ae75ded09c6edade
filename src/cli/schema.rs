//! What follows `schema`.

use clap::ValueEnum;

/// What there is a schema of.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Documented {
    /// A lab file
    Lab,
    /// A line of what `test`, `setup`, `clean` and `logs` print with --format json
    Events,
}
