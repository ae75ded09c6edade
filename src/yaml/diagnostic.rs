//! The mistakes of a lab file, each with its place, and values that know theirs.

use crate::text::{quoted, suggest};
use crate::yaml::tree::Position;
use crate::yaml::values;
use std::cell::RefCell;
use std::collections::HashSet;

/// One mistake of a lab file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub position: Position,
    /// The path of fields that leads there, such as `nodes.ns-client.links.v-cli.mtu`.
    pub path: String,
    /// What is wrong and, where we can tell, what would be right.
    pub message: String,
}

/// All mistakes found so far.
#[derive(Debug, Default)]
pub struct Diagnostics {
    all: RefCell<Vec<Diagnostic>>,
    /// Where they are.
    places: RefCell<HashSet<Position>>,
}

impl Diagnostics {
    /// Notes one.
    pub fn add(&self, position: Position, path: &str, message: impl Into<String>) {
        self.places.borrow_mut().insert(position);
        self.all.borrow_mut().push(Diagnostic {
            position,
            path: path.into(),
            message: message.into(),
        });
    }

    /// Notes one at `at`.
    pub fn wrong<T>(&self, at: &Spanned<T>, message: impl Into<String>) {
        self.add(at.position, &at.path, message);
    }

    /// Notes that `name` refers to nothing, unless it is already known to be missing or no name.
    pub fn unknown<'n>(
        &self,
        what: &str,
        name: &Spanned<String>,
        known: impl Iterator<Item = &'n str> + Clone,
    ) {
        let missing = name.position == Position::default() || self.are_at(name.position);
        if name.value.is_empty() && missing {
            return;
        }
        let mut message = format!("there is no {what} `{}`", name.value);
        match suggest(name, known.clone()) {
            Some(near) => message.push_str(&format!(", did you mean `{near}`?")),
            None => {
                let known: Vec<&str> = known.collect();
                if !known.is_empty() {
                    message.push_str(&format!(", there is {}", quoted(&known)));
                }
            }
        }
        self.wrong(name, message);
    }

    /// Notes what keeps `name` from naming a `what`: a lab, service or test.
    pub fn name(&self, what: &str, name: &Spanned<String>) {
        // A missing name is reported as a missing field.
        if name.position != Position::default()
            && !self.are_at(name.position)
            && let Err(message) = values::plain_name(what, name)
        {
            self.wrong(name, message);
        }
    }

    /// Whether one was noted at `place`: what is built on a wrong value is not wrong by itself.
    pub fn are_at(&self, position: Position) -> bool {
        self.places.borrow().contains(&position)
    }

    /// The mistakes in the order of the file.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut all = self.all.into_inner();
        all.sort_by(|a, b| {
            (a.position, &a.path, &a.message).cmp(&(b.position, &b.path, &b.message))
        });
        all.dedup();
        all
    }
}

/// A value together with its place and path, which later checks need for their messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub position: Position,
    pub path: String,
}

impl<T> std::ops::Deref for Spanned<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.value
    }
}

impl<T> Spanned<T> {
    /// Another value at the same place.
    pub fn with<U>(&self, value: U) -> Spanned<U> {
        Spanned { value, position: self.position, path: self.path.clone() }
    }
}
