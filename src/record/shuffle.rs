//! Tests in an order that nobody chose, to find those that depend on others.
//!
//! A seed gives each lab and test its place by a hash of its name, so that of two tests the same comes
//! first whatever else is chosen: an order in which one fails can be cut down to the few that matter.

use crate::lab::find::Selection;
use sha2::{Digest, Sha256};
use std::hash::{BuildHasher, RandomState};

/// A seed that was not used before, short enough to be typed.
pub fn seed() -> u64 {
    RandomState::new().hash_one(0u8) & 0xffff_ffff
}

/// Puts labs, and in each its tests, into the order that `seed` stands for.
pub fn shuffle(chosen: &mut [Selection], seed: u64) {
    for one in chosen.iter_mut() {
        let lab = one.lab;
        one.tests.sort_by_cached_key(|index| place(seed, &lab.tests[*index].name));
    }
    chosen.sort_by_cached_key(|one| place(seed, &one.lab.name));
}

fn place(seed: u64, name: &str) -> [u8; 32] {
    Sha256::digest(format!("{seed}\0{name}")).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::check;
    use crate::lab::model::Lab;
    use proptest::prelude::*;

    fn lab(name: &str) -> Lab {
        let test = |n| format!("  t{n}: {{steps: [run: {{node: n, command: x}}]}}\n");
        let tests: String = (0..9).map(test).collect();
        check::lab(&format!("lab: {name}\nnodes: {{n: {{}}}}\ntests:\n{tests}"), "x").unwrap()
    }

    /// The labs, and the tests of each, in the order of `seed`.
    fn order(labs: &[Lab], tests: &[usize], seed: u64) -> Vec<(String, Vec<usize>)> {
        let mut chosen: Vec<Selection> =
            labs.iter().map(|lab| Selection { lab, tests: tests.to_vec() }).collect();
        shuffle(&mut chosen, seed);
        chosen.into_iter().map(|one| (one.lab.name.clone(), one.tests)).collect()
    }

    #[test]
    fn a_seed_stands_for_an_order() {
        let labs = ["a", "b", "c", "d"].map(lab);
        let all: Vec<usize> = (0..9).collect();
        let first = order(&labs, &all, 1);
        assert_eq!(first, order(&labs, &all, 1));
        // Of the release that a seed was printed by: it is to mean the same in the next.
        let names: Vec<&str> = first.iter().map(|(lab, _)| lab.as_str()).collect();
        assert_eq!(
            (names, &first[1].1),
            (vec!["a", "b", "c", "d"], &vec![3, 7, 5, 2, 6, 0, 8, 4, 1])
        );
        let others: Vec<_> = (2..12).map(|seed| order(&labs, &all, seed)).collect();
        assert!(others.iter().all(|other| *other != first));
        assert!(others.iter().any(|other| other[0].0 != first[0].0), "labs are shuffled, too");
    }

    proptest! {
        #[test]
        fn nothing_is_lost_and_of_two_the_same_comes_first_whatever_else_is_chosen(
            some in proptest::collection::btree_set(0usize..9, 0..9),
            seed: u64,
        ) {
            let labs = [lab("a")];
            let some: Vec<usize> = some.into_iter().collect();
            let all = order(&labs, &(0..9).collect::<Vec<_>>(), seed).remove(0).1;
            let found = order(&labs, &some, seed).remove(0).1;
            let wanted: Vec<usize> = all.into_iter().filter(|t| some.contains(t)).collect();
            prop_assert_eq!(found, wanted);
        }
    }
}
