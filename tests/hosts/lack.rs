//! Disks and memory that can be taken away, and given back, while a lab is set up or tested.

use crate::common;

use common::{host, wait_for};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A tmpfs, whose size can be changed at any time to what is in it.
pub struct Disk {
    path: PathBuf,
    size: u64,
    files: u64,
}

impl Disk {
    pub fn at(path: &Path) -> Disk {
        let now = rustix::fs::statvfs(path).unwrap();
        Disk { path: path.into(), size: now.f_blocks * now.f_frsize / 1024, files: now.f_files }
    }

    fn remount(&self, option: &str) -> bool {
        let mut mount = Command::new("mount");
        mount.args(["-n", "-o", &format!("remount,{option}")]).arg(&self.path);
        mount.output().unwrap().status.success()
    }

    /// Leaves `more` KiB or files.
    pub fn leave(&self, what: &str, more: u64) {
        // While it is looked at and changed, more may be written: then it would be too small, and is refused.
        wait_for("the disk to be small", || {
            let now = rustix::fs::statvfs(&self.path).unwrap();
            self.remount(&match what {
                "size" => {
                    let used = (now.f_blocks - now.f_bfree) * now.f_frsize / 1024;
                    format!("size={}k", used.max(4) + more)
                }
                _ => format!("nr_inodes={}", now.f_files - now.f_ffree + more),
            })
        });
    }

    pub fn lift(&self) {
        assert!(self.remount(&format!("size={}k,nr_inodes={}", self.size, self.files)));
    }
}

/// A memory cgroup, of either version.
pub struct Memory {
    folder: PathBuf,
    version: u8,
}

impl Memory {
    /// The one for what this test runs, which is made.
    pub fn find() -> Result<Memory, String> {
        let root = Path::new("/sys/fs/cgroup");
        let tried = |arguments: &[&str]| {
            let mut mount = Command::new("mount");
            mount.args(arguments).arg("none").arg(root);
            mount.output().unwrap().status.success()
        };
        let memory = |file: &str| {
            fs::read_to_string(root.join(file))
                .is_ok_and(|text| text.split_whitespace().any(|word| word == "memory"))
        };
        let mut version = if root.join("memory.limit_in_bytes").exists() { 1 } else { 2 };
        if version == 2 && !memory("cgroup.controllers") {
            if tried(&["-t", "cgroup2"]) && !memory("cgroup.controllers") {
                let _ = Command::new("umount").arg(root).status();
            }
            if !memory("cgroup.controllers") {
                version = 1;
                if !tried(&["-t", "cgroup", "-o", "memory"]) {
                    return Err("there is no memory controller of cgroups to mount".into());
                }
            }
        }
        if version == 2 && !memory("cgroup.subtree_control") {
            return Err("cgroups have no memory controller below the first".into());
        }
        let made = tempfile::Builder::new().prefix("labrun-test-").tempdir_in(root);
        let folder = made.map_err(|error| format!("no cgroup can be made: {error}"))?.keep();
        Ok(Memory { folder, version })
    }

    fn file(&self, old: &str, new: &str) -> PathBuf {
        self.folder.join(if self.version == 1 { old } else { new })
    }

    /// What is to be run in it, before a program.
    pub fn words(&self) -> [String; 5] {
        let enter = r#"echo 0 >"$1" && shift && exec "$@""#;
        let file = self.folder.join("cgroup.procs").display().to_string();
        ["sh", "-c", enter, "sh", &file].map(String::from)
    }

    pub fn leave(&self, more: u64) {
        // With the whole group, or what the kernel takes.
        let _ = fs::write(self.folder.join("memory.oom.group"), (more % 2).to_string());
        let _ = fs::write(self.folder.join("memory.swap.max"), "0");
        let used = fs::read_to_string(self.file("memory.usage_in_bytes", "memory.current"));
        let used: u64 = used.unwrap().trim().parse().unwrap();
        // The old version refuses what is too little by now; the new one kills.
        let limit = self.file("memory.limit_in_bytes", "memory.max");
        let mut limits = (0..100).map(|more_yet| used + (more + more_yet * 400) * 1024);
        assert!(limits.any(|bytes| fs::write(&limit, bytes.to_string()).is_ok()));
    }

    pub fn lift(&self) {
        let none = if self.version == 1 { "-1" } else { "max" };
        fs::write(self.file("memory.limit_in_bytes", "memory.max"), none).unwrap();
    }

    /// How many processes it has cost so far.
    pub fn killed(&self) -> u64 {
        let text = fs::read_to_string(self.file("memory.oom_control", "memory.events")).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix("oom_kill "));
        line.map_or(0, |number| number.parse().unwrap())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // After a test that failed it is not empty, and would outlive the test's own host.
        for _ in 0..1000 {
            let left = fs::read_to_string(self.folder.join("cgroup.procs")).unwrap_or_default();
            left.lines().filter_map(|pid| pid.parse().ok()).for_each(|pid| host::kill("KILL", pid));
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(5));
        }
    }
}
