//! A DHCP balancer and range server with dhcplb's command line:
//!
//!     dhcplb -config FILE -version 4|6 [-server] [-v LEVEL] [-logtostderr] [--fault NAME]
//!
//! It is there to be tested, so it does what a lab can see and nothing more: what limits load is
//! read but not heeded.

mod balancer;
mod config;
mod dhcp4;
mod dhcp6;
mod fault;
mod json;
mod leases;

use balancer::Balancer;
use config::Config;
use fault::Fault;
use leases::Leases;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::time::Duration;

/// What is to be sent.
#[derive(Clone, Debug)]
pub struct Datagram {
    pub to: SocketAddr,
    pub message: Vec<u8>,
}

/// An answer, as faulty as `fault` makes all answers.
pub fn answer(fault: Option<Fault>, to: SocketAddr, message: Vec<u8>) -> Vec<Datagram> {
    let to = match (fault, to) {
        (Some(Fault::WrongLink), SocketAddr::V4(to)) => {
            SocketAddr::new(Ipv4Addr::new(127, 255, 255, 255).into(), to.port())
        }
        (Some(Fault::WrongLink), SocketAddr::V6(to)) => {
            SocketAddr::new(Ipv6Addr::LOCALHOST.into(), to.port())
        }
        _ => to,
    };
    let times = if fault == Some(Fault::AnswersTwice) { 2 } else { 1 };
    vec![Datagram { to, message }; times]
}

enum Role {
    Balancer(Balancer),
    Server4(dhcp4::Server),
    Server6(dhcp6::Server),
}

#[derive(Default)]
struct Arguments {
    config: String,
    version: u8,
    server: bool,
    fault: Option<Fault>,
}

fn main() {
    if let Err(error) = run() {
        eprintln!("dhcplb: {error}");
        std::process::exit(1);
    }
}

fn run() -> Result<(), String> {
    let Arguments { config, version, server, fault } = arguments()?;
    match fault {
        Some(Fault::ExitsAtOnce) => return Err("a fault ends it at once".into()),
        Some(Fault::NeverListens) => loop {
            std::thread::park();
        },
        Some(Fault::StartsLate) => std::thread::sleep(Duration::from_secs(4)),
        _ => {}
    }
    let text = std::fs::read_to_string(&config).map_err(|error| format!("{config}: {error}"))?;
    let mut config = Config::read(&text, version).map_err(|error| format!("{config}: {error}"))?;
    let socket = UdpSocket::bind((config.listen, config.port))
        .map_err(|error| format!("cannot listen on {}: {error}", config.listen))?;
    let mut buffer = vec![0; config.buffer];
    let mut role = match (server, config.range.take()) {
        (false, _) => Role::Balancer(Balancer::new(config, fault)?),
        (true, None) => return Err("-server needs a handler".into()),
        (true, Some(range)) => {
            let skip = if fault == Some(Fault::OutsideThePool) { 0x90 } else { 0 };
            let leases = Leases::open(range, skip)?;
            match version {
                4 => Role::Server4(dhcp4::Server::new(leases, fault)?),
                _ => Role::Server6(dhcp6::Server::new(leases, join(&socket)?, fault)),
            }
        }
    };
    if version == 4 {
        socket.set_broadcast(true).map_err(|error| error.to_string())?;
    }
    eprintln!("DHCPv{version}: ready on {}", socket.local_addr().map_err(|e| e.to_string())?);
    for count in 1_u64.. {
        let (length, from) = socket.recv_from(&mut buffer).map_err(|error| error.to_string())?;
        match fault {
            Some(Fault::Crashes) => panic!("a fault ends it at the first packet"),
            Some(Fault::LosesFirst) if count == 1 => continue,
            Some(Fault::LosesEvery20th) if count.is_multiple_of(20) => continue,
            _ => {}
        }
        let data = &buffer[..length];
        let answers = match &mut role {
            Role::Balancer(balancer) if version == 4 => balancer.handle4(data),
            Role::Balancer(balancer) => balancer.handle6(data, from),
            Role::Server4(server) => server.handle(data),
            Role::Server6(server) => server.handle(data, from),
        };
        match answers {
            Ok(all) => all.iter().for_each(|one| send(&socket, from, one)),
            Err(error) => eprintln!("from {from}: dropped: {error}"),
        }
    }
    Ok(())
}

fn send(socket: &UdpSocket, from: SocketAddr, Datagram { to, message }: &Datagram) {
    match socket.send_to(message, to) {
        Ok(_) => eprintln!("from {from}: sent {} bytes to {to}", message.len()),
        Err(error) => eprintln!("from {from}: cannot send to {to}: {error}"),
    }
}

fn arguments() -> Result<Arguments, String> {
    let mut arguments = Arguments { version: 4, ..Arguments::default() };
    let mut words = std::env::args().skip(1);
    while let Some(word) = words.next() {
        let mut value = || words.next().ok_or(format!("{word} needs a value"));
        match word.trim_start_matches('-') {
            "config" => arguments.config = value()?,
            "version" => {
                let version = value()?;
                arguments.version = match version.as_str() {
                    "4" => 4,
                    "6" => 6,
                    _ => return Err(format!("there is no version {version}, only 4 and 6")),
                };
            }
            "server" => arguments.server = true,
            "fault" => arguments.fault = Some(Fault::named(&value()?)?),
            "v" => drop(value()?),
            "logtostderr" => {}
            _ => return Err(format!("there is no {word}")),
        }
    }
    if arguments.config.is_empty() { Err("-config is missing".into()) } else { Ok(arguments) }
}

/// Joins the group of all DHCPv6 servers and relay agents (RFC 8415, 7.1) on each link that is up;
/// the hardware address of the first, by its link-local address (RFC 4291, appendix A).
fn join(socket: &UdpSocket) -> Result<[u8; 6], String> {
    let group = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 1, 2);
    let file = "/proc/net/if_inet6";
    let text = std::fs::read_to_string(file).map_err(|error| format!("{file}: {error}"))?;
    let mut first = None;
    for line in text.lines() {
        let [address, index, _, scope, ..] = line.split_whitespace().collect::<Vec<_>>()[..] else {
            continue;
        };
        let (Ok(address), Ok(index)) =
            (u128::from_str_radix(address, 16), u32::from_str_radix(index, 16))
        else {
            continue;
        };
        if scope == "20" {
            socket.join_multicast_v6(&group, index).map_err(|error| error.to_string())?;
            let [.., a, b, c, _, _, d, e, f] = address.to_be_bytes();
            first = first.or(Some([a ^ 2, b, c, d, e, f]));
        }
    }
    first.ok_or("there is no link that is up".into())
}
