//! What of a lab this user may make on this machine. Containers are machines, too, on which even
//! root may do little; the kernel tells of that only by the call that fails, so it is found out
//! before.

use crate::process;

/// The capabilities that no lab can be made without, by their numbers.
const NEEDED: [(u32, &str); 3] = [(21, "SYS_ADMIN"), (12, "NET_ADMIN"), (13, "NET_RAW")];

/// Whether this user may make labs, and if not, why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    Yes,
    /// Why not, and what to do about it.
    Refused {
        why: &'static str,
        way: String,
    },
}

/// Looks at what root may.
pub fn root() -> Allowed {
    judge_root(&status(), || makes(&["--mount", "--net", "--pid", "--fork"], &runs))
}

/// Looks at what an ordinary user may.
pub fn user() -> Allowed {
    ordinary(&runs)
}

/// What an ordinary user may as whom `runs` runs a program.
fn ordinary(runs: &dyn Fn(&[&str]) -> bool) -> Allowed {
    let user = ["--user", "--map-root-user", "--mount", "--net"];
    judge_user(&status(), makes(&[&user[..], &["--pid", "--fork"]].concat(), runs), || {
        // Ubuntu lets anybody make the namespace but do nothing in it, so this mounts, too.
        runs(&[&["unshare"], &user[..], &["true"]].concat())
    })
}

/// Why another user of this machine, as whom `runs` runs a program, may not make labs, and what to do about it.
pub fn other(runs: &dyn Fn(&[&str]) -> bool) -> Option<(String, String)> {
    let Allowed::Refused { why, way } = ordinary(runs) else { return None };
    let setting = SETTINGS.iter().find(|(file, refuses, _)| {
        std::fs::read_to_string(file).is_ok_and(|value| value.trim() == *refuses)
    });
    let way = match setting {
        Some((_, _, allows)) => format!("`sysctl {allows}` allows them"),
        None if filtered(&status()) => way,
        None => "without `--host` labs run as root, which is no barrier".into(),
    };
    Some((why.into(), way))
}

/// By which settings kernels refuse user namespaces: the file, its value then, and what allows them.
const SETTINGS: [(&str, &str, &str); 3] = [
    ("/proc/sys/user/max_user_namespaces", "0", "user.max_user_namespaces=10000"),
    ("/proc/sys/kernel/unprivileged_userns_clone", "0", "kernel.unprivileged_userns_clone=1"),
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "kernel.apparmor_restrict_unprivileged_userns=0",
    ),
];

/// Looks at what root may whom an ordinary user becomes by sudo: no more than its bounding set has.
pub fn by_sudo() -> Allowed {
    capable(&status(), "CapBnd")
}

fn judge_root(status: &str, makes: impl FnOnce() -> bool) -> Allowed {
    let capable = capable(status, "CapEff");
    // On most machines nothing but capabilities can keep root from it, and nothing is tried.
    if capable != Allowed::Yes || !filtered(status) || makes() {
        return capable;
    }
    refused(
        "root may not make namespaces here, or not mount in them",
        "in a container, start it with `--security-opt seccomp=unconfined --security-opt apparmor=unconfined`",
    )
}

fn judge_user(status: &str, makes: bool, namespaces: impl FnOnce() -> bool) -> Allowed {
    if makes {
        Allowed::Yes
    } else if namespaces() {
        refused(
            "an ordinary user may make namespaces here, but not mount /proc in them",
            "in a container, start it with `--security-opt unmask=ALL`, which Docker has as \
             `--security-opt systempaths=unconfined`",
        )
    } else if filtered(status) {
        refused(
            "a filter of system calls refuses user namespaces to ordinary users",
            "in a container, start it with `--security-opt seccomp=unconfined --security-opt systempaths=unconfined`",
        )
    } else {
        refused("this kernel refuses user namespaces to ordinary users", "run labrun as root")
    }
}

fn refused(why: &'static str, way: &str) -> Allowed {
    Allowed::Refused { why, way: way.into() }
}

/// Whether all that is needed is in the set of that name in `status`, as proc_pid_status(5) has it.
fn capable(status: &str, set: &str) -> Allowed {
    let held = field(status, set).and_then(|set| u64::from_str_radix(set, 16).ok());
    let lacked: Vec<_> = NEEDED
        .iter()
        .filter(|(bit, _)| held.is_some_and(|held| held & (1 << bit) == 0))
        .map(|(_, name)| format!("--cap-add {name}"))
        .collect();
    if lacked.is_empty() {
        return Allowed::Yes;
    }
    refused(
        "root lacks capabilities here that every lab needs",
        &format!("in a container, start it with `{}`", lacked.join(" ")),
    )
}

/// Whether a seccomp filter or AppArmor may refuse what capabilities allow. Where one is, so mostly
/// is the other: either is how a container is shut in.
fn filtered(status: &str) -> bool {
    field(status, "Seccomp") == Some("2")
}

fn field<'a>(status: &'a str, name: &str) -> Option<&'a str> {
    status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim)
}

fn status() -> String {
    std::fs::read_to_string("/proc/self/status").unwrap_or_default()
}

/// Whether namespaces can be made, with a /proc of their own, which a kernel refuses where parts of
/// the one outside are hidden.
fn makes(namespaces: &[&str], runs: &dyn Fn(&[&str]) -> bool) -> bool {
    runs(&[&["unshare"], namespaces, &["mount", "-t", "proc", "proc", "/proc"]].concat())
}

fn runs(words: &[&str]) -> bool {
    process::output(words, Vec::new()).is_ok_and(|output| output.status.success())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &str = "CapEff:\t000001ffffffffff\nCapBnd:\t000001ffffffffff\nSeccomp:\t0\n";

    fn why(allowed: Allowed) -> String {
        match allowed {
            Allowed::Yes => "it may".into(),
            Allowed::Refused { why, way } => format!("{why}: {way}"),
        }
    }

    #[test]
    fn where_nothing_shuts_root_in_nothing_is_tried() {
        assert_eq!(judge_root(ALL, || panic!("it was tried")), Allowed::Yes);
        // Nor where nothing can be told.
        assert_eq!(judge_root("", || panic!("it was tried")), Allowed::Yes);
    }

    /// As the kernel has it for root in a container of Podman's, and with one of them added.
    #[test]
    fn root_without_capabilities_is_told_which_and_how_to_get_them() {
        let status = "CapEff:\t00000000800405fb\nSeccomp:\t2\n";
        let all = "--cap-add SYS_ADMIN --cap-add NET_ADMIN --cap-add NET_RAW`";
        assert!(why(judge_root(status, || true)).ends_with(all));
        let status = "CapEff:\t00000000802425fb\nSeccomp:\t2\n";
        assert!(why(judge_root(status, || true)).ends_with("start it with `--cap-add NET_ADMIN`"));
        let status = "CapEff:\t00000000802435fb\nSeccomp:\t2\n";
        assert_eq!(judge_root(status, || true), Allowed::Yes);
        assert!(why(judge_root(status, || false)).contains("apparmor=unconfined"));
    }

    #[test]
    fn an_ordinary_user_is_told_what_refuses_it() {
        let filtered = "Seccomp:\t2\n";
        assert_eq!(judge_user(filtered, true, || panic!("it was asked")), Allowed::Yes);
        assert!(why(judge_user(filtered, false, || true)).contains("unmask=ALL"));
        assert!(why(judge_user(filtered, false, || false)).contains("seccomp=unconfined"));
        assert!(why(judge_user(ALL, false, || false)).starts_with("this kernel refuses"));
    }
}
