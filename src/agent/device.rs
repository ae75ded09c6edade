//! `labrun _device keep|back`: lends an interface of the machine to a lab, from outside of it, and takes it back.
//!
//! `keep` waits for the end of the lab's first process, whoever ends it, and has the node's namespace open for that long:
//! with the last of its namespace the kernel would take an interface that is no hardware. What it was like is on the disk
//! before it is moved, so that `back` can do the rest where `keep` itself has been killed.

use anyhow::{Context, Result, bail};
use rustix::event::{PollFd, PollFlags, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::fs::{self, File};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::fd::AsRawFd;
use std::path::Path;
use std::process::Command;

/// The folder of what a lab has outside is called that and the lab.
const OUTSIDE: &str = ".outside-";

/// What is wanted to give an interface back.
#[derive(Serialize, Deserialize)]
struct Lent {
    /// The name on the machine, and in the node.
    device: String,
    link: String,
    /// Its hardware address, by which it is known.
    mac: String,
    /// The network namespace of the machine, as the kernel calls it.
    home: String,
    /// The path of the node's namespace.
    place: String,
    /// The `ip` commands that make it what it was.
    lines: Vec<String>,
}

/// `keep SAVED PID PLACE LINK DEVICE`, or `back SAVED`.
pub fn run(words: &[String]) -> Result<u8> {
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words[..] {
        ["keep", saved, pid, place, link, device] => {
            let pid: i32 = pid.parse().context("which process?")?;
            keep(Path::new(saved), pid, place, link, device)?;
        }
        ["back", saved] => {
            let text = fs::read(saved).with_context(|| format!("cannot read {saved}"))?;
            let lent: Lent = serde_json::from_slice(&text)?;
            back(Path::new(saved), &lent, &lent.place)?;
        }
        _ => bail!("_device: `keep` or `back` is wanted"),
    }
    Ok(0)
}

fn keep(saved: &Path, pid: i32, place: &str, link: &str, device: &str) -> Result<()> {
    let process = pidfd_open(Pid::from_raw(pid).context("no process")?, PidfdFlags::empty())?;
    let namespace = File::open(place).with_context(|| format!("cannot open {place}"))?;
    let lent = look(saved, device, link, place)?;
    // Before anybody could take it for dead.
    let stat = fs::read_to_string("/proc/self/stat")?;
    let start = stat.rsplit(')').next().and_then(|fields| fields.split_whitespace().nth(19));
    let start = start.context("no start time")?;
    let own = format!("{} {start}\n", std::process::id());
    write(&saved.with_extension(""), own.as_bytes())?;
    write(saved, &serde_json::to_vec(&lent)?)?;
    let here = format!("/proc/{}/fd/{}", std::process::id(), namespace.as_raw_fd());
    if let Err(error) = ip(None, &format!("link set dev {device} name {link} netns {here}")) {
        fs::remove_file(saved)?;
        return Err(error);
    }
    // Whoever waits for that reads it there.
    fs::write("/proc/self/fd/3", "1")?;
    let mut ends = [PollFd::new(&process, PollFlags::IN)];
    rustix::io::retry_on_intr(|| poll(&mut ends, None))?;
    back(saved, &lent, &here)
}

/// Makes the file what it is to be at once, or not at all: others read it at any time.
fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(new, path)
}

/// What `device` is like, and whether it can be lent at all.
fn look(saved: &Path, device: &str, link: &str, place: &str) -> Result<Lent> {
    let Ok(Value::Array(all)) = json("link show") else { bail!("`ip link` tells nothing") };
    let home = home()?;
    let taken = |lent: &Lent| lent.device == device && lent.home == home;
    let Some(own) = all.iter().find(|one| one["ifname"] == device) else {
        match others(saved).into_iter().find(|(_, lent)| taken(lent)) {
            Some((lab, _)) => bail!(
                "the interface {device} is in the lab {lab}: `labrun clean {lab}` gives it back"
            ),
            None => bail!("this machine has no interface {device}"),
        }
    };
    if let Some(master) = own["master"].as_str() {
        bail!(
            "the interface {device} belongs to {master}: `ip link set dev {device} nomaster` first"
        );
    }
    let on_it = |one: &&Value| one["link"] == device && one["linkinfo"]["info_kind"] != "veth";
    if let Some(upper) = all.iter().find(on_it) {
        bail!("{} is on the interface {device}, and the kernel would remove it", upper["ifname"]);
    }
    let mac = own["address"].as_str().unwrap_or_default();
    let mut lines = vec![format!("link set dev {device} mtu {}", own["mtu"])];
    let Value::Array(all) = json(&format!("addr show dev {device}"))? else {
        bail!("no addresses")
    };
    // The routes that are as the kernel makes them, but were made by another one.
    let mut connected: Vec<String> = Vec::new();
    for address in all.iter().flat_map(|one| one["addr_info"].as_array()).flatten() {
        lines.extend(self::address(device, address, mac));
        if address["noprefixroute"] == true {
            connected.extend(network(address));
        }
    }
    if own["flags"].as_array().is_some_and(|flags| flags.iter().any(|flag| flag == "UP")) {
        lines.push(format!("link set dev {device} up"));
    }
    for version in ["-4", "-6"] {
        // Those with several next hops are not among the routes of one interface.
        let text = ip(None, &format!("{version} -o route show table all"))?;
        let hop = format!(" dev {device} ");
        if text.lines().any(|line| line.contains("nexthop") && format!("{line} ").contains(&hop)) {
            bail!("a route with several next hops leads by the interface {device}");
        }
        let text = ip(None, &format!("{version} route show table all dev {device}"))?;
        for route in text.lines().filter(|line| !line.contains("table local")) {
            if route.starts_with("default") {
                bail!(
                    "the machine's default route leads by the interface {device}, and maybe your own way to it: take another one, or have the route lead elsewhere first"
                );
            }
            // What only tells of its state is not understood.
            let words: Vec<&str> = route
                .split_whitespace()
                .filter(|word| !["linkdown", "dead"].contains(word))
                .collect();
            let whole = words.join(" ");
            let again = whole.contains("proto kernel") && !connected.contains(&words[0].into());
            if !again && !route.contains("multicast") && !route.contains(" expires ") {
                lines.push(format!("{version} route replace {whole} dev {device}"));
            }
        }
    }
    let (device, link, mac) = (device.into(), link.into(), mac.into());
    Ok(Lent { home, device, link, mac, place: place.into(), lines })
}

/// The command that gives the address back, unless the kernel does.
fn address(device: &str, address: &Value, mac: &str) -> Option<String> {
    let (local, prefix) = (address["local"].as_str()?, &address["prefixlen"]);
    if address["scope"] == "link" && address["family"] == "inet6" {
        // Older kernels don't say whose it is.
        let own = match address["protocol"].as_str() {
            Some(protocol) => protocol == "kernel_ll",
            None => local.parse().ok() == eui64(mac),
        };
        if own {
            return None;
        }
    }
    let mut line = format!("addr replace {local}");
    match address["address"].as_str() {
        Some(peer) => line += &format!(" peer {peer}/{prefix}"),
        None => line += &format!("/{prefix}"),
    }
    let mut add = |word: &str, value: &Value| {
        if let Some(text) = value.as_str() {
            line += &format!(" {word} {text}");
        } else if let Some(number) = value.as_u64().filter(|number| *number < u64::from(u32::MAX)) {
            line += &format!(" {word} {number}");
        }
    };
    add("broadcast", &address["broadcast"]);
    add("scope", &address["scope"]);
    if address["family"] == "inet" {
        add("label", &address["label"]);
    }
    add("metric", &address["metric"]);
    add("valid_lft", &address["valid_life_time"]);
    add("preferred_lft", &address["preferred_life_time"]);
    for flag in ["noprefixroute", "nodad"] {
        if address[flag] == true {
            line += &format!(" {flag}");
        }
    }
    Some(format!("{line} dev {device}"))
}

/// The address that the kernel gives a link by itself, from its hardware address.
fn eui64(mac: &str) -> Option<Ipv6Addr> {
    let bytes: Option<Vec<u8>> =
        mac.split(':').map(|byte| u8::from_str_radix(byte, 16).ok()).collect();
    let [a, b, c, d, e, f] = bytes?[..] else { return None };
    let mut all = [0; 16];
    all[..2].copy_from_slice(&[0xfe, 0x80]);
    all[8..].copy_from_slice(&[a ^ 2, b, c, 0xff, 0xfe, d, e, f]);
    Some(all.into())
}

/// The network that the address is in, as `ip route` writes it.
fn network(address: &Value) -> Option<String> {
    let (local, length) = (address["local"].as_str()?, address["prefixlen"].as_u64()?);
    let peer = address["address"].as_str().unwrap_or(local);
    Some(match peer.parse().ok()? {
        IpAddr::V4(ip) if length < 32 => {
            let mask = u32::MAX.checked_shl(32 - length as u32).unwrap_or(0);
            format!("{}/{length}", Ipv4Addr::from(u32::from(ip) & mask))
        }
        IpAddr::V6(ip) if length < 128 => {
            let mask = u128::MAX.checked_shl(128 - length as u32).unwrap_or(0);
            format!("{}/{length}", Ipv6Addr::from(u128::from(ip) & mask))
        }
        ip => ip.to_string(),
    })
}

/// What other labs have been lent, with their names.
fn others(saved: &Path) -> Vec<(String, Lent)> {
    let labs = saved.parent().and_then(Path::parent).and_then(|root| fs::read_dir(root).ok());
    // What lies in a lab's own folder may be the lab's.
    let outside = |folder: &fs::DirEntry| folder.file_name().to_string_lossy().starts_with(OUTSIDE);
    let folders = labs.into_iter().flatten().flatten().filter(outside);
    let files = folders.flat_map(|lab| fs::read_dir(lab.path()).into_iter().flatten().flatten());
    let files = files.filter(|file| file.file_name().to_string_lossy().ends_with(".saved"));
    let read = |file: fs::DirEntry| {
        let lab = file.path().parent()?.file_name()?.to_str()?.strip_prefix(OUTSIDE)?.to_string();
        Some((lab, serde_json::from_slice(&fs::read(file.path()).ok()?).ok()?))
    };
    files.filter_map(read).collect()
}

/// Takes it back from the namespace `place`, or from where the kernel has put it, and makes it what it was.
fn back(saved: &Path, lent: &Lent, place: &str) -> Result<()> {
    let Lent { device, link, mac, .. } = lent;
    if lent.home != home()? {
        bail!("the interface {device} belongs to another network namespace: clean up from there");
    }
    let here = format!("/proc/{}/ns/net", std::process::id());
    // By a name that nothing has: something else may have got its own in the meantime.
    let spare = format!("lr{}", std::process::id());
    let inside = ip(Some(place), &format!("link set dev {link} name {spare} netns {here}"));
    let all = json("link show")?;
    let by = |key: &str, value: &str| {
        let mut all = all.as_array().into_iter().flatten();
        all.find(|one| !value.is_empty() && one[key] == value).cloned()
    };
    let own = match &inside {
        Ok(_) => by("ifname", &spare),
        Err(_) => by("address", mac),
    };
    let Some(own) = own else {
        fs::remove_file(saved)?;
        let why = inside.err().map(|error| format!(" ({error:#})")).unwrap_or_default();
        bail!("the interface {device} has gone with the lab{why}");
    };
    let name = own["ifname"].as_str().unwrap_or_default();
    if name != device {
        ip(None, &format!("link set dev {name} down"))?;
        ip(None, &format!("link set dev {name} name {device}"))
            .with_context(|| format!("the interface {device} is back, but called {name}"))?;
    }
    let mut failed = Vec::new();
    if !mac.is_empty() && own["address"] != mac.as_str() {
        failed.extend(ip(None, &format!("link set dev {device} address {mac}")).err());
    }
    // A route may be wanted for one that comes before it.
    let again = lent.lines.iter().filter(|line| ip(None, line).is_err()).collect::<Vec<_>>();
    failed.extend(again.into_iter().filter_map(|line| ip(None, line).err()));
    let failed: Vec<String> = failed.iter().map(|error| format!("{error:#}")).collect();
    fs::remove_file(saved)?;
    if !failed.is_empty() {
        bail!("the interface {device} is back, but not all of it: {}", failed.join("; "));
    }
    Ok(())
}

/// The network namespace that this program is in.
fn home() -> Result<String> {
    Ok(fs::read_link("/proc/self/ns/net")?.to_string_lossy().into_owned())
}

/// What ip(8) prints in the namespace `place`, or in this one.
fn ip(place: Option<&str>, words: &str) -> Result<String> {
    let mut command = match place {
        Some(place) => {
            let mut command = Command::new("nsenter");
            command.args([&format!("--net={place}"), "ip"]);
            command
        }
        None => Command::new("ip"),
    };
    let output = command.args(words.split_whitespace()).output().context("cannot run ip")?;
    if !output.status.success() {
        let why = String::from_utf8_lossy(&output.stderr);
        bail!("`ip {words}`: {}", why.trim());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

fn json(words: &str) -> Result<Value> {
    Ok(serde_json::from_str(&ip(None, &format!("-d -j {words}"))?)?)
}
