//! What the VM needs to have before labs run in it, seen to in one visit.

use crate::compile::quote;
use crate::compile::script;
use crate::error::Failure;
use crate::host::lima::Vm;
use crate::host::lima::progress::Progress;
use crate::host::tool;
use crate::interrupt;
use crate::topology::model::{Client, Lab};
use anyhow::Result;
use base64::Engine;
use std::time::{SystemTime, UNIX_EPOCH};

const PREPARE: &str = include_str!("../../../vm/prepare.sh");

/// Kernel features that may be a module of Linux, with its name.
const MODULES: [(&str, &str); 9] = [
    ("dummy", "dummy"),
    ("ifb", "ifb"),
    ("ipvlan", "ipvlan"),
    ("macvlan", "macvlan"),
    ("netem", "sch_netem"),
    ("vlan", "8021q"),
    ("vrf", "vrf"),
    ("vxlan", "vxlan"),
    ("wireguard", "wireguard"),
];

/// Compilers, by the word by which a build command calls them, with the Debian package.
const COMPILERS: [(&str, &str); 5] =
    [("go", "golang-go"), ("cargo", "cargo"), ("make", "build-essential"), ("gcc", "build-essential"), ("cc", "build-essential")];

/// What `labs` need of the VM, as the words of prepare.sh. `builds` are the commands that build programs
/// under test there; the stand-in of a lab is needed unless its program is among `given`.
pub fn needs(labs: &[&Lab], client: Client, given: &dyn Fn(&str) -> bool, builds: &[&str]) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut add = |word: String| {
        if !words.contains(&word) {
            words.push(word);
        }
    };
    for lab in labs {
        let stand_in = lab.subject.as_ref().is_none_or(|subject| !given(&subject.program));
        for (command, package) in script::commands(lab, client, stand_in) {
            add(format!("{command}={package}"));
        }
        for (_, module) in MODULES.iter().filter(|(feature, _)| lab.kernel.iter().any(|k| k == feature)) {
            add(format!("module:{module}"));
        }
    }
    for (command, package) in COMPILERS {
        if builds.iter().any(|build| build.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == command)) {
            add(format!("{command}={package}"));
        }
    }
    words
}

impl Vm {
    /// Brings the VM up, sets its clock and installs there what of `needs` is missing.
    ///
    /// # Errors
    /// If the VM cannot be had, or not be got into, or the installation fails.
    pub fn prepare(&self, needs: &[String], progress: &Progress) -> Result<()> {
        self.up(progress)?;
        let mut seen = self.visit(needs, progress)?;
        // Lima calls a VM running that is still starting, or that does not answer any more.
        for _ in 0..10 {
            if seen.0 != 255 || interrupt::interrupted() {
                break;
            }
            interrupt::sleep(std::time::Duration::from_secs(1));
            seen = self.visit(needs, progress)?;
        }
        if seen.0 == 255 && !interrupt::interrupted() {
            self.up_again(progress)?;
            seen = self.visit(needs, progress)?;
        }
        if interrupt::interrupted() {
            return Err(Failure::interrupted().into());
        }
        match seen {
            (0, _) => Ok(()),
            (_, words) => Err(Failure::machine(format!("the VM `{}` cannot run labs: {}", self.name, words.join("; "))).into()),
        }
    }

    /// Runs prepare.sh there; its exit status and what it printed that is no report.
    fn visit(&self, needs: &[String], progress: &Progress) -> Result<(i32, Vec<String>)> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let program = format!("set -- {now} {}\n{PREPARE}", quote::command(needs));
        let program = base64::engine::general_purpose::STANDARD.encode(program);
        let mut words = self.machine().piped;
        words.extend(["bash", "-c", &format!("eval \"$(echo {program} | base64 -d)\"")].map(String::from));
        let mut others = Vec::new();
        let mut stage = None;
        let status = tool::watch(&words, &mut |line| match line.split_once(' ') {
            Some(("clock", seconds)) => {
                let off = seconds.strip_prefix('-').map_or(format!("{seconds} s ahead"), |seconds| format!("{seconds} s behind"));
                progress.note(&format!("the clock of the VM `{}` was {off}, and has been set", self.name))
            }
            Some(("install", packages)) => stage = Some(progress.begin(&format!("installing {packages} in the VM `{}`", self.name), None)),
            _ => others.push(line.to_string()),
        })?;
        if let (0, Some(stage)) = (status, stage) {
            stage.end("installed");
        }
        Ok((status, others))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lab::find::Labs;

    fn needs_of(lab: &str, given: bool, builds: &[&str]) -> Vec<String> {
        let labs = Labs::load(&[]).unwrap();
        let chosen = labs.labs(&[lab.to_string()]).unwrap();
        needs(&chosen, Client::Dhclient, &|_| given, builds)
    }

    #[test]
    fn packages_of_the_lab_its_client_and_its_stand_in() {
        let words = needs_of("relay", false, &[]);
        for word in ["ip=iproute2", "dnsmasq=dnsmasq-base", "dhclient=isc-dhcp-client", "dhcrelay=isc-dhcp-relay"] {
            assert!(words.iter().any(|w| w == word), "{word} is not in {words:?}");
        }
        assert!(!needs_of("relay", true, &[]).iter().any(|w| w.starts_with("dhcrelay=")));
    }

    #[test]
    fn compilers_are_known_by_the_word_that_calls_them() {
        let go = needs_of("relay", true, &["go build -o \"$OUT/dhcplb\" ."]);
        assert!(go.contains(&"go=golang-go".to_string()) && !go.iter().any(|w| w.starts_with("cargo=")));
        let make = needs_of("relay", true, &["CC=gcc make install"]);
        assert_eq!(make.iter().filter(|w| w.ends_with("=build-essential")).count(), 2);
        assert!(!needs_of("relay", true, &["./goat --cargox"]).iter().any(|w| w.contains("golang") || w.contains("cargo")));
    }
}
