//! Choosing tests by their tags.

use crate::error::Failure;
use crate::lab::find::{Labs, Selection};
use crate::lab::model::Test;
use crate::text::{quoted, slip};
use anyhow::Result;
use std::collections::BTreeSet;

/// Which tags a test must have, and which it must not.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tags<'a> {
    /// One of these, if there are any.
    pub with: &'a [String],
    /// None of these.
    pub without: &'a [String],
}

impl Tags<'_> {
    fn fit(&self, test: &Test) -> bool {
        let among = |tags: &[String]| test.tags.iter().any(|tag| tags.contains(tag));
        (self.with.is_empty() || among(self.with)) && !among(self.without)
    }

    /// Whether they choose at all.
    pub fn is_any(&self) -> bool {
        !self.with.is_empty() || !self.without.is_empty()
    }
}

impl Labs {
    /// Leaves of `chosen` the tests that `tags` fit, and the labs that have one.
    ///
    /// # Errors
    /// If no test there is has one of the tags, with the nearest one: what is misspelt would choose
    /// the wrong tests. If no test is left.
    pub fn tagged(&self, chosen: &mut Vec<Selection>, tags: Tags) -> Result<()> {
        if !tags.is_any() {
            return Ok(());
        }
        let tests = self.labs.iter().flat_map(|(_, lab)| &lab.tests);
        let known: BTreeSet<&str> = tests.flat_map(|t| t.tags.iter().map(String::as_str)).collect();
        for tag in tags.with.iter().chain(tags.without) {
            if !known.contains(tag.as_str()) {
                // A lab that cannot be read might have it.
                self.intact()?;
                return Err(unknown(tag, &known).into());
            }
        }
        for one in chosen.iter_mut() {
            one.tests.retain(|index| tags.fit(&one.lab.tests[*index]));
        }
        chosen.retain(|one| !one.tests.is_empty());
        if chosen.is_empty() {
            let option = |name: &str, tags: &[String]| match tags {
                [] => String::new(),
                tags => format!(" --{name} {}", tags.join(&format!(" --{name} "))),
            };
            return Err(Failure::usage(format!(
                "no test is left: none of those that were named fits{}{}",
                option("tag", tags.with),
                option("not-tag", tags.without)
            ))
            .into());
        }
        Ok(())
    }
}

fn unknown(tag: &str, known: &BTreeSet<&str>) -> Failure {
    let hint = slip(tag, known.iter().copied(), || match known.is_empty() {
        true => "; no test has any (see `tags` in docs/lab-files.md)".into(),
        false => format!("; there is {}", quoted(&known.iter().collect::<Vec<_>>())),
    });
    Failure::usage(format!("no test has the tag `{tag}`{hint}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::check;
    use crate::lab::find::Origin;

    const LAB: &str = "lab: x
nodes: {n: {}}
tests:
  a: {tags: [slow, dns], steps: [run: {node: n, command: x}]}
  b: {tags: slow, steps: [run: {node: n, command: x}]}
  c: {tags: [dns], steps: [run: {node: n, command: x}]}
  d: {steps: [run: {node: n, command: x}]}
";

    fn labs() -> Labs {
        let lab = check::lab(LAB, "x.yaml").unwrap();
        Labs { labs: vec![(Origin::File, lab)], broken: Vec::new(), repository: "/".into() }
    }

    /// The short names of what is left of `words`, or the error.
    fn left(labs: &Labs, words: &[&str], with: &[&str], without: &[&str]) -> String {
        let text = |words: &[&str]| words.iter().map(|w| w.to_string()).collect::<Vec<_>>();
        let mut chosen = labs.choose(&text(words)).unwrap();
        let tags = Tags { with: &text(with), without: &text(without) };
        match labs.tagged(&mut chosen, tags) {
            Ok(()) => chosen
                .iter()
                .flat_map(|c| c.tests.iter().map(|i| c.lab.tests[*i].short.as_str()))
                .collect(),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn any_tag_of_those_wanted_and_none_of_those_unwanted() {
        let labs = labs();
        for (words, with, without, wanted) in [
            (&[][..], &[][..], &[][..], "abcd"),
            (&[], &["slow"], &[], "ab"),
            (&[], &["slow", "dns"], &[], "abc"),
            (&[], &[], &["slow"], "cd"),
            (&[], &["dns"], &["slow"], "c"),
            (&[], &[], &["slow", "dns"], "d"),
            (&["x-b", "x-c"], &["slow"], &[], "b"),
            (&["x-?"], &["dns"], &[], "ac"),
        ] {
            assert_eq!(left(&labs, words, with, without), wanted, "{with:?} {without:?}");
        }
    }

    #[test]
    fn a_tag_that_no_test_has_is_a_mistake_and_so_is_choosing_nothing() {
        let mut labs = labs();
        for (with, without, wanted) in [
            (&["slwo"][..], &[][..], "no test has the tag `slwo`, did you mean `slow`?"),
            (&["slow"], &["dsn"], "no test has the tag `dsn`, did you mean `dns`?"),
            (&["v6"], &[], "no test has the tag `v6`; there is `dns`, `slow`"),
            (
                &["slow"],
                &["slow"],
                "no test is left: none of those that were named fits --tag slow --not-tag slow",
            ),
        ] {
            assert_eq!(left(&labs, &[], with, without), wanted);
        }
        assert!(left(&labs, &["x-d"], &["slow"], &[]).starts_with("no test is left"));
        labs.broken.push("y.yaml:1:1: wrong".into());
        assert_eq!(left(&labs, &["x"], &["v6"], &[]), "y.yaml:1:1: wrong");
        labs.broken.clear();
        labs.labs[0].1.tests.iter_mut().for_each(|test| test.tags.clear());
        assert!(
            left(&labs, &[], &["slow"], &[])
                .ends_with("no test has any (see `tags` in docs/lab-files.md)")
        );
    }
}
