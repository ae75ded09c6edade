//! Another machine for a test: a real sshd of the test's own, on 127.0.0.1 and a free port.
//!
//! It has keys and a configuration of its own, and so has the user's ssh, which labrun finds on
//! PATH as always. Where root runs the tests, one may log in as root or as LABRUN_TEST_USER, else
//! only as the user that runs them.

use super::host::{Trace, is_private};
use super::{User, command, folder, is_root, wait_for, write};
use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// What ssh's configuration calls the machine.
pub const MACHINE: &str = "lab";

/// The machine. It ends when dropped.
pub struct Sshd {
    /// Keys, configurations and log; in `there`, programs that come first on the PATH of who logs
    /// in.
    pub folder: tempfile::TempDir,
    /// Where it listens.
    pub port: u16,
    daemon: Child,
}

/// Somebody who may log in there.
#[derive(Clone, Debug)]
pub struct Login {
    /// By this name.
    pub name: String,
    /// Whose labs these are.
    pub user: User,
    /// His number.
    pub uid: u32,
}

impl Login {
    /// For `--host`.
    pub fn host(&self) -> String {
        format!("ssh://{}@{MACHINE}", self.name)
    }

    /// Where copies of files lie while they are needed.
    pub fn files(&self) -> PathBuf {
        format!("/var/tmp/labrun-{}", self.uid).into()
    }

    /// How the host is before any lab.
    pub fn trace(&self) -> Trace {
        assert!(
            !self.files().exists(),
            "{} is there: `labrun clean` first",
            self.files().display()
        );
        Trace::now(self.user)
    }

    /// Where builds stay.
    pub fn cache(&self) -> PathBuf {
        Path::new(run("getent", &["passwd", &self.name]).split(':').nth(5).unwrap())
            .join(".cache/labrun")
    }

    /// Homes are the real host's, where tests side by side would meet: what is built is this host's
    /// alone.
    fn empty_cache(&self) {
        let cache = self.cache();
        let made = command(self.user, "mkdir").arg("-p").arg(&cache).status().unwrap();
        let options = format!("mode=755,uid={}", self.uid);
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(cache)
            .status()
            .unwrap();
        assert!(made.success() && mounted.success());
    }

    /// Nothing is left, of copies neither.
    pub fn assert_clean(&self, trace: &Trace, when: &str) {
        // When labrun was killed, what it ran there ends a moment later.
        wait_for(&format!("{when}: the end of {}", self.files().display()), || {
            !self.files().exists()
        });
        wait_for(&format!("{when}: the end of the labs"), || {
            !super::host::state_root(self.user).exists()
        });
        trace.assert_same(when);
    }
}

/// Whether there can be such a machine; if not, the test is skipped, and says so.
pub fn have(test: &str) -> bool {
    let there = program().is_some() && which::which("ssh").is_ok();
    if !there {
        eprintln!("SKIP {test}: there is no sshd (openssh-server) or no ssh (openssh-client)");
    }
    there
}

fn program() -> Option<PathBuf> {
    ["/usr/sbin/sshd", "/usr/local/sbin/sshd"]
        .map(PathBuf::from)
        .into_iter()
        .find(|path| path.exists())
}

fn keygen(path: &Path) {
    let status = Command::new("ssh-keygen")
        .args(["-q", "-t", "ed25519", "-N", "", "-f"])
        .arg(path)
        .status()
        .unwrap();
    assert!(status.success());
}

impl Sshd {
    /// Starts it, and waits until it listens.
    pub fn start() -> Sshd {
        let folder = folder();
        let root = folder.path().to_path_buf();
        let path = |name: &str| root.join(name);
        keygen(&path("host"));
        keygen(&path("key"));
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        // Accounts without a password are locked, which only PAM does not mind.
        let as_root = if is_root() { "UsePAM yes\nPermitRootLogin yes\n" } else { "" };
        let shown = folder.path().display();
        let daemon = write(
            folder.path(),
            "sshd_config",
            &format!(
                "Port {port}\nListenAddress 127.0.0.1\nHostKey {shown}/host\nAuthorizedKeysFile {shown}/key.pub\nStrictModes no\n\
                 PasswordAuthentication no\nKbdInteractiveAuthentication no\nPidFile none\nMaxStartups 100\n\
                 # With the level of an inner shell bash reads no ~/.bashrc, which may take its time.\nSetEnv PATH={shown}/there:{} SHLVL=1 {}\n{as_root}",
                std::env::var("PATH").unwrap(),
                super::host::mark_variable()
            ),
        );
        let key = fs::read_to_string(path("host.pub")).unwrap();
        write(folder.path(), "known_hosts", &format!("[127.0.0.1]:{port} {key}"));
        write(
            folder.path(),
            "config",
            &format!(
                "# Its own choice is proof against quantum computers, and takes half of the time of all these tests.\n\
                 KexAlgorithms curve25519-sha256\n\
                 Host {MACHINE}\n  HostName 127.0.0.1\n  Port {port}\nHost *\n  IdentityFile {shown}/key\n  IdentitiesOnly yes\n  \
                 UserKnownHostsFile {shown}/known_hosts\n  GlobalKnownHostsFile /dev/null\n"
            ),
        );
        fs::create_dir(path("bin")).unwrap();
        fs::create_dir(path("there")).unwrap();
        let ssh = which::which("ssh").unwrap();
        let own = write(
            &path("bin"),
            "ssh",
            &format!("#!/bin/sh\nexec {} -F {shown}/config \"$@\"\n", ssh.display()),
        );
        fs::set_permissions(own, fs::Permissions::from_mode(0o755)).unwrap();
        if is_root() {
            fs::create_dir_all("/run/sshd").unwrap();
        }
        let daemon = Command::new(program().unwrap())
            .args(["-D", "-e", "-f"])
            .arg(daemon)
            .stdin(Stdio::null())
            .stderr(fs::File::create(path("log")).unwrap())
            .spawn()
            .unwrap();
        wait_for("sshd", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        let machine = Sshd { folder, port, daemon };
        // What the first login leaves (a message of the day, for instance) is not labrun's.
        for login in machine.logins() {
            let login = format!("{}@{MACHINE}", login.name);
            let status = Command::new(path("bin/ssh"))
                .args([&login, "true"])
                .stdin(Stdio::null())
                .status()
                .unwrap();
            assert!(
                status.success(),
                "{login} may not log in: {}",
                fs::read_to_string(path("log")).unwrap()
            );
        }
        if is_private() {
            machine.logins().iter().for_each(Login::empty_cache);
        }
        machine
    }

    /// Who may log in: root and an ordinary user where root runs the tests, else that user.
    pub fn logins(&self) -> Vec<Login> {
        let own = run("id", &["-un"]);
        let mut logins =
            vec![Login { uid: run("id", &["-u"]).parse().unwrap(), name: own, user: User::Own }];
        if is_root() {
            let name = std::env::var("LABRUN_TEST_USER").unwrap_or_else(|_| "nobody".into());
            let shell = run("getent", &["passwd", &name]);
            if shell.ends_with("/nologin") || shell.ends_with("/false") {
                eprintln!("{name} may not log in, so only root does");
            } else {
                logins.push(Login {
                    uid: run("id", &["-u", &name]).parse().unwrap(),
                    name,
                    user: User::Ordinary,
                });
            }
        }
        logins
    }

    /// labrun with `words`, run by the user who runs the tests; labs run on this machine as
    /// `login`.
    pub fn labrun(&self, login: &Login, words: &[&str]) -> Command {
        let mut command = self.labrun_on(&login.host(), words);
        command.env("LANG", "C.UTF-8");
        command
    }

    /// labrun with `words`, run by the user who runs the tests, on `host`.
    pub fn labrun_on(&self, host: &str, words: &[&str]) -> Command {
        self.labrun_at(env!("CARGO_BIN_EXE_labrun"), host, words)
    }

    /// The labrun at `program` with `words`, run by the user who runs the tests, on `host`.
    pub fn labrun_at(&self, program: &str, host: &str, words: &[&str]) -> Command {
        let mut command = super::host::marked(User::Own, program);
        let path =
            format!("{}/bin:{}", self.folder.path().display(), std::env::var("PATH").unwrap());
        command.env("PATH", path).args(["--host", host]).args(words);
        command
    }
}

fn run(program: &str, words: &[&str]) -> String {
    String::from_utf8(Command::new(program).args(words).output().unwrap().stdout)
        .unwrap()
        .trim()
        .into()
}

impl Drop for Sshd {
    fn drop(&mut self) {
        let _ = self.daemon.kill();
        let _ = self.daemon.wait();
    }
}
