//! Twelve small repositories (tests/data/repositories), as strangers might have them: what builds each, and the
//! lab that `labrun init` makes for it.

use std::path::{Path, PathBuf};
use std::process::Command;

/// A repository and what is said to `labrun init` in it.
pub struct Repository {
    /// Its folder.
    pub name: &'static str,
    pub program: &'static str,
    /// A service that is the program, whose end the test must notice.
    pub service: Option<&'static str>,
    pub words: &'static [&'static str],
    /// What builds it, and what its lab needs.
    pub tools: &'static [&'static str],
    /// A file, a text in it, and what makes a program of no use of it.
    pub broken: [&'static str; 3],
    /// Labrun's exit status with that.
    pub exit: i32,
}

/// One that a broken program shows by an answer that is wrong, or none.
const fn repository(
    name: &'static str,
    program: &'static str,
    words: &'static [&'static str],
    tools: &'static [&'static str],
    broken: [&'static str; 3],
) -> Repository {
    Repository { name, program, service: Some(program), words, tools, broken, exit: 1 }
}

/// A server that answers nobody; broken, it does not start.
const fn silent(
    name: &'static str,
    tools: &'static [&'static str],
    broken: [&'static str; 3],
) -> Repository {
    let words = &["--listens", "udp:9"];
    Repository { exit: 4, ..repository(name, "sink", words, tools, broken) }
}

pub const REPOSITORIES: [Repository; 12] = [
    repository(
        "go",
        "echoer",
        &["--listens", "udp:7", "--ask", "hello there", "--answer", "^hello there$"],
        &["go"],
        ["cmd/echoer/main.go", "syscall.Sendto(socket, data[:size], 0, from)", "_, _ = size, from"],
    ),
    repository(
        "rust",
        "page",
        &["--shape", "router", "--listens", "http:8080", "--ask", "/health", "--answer", "healthy"],
        &["cargo", "curl"],
        ["src/main.rs", "200 OK", "500 Broken"],
    ),
    repository(
        "make",
        "greeter",
        &["--listens", "tcp:7000", "--args", "{port}", "--ask", "you", "--answer", "hello, you"],
        &["make", "cc"],
        ["src/main.c", "hello, %s", "%.0sgo away"],
    ),
    repository(
        "cmake",
        "names",
        &["--shape", "dns", "--ask", "www.example.org", "--answer", "192.0.2.7"],
        &["cmake", "cc", "dig"],
        ["names.c", "192, 0, 2, 7", "192, 0, 2, 8"],
    ),
    silent("meson", &["meson", "ninja", "cc"], ["src/sink.c", "if (bind", "if (1 || bind"]),
    silent(
        "autotools",
        &["autoreconf", "automake", "make", "cc"],
        ["src/sink.c", "if (bind", "if (1 || bind"],
    ),
    repository(
        "dhcp",
        "leases",
        &["--shape", "dhcp", "--answer", "10.0.0.9-10.0.0.9"],
        &["python3", "dhclient"],
        ["leases.py", "[10, 0, 0, 9]", "[10, 0, 0, 99]"],
    ),
    Repository {
        service: Some("tunneld-left"),
        ..repository(
            "vpn",
            "tunneld",
            &["--shape", "vpn", "--args", "{address} {peer} {port} {remote}"],
            &["python3"],
            ["src/tunnel/main.py", "flipped), (peer", "bytes(256)), (peer"],
        )
    },
    repository(
        "node",
        "turns",
        &["--shape", "proxy", "--args", "{port} {peer} {peer2}"],
        &["node", "busybox", "curl"],
        ["bin/turns.js", "connect(80,", "connect(81,"],
    ),
    silent("zig", &["zig"], ["src/main.zig", "16) != 0", "16) == 0"]),
    repository(
        "script",
        "handover",
        &["--shape", "relay", "--args", "{port} {peer}"],
        &["socat"],
        ["handover.sh", "\"UDP:$2:$1\"", "UDP:127.0.0.1:1"],
    ),
    Repository {
        // The routes that it has learned outlive it.
        service: None,
        ..repository(
            "routing",
            "learnd",
            &["--shape", "routing", "--args", "{address} {peer} {network}"],
            &["python3"],
            ["learnd.py", "network.encode()", "b\"192.0.2.0/24\""],
        )
    },
];

impl Repository {
    /// Where it is.
    pub fn folder(&self) -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/repositories").join(self.name)
    }

    /// A copy of it in `folder`.
    pub fn copy(&self, folder: &Path) -> PathBuf {
        let copied = Command::new("cp").arg("-r").arg(self.folder()).arg(folder).status().unwrap();
        assert!(copied.success());
        folder.join(self.name)
    }
}
