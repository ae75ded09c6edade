//! The manual pages: of every verb, and as the programs that show them want them.

use crate::common::labs::{have, run};
use crate::common::{User, folder, labrun, text};
use clap::CommandFactory;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The pages, freshly written below `folder`.
fn pages(folder: &Path) -> Vec<PathBuf> {
    let pages = folder.join("share/man1");
    let mut command = labrun(User::Own);
    command.arg("man").arg(&pages);
    let done = run(command);
    assert_eq!(done.exit, 0, "{}", done.all);
    std::fs::read_dir(pages).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The full names of `command` and its verbs, as files of manual pages.
fn names(command: &clap::Command, before: &str, all: &mut BTreeSet<String>) {
    let name = format!("{before}{}", command.get_name());
    for verb in command.get_subcommands() {
        names(verb, &format!("{name}-"), all);
    }
    all.insert(format!("{name}.1"));
}

#[test]
fn each_verb_has_a_manual_page_that_names_its_options() {
    let folder = folder();
    let pages = pages(folder.path());
    let found = pages.iter().map(|page| page.file_name().unwrap().to_str().unwrap().to_string());
    let mut wanted = BTreeSet::new();
    names(&labrun::cli::Cli::command(), "", &mut wanted);
    assert_eq!(found.collect::<BTreeSet<_>>(), wanted);
    let page = |name: &str| {
        let page = pages.iter().find(|page| page.ends_with(name)).unwrap();
        std::fs::read_to_string(page).unwrap().replace("\\-", "-")
    };
    for words in ["--fail-fast", "--host", "LABRUN_HOST", "labrun-test"] {
        assert!(page("labrun-test.1").contains(words), "{words}");
    }
    let printed = labrun(User::Own).arg("man").output().unwrap();
    assert_eq!(String::from_utf8(printed.stdout).unwrap().replace("\\-", "-"), page("labrun.1"));
}

#[test]
fn a_folder_that_cannot_be_written_is_a_mistake() {
    let mut command = labrun(User::Own);
    command.args(["man", "/proc/man"]);
    let done = run(command);
    assert!(done.exit == 2 && done.all.contains("cannot write to /proc/man: "), "{}", done.all);
}

/// Runs `program` on each page; it must have nothing to say.
fn all_are_fine(program: &str, arguments: &[&str], printed: impl Fn(&str) -> bool) {
    let folder = folder();
    for page in pages(folder.path()) {
        let mut command = Command::new(program);
        command.args(arguments).arg(&page).env("LC_ALL", "C.UTF-8").env("MANPAGER", "cat");
        let output = command.output().unwrap();
        let fine = output.status.success() && output.stderr.is_empty();
        let text = text(&output);
        assert!(fine && printed(&text), "{page:?}: {text}");
    }
}

#[test]
fn man_shows_the_pages_without_a_warning() {
    if have("man_shows_the_pages_without_a_warning", &["man", "groff"]) {
        all_are_fine("man", &["--warnings=w", "-l"], |text| text.contains("SYNOPSIS"));
    }
}

#[test]
fn mandoc_finds_no_error_in_the_pages() {
    if have("mandoc_finds_no_error_in_the_pages", &["mandoc"]) {
        all_are_fine("mandoc", &["-T", "lint", "-W", "error"], |text| text == "exit Some(0)\n");
    }
}
