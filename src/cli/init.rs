//! What follows `init`.

use crate::starter::ci::Ci;
use crate::starter::listens::Listens;
use crate::starter::shape::Shape;
use clap::Args;

/// What is not said is asked for on a terminal; elsewhere, and with `--yes`, the likeliest is taken.
/// Written are `labs/NAME.yaml`, a workflow if there is to be one, and, in a checkout of git's that does
/// not ignore `labrun-artifacts` yet, a line of `.gitignore` that does.
#[derive(Args, Clone, Debug)]
pub struct InitArgs {
    /// The program that is tested, one of those that the repository builds; else the one on PATH, or
    /// of --build
    #[arg(long, value_name = "NAME")]
    pub program: Option<String>,

    /// The shell command that leaves the program in $OUT
    #[arg(long, value_name = "COMMAND", requires = "program")]
    pub build: Option<String>,

    /// The network that it is tested in
    #[arg(long, value_enum)]
    pub shape: Option<Shape>,

    /// What it listens on: udp:PORT, tcp:PORT, or http:PORT, which is asked for a page
    #[arg(long, value_name = "WHAT:PORT")]
    pub listens: Option<Listens>,

    /// Its arguments, as for a shell. {address} and {port} stand for where it listens, and, where the
    /// shape has them, {peer} and {peer2} for the servers or gateways it speaks with, {network} for the
    /// network behind it and {remote} for the one behind {peer}
    #[arg(long, value_name = "ARGUMENTS", allow_hyphen_values = true)]
    pub args: Option<String>,

    /// What a client asks: a line to send; of HTTP a path, of DNS a name
    #[arg(long, value_name = "TEXT")]
    pub ask: Option<String>,

    /// What must be in the answer, a regular expression; of DHCP, the addresses: FIRST-LAST
    #[arg(long, value_name = "REGEX")]
    pub answer: Option<String>,

    /// The lab's name, and that of its file in `labs/`; the program's unless said otherwise
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Whose workflow is written, too; by default the one that the repository looks as if it was for
    #[arg(long, value_enum)]
    pub ci: Option<Ci>,

    /// Ask nothing
    #[arg(long, short = 'y')]
    pub yes: bool,

    /// Replace files that are there
    #[arg(long)]
    pub force: bool,
}
