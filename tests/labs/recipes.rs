//! docs/recipes.md: its labs pass as they stand, those that build a program with small ones.

use crate::common::labs::{Lab, have, run};
use crate::common::{User, folder, labrun, users};
use std::fs;
use std::path::Path;

const PAGE: &str = include_str!("../../docs/recipes.md");

/// The recipe `name` after the line with its name.
fn body(name: &str) -> &'static str {
    let start = format!("```yaml\nlab: {name}\n");
    PAGE.split(&start).nth(1).expect(name).split("```").next().unwrap()
}

/// Names and texts.
type Files<'a> = &'a [(&'a str, &'a str)];

/// The recipe `name` passes in a repository with `files`, whose `bin` is on PATH.
fn passes_in_a_repository(name: &str, files: Files) {
    let repository = folder();
    let instance = format!("r{}-{name}", std::process::id());
    let lab = format!("lab: {name}\n{}", body(name));
    for (file, text) in files.iter().chain(&[(&*format!("labs/{name}.yaml"), &*lab)]) {
        let path = repository.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        if file.starts_with("bin/") {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
    let mut command = labrun(User::Own);
    command.args(["test", name, "--strict", "--instance", &instance]);
    let cache = folder();
    command.current_dir(repository.path()).env("XDG_CACHE_HOME", cache.path());
    command.env("GOCACHE", Path::new(env!("CARGO_TARGET_TMPDIR")).join("go"));
    let path = std::env::var("PATH").unwrap_or_default();
    command.env("PATH", format!("{}:{path}", repository.path().join("bin").display()));
    let done = run(command);
    assert_eq!(done.exit, 0, "{files:?}: {}", done.all);
    assert!(done.all.contains("built from its repository"), "{}", done.all);
}

/// Whether the recipe `name` passes, under another name; skipped by name without `commands`.
fn passes(name: &str, commands: &[&str]) {
    if !have(name, commands) {
        return;
    }
    for user in users() {
        let lab = Lab::new(user, body(name));
        let (done, results) = lab.results(&[]);
        assert_eq!(done.exit, 0, "{user:?}: {}", done.all);
        assert!(!results.is_empty(), "{}", done.all);
        assert!(results.values().all(|result| result["outcome"] == "pass"), "{}", done.all);
    }
}

#[test]
fn the_recipe_of_a_configuration_file_passes() {
    passes("config", &["dnsmasq", "dig"]);
}

#[test]
fn the_recipe_of_dns_passes() {
    passes("names", &["dnsmasq", "dig"]);
}

#[test]
fn the_recipe_of_tls_passes() {
    passes("tls", &["openssl", "curl"]);
}

#[test]
fn the_recipe_of_a_client_passes() {
    passes("client", &["python3", "socat"]);
}

#[test]
fn the_recipe_of_a_daemon_passes_with_one_in_each_language() {
    let go = include_str!("../data/repositories/go/cmd/echoer/main.go");
    let rust = r#"fn main() {
        let socket = std::net::UdpSocket::bind("0.0.0.0:7").unwrap();
        let mut data = [0; 2048];
        while let Ok((size, client)) = socket.recv_from(&mut data) {
            socket.send_to(&data[..size], client).unwrap();
        }
    }"#;
    let c = "#include <netinet/in.h>\n#include <sys/socket.h>\n
        int main(void) {
            struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(7)};
            int s = socket(AF_INET, SOCK_DGRAM, 0);
            bind(s, (struct sockaddr *)&at, sizeof at);
            for (;;) {
                char data[2048];
                socklen_t length = sizeof at;
                ssize_t size = recvfrom(s, data, sizeof data, 0, (struct sockaddr *)&at, &length);
                sendto(s, data, size, 0, (struct sockaddr *)&at, length);
            }
        }";
    let python = "#!/usr/bin/env python3\nimport socket, sys\n
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind((\"\", int(sys.argv[1])))
while True:
    data, client = s.recvfrom(2048)
    s.sendto(data, client)\n";
    let package = "[package]\nname = \"echod\"\nedition = \"2021\"\n";
    let made = "echod: echod.c\n\t$(CC) -o $@ $<\n";
    // What builds it, and its files.
    let repositories: [(&[&str], Files); 4] = [
        (&["go"], &[("go.mod", "module example.org/echod\n"), ("main.go", go)]),
        (&["cargo", "cc"], &[("Cargo.toml", package), ("src/main.rs", rust)]),
        (&["python3"], &[("echod.py", python)]),
        (&["make", "cc"], &[("Makefile", made), ("echod.c", c)]),
    ];
    for (tools, files) in repositories {
        if have("the recipe of a daemon", tools) {
            passes_in_a_repository("echod", files);
        }
    }
}

#[test]
fn the_recipe_of_two_versions_passes() {
    let program = |version: &str| {
        "#!/usr/bin/env python3
import socket, sys
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
if sys.argv[1] == \"serve\":
    s.bind((\"\", 7))
    while True:
        asked, client = s.recvfrom(2048)
        s.sendto(asked + b\" and VERSION\", client)
s.settimeout(2)
s.sendto(b\"VERSION\", (sys.argv[2], 7))
print(s.recv(2048).decode())\n"
            .replace("VERSION", version)
    };
    if have("the recipe of two versions", &["python3"]) {
        let (new, old) = (program("2"), program("1"));
        passes_in_a_repository("versions", &[("greet.py", &new), ("bin/greet-old", &old)]);
    }
}
