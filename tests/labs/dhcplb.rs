//! The real dhcplb, built by labrun from its repository (LABRUN_TEST_DHCPLB names a checkout of
//! it).

use crate::common::host::run_within;
use crate::common::labs::{Lab, dhcplb, have};
use crate::common::{User, folder, labrun, text, users};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

#[test]
fn it_is_built_and_tested_and_without_the_range_handler_it_fails_well() {
    let Some(dhcplb) = dhcplb("it_is_built_and_tested_and_without_the_range_handler_it_fails_well")
    else {
        return;
    };
    let folder = folder();
    // labrun asks whose the repository is, and this one's is the tester.
    let repository = folder.path().join("repository");
    let copied =
        Command::new("cp").arg("-r").arg(&dhcplb.repository).arg(&repository).status().unwrap();
    assert!(copied.success());
    let cache = folder.path().join("cache");
    let instance = format!("dhcplb-{}", std::process::id());
    let test = |user: User, place: &Path, words: &[&str], code: i32| {
        let mut command = labrun(user);
        command
            .args(["test", "--instance", &instance])
            .args(words)
            .current_dir(place)
            .env("XDG_CACHE_HOME", &cache);
        let output = run_within(Duration::from_secs(300), &mut command);
        let text = text(&output);
        assert_eq!(output.status.code(), Some(code), "{command:?}: {text}");
        text
    };

    let text = test(User::Own, &repository, &["relay"], 0);
    assert!(
        text.contains("testing dhcplb, built from its repository")
            && text.contains("2 passed, 0 failed"),
        "{text}"
    );
    if dhcplb.has_ranges {
        // Inside the repository all labs that test it are run.
        let text = test(User::Own, &repository, &["--strict"], 0);
        assert!(text.contains("7 passed, 0 failed"), "{text}");
    } else {
        // It panics; that is the service's failure, with its own words, not the lab's.
        let text = test(User::Own, &repository, &["server"], 4);
        assert!(text.contains("built dhcplb earlier from the same content"), "{text}");
        assert!(
            text.contains("service dhcp-v")
                && text.contains("died with exit status 2")
                && text.contains("| panic:"),
            "{text}"
        );
        assert!(text.contains("ERROR server-v4") && text.contains("ERROR server-v6"), "{text}");
    }

    // The same program by its path, which an ordinary user can read.
    let builds: Vec<_> = fs::read_dir(cache.join("labrun"))
        .unwrap()
        .map(|entry| entry.unwrap().path().join("dhcplb"))
        .collect();
    let [built] = &builds[..] else { panic!("{builds:?}") };
    let program = folder.path().join("dhcplb");
    fs::copy(built, &program).unwrap();
    for user in users() {
        let text =
            test(user, Path::new("/"), &["relay-v4", "--subject", program.to_str().unwrap()], 0);
        assert!(text.contains(&format!("testing {}", program.display())), "{text}");
    }
}

#[test]
fn the_relay_and_server_labs_pass_with_dhcplb_itself() {
    let name = "the_relay_and_server_labs_pass_with_dhcplb_itself";
    let Some(dhcplb) = dhcplb(name) else { return };
    if !have(name, &["dnsmasq", "dhclient", "dhcpcd"]) {
        return;
    }
    let labs: &[&str] = if dhcplb.has_ranges { &["relay", "server"] } else { &["relay"] };
    for lab in labs {
        for user in users() {
            for client in ["dhclient", "dhcpcd"] {
                let lab = Lab::built_in(user, lab, |text| text);
                lab.passes(&[
                    "--strict",
                    "--client",
                    client,
                    "--subject",
                    dhcplb.program.to_str().unwrap(),
                ]);
            }
        }
    }
}

#[test]
fn a_dhcplb_without_range_handler_is_named_as_the_service_that_died() {
    let name = "a_dhcplb_without_range_handler_is_named_as_the_service_that_died";
    let Some(dhcplb) = dhcplb(name) else { return };
    if dhcplb.has_ranges {
        return eprintln!("SKIP {name}: this one has it");
    }
    for user in users() {
        let lab = Lab::built_in(user, "server", |text| text);
        let done = lab.run(&["test", "--subject", dhcplb.program.to_str().unwrap()]);
        assert_eq!(done.exit, 4, "{}", done.all);
        assert!(
            done.all.contains("service dhcp-v")
                && done.all.contains(" (node ns-dhcplb) died with exit status "),
            "{}",
            done.all
        );
        assert!(done.all.contains("command: exec dhcplb -server -logtostderr"), "{}", done.all);
        assert!(done.all.contains("its last lines:\n      | "), "{}", done.all);
        assert!(done.time < Duration::from_secs(10), "{:?}", done.time);
        assert!(!lab.is_up());
    }
}
