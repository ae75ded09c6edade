//! What the end of a cable does to the packets that it sends: how it is written, and in the words of tc(8).

use crate::yaml::decode::{Fields, MAX_WAIT, Reader};
use crate::yaml::diagnostic::Spanned;
use crate::yaml::outline::Known;
use crate::yaml::tree::Value;
use serde::{Deserialize, Serialize};
use std::fmt::Write;
use std::time::Duration;

pub const FIELDS: [Known; 7] = [
    ("loss", "how many per cent of the packets are lost", "10%"),
    ("delay", "how long each packet is held back", "50ms"),
    ("jitter", "by how much more or less that is, at random; packets overtake others then", "10ms"),
    ("duplicate", "how many per cent are sent twice", "1%"),
    (
        "reorder",
        "how many per cent are sent at once, without the `delay`, and overtake others",
        "25%",
    ),
    ("corrupt", "of how many per cent a bit is flipped", "0.1%"),
    ("rate", "how much is sent in a second, at most", "1mbit"),
];

/// Units of rates, each with how many bits it is.
const UNITS: [(&str, u64); 4] =
    [("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000), ("bit", 1)];
/// Below that a single packet takes longer than the kernel can count.
const SLOWEST: u64 = 8_000;
/// The rate that stands for any.
const FASTEST: u64 = 1_000_000_000_000;
/// Thousandths of a per cent.
const ALL: u32 = 100_000;
/// How much waits to be sent at a `rate`; what comes on top is dropped.
const WAITS: Duration = Duration::from_secs(1);
/// How many packets wait, where nothing says how fast they leave.
const MANY: u64 = 100_000;
/// The largest packet of a link that says nothing of it.
const MTU: i64 = 1500;
/// More than the headers of a frame.
const HEADERS: u64 = 100;

/// Shares are in thousandths of a per cent; what is 0 is not done.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Impairment {
    pub loss: u32,
    pub delay: Duration,
    pub jitter: Duration,
    pub duplicate: u32,
    pub reorder: u32,
    pub corrupt: u32,
    /// In bits a second.
    pub rate: u64,
}

impl Impairment {
    /// Reads `impair` of a link.
    pub fn of_link(reader: Reader) -> Option<Impairment> {
        let impairment = Impairment::read(&reader.fields(&FIELDS));
        if impairment.is_none() {
            Impairment::is_missing(&reader, 0);
        }
        impairment
    }

    /// Notes that nothing is said of it where that may be said besides `others` fields. What is not known has been
    /// noted already.
    pub fn is_missing(reader: &Reader, others: usize) {
        let fields = match reader.value() {
            Value::Null => 0,
            Value::Map(fields) => fields.len(),
            _ => return,
        };
        if fields <= others {
            reader.wrong("nothing is said of what happens to the packets, such as `loss: 10%`");
        }
    }

    /// Reads it from `fields`, which may have others, too; `None` where nothing is said of it.
    pub fn read(fields: &Fields) -> Option<Impairment> {
        let share = |name| fields.get(name, |r| r.at(r.parsed(share)));
        let time = |name| fields.get(name, |r| r.at(r.duration(MAX_WAIT)));
        let (loss, duplicate) = (share("loss"), share("duplicate"));
        let (reorder, corrupt) = (share("reorder"), share("corrupt"));
        let (delay, jitter) = (time("delay"), time("jitter"));
        let rate = fields.get("rate", |r| r.parsed(rate));
        if let (Some(jitter), None) = (&jitter, &delay) {
            fields.wrong_at(jitter, "`jitter` is that of a `delay`, which is missing");
        }
        if let (Some(reorder), None) = (&reorder, &delay) {
            let message = "only what has no `delay` overtakes others, and without one nothing has";
            fields.wrong_at(reorder, message);
        }
        if let (Some(jitter), Some(delay)) = (&jitter, &delay)
            && jitter.value > delay.value
        {
            let message = format!("it is more than the `delay`, {:?}", delay.value);
            fields.wrong_at(jitter, message);
        }
        let value = |share: Option<Spanned<u32>>| share.map_or(0, |share| share.value);
        let span = |time: Option<Spanned<Duration>>| time.map_or(Duration::ZERO, |time| time.value);
        let said = fields.present(&FIELDS.map(|(name, ..)| name));
        (!said.is_empty()).then(|| Impairment {
            loss: value(loss),
            delay: span(delay),
            jitter: span(jitter),
            duplicate: value(duplicate),
            reorder: value(reorder),
            corrupt: value(corrupt),
            rate: rate.unwrap_or_default(),
        })
    }

    /// The queueing discipline that does it, which is the kernel feature that it needs, too.
    pub fn feature(&self) -> &'static str {
        match *self == (Impairment { rate: self.rate, ..Impairment::default() }) {
            true => "tbf",
            false => "netem",
        }
    }

    /// The queueing discipline of a link with this MTU as tc(8) is told of it.
    pub fn queue(&self, mtu: Option<i64>) -> String {
        let frame = mtu.unwrap_or(MTU) as u64 + HEADERS;
        let rate = self.rate;
        if self.feature() == "tbf" {
            // What is sent at once: a packet, or as much as goes between two ticks of a slow clock.
            let burst = frame.max(rate / 8 / 200);
            return format!("tbf rate {rate}bit burst {burst} latency {}ms", WAITS.as_millis());
        }
        let limit = match rate {
            0 => MANY,
            _ => {
                let waits = (WAITS + self.delay + self.jitter).as_millis() as u64;
                (rate / 8).saturating_mul(waits) / 1000 / frame + 10
            }
        };
        let mut text = format!("netem limit {}", limit.min(MANY));
        if !self.delay.is_zero() {
            let _ = write!(text, " delay {}ms", self.delay.as_millis());
        }
        if !self.jitter.is_zero() {
            let _ = write!(text, " {}ms", self.jitter.as_millis());
        }
        for (name, share) in [
            ("loss", self.loss),
            ("duplicate", self.duplicate),
            ("reorder", self.reorder),
            ("corrupt", self.corrupt),
        ] {
            if share > 0 {
                let _ = write!(text, " {name} {}", percent(share));
            }
        }
        if rate > 0 {
            let _ = write!(text, " rate {rate}bit");
        }
        text
    }

    /// It in words, as they stand in a lab file: `loss 10%`, `delay 50ms`.
    pub fn about(&self) -> Vec<String> {
        let mut about = Vec::new();
        let mut add = |name: &str, what: Option<String>| {
            about.extend(what.map(|what| format!("{name} {what}")));
        };
        let share = |share: u32| (share > 0).then(|| percent(share));
        let time = |time: Duration| (!time.is_zero()).then(|| format!("{time:?}"));
        add("loss", share(self.loss));
        add("delay", time(self.delay));
        add("jitter", time(self.jitter));
        add("duplicate", share(self.duplicate));
        add("reorder", share(self.reorder));
        add("corrupt", share(self.corrupt));
        let mut units = UNITS;
        units.sort_by_key(|(_, bits)| std::cmp::Reverse(*bits));
        let unit = units.iter().find(|(_, bits)| self.rate.is_multiple_of(*bits));
        add(
            "rate",
            unit.filter(|_| self.rate > 0)
                .map(|(unit, bits)| format!("{}{unit}", self.rate / bits)),
        );
        about
    }
}

/// Thousandths of a per cent as a share.
fn percent(share: u32) -> String {
    let text = format!("{}.{:03}", share / 1000, share % 1000);
    format!("{}%", text.trim_end_matches('0').trim_end_matches('.'))
}

/// A share such as `10%` or `0.5%`, in thousandths of a per cent.
fn share(text: &str) -> Result<u32, String> {
    let number = || {
        let (whole, part) =
            text.strip_suffix('%')?.split_once('.').unwrap_or((text.strip_suffix('%')?, "0"));
        let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
        if !digits(whole) || !digits(part) || part.len() > 3 {
            return None;
        }
        let (whole, part): (u32, u32) = (whole.parse().ok()?, format!("{part:0<3}").parse().ok()?);
        whole.checked_mul(1000)?.checked_add(part)
    };
    match number() {
        Some(0) => Err(format!("`{text}` of the packets is none: leave it out")),
        Some(share) if share <= ALL => Ok(share),
        _ => Err(format!("`{text}` is not a share of up to 100 per cent, such as `10%` or `0.5%`")),
    }
}

/// A rate such as `1mbit`, in bits a second.
fn rate(text: &str) -> Result<u64, String> {
    let (unit, bits) =
        UNITS.iter().find(|(unit, _)| text.ends_with(unit)).copied().unwrap_or(("", 0));
    match text.strip_suffix(unit).and_then(|number| number.parse::<u64>().ok()?.checked_mul(bits)) {
        Some(rate) if (SLOWEST..=FASTEST).contains(&rate) => Ok(rate),
        Some(_) if bits > 0 => Err(format!("`{text}` is out of range: 8kbit to 1000gbit")),
        _ => Err(format!("`{text}` is not a rate such as `500kbit`, `1mbit` or `10gbit`")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_rates_are_read_as_they_are_written() {
        for (text, wanted) in
            [("10%", 10_000), ("0.5%", 500), ("100%", 100_000), ("12.345%", 12_345)]
        {
            assert_eq!(share(text), Ok(wanted));
            assert_eq!(percent(wanted), text);
        }
        for wrong in [
            "",
            "%",
            "10",
            "-1%",
            "1.%",
            ".5%",
            "100.001%",
            "1.2345%",
            "101%",
            "ten%",
            "4294967296%",
            "10 %",
            "+1%",
        ] {
            assert!(share(wrong).unwrap_err().contains("is not a share"), "{wrong}");
        }
        assert!(share("0.000%").unwrap_err().contains("is none: leave it out"));
        for (text, wanted) in
            [("8kbit", 8_000), ("9000bit", 9_000), ("1mbit", 1_000_000), ("10gbit", 10_000_000_000)]
        {
            assert_eq!(rate(text), Ok(wanted));
        }
        for (wrong, why) in [
            ("1000000", "is not a rate"),
            ("mbit", "is not a rate"),
            ("1 mbit", "is not a rate"),
            ("1mbps", "is not a rate"),
            ("0bit", "is out of range"),
            ("7999bit", "is out of range"),
            ("1001gbit", "is out of range"),
            ("18446744073709551615gbit", "is not a rate"),
        ] {
            assert!(rate(wrong).unwrap_err().contains(why), "{wrong}");
        }
    }

    #[test]
    fn only_a_rate_needs_no_netem() {
        let mut impairment = Impairment { rate: 1_000_000, ..Impairment::default() };
        assert_eq!(impairment.feature(), "tbf");
        assert_eq!(impairment.queue(None), "tbf rate 1000000bit burst 1600 latency 1000ms");
        assert_eq!(impairment.queue(Some(9000)), "tbf rate 1000000bit burst 9100 latency 1000ms");
        assert_eq!(impairment.about(), ["rate 1mbit"]);
        impairment.loss = 500;
        assert_eq!(impairment.feature(), "netem");
        assert_eq!(impairment.queue(None), "netem limit 88 loss 0.5% rate 1000000bit");
        let time = Duration::from_millis(50);
        let all = Impairment {
            loss: 10_000,
            delay: time,
            jitter: time / 5,
            duplicate: 1_000,
            reorder: 25_000,
            corrupt: 100,
            rate: 0,
        };
        assert_eq!(
            all.queue(None),
            "netem limit 100000 delay 50ms 10ms loss 10% duplicate 1% reorder 25% corrupt 0.1%"
        );
        assert_eq!(
            all.about().join(", "),
            "loss 10%, delay 50ms, jitter 10ms, duplicate 1%, reorder 25%, corrupt 0.1%"
        );
    }
}
