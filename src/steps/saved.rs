//! What `run` steps keep of their output for later steps of their test.

use super::check::Checker;
use super::output::short;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::values;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::BTreeMap;

/// Values by the names of their variables.
pub type Saved = BTreeMap<String, String>;

/// The kernel takes no variable that is much longer (execve(2): 32 pages).
const LONGEST: usize = 100_000;
/// What every command finds in its environment already.
const TAKEN: [&str; 2] = ["PATH", "TMPDIR"];

/// A value that is saved.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Save {
    name: String,
    /// Where it is in a JSON document, such as `.items.0.id`; `.`: the whole text.
    path: String,
}

/// The entries of `save`, checked; the later steps know them from now on.
pub fn check(file: &[(Spanned<String>, Spanned<String>)], checker: &Checker) -> Vec<Save> {
    for (name, path) in file {
        if let Err(message) = values::variable(name) {
            checker.wrong(name, message);
        } else if TAKEN.contains(&name.as_str()) || name.starts_with("LABRUN_") {
            let message = format!("`{}` is set for every command already", name.value);
            checker.wrong(name, message);
        }
        if path.value != "." && pointer(path).is_none() {
            let message = format!(
                "`{}`: expected the way to it in a JSON document, such as `.items.0.id`, or `.` for the whole text",
                path.value
            );
            checker.wrong(path, message);
        }
        checker.saved.borrow_mut().insert(name.value.clone());
    }
    let save = |(name, path): &(Spanned<String>, Spanned<String>)| Save {
        name: name.value.clone(),
        path: path.value.clone(),
    };
    file.iter().map(save).collect()
}

/// The values of `saves` in `text`.
///
/// # Errors
/// What is not there, or of no use.
pub fn values(saves: &[Save], text: &str) -> Result<Saved, String> {
    saves.iter().map(|save| Ok((save.name.clone(), save.value(text)?))).collect()
}

impl Save {
    fn value(&self, text: &str) -> Result<String, String> {
        let found = match self.path.as_str() {
            "." => text.trim().to_string(),
            path => {
                let document: Value = serde_json::from_str(text).map_err(|error| {
                    self.nothing(format!("{} is not JSON: {error}", short(text)))
                })?;
                match pointer(path).and_then(|pointer| document.pointer(&pointer)) {
                    None | Some(Value::Null) => {
                        let why = format!("there is no `{path}` in {}", short(text));
                        return Err(self.nothing(why));
                    }
                    Some(Value::String(text)) => text.clone(),
                    Some(other) => other.to_string(),
                }
            }
        };
        match found {
            found if found.is_empty() => Err("it is empty".into()),
            found if found.contains('\0') => Err("it holds a zero byte".into()),
            found if found.len() > LONGEST => Err(format!("it is longer than {LONGEST} bytes")),
            found => Ok(found),
        }
        .map_err(|why: String| self.nothing(why))
    }

    fn nothing(&self, why: String) -> String {
        format!("nothing to save as `{}`: {why}", self.name)
    }
}

/// `path` as RFC 6901 writes it, if it is one: `.items[0].id`, as in jq(1), is the same as `.items.0.id`.
fn pointer(path: &str) -> Option<String> {
    let mut plain = String::new();
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('[') {
        let (number, after) = after.split_once(']')?;
        number.parse::<usize>().ok()?;
        plain += before.strip_suffix('.').unwrap_or(before);
        plain += &format!(".{number}");
        rest = after;
    }
    plain += rest;
    let good = plain.strip_prefix('.')?.split('.').all(|key| !key.is_empty());
    good.then(|| plain.replace('~', "~0").replace('/', "~1").replace('.', "/"))
}

/// `text` with what was saved in the places of its `${NAME}`.
pub fn fill(text: &str, saved: &Saved) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("${") {
        filled.push_str(before);
        match after.split_once('}').and_then(|(name, rest)| Some((saved.get(name)?, rest))) {
            Some((value, after)) => {
                filled.push_str(value);
                rest = after;
            }
            None => {
                filled.push_str("${");
                rest = after;
            }
        }
    }
    filled + rest
}

/// Notes as mistakes what `text` names and no step before has saved.
pub fn known(text: &Spanned<String>, checker: &Checker) {
    let saved = checker.saved.borrow();
    for part in text.split("${").skip(1) {
        let Some((name, _)) = part.split_once('}') else { continue };
        if !saved.contains(name) {
            let name = text.with(name.to_string());
            checker.unknown("saved value", &name, saved.iter().map(String::as_str));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::pointer;

    #[test]
    fn the_way_to_a_value_is_written_as_jq_does_or_with_points_only() {
        for (path, wanted) in [
            (".a.0.b", Some("/a/0/b")),
            (".a[0].b[12]", Some("/a/0/b/12")),
            (".[0].a", Some("/0/a")),
            (".[3]", Some("/3")),
            (".a/b~c", Some("/a~1b~0c")),
            ("a", None),
            ("a[0]", None),
            (".a..b", None),
            (".a[0", None),
            (".a[x]", None),
            (".a[]", None),
            (".", None),
        ] {
            assert_eq!(pointer(path).as_deref(), wanted, "{path}");
        }
    }
}
