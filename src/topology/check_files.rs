//! Checking the folders and files of a lab that belong to no service.

use crate::text::quoted;
use crate::topology::check::Check;
use crate::topology::model::EMPTY;
use std::path::Path;

/// Without these nothing runs, or they are the lab's own already.
pub(super) const WHOLE: [&str; 14] = [
    "/", "/bin", "/etc", "/home", "/lib", "/lib64", "/root", "/run", "/sbin", "/tmp", "/usr",
    "/var", "/var/lib", "/var/tmp",
];
/// What is in these is labrun's or the kernel's.
pub(super) const TAKEN: [&str; 7] =
    ["/dev", "/proc", "/sys", "/run/labrun", "/run/lock", "/run/netns", "/run/service"];

impl Check<'_> {
    pub(crate) fn private(&self) -> Vec<String> {
        let mut good: Vec<String> = Vec::new();
        for folder in &self.file.private {
            let path = folder.as_str();
            let wrong = |message: &str| {
                self.diagnostics.wrong(folder, format!("`{path}`: {message}"));
            };
            if self.diagnostics.are_at(folder.position) {
                continue;
            } else if !is_plain(path) {
                wrong(
                    "expected the whole path of a folder, of letters, digits, `-`, `_`, `.` and `/`",
                );
            } else if WHOLE.contains(&path) || TAKEN.iter().any(|taken| is_in(path, taken)) {
                wrong("this folder cannot begin empty: name one in it, or another");
            } else if good.iter().any(|other| is_in(path, other) || is_in(other, path)) {
                wrong("this folder, or one around or in it, is there already");
            } else {
                good.push(path.into());
            }
        }
        good
    }

    pub(crate) fn files(&self) -> Vec<(String, String)> {
        let private = self.file.private.iter().map(|folder| folder.as_str());
        let folders: Vec<&str> = ["/etc"].into_iter().chain(EMPTY).chain(private).collect();
        for (path, _) in &self.file.files {
            let inside = folders.iter().any(|folder| is_in(path, folder) && path.value != *folder);
            if !inside
                || path.ends_with('/')
                || TAKEN.iter().any(|taken| is_in(path, taken))
                || path.split('/').any(|part| part == ".." || part == ".")
            {
                let message =
                    format!("`{}`: expected a file in one of {}", path.value, quoted(&folders));
                self.diagnostics.wrong(path, message);
            }
        }
        self.file.files.iter().map(|(path, text)| (path.value.clone(), text.clone())).collect()
    }
}

/// Whether it is a whole path that no shell and no ip(8) reads in another way.
pub(super) fn is_plain(path: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name =
        |part: &str| part != "." && part != ".." && !part.is_empty() && part.chars().all(good);
    path == "/" || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_name))
}

pub(super) fn is_in(path: &str, folder: &str) -> bool {
    Path::new(path).starts_with(folder)
}
