//! What a step refers to, looked up in the topology of its lab.

use crate::topology::check_services::ambiguous;
use crate::topology::model::{GLOBAL, Link, NetnsName, Node, Service, Topology};
use crate::yaml::diagnostic::{Diagnostics, Spanned};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// What a step refers to, looked up in the lab.
pub struct Checker<'a> {
    /// The mistakes found so far.
    pub diagnostics: &'a Diagnostics,
    /// The lab, but for its tests.
    pub topology: &'a Topology,
    /// What the steps before have saved.
    pub saved: RefCell<BTreeSet<String>>,
}

impl Checker<'_> {
    /// The namespace of the node that `name` means.
    pub fn node(&self, name: &Spanned<String>) -> NetnsName {
        if name.value == GLOBAL {
            return NetnsName(GLOBAL.into());
        }
        match self.find_node(name) {
            Some(node) => node.netns.clone(),
            None => {
                self.unknown(
                    "node",
                    name,
                    self.topology.nodes.iter().map(|n| n.name.as_str()).chain([GLOBAL]),
                );
                NetnsName(String::new())
            }
        }
    }

    /// The node called `name`.
    pub fn find_node(&self, name: &str) -> Option<&Node> {
        self.topology.node(name)
    }

    /// The end of a cable that is called NODE/LINK, which is to be `done` something to.
    pub fn cable(&self, at: &Spanned<String>, done: &str) -> Option<(&Node, &Link)> {
        let Some((name, link)) = at.rsplit_once('/') else {
            self.wrong(at, format!("`{}`: expected NODE/LINK, such as `router/eth0`", at.value));
            return None;
        };
        self.node(&at.with(name.to_string()));
        let node = self.find_node(name)?;
        let found = node.links.iter().find(|one| one.name == link);
        if found.is_none() && node.interfaces().any(|name| name == link) {
            let message = format!("no cable leads to `{link}` of `{name}`, so none can be {done}");
            self.wrong(at, message);
        } else if found.is_none() {
            self.unknown(
                &format!("link of `{name}`"),
                &at.with(link.to_string()),
                node.links.iter().map(|one| one.name.as_str()),
            );
        }
        found.map(|link| (node, link))
    }

    /// The service that `name` means.
    pub fn service(&self, name: &Spanned<String>) -> Option<&Service> {
        let several = match self.topology.service(name) {
            Ok(service) => return Some(service),
            Err(several) => several,
        };
        let services = &self.topology.services;
        if !several.is_empty() {
            self.wrong(name, ambiguous(name, &several));
        } else if name.contains('/') {
            let whole: Vec<String> =
                services.iter().map(|one| self.topology.whole_name(one)).collect();
            self.unknown("service", name, whole.iter().map(String::as_str));
        } else {
            self.unknown("service", name, services.iter().map(|one| one.name.as_str()));
        }
        None
    }

    /// Notes that `name` is none of the `known`.
    pub fn unknown<'n>(
        &self,
        what: &str,
        name: &Spanned<String>,
        known: impl Iterator<Item = &'n str> + Clone,
    ) {
        self.diagnostics.unknown(what, name, known);
    }

    /// Notes a mistake.
    pub fn wrong<T>(&self, at: &Spanned<T>, message: impl Into<String>) {
        self.diagnostics.wrong(at, message);
    }

    /// Notes a mistake if `at` is there, and there is nothing in it.
    pub fn not_empty(&self, at: &Spanned<String>, message: &str) {
        if at.position.line > 0 && !self.diagnostics.are_at(at.position) && at.trim().is_empty() {
            self.wrong(at, message);
        }
    }
}
