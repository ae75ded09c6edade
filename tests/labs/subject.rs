//! The project's own subject (tests/subject), tested by the labs that come along as anybody's
//! repository is.

use crate::common::host::run_within;
use crate::common::labs::{Lab, have, lines, subject, subject_repository};
use crate::common::{User, folder, labrun, text, users};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[test]
fn a_repository_is_built_and_tested_where_labrun_runs_and_where_it_is_told() {
    let name = "a_repository_is_built_and_tested_where_labrun_runs_and_where_it_is_told";
    if !have(name, &["cargo", "dnsmasq", "dhcpcd", "perfdhcp", "nft"]) {
        return;
    }
    let folder = folder();
    // Apart from labrun's own, and without what others have built in it.
    let repository = folder.path().join("repository");
    fs::create_dir(&repository).unwrap();
    for part in ["Cargo.toml", "Cargo.lock", ".gitignore", "src"] {
        let from = subject_repository().join(part);
        assert!(
            Command::new("cp").arg("-r").arg(from).arg(&repository).status().unwrap().success()
        );
    }
    let cache = folder.path().join("cache");
    let instance = format!("subject-{}", std::process::id());
    let test = |place: &Path, words: &[&str], code: i32| {
        let mut command = labrun(User::Own);
        command
            .args(["test", "--instance", &instance, "--client", "dhcpcd"])
            .args(words)
            .current_dir(place)
            .env("XDG_CACHE_HOME", &cache);
        let output = run_within(Duration::from_secs(100), &mut command);
        let text = text(&output);
        assert_eq!(output.status.code(), Some(code), "{command:?}: {text}");
        text
    };
    let has = |text: String, words: &[&str]| {
        words.iter().for_each(|word| assert!(text.contains(word), "no {word:?} in {text}"));
    };

    // In it: all labs that test it, and no other.
    has(
        test(&repository, &["--strict"], 0),
        &[
            "relay: testing dhcplb, built from its repository",
            "server: testing",
            "spread: testing",
            "7 passed, 0 failed",
        ],
    );
    // From elsewhere.
    let path = repository.to_str().unwrap();
    has(
        test(Path::new("/"), &["server-v4", "--subject", path], 0),
        &["built dhcplb earlier from the same content", "1 passed, 0 failed"],
    );
    // What the compiler says is shown.
    let main = repository.join("src/main.rs");
    fs::write(&main, fs::read_to_string(&main).unwrap() + "fn wrong( {}\n").unwrap();
    has(
        test(&repository, &["server-v4"], 4),
        &["cannot build dhcplb in", "it failed", "| error: "],
    );
    // What nobody knows how to build.
    fs::remove_file(repository.join("Cargo.toml")).unwrap();
    has(
        test(Path::new("/"), &["server-v4", "--subject", path], 2),
        &[
            "has nothing by which the lab knows how to build dhcplb (go.mod, or Cargo.toml)",
            "give the binary with --subject",
        ],
    );
}

#[test]
fn the_relay_and_server_labs_pass_with_each_client() {
    let name = "the_relay_and_server_labs_pass_with_each_client";
    let Some(subject) = subject(name) else { return };
    if !have(name, &["dnsmasq", "dhclient", "dhcpcd"]) {
        return;
    }
    for (user, client) in users().into_iter().zip(["dhclient", "dhcpcd"].iter().cycle()) {
        for lab in ["relay", "server"] {
            let lab = Lab::built_in(user, lab, |text| text);
            lab.passes(&["--strict", "--client", client, "--subject", subject.to_str().unwrap()]);
        }
    }
}

#[test]
fn a_balancer_whose_server_is_nobody_fails_the_test() {
    let name = "a_balancer_whose_server_is_nobody_fails_the_test";
    let Some(subject) = subject(name) else { return };
    if !have(name, &["dnsmasq", "dhcpcd"]) {
        return;
    }
    let lab = Lab::built_in(User::Own, "relay", |text| {
        let hosts = r#"hosts: "192.168.200.3\n""#;
        assert!(text.contains(hosts));
        text.replace(hosts, r#"hosts: "192.168.200.99\n""#)
            .replace("family: 4\n", "family: 4\n          within: 3s\n")
    });
    let (done, results) =
        lab.results(&["--client", "dhcpcd", "--subject", subject.to_str().unwrap()]);
    assert_eq!((done.exit, &results["v4"]["outcome"]), (1, &"fail".into()), "{}", done.all);
    assert!(lines(&results["v4"]).contains("no lease within 3s"), "{}", done.all);
    // The other family's balancer knows the right server.
    assert_eq!(results["v6"]["outcome"], "pass", "{}", done.all);
}

#[test]
fn a_wrong_argument_of_the_subject_is_shown_with_the_services_end() {
    let name = "a_wrong_argument_of_the_subject_is_shown_with_the_services_end";
    let Some(subject) = subject(name) else { return };
    let lab = Lab::built_in(User::Own, "server", |text| {
        text.replace("exec dhcplb ", "exec dhcplb --fault unheard-of ")
    });
    let done = lab.run(&["test", "--subject", subject.to_str().unwrap()]);
    assert_eq!(done.exit, 4, "{}", done.all);
    assert!(done.all.contains("| dhcplb: there is no fault unheard-of, only "), "{}", done.all);
    assert!(!lab.is_up());
}
