//! Reads the labs there are. Reading a file takes longer than to make the network that it describes, so what no word
//! of a command line can mean is left out.

use crate::error::Failure;
use crate::lab::check;
use crate::lab::find::{
    BUILT_IN, Labs, Origin, has_lab_name, is_pattern, lab_files, show_diagnostics,
};
use crate::lab::params::Setting;
use crate::lab::repository::repository;
use anyhow::{Context, Result};
use std::path::{Path, PathBuf};

impl Labs {
    /// Those of `files` if any are named, else the repository's and the built-in ones. A lab of the
    /// repository hides a built-in one of the same name.
    ///
    /// # Errors
    /// If a file cannot be read. Mistakes in a file are kept in `broken`.
    pub fn load(files: &[PathBuf]) -> Result<Labs> {
        Labs::load_for(&[], files, &[])
    }

    /// The same where only what `words` mean is wanted, or all without words, with these parameters, of which none
    /// needs to have any ([`crate::lab::params::known`]).
    ///
    /// # Errors
    /// As [`Labs::load`].
    pub fn load_for(words: &[String], files: &[PathBuf], settings: &[Setting]) -> Result<Labs> {
        let here = std::env::current_dir().context("cannot tell the working directory")?;
        Labs::load_for_from(&here, words, files, settings)
    }

    fn load_for_from(
        here: &Path,
        words: &[String],
        files: &[PathBuf],
        settings: &[Setting],
    ) -> Result<Labs> {
        // In which of two files a lab counts depends on the other one.
        let is_simple = |word: &String| !is_pattern(word) && !has_lab_name(Path::new(word));
        if !words.is_empty() && words.iter().all(is_simple) {
            let meant = |lab: &str| words.iter().any(|word| can_mean(word, lab));
            let labs = Labs::load_from(here, files, settings, meant)?;
            if words.iter().all(|word| labs.find(word).is_ok()) {
                return Ok(labs);
            }
        }
        // Whatever is said of a word that means nothing, it is said of all labs.
        Labs::load_from(here, files, settings, |_| true)
    }

    /// What there is for someone in the folder `here`, of labs that nobody named by --file only the `wanted` ones.
    fn load_from(
        here: &Path,
        files: &[PathBuf],
        settings: &[Setting],
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Labs> {
        let repository = repository(here);
        let mut labs = Labs { labs: Vec::new(), broken: Vec::new(), repository };
        if !files.is_empty() {
            for path in files {
                labs.add_file(Origin::File, path, &path.display().to_string(), settings, |_| true)?;
            }
            return Ok(labs);
        }
        for path in lab_files(&labs.repository.join("labs")) {
            let shown = path.strip_prefix(here).unwrap_or(&path).display().to_string();
            labs.add_file(Origin::Repository, &path, &shown, settings, &wanted)?;
        }
        for (name, text) in BUILT_IN {
            let hidden = labs.labs.iter().any(|(_, lab)| lab.name == name);
            if !hidden && wanted(name) {
                labs.add(Origin::BuiltIn, text, &format!("<built-in>/{name}.yaml"), settings);
            }
        }
        Ok(labs)
    }

    fn add_file(
        &mut self,
        origin: Origin,
        path: &Path,
        shown: &str,
        settings: &[Setting],
        wanted: impl Fn(&str) -> bool,
    ) -> Result<()> {
        let bytes = std::fs::read(path)
            .map_err(|error| Failure::usage(format!("cannot read {shown}: {error}")))?;
        match String::from_utf8(bytes) {
            Ok(text) if plain_name(&text).is_none_or(wanted) => {
                self.add(origin, &text, shown, settings);
            }
            Ok(_) => {}
            Err(_) => self.broken.push(format!("{shown}:1:1: the file is not UTF-8 text")),
        }
        Ok(())
    }

    fn add(&mut self, origin: Origin, text: &str, shown: &str, settings: &[Setting]) {
        match check::lab_with(text, shown, settings) {
            Ok(lab) => {
                if let Some((_, other)) = self.labs.iter().find(|(_, l)| l.name == lab.name) {
                    self.broken.push(format!(
                        "{shown}:1:1: the lab `{}` is already in {}",
                        lab.name, other.file
                    ));
                } else {
                    self.labs.push((origin, lab));
                }
            }
            Err(diagnostics) => self.broken.push(show_diagnostics(shown, &diagnostics)),
        }
    }
}

/// Whether `word` may be the name of the `lab` or of one of its tests, which is that of the lab, a hyphen, and its own.
fn can_mean(word: &str, lab: &str) -> bool {
    let rest = word.strip_prefix(lab);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
}

/// The name of the lab in the file of this `text`, if it begins with that, as nearly all do.
fn plain_name(text: &str) -> Option<&str> {
    let is_said =
        |line: &&str| !line.trim().is_empty() && !line.starts_with(['#', '%']) && *line != "---";
    let value = text.lines().find(is_said)?.strip_prefix("lab:")?.strip_prefix(' ')?;
    let name = value.split_once(" #").map_or(value, |(name, _)| name).trim();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || c == '-';
    (!name.is_empty() && name.chars().all(is_plain)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the labs that are read in `here` for `words`, and what is chosen of them, or what is said.
    fn read(here: &Path, words: &[&str]) -> (Vec<String>, String) {
        let words: Vec<String> = words.iter().map(ToString::to_string).collect();
        let labs = Labs::load_for_from(here, &words, &[], &[]).unwrap();
        let names = labs.labs.iter().map(|(_, lab)| lab.name.clone()).collect();
        (names, choose(&labs, &words))
    }

    fn choose(labs: &Labs, words: &[String]) -> String {
        match labs.choose(words) {
            Ok(chosen) => {
                format!("{:?}", chosen.iter().map(|c| (&c.lab.name, &c.tests)).collect::<Vec<_>>())
            }
            Err(error) => format!("{error:#}"),
        }
    }

    #[test]
    fn only_labs_that_are_meant_are_read() {
        let folder = tempfile::tempdir().unwrap();
        let all = BUILT_IN.map(|(name, _)| name);
        let words = |words: &[&str]| read(folder.path(), words).0;
        assert_eq!(words(&["relay"]), ["relay"]);
        assert_eq!(words(&["server-v6", "relay"]), ["relay", "server"]);
        // One is called as tests of another would be.
        assert_eq!(words(&["impair-rate"]), ["impair", "impair-rate"]);
        for any in [&[][..], &["relay-*"], &["relay", "relai"], &["relay-"], &["labs/relay.yaml"]] {
            assert_eq!(words(any), all, "{any:?}");
        }
    }

    #[test]
    fn leaving_labs_out_changes_no_choice() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("labs")).unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        let write = |file: &str, head: &str| {
            let rest =
                "nodes: {a: {}}\ntests: {rate: {steps: [{run: {node: a, command: 'true'}}]}}\n";
            std::fs::write(folder.path().join("labs").join(file), format!("{head}\n{rest}"))
                .unwrap();
        };
        // A test that is called like a built-in lab, names that are not at the top, and one lab twice.
        write("impair.yaml", "# yaml\n---\nlab: impair   # this one");
        write("last.yaml", "about: \"no\n  lab: relay\"\n\"lab\": vpn");
        write("one.yaml", "lab: one");
        write("two.yaml", "about: another one\nlab: one");
        write("broken.yaml", "lab: bro\nken");
        let all = Labs::load_from(folder.path(), &[], &[], |_| true).unwrap();
        assert_eq!(all.broken.len(), 2, "{:?}", all.broken);
        assert_eq!(
            read(folder.path(), &["impair-rate"]).0,
            ["impair", "vpn", "one", "impair-rate"]
        );
        let tests = all.labs.iter().flat_map(|(_, lab)| &lab.tests).map(|test| test.name.as_str());
        let names = all.labs.iter().map(|(_, lab)| lab.name.as_str());
        let files = ["labs/one.yaml", "./labs/last.yaml", "labs/two.yaml", "<built-in>/relay.yaml"];
        let none = ["impair-", "imp", "relay*", "bro", ""];
        for word in names.chain(tests).chain(files).chain(none) {
            for words in [&[word][..], &["vpn", word]] {
                let owned: Vec<String> = words.iter().map(ToString::to_string).collect();
                assert_eq!(read(folder.path(), words).1, choose(&all, &owned), "{words:?}");
            }
        }
    }
}
