//! The command line.

use crate::evidence::artifacts::{self, When};
use crate::host::HostKind;
use crate::lab::model::Client;
use crate::partition::Part;
use crate::report::Format;
use crate::report::files::Target;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Real network labs in one command: real daemons, real clients, nothing left behind.
#[derive(Debug, Parser)]
#[command(version, max_term_width = 100, after_help = EXIT_CODES)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,

    /// Take the labs from this file instead (may be repeated)
    #[arg(long = "file", value_name = "FILE", global = true)]
    pub files: Vec<PathBuf>,

    /// Where labs run: `native`, `lima` (a VM), another Linux machine by `ssh://[user@]machine[:port]`,
    /// or `auto`: here, or in the VM if there is one and this machine lacks what the lab needs
    #[arg(long, env = "LABRUN_HOST", value_name = "HOST", global = true)]
    pub host: Option<HostKind>,

    /// How to print: for people, or one JSON object a line
    #[arg(long, value_name = "FORMAT", value_parser = one_of(&["text", "json"]), default_value = "text", global = true)]
    pub format: Format,
}

const EXIT_CODES: &str = "Exit codes:
  0 passed   1 a test failed   2 wrong usage or lab file   3 this machine cannot run it
  4 set-up failed   130 interrupted, and cleaned up";

/// The verbs.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Bring labs up and leave them up
    Setup {
        /// Their names
        #[arg(required = true)]
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
    /// Take labs down, all if none is named, and see that nothing is left
    Clean {
        /// Names of labs or instances
        labs: Vec<String>,
    },
    /// Show the labs that are up, and their services
    Status,
    /// Run a command in a node of a running lab
    Exec {
        /// The lab, or LAB@INSTANCE
        lab: String,
        /// The node; `global` is the lab's own namespace
        #[arg(allow_hyphen_values = true)]
        node: String,
        /// The command
        #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Open a shell in a node of a running lab
    Shell {
        /// The lab, or LAB@INSTANCE
        lab: String,
        /// The node
        #[arg(default_value = "global", allow_hyphen_values = true)]
        node: String,
    },
    /// Print what the services of a running lab print
    Logs {
        /// The lab, or LAB@INSTANCE
        lab: String,
        /// The services, all if none is named
        services: Vec<String>,
        /// Go on as more comes
        #[arg(long, short = 'f')]
        follow: bool,
    },
    /// Show or record what crosses a running lab
    Capture(CaptureArgs),
    /// Capture packets from inside a lab
    #[command(name = "_capture", hide = true)]
    Capturer {
        /// The network namespaces: what to call each, and where it is unless it is this one
        #[arg(long = "namespace", value_name = "NAME[=PATH]", required = true)]
        namespaces: Vec<String>,
        /// Write everything to standard output as it comes
        #[arg(long)]
        live: bool,
    },
    /// List labs and their tests
    List {
        /// Names of tests or labs; nothing means all
        tests: Vec<String>,
        /// List only part K of N, as `test` divides them
        #[arg(long, value_name = "K/N")]
        partition: Option<Part>,
        /// With --format github-matrix: a job a part, of N, instead of a job a test
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..), conflicts_with = "partition")]
        partitions: Option<u16>,
        /// How long the tests took in earlier runs
        #[arg(long, value_name = "FILE")]
        durations: Option<PathBuf>,
        /// As what: for people, one JSON object a line, or what a workflow takes for `strategy.matrix`
        #[arg(long, value_name = "FORMAT", value_parser = one_of(&["text", "json", "github-matrix"]), default_value = "text")]
        format: Format,
    },
    /// Check lab files and show all mistakes
    Check {
        /// The files
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Print a lab as one bash program, which runs without labrun
    Script {
        /// The lab
        lab: String,
        /// The DHCP client of steps that name none
        #[arg(long, value_enum, default_value = "dhclient")]
        client: Client,
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
        lab: String,
        /// As what: for a terminal, or for other programs
        #[arg(long, value_name = "FORMAT", value_parser = one_of(&["text", "mermaid", "dot", "svg", "json"]), default_value = "text")]
        format: Format,
    },
    /// Find out what this machine lacks for the labs
    Doctor {
        /// The labs, or tests of theirs; all if none is named
        labs: Vec<String>,
        /// Install the packages that are missing
        #[arg(long)]
        install: bool,
        /// The DHCP client of steps that name none
        #[arg(long, value_enum, default_value = "dhclient")]
        client: Client,
    },
}

/// What can be done with the VM. Its name among Lima's instances is `labrun`, or LABRUN_VM.
#[derive(Debug, Subcommand)]
pub enum VmVerb {
    /// Make it, start it or mend it; every verb that runs a lab in it does so, too
    Up {
        /// What it is made from.
        #[command(flatten)]
        wishes: VmArgs,
        /// Remove the one there is, with all that is in it
        #[arg(long)]
        recreate: bool,
    },
    /// Show how it is
    Status,
    /// Open a shell in it, or run a command
    Shell {
        /// The command
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        command: Vec<String>,
    },
    /// Stop it, and with it the labs that are up there
    Stop,
    /// Remove it with its disk
    Delete,
}

/// What the VM is made from.
#[derive(Args, Clone, Debug)]
pub struct VmArgs {
    /// A Lima template, instead of labrun's own with Ubuntu LTS
    #[arg(long, value_name = "FILE", env = "LABRUN_VM_TEMPLATE")]
    pub vm_template: Option<PathBuf>,

    /// A disk image, by path or URL, instead of the template's
    #[arg(long, value_name = "IMAGE", env = "LABRUN_VM_IMAGE")]
    pub vm_image: Option<String>,

    /// Virtual processors
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub cpus: Option<u32>,

    /// Memory, in GiB
    #[arg(long, value_name = "GIB", value_parser = gibibytes)]
    pub memory: Option<f32>,

    /// Size of its disk, in GiB
    #[arg(long, value_name = "GIB", value_parser = gibibytes)]
    pub disk: Option<f32>,
}

fn gibibytes(text: &str) -> Result<f32, String> {
    let number = text.trim_end_matches("iB").trim_end_matches('G').parse::<f32>().map_err(|_| "a number of GiB".to_string())?;
    if (0.25..=65536.0).contains(&number) { Ok(number) } else { Err("0.25 to 65536 GiB".into()) }
}

/// What to capture.
#[derive(Args, Debug)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true, disable_help_subcommand = true)]
pub struct CaptureArgs {
    /// What else to do with captures.
    #[command(subcommand)]
    pub verb: Option<CaptureVerb>,

    /// The lab, or LAB@INSTANCE
    #[arg(required = true)]
    pub lab: Option<String>,

    /// The node; `global` is the lab's own namespace, where all ports of its bridges are
    #[arg(default_value = "global", allow_hyphen_values = true)]
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
    /// A file, or a test that left a capture among its artifacts; the newest capture if none is named
    #[arg(value_name = "TEST or FILE")]
    pub what: Option<String>,

    /// The lab it was made in [default: the one whose interfaces it has]
    #[arg(long)]
    pub lab: Option<String>,

    /// List the packets, a line each time one was seen
    #[arg(long, short = 'v', visible_alias = "verbose")]
    pub list: bool,
}

/// What `report` can do.
#[derive(Debug, Subcommand)]
pub enum ReportVerb {
    /// Join the JSON reports of the parts of a run; the exit code is that of the whole
    Merge {
        /// What `test --report json=FILE` wrote
        #[arg(required = true, value_name = "IN.json")]
        inputs: Vec<PathBuf>,
        /// What is told of the whole.
        #[command(flatten)]
        reports: ReportArgs,
    },
}

/// Which tests are run, and how.
#[derive(Args, Debug)]
pub struct TestArgs {
    /// Names of tests or labs; nothing means all that concern this repository
    pub tests: Vec<String>,
    /// How to run them.
    #[command(flatten)]
    pub run: RunArgs,
    /// How many labs to run at once [default: the number of cores, at least 2]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Run only part K of N of the tests, divided by how long they take; the parts are the same on
    /// every machine
    #[arg(long, value_name = "K/N")]
    pub partition: Option<Part>,
    /// What is told of the run.
    #[command(flatten)]
    pub reports: ReportArgs,
    /// What is kept of it.
    #[command(flatten)]
    pub artifacts: ArtifactArgs,
}

/// What is told of a run beside what is printed.
#[derive(Args, Debug)]
pub struct ReportArgs {
    /// Write a report: json=FILE, junit=FILE, html=FILE or github (may be repeated); github is on by
    /// itself in GitHub Actions
    #[arg(long = "report", value_name = "KIND=FILE")]
    pub targets: Vec<Target>,

    /// How long tests took in earlier runs; what passes now is added
    #[arg(long, value_name = "FILE")]
    pub durations: Option<PathBuf>,
}

/// How labs are run.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// The program under test: a binary, or a repository to build it from; with several, PROGRAM=PATH
    #[arg(long, value_name = "PATH", env = "LABRUN_SUBJECT")]
    pub subject: Vec<String>,

    /// Another instance of the lab, beside the unnamed one
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,

    /// The DHCP client of steps that name none
    #[arg(long, value_enum, default_value = "dhclient")]
    pub client: Client,

    /// Refuse stand-ins, and make a skipped test a failure [default when CI=true]
    #[arg(long, overrides_with = "no_strict")]
    pub strict: bool,

    /// Accept stand-ins and skipped tests, even when CI=true
    #[arg(long, overrides_with = "strict")]
    pub no_strict: bool,

    /// Leave a lab up that failed, and say how to enter it
    #[arg(long)]
    pub keep: bool,

    /// Show the daemons' and the clients' own output
    #[arg(long, short)]
    pub verbose: bool,
}

/// What is kept of tests.
#[derive(Args, Debug)]
pub struct ArtifactArgs {
    /// Of which tests to keep logs, captures and the state of every node
    #[arg(long = "artifacts", value_name = "WHEN", value_enum, default_value_t, env = "LABRUN_ARTIFACTS")]
    pub when: When,

    /// Where: each test and attempt has a folder in it
    #[arg(long = "artifacts-dir", value_name = "DIR", default_value = artifacts::FOLDER, env = "LABRUN_ARTIFACTS_DIR")]
    pub folder: PathBuf,
}

impl RunArgs {
    /// Whether this run is strict.
    pub fn is_strict(&self) -> bool {
        let ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
        self.strict || (ci && !self.no_strict)
    }
}

/// Reads those of all formats that a verb can print.
fn one_of(names: &'static [&'static str]) -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(names).map(|name| Format::from_str(&name, false).expect("these are formats"))
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
