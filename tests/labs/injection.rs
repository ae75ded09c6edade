//! Text in a lab file does what it says and nothing else: whatever stands in a name, a command, a
//! file, a variable or an expectation, no shell and no tool on the way takes it for more than text.

use crate::common;
use crate::common::labs;

use common::{User, users};
use labs::{Lab, have, run};
use std::path::Path;
use std::process::Command;

/// Where anything that was run by mistake would leave a mark.
fn canary() -> String {
    format!("/dev/shm/labrun-test-canary-{}", std::process::id())
}

/// Texts that a shell, `ip`, grep or printf might misread.
fn traps() -> Vec<String> {
    let mark = |how: &str| how.replace("MARK", &format!("touch {}", canary()));
    [
        "$(MARK)",
        "`MARK`",
        "'; MARK; '",
        "\"; MARK; \"",
        "x\nMARK\n",
        "; MARK #",
        "| MARK &",
        "${x:-$(MARK)}",
        "$((1+1))",
        "it's \"quoted\" \\ and \\n \\x41 \\\\",
        "-e -n --help",
        "%s %n %d 100%",
        "# no comment",
        "a * ? [a-z] {a,b} ~ !x",
        " \t leading and trailing \t ",
        "ünïcödé ✓ 日本語 \u{202e}",
        "\u{1}\u{7f}\u{1b}[31m\r",
        "EOF\nEOT\n'EOF'\n",
        "esac",
        "",
    ]
    .map(mark)
    .to_vec()
}

fn canary_is_dead(context: &str) {
    let sung = Path::new(&canary()).exists();
    let _ = std::fs::remove_file(canary());
    assert!(!sung, "something ran that was only text: {context}");
}

/// `text` as a YAML string, which is a JSON string but for DEL.
fn yaml(text: &str) -> String {
    serde_json::to_string(text).unwrap().replace('\u{7f}', "\\u007f")
}

/// A node name made of `text`: a name may hold anything but a slash.
fn name(text: &str) -> String {
    text.replace('/', "_").chars().take(60).collect()
}

#[test]
fn nodes_may_be_called_anything_and_arguments_arrive_byte_for_byte() {
    let names: Vec<String> = traps()
        .iter()
        .map(|t| name(t))
        .filter(|t| !t.is_empty())
        .chain(["-n".into(), "--help".into(), "a b".into(), "_node-0".into()])
        .collect();
    let nodes: String = names
        .iter()
        .map(|n| {
            format!(
                "  {}: {{links: {{eth0: {{bridge: br0, port: p{}}}}}}}\n",
                yaml(n),
                n.len() * 100 + n.bytes().map(usize::from).sum::<usize>() % 100
            )
        })
        .collect();
    for user in users() {
        let lab = Lab::new(user, &format!("bridges: [br0]\nnodes:\n{nodes}"));
        let setup = lab.run(&["setup", &lab.name]);
        assert_eq!(setup.exit, 0, "{}", setup.all);
        for (index, trap) in traps().iter().enumerate() {
            let node = &names[index % names.len()];
            let done = lab.exec(node, &["printf", "%s", trap]);
            assert_eq!(
                (done.exit, done.stdout.as_str()),
                (0, trap.as_str()),
                "{node:?}: {}",
                done.all
            );
        }
        // Each name leads to a namespace of its own.
        let mut namespaces: Vec<String> =
            names.iter().map(|n| lab.exec(n, &["readlink", "/proc/self/ns/net"]).stdout).collect();
        namespaces.sort();
        namespaces.dedup();
        assert_eq!(namespaces.len(), names.len());
        assert!(lab.exec("no such node", &["true"]).all.contains("has no node no such node"));
        canary_is_dead("node names and arguments");
    }
}

#[test]
fn files_variables_and_expectations_are_taken_as_they_are() {
    let traps = traps();
    let files: String = traps
        .iter()
        .enumerate()
        .map(|(i, t)| {
            format!("          {}: {}\n", yaml(&format!("folder {i}/{}", file_name(t))), yaml(t))
        })
        .collect();
    let variables: String =
        traps.iter().enumerate().map(|(i, t)| format!("          V{i}: {}\n", yaml(t))).collect();
    // Names that the runtime's own shell uses.
    let own: String = ["command", "node", "IN", "STATE", "EVENTS", "ready", "IFS", "UID", "PS4"]
        .map(|n| format!("          {n}: {}\n", yaml(&format!("$(touch {})", canary()))))
        .concat();
    for user in users() {
        let lab = Lab::new(
            user,
            &format!(
                "nodes:\n  host:\n    services:\n      daemon:\n        command: env -0 >\"$TMPDIR/env\"; pwd >\"$TMPDIR/folder\"; exec sleep 1000\n        ready: {{running: 50ms}}\n        environment:\n{variables}{own}        files:\n{files}"
            ),
        );
        let setup = lab.run(&["setup", &lab.name]);
        assert_eq!(setup.exit, 0, "{}", setup.all);
        let folder = lab.exec("host", &["sh", "-c", "cat \"$TMPDIR/folder\""]).stdout;
        for (i, trap) in traps.iter().enumerate() {
            let path = format!("{}/folder {i}/{}", folder.trim(), file_name(trap));
            assert_eq!(
                std::fs::read(&path).unwrap_or_else(|e| panic!("{path:?}: {e}")),
                trap.as_bytes(),
                "{trap:?}"
            );
        }
        let environment = lab.exec("host", &["sh", "-c", "cat \"$TMPDIR/env\""]).stdout;
        let variables: Vec<&str> = environment.split('\0').collect();
        for (i, trap) in traps.iter().enumerate() {
            assert!(
                variables.contains(&format!("V{i}={trap}").as_str()),
                "{trap:?} in {variables:?}"
            );
        }
        assert!(variables.contains(&format!("STATE=$(touch {})", canary()).as_str()));
        canary_is_dead("files and variables");
    }
}

/// The last part of a path made of `text`.
fn file_name(text: &str) -> String {
    format!("f{}", text.replace('/', "_"))
}

#[test]
fn steps_say_and_expect_what_is_written() {
    let steps: String = traps()
        .iter()
        .map(|trap| {
            // The command's own quoting is the author's affair; here it is printf's argument.
            let command = format!("printf %s {}", labrun::quote::shell(trap));
            format!(
                "      - run: {{node: {}, command: {}, stdout: {}}}\n",
                yaml("the 'node'"),
                yaml(&command),
                yaml(trap)
            )
        })
        .collect();
    let waits: String = traps()
        .iter()
        .filter(|t| !t.is_empty())
        .map(|trap| {
            let path = format!("no/{trap}");
            format!(
                "      - run: {{node: {}, command: {}, fails: true}}\n",
                yaml("the 'node'"),
                yaml(&format!("test -e {}", labrun::quote::shell(&path)))
            )
        })
        .collect();
    for user in users() {
        let lab = Lab::new(
            user,
            &format!(
                "nodes:\n  {}: {{}}\ntests:\n  say:\n    steps:\n{steps}{waits}",
                yaml("the 'node'")
            ),
        );
        lab.passes(&[]);
        canary_is_dead("steps");
    }
}

#[test]
fn patterns_and_paths_of_waits_are_no_commands() {
    let canary = canary();
    let lab = Lab::new(
        User::Own,
        &format!(
            r#"
nodes:
  host:
    services:
      daemon:
        command: printf '%s\n' '-e $(touch {canary}) "x" a:b' >&2; exec sleep 1000
        ready: {{log: '^-e \$\(touch .*\) "x" a:b$', within: 3s}}
tests:
  t:
    steps:
      - service: {{restart: daemon}}
      - wait: {{service: daemon, log: '^-e \$\(touch .*\) "x" a:b$', within: 1s}}
  no-log:
    steps:
      - wait: {{service: daemon, log: '-v', within: 200ms}}
  no-file:
    steps:
      - wait: {{file: '$(touch {canary})', within: 200ms}}
"#
        ),
    );
    let (done, results) = lab.results(&[]);
    assert_eq!(results["t"]["outcome"], "pass", "{}", done.all);
    assert_eq!(
        (&results["no-log"]["outcome"], &results["no-file"]["outcome"]),
        (&"fail".into(), &"fail".into()),
        "{}",
        done.all
    );
    canary_is_dead("waits");
}

#[test]
fn links_have_odd_names_or_are_refused_with_a_reason() {
    let file = |name: &str| {
        format!(
            "bridges: [br0]\nnodes:\n  a:\n    links:\n      {}: {{bridge: br0, port: p1, addresses: [10.0.0.1/24, \"fd00::1/64\"]}}\n    routes: [{{to: 10.1.0.0/16, dev: {}}}]\n",
            yaml(name),
            yaml(name)
        )
    };
    for name in [
        "$(id)", "`id`", "a;b", "a&b|c", "ü✓", "*", "?x", "~", "!x", "a@b", "{a,b}", "a=b", "type",
        "dev", "up", "peer", "esac", "$IFS",
    ] {
        let lab = Lab::new(User::Own, &file(name));
        let setup = lab.run(&["setup", &lab.name]);
        assert_eq!(setup.exit, 0, "{name}: {}", setup.all);
        let links = lab.exec("a", &["ls", "/sys/class/net"]).stdout;
        let shown = lab.exec("a", &["ip", "-j", "addr", "show", "dev", name]).stdout;
        assert!(
            links.lines().any(|l| l == name)
                && shown.contains("10.0.0.1")
                && shown.contains("fd00::1"),
            "{name}: {links} {shown}"
        );
        canary_is_dead(name);
    }
    for name in [
        "a b",
        "a\tb",
        "a\nb",
        "a/b",
        "a:b",
        "a%d",
        "#a",
        "'a'",
        "\"a\"",
        "a\\b",
        "-a",
        "--help",
        ".",
        "..",
        "",
        "all",
        "default",
        "sixteen bytes lo",
        "1234567890123456",
    ] {
        let lab = Lab::new(User::Own, &file(name));
        let done = lab.run(&["check", lab.file.to_str().unwrap()]);
        assert!(
            done.exit == 2 && done.all.contains("lab.yaml:6:7: nodes.a.links."),
            "{name:?}: {}",
            done.all
        );
        assert!(
            ["cannot name a link", "the kernel takes 15", "is there in every node"]
                .iter()
                .any(|reason| done.all.contains(reason)),
            "{name:?}: {}",
            done.all
        );
    }
}

#[test]
fn services_may_be_called_like_anything_in_the_runtime() {
    let names = [
        "start", "stop", "pid", "describe", "files", "signal", "failed", "again", "names", "main",
        "esac", "if", "1", "a.b-c_d", "exit", "log",
    ];
    let services: String = names
        .map(|n| {
            format!("      {}: {{command: exec sleep 1000, ready: {{running: 1ms}}}}\n", yaml(n))
        })
        .concat();
    let steps: String =
        names.map(|n| format!("      - service: {{restart: {}}}\n", yaml(n))).concat();
    let lab = Lab::new(
        User::Own,
        &format!("nodes:\n  esac:\n    services:\n{services}tests:\n  t:\n    steps:\n{steps}"),
    );
    lab.passes(&[]);
}

/// The script is the contract: by hand, through a pipe, it must treat names and files no worse.
#[test]
fn the_script_by_hand_treats_text_as_text_too() {
    if !common::is_root() || !have("the_script_by_hand", &["bash"]) {
        eprintln!("SKIP the_script_by_hand_treats_text_as_text_too: not root");
        return;
    }
    let node = "it's; `touch x`\n$(id)";
    let content = traps().concat();
    let lab = Lab::new(
        User::Own,
        &format!(
            "nodes:\n  {}:\n    services:\n      daemon: {{command: exec sleep 1000, ready: {{running: 10ms}}, files: {{f: {}}}}}\n",
            yaml(node),
            yaml(&content)
        ),
    );
    let mut command = Command::new("sh");
    command
        .arg("-c")
        .arg(r#""$0" --file "$1" script "$2" | bash"#)
        .arg(env!("CARGO_BIN_EXE_labrun"))
        .arg(&lab.file)
        .arg(&lab.name)
        .current_dir("/");
    let done = run(command);
    assert!(done.exit == 0 && done.stdout.contains(r#""event":"ready""#), "{}", done.all);
    let file = lab.exec(node, &["cat", &format!("/run/labrun/{}/service/daemon/f", lab.name)]);
    assert_eq!(file.stdout, content, "{}", file.all);
    canary_is_dead("the script by hand");
}
