//! What follows `import`.

use clap::Args;

/// A topology file is only read. A command runs in a sandbox of its own, and must end once all is up.
#[derive(Args, Clone, Debug)]
pub struct ImportArgs {
    /// The lab's name, and that of its file in `labs/`; the command's or file's unless said otherwise
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,

    /// Seconds that the command may take
    #[arg(long, value_name = "SECONDS", default_value_t = 60)]
    pub timeout: u64,

    /// Replace the file if it is there
    #[arg(long)]
    pub force: bool,

    /// The command, such as `./setup.sh relay`, or the topology file, such as `ring.clab.yml`
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub command: Vec<String>,
}
