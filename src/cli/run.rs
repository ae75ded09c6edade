//! How labs and tests are run, and what is told and kept of it.

use crate::cli::ChoiceArgs;
use crate::lab::params::Setting;
use crate::record::artifacts::{FOLDER, When};
use crate::record::engine::Partition;
use crate::report::files::Target;
use crate::steps::Client;
use crate::topology::wants::Allow;
use crate::yaml::decode::parse_duration;
use clap::builder::FalseyValueParser;
use clap::{Args, Subcommand, ValueHint};
use std::path::PathBuf;
use std::time::Duration;

/// Which tests are run, and how.
#[derive(Args, Debug)]
pub struct TestArgs {
    /// Which.
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// Of these, only tests that failed when they were last run in this repository
    #[arg(long)]
    pub last_failed: bool,
    /// Run labs, and the tests of each, in another order than that of the lab files; the seed is
    /// printed, and --shuffle=SEED repeats the order
    #[arg(long, value_name = "SEED", num_args = 0..=1, require_equals = true)]
    pub shuffle: Option<Option<u64>>,
    /// Show what would be run, as `list` does, and run nothing
    #[arg(long)]
    pub list: bool,
    /// How to run them.
    #[command(flatten)]
    pub run: RunArgs,
    /// How many labs to run at once [default: the number of cores, at least 2]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub jobs: Option<u16>,
    /// Print only what failed, was flaky or is a warning, and the end of the run
    #[arg(long, short, conflicts_with = "verbose")]
    pub quiet: bool,
    /// Begin no further test once one has failed; those that are running are brought to their end
    #[arg(long)]
    pub fail_fast: bool,
    /// Try a test that fails up to N times more, each time in a lab made anew; one that passes only
    /// then is reported as flaky, and does not fail the run
    #[arg(long, value_name = "N", default_value_t = 0, hide_default_value = true, conflicts_with = "keep", value_parser = clap::value_parser!(u8).range(..=100))]
    pub retries: u8,
    /// Run every test N times, each time in a lab as set-up made it, and say how many of how many runs
    /// failed; one is enough to fail the test. --fail-fast stops at the first
    #[arg(long, value_name = "N", conflicts_with_all = ["retries", "keep"], value_parser = clap::value_parser!(u32).range(1..))]
    pub stress: Option<u32>,
    /// The same for so long in each lab, as in `10m`; the round that has begun is brought to its end
    #[arg(long, value_name = "TIME", conflicts_with_all = ["stress", "retries", "keep"], value_parser = time)]
    pub stress_for: Option<Duration>,
    /// Run only part K of N of the tests, divided by how long they take; the parts are the same on
    /// every machine. `auto` takes the part from the engine that runs this job (GitLab, CircleCI,
    /// Buildkite, Kubernetes, Slurm, labrun's action), `auto/N` where it does not tell how many
    #[arg(long, value_name = "K/N|auto")]
    pub partition: Option<Partition>,
    /// Run the tests again whenever a lab file or another file of the repository has changed: if only lab
    /// files have, the tests of their labs
    #[arg(long, conflicts_with_all = ["list", "keep", "stress", "stress_for", "partition"])]
    pub watch: bool,
    /// Say where the time went: for each lab its set-up, each service, each step, judging, putting
    /// back and cleaning
    #[arg(long)]
    pub timings: bool,
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
    /// Write a report: json=FILE, junit=FILE, html=FILE or github (may be repeated); github is on
    /// by itself in GitHub Actions
    #[arg(long = "report", value_name = "KIND=FILE")]
    pub targets: Vec<Target>,

    /// How long tests took in earlier runs; what passes now is added
    #[arg(long, value_name = "FILE")]
    pub durations: Option<PathBuf>,
}

/// Which program is tested.
#[derive(Args, Debug)]
pub struct SubjectArgs {
    /// The program under test: a binary, or a repository to build it from; with several,
    /// PROGRAM=PATH
    #[arg(long, value_name = "PATH", env = "LABRUN_SUBJECT", value_hint = ValueHint::AnyPath)]
    pub subject: Vec<String>,

    /// Refuse stand-ins, and make a skipped test a failure [default when CI=true]
    #[arg(long, overrides_with = "no_strict")]
    pub strict: bool,

    /// Accept stand-ins and skipped tests, even when CI=true
    #[arg(long, overrides_with = "strict")]
    pub no_strict: bool,
}

/// Parameters of labs.
#[derive(Args, Clone, Debug)]
pub struct ParamArgs {
    /// Another value for one of the `params` of a lab file; the items of a list with commas
    #[arg(long = "set", value_name = "NAME=VALUE")]
    pub settings: Vec<Setting>,
}

/// How labs are run.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// What is tested.
    #[command(flatten)]
    pub tested: SubjectArgs,

    /// Parameters of the labs.
    #[command(flatten)]
    pub params: ParamArgs,

    /// Another instance of the lab, beside the unnamed one
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,

    /// The DHCP client of steps that name none
    #[arg(long, value_enum, default_value = "dhclient")]
    pub client: Client,

    /// Grant what lab files ask for: `env`, to see the variables that `pass-env` names; `write`, to write
    /// to the folders that `writable` names
    #[arg(long, value_name = "WHAT", value_enum, value_delimiter = ',', env = "LABRUN_ALLOW")]
    pub allow: Vec<Allow>,

    /// Copy a repository to another machine without a question, though it has more than 20,000
    /// files or 200 MB to send
    #[arg(long, env = "LABRUN_COPY_LARGE", value_parser = FalseyValueParser::new())]
    pub copy_large: bool,

    /// Wait N times as long for everything that lab files have a time for: services to be ready, steps,
    /// tests. For slow machines
    #[arg(long, value_name = "N", default_value_t = 1.0, hide_default_value = true, env = "LABRUN_TIMEOUT_SCALE", value_parser = scale)]
    pub timeout_scale: f64,

    /// Leave a lab up that failed, and say how to enter it
    #[arg(long)]
    pub keep: bool,

    /// Show the daemons' and the clients' own output, and what was sent in every test
    #[arg(long, short)]
    pub verbose: bool,
}

/// What is kept of tests.
#[derive(Args, Debug)]
pub struct ArtifactArgs {
    /// Of which tests to keep logs, captures and the state of every node
    #[arg(
        long = "artifacts",
        value_name = "WHEN",
        value_enum,
        default_value_t,
        env = "LABRUN_ARTIFACTS"
    )]
    pub when: When,

    /// Where: each test and attempt has a folder in it
    #[arg(long = "artifacts-dir", value_name = "DIR", default_value = FOLDER, env = "LABRUN_ARTIFACTS_DIR")]
    pub folder: PathBuf,
}

/// A time, as lab files have it.
fn time(text: &str) -> Result<Duration, String> {
    let time = parse_duration(text).filter(|time| !time.is_zero());
    time.ok_or_else(|| "a time is wanted, as in `30s`, `10m` or `2h`".into())
}

/// By how much deadlines grow.
fn scale(text: &str) -> Result<f64, String> {
    let factor = text.parse().ok().filter(|factor| (1.0..=100.0).contains(factor));
    factor.ok_or_else(|| "a number from 1 to 100 is wanted, as in `2` or `1.5`".into())
}

impl SubjectArgs {
    /// Whether this run is strict.
    pub fn is_strict(&self) -> bool {
        let ci = std::env::var("CI").is_ok_and(|value| value == "true" || value == "1");
        self.strict || (ci && !self.no_strict)
    }
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
