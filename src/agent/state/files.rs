//! The files that commands of a test may have left, the mounts, and the name of the machine.
//!
//! Of most folders only the names are looked at: what is in a file of a service's is its own. Of
//! /etc and of the files that set-up wrote for the services the content counts, too.

use super::{Fact, Facts};
use crate::sandbox::{Sandbox, digest};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// More files than this are not looked at in a folder.
const MOST: usize = 20_000;

/// What the lab sees as the machine has it, with what it has written itself on top (scripts/sandbox.sh), but /etc.
const OVERLAID: [&str; 8] =
    ["/home", "/opt", "/root", "/srv", "/var/cache", "/var/lib", "/var/log", "/var/spool"];

/// All that is looked at.
pub fn facts(sandbox: &Sandbox) -> Facts {
    let mut facts = Facts::new();
    let mut add = |what: String, detail: Vec<u8>| {
        facts.insert(Fact { what, detail, by_itself: false });
    };
    let name = rustix::system::uname();
    add("the host name".into(), name.nodename().to_bytes().to_vec());
    for line in sandbox.mounts().unwrap_or_default().lines() {
        let words: Vec<&str> = line.split(' ').collect();
        // Root, where, options; after a dash the kind and the source, without the options of that.
        let end = words.iter().position(|word| *word == "-").map_or(words.len(), |dash| dash + 3);
        let words = words.get(3..end).unwrap_or_default();
        add(format!("the mount {}", words.get(1).unwrap_or(&"?")), words.join(" ").into_bytes());
    }
    let private = sandbox.state.join("private");
    let resolver = Path::new("/etc/resolv.conf");
    add("/etc/resolv.conf".into(), content(resolver));
    // What differs from the machine's, and folders of it that had to be copied.
    for changed in ["etc/upper", "own/etc"].map(|folder| private.join(folder)) {
        each(&changed, &[], &mut |path| {
            let shown = Path::new("/etc").join(path.strip_prefix(&changed).unwrap_or(path));
            // Looked at above; DHCP clients write such files.
            if !shown.as_os_str().as_bytes().starts_with(resolver.as_os_str().as_bytes()) {
                add(shown.display().to_string(), content(path));
            }
        });
    }
    let below = |folder: &str| private.join(folder.trim_start_matches('/'));
    let seen = |path: &Path| private.join(path.strip_prefix("/").unwrap_or(path));
    // The namespaces are looked at elsewhere; what is the state's own and the user's is not there.
    let root = sandbox.state.parent().unwrap_or(&sandbox.state);
    let skipped: [PathBuf; 3] = [seen(root), seen(&sandbox.layout.folder), below("/run/netns")];
    for folder in ["/run", "/tmp", "/var/tmp"] {
        each(&below(folder), &skipped, &mut |path| {
            let path = Path::new("/").join(path.strip_prefix(&private).unwrap_or(path));
            if !is_of_client(&path) {
                add(path.display().to_string(), Vec::new());
            }
        });
    }
    for folder in OVERLAID {
        let upper = below(folder).join("upper");
        each(&upper, &[], &mut |path| {
            let path = Path::new(folder).join(path.strip_prefix(&upper).unwrap_or(path));
            add(path.display().to_string(), Vec::new());
        });
    }
    for folder in &sandbox.layout.private {
        each(Path::new(folder), &[], &mut |path| add(path.display().to_string(), Vec::new()));
    }
    for folder in ["tmp", "service"] {
        each(&sandbox.state.join(folder), &[], &mut |path| {
            // Labrun's own.
            if ![".batch", ".shellrc"].iter().any(|name| path.ends_with(name)) {
                add(path.display().to_string(), Vec::new());
            }
        });
    }
    for (service, path) in &sandbox.layout.files {
        let path = sandbox.state.join("service").join(service).join(path);
        add(path.display().to_string(), content(&path));
    }
    facts
}

/// Whether it is the pid file of a client ([`Lessee`]): it may be there when the first command of a test runs, and goes
/// when labrun puts the lab back.
///
/// [`Lessee`]: crate::sandbox::Lessee
fn is_of_client(path: &Path) -> bool {
    path.parent() == Some(Path::new("/run"))
        && path.extension().is_some_and(|end| end == "pid")
        && path.file_name().is_some_and(|name| name.as_bytes().starts_with(b"dhclient-"))
}

/// Where a link leads, or a digest of a file.
fn content(path: &Path) -> Vec<u8> {
    match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_symlink() => {
            fs::read_link(path).unwrap_or_default().as_os_str().as_bytes().to_vec()
        }
        Ok(metadata) if metadata.is_file() => digest(path).unwrap_or_default(),
        Ok(_) => Vec::new(),
        Err(_) => b"missing".to_vec(),
    }
}

/// Calls `act` with all that is in `folder`, but for what is `skipped`, with all in it.
fn each(folder: &Path, skipped: &[PathBuf], act: &mut impl FnMut(&Path)) {
    let mut folders = vec![folder.to_path_buf()];
    let mut count = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            count += 1;
            if count > MOST {
                return;
            }
            // What compilers and the like keep at home changes no verdict, and without it they take much longer.
            if skipped.contains(&path) || path.ends_with(".cache") {
                continue;
            }
            act(&path);
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                folders.push(path);
            }
        }
    }
}
