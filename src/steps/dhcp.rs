//! `dhcp`: a real client takes a lease from nothing. Which lease it got, from whom, and whether the
//! address is on the link is reported as it is found, and judged by what the lab file expects.

use super::check::Checker;
use super::client::Client;
use super::lease::Lease;
use super::output::with_output;
use super::{Kind, NODE, StepOutput, Verdict, name};
use crate::packet::bytes::hex;
use crate::packet::server_id;
use crate::packet::server_id::ServerId;
#[cfg(target_os = "linux")]
use crate::sandbox::{Gone, Mark, Sandbox};
use crate::text::seconds;
use crate::topology::model::NetnsName;
use crate::yaml::decode::{MAX_WAIT, Reader};
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use crate::yaml::values;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::net::IpAddr;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(10);
/// DHCP counts a lease in 32 bits of seconds; nobody tests for more than a year.
const MAX_LEASE: Duration = Duration::from_secs(366 * 24 * 3600);

/// A `dhcp` step.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Dhcp {
    /// The client's namespace.
    pub(super) node: NetnsName,
    /// Its link.
    pub(super) link: String,
    /// 4 or 6.
    pub(super) family: u8,
    /// Which client, if the lab insists on one.
    pub(super) client: Option<Client>,
    /// How long the client has.
    pub(super) within: Duration,
    /// No lease is the pass.
    pub(super) fails: bool,
    /// What the lease must be.
    pub expect: Expect,
}

impl Dhcp {
    /// The same step by `client`, unless the lab insists on another.
    pub(super) fn by(&self, client: Client) -> Dhcp {
        Dhcp { client: self.client.or(Some(client)), ..self.clone() }
    }
}

/// What a lease must be; what is `None` is not looked at.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Expect {
    /// First and last address.
    pool: Option<(IpAddr, IpAddr)>,
    /// Prefix length on the link.
    prefix: Option<u8>,
    /// Default router.
    router: Option<IpAddr>,
    /// DNS servers, in this order.
    dns: Option<Vec<IpAddr>>,
    /// For how long.
    lease: Option<Duration>,
    /// Who must have given it.
    pub server: Option<ServerId>,
}

/// What stands in the file.
#[derive(Debug)]
pub struct DhcpFile {
    node: Spanned<String>,
    link: Spanned<String>,
    family: i64,
    client: Option<Spanned<String>>,
    within: Option<Duration>,
    fails: bool,
    expect: ExpectFile,
}

/// `expect`.
#[derive(Debug, Default)]
pub struct ExpectFile {
    pool: Option<Spanned<Option<(IpAddr, IpAddr)>>>,
    prefix: Option<Spanned<i64>>,
    router: Option<Spanned<Option<IpAddr>>>,
    dns: Option<Vec<Spanned<Option<IpAddr>>>>,
    lease: Option<Spanned<Duration>>,
    /// IPv4: the server identifier; IPv6: the server's DUID or the hardware address in it.
    server: Option<Spanned<String>>,
}

const FIELDS: [Known; 7] = [
    NODE,
    ("link", "the link that the lease is for", "eth0"),
    ("family", "of IPv4 or IPv6", "4"),
    ("client", "the client, if it must be this one; see `--client`", "dhclient"),
    ("within", "the time that the client has (10s)", "5s"),
    ("fails", "`true`: there must be no lease, though the client has asked", "true"),
    ("expect", "what the lease must say", "{pool: 10.0.0.10-10.0.0.50, prefix: 24}"),
];
const EXPECT: [Known; 6] = [
    ("pool", "from which addresses it is, FIRST-LAST", "10.0.0.10-10.0.0.50"),
    ("prefix", "the prefix length, on the link and, for IPv4, in the lease", "24"),
    ("router", "the default router", "10.0.0.1"),
    ("dns", "the DNS servers, in this order", "[10.0.0.1]"),
    ("lease", "for how long it is", "12h"),
    (
        "server",
        "the server identifier; for IPv6 the server's DUID, or the hardware address in it",
        "10.0.0.1",
    ),
];

impl Kind for Dhcp {
    const NAME: &'static str = "dhcp";
    const ABOUT: (&'static str, &'static str) = (
        "a real client takes a lease",
        "{node: client, link: eth0, family: 4, expect: {pool: 10.0.0.10-10.0.0.50}}",
    );
    type File = DhcpFile;

    fn read(reader: Reader) -> Option<DhcpFile> {
        let fields = reader.fields(&FIELDS);
        let family = fields.need("family", |r| r.number([4, 6]));
        let clients = Client::ALL.map(Client::name);
        let file = DhcpFile {
            node: name(&fields, "node"),
            link: name(&fields, "link"),
            family: family.unwrap_or(4),
            client: fields.get("client", |r| r.at(r.word(&clients))),
            within: fields.get("within", |r| r.duration(MAX_WAIT)),
            fails: fields.get("fails", |r| r.boolean()).unwrap_or_default(),
            expect: fields.get("expect", ExpectFile::read).unwrap_or_default(),
        };
        if file.fails && !fields.present(&["expect"]).is_empty() {
            reader.wrong("`fails: true` wants no lease, so there is nothing to `expect` of one");
        }
        Some(file)
    }

    fn check(file: &DhcpFile, checker: &Checker) -> Option<Dhcp> {
        let node = checker.node(&file.node);
        if let Some(found) = checker.find_node(&file.node)
            && !found.interfaces().any(|name| name == file.link.value)
        {
            checker.unknown(
                &format!("link of `{}`", file.node.value),
                &file.link,
                found.interfaces(),
            );
        }
        let family = file.family as u8;
        let client = file.client.as_ref().and_then(|name| {
            let client = Client::ALL.into_iter().find(|c| c.name() == name.value);
            match client {
                None => {
                    checker.unknown("DHCP client", name, Client::ALL.into_iter().map(Client::name))
                }
                Some(client) if !client.speaks(family) => {
                    checker.wrong(name, format!("`{}` speaks no DHCPv{family}", client.name()))
                }
                Some(_) => {}
            }
            client
        });
        Some(Dhcp {
            node,
            link: file.link.value.clone(),
            family,
            client,
            within: file.within.unwrap_or(WITHIN),
            fails: file.fails,
            expect: file.expect.check(family, checker),
        })
    }

    #[cfg(target_os = "linux")]
    fn run(&self, sandbox: &Sandbox, _: &Mark) -> Result<StepOutput, Gone> {
        super::client::take_lease(self, self.client.unwrap_or(Client::Dhclient), sandbox)
    }

    fn judge(&self, seen: &StepOutput) -> Verdict {
        let client = self.client.unwrap_or(Client::Dhclient);
        let name = client.name();
        let lease = Lease::parse(client, &seen.lease);
        let assigned = assigned(&seen.addresses);
        if self.fails {
            return match lease {
                Some(lease) => {
                    Err(vec![format!("no lease was wanted, but {name} got {}", shown(&lease))])
                }
                None if !assigned.is_empty() => Err(vec![format!(
                    "no lease was wanted, but {} has {}",
                    self.link,
                    list(&assigned)
                )]),
                // A client that never asked proves nothing. dhclient's 1 is its own trouble, 2 is
                // "no lease".
                None if matches!((client, seen.exit), (_, 126 | 127) | (Client::Dhclient, 1)) => {
                    Err(with_output(
                        vec![format!("{name} could not ask: exit status {}", seen.exit)],
                        &seen.stderr,
                    ))
                }
                None => match &seen.unsent {
                    Some(why) => Err(with_output(
                        vec![format!("{name} did not even ask, which proves nothing: {why}")],
                        &seen.stderr,
                    )),
                    None => Ok("no lease, as wanted".into()),
                },
            };
        }
        let Some(lease) = lease else {
            let why = match seen.exit {
                124 => format!(
                    "no lease within {:?}: {name} was still asking on {}",
                    self.within, self.link
                ),
                127 => format!("{name} could not be run"),
                0 => format!("{name} ended without a lease"),
                status => format!("no lease: {name} gave up with exit status {status}"),
            };
            return Err(with_output(vec![why], &seen.printed()));
        };
        let mut wrong = Vec::new();
        if seen.exit != 0 {
            wrong.push(format!("{name} got a lease, yet its exit status is {}", seen.exit));
        }
        let address = lease.address.expect("parsed leases have one");
        let on_link = assigned.iter().find(|(a, _)| *a == address);
        if on_link.is_none() {
            let has = if assigned.is_empty() { "no address".into() } else { list(&assigned) };
            wrong.push(format!("the address {address} is not on {}, which has {has}", self.link));
        }
        self.expect.judge(&lease, address, on_link.map(|(_, prefix)| *prefix), &mut wrong);
        if wrong.is_empty() {
            let prefix = on_link.map_or(String::new(), |(_, prefix)| format!("/{prefix}"));
            let time = match seen.time {
                Duration::ZERO => String::new(),
                time => format!(" in {}", seconds(time)),
            };
            return Ok(format!("{address}{prefix} from {}{time}", lease.giver()));
        }
        wrong.push(format!("the lease: {}", shown(&lease)));
        Err(wrong)
    }

    fn limit(&self) -> Duration {
        self.within + Duration::from_secs(15)
    }

    fn deadlines(&mut self) -> Vec<&mut Duration> {
        vec![&mut self.within]
    }

    fn commands(&self) -> Vec<(&'static str, &'static str)> {
        let client = self.client.filter(|client| client.speaks(self.family));
        client.map(|client| (client.name(), client.package())).into_iter().collect()
    }

    fn node(&self) -> Option<&NetnsName> {
        Some(&self.node)
    }
}

impl ExpectFile {
    fn read(reader: Reader) -> ExpectFile {
        let fields = reader.fields(&EXPECT);
        let address = |r: Reader| r.at(r.parsed(|t| values::address(t).map(Some)));
        ExpectFile {
            pool: fields.get("pool", |r| r.at(r.parsed(values::pool))),
            prefix: fields.get("prefix", |r| r.at(r.integer(0..=128))),
            router: fields.get("router", address),
            dns: fields.get("dns", |r| r.one_or_more(address)),
            lease: fields.get("lease", |r| r.at(r.duration(MAX_LEASE))),
            server: fields.get("server", |r| r.at(r.text())),
        }
    }

    fn check(&self, family: u8, checker: &Checker) -> Expect {
        let right = |address: &IpAddr| address.is_ipv4() == (family == 4);
        if let Some(pool @ Spanned { value: Some((first, _)), .. }) = &self.pool
            && !right(first)
        {
            checker.wrong(pool, format!("an impossible pool: the step takes an IPv{family} lease"));
        }
        for at in self.router.iter().chain(self.dns.iter().flatten()) {
            if at.value.is_some_and(|address| !right(&address)) {
                checker.wrong(
                    at,
                    format!("`{}` is not an IPv{family} address", at.value.expect("just seen")),
                );
            }
        }
        if let (6, Some(router)) = (family, &self.router) {
            checker.wrong(router, "DHCPv6 has no router option (RFC 8415): routers are learnt from their advertisements");
        }
        if let (4, Some(prefix)) = (family, &self.prefix)
            && prefix.value > 32
        {
            checker.wrong(prefix, "an IPv4 prefix has at most 32 bits");
        }
        Expect {
            pool: self.pool.as_ref().and_then(|p| p.value),
            prefix: self.prefix.as_ref().map(|p| p.value as u8),
            router: self.router.as_ref().and_then(|r| r.value),
            dns: self.dns.as_ref().map(|list| list.iter().filter_map(|d| d.value).collect()),
            lease: self.lease.as_ref().map(|l| l.value),
            server: self.server.as_ref().and_then(|at| server(at, family, checker)),
        }
    }
}

fn server(at: &Spanned<String>, family: u8, checker: &Checker) -> Option<ServerId> {
    if family == 4 {
        if let Ok(address @ IpAddr::V4(_)) = at.parse::<IpAddr>() {
            return Some(ServerId::Address(address));
        }
        checker.wrong(
            at,
            format!(
                "`{}` is not a server identifier: DHCPv4 servers are told apart by an IPv4 address",
                at.value
            ),
        );
        return None;
    }
    let id = server_id::duid(at).map_err(|_| {
        let message = format!(
            "`{}` is not a server identifier: DHCPv6 servers are told apart by a DUID, such as `00:03:00:01:02:00:00:00:00:01`, or the hardware address in it",
            at.value
        );
        checker.wrong(at, message);
    });
    id.ok()
}

impl Expect {
    /// Adds to `wrong` what of `lease` is not as it must be; `prefix` is that of the address on the
    /// link.
    fn judge(&self, lease: &Lease, address: IpAddr, prefix: Option<u8>, wrong: &mut Vec<String>) {
        if let Some((first, last)) = self.pool
            && !(address.is_ipv4() == first.is_ipv4() && (first..=last).contains(&address))
        {
            wrong.push(format!("the address {address} is outside the pool {first}-{last}"));
        }
        if let Some(wanted) = self.prefix {
            for (what, found) in [("on the link", prefix), ("in the lease", lease.prefix)] {
                if let Some(found) = found.filter(|found| *found != wanted) {
                    wrong.push(format!("the prefix length {what} is {found}, not {wanted}"));
                }
            }
        }
        if let Some(wanted) = self.router.filter(|wanted| lease.router != Some(*wanted)) {
            wrong.push(format!("the router is {}, not {wanted}", or_none(lease.router)));
        }
        if let Some(wanted) = self.dns.as_ref().filter(|wanted| lease.dns != **wanted) {
            wrong.push(format!("the DNS servers are {:?}, not {wanted:?}", lease.dns));
        }
        if let Some(wanted) = self.lease.filter(|wanted| lease.seconds != Some(wanted.as_secs())) {
            wrong.push(format!(
                "the lease is for {} seconds, not {}",
                or_none(lease.seconds),
                wanted.as_secs()
            ));
        }
        if let Some(wanted) = self.server.as_ref().filter(|wanted| !lease.is_from(wanted)) {
            let wanted = match wanted {
                ServerId::Address(address) => address.to_string(),
                ServerId::Duid(duid) => format!("DUID {}", hex(duid)),
                ServerId::Mac(mac) => hex(mac),
            };
            wrong.push(format!("the lease is from {}, not from {wanted}", lease.giver()));
        }
    }
}

fn or_none<T: ToString>(value: Option<T>) -> String {
    value.map_or("none".into(), |v| v.to_string())
}

fn shown(lease: &Lease) -> String {
    let mut text = format!("{} from {}", or_none(lease.address), lease.giver());
    if let Some(router) = lease.router {
        text.push_str(&format!(", router {router}"));
    }
    if !lease.dns.is_empty() {
        text.push_str(&format!(
            ", DNS {}",
            lease.dns.iter().map(IpAddr::to_string).collect::<Vec<_>>().join(" ")
        ));
    }
    text
}

fn list(addresses: &[(IpAddr, u8)]) -> String {
    addresses
        .iter()
        .map(|(address, prefix)| format!("{address}/{prefix}"))
        .collect::<Vec<_>>()
        .join(", ")
}

/// The global addresses in the output of `ip -j addr show dev LINK`.
fn assigned(json: &str) -> Vec<(IpAddr, u8)> {
    let Ok(Value::Array(links)) = serde_json::from_str(json) else { return Vec::new() };
    let infos = links.iter().filter_map(|link| link.get("addr_info")?.as_array()).flatten();
    infos
        .filter(|info| info.get("scope").and_then(Value::as_str) != Some("link"))
        .filter_map(|info| {
            Some((
                info.get("local")?.as_str()?.parse().ok()?,
                info.get("prefixlen")?.as_u64()? as u8,
            ))
        })
        .collect()
}
