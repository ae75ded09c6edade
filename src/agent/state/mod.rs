//! Whether a test left the lab as it was found. What labrun's own steps do is taken back
//! (src/sandbox/restore.rs); what commands of the user's do can be anything, and is found here by
//! looking at the kernel's state, files and processes before and after. A lab that differs is made
//! anew for the next test.
//!
//! Looked at after every test is what a dump or two of netlink(7) tells of each node: links,
//! addresses, routes, rules, queues, lasting neighbours, the generation of nftables. What takes
//! reading a file each, such as sysctls, is looked at where commands ran.

mod files;
mod kernel;
mod strays;

use crate::sandbox::{Gone, Sandbox};
use crate::topology::model::GLOBAL;
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};
use strays::Processes;

/// How long the kernel and routing daemons may take to bring back what is theirs: a carrier is told
/// up to a second late.
const SETTLES: Duration = Duration::from_millis(1500);
/// A lab of more nodes than this is large.
const LARGE: usize = 32;
/// How many changes are told.
const TOLD: usize = 16;
/// More sysctls of a node than this are told as a number.
const SYSCTLS: usize = 3;

/// Something that is so in a lab.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Fact {
    /// In words, with its place.
    what: String,
    /// What tells it from others of which the words are the same.
    detail: Vec<u8>,
    /// It comes without anybody's doing, such as a link-local address, or by a daemon's whose
    /// business it is: only that it went is a change, and it may come back by itself.
    by_itself: bool,
}

type Facts = BTreeSet<Fact>;

/// A lab as the session found it.
pub struct Found {
    network: Facts,
    /// Of nodes that commands have run in.
    settings: BTreeMap<String, Facts>,
    /// Once commands have run.
    more: Option<(Facts, Processes)>,
    /// The nodes that commands of this test have run in.
    ran: BTreeSet<String>,
}

impl Found {
    /// Looks at a lab in which nothing of this session has run yet.
    pub fn of(sandbox: &Sandbox) -> Found {
        Found {
            network: kernel::network(sandbox),
            settings: BTreeMap::new(),
            more: None,
            ran: BTreeSet::new(),
        }
    }

    /// A command is about to run in `node`. One that may reach other nodes is taken to do so; in a
    /// large lab it must say so, because looking takes longer there than making it anew.
    pub fn before_command(&mut self, sandbox: &Sandbox, node: &str, command: &str) {
        let all = kernel::nodes();
        let far = ["netns", "nsenter"].iter().any(|word| command.contains(word))
            || (node == GLOBAL && all.len() <= LARGE);
        let nodes = if far { all } else { vec![GLOBAL.into(), node.into()] };
        for node in nodes {
            if !self.settings.contains_key(&node) {
                self.settings.insert(node.clone(), kernel::settings(sandbox, &node));
            }
            self.ran.insert(node);
        }
        if self.more.is_none() {
            self.more = Some((files::facts(sandbox), Processes::now()));
        }
    }

    /// What is other than it was found, now that a test is over and what is labrun's was put back.
    ///
    /// # Errors
    /// If the session or the sandbox ended.
    pub fn changes(&mut self, sandbox: &Sandbox) -> Result<Vec<String>, Gone> {
        let deadline = Instant::now() + SETTLES;
        let mut changes = loop {
            let (changes, settles) = compare(&self.network, &kernel::network(sandbox));
            if changes.is_empty() || !settles || Instant::now() >= deadline {
                break changes;
            }
            sandbox.pause(Duration::from_millis(20))?;
        };
        for node in std::mem::take(&mut self.ran) {
            let before = &self.settings[&node];
            let of_node = compare(before, &kernel::settings(sandbox, &node)).0;
            match of_node.len() {
                // A link that came or went has many.
                count if count > SYSCTLS => changes.push(format!("{count} sysctls of {node}")),
                _ => changes.extend(of_node),
            }
        }
        if let Some((files, processes)) = &self.more {
            changes.extend(compare(files, &files::facts(sandbox)).0);
            changes.extend(processes.strays(sandbox));
        }
        changes.dedup();
        let more = changes.len().saturating_sub(TOLD);
        changes.truncate(TOLD);
        if more > 0 {
            changes.push(format!("{more} more"));
        }
        Ok(changes)
    }
}

/// What differs in words, and whether it may settle by itself.
fn compare(before: &Facts, now: &Facts) -> (Vec<String>, bool) {
    let gone: Vec<&Fact> = before.difference(now).collect();
    let come: Vec<&Fact> = now.difference(before).filter(|fact| !fact.by_itself).collect();
    let settles = come.is_empty() && gone.iter().all(|fact| fact.by_itself);
    let mut words: Vec<String> = gone.iter().chain(&come).map(|fact| fact.what.clone()).collect();
    words.sort();
    words.dedup();
    (words, settles)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(of: &[(&str, u8, bool)]) -> Facts {
        of.iter()
            .map(|(what, detail, by_itself)| Fact {
                what: (*what).into(),
                detail: vec![*detail],
                by_itself: *by_itself,
            })
            .collect()
    }

    #[test]
    fn what_comes_by_itself_is_no_change_and_what_went_may_come_back() {
        let before = facts(&[("a link", 1, false), ("a route", 2, true)]);
        let more = facts(&[("a link", 1, false), ("a route", 2, true), ("a route", 3, true)]);
        assert_eq!(compare(&before, &more), (Vec::new(), true));
        let less = facts(&[("a link", 1, false)]);
        assert_eq!(compare(&before, &less), (vec!["a route".into()], true));
        let other = facts(&[("a link", 9, false), ("a route", 2, true)]);
        assert_eq!(compare(&before, &other), (vec!["a link".into()], false));
        let added = facts(&[("a link", 1, false), ("a rule", 1, false), ("a route", 2, true)]);
        assert_eq!(compare(&before, &added), (vec!["a rule".into()], false));
    }
}
