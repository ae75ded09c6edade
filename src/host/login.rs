//! Whether what is started here ends with its user's last login. systemd ends then, and without a word, all that the
//! user's service manager has started (user@.service(5)): on a desktop each terminal and editor, and what runs in them.

use crate::process;
use std::fs;
use std::path::Path;

/// Where systemd-logind(8) keeps the names of users whose services stay.
const LINGERING: &str = "/var/lib/systemd/linger";

/// Why a lab that is set up here does not outlive a login, and what makes it, if it does not.
pub fn ends_with_login() -> Option<String> {
    let cgroups = fs::read_to_string("/proc/self/cgroup").ok()?;
    let id = manager(&cgroups)?;
    let found = process::capture(&["getent", "passwd", id].map(String::from)).ok()?;
    let name = found.stdout.split(':').next().filter(|name| !name.is_empty())?;
    (!Path::new(LINGERING).join(name).exists()).then(|| {
        format!(
            "note: with the last login of {name} systemd ends all that user@{id}.service has started, and so this lab: \
             `loginctl enable-linger {name}` lets it stay"
        )
    })
}

/// The user whose service manager has started a process in these cgroups (cgroups(7)).
fn manager(cgroups: &str) -> Option<&str> {
    let parts = cgroups.lines().flat_map(|line| line.split('/'));
    let ids = parts.filter_map(|part| part.strip_prefix("user@")?.strip_suffix(".service"));
    ids.into_iter().find(|id| !id.is_empty() && id.bytes().all(|b| b.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::manager;

    #[test]
    fn a_service_manager_of_a_user_is_found_among_the_cgroups() {
        let desktop = "0::/user.slice/user-1000.slice/user@1000.service/app.slice/app-gnome-terminal.slice/vte-spawn-1.scope\n";
        assert_eq!(manager(desktop), Some("1000"));
        let both = "1:name=systemd:/user.slice/user-7.slice/user@7.service/tmux.service\n0::/\n";
        assert_eq!(manager(both), Some("7"));
        for other in [
            "0::/user.slice/user-1000.slice/session-3.scope\n",
            "0::/system.slice/user@.service\n",
            "0::/system.slice/user@one.service\n",
            "0::/\n",
            "",
        ] {
            assert_eq!(manager(other), None, "{other}");
        }
    }
}
