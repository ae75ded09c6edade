//! What to do about a VM in whatever state it is: one pure decision.

use crate::host::lima::limactl::{Instance, OLDEST, Status, Version};
use crate::quote::shell;

/// What is known about Lima and the instance on this machine, and what has been tried about it.
#[derive(Clone, Debug)]
pub struct Facts<'a> {
    /// The instance's name.
    pub name: &'a str,
    /// The operating system, a value of [`std::env::consts::OS`].
    pub os: &'a str,
    /// Whether this process is root's.
    pub root: bool,
    /// Lima's version, if it is installed.
    pub limactl: Option<Version>,
    /// The QEMU that Lima would start, if it needs one and that is not there.
    pub no_qemu: Option<String>,
    pub instance: Option<Instance>,
    /// It runs, but cannot be logged into.
    pub silent: bool,
    /// What has been tried so far.
    pub tried: Tried,
}

/// What has been done about an instance: nothing is done twice.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tried {
    /// Waited for it to get out of a state that may pass by itself.
    pub waited: bool,
    /// Made it, or what was left of one anew.
    pub created: bool,
    pub started: bool,
    /// Ended all of it by force, and started it.
    pub recovered: bool,
}

/// What to do next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    Use,
    /// Look again in a moment.
    Wait,
    /// Make it.
    Create,
    /// Remove what was left of its making, and make it.
    Remake,
    Start,
    /// End all of it by force, then start it.
    Recover,
    /// Nothing can be done, and why.
    Refuse(String),
}

/// Decides what brings the VM nearer to being usable.
pub fn next(facts: &Facts) -> Action {
    let Facts { name, tried, .. } = facts;
    if let Some(reason) = unable(facts) {
        return Action::Refuse(reason);
    }
    let Some(instance) = &facts.instance else {
        return match &facts.no_qemu {
            Some(program) => Action::Refuse(format!(
                "Lima needs QEMU here, and there is no {program}: {}",
                qemu_install(program)
            )),
            None if tried.created => {
                Action::Refuse(format!("the VM `{name}` was made, but Lima does not know it"))
            }
            None => Action::Create,
        };
    };
    if instance.mark.is_none() && instance.status != Status::Broken {
        return Action::Refuse(format!(
            "the Lima instance `{name}` was not made by labrun, so it is left alone: set LABRUN_VM to another name, or remove it with `limactl delete {}`",
            shell(name)
        ));
    }
    let anew = format!(
        "`labrun vm up --recreate` makes it anew, {} tells more",
        shell(&format!("{}/ha.stderr.log", instance.folder))
    );
    match instance.status {
        Status::Running if !facts.silent => Action::Use,
        Status::Running if !tried.recovered => Action::Recover,
        Status::Running => {
            Action::Refuse(format!("the VM `{name}` runs, but cannot be logged into: {anew}"))
        }
        Status::Stopped if !tried.started && !tried.recovered => Action::Start,
        Status::Stopped => {
            Action::Refuse(format!("the VM `{name}` was started, but has stopped again: {anew}"))
        }
        // In the first moments of a boot, and of an end, one part of it runs without the other.
        Status::Broken | Status::Unfinished if !tried.waited => Action::Wait,
        Status::Unfinished if !tried.created => Action::Remake,
        Status::Broken if !tried.recovered => Action::Recover,
        Status::Broken | Status::Unfinished => {
            let errors =
                if instance.errors.is_empty() { "Lima does not say how" } else { &instance.errors };
            Action::Refuse(format!(
                "the VM `{name}` is broken ({errors}) and ending it by force did not help: {anew}"
            ))
        }
    }
}

/// Why there can be no VM on this machine.
pub fn unable(facts: &Facts) -> Option<String> {
    if facts.root {
        return Some("Lima refuses to run as root: run labrun as an ordinary user, or on a Linux machine with `--host native`".into());
    }
    match facts.limactl {
        None if facts.os == "macos" => Some(
            "labs run in a Lima VM on macOS, and Lima is not installed: `brew install lima`".into(),
        ),
        None => {
            let how =
                "`brew install lima`, or a release from https://lima-vm.io/docs/installation/";
            Some(format!("the VM takes Lima, which is not installed: {how}"))
        }
        Some(version) if version < OLDEST => Some(format!(
            "Lima {}.{} is too old, labrun needs {}.{} or later: `brew upgrade lima`, or a release from https://lima-vm.io/docs/installation/",
            version.0, version.1, OLDEST.0, OLDEST.1
        )),
        Some(_) => None,
    }
}

fn qemu_install(program: &str) -> String {
    let package = if program.ends_with("aarch64") { "qemu-system-arm" } else { "qemu-system-x86" };
    format!("`sudo apt-get install {package} qemu-utils`")
}

#[cfg(test)]
mod tests {
    use super::super::limactl::instance;
    use super::*;

    fn facts(instance: Option<Instance>) -> Facts<'static> {
        Facts {
            name: "labrun",
            os: "linux",
            root: false,
            limactl: Some(Version(1, 2)),
            no_qemu: None,
            instance,
            silent: false,
            tried: Tried::default(),
        }
    }

    fn with(status: Status) -> Facts<'static> {
        let folder = "/home/me/.lima/labrun".to_string();
        let instance = Instance {
            status,
            mark: Some("own-1".into()),
            errors: "no driver".into(),
            cpus: 2,
            memory: 0,
            disk: 0,
            folder,
        };
        facts(Some(instance))
    }

    fn refusal(facts: &Facts) -> String {
        match next(facts) {
            Action::Refuse(reason) => reason,
            action => panic!("{action:?}"),
        }
    }

    #[test]
    fn without_lima_it_is_said_how_to_get_it() {
        let none = Facts { limactl: None, ..facts(None) };
        assert!(refusal(&none).contains("https://lima-vm.io"), "{}", refusal(&none));
        assert!(refusal(&Facts { os: "macos", ..none }).ends_with("`brew install lima`"));
        let old = refusal(&Facts { limactl: Some(Version(0, 23)), ..facts(None) });
        assert!(old.starts_with("Lima 0.23 is too old, labrun needs 1.0"), "{old}");
    }

    /// Root is told first: as root, limactl does not even tell its version.
    #[test]
    fn root_is_told_before_anything_else() {
        assert!(
            refusal(&Facts { root: true, limactl: None, ..facts(None) })
                .contains("refuses to run as root")
        );
    }

    #[test]
    fn what_is_missing_is_made_and_what_is_stopped_is_started() {
        assert_eq!(next(&facts(None)), Action::Create);
        assert_eq!(next(&with(Status::Stopped)), Action::Start);
        assert_eq!(next(&with(Status::Running)), Action::Use);
        let no_qemu = refusal(&Facts { no_qemu: Some("qemu-system-x86_64".into()), ..facts(None) });
        assert!(
            no_qemu.contains("no qemu-system-x86_64")
                && no_qemu.contains("qemu-system-x86 qemu-utils"),
            "{no_qemu}"
        );
    }

    #[test]
    fn a_broken_one_is_waited_for_then_ended_and_started_then_given_up() {
        let mut facts = with(Status::Broken);
        assert_eq!(next(&facts), Action::Wait);
        facts.tried.waited = true;
        assert_eq!(next(&facts), Action::Recover);
        facts.tried.recovered = true;
        let reason = refusal(&facts);
        assert!(
            reason.contains("is broken (no driver)") && reason.contains("labrun vm up --recreate"),
            "{reason}"
        );
    }

    #[test]
    fn one_that_was_never_finished_is_made_anew_once() {
        let mut facts = with(Status::Unfinished);
        assert_eq!(next(&facts), Action::Wait);
        facts.tried.waited = true;
        assert_eq!(next(&facts), Action::Remake);
        facts.tried.created = true;
        refusal(&facts);
    }

    #[test]
    fn one_that_does_not_answer_is_recovered_once() {
        let mut facts = Facts { silent: true, ..with(Status::Running) };
        assert_eq!(next(&facts), Action::Recover);
        facts.tried.recovered = true;
        assert!(refusal(&facts).contains("cannot be logged into"));
    }

    #[test]
    fn nothing_is_started_twice() {
        let mut facts = with(Status::Stopped);
        facts.tried.started = true;
        assert!(refusal(&facts).contains("has stopped again"));
    }

    #[test]
    fn what_somebody_else_made_is_left_alone() {
        for status in [Status::Running, Status::Stopped, Status::Unfinished] {
            let mut facts = with(status);
            facts.instance.as_mut().unwrap().mark = None;
            assert!(refusal(&facts).contains("was not made by labrun"));
        }
    }

    /// Every combination ends: no two states send each other in a circle.
    #[test]
    fn every_state_comes_to_an_end() {
        for status in [Status::Running, Status::Stopped, Status::Broken, Status::Unfinished] {
            let mut facts = Facts { silent: true, ..with(status) };
            for round in 0.. {
                assert!(round < 6);
                match next(&facts) {
                    Action::Use | Action::Refuse(_) => break,
                    Action::Wait => facts.tried.waited = true,
                    Action::Create | Action::Remake => facts.tried.created = true,
                    Action::Start => facts.tried.started = true,
                    Action::Recover => facts.tried.recovered = true,
                }
            }
        }
    }

    /// The first as Lima 1.2 printed it, the second with the types of 2.2's source, which has more
    /// fields; the configuration is cut to what may be read of it.
    #[test]
    fn recorded_lists_of_both_generations() {
        let one = include_str!("../../../tests/data/lima/list-1.2.json");
        let two = include_str!("../../../tests/data/lima/list-2.json");
        for text in [one, two] {
            let found = instance("labrun", text, "").unwrap().unwrap();
            assert_eq!((found.status, found.cpus, found.memory), (Status::Running, 2, 2 << 30));
            assert!(found.mark.is_some() && found.folder.ends_with("/labrun"));
            assert_eq!(instance("other", text, "").unwrap(), None);
        }
    }
}
