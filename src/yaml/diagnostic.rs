//! The mistakes of a lab file, each with its place, and values that know theirs.

use crate::text::{quoted, suggest};
use crate::yaml::tree::Place;
use crate::yaml::values;
use std::cell::RefCell;

/// One mistake of a lab file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    pub place: Place,
    /// The path of fields that leads there, such as `nodes.ns-client.links.v-cli.mtu`.
    pub path: String,
    /// What is wrong and, where we can tell, what would be right.
    pub message: String,
}

/// All mistakes found so far.
#[derive(Debug, Default)]
pub struct Diagnostics(RefCell<Vec<Diagnostic>>);

impl Diagnostics {
    /// Notes one.
    pub fn add(&self, place: Place, path: &str, message: impl Into<String>) {
        self.0.borrow_mut().push(Diagnostic { place, path: path.into(), message: message.into() });
    }

    /// Notes one at `at`.
    pub fn wrong<T>(&self, at: &Spanned<T>, message: impl Into<String>) {
        self.add(at.place, &at.path, message);
    }

    /// Notes that `name` refers to nothing, unless it is already known to be missing.
    pub fn unknown<'n>(&self, what: &str, name: &Spanned<String>, known: impl Iterator<Item = &'n str> + Clone) {
        if name.value.is_empty() {
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
        if name.place != Place::default()
            && !self.are_at(name.place)
            && let Err(message) = values::plain_name(what, name)
        {
            self.wrong(name, message);
        }
    }

    /// Whether one was noted at `place`: what is built on a wrong value is not wrong by itself.
    pub fn are_at(&self, place: Place) -> bool {
        self.0.borrow().iter().any(|problem| problem.place == place)
    }

    /// The mistakes in the order of the file.
    pub fn into_sorted(self) -> Vec<Diagnostic> {
        let mut all = self.0.into_inner();
        all.sort_by(|a, b| (a.place, &a.path, &a.message).cmp(&(b.place, &b.path, &b.message)));
        all.dedup();
        all
    }
}

/// A value together with its place and path, which later checks need for their messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spanned<T> {
    pub value: T,
    pub place: Place,
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
        Spanned { value, place: self.place, path: self.path.clone() }
    }
}
