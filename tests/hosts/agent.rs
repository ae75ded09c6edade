//! The agents that labrun brings to other machines: the one for this machine's processor, and, where QEMU
//! runs its programs, the other one.

use crate::common;

use common::host;
use common::{agent, is_root, text};
use labrun::packet::pcapng;
use std::ffi::OsString;
use std::process::{Command, Output, Stdio};

/// Runs `body` with a way to run each of the agents that can be run here, by its processor.
fn each(body: impl Fn(&str, &dyn Fn(&[&str]) -> Output)) {
    for processor in ["x86_64", "aarch64"] {
        let Some(agent) = agent(processor) else { return };
        let mut command: Vec<OsString> = vec![agent.into()];
        if processor != std::env::consts::ARCH {
            let names = ["", "-static"].map(|rest| format!("qemu-{processor}{rest}"));
            let Some(emulator) = names.iter().find_map(|name| which::which(name).ok()) else {
                eprintln!("SKIP labrun-agent for {processor}: there is no {} (qemu-user, qemu-user-static)", names[0]);
                continue;
            };
            command.insert(0, emulator.into());
        }
        body(processor, &|words| Command::new(&command[0]).args(&command[1..]).args(words).stdin(Stdio::null()).output().unwrap());
    }
}

#[test]
fn an_agent_says_what_it_is_and_what_it_does_not_know() {
    each(|processor, run| {
        let version = run(&["--version"]);
        assert_eq!(String::from_utf8_lossy(&version.stdout), concat!("labrun-agent ", env!("CARGO_PKG_VERSION"), "\n"), "{processor}");
        assert!(version.status.success() && version.stderr.is_empty(), "{}", text(&version));
        for (words, reason) in [
            (&[][..], "this is what labrun runs inside a lab"),
            (&["test"], "this is what labrun runs inside a lab"),
            (&["_capture"], "_capture: no namespace is named"),
            (&["_capture", "--namespace"], "_capture: no namespace is named"),
            (&["_capture", "--dead"], "_capture: unknown word `--dead`"),
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
        return eprintln!("SKIP an_agent_captures_or_says_what_the_kernel_refuses: it needs root, or a lab (tests/hosts/capture.rs)");
    }
    host::private("an_agent_captures_or_says_what_the_kernel_refuses", || {
        each(|processor, run| {
            let output = run(&["_capture", "--live", "--namespace", "here"]);
            if processor == std::env::consts::ARCH {
                assert!(output.status.success(), "{}", text(&output));
                assert_eq!(pcapng::read(&output.stdout).unwrap().lost, 0);
            } else {
                // QEMU hands this kernel no ring.
                assert_eq!(output.status.code(), Some(3), "{}", text(&output));
                assert!(text(&output).contains("cannot capture in here: "), "{}", text(&output));
            }
            let output = run(&["_capture", "--live", "--namespace", "a=/no/such/file"]);
            assert_eq!(output.status.code(), Some(3), "{}", text(&output));
            assert!(text(&output).contains("cannot enter the network namespace of a: No such file"), "{}", text(&output));
        });
    });
}
