//! What follows `capture`.

use crate::cli::names;
use crate::record::artifacts::FOLDER;
use clap::{Args, Subcommand};
use clap_complete::{ArgValueCandidates, ArgValueCompleter};
use std::path::PathBuf;

/// What to capture.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    disable_help_subcommand = true
)]
pub struct CaptureArgs {
    /// What else to do with captures.
    #[command(subcommand)]
    pub verb: Option<CaptureVerb>,

    /// The lab, or LAB@INSTANCE
    #[arg(required = true, add = ArgValueCandidates::new(names::running))]
    pub lab: Option<String>,

    /// The node; `global` is the lab's own namespace, where all ports of its bridges are
    #[arg(
        default_value = "global",
        allow_hyphen_values = true,
        add = ArgValueCandidates::new(names::nodes)
    )]
    pub node: String,

    /// Only packets for which this holds, as tcpdump understands it (pcap-filter(7))
    #[arg(long, value_name = "EXPRESSION")]
    pub filter: Option<String>,

    /// Write them to a file that Wireshark opens (pcapng), `-` for standard output
    #[arg(short, long, value_name = "FILE")]
    pub write: Option<PathBuf>,
}

/// What else there is to do with captures.
#[derive(Debug, Subcommand)]
pub enum CaptureVerb {
    /// Draw who sent what to whom, or list the packets
    Show(ShowArgs),
}

/// Which capture is shown, and how.
#[derive(Args, Debug)]
pub struct ShowArgs {
    /// A file, or a test that left a capture among its artifacts; the newest capture if none is
    /// named
    #[arg(value_name = "TEST or FILE", add = ArgValueCompleter::new(names::captures))]
    pub what: Option<String>,

    /// The lab it was made in [default: the one whose interfaces it has]
    #[arg(long, add = ArgValueCandidates::new(names::labs))]
    pub lab: Option<String>,

    /// Where the artifacts of tests are
    #[arg(long = "artifacts-dir", value_name = "DIR", default_value = FOLDER, env = "LABRUN_ARTIFACTS_DIR")]
    pub artifacts: PathBuf,

    /// List the packets, a line each time one was seen
    #[arg(long, short = 'v', visible_alias = "verbose")]
    pub list: bool,
}
