//! The configuration: dhcplb's keys.

use crate::json::Json;
use std::net::IpAddr;
use std::path::PathBuf;

/// That of one IP version.
#[derive(Debug)]
pub struct Config {
    pub listen: IpAddr,
    pub port: u16,
    pub buffer: usize,
    /// Requests go to each server in turn, else to the one that the transaction picks.
    pub round_robin: bool,
    /// The file that names the servers, one address a line.
    pub hosts: Option<PathBuf>,
    pub range: Option<Range>,
}

/// `handler`: what the server leases.
#[derive(Debug)]
pub struct Range {
    pub first: IpAddr,
    /// The first address that it does not lease any more.
    pub end: IpAddr,
    /// In seconds.
    pub time: u32,
    /// Which client has which address, in JSON.
    pub file: Option<PathBuf>,
    pub mask: Option<IpAddr>,
    pub router: Option<IpAddr>,
    pub dns: Vec<IpAddr>,
    pub domains: Vec<String>,
}

impl Config {
    /// Reads that of the IP version `version` from `text`.
    pub fn read(text: &str, version: u8) -> Result<Config, String> {
        let json = Json::read(text)?;
        let section = format!("v{version}");
        let json = json.get(&section).ok_or(format!("there is no `{section}`"))?;
        let number = |name: &str| {
            let value = json.get(name).and_then(Json::number).filter(|number| *number >= 0.0);
            value.ok_or(format!("{section}.{name} must be a number"))
        };
        if number("version")? != f64::from(version) {
            return Err(format!("{section}.version must be {version}"));
        }
        number("update_server_interval")?;
        number("rc_ratio")?;
        for name in ["throttle_cache_size", "throttle_cache_rate", "throttle_rate"] {
            if number(name)? == 0.0 {
                return Err(format!("{section}.{name} must not be 0"));
            }
        }
        let algorithm = json.get("algorithm").and_then(Json::text).unwrap_or_default();
        if !["xid", "rr"].contains(&algorithm) {
            return Err(format!("{section}.algorithm must be xid or rr"));
        }
        let sourcer = json.get("host_sourcer").and_then(Json::text);
        let hosts = sourcer.map(|text| {
            text.strip_prefix("file:").ok_or(format!("{section}.host_sourcer must be file:PATH"))
        });
        Ok(Config {
            listen: address(json, "listen_addr")?.ok_or("listen_addr is missing")?,
            port: number("port")? as u16,
            buffer: (number("packet_buf_size")? as usize).clamp(576, 65_535),
            round_robin: algorithm == "rr",
            hosts: hosts.transpose()?.map(PathBuf::from),
            range: json.get("handler").map(Range::read).transpose()?,
        })
    }
}

impl Range {
    fn read(json: &Json) -> Result<Range, String> {
        if json.get("type").and_then(Json::text) != Some("range") {
            return Err("handler.type must be range".into());
        }
        let need = |name| address(json, name)?.ok_or(format!("handler.{name} is missing"));
        let options = json.get("options").unwrap_or(&Json::Null);
        let list = |name| options.get(name).map(Json::list).unwrap_or_default().iter();
        let time = json.get("lease_time").and_then(Json::text).and_then(seconds);
        Ok(Range {
            first: need("start_ip")?,
            end: need("end_ip")?,
            time: time.ok_or("handler.lease_time must be a time such as 10m")?,
            file: json.get("lease_file").and_then(Json::text).map(PathBuf::from),
            mask: address(options, "subnet-mask")?,
            router: address(options, "router")?,
            dns: list("dns-server").filter_map(|json| json.text()?.parse().ok()).collect(),
            domains: list("domain-search").filter_map(|json| Some(json.text()?.into())).collect(),
        })
    }
}

fn address(json: &Json, name: &str) -> Result<Option<IpAddr>, String> {
    let text = json.get(name).and_then(Json::text);
    text.map(|text| text.parse().map_err(|_| format!("{name}: {text} is no address"))).transpose()
}

/// As Go writes times: `1h30m`.
fn seconds(text: &str) -> Option<u32> {
    let mut seconds = 0;
    for part in text.split_inclusive(|c: char| c.is_ascii_alphabetic()) {
        let (number, unit) = part.split_at_checked(part.len().checked_sub(1)?)?;
        let each = match unit {
            "h" => 3600,
            "m" => 60,
            "s" => 1,
            _ => return None,
        };
        seconds += number.parse::<u32>().ok()?.checked_mul(each)?;
    }
    Some(seconds)
}
