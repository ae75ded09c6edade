//! Routes and routing rules as they are written.

use crate::topology::fields::{HOP, ROUTE, RULE};
use crate::yaml::decode::Reader;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::tree::Value;
use crate::yaml::values;
use ipnet::IpNet;
use std::net::IpAddr;

/// What happens to packets that go nowhere, as ip-route(8) calls it.
pub const TYPES: [&str; 3] = ["blackhole", "unreachable", "prohibit"];

/// An entry of `routes`.
#[derive(Debug, Default)]
pub struct RouteFile {
    /// Destination; `None` is the default route.
    pub to: Spanned<Option<IpNet>>,
    /// Next hops; one without an address is on the link itself.
    pub hops: Vec<HopFile>,
    /// What happens to packets, if they go nowhere.
    pub kind: Option<Spanned<String>>,
    /// Preferred source address.
    pub src: Option<Spanned<Option<IpAddr>>>,
    pub metric: Option<i64>,
    pub table: Option<Spanned<i64>>,
}

/// A next hop.
#[derive(Debug, Default)]
pub struct HopFile {
    pub via: Option<Spanned<Option<IpAddr>>>,
    /// Outgoing link.
    pub dev: Option<Spanned<String>>,
    /// Its share of the packets.
    pub weight: Option<i64>,
}

/// An entry of `rules`.
#[derive(Debug, Default)]
pub struct RuleFile {
    pub from: Option<Spanned<Option<IpNet>>>,
    pub to: Option<Spanned<Option<IpNet>>>,
    /// The link that packets come in by.
    pub iif: Option<Spanned<String>>,
    /// A mark and its mask.
    pub fwmark: Option<(u32, Option<u32>)>,
    pub table: i64,
    pub priority: Option<i64>,
}

fn table(reader: Reader) -> i64 {
    reader.integer(1..=i64::from(u32::MAX))
}

fn address(reader: Reader) -> Spanned<Option<IpAddr>> {
    reader.at(reader.parsed(|text| values::address(text).map(Some)))
}

pub fn route(reader: Reader) -> RouteFile {
    let fields = reader.fields(&ROUTE);
    let kind = fields.get("type", |r| r.at(r.word(&TYPES)));
    let is_list = |value: &Value| matches!(value, Value::List(_));
    let one = |r: Reader| vec![HopFile { via: Some(address(r)), ..HopFile::default() }];
    let mut hops = fields
        .get("via", |r| {
            let hops = r.either(is_list, |r| r.list(hop), one);
            if hops.is_empty() {
                r.wrong("names no next hop");
            }
            hops
        })
        .unwrap_or_default();
    let several = fields.get("via", |r| is_list(r.value())).unwrap_or_default();
    let dev = fields.get("dev", |r| {
        if several {
            r.wrong("of several next hops each has a `dev` of its own");
        }
        r.at(r.text())
    });
    match hops.as_mut_slice() {
        [] => hops.extend(dev.map(|dev| HopFile { dev: Some(dev), ..HopFile::default() })),
        [hop] if !several => hop.dev = dev,
        _ => {}
    }
    let src = fields.get("src", address);
    match fields.present(&["via", "dev", "src"]).as_slice() {
        [] | ["src"] if kind.is_none() => {
            reader.wrong("a route needs a next hop (`via`), a link (`dev`) or both, or a `type`");
        }
        [name, ..] if kind.is_some() => {
            fields.get(name, |r| {
                r.wrong(format!("a route with a `type` has no `{name}`: packets go nowhere"))
            });
        }
        _ => {}
    }
    RouteFile {
        to: fields.need("to", |r| r.at(r.parsed(values::destination))).unwrap_or_default(),
        hops,
        kind,
        src,
        metric: fields.get("metric", |r| r.integer(0..=i64::from(u32::MAX))),
        table: fields.get("table", |r| r.at(table(r))),
    }
}

fn hop(reader: Reader) -> HopFile {
    let fields = reader.fields(&HOP);
    HopFile {
        via: fields.need("via", address),
        dev: fields.get("dev", |r| r.at(r.text())),
        weight: fields.get("weight", |r| r.integer(1..=256)),
    }
}

pub fn rule(reader: Reader) -> RuleFile {
    let fields = reader.fields(&RULE);
    let network = |r: Reader| {
        let net = r.parsed(|text| match values::destination(text)? {
            Some(net) => Ok(Some(net)),
            None => Err("`default` is every address: for that leave the field out".into()),
        });
        r.at(net)
    };
    RuleFile {
        from: fields.get("from", network),
        to: fields.get("to", network),
        iif: fields.get("iif", |r| r.at(r.text())),
        fwmark: fields.get("fwmark", mark),
        table: fields.need("table", table).unwrap_or_default(),
        priority: fields.get("priority", |r| r.integer(1..=i64::from(u32::MAX))),
    }
}

/// `16`, `0x10` or `0x10/0xff`.
fn mark(reader: Reader) -> (u32, Option<u32>) {
    let text = reader.text_or_number();
    let number = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let read = match text.split_once('/') {
        Some((mark, mask)) => number(mark).zip(number(mask)).map(|(mark, mask)| (mark, Some(mask))),
        None => number(&text).map(|mark| (mark, None)),
    };
    read.unwrap_or_else(|| {
        reader.wrong(format!("`{text}` is not a mark such as `16`, `0x10` or `0x10/0xff`"));
        (0, None)
    })
}
