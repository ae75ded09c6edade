//! What is to fail must have been tried: a command that does not exist, a question that never left
//! its node and rules about packets in a test without any prove nothing, so they are no pass.

use crate::common;
use crate::common::labs;

use common::users;
use labs::{Lab, have, lines, run};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

const NODES: &str = r#"
needs: {commands: {ping: iputils-ping}}
bridges: [br0]
nodes:
  client:
    links: {eth0: {bridge: br0, port: p-client, addresses: 10.0.0.1/24}}
  server:
    links:
      eth0: {bridge: br0, port: p-server, addresses: 10.0.0.2/24}
      p2p: {peer: far/p2p, addresses: 10.1.0.1/24}
  far:
    links: {p2p: {peer: server/p2p, addresses: 10.1.0.2/24}}
  idle:
    links: {eth0: {bridge: br0, port: p-idle, addresses: 10.0.0.3/24}}
"#;

/// Runs tests, each with its steps, its path rules and the words of its failure, or none if it
/// passes.
fn judged(name: &str, tests: &[(&str, &str, &str, &str)], programs: Option<&Path>) {
    let body: String = tests
        .iter()
        .map(|(name, steps, path, _)| format!("  {name}: {{steps: [{steps}], path: [{path}]}}\n"))
        .collect();
    for user in users() {
        let lab = Lab::new(user, &format!("{NODES}tests:\n{body}"));
        let mut command = lab.command(&["--format", "json", "test"]);
        if let Some(programs) = programs {
            let path = std::env::var("PATH").unwrap();
            command.env("PATH", format!("{}:{path}", programs.display()));
            // Of /tmp a lab sees no more than the folder that labrun runs in.
            command.current_dir(programs);
        }
        let done = run(command);
        for (test, _, _, words) in tests {
            let test = format!("{}-{test}", lab.name);
            let result = labs::json_lines(&done.stdout)
                .into_iter()
                .find(|line| line["event"] == "result" && line["test"] == *test)
                .unwrap_or_else(|| panic!("{name}: no {test} in {}", done.all));
            let wanted = if words.is_empty() { "pass" } else { "fail" };
            let shown = format!("{user:?} {test}: {}", lines(&result));
            assert_eq!(result["outcome"], wanted, "{shown}");
            assert!(lines(&result).contains(words), "{shown}");
        }
    }
}

#[test]
fn a_command_that_could_not_be_run_has_not_failed() {
    let run =
        |command: &str, more: &str| format!("run: {{node: client, command: '{command}', {more}}}");
    let (missing, no_program) =
        (run("no-such-program --x", "fails: true"), run("/etc/passwd", "fails: true"));
    let (asked, failing) = (run("no-such-program --x", "exit: 127"), run("exit 3", "fails: true"));
    judged(
        "a_command_that_could_not_be_run_has_not_failed",
        &[
            ("missing", &missing, "", "could not be run (exit status 127), which proves nothing"),
            ("no-program", &no_program, "", "could not be run (exit status 126), which proves"),
            ("asked", &asked, "", ""),
            ("failing", &failing, "", ""),
        ],
        None,
    );
}

#[test]
fn a_ping_that_never_left_its_node_was_not_unanswered() {
    let down = "link: {down: far/p2p}}, {ping: {node: far, to: 10.1.0.1, fails: true}";
    let pulled = "link: {down: client/eth0}}, {ping: {node: client, to: 10.0.0.2, timeout: 300ms, fails: true}";
    judged(
        "a_ping_that_never_left_its_node_was_not_unanswered",
        &[
            (
                "no-route",
                "ping: {node: client, to: 10.9.9.9, fails: true}",
                "",
                "10.9.9.9 could not even be asked, which proves nothing: there is no route to 10.9.9.9",
            ),
            ("down", &format!("{{{down}}}"), "", "proves nothing: there is no route to 10.1.0.1"),
            (
                "pulled",
                &format!("{{{pulled}}}"),
                "",
                "proves nothing: eth0 has no carrier: its cable is pulled",
            ),
            // Nobody has the address, which was asked for.
            ("asked", "ping: {node: client, to: 10.0.0.99, timeout: 300ms, fails: true}", "", ""),
        ],
        None,
    );
}

#[test]
fn a_request_that_never_left_its_node_was_not_unanswered() {
    let name = "a_request_that_never_left_its_node_was_not_unanswered";
    if !have(name, &["curl"]) {
        return;
    }
    let ask = |url: &str| {
        format!("http: {{node: client, url: \"http://{url}/\", timeout: 300ms, fails: true}}")
    };
    let pulled = format!("{{link: {{down: client/eth0}}}}, {{{}}}", ask("10.0.0.2"));
    judged(
        name,
        &[
            ("no-route", &ask("10.9.9.9"), "", "could not even be asked, which proves nothing"),
            ("no-name", &ask("no-such-name"), "", "could not even be asked, which proves nothing"),
            ("pulled", &pulled, "", "proves nothing: eth0 has no carrier"),
            ("nobody", &ask("10.0.0.99"), "", ""),
            ("refused", &ask("10.0.0.2"), "", ""),
        ],
        None,
    );
}

#[test]
fn a_dhcp_client_that_never_asked_was_not_refused() {
    let name = "a_dhcp_client_that_never_asked_was_not_refused";
    if !have(name, &["dhclient", "dhcpcd", "udhcpc"]) {
        return;
    }
    let ask = |client: &str| {
        format!(
            "dhcp: {{node: client, link: eth0, family: 4, client: {client}, within: 2s, fails: true}}"
        )
    };
    // A client that hangs before it has sent anything.
    let folder = common::folder();
    let fake = common::write(folder.path(), "udhcpc", "#!/bin/sh\necho started\nexec sleep 10\n");
    std::fs::set_permissions(fake, std::fs::Permissions::from_mode(0o755)).unwrap();
    let pulled = format!("{{link: {{down: client/eth0}}}}, {{{}}}", ask("dhcpcd"));
    judged(
        name,
        &[
            (
                "hangs",
                &ask("udhcpc"),
                "",
                "udhcpc did not even ask, which proves nothing: it sent no DHCPv4 message on eth0",
            ),
            (
                "pulled",
                &pulled,
                "",
                "dhcpcd did not even ask, which proves nothing: eth0 has no carrier",
            ),
            ("asked", &ask("dhclient"), "", ""),
        ],
        Some(folder.path()),
    );
}

#[test]
fn rules_that_only_forbid_want_a_test_that_sent_something() {
    let idle = "run: {node: client, command: \"true\"}";
    let ping = "ping: {node: client, to: 10.0.0.2}";
    judged(
        "rules_that_only_forbid_want_a_test_that_sent_something",
        &[
            (
                "avoids",
                idle,
                "{packet: icmp, avoids: server}",
                "client never sent a packet, so that what the rule forbids was not seen proves nothing",
            ),
            (
                "at-most",
                idle,
                "{packet: icmp, at-most: 0}, {packet: tcp, avoids: server}",
                "client never sent a packet, so that what the rules forbid was not seen",
            ),
            ("sent", ping, "{packet: tcp, at-most: 0}, {packet: icmp, avoids: idle}", ""),
            // Only to find whom it asks for, which is as far as it gets.
            (
                "looked-for",
                "ping: {node: client, to: 10.0.0.99, timeout: 300ms, fails: true}",
                "{packet: icmp, avoids: server}",
                "",
            ),
            (
                "demanded",
                ping,
                "{packet: tcp, at-most: 0}, {packet: icmp echo-request, crosses: [client, server]}",
                "",
            ),
        ],
        None,
    );
}
