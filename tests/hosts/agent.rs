//! The agents that labrun brings to other machines: the one for this machine's processor, and,
//! where QEMU runs its programs, the other one.

use crate::common;

use common::host;
use common::{agent, is_root, text};
use labrun::packet::pcapng;
use std::io::Write;
use std::process::{Command, Output, Stdio};

/// What runs the agent for `processor`, if there is one and it can be run here.
fn command(processor: &str) -> Option<Command> {
    let agent = agent(processor)?;
    if processor == std::env::consts::ARCH {
        return Some(Command::new(agent));
    }
    let names = ["", "-static"].map(|rest| format!("qemu-{processor}{rest}"));
    let Some(emulator) = names.iter().find_map(|name| which::which(name).ok()) else {
        eprintln!(
            "SKIP labrun-agent for {processor}: there is no {} (qemu-user, qemu-user-static)",
            names[0]
        );
        return None;
    };
    let mut command = Command::new(emulator);
    command.arg(agent);
    Some(command)
}

/// Runs `body` with a way to run each of the agents that can be run here, by its processor.
fn each(body: impl Fn(&str, &dyn Fn(&[&str]) -> Output)) {
    for processor in ["x86_64", "aarch64"] {
        if command(processor).is_some() {
            body(processor, &|words| {
                command(processor).unwrap().args(words).stdin(Stdio::null()).output().unwrap()
            });
        }
    }
}

#[test]
fn an_agent_says_what_it_is_and_what_it_does_not_know() {
    each(|processor, run| {
        let version = run(&["--version"]);
        assert_eq!(
            String::from_utf8_lossy(&version.stdout),
            concat!("labrun-agent ", env!("CARGO_PKG_VERSION"), "\n"),
            "{processor}"
        );
        assert!(version.status.success() && version.stderr.is_empty(), "{}", text(&version));
        for (words, reason) in [
            (&[][..], "this is what labrun runs inside a lab"),
            (&["test"], "this is what labrun runs inside a lab"),
            (&["_agent"], "_agent: SUPERVISOR STATE up|failed is wanted"),
            (&["_agent", "1", "/", "dead"], "_agent: SUPERVISOR STATE up|failed is wanted"),
            (&["_agent", "x", "/", "up"], "_agent: `x` is not a process"),
        ] {
            let output = run(words);
            assert_eq!(output.status.code(), Some(2), "{processor} {words:?}: {}", text(&output));
            assert!(text(&output).contains(reason), "{processor} {words:?}: {}", text(&output));
        }
    });
}

#[test]
fn an_agent_captures_or_says_what_the_kernel_refuses() {
    if !is_root() {
        return eprintln!(
            "SKIP an_agent_captures_or_says_what_the_kernel_refuses: it needs root, or a lab (tests/hosts/capture.rs)"
        );
    }
    host::private("an_agent_captures_or_says_what_the_kernel_refuses", || {
        each(|processor, run| {
            let output = run(&["_capture"]);
            if processor == std::env::consts::ARCH {
                assert!(output.status.success(), "{}", text(&output));
                assert_eq!(pcapng::read(&output.stdout).unwrap().lost, 0);
            } else {
                // QEMU hands this kernel no ring.
                assert_eq!(output.status.code(), Some(3), "{}", text(&output));
                assert!(text(&output).contains("cannot capture in here: "), "{}", text(&output));
            }
        });
    });
}

#[test]
fn an_agent_reads_the_text_of_a_network_and_names_what_is_wrong() {
    each(|processor, run| {
        // Nothing to be done is no mistake.
        let output = run(&["_net"]);
        assert_eq!(output.status.code(), Some(0), "{processor}: {}", text(&output));
    });
    for processor in ["x86_64", "aarch64"] {
        let Some(mut command) = command(processor) else { continue };
        let mut child =
            command.arg("_net").stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(b"[links of global]\nlink add name br0 type carrier-pigeon\n")
            .unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(4), "{processor}: {}", text(&output));
        assert!(
            text(&output).contains("link add name br0 type carrier-pigeon"),
            "{processor}: {}",
            text(&output)
        );
    }
}
