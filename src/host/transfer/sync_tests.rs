use super::*;
use std::process::Command;

fn entry(path: &str, time: u64) -> Entry {
    Entry { path: path.into(), mode: 0o100_644, size: 1, time: format!("{time}.000000000") }
}

#[test]
fn what_is_no_record_is_none() {
    for text in ["", "81a4", "81a4 1", "81a4 1 2.0", "x 1 2.0 name", "81a4 x 2.0 name"] {
        assert_eq!(Entry::parse(text.as_bytes()), None, "{text}");
    }
}

#[test]
fn ignored_files_stay_here_unless_they_are_tracked() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let path = folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(".gitignore", "target\n*.log\n");
    for path in [
        "main.go",
        ".hidden",
        "kept.log",
        "other.log",
        "target/big",
        "labrun-artifacts/t/1/log",
        "found/1/log",
        "sub/labs/a.yaml",
    ] {
        write(path, "x");
    }
    let git = |words: &[&str]| {
        assert!(
            Command::new("git").args(words).current_dir(folder.path()).status().unwrap().success()
        )
    };
    git(&["init", "--quiet"]);
    git(&["add", "--force", "kept.log", "main.go"]);
    let found = files(folder.path(), "", &folder.path().join("found")).unwrap();
    let expected = [".gitignore", ".hidden", "kept.log", "main.go", "sub/labs/a.yaml"];
    assert_eq!(found, expected.map(PathBuf::from));

    // Of a home folder with everything ignored, as that of who keeps dotfiles in git often is.
    write(".gitignore", "*\n");
    write("labs/x.yaml", "x");
    let found = files(folder.path(), "labs", &folder.path().join("found")).unwrap();
    assert_eq!(found, [PathBuf::from("labs/x.yaml")]);
    assert_eq!(
        files(&folder.path().join("sub/labs"), "labs", folder.path()).unwrap(),
        [] as [PathBuf; 0]
    );
}

#[test]
fn only_differences_are_sent() {
    let (same, old, new) = (entry("a", 1), entry("b", 1), entry("b", 2));
    let mode = Entry { mode: 0o100_755, ..entry("c", 1) };
    let there = [same.clone(), old, entry("c", 1), entry("d", 1)];
    let here = [same, new.clone(), mode.clone()];
    assert_eq!(changes(&here, &there), (vec![&new, &mode], vec![Path::new("d")]));
    assert_eq!(changes(&here, &here), (vec![], vec![]));
}

/// The other side is a Linux machine, with GNU's stat and tar.
#[cfg(target_os = "linux")]
mod there {
    use super::super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;
    use std::process::{Command, Stdio};

    #[test]
    fn what_stat_prints_is_what_is_seen_here() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("a b\n"), "text").unwrap();
        std::os::unix::fs::symlink("nowhere", folder.path().join("-link")).unwrap();
        let here =
            look(folder.path(), vec!["a b\n".into(), "-link".into(), "missing".into()]).unwrap();
        let output = Command::new("stat")
            .args(["--printf", "%f %s %.9Y %n\\0", "--", "a b\n", "-link"])
            .current_dir(folder.path())
            .output();
        let mut there: Vec<Entry> =
            output.unwrap().stdout.split(|b| *b == 0).filter_map(Entry::parse).collect();
        there.sort();
        assert_eq!(there, here);
        assert_eq!(here.len(), 2);
    }

    /// A folder's content by path: the text of a file with its mode, or the target of a link.
    type Content = BTreeMap<PathBuf, (u32, Vec<u8>)>;

    fn content(folder: &Path) -> Content {
        let all =
            ignore::WalkBuilder::new(folder).standard_filters(false).build().map(Result::unwrap);
        let files = all.filter(|e| !e.file_type().unwrap().is_dir());
        let read = |path: &Path| {
            fs::read_link(path)
                .map(|t| t.as_os_str().as_bytes().to_vec())
                .or_else(|_| fs::read(path))
                .unwrap()
        };
        files
            .map(|e| {
                (
                    e.path().strip_prefix(folder).unwrap().into(),
                    (e.metadata().unwrap().mode() & MODE, read(e.path())),
                )
            })
            .collect()
    }

    /// What the other side does: removes, then unpacks.
    fn apply(here: &Path, there: &Path, send: &[&Entry], gone: &[&Path]) {
        for path in gone {
            fs::remove_file(there.join(path)).unwrap();
        }
        let mut tar = Command::new("tar")
            .args(["-x", "-p", "--recursive-unlink", "-f", "-"])
            .current_dir(there)
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        archive(here, send, tar.stdin.take().unwrap()).unwrap();
        assert!(tar.wait().unwrap().success());
    }

    /// A name that is hard on shells, tools and formats; or, every now and then, a very long one.
    fn name() -> impl Strategy<Value = String> {
        prop_oneof![9 => "[-a-c \n'\"$*\\\\é~%]{1,4}", 1 => "[ab]{120,200}"]
            .prop_filter("no name", |n| n != "." && n != "..")
    }

    fn tree() -> impl Strategy<Value = BTreeMap<String, (String, u32, bool)>> {
        let file = (
            "[a-z]{0,8}",
            prop_oneof![Just(0o644), Just(0o755), Just(0o600), Just(0o444)],
            prop::bool::weighted(0.2),
        );
        let path = prop_oneof![name(), (name(), name()).prop_map(|(a, b)| format!("d{a}/{b}"))];
        prop::collection::btree_map(path, file, 0..12)
    }

    fn make(folder: &Path, tree: &BTreeMap<String, (String, u32, bool)>) -> Vec<PathBuf> {
        use std::os::unix::fs::PermissionsExt;
        for (path, (text, mode, link)) in tree {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            if *link {
                std::os::unix::fs::symlink(format!("x{text}"), &path).unwrap();
            } else {
                fs::write(&path, text).unwrap();
                fs::set_permissions(&path, fs::Permissions::from_mode(*mode)).unwrap();
            }
        }
        tree.keys().map(PathBuf::from).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        /// Whatever the folder was and becomes, the copy becomes the same, and then there is
        /// nothing left to send: a link's time and a file's nanoseconds arrive, too.
        #[test]
        fn the_copy_becomes_the_same(old in tree(), new in tree()) {
            let (before, after, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
            let paths = make(before.path(), &old);
            let here = look(before.path(), paths).unwrap();
            apply(before.path(), there.path(), &here.iter().collect::<Vec<_>>(), &[]);
            prop_assert_eq!(content(there.path()), content(before.path()));
            let known = look(there.path(), here.iter().map(|e| e.path.clone()).collect()).unwrap();
            prop_assert_eq!(&known, &here);

            let paths = make(after.path(), &new);
            let here = look(after.path(), paths).unwrap();
            let (send, gone) = changes(&here, &known);
            apply(after.path(), there.path(), &send, &gone);
            prop_assert_eq!(content(there.path()), content(after.path()));
        }
    }

    #[test]
    fn a_file_that_shrinks_or_goes_while_it_is_sent_harms_no_other() {
        let (here, there) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        for name in ["a", "b", "c"] {
            fs::write(here.path().join(name), name.repeat(1000)).unwrap();
        }
        let entries = look(here.path(), ["a", "b", "c"].map(PathBuf::from).to_vec()).unwrap();
        fs::write(here.path().join("a"), "a").unwrap();
        fs::remove_file(here.path().join("b")).unwrap();
        apply(here.path(), there.path(), &entries.iter().collect::<Vec<_>>(), &[]);
        let content = content(there.path());
        assert_eq!(content.keys().collect::<Vec<_>>(), [Path::new("a"), Path::new("c")]);
        assert_eq!(content[Path::new("c")].1, "c".repeat(1000).into_bytes());
    }
}
