//! What follows `vm`.

use clap::{Args, Subcommand};
use std::path::PathBuf;

/// What can be done with the VM. Its name among Lima's instances is `labrun`, or LABRUN_VM.
#[derive(Debug, Subcommand)]
pub enum VmVerb {
    /// Make it, start it or mend it; every verb that runs a lab in it does so, too
    Up {
        /// What it is made from.
        #[command(flatten)]
        config: VmArgs,
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
    let number = text
        .trim_end_matches("iB")
        .trim_end_matches('G')
        .parse::<f32>()
        .map_err(|_| "a number of GiB".to_string())?;
    if (0.25..=65536.0).contains(&number) { Ok(number) } else { Err("0.25 to 65536 GiB".into()) }
}
