//! `labrun vm`.

use crate::cli::{Cli, VmArgs, VmVerb};
use crate::error::Exit;
use crate::host::Remote;
use crate::host::lima::Vm;
use crate::host::lima::limactl::Instance;
use crate::host::lima::progress::Progress;
use crate::host::lima::template::VmConfig;
use crate::report::Format;
use crate::report::outln;
use crate::text::count;
use anyhow::Result;
use serde_json::json;

/// Does what `verb` says with the VM.
///
/// # Errors
/// Why it could not be done.
pub fn vm(cli: &Cli, verb: &VmVerb) -> Result<u8> {
    let progress = Progress::new();
    match verb {
        VmVerb::Up { config, recreate } => {
            let vm = Vm::new(self::config(config))?;
            if *recreate {
                vm.delete(&progress)?;
            }
            vm.prepare(&[], &progress)?;
            outln!("the VM `{}` is up", vm.name);
        }
        VmVerb::Status => {
            let vm = Vm::new(VmConfig::default())?;
            let instance = vm.look()?;
            match cli.format {
                Format::Json => outln!("{}", status_json(&vm.name, instance.as_ref())),
                _ => outln!("{}", status_text(&vm.name, instance.as_ref())),
            }
        }
        VmVerb::Shell { command } => {
            let vm = Vm::new(VmConfig::default())?;
            vm.up(&progress)?;
            let command =
                if command.is_empty() { &["bash".to_string(), "-l".into()][..] } else { command };
            let status = Remote::new(vm.machine()).tool(command)?;
            return Ok(u8::try_from(status).unwrap_or(255));
        }
        VmVerb::Stop => {
            let vm = Vm::new(VmConfig::default())?;
            if !vm.stop(&progress)? {
                outln!("the VM `{}` is not up", vm.name);
            }
        }
        VmVerb::Delete => {
            let vm = Vm::new(VmConfig::default())?;
            if !vm.delete(&progress)? {
                outln!("there is no VM `{}`", vm.name);
            }
        }
    }
    Ok(Exit::Passed as u8)
}

fn config(args: &VmArgs) -> VmConfig {
    let VmArgs { vm_template, vm_image, cpus, memory, disk } = args.clone();
    VmConfig { template: vm_template, image: vm_image, cpus, memory, disk }
}

fn state(instance: Option<&Instance>) -> &'static str {
    instance.map_or("missing", |instance| instance.status.word())
}

fn status_text(name: &str, instance: Option<&Instance>) -> String {
    let state = state(instance);
    let Some(instance) = instance else {
        return format!("there is no VM `{name}`: `labrun vm up` makes it");
    };
    let gib = |bytes: u64| bytes as f64 / f64::from(1 << 30);
    let mut text = format!(
        "{name}  {state}  {}, {} GiB of memory, {} GiB of disk",
        count(instance.cpus as usize, "processor"),
        gib(instance.memory),
        gib(instance.disk)
    );
    if instance.mark.is_none() {
        text.push_str("; not made by labrun");
    }
    if !instance.errors.is_empty() {
        text.push_str(&format!("; {}", instance.errors));
    }
    text
}

fn status_json(name: &str, instance: Option<&Instance>) -> serde_json::Value {
    json!({
        "vm": name, "state": state(instance), "cpus": instance.map(|i| i.cpus), "memory": instance.map(|i| i.memory),
        "disk": instance.map(|i| i.disk), "template": instance.and_then(|i| i.mark.clone()), "folder": instance.map(|i| &i.folder),
    })
}
