//! From a checked lab to its plan and its script: the order of the actions, and the exact text that
//! travels to a host. A change in the snapshot is a change of the contract between labrun and the
//! runtime, so look at it.

use crate::common::labs::have;
use labrun::compile::plan::{Action, plan};
use labrun::compile::script;
use labrun::lab::check;
use labrun::lab::find::BUILT_IN;
use labrun::lab::model::Lab;
use labrun::steps::Client;
use std::io::Write;
use std::process::{Command, Stdio};

fn built_in(name: &str) -> Lab {
    let (_, text) = BUILT_IN.into_iter().find(|(n, _)| *n == name).unwrap();
    check::lab(text, name).unwrap()
}

fn lab(text: &str) -> Lab {
    check::lab(text, "x").unwrap_or_else(|diagnostics| panic!("{diagnostics:#?}"))
}

/// The lab's own part of its script, without the hash, which changes with every comment in
/// scripts/.
fn data(lab: &Lab, client: Client) -> String {
    let script = script::compile(lab, client);
    let (_, data) = script.split_once("\n# ---- the lab\n").expect("the lab's data comes last");
    data.lines()
        .filter(|line| !line.starts_with("LAB_HASH="))
        .map(|line| format!("{line}\n"))
        .collect()
}

#[test]
fn the_relay_labs_script_is_what_it_was() {
    insta::assert_snapshot!(data(&built_in("relay"), Client::Dhclient));
}

#[test]
fn the_client_is_all_that_changes_with_the_client() {
    let lab = built_in("relay");
    let (one, other) = (data(&lab, Client::Dhclient), data(&lab, Client::Dhcpcd));
    let changed: Vec<&str> =
        other.lines().filter(|line| !one.lines().any(|l| l == *line)).collect();
    assert!(
        !changed.is_empty() && changed.iter().all(|line| line.contains("dhcpcd")),
        "{changed:#?}"
    );
}

/// The places of the actions that `kind` picks.
fn places(actions: &[Action], kind: impl Fn(&Action) -> bool) -> Vec<usize> {
    actions.iter().enumerate().filter(|(_, action)| kind(action)).map(|(i, _)| i).collect()
}

#[test]
fn settings_come_before_links_links_before_addresses_addresses_before_rules() {
    for (name, _) in BUILT_IN {
        let actions = plan(&built_in(name).topology).actions;
        let nodes = places(&actions, |a| matches!(a, Action::Nodes(_)));
        // Those of a single link, such as the port of a bridge, can only be written when it is there.
        let of_link = |key: &str| {
            let link = key.split_once("/conf/").and_then(|(_, rest)| rest.split('/').next());
            link.is_some_and(|link| !["all", "default", "lo"].contains(&link))
        };
        let settings = places(
            &actions,
            |a| matches!(a, Action::Sysctls(_, all) if !all.iter().all(|(key, _)| of_link(key))),
        );
        let links = places(&actions, |a| matches!(a, Action::Links(_)));
        let addresses = places(&actions, |a| matches!(a, Action::Addresses(..)));
        let rules = places(&actions, |a| matches!(a, Action::Rules(..)));
        assert_eq!((nodes.as_slice(), links.len()), (&[0][..], 1), "{name}");
        assert!(
            settings.last() < links.first() && links.last() < addresses.first(),
            "{name}: {actions:#?}"
        );
        assert!(
            rules.first().is_none_or(|rule| Some(rule) > addresses.last()),
            "{name}: {actions:#?}"
        );
    }
}

#[test]
fn settings_of_a_single_link_wait_for_the_link() {
    let lab = lab(
        "lab: x\nnodes:\n  a:\n    sysctls: {net.ipv4.conf.eth0.rp_filter: 1, net.ipv4.conf.all.rp_filter: 2}\n    links: {eth0: {peer: b/eth0}}\n  b:\n    links: {eth0: {peer: a/eth0}}\n",
    );
    let actions = plan(&lab.topology).actions;
    let links = places(&actions, |a| matches!(a, Action::Links(_)))[0];
    let sets = |key: &str| {
        places(
            &actions,
            |a| matches!(a, Action::Sysctls(_, settings) if settings.iter().any(|(k, _)| k == key)),
        )
    };
    assert!(
        sets("net/ipv4/conf/eth0/rp_filter").iter().all(|i| *i > links)
            && sets("net/ipv4/conf/eth0/rp_filter").len() == 1
    );
    assert!(sets("net/ipv4/conf/all/rp_filter").iter().all(|i| *i < links));
}

#[test]
fn every_namespace_says_whether_it_forwards_so_that_the_hosts_settings_do_not_matter() {
    let lab = built_in("vpn");
    let forwards = |node: &str| {
        let settings = plan(&lab.topology).actions.into_iter().find_map(|a| match a {
            Action::Sysctls(handle, settings) if handle.0 == node => Some(settings),
            _ => None,
        });
        let settings = settings.unwrap_or_else(|| panic!("{node} has no settings"));
        ["net/ipv4/ip_forward", "?net/ipv6/conf/all/forwarding"]
            .map(|key| settings.iter().find(|(k, _)| k == key).unwrap().1.clone())
    };
    assert_eq!(forwards("vpn10"), ["1", "1"]);
    for node in ["pc1", "global"] {
        assert_eq!(forwards(node), ["0", "0"], "{node}");
    }
}

#[test]
fn a_nodes_own_settings_come_last_so_that_they_win() {
    let lab = lab(
        "lab: x\nnodes: {a: {sysctls: {net.ipv4.conf.all.rp_filter: 2, net/ipv6/conf/all/accept_dad: 1}}, global: {sysctls: {net.ipv6.conf.default.disable_ipv6: 0}}}\n",
    );
    for action in plan(&lab.topology).actions {
        let Action::Sysctls(handle, settings) = action else { continue };
        let own: Vec<&str> = settings
            .iter()
            .rev()
            .take(if handle.0 == "a" { 2 } else { 1 })
            .map(|(key, _)| key.as_str())
            .collect();
        match handle.0.as_str() {
            "a" => assert_eq!(own, ["net/ipv6/conf/all/accept_dad", "net/ipv4/conf/all/rp_filter"]),
            _ => assert_eq!(own, ["net/ipv6/conf/default/disable_ipv6"]),
        }
    }
}

#[test]
fn a_cable_between_two_nodes_is_made_once_with_both_ends_in_place() {
    let actions = plan(&built_in("vpn").topology).actions;
    let links = actions
        .iter()
        .find_map(|a| if let Action::Links(links) = a { Some(links) } else { None })
        .unwrap();
    let lines: Vec<String> = links.iter().map(|words| words.join(" ")).collect();
    assert_eq!(lines.len(), 3, "{lines:#?}");
    for line in &lines {
        assert_eq!(line.matches(" netns ").count(), 2, "{line}");
        assert_eq!(line.matches(" address 02:").count(), 2, "{line}");
    }
}

#[test]
fn hardware_addresses_are_the_same_in_every_run_and_differ_from_each_other() {
    let text = "lab: x\nbridges: [br]\nnodes:\n  a: {links: {e0: {bridge: br, port: p0}, e1: {bridge: br, port: p1}}}\n  b: {links: {e0: {bridge: br, port: p2}}}\n";
    let macs = |text: &str| -> Vec<String> {
        let data = data(&lab(text), Client::Dhclient);
        data.split(" address ").skip(1).map(|rest| rest[..17].to_string()).collect()
    };
    let mut first = macs(text);
    assert_eq!(first, macs(text));
    first.sort();
    first.dedup();
    assert_eq!(first.len(), 3);
}

#[test]
fn names_that_a_shell_or_ip_could_misread_get_a_handle_that_no_other_node_has() {
    let lab = lab(
        "lab: x\nnodes: {\"a b\": {}, node-0: {}, _node-0: {}, \"-n\": {}, esac: {}, \"$(id)\": {}, \"ü\": {}, global: {}}\n",
    );
    let mut handles: Vec<&str> = lab.topology.nodes.iter().map(|n| n.netns.0.as_str()).collect();
    assert!(
        handles.iter().all(|h| h.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
            && !h.starts_with('-')),
        "{handles:?}"
    );
    assert!(
        handles.contains(&"esac") && handles.contains(&"node-0") && handles.contains(&"global")
    );
    handles.sort();
    handles.dedup();
    assert_eq!(handles.len(), 8);
}

#[test]
fn what_a_lab_needs_is_told_from_what_it_does() {
    let needs = |lab: &Lab, client, stand_in| {
        script::commands(lab, client, stand_in)
            .into_iter()
            .map(|(c, p)| format!("{c} {p}"))
            .collect::<Vec<_>>()
    };
    let relay = built_in("relay");
    let common =
        ["ip iproute2", "dnsmasq dnsmasq-base", "dhclient isc-dhcp-client", "ping iputils-ping"];
    assert_eq!(needs(&relay, Client::Dhclient, false), common);
    assert_eq!(needs(&relay, Client::Dhclient, true)[4..], ["dhcrelay isc-dhcp-relay"]);
    // udhcpc takes the lease of v4; for v6 it is no use, so nothing is needed for that.
    assert_eq!(needs(&relay, Client::Udhcpc, false)[2..], ["udhcpc udhcpc", "ping iputils-ping"]);
    assert!(
        needs(&built_in("balance"), Client::Dhclient, false).contains(&"nft nftables".to_string())
    );
    let filter = "lab: x\nnodes: {a: {links: {e: {peer: b/e}}}, b: {links: {e: {peer: a/e}}}}\ntests: {t: {steps: [run: {node: a, command: x}], path: [{filter: arp, avoids: a}]}}\n";
    assert_eq!(needs(&lab(filter), Client::Dhclient, false)[1..], ["tcpdump tcpdump"]);
}

#[test]
fn every_built_in_lab_compiles_to_good_bash() {
    for (name, _) in BUILT_IN {
        for client in Client::ALL {
            assert!(
                accepted_by_bash(&script::compile(&built_in(name), client)),
                "{name} {client:?}"
            );
        }
    }
    assert!(accepted_by_bash(&script::runtime()));
    assert!(!accepted_by_bash("case x in"), "this test can fail");
}

#[test]
fn service_names_do_not_meet_the_runtimes_functions() {
    let runtime = script::runtime();
    let functions: Vec<&str> =
        runtime.lines().filter_map(|line| line.strip_suffix("() {")).collect();
    assert!(functions.len() > 50 && functions.contains(&"service_start"));
    assert!(
        functions.iter().all(|f| !f.starts_with("lab_runs_") && !f.starts_with("lab_stand_in_"))
    );
    let data = data(&built_in("relay"), Client::Dhclient);
    let own: Vec<&str> = data.lines().filter_map(|line| line.strip_suffix("() {")).collect();
    assert!(own.iter().all(|f| !functions.contains(f)), "{own:?}");
}

fn accepted_by_bash(script: &str) -> bool {
    use std::io::Write;
    let mut bash =
        Command::new("bash").arg("-n").stdin(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    bash.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
    bash.wait().unwrap().success()
}

#[test]
fn scripts_are_shellcheck_clean() {
    if !have("scripts_are_shellcheck_clean", &["shellcheck"]) {
        return;
    }
    // One whole script shows how the runtime and a lab's data go together, and takes ten times as long as data alone.
    let checks = BUILT_IN.map(|(name, _)| {
        let lab = built_in(name);
        // SC2016: a lab's commands are text for another shell, so nothing is to expand in them.
        // SC2034: that nothing reads it without the runtime.
        let (script, excluded) = match name {
            "relay" => (script::compile(&lab, Client::Dhclient), "--exclude=SC2016"),
            _ => (data(&lab, Client::Dhclient), "--exclude=SC2016,SC2034"),
        };
        let mut child = Command::new("shellcheck")
            .args(["--shell=bash", excluded, "-"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
        (name, child)
    });
    for (name, child) in checks {
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stdout));
    }
}
