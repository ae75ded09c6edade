//! Checking the folders and files of a lab that belong to no service.

use crate::text::quoted;
use crate::topology::check::Check;
use crate::topology::model::EMPTY;
use crate::topology::uplink::RESOLVER;
use crate::yaml::diagnostic::Spanned;
use std::path::Path;

/// Without these nothing runs, or they are the lab's own already.
const WHOLE: [&str; 14] = [
    "/", "/bin", "/etc", "/home", "/lib", "/lib64", "/root", "/run", "/sbin", "/tmp", "/usr",
    "/var", "/var/lib", "/var/tmp",
];
/// What is in these is labrun's or the kernel's.
const TAKEN: [&str; 7] =
    ["/dev", "/proc", "/sys", "/run/labrun", "/run/lock", "/run/netns", "/run/service"];

/// By what names are looked up, see resolv.conf(5).
const RESOLV_CONF: &str = "/etc/resolv.conf";

impl Check<'_> {
    pub(crate) fn private(&self) -> Vec<String> {
        let mut good: Vec<String> = Vec::new();
        for folder in &self.file.private {
            let path = folder.as_str();
            if !self.own_folder(folder, "begin empty") {
                continue;
            } else if good.iter().any(|other| is_in(path, other) || is_in(other, path)) {
                let message = "this folder, or one around or in it, is there already";
                self.diagnostics.wrong(folder, format!("`{path}`: {message}"));
            } else {
                good.push(path.into());
            }
        }
        good
    }

    /// Whether `folder` is the whole path of one that may be another for a lab than for the machine; what it `cannot` be
    /// else, such as `begin empty`, is a mistake.
    pub(super) fn own_folder(&self, folder: &Spanned<String>, cannot: &str) -> bool {
        let path = folder.as_str();
        if self.diagnostics.are_at(folder.position) {
            return false;
        }
        let message = if !is_plain(path) {
            "expected the whole path of a folder, of letters, digits, `-`, `_`, `.` and `/`".into()
        } else if WHOLE.contains(&path) || TAKEN.iter().any(|taken| is_in(path, taken)) {
            format!("this folder cannot {cannot}: name one in it, or another")
        } else {
            return true;
        };
        self.diagnostics.wrong(folder, format!("`{path}`: {message}"));
        false
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
        let all = self.file.files.iter().map(|(path, text)| (path.value.clone(), text.clone()));
        let mut all: Vec<(String, String)> = all.collect();
        let own = all.iter().any(|(path, _)| path == RESOLV_CONF);
        if !own && !self.uplinks().is_empty() {
            all.push((RESOLV_CONF.into(), format!("nameserver {RESOLVER}\n")));
        }
        all
    }
}

/// Whether it is a whole path that no shell and no ip(8) reads in another way.
fn is_plain(path: &str) -> bool {
    let good = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    let is_name =
        |part: &str| part != "." && part != ".." && !part.is_empty() && part.chars().all(good);
    path == "/" || path.strip_prefix('/').is_some_and(|rest| rest.split('/').all(is_name))
}

fn is_in(path: &str, folder: &str) -> bool {
    Path::new(path).starts_with(folder)
}
