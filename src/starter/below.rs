//! Projects in folders of a repository that has none at its root.

use crate::starter::project::{Project, built, entries, name};
use std::path::{Path, PathBuf};

/// How deep they are looked for, and in how many folders at most.
const DEEP: usize = 3;
const MOST: usize = 300;
/// How many are found at most.
const ENOUGH: usize = 6;

/// Folders of what is built elsewhere, or for others.
const OTHERS: [&str; 10] = [
    "build",
    "dist",
    "example",
    "examples",
    "node_modules",
    "target",
    "test",
    "tests",
    "third_party",
    "vendor",
];

/// The first folders below `folder` that have projects, and their likeliest; what is nearer comes first.
pub fn below(folder: &Path) -> Vec<(PathBuf, Project)> {
    let mut found = Vec::new();
    let (mut level, mut looked) = (vec![folder.to_path_buf()], 0);
    for _ in 0..DEEP {
        let mut next = Vec::new();
        for path in level.iter().flat_map(|folder| entries(folder)) {
            let is_folder = path.symlink_metadata().is_ok_and(|data| data.is_dir());
            if !is_folder || OTHERS.contains(&name(&path)) {
                continue;
            }
            looked += 1;
            if looked > MOST || found.len() == ENOUGH {
                return found;
            }
            match built(&path).into_iter().next() {
                Some(project) => found.push((path, project)),
                None => next.push(path),
            }
        }
        level = next;
    }
    found
}

/// The folder from `here` up to `root` that has a project, where `root` has none.
pub fn nearest(here: &Path, root: &Path) -> Option<PathBuf> {
    let between = here.ancestors().take_while(|folder| *folder != root);
    between.into_iter().find(|folder| !built(folder).is_empty()).map(Path::to_path_buf)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn what_is_near_is_found_and_what_is_for_others_is_not() {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path();
        let project = |path: &str| {
            fs::create_dir_all(folder.join(path)).unwrap();
            fs::write(folder.join(path).join("d.py"), "if __name__ == '__main__': pass\n").unwrap();
        };
        let found = || -> Vec<String> {
            let shown = |path: PathBuf| path.strip_prefix(folder).unwrap().display().to_string();
            below(folder).into_iter().map(|(path, _)| shown(path)).collect()
        };
        for path in ["node_modules/x", ".hidden", "a/b/c/d", "tests"] {
            project(path);
        }
        assert_eq!(found(), [""; 0]);
        std::os::unix::fs::symlink(".", folder.join("itself")).unwrap();
        project("a/b/c");
        project("z");
        assert_eq!(found(), ["z", "a/b/c"]);
        // Nothing below a project is another's.
        project("z/y");
        project("a");
        assert_eq!(found(), ["a", "z"]);
        (0..20).for_each(|i| project(&format!("m{i}")));
        assert_eq!(found().len(), ENOUGH);
        assert_eq!(nearest(&folder.join("z/y"), folder), Some(folder.join("z/y")));
        assert_eq!(nearest(&folder.join("a/b"), folder), Some(folder.join("a")));
        assert_eq!(nearest(&folder.join("none"), folder), None);
        assert_eq!(nearest(folder, folder), None);
    }

    #[test]
    fn a_large_repository_is_not_searched_as_a_whole() {
        let root = tempfile::tempdir().unwrap();
        (0..=MOST).for_each(|i| fs::create_dir(root.path().join(format!("{i:04}"))).unwrap());
        let late = root.path().join("z");
        fs::create_dir(&late).unwrap();
        fs::write(late.join("d.py"), "if __name__ == '__main__': pass\n").unwrap();
        assert!(below(root.path()).is_empty());
    }
}
