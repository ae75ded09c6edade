//! Which tests are meant, and how they are listed.

use crate::cli::{names, one_of};
use crate::lab::tags::Tags;
use crate::record::engine::Partition;
use crate::report::Format;
use clap::Args;
use clap_complete::{ArgValueCandidates, ArgValueCompleter};
use std::path::PathBuf;

/// Which tests are meant.
#[derive(Args, Debug)]
pub struct ChoiceArgs {
    /// Names of tests or labs, patterns of names such as 'relay-*', or lab files; nothing means all:
    /// of `test` those that concern this repository
    #[arg(add = ArgValueCompleter::new(names::tests))]
    pub tests: Vec<String>,

    /// Of these, only tests with this tag (may be repeated: with any of them)
    #[arg(long = "tag", value_name = "TAG", add = ArgValueCandidates::new(names::tags))]
    pub tags: Vec<String>,

    /// Leave out tests with this tag (may be repeated)
    #[arg(long = "not-tag", value_name = "TAG", add = ArgValueCandidates::new(names::tags))]
    pub not_tags: Vec<String>,
}

impl ChoiceArgs {
    /// What their tags must be.
    pub fn tags(&self) -> Tags<'_> {
        Tags { with: &self.tags, without: &self.not_tags }
    }
}

/// Which tests are listed, and how.
#[derive(Args, Debug)]
pub struct ListArgs {
    /// Which.
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// List only part K of N, as `test` divides them; `auto` and `auto/N` as there
    #[arg(long, value_name = "K/N|auto")]
    pub partition: Option<Partition>,
    /// With --format github-matrix: a job a part, of N, instead of a job a test
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "partition")]
    pub partitions: Option<u16>,
    /// How long the tests took in earlier runs
    #[arg(long, value_name = "FILE")]
    pub durations: Option<PathBuf>,
    /// As what: for people, one JSON object a line, or what a workflow takes for
    /// `strategy.matrix`
    #[arg(long, value_name = "FORMAT", value_parser = one_of(&["text", "json", "github-matrix"]), default_value = "text")]
    pub format: Format,
}
