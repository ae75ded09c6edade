//! What the VM is made from, and with which arguments of limactl.

use crate::error::Failure;
use crate::host::lima::limactl::{Instance, MARK};
use crate::text::count;
use anyhow::Result;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

/// The template that labrun brings.
pub const OWN: &str = include_str!("../../../vm/labrun.yaml");

/// What the user wants the VM to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct VmConfig {
    /// Another template than labrun's own.
    pub template: Option<PathBuf>,
    /// Another disk image than the template's: a path or a URL.
    pub image: Option<String>,
    /// Number of virtual processors.
    pub cpus: Option<u32>,
    /// GiB.
    pub memory: Option<f32>,
    /// GiB.
    pub disk: Option<f32>,
}

impl VmConfig {
    /// The template's text.
    ///
    /// # Errors
    /// If the file cannot be read.
    pub fn text(&self) -> Result<String> {
        let Some(path) = &self.template else { return Ok(OWN.into()) };
        std::fs::read_to_string(path).map_err(|error| {
            Failure::usage(format!("--vm-template: {}: {error}", path.display())).into()
        })
    }

    /// A word that tells VMs apart that were made from something else: `own` or `file`, and a hash.
    pub fn mark(&self, text: &str) -> String {
        let kind = if self.template.is_some() || self.image.is_some() { "file" } else { "own" };
        let hash = Sha256::digest(format!("{text}\0{}", self.image.as_deref().unwrap_or_default()));
        format!("{kind}-{}", hash[..6].iter().map(|b| format!("{b:02x}")).collect::<String>())
    }

    /// The arguments of `limactl create` in front of the template's path; `os` and `arch` are
    /// values of [`std::env::consts`].
    pub fn arguments(&self, name: &str, mark: &str, os: &str, arch: &str) -> Vec<String> {
        let mut words = vec!["create".to_string(), format!("--name={name}")];
        let text = |value: &str| serde_json::Value::from(value).to_string();
        let mut set = vec![format!(".env.{MARK} = {}", text(mark))];
        if let Some(image) = &self.image {
            set.push(format!(
                r#".images = [{{"location": {}, "arch": {}}}]"#,
                text(image),
                text(arch)
            ));
        }
        words.push(format!("--set={}", set.join(" | ")));
        if self.template.is_none() {
            words.push(format!("--vm-type={}", vm_type(os)));
        }
        words.extend(self.cpus.map(|n| format!("--cpus={n}")));
        words.extend(self.memory.map(|n| format!("--memory={n}")));
        words.extend(self.disk.map(|n| format!("--disk={n}")));
        words
    }

    /// How `instance` differs from what is wanted now, where `mark` is that of the wishes.
    pub fn differences(&self, mark: &str, instance: &Instance) -> Vec<String> {
        let mut all = Vec::new();
        let made = instance.mark.as_deref().unwrap_or_default();
        // Who asks for nothing special gets the VM that there is, whatever it was made from.
        let asked = self.template.is_some() || self.image.is_some() || made.starts_with("own-");
        if asked && made != mark {
            all.push("its template has changed since it was made".into());
        }
        if let Some(cpus) = self.cpus.filter(|n| *n != instance.cpus) {
            all.push(format!("it has {}, not {cpus}", count(instance.cpus as usize, "processor")));
        }
        let mut size = |what: &str, wanted: Option<f32>, bytes: u64| {
            let has = bytes as f64 / f64::from(1 << 30);
            if let Some(wanted) = wanted.filter(|gib| (f64::from(*gib) - has).abs() > 0.01) {
                all.push(format!("it has {has} GiB of {what}, not {wanted}"));
            }
        };
        size("memory", self.memory, instance.memory);
        size("disk", self.disk, instance.disk);
        all
    }
}

/// Apple's own virtualisation where there is one, which is faster than QEMU and needs nothing
/// installed.
pub fn vm_type(os: &str) -> &'static str {
    if os == "macos" { "vz" } else { "qemu" }
}

/// The QEMU program that Lima starts on `os` and `arch`, unless the environment names another:
/// `set` is QEMU_SYSTEM_X86_64 or QEMU_SYSTEM_AARCH64.
pub fn qemu(os: &str, arch: &str, set: impl Fn(&str) -> Option<String>) -> Option<String> {
    if vm_type(os) != "qemu" {
        return None;
    }
    let program = format!("qemu-system-{arch}");
    let named = set(&program.replace('-', "_").to_uppercase());
    Some(
        named
            .and_then(|words| words.split_whitespace().next().map(String::from))
            .unwrap_or(program),
    )
}

/// Where the template is handed to limactl from, beside the lock of the VM.
pub fn file(folder: &Path, name: &str) -> PathBuf {
    folder.join(format!("{name}.yaml"))
}

#[cfg(test)]
mod tests {
    use super::super::limactl::Status;
    use super::*;

    fn instance(mark: &str) -> Instance {
        let (mark, errors, folder) = (Some(mark.to_string()), String::new(), String::new());
        Instance {
            status: Status::Running,
            mark,
            errors,
            cpus: 2,
            memory: 4 << 30,
            disk: 20 << 30,
            folder,
        }
    }

    #[test]
    fn arguments_for_every_system() {
        let own = VmConfig::default();
        let words = own.arguments("labrun", "own-1", "macos", "aarch64");
        assert_eq!(
            words,
            ["create", "--name=labrun", "--set=.env.LABRUN_TEMPLATE = \"own-1\"", "--vm-type=vz"]
        );
        assert_eq!(own.arguments("labrun", "own-1", "linux", "x86_64")[3], "--vm-type=qemu");
        let sized = VmConfig {
            template: Some("t.yaml".into()),
            cpus: Some(4),
            memory: Some(2.5),
            disk: Some(10.0),
            ..own
        };
        assert_eq!(
            sized.arguments("n", "file-1", "linux", "x86_64")[3..],
            ["--cpus=4", "--memory=2.5", "--disk=10"]
        );
    }

    /// The value of --set is a program, of yq.
    #[test]
    fn no_image_name_can_end_its_string() {
        let config = VmConfig { image: Some("/a\" | .cpus = 9 #".into()), ..VmConfig::default() };
        let words = config.arguments("n", "file-1", "linux", "x86_64");
        assert!(
            words[2]
                .ends_with(r#".images = [{"location": "/a\" | .cpus = 9 #", "arch": "x86_64"}]"#),
            "{}",
            words[2]
        );
    }

    #[test]
    fn a_changed_template_is_noticed_but_not_held_against_who_did_not_ask() {
        let own = VmConfig::default();
        let mark = own.mark(OWN);
        assert!(own.differences(&mark, &instance(&mark)).is_empty());
        assert_eq!(
            own.differences(&mark, &instance("own-0")),
            ["its template has changed since it was made"]
        );
        assert!(own.differences(&mark, &instance("file-0")).is_empty());
        let file = VmConfig { template: Some("t.yaml".into()), ..own };
        assert_eq!(file.differences(&file.mark("x"), &instance("file-0")).len(), 1);
    }

    #[test]
    fn sizes_are_compared_only_if_asked_for() {
        let config =
            VmConfig { cpus: Some(4), memory: Some(4.0), disk: Some(30.0), ..VmConfig::default() };
        let all = config.differences("own-1", &instance("own-1"));
        assert_eq!(all, ["it has 2 processors, not 4", "it has 20 GiB of disk, not 30"]);
    }

    #[test]
    fn qemu_is_only_needed_where_lima_starts_it() {
        assert_eq!(qemu("macos", "aarch64", |_| None), None);
        assert_eq!(qemu("linux", "aarch64", |_| None).unwrap(), "qemu-system-aarch64");
        let set =
            |name: &str| (name == "QEMU_SYSTEM_X86_64").then(|| "/opt/qemu -accel tcg".to_string());
        assert_eq!(qemu("linux", "x86_64", set).unwrap(), "/opt/qemu");
    }
}
