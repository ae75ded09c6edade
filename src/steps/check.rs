//! Checking the steps of a test against the topology of their lab.

use crate::packet::server_id;
use crate::packet::server_id::ServerId;
use crate::steps::file::{DhcpFile, ExpectFile, PatienceFile, RunStepFile, StepFile};
use crate::steps::model::*;
use crate::topology::model::{Condition, End, GLOBAL, Handle, Topology};
use crate::yaml::problem::{At, Problems};
use std::net::IpAddr;
use std::time::Duration;

const DHCP_WITHIN: Duration = Duration::from_secs(10);
const RUN_TIMEOUT: Duration = Duration::from_secs(10);
const PING_TIMEOUT: Duration = Duration::from_secs(5);
const WAIT_WITHIN: Duration = Duration::from_secs(10);
const SERVICE_WITHIN: Duration = Duration::from_secs(5);
const EVERY: Duration = Duration::from_millis(200);

/// Checks steps against the topology that they run in.
pub struct Steps<'a> {
    /// What is wrong.
    pub check: &'a Problems,
    /// Where they run.
    pub lab: &'a Topology,
}

impl Steps<'_> {
    /// The checked step; none if it could not be read.
    pub fn step(&self, step: &StepFile) -> Option<StepKind> {
        Some(match step {
            StepFile::Dhcp(dhcp) => StepKind::Dhcp(self.dhcp(dhcp)),
            StepFile::Run(run) => StepKind::Run(self.run(run)),
            StepFile::Ping(ping) => StepKind::Ping(Ping {
                node: self.node(&ping.node),
                to: ping.to.value.unwrap_or(IpAddr::from([0; 4])),
                count: ping.count.unwrap_or(1),
                fails: ping.fails,
                patience: patience(&ping.patience, PING_TIMEOUT),
            }),
            StepFile::Wait { node, condition, service, within } => {
                if let Some(service) = service {
                    self.service(service);
                }
                if matches!(&condition.value, Condition::File(text) | Condition::Command(text) if text.trim().is_empty()) {
                    self.check.wrong(condition, "empty: nothing to wait for");
                }
                StepKind::Wait {
                    node: self.node(node),
                    condition: condition.value.clone(),
                    service: service.as_ref().map(|s| s.value.clone()),
                    within: within.unwrap_or(WAIT_WITHIN),
                }
            }
            StepFile::Service { action, service, within } => {
                self.service(service);
                StepKind::Service { action, service: service.value.clone(), within: within.unwrap_or(SERVICE_WITHIN) }
            }
            StepFile::Link { action, link } => self.link(action, link)?,
            StepFile::Broken => return None,
        })
    }

    /// The namespace of the node of this name.
    pub fn node(&self, name: &At<String>) -> Handle {
        if name.value == GLOBAL {
            return Handle(GLOBAL.into());
        }
        match self.lab.nodes.iter().find(|n| n.name == name.value) {
            Some(node) => node.handle.clone(),
            None => {
                self.check.unknown("node", name, self.lab.nodes.iter().map(|n| n.name.as_str()).chain([GLOBAL]));
                Handle(String::new())
            }
        }
    }

    fn service(&self, name: &At<String>) {
        if !self.lab.services.iter().any(|s| s.name == name.value) {
            self.check.unknown("service", name, self.lab.services.iter().map(|s| s.name.as_str()));
        }
    }

    fn link(&self, action: &'static str, at: &At<String>) -> Option<StepKind> {
        let Some((name, link)) = at.rsplit_once('/') else {
            self.check.wrong(at, format!("`{}`: expected NODE/LINK, such as `router/eth0`", at.value));
            return None;
        };
        let handle = self.node(&at.with(name.to_string()));
        let node = self.lab.nodes.iter().find(|n| n.name == name)?;
        let Some(found) = node.links.iter().find(|l| l.name == link) else {
            let known = node.links.iter().map(|l| l.name.as_str());
            self.check.unknown(&format!("link of `{name}`"), &at.with(link.to_string()), known);
            return None;
        };
        let port = match &found.end {
            End::Port { port, .. } => Some(port.clone()),
            End::Peer { .. } => None,
        };
        Some(StepKind::Link { action, node: name.into(), handle, link: link.into(), port })
    }

    fn dhcp(&self, dhcp: &DhcpFile) -> Dhcp {
        let node = self.node(&dhcp.node);
        if let Some(found) = self.lab.nodes.iter().find(|n| n.name == dhcp.node.value)
            && !found.interfaces().any(|name| name == dhcp.link.value)
        {
            let what = format!("link of `{}`", dhcp.node.value);
            self.check.unknown(&what, &dhcp.link, found.interfaces());
        }
        let family = dhcp.family as u8;
        let client = dhcp.client.as_ref().and_then(|name| {
            let client = Client::ALL.into_iter().find(|c| c.name() == name.value);
            match client {
                None => self.check.unknown("DHCP client", name, Client::ALL.into_iter().map(Client::name)),
                Some(client) if !client.speaks(family) => self.check.wrong(name, format!("`{}` speaks no DHCPv{family}", client.name())),
                Some(_) => {}
            }
            client
        });
        Dhcp {
            node,
            link: dhcp.link.value.clone(),
            family,
            client,
            within: dhcp.within.unwrap_or(DHCP_WITHIN),
            fails: dhcp.fails,
            expect: self.expect(&dhcp.expect, family),
        }
    }

    fn expect(&self, expect: &ExpectFile, family: u8) -> Expect {
        let right = |address: &IpAddr| address.is_ipv4() == (family == 4);
        if let Some(pool @ At { value: Some((first, _)), .. }) = &expect.pool
            && !right(first)
        {
            self.check.wrong(pool, format!("an impossible pool: the step takes an IPv{family} lease"));
        }
        for at in expect.router.iter().chain(expect.dns.iter().flatten()) {
            if at.value.is_some_and(|address| !right(&address)) {
                self.check.wrong(at, format!("`{}` is no IPv{family} address", at.value.expect("just seen")));
            }
        }
        if let (6, Some(router)) = (family, &expect.router) {
            self.check.wrong(router, "DHCPv6 has no router option (RFC 8415): routers are learnt from their advertisements");
        }
        if let (4, Some(prefix)) = (family, &expect.prefix)
            && prefix.value > 32
        {
            self.check.wrong(prefix, "an IPv4 prefix has at most 32 bits");
        }
        Expect {
            pool: expect.pool.as_ref().and_then(|p| p.value),
            prefix: expect.prefix.as_ref().map(|p| p.value as u8),
            router: expect.router.as_ref().and_then(|r| r.value),
            dns: expect.dns.as_ref().map(|list| list.iter().filter_map(|d| d.value).collect()),
            lease: expect.lease.as_ref().map(|l| l.value),
            server: expect.server.as_ref().and_then(|at| self.server(at, family)),
        }
    }

    fn server(&self, at: &At<String>, family: u8) -> Option<ServerId> {
        if family == 4 {
            return match at.parse::<IpAddr>() {
                Ok(address @ IpAddr::V4(_)) => Some(ServerId::Address(address)),
                _ => {
                    self.check
                        .wrong(at, format!("`{}` is no server identifier: DHCPv4 servers are told apart by an IPv4 address", at.value));
                    None
                }
            };
        }
        let id = server_id::duid(at).map_err(|_| {
            let message = format!(
                "`{}` is no server identifier: DHCPv6 servers are told apart by a DUID, such as `00:03:00:01:02:00:00:00:00:01`, or the hardware address in it",
                at.value
            );
            self.check.wrong(at, message);
        });
        id.ok()
    }

    fn run(&self, run: &RunStepFile) -> Command {
        if run.command.place.line > 0 && !self.check.are_at(run.command.place) && run.command.trim().is_empty() {
            self.check.wrong(&run.command, "an empty command");
        }
        Command {
            node: self.node(&run.node),
            command: run.command.value.clone(),
            fails: run.fails,
            exit: run.exit.as_ref().map_or(0, |e| e.value as u8),
            stdout: run.stdout.clone(),
            matches: run.matches.clone(),
            json: run.json.clone(),
            patience: patience(&run.patience, RUN_TIMEOUT),
        }
    }
}

fn patience(file: &PatienceFile, timeout: Duration) -> Patience {
    Patience {
        timeout: file.timeout.unwrap_or(timeout),
        within: file.within.as_ref().map(|w| w.value),
        every: file.every.as_ref().map_or(EVERY, |e| e.value),
    }
}
