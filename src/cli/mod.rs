//! The command line.

mod capture;
mod import;
mod init;
mod list;
pub(crate) mod names;
mod run;
mod schema;
mod shell;
mod vm;

pub use capture::{CaptureArgs, CaptureVerb, ShowArgs};
pub use import::ImportArgs;
pub use init::InitArgs;
pub use list::{ChoiceArgs, ListArgs};
pub use run::{ArtifactArgs, ParamArgs, ReportArgs, ReportVerb, RunArgs, SubjectArgs, TestArgs};
pub use schema::Documented;
pub use shell::Shell;
pub use vm::{VmArgs, VmVerb};

use crate::host::HostKind;
use crate::report::{Colour, Format};
use crate::steps::Client;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Parser, Subcommand, ValueEnum};
use clap_complete::{ArgValueCandidates, ArgValueCompleter};
use std::path::PathBuf;

/// Real network labs in one command: real daemons, real clients, nothing left behind.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = exit_codes())]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,

    /// Take the labs from this file instead (may be repeated)
    #[arg(long = "file", value_name = "FILE", global = true)]
    pub files: Vec<PathBuf>,

    /// Where labs run: `native`, `lima` (a VM), another Linux machine by
    /// `ssh://[user@]machine[:port]`, as root here as another user who may do nothing, by `user://NAME`,
    /// or `auto`: here, or in the VM if there is one and this machine lacks what the lab needs
    #[arg(long, env = "LABRUN_HOST", value_name = "HOST", global = true)]
    pub host: Option<HostKind>,

    /// How to print: for people, or one JSON object a line
    #[arg(long, value_name = "FORMAT", value_parser = one_of(&["text", "json"]), default_value = "text", global = true)]
    pub format: Format,

    /// Whether to print in colour; `auto`: on a terminal, but not with NO_COLOR
    #[arg(long, value_name = "WHEN", value_enum, default_value_t, global = true)]
    pub color: Colour,
}

/// What the exit codes mean.
pub(crate) const EXIT_CODES: [(u8, &str); 6] = [
    (0, "passed"),
    (1, "a test failed"),
    (2, "wrong usage or lab file"),
    (3, "this machine cannot run it"),
    (4, "set-up failed"),
    (130, "interrupted, and cleaned up"),
];

fn exit_codes() -> String {
    let codes = EXIT_CODES.map(|(code, meaning)| format!("{code} {meaning}"));
    format!("Exit codes:\n  {}\n  {}", codes[..4].join("   "), codes[4..].join("   "))
}

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Write a first lab for the program of this repository: a lab file, and a workflow that runs it
    Init(InitArgs),
    /// Write the lab that a script builds with `ip netns`, or that a file of containerlab or tinet describes
    Import(ImportArgs),
    /// Bring labs up and leave them up
    Setup {
        /// Their names
        #[arg(required = true, add = ArgValueCandidates::new(names::labs))]
        labs: Vec<String>,
        /// How to run them.
        #[command(flatten)]
        run: RunArgs,
    },
    /// Run tests, setting up what is not up, and taking down only that
    Test(TestArgs),
    /// Work with reports of earlier runs
    Report {
        /// What to do with them.
        #[command(subcommand)]
        verb: ReportVerb,
    },
    /// Take labs down, and see that nothing is left: those that are named, else all that no other
    /// labrun is at work in
    Clean {
        /// Names of labs or instances
        #[arg(add = ArgValueCandidates::new(names::instances))]
        labs: Vec<String>,
        /// With no name, also those that another labrun is at work in, as `test` is
        #[arg(long)]
        force: bool,
    },
    /// Show the labs that are up, and their services
    Status,
    /// Run a command in a node of a running lab
    Exec {
        /// The lab, or LAB@INSTANCE
        #[arg(add = ArgValueCandidates::new(names::running))]
        lab: String,
        /// The node; `global` is the lab's own namespace
        #[arg(allow_hyphen_values = true, add = ArgValueCandidates::new(names::nodes))]
        node: String,
        /// The command
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Open a shell in a node of a running lab
    Shell {
        /// The lab, or LAB@INSTANCE
        #[arg(add = ArgValueCandidates::new(names::running))]
        lab: String,
        /// The node
        #[arg(
            default_value = "global",
            allow_hyphen_values = true,
            add = ArgValueCandidates::new(names::nodes)
        )]
        node: String,
    },
    /// Print what the services of a running lab print
    Logs {
        /// The lab, or LAB@INSTANCE
        #[arg(add = ArgValueCandidates::new(names::running))]
        lab: String,
        /// The services, all if none is named
        #[arg(add = ArgValueCandidates::new(names::services))]
        services: Vec<String>,
        /// Go on as more comes
        #[arg(long, short = 'f')]
        follow: bool,
    },
    /// Show or record what crosses a running lab
    Capture(CaptureArgs),
    /// List labs and their tests
    List(ListArgs),
    /// Check lab files and show all mistakes
    Check {
        /// The files; nothing means all in the repository's labs/
        paths: Vec<PathBuf>,
        /// Parameters of the labs.
        #[command(flatten)]
        params: ParamArgs,
    },
    /// Print a lab as one bash program, which runs without labrun
    Script {
        /// The lab
        #[arg(add = ArgValueCandidates::new(names::labs))]
        lab: String,
        /// The DHCP client of steps that name none
        #[arg(long, value_enum, default_value = "dhclient")]
        client: Client,
        /// Parameters of the lab.
        #[command(flatten)]
        params: ParamArgs,
    },
    /// The virtual machine that labs run in where they cannot run here
    Vm {
        /// What to do with it.
        #[command(subcommand)]
        verb: VmVerb,
    },
    /// Draw a lab's topology
    Graph {
        /// The lab
        #[arg(add = ArgValueCandidates::new(names::labs))]
        lab: String,
        /// As what: for a terminal, or for other programs
        #[arg(long, value_name = "FORMAT", value_parser = one_of(&["text", "mermaid", "dot", "svg", "json"]), default_value = "text")]
        format: Format,
        /// Parameters of the lab.
        #[command(flatten)]
        params: ParamArgs,
    },
    /// Find out what this machine lacks for the labs
    Doctor {
        /// The labs, or tests of theirs; all if none is named
        #[arg(add = ArgValueCompleter::new(names::tests))]
        labs: Vec<String>,
        /// Install the packages that are missing
        #[arg(long)]
        install: bool,
        /// What is tested.
        #[command(flatten)]
        tested: SubjectArgs,
        /// The DHCP client of steps that name none
        #[arg(long, value_enum, default_value = "dhclient")]
        client: Client,
    },
    /// Print the script that has a shell complete labrun's words, names of labs, tests, nodes and
    /// services among them
    Completions {
        /// The shell
        shell: Shell,
    },
    /// Print what a lab file may hold, as JSON Schema, which editors check and complete by
    Schema {
        /// Of lab files, or of the lines that --format json prints
        #[arg(value_enum, default_value = "lab")]
        of: Documented,
    },
    /// Print labrun's manual page, or write those of all verbs into a folder
    Man {
        /// Such as ~/.local/share/man/man1
        folder: Option<PathBuf>,
    },
}

/// Reads those of all formats that a verb can print.
fn one_of(names: &'static [&'static str]) -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(names)
        .map(|name| Format::from_str(&name, false).expect("these are formats"))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    /// Two options of one name, for instance, show only when the verb is used.
    #[test]
    fn no_verb_contradicts_the_others() {
        super::Cli::command().debug_assert();
    }
}
