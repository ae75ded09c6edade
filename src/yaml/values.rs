//! The smallest parts of a lab file: names, addresses, patterns.

use crate::yaml::decode::Reader;
use ipnet::IpNet;
use std::net::IpAddr;

/// Longest interface name the kernel takes, in bytes (`IFNAMSIZ` less its NUL).
pub const MAX_LINK_NAME: usize = 15;

/// A number, or the first and the last of a range.
pub fn range(reader: &Reader, most: u64) -> (u64, u64) {
    let text = reader.text_or_number();
    let (first, last) = text.split_once('-').unwrap_or((&text, &text));
    match (first.trim().parse(), last.trim().parse()) {
        (Ok(first), Ok(last)) if first <= last && last <= most => (first, last),
        _ if text.is_empty() => (0, 0),
        _ => {
            reader.wrong(format!(
                "`{text}`: expected a number up to {most} or a range such as `10-20`"
            ));
            (0, 0)
        }
    }
}

pub fn address(text: &str) -> Result<IpAddr, String> {
    text.parse().map_err(|_| match text.split_once('/') {
        Some((bare, _)) if bare.parse::<IpAddr>().is_ok() => {
            format!("`{text}`: an address without a prefix length is wanted, `{bare}`")
        }
        _ => format!("`{text}` is not an IP address"),
    })
}

/// A network, or `None` for `default`. Bits after the prefix must be zero, as the kernel demands.
pub fn destination(text: &str) -> Result<Option<IpNet>, String> {
    if text == "default" {
        return Ok(None);
    }
    let net = net(text)?;
    if net.addr() != net.network() {
        return Err(format!("`{text}` has bits after its prefix, did you mean `{}`?", net.trunc()));
    }
    Ok(Some(net))
}

/// An address with its prefix length, as it is given to a link.
pub fn interface_address(text: &str) -> Result<IpNet, String> {
    let net = net(text)?;
    let hosts = net.max_prefix_len() - net.prefix_len();
    if net.addr().is_multicast() || net.addr().is_unspecified() {
        return Err(format!("`{text}` cannot be the address of a link"));
    }
    if let IpNet::V4(v4) = net
        && hosts >= 2
    {
        if v4.addr() == v4.network() {
            return Err(format!("`{text}` is the network's own address, a host in it is meant"));
        }
        if v4.addr() == v4.broadcast() {
            return Err(format!(
                "`{text}` is the network's broadcast address, a host in it is meant"
            ));
        }
    }
    Ok(net)
}

fn net(text: &str) -> Result<IpNet, String> {
    let Some((address, length)) = text.split_once('/') else {
        let wanted = match text.parse::<IpAddr>() {
            Ok(IpAddr::V4(_)) => format!("`{text}` has no prefix length, such as `{text}/24`"),
            Ok(IpAddr::V6(_)) => format!("`{text}` has no prefix length, such as `{text}/64`"),
            Err(_) => {
                format!("`{text}` is not an address with a prefix length, such as `192.168.1.1/24`")
            }
        };
        return Err(wanted);
    };
    let address: IpAddr =
        address.parse().map_err(|_| format!("`{address}` is not an IP address"))?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    match length.parse::<u8>() {
        Ok(length) if length <= most => IpNet::new(address, length).map_err(|e| e.to_string()),
        _ => Err(format!("`/{length}` is not a prefix length: 0 to {most}")),
    }
}

/// A unicast hardware address, in lower case.
pub fn mac(text: &str) -> Result<String, String> {
    let parts: Vec<&str> = text.split(':').collect();
    let bytes: Option<Vec<u8>> = parts
        .iter()
        .map(|p| if p.len() == 2 { u8::from_str_radix(p, 16).ok() } else { None })
        .collect();
    match bytes {
        Some(bytes) if bytes.len() == 6 && bytes[0] & 1 == 1 => {
            Err(format!("`{text}` is a multicast address: the first byte must be even"))
        }
        Some(bytes) if bytes.len() == 6 && bytes.iter().any(|&b| b != 0) => Ok(text.to_lowercase()),
        _ => Err(format!("`{text}` is not a hardware address such as `02:00:00:00:00:01`")),
    }
}

/// A pool of addresses, `FIRST-LAST`, both in it.
pub fn pool(text: &str) -> Result<Option<(IpAddr, IpAddr)>, String> {
    let ends = text
        .split_once('-')
        .and_then(|(a, b)| Some((a.trim().parse().ok()?, b.trim().parse().ok()?)));
    let (first, last): (IpAddr, IpAddr) =
        ends.ok_or_else(|| format!("`{text}` is not a pool such as `192.168.1.10-192.168.1.50`"))?;
    if first.is_ipv4() != last.is_ipv4() {
        return Err(format!("`{text}` mixes IPv4 and IPv6"));
    }
    if first > last {
        return Err(format!("`{text}` is empty: its first address is after its last"));
    }
    Ok(Some((first, last)))
}

/// An extended regular expression.
pub fn pattern(reader: &Reader) -> String {
    reader.parsed(|text| match regex_lite::Regex::new(text) {
        _ if text.is_empty() => Err("an empty pattern matches everything".into()),
        Ok(_) => Ok(text.to_string()),
        Err(error) => Err(format!("`{text}` is not a regular expression: {error}")),
    })
}

/// The name of an environment variable.
pub fn variable(text: &str) -> Result<(), String> {
    let good = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if text.is_empty() || text.starts_with(|c: char| c.is_ascii_digit()) || !text.chars().all(good)
    {
        return Err(format!("`{}` cannot name an environment variable", text.escape_debug()));
    }
    Ok(())
}

/// A pattern that is searched for in a service's output, with `grep -E`: what only other dialects
/// know would never be found, so it is refused.
pub fn log_pattern(reader: &Reader) -> String {
    let pattern = pattern(reader);
    let mut characters = pattern.chars().peekable();
    while let Some(c) = characters.next() {
        let next = characters.peek().copied().unwrap_or_default();
        let alien = match c {
            '\\' => characters
                .next()
                .is_some_and(|c| c.is_ascii_alphanumeric() && !"wWsSbB".contains(c)),
            '(' | '*' | '+' | '?' | '}' => next == '?',
            _ => false,
        };
        if alien {
            reader.wrong(format!("`{c}{next}` is unknown to extended regular expressions (grep -E), which logs are searched with"));
        }
        if c == '[' {
            // A `]` right at the beginning stands for itself.
            characters.next_if_eq(&'^');
            characters.next();
            characters.by_ref().find(|c| *c == ']');
        }
    }
    pattern
}

/// A name of a lab, service or test: it becomes part of file names and of the command line.
pub fn plain_name(what: &str, text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > 63 {
        return Err(format!("a {what}'s name has 1 to 63 characters"));
    }
    if !is_word(text, "-_.") {
        return Err(format!(
            "`{}` cannot name a {what}: letters, digits, `-`, `_` and `.`, the first a letter or digit",
            text.escape_debug()
        ));
    }
    Ok(())
}

/// A command's name, as it is looked for on the `PATH`.
pub fn command(text: &str) -> Result<String, String> {
    match is_word(text, "+-._:") {
        true => Ok(text.into()),
        false => Err(format!("`{}` cannot name a command", text.escape_debug())),
    }
}

/// The same, or the path of a program that no `PATH` leads to.
pub fn command_or_path(text: &str) -> Result<String, String> {
    let Some(path) = text.strip_prefix('/') else { return command(text) };
    match path.split('/').all(|part| is_word(part, "+-._:")) {
        true => Ok(text.into()),
        false => Err(format!("`{}` cannot be the path of a command", text.escape_debug())),
    }
}

/// Stands in a package's place where none can be installed for a command.
pub const NO_PACKAGE: &str = "none";

/// Stands in front of a package that is to be unpacked, not installed. No package's name has a slash.
pub const UNPACK: &str = "unpack/";

/// A Debian package as apt-get(8) takes it: a name, and `=` and a version if it must be that one
/// (deb-version(7)). To apt-get a dash in front makes an option, one at the end a removal.
pub fn package(text: &str) -> Result<String, String> {
    let (name, version) = text.split_once('=').unwrap_or((text, "0"));
    let good = is_word(name, "+-.:") && !name.ends_with('-') && is_word(version, "+-.:~");
    match good {
        true => Ok(text.into()),
        false => Err(format!(
            "`{}` cannot name a package: `dnsmasq-base`, or with its version `dnsmasq-base=2.90-4`",
            text.escape_debug()
        )),
    }
}

/// Whether `text` has only letters, digits and the `others`, which are not the first.
fn is_word(text: &str, others: &str) -> bool {
    let letter = |c: char| c.is_ascii_alphanumeric();
    text.starts_with(letter) && text.chars().all(|c| letter(c) || others.contains(c))
}

/// A node's name. Any text will do that a file name allows; ip-netns(8) knows the node by it.
pub fn node_name(text: &str) -> Result<(), String> {
    if text.is_empty()
        || text.len() > 200
        || text == "."
        || text == ".."
        || text.contains(['/', '\0'])
    {
        return Err(format!(
            "`{}` cannot name a node: 1 to 200 bytes without `/`",
            text.escape_debug()
        ));
    }
    Ok(())
}

/// The name of a network interface.
pub fn link_name(text: &str) -> Result<(), String> {
    if text.len() > MAX_LINK_NAME {
        return Err(format!("`{text}` has {} bytes, the kernel takes {MAX_LINK_NAME}", text.len()));
    }
    if text == "lo" {
        return Err("`lo` is there in every node already, and leads nowhere: it only takes `addresses`, and only as a link of its node".into());
    }
    if matches!(text, "all" | "default") {
        return Err(format!(
            "`{text}` cannot name a link: the kernel's settings for all links are called so"
        ));
    }
    // The kernel forbids blanks, `/` and `:`; `%` is a pattern to it; the rest would be special to
    // `ip -batch` or be taken for an option by a program that is given the name.
    let bad = |c: char| c.is_whitespace() || c.is_control() || "/:%#'\"\\".contains(c);
    if text.is_empty() || text == "." || text == ".." || text.starts_with('-') || text.contains(bad)
    {
        return Err(format!(
            "`{}` cannot name a link: no blanks, quotes or any of / : % # \\, no leading `-`",
            text.escape_debug()
        ));
    }
    Ok(())
}
