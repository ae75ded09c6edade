//! Which labs there are, and which of them the words of a command line mean.

use crate::error::Failure;
use crate::lab::model::Lab;
use crate::lab::repository::{is_repository_of, is_root};
use crate::text::{quoted, slip};
use crate::yaml::diagnostic::Diagnostic;
use anyhow::{Context, Result};
use regex_lite::Regex;
use std::path::{Path, PathBuf};

/// The labs that labrun brings along.
pub const BUILT_IN: [(&str, &str); 19] = [
    ("relay", include_str!("../../labs/relay.yaml")),
    ("server", include_str!("../../labs/server.yaml")),
    ("spread", include_str!("../../labs/spread.yaml")),
    ("kea", include_str!("../../labs/kea.yaml")),
    ("impair", include_str!("../../labs/impair.yaml")),
    ("impair-rate", include_str!("../../labs/impair-rate.yaml")),
    ("bridge", include_str!("../../labs/bridge.yaml")),
    ("vpn", include_str!("../../labs/vpn.yaml")),
    ("wireguard", include_str!("../../labs/wireguard.yaml")),
    ("balance", include_str!("../../labs/balance.yaml")),
    ("trunk", include_str!("../../labs/trunk.yaml")),
    ("proxy", include_str!("../../labs/proxy.yaml")),
    ("mgmt", include_str!("../../labs/mgmt.yaml")),
    ("l3vpn", include_str!("../../labs/l3vpn.yaml")),
    ("cpe", include_str!("../../labs/cpe.yaml")),
    ("vrf", include_str!("../../labs/vrf.yaml")),
    ("vrf-vlan", include_str!("../../labs/vrf-vlan.yaml")),
    ("pppoe", include_str!("../../labs/pppoe.yaml")),
    ("pppoe-discovery", include_str!("../../labs/pppoe-discovery.yaml")),
];

/// Where a lab comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// labrun brings it along.
    BuiltIn,
    /// It lies in the repository's `labs/`.
    Repository,
    /// It was named with `--file`.
    File,
}

/// The labs to choose from.
#[derive(Debug)]
pub struct Labs {
    /// The good ones.
    pub labs: Vec<(Origin, Lab)>,
    /// What is wrong with the others, ready to print.
    pub broken: Vec<String>,
    /// The repository labrun runs in.
    pub repository: PathBuf,
}

/// A lab and the indices of its tests that were chosen.
#[derive(Clone, Debug)]
pub struct Selection<'a> {
    pub lab: &'a Lab,
    /// In the file's order.
    pub tests: Vec<usize>,
}

/// One line a mistake: `file:line:column: path: message`.
pub fn show_diagnostics(file: &str, diagnostics: &[Diagnostic]) -> String {
    let line = |p: &Diagnostic| {
        let path =
            if p.path.is_empty() { String::new() } else { format!("{}: ", one_line(&p.path)) };
        format!("{file}:{}:{}: {path}{}", p.position.line, p.position.column, one_line(&p.message))
    };
    diagnostics.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// `text` with its line breaks and other control characters as escapes.
fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { c.escape_default().to_string() } else { c.to_string() })
        .collect()
}

impl Labs {
    /// The same labs, which wait `factor` times as long.
    pub fn waiting_longer(mut self, factor: f64) -> Labs {
        self.labs.iter_mut().for_each(|(_, lab)| lab.wait_longer(factor));
        self
    }

    /// Everything that concerns the repository labrun runs in: its own labs and those whose subject
    /// it is. Elsewhere that is every lab.
    pub fn all(&self) -> Vec<&Lab> {
        let concerned = |(origin, lab): &&(Origin, Lab)| {
            *origin != Origin::BuiltIn
                || lab
                    .topology
                    .subject
                    .as_ref()
                    .is_some_and(|s| is_repository_of(s, &self.repository))
        };
        let own: Vec<&Lab> = self.labs.iter().filter(concerned).map(|(_, lab)| lab).collect();
        if own.is_empty() { self.labs.iter().map(|(_, lab)| lab).collect() } else { own }
    }

    /// Whether `chosen` need the repository's files: a lab of the user's own has a step that is run
    /// in its folder. A folder that is not a project's root is nobody's repository, whatever stands in
    /// it.
    pub fn need_repository(&self, chosen: &[&Lab]) -> bool {
        let own = |lab: &&&Lab| {
            self.labs
                .iter()
                .any(|(origin, other)| *origin != Origin::BuiltIn && other.name == lab.name)
        };
        let runs_there = |lab: &Lab| {
            lab.tests.iter().flat_map(|test| &test.steps).any(|step| step.kind.uses_folder())
        };
        is_root(&self.repository) && chosen.iter().filter(own).any(|lab| runs_there(lab))
    }

    /// The tests that `words` mean, each the name of a lab or a test, a pattern of such names with `*`
    /// and `?`, or the file of a lab; all of them without words.
    ///
    /// # Errors
    /// If a word means nothing, with the nearest name; if files that might hold it are broken, with
    /// their mistakes.
    pub fn choose(&self, words: &[String]) -> Result<Vec<Selection<'_>>> {
        let mut chosen: Vec<Selection> = Vec::new();
        let mut add = |lab: &'_ Lab, test: Option<usize>| {
            let lab = self
                .labs
                .iter()
                .map(|(_, l)| l)
                .find(|l| l.name == lab.name)
                .expect("it is one of them");
            let index = chosen.iter().position(|c| c.lab.name == lab.name).unwrap_or_else(|| {
                chosen.push(Selection { lab, tests: Vec::new() });
                chosen.len() - 1
            });
            let tests = &mut chosen[index].tests;
            tests.extend(test.map_or(0..lab.tests.len(), |t| t..t + 1));
            tests.sort_unstable();
            tests.dedup();
        };
        if words.is_empty() {
            self.intact()?;
            self.all().into_iter().for_each(|lab| add(lab, None));
        }
        for word in words {
            match is_pattern(word) {
                true => self.matching(word)?.into_iter().for_each(|(lab, test)| add(lab, test)),
                false => {
                    let (lab, test) = self.find(word)?;
                    add(lab, test);
                }
            }
        }
        Ok(chosen)
    }

    /// The labs and tests whose names `pattern` matches.
    fn matching(&self, pattern: &str) -> Result<Vec<(&Lab, Option<usize>)>> {
        // A lab that cannot be read might have been meant, too.
        self.intact()?;
        let escaped = regex_lite::escape(pattern).replace(r"\*", ".*").replace(r"\?", ".");
        let regex = Regex::new(&format!("^(?:{escaped})$")).context("a pattern is too long")?;
        let mut found = Vec::new();
        for (_, lab) in &self.labs {
            if regex.is_match(&lab.name) {
                found.push((lab, None));
            }
            let tests = lab.tests.iter().enumerate();
            let tests = tests.filter(|(_, test)| regex.is_match(&test.name));
            found.extend(tests.map(|(index, _)| (lab, Some(index))));
        }
        match found.is_empty() {
            true => Err(Failure::usage(format!("no lab or test is called `{pattern}`")).into()),
            false => Ok(found),
        }
    }

    /// The labs that `words` name; tests are not meant here.
    ///
    /// # Errors
    /// As [`Labs::choose`].
    pub fn labs(&self, words: &[String]) -> Result<Vec<&Lab>> {
        let mut labs: Vec<&Lab> = Vec::new();
        for word in words {
            match self.find(word)? {
                (lab, None) => labs.push(lab),
                (lab, Some(_)) => {
                    return Err(Failure::usage(format!(
                        "`{word}` is a test of the lab `{}`, a lab is wanted",
                        lab.name
                    ))
                    .into());
                }
            }
        }
        labs.dedup_by(|a, b| a.name == b.name);
        Ok(labs)
    }

    pub(super) fn find(&self, word: &str) -> Result<(&Lab, Option<usize>)> {
        let labs = || self.labs.iter().map(|(_, lab)| lab);
        let path = Path::new(word.strip_prefix("./").unwrap_or(word));
        let is_meant = |lab: &&Lab| lab.name == word || path == Path::new(&lab.file);
        if let Some(lab) = labs().find(is_meant) {
            return Ok((lab, None));
        }
        let test = labs()
            .find_map(|lab| lab.tests.iter().position(|t| t.name == word).map(|i| (lab, Some(i))));
        if let Some(found) = test {
            return Ok(found);
        }
        self.intact()?;
        let names: Vec<&str> = labs()
            .flat_map(|lab| {
                std::iter::once(lab.name.as_str()).chain(lab.tests.iter().map(|t| t.name.as_str()))
            })
            .collect();
        if path.is_file() {
            let message =
                format!("`{word}` is none of the repository's labs: --file {word} takes it");
            return Err(Failure::usage(message).into());
        }
        let is_file = word.contains('/') || path.extension().is_some_and(|kind| kind == "yaml");
        let files = labs().map(|lab| lab.file.as_str()).filter(|_| is_file);
        let hint = slip(word, names.iter().copied().chain(files), || {
            let names: Vec<&str> = labs().map(|lab| lab.name.as_str()).collect();
            format!("; there is {}", quoted(&names))
        });
        Err(Failure::usage(format!("there is no lab or test `{word}`{hint}")).into())
    }

    /// # Errors
    /// The mistakes of all broken files.
    pub fn intact(&self) -> Result<()> {
        if self.broken.is_empty() {
            Ok(())
        } else {
            Err(Failure::usage(self.broken.join("\n")).into())
        }
    }
}

/// Whether `word` is a pattern of names.
pub(super) fn is_pattern(word: &str) -> bool {
    word.contains(['*', '?'])
}

/// Whether `path` is named as lab files are.
pub fn has_lab_name(path: &Path) -> bool {
    path.extension().is_some_and(|e| e == "yaml" || e == "yml")
}

/// The files in `folder`, a repository's `labs/`, that hold labs.
pub fn lab_files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let yaml = |path: &PathBuf| path.is_file() && has_lab_name(path);
    let mut files: Vec<PathBuf> =
        entries.filter_map(|e| Some(e.ok()?.path())).filter(yaml).collect();
    files.sort();
    files
}
