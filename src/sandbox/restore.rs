//! Taking back what steps have done to the lab.

use super::{Gone, Process, Sandbox, processes};
use crate::topology::model::GLOBAL;
use rustix::process::Signal;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A DHCP client's link, and what it keeps there.
#[derive(Clone, Debug)]
pub struct Lessee {
    /// The client's network namespace.
    pub node: String,
    /// Its link.
    pub link: String,
    /// 4 or 6.
    pub family: u8,
    /// Where its lease is. Ubuntu's AppArmor profile lets dhclient write such names only, and its
    /// pid file.
    pub lease: PathBuf,
    /// Where its process is.
    pub pidfile: PathBuf,
}

impl Lessee {
    /// The client of `link` in `node`.
    pub fn new(node: &str, link: &str, family: u8) -> Lessee {
        Lessee {
            node: node.into(),
            link: link.into(),
            family,
            lease: format!("/var/lib/dhcp/dhclient-{node}-{link}-{family}.leases").into(),
            pidfile: format!("/run/dhclient-{node}-{link}-{family}.pid").into(),
        }
    }

    /// Part of a file name.
    pub fn name(&self) -> String {
        format!("{}-{}-{}", self.node, self.link, self.family)
    }
}

impl Sandbox {
    fn clients(&self) -> PathBuf {
        self.state.join("client")
    }

    /// Notes that a client is about to use a link, so that [`Sandbox::forget_leases`] finds it,
    /// also after this process was killed.
    ///
    /// # Errors
    /// If it cannot be noted.
    pub fn remember_lease(&self, lessee: &Lessee) -> io::Result<()> {
        if let Some(folder) = lessee.lease.parent() {
            fs::create_dir_all(folder)?;
        }
        let text = format!("{}\n{}\n{}\n", lessee.node, lessee.link, lessee.family);
        fs::write(self.clients().join(format!("of-{}", lessee.name())), text)
    }

    /// Takes away the addresses of a client's link.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn flush_addresses(&self, lessee: &Lessee) -> Result<(), Gone> {
        let flag = format!("-{}", lessee.family);
        self.run(self.program(
            &lessee.node,
            &["ip", &flag, "addr", "flush", "dev", &lessee.link, "scope", "global"],
        ))
        .map(drop)
    }

    /// Ends a client of an earlier step and takes back what it configured.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn forget_lease(&self, lessee: &Lessee) -> Result<(), Gone> {
        let note = self.clients().join(format!("of-{}", lessee.name()));
        if note.exists() {
            let pid =
                fs::read_to_string(&lessee.pidfile).ok().and_then(|text| text.trim().parse().ok());
            if let Some(process) = pid.and_then(Process::of) {
                process.signal(Signal::KILL);
                let deadline = Instant::now() + Duration::from_secs(1);
                self.until(deadline, || Ok(!process.is_there()))?;
            }
            self.flush_addresses(lessee)?;
            self.restore_addresses(&lessee.node)?;
        }
        for path in [&note, &lessee.lease, &lessee.pidfile] {
            let _ = fs::remove_file(path);
        }
        Ok(())
    }

    /// The same of all clients.
    fn forget_leases(&self) -> Result<(), Gone> {
        for entry in fs::read_dir(self.clients()).into_iter().flatten().flatten() {
            if !entry.file_name().to_string_lossy().starts_with("of-") {
                continue;
            }
            let text = fs::read_to_string(entry.path()).unwrap_or_default();
            if let [node, link, family] = text.lines().collect::<Vec<_>>().as_slice() {
                self.forget_lease(&Lessee::new(node, link, family.parse().unwrap_or(4)))?;
            }
        }
        Ok(())
    }

    /// Clients write /etc/resolv.conf, which all nodes share. The one from before the test is kept
    /// until [`Sandbox::restore`].
    pub fn keep_resolver(&self) {
        let kept = self.clients().join(".etc");
        if fs::create_dir(&kept).is_ok() {
            copy_link(Path::new("/etc/resolv.conf"), &kept.join("resolv.conf"));
        }
    }

    fn restore_resolver(&self) {
        let kept = self.clients().join(".etc");
        if kept.exists() {
            let _ = fs::remove_file("/etc/resolv.conf");
            copy_link(&kept.join("resolv.conf"), Path::new("/etc/resolv.conf"));
            let _ = fs::remove_dir_all(kept);
        }
    }

    /// Notes that a cable of `node` has been pulled.
    pub fn note_pulled(&self, node: &str) {
        use std::io::Write;
        let file = fs::OpenOptions::new().append(true).create(true).open(self.private("pulled"));
        let _ = file.and_then(|mut file| writeln!(file, "{node}"));
    }

    /// Puts back the cables that a test pulled.
    fn restore_links(&self) -> Result<(), Gone> {
        let Ok(pulled) = fs::read_to_string(self.private("pulled")) else { return Ok(()) };
        self.batch(GLOBAL, &self.layout.ports)?;
        for node in pulled.lines() {
            self.restore_addresses(node)?;
        }
        let _ = fs::remove_file(self.private("pulled"));
        Ok(())
    }

    /// Gives `node` the addresses and routes that went with a link.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn restore_addresses(&self, node: &str) -> Result<(), Gone> {
        self.batch(node, self.layout.addresses_of(node))
    }

    /// What is there already is not a mistake here.
    fn batch(&self, node: &str, text: &str) -> Result<(), Gone> {
        if text.is_empty() {
            return Ok(());
        }
        let file = self.state.join("tmp/.batch");
        let _ = fs::write(&file, text);
        let file = file.to_string_lossy();
        self.run(
            self.program(node, &["ip", "-force", "-batch", &file]).within(Duration::from_secs(10)),
        )
        .map(drop)
    }

    /// Ends what the steps of this session have left running, in the background or as daemons. What
    /// they start inherits their mark, in a session of its own, too. Who clears its environment
    /// loses it, and stays until the lab ends; a cgroup would hold on to that one as well, but few
    /// ordinary users may make any, and after a SIGKILL of PID 1 an empty one would stay behind on
    /// the host, which no lab may touch.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn end_strays(&self) -> Result<(), Gone> {
        let deadline = Instant::now() + Duration::from_secs(5);
        let mut killed = Vec::new();
        self.until(deadline, || {
            let strays = self.strays();
            strays.iter().for_each(|stray| stray.signal(Signal::KILL));
            let none = strays.is_empty();
            killed.extend(strays);
            // The next test must not see them die.
            killed.retain(Process::is_there);
            Ok(none && killed.is_empty())
        })
        .map(drop)
    }

    /// What the steps of this session have started and nobody has killed yet.
    fn strays(&self) -> Vec<Process> {
        let mut strays = processes();
        strays.retain(|one| !one.is_dying() && one.has_variable("LABRUN_STEP", &self.mark));
        strays
    }

    /// The same at the end of the session, which no longer waits for anything else.
    pub fn end_session(&self) {
        let deadline = Instant::now() + Duration::from_secs(1);
        loop {
            let strays = self.strays();
            if strays.is_empty() || Instant::now() > deadline {
                return;
            }
            strays.iter().for_each(|stray| stray.signal(Signal::KILL));
            std::thread::sleep(Duration::from_millis(1));
        }
    }

    /// Puts the lab back as set-up left it, but for its services.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn restore(&self) -> Result<(), Gone> {
        self.end_strays()?;
        self.forget_leases()?;
        self.restore_resolver();
        self.restore_links()?;
        self.restore_silent()?;
        self.restore_queues()
    }
}

/// Copies a file, a link as a link.
fn copy_link(from: &Path, to: &Path) {
    match fs::read_link(from) {
        Ok(target) => _ = std::os::unix::fs::symlink(target, to),
        Err(_) => _ = fs::copy(from, to),
    }
}
