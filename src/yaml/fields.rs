//! A mapping whose keys are fixed.

use crate::yaml::decode::{Reader, join};
use crate::yaml::diagnostic::{Diagnostics, Spanned};
use crate::yaml::outline::Outline;
use crate::yaml::tree::{Node, Position};

/// The fields of one mapping.
pub struct Fields<'a> {
    pub(super) map: &'a [(String, Position, Node)],
    /// Where the mapping begins.
    pub position: Position,
    /// The path that leads to it.
    pub path: String,
    pub(super) diagnostics: &'a Diagnostics,
    pub(super) outline: Option<&'a Outline>,
}

impl Fields<'_> {
    /// Reads the field `name` if it is there.
    pub fn get<T>(&self, name: &str, read: impl FnOnce(Reader) -> T) -> Option<T> {
        if let Some(outline) = self.outline {
            return Some(outline.field(name, false, read));
        }
        let (_, _, node) = self.map.iter().find(|(key, ..)| key == name)?;
        Some(read(Reader::new(node, &join(&self.path, name), self.diagnostics)))
    }

    /// Reads the field `name`, which must be there.
    pub fn need<T>(&self, name: &str, read: impl FnOnce(Reader) -> T) -> Option<T> {
        if let Some(outline) = self.outline {
            return Some(outline.field(name, true, read));
        }
        let value = self.get(name, read);
        if value.is_none() {
            self.diagnostics.add(
                self.position,
                &self.path,
                format!("the field `{name}` is missing"),
            );
        }
        value
    }

    /// Reads the one of the fields `names` that is there.
    ///
    /// # Errors
    /// Those that are there, if it is none or several.
    pub fn one_of<'n, T>(
        &self,
        names: &[&'n str],
        read: impl Fn(&'n str, Reader) -> T,
    ) -> Result<T, Vec<&'n str>> {
        if let Some(outline) = self.outline {
            outline.one_of(names);
            let read = names.iter().map(|name| outline.field(name, false, |r| read(name, r)));
            return read.last().ok_or_else(Vec::new);
        }
        match self.present(names).as_slice() {
            [name] => self.get(name, |r| read(name, r)).ok_or_else(Vec::new),
            others => Err(others.to_vec()),
        }
    }

    /// Which of `names` are there.
    pub fn present<'n>(&self, names: &[&'n str]) -> Vec<&'n str> {
        names.iter().copied().filter(|name| self.map.iter().any(|(key, ..)| key == name)).collect()
    }

    /// Notes a mistake at the mapping itself.
    pub fn wrong(&self, message: impl Into<String>) {
        self.diagnostics.add(self.position, &self.path, message);
    }

    /// Notes a mistake at one of its values.
    pub fn wrong_at<T>(&self, at: &Spanned<T>, message: impl Into<String>) {
        self.diagnostics.add(at.position, &at.path, message);
    }

    /// `value` at the mapping's place.
    pub fn at<T>(&self, value: T) -> Spanned<T> {
        Spanned { value, position: self.position, path: self.path.clone() }
    }
}
