//! The shells that can complete labrun's words.

use clap::ValueEnum;

/// Which shell is meant.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Shell {
    Bash,
    Elvish,
    Fish,
    Powershell,
    Zsh,
}
