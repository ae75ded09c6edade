//! What labs need of a fresh machine, such as the VM, before they can be set up there.

use crate::compile::script;
use crate::lab::model::Lab;
use crate::steps::Client;

/// Kernel features that may be a module of Linux, with its name.
const MODULES: [(&str, &str); 15] = [
    ("bond", "bonding"),
    ("dummy", "dummy"),
    ("gre", "ip_gre"),
    ("ifb", "ifb"),
    ("ipvlan", "ipvlan"),
    ("macvlan", "macvlan"),
    ("netem", "sch_netem"),
    ("ppp", "ppp_generic"),
    // PPP over a terminal, as of pppoe-server.
    ("ppp", "ppp_async"),
    ("pppoe", "pppoe"),
    ("tbf", "sch_tbf"),
    ("vlan", "8021q"),
    ("vrf", "vrf"),
    ("vxlan", "vxlan"),
    ("wireguard", "wireguard"),
];

/// Compilers, by the word by which a build command calls them, with the Debian package.
const COMPILERS: [(&str, &str); 5] = [
    ("go", "golang-go"),
    ("cargo", "cargo"),
    ("make", "build-essential"),
    ("gcc", "build-essential"),
    ("cc", "build-essential"),
];

/// What `labs` need of the machine, as the words of vm/prepare.sh. `builds` are the commands that
/// build programs under test there; the stand-in of a lab is needed unless its program is among
/// `given`.
pub fn needs(
    labs: &[&Lab],
    client: Client,
    given: &dyn Fn(&str) -> bool,
    builds: &[&str],
) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut add = |word: String| {
        if !words.contains(&word) {
            words.push(word);
        }
    };
    for lab in labs {
        let stand_in = lab.topology.subject.as_ref().is_none_or(|subject| !given(&subject.program));
        for (command, package) in script::commands(lab, client, stand_in) {
            add(format!("{command}={package}"));
        }
        for (_, module) in
            MODULES.iter().filter(|(feature, _)| lab.topology.kernel.iter().any(|k| k == feature))
        {
            add(format!("module:{module}"));
        }
    }
    for (command, package) in compilers(builds) {
        add(format!("{command}={package}"));
    }
    words
}

/// What `builds` call of the well-known compilers, with the Debian package of each.
pub fn compilers(builds: &[&str]) -> Vec<(&'static str, &'static str)> {
    let calls = |build: &&str, command: &str| {
        build.split(|c: char| !c.is_ascii_alphanumeric()).any(|word| word == command)
    };
    let called = |(command, _): &(&str, &str)| builds.iter().any(|build| calls(build, command));
    COMPILERS.into_iter().filter(called).collect()
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
        for word in [
            "ip=iproute2",
            "dnsmasq=dnsmasq-base",
            "dhclient=isc-dhcp-client",
            "dhcrelay=isc-dhcp-relay",
        ] {
            assert!(words.iter().any(|w| w == word), "{word} is not in {words:?}");
        }
        assert!(!needs_of("relay", true, &[]).iter().any(|w| w.starts_with("dhcrelay=")));
    }

    #[test]
    fn compilers_are_known_by_the_word_that_calls_them() {
        let go = needs_of("relay", true, &["go build -o \"$OUT/dhcplb\" ."]);
        assert!(
            go.contains(&"go=golang-go".to_string()) && !go.iter().any(|w| w.starts_with("cargo="))
        );
        let make = needs_of("relay", true, &["CC=gcc make install"]);
        assert_eq!(make.iter().filter(|w| w.ends_with("=build-essential")).count(), 2);
        assert!(
            !needs_of("relay", true, &["./goat --cargox"])
                .iter()
                .any(|w| w.contains("golang") || w.contains("cargo"))
        );
    }
}
