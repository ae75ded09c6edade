//! DHCP clients: which there are, and how each takes a lease from nothing.

use serde::{Deserialize, Serialize};

/// A DHCP client program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "cli", derive(clap::ValueEnum))]
#[serde(rename_all = "lowercase")]
pub enum Client {
    /// ISC dhclient.
    Dhclient,
    /// dhcpcd.
    Dhcpcd,
    /// BusyBox udhcpc, IPv4 only.
    Udhcpc,
}

impl Client {
    /// All of them.
    pub const ALL: [Client; 3] = [Client::Dhclient, Client::Dhcpcd, Client::Udhcpc];

    /// The command's name.
    pub fn name(self) -> &'static str {
        match self {
            Client::Dhclient => "dhclient",
            Client::Dhcpcd => "dhcpcd",
            Client::Udhcpc => "udhcpc",
        }
    }

    /// The Debian package that has it.
    pub fn package(self) -> &'static str {
        match self {
            Client::Dhclient => "isc-dhcp-client",
            Client::Dhcpcd => "dhcpcd-base",
            Client::Udhcpc => "udhcpc",
        }
    }

    /// Whether it speaks DHCP over IPv4 (4) or IPv6 (6).
    pub fn speaks(self, family: u8) -> bool {
        family == 4 || self != Client::Udhcpc
    }
}

#[cfg(target_os = "linux")]
pub(super) use linux::take_lease;

#[cfg(target_os = "linux")]
mod linux {
    use super::Client;
    use crate::packet::dhcp4::DHCP4;
    use crate::packet::dhcp6::DHCP6;
    use crate::packet::frame::Frame;
    use crate::sandbox::{Gone, Lessee, Program, Sandbox, View};
    use crate::steps::{Dhcp, StepOutput};
    use std::fs;
    use std::os::unix::fs::PermissionsExt;
    use std::path::Path;
    use std::time::{Duration, Instant};

    /// Has `client` take a lease, after what an earlier one of this link left has been taken back.
    pub fn take_lease(step: &Dhcp, client: Client, sandbox: &Sandbox) -> Result<StepOutput, Gone> {
        let (node, link, family) = (step.node.0.as_str(), step.link.as_str(), step.family);
        let lessee = Lessee::new(node, link, family);
        sandbox.forget_lease(&lessee)?;
        sandbox.keep_resolver();
        if let Err(error) = sandbox.remember_lease(&lessee) {
            return Ok(StepOutput::done(Err(format!("cannot keep a lease in mind: {error}\n"))));
        }
        sandbox.flush_addresses(&lessee)?;
        if family == 6 {
            settled(sandbox, node, link)?;
        }
        let listener = step.fails.then(|| sandbox.listen(node));
        let program = match client {
            Client::Dhclient => Ok(dhclient(&lessee)),
            Client::Dhcpcd => dhcpcd(sandbox, &lessee),
            Client::Udhcpc => udhcpc(sandbox, &lessee),
        };
        let output = match program {
            Ok(program) => sandbox.run(program.view(View::Whole).within(step.within))?,
            Err(error) => {
                return Ok(StepOutput {
                    exit: 126,
                    stderr: format!("{}: {error}\n", client.name()),
                    ..StepOutput::default()
                });
            }
        };
        let flag = format!("-{family}");
        let addresses = sandbox
            .run(sandbox.program(node, &["ip", "-j", &flag, "addr", "show", "dev", link]))?;
        let lease = crate::sandbox::end_of(&lessee.lease, 64 << 10)
            .map(|(_, bytes)| bytes)
            .unwrap_or_default();
        let mut seen = StepOutput::from(output);
        // What a client says on either is the same to a reader.
        seen.stderr = std::mem::take(&mut seen.stdout) + &seen.stderr;
        seen.lease = String::from_utf8_lossy(&lease).into_owned();
        seen.addresses = String::from_utf8_lossy(&addresses.stdout).into_owned();
        seen.unsent = match listener {
            None => None,
            Some(Ok(listener)) => {
                let own = sandbox.hardware_address(node, link)?;
                if own.is_some_and(|own| asked(&listener.frames(), &own)) {
                    None
                } else {
                    let silent = || format!("it sent no DHCPv{family} message on {link}");
                    Some(sandbox.dark(node, link)?.unwrap_or_else(silent))
                }
            }
            Some(Err(error)) => Some(format!("{node} cannot be listened to: {error}")),
        };
        Ok(seen)
    }

    /// Whether one of `frames` is a DHCP message from the hardware address `own`.
    fn asked(frames: &[Vec<u8>], own: &str) -> bool {
        frames.iter().map(|frame| Frame::of(frame)).any(|frame| {
            (frame.layer(&DHCP4).is_some() || frame.layer(&DHCP6).is_some())
                && frame.field("source-mac").is_some_and(|mac| mac.to_string() == own)
        })
    }

    /// Waits until the link-local address of `link` may be used: a client binds to it at once.
    fn settled(sandbox: &Sandbox, node: &str, link: &str) -> Result<(), Gone> {
        sandbox.until(Instant::now() + Duration::from_secs(2), || {
            // Address, index, prefix length, scope (20: the link's), flags (40: tentative), name.
            let usable = |line: &str| match line.split_whitespace().collect::<Vec<_>>().as_slice() {
                [_, _, _, "20", flags, name] => {
                    *name == link
                        && u32::from_str_radix(flags, 16).is_ok_and(|flags| flags & 0x40 == 0)
                }
                _ => false,
            };
            let any = || sandbox.proc_net("if_inet6").is_ok_and(|text| text.lines().any(usable));
            Ok(sandbox.in_node(node, any).unwrap_or(false))
        })?;
        Ok(())
    }

    fn dhclient(lessee: &Lessee) -> Program {
        let (flag, lease, pidfile) = (
            format!("-{}", lessee.family),
            lessee.lease.to_string_lossy(),
            lessee.pidfile.to_string_lossy(),
        );
        Program::new(
            &lessee.node,
            &["dhclient", &flag, "-1", "-v", "-lf", &lease, "-pf", &pidfile, &lessee.link],
        )
    }

    /// dhcpcd configures the link itself; the hook only writes down what it was given.
    fn dhcpcd(sandbox: &Sandbox, lessee: &Lessee) -> std::io::Result<Program> {
        let hook = hook(sandbox, lessee, "")?;
        // It would ask for the address of an earlier lease again, even if that was of another
        // node's link.
        for folder in ["/var/lib/dhcpcd", "/var/db/dhcpcd"] {
            let old = fs::read_dir(folder).into_iter().flatten().flatten();
            let of_link = format!("{}.lease", lessee.link);
            old.filter(|entry| entry.file_name().to_string_lossy().starts_with(&of_link))
                .for_each(|entry| _ = fs::remove_file(entry.path()));
        }
        // No conflict probe and no random delay: both only cost time on a network made for the
        // test.
        let mut text = "duid\nnoarp\nnodelay\noption domain_name_servers, domain_name, routers, interface_mtu\n\
                        option dhcp6_name_servers, dhcp6_domain_search\n"
            .to_string();
        if lessee.family == 6 {
            // Without `ia_na` it would wait for a router that advertises DHCPv6 (RFC 4861, M flag).
            text.push_str(&format!("noipv6rs\ninterface {}\nia_na 1\n", lessee.link));
        }
        let configuration = format!("{hook}.conf");
        fs::write(&configuration, text)?;
        let (flag, wait) = (format!("-{}", lessee.family), format!("--waitip={}", lessee.family));
        let words = [
            "dhcpcd",
            &flag,
            "-1",
            "-B",
            "-d",
            &wait,
            "-f",
            &configuration,
            "-c",
            &hook,
            &lessee.link,
        ];
        Ok(Program::new(&lessee.node, &words).bare())
    }

    /// udhcpc leaves all configuration to its script.
    fn udhcpc(sandbox: &Sandbox, lessee: &Lessee) -> std::io::Result<Program> {
        let hook = hook(
            sandbox,
            lessee,
            r#"
if [ "$1" = bound ]; then
  ip -4 addr replace "$ip/${mask:-32}" dev "$interface"
  for r in $router; do ip -4 route replace default via "$r" dev "$interface"; break; done
fi"#,
        )?;
        let words =
            ["udhcpc", "-f", "-n", "-q", "-t", "20", "-T", "1", "-i", &lessee.link, "-s", &hook];
        Ok(Program::new(&lessee.node, &words).bare())
    }

    /// A client script that does `commands` and keeps its environment as the lease. The client is
    /// started with an empty one, or a variable of the user's called `dns` would be part of it.
    fn hook(sandbox: &Sandbox, lessee: &Lessee, commands: &str) -> std::io::Result<String> {
        let path = sandbox.state.join("client").join(format!("hook-{}", lessee.name()));
        let lease = crate::quote::shell(&lessee.lease.to_string_lossy());
        let text = format!(
            "#!/bin/sh\nif [ \"$1\" = bound ] || [ \"${{reason#BOUND}}\" != \"${{reason-}}\" ]; then env >{lease}; fi\n{commands}\n"
        );
        fs::write(&path, text)?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(Path::new(&path).to_string_lossy().into_owned())
    }
}
