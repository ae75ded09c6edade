//! Dividing tests over several machines, by how long they take.
//!
//! Every part has its fair share: what all tests and one set-up of every lab take, by the number of
//! parts. A test goes where its lab is set up already, if that keeps to the share; else to the part
//! that is done the earliest with it, the longest tests first. So a lab is set up in another part
//! only where that is well spent. Every machine comes to the same division by itself, from the same
//! tests and the same durations.

use crate::error::Failure;
use crate::lab::find::Selection;
use crate::record::durations::Durations;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;

/// Shard `number` of `of`, counted from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Shard {
    /// Which, from 1 to `of`.
    pub number: usize,
    /// How many there are.
    pub of: usize,
}

/// More parts than anybody has machines are a mistake.
const MOST: usize = 10_000;

impl FromStr for Shard {
    type Err = Failure;

    fn from_str(text: &str) -> Result<Shard, Failure> {
        let wrong = |why: &str| Failure::usage(format!("`{text}` is not a part: {why}"));
        let (number, of) =
            text.split_once('/').ok_or_else(|| wrong("`K/N` is wanted, as in `2/4`"))?;
        let parse =
            |text: &str| text.parse::<usize>().map_err(|_| wrong("`K/N` is wanted, as in `2/4`"));
        let part = Shard { number: parse(number)?, of: parse(of)? };
        match part {
            Shard { of: 0, .. } => Err(wrong("there must be at least one")),
            Shard { number: 0, .. } => Err(wrong("the first is 1")),
            Shard { of, .. } if of > MOST => Err(wrong(&format!("there may be {MOST} at most"))),
            Shard { number, of } if number > of => Err(wrong(&format!("there are only {of}"))),
            part => Ok(part),
        }
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}/{}", self.number, self.of)
    }
}

impl TryFrom<String> for Shard {
    type Error = Failure;
    fn try_from(text: String) -> Result<Shard, Failure> {
        text.parse()
    }
}

impl From<Shard> for String {
    fn from(part: Shard) -> String {
        part.to_string()
    }
}

/// A test to place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Load {
    pub lab: String,
    /// Its name.
    pub test: String,
    /// What it takes, in milliseconds.
    pub ms: u64,
    /// What the set-up of its lab takes.
    pub setup: u64,
}

/// The part, from 1 to `parts`, that each of `loads` belongs to.
pub fn divide(loads: &[Load], parts: usize) -> Vec<usize> {
    let parts = parts.max(1);
    // Of each lab its set-up and all its tests.
    let mut labs: BTreeMap<&str, u64> =
        loads.iter().map(|load| (load.lab.as_str(), load.setup)).collect();
    for load in loads {
        labs.entry(&load.lab).and_modify(|sum| *sum = sum.saturating_add(load.ms));
    }
    let share = labs.values().fold(0u64, |sum, ms| sum.saturating_add(*ms)).div_ceil(parts as u64);
    let mut order: Vec<usize> = (0..loads.len()).collect();
    order.sort_by_key(|i| {
        (
            Reverse(labs[loads[*i].lab.as_str()]),
            &loads[*i].lab,
            Reverse(loads[*i].ms),
            &loads[*i].test,
        )
    });

    let mut busy = vec![0u64; parts];
    let mut homes: Vec<BTreeSet<&str>> = vec![BTreeSet::new(); parts];
    let mut chosen = vec![0; loads.len()];
    for index in order {
        let Load { lab, ms, setup, .. } = &loads[index];
        let is_home = |part: &usize| homes[*part].contains(lab.as_str());
        let end = |part: &usize| {
            busy[*part].saturating_add(if is_home(part) { 0 } else { *setup }).saturating_add(*ms)
        };
        let home = (0..parts).filter(|part| is_home(part) && end(part) <= share).min_by_key(end);
        // A set-up more must save more than it takes.
        let first = !(0..parts).any(|part| is_home(&part));
        let cost = |part: &usize| {
            end(part).saturating_add(if first || is_home(part) { 0 } else { *setup })
        };
        let part = home.or((0..parts).min_by_key(cost)).unwrap_or_default();
        busy[part] = end(&part);
        homes[part].insert(lab);
        chosen[index] = part + 1;
    }
    chosen
}

/// Leaves of `chosen` what belongs to `part`, and names the division.
pub fn keep(chosen: &mut Vec<Selection>, part: Shard, durations: &Durations) -> String {
    let names = chosen.iter().flat_map(|c| c.tests.iter().map(|i| c.lab.tests[*i].name.as_str()));
    let unknown = durations.typical(names);
    let of = |c: &Selection, index: usize| Load {
        lab: c.lab.name.clone(),
        test: c.lab.tests[index].name.clone(),
        ms: durations.test(&c.lab.tests[index].name).unwrap_or(unknown),
        setup: durations.setup(&c.lab.name),
    };
    let loads: Vec<Load> = chosen.iter().flat_map(|c| c.tests.iter().map(|i| of(c, *i))).collect();
    let division = divide(&loads, part.of);
    let mut parts = division.iter();
    for lab in chosen.iter_mut() {
        lab.tests.retain(|_| parts.next() == Some(&part.number));
    }
    chosen.retain(|c| !c.tests.is_empty());
    let mut plan = Sha256::new();
    for (load, part) in loads.iter().zip(&division) {
        plan.update(format!("{}\0{part}\0", load.test));
    }
    plan.finalize().iter().take(6).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn load(lab: &str, test: &str, ms: u64, setup: u64) -> Load {
        Load { lab: lab.into(), test: format!("{lab}-{test}"), ms, setup }
    }

    fn busy(loads: &[Load], division: &[usize], parts: usize) -> Vec<u64> {
        (1..=parts)
            .map(|p| loads.iter().zip(division).filter(|(_, d)| **d == p).map(|(l, _)| l.ms).sum())
            .collect()
    }

    #[test]
    fn long_tests_are_spread_and_short_ones_fill_up() {
        let loads: Vec<Load> = [7, 7, 6, 6, 5, 5, 4, 4, 4]
            .iter()
            .enumerate()
            .map(|(i, ms)| load("a", &i.to_string(), *ms, 0))
            .collect();
        assert_eq!(
            busy(&loads, &divide(&loads, 3), 3).iter().max(),
            Some(&18),
            "the best there is has 16"
        );
    }

    #[test]
    fn a_lab_is_split_only_where_that_is_well_spent() {
        let lab = |name: &str, setup| {
            (0..4).map(|i| load(name, &i.to_string(), 10, setup)).collect::<Vec<_>>()
        };
        let two = [lab("a", 5), lab("b", 5)].concat();
        assert_eq!(divide(&two, 2), [1, 1, 1, 1, 2, 2, 2, 2]);
        assert_eq!(busy(&lab("a", 5), &divide(&lab("a", 5), 2), 2), [20, 20]);
        assert_eq!(divide(&lab("a", 1000), 2), [1, 1, 1, 1], "twice the set-up for 20 ms");
    }

    #[test]
    fn what_is_not_a_part_is_refused_with_a_reason() {
        for (text, why) in [
            ("2", "`K/N`"),
            ("a/b", "`K/N`"),
            ("1/", "`K/N`"),
            ("0/4", "first is 1"),
            ("5/4", "only 4"),
            ("1/0", "one"),
            ("-1/4", "`K/N`"),
            ("1/99999999", "most"),
        ] {
            let error = text.parse::<Shard>().unwrap_err().to_string();
            assert!(error.contains(why), "{text}: {error}");
        }
        assert_eq!("2/4".parse::<Shard>().unwrap(), Shard { number: 2, of: 4 });
    }

    proptest! {
        #[test]
        fn every_test_is_in_one_part_whatever_the_order(
            tests in proptest::collection::btree_map("[a-c]-[a-z]{1,3}", 0u64..5000, 0..30),
            setups in [0u64..3000, 0u64..3000, 0u64..3000],
            parts in 1usize..40,
            turn in 0usize..30,
        ) {
            let mut loads: Vec<Load> = tests.into_iter()
                .map(|(test, ms)| Load { lab: test[..1].into(), setup: setups[usize::from(test.as_bytes()[0] - b'a')], test, ms }).collect();
            let division = divide(&loads, parts);
            prop_assert_eq!(division.len(), loads.len());
            prop_assert!(division.iter().all(|p| (1..=parts).contains(p)));
            let named = |loads: &[Load], division: &[usize]| -> std::collections::BTreeMap<String, usize> {
                loads.iter().map(|l| l.test.clone()).zip(division.iter().copied()).collect()
            };
            let before = named(&loads, &division);
            if !loads.is_empty() {
                let middle = turn % loads.len();
                loads.rotate_left(middle);
            }
            prop_assert_eq!(before, named(&loads, &divide(&loads, parts)));
        }
    }
}
