//! What a frame is, in a few words for people.

use crate::packet::PROTOCOLS;
use crate::packet::frame::Frame;
use crate::packet::protocol::Protocol;

/// A frame in a few words.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// The highest protocol that is known.
    pub protocol: &'static Protocol,
    /// The kind of message: `DISCOVER`.
    pub label: String,
    /// What tells it from others of its kind: `xid 1f2e3d4c`.
    pub detail: String,
    /// Who sent it: `0.0.0.0:68`.
    pub source: String,
    /// Whom it is for: `255.255.255.255:67`.
    pub destination: String,
}

impl Summary {
    /// That of the frame that begins with the Ethernet header `data`.
    pub fn of(data: &[u8]) -> Summary {
        Frame::of(data).summary()
    }

    /// Label and detail where sender and receiver can be seen, as in a ladder.
    pub fn arrow(&self) -> (String, String) {
        let Summary { protocol, label, detail, source, destination } = self;
        let label =
            if protocol.telling { label.clone() } else { format!("{} {label}", protocol.title) };
        (
            label,
            if protocol.ends {
                format!("{source} → {destination} {detail}")
            } else {
                detail.clone()
            },
        )
    }
}

/// The label of a carrier, such as `RELAY-FORWARD SOLICIT`, as `RELAY(SOLICIT)`: which way it goes
/// can be seen in a ladder.
pub fn short(label: &str) -> String {
    let carriers = PROTOCOLS.iter().flat_map(|protocol| protocol.carriers);
    let inner = carriers.map(|carrier| carrier.to_uppercase()).find_map(|carrier| {
        let inner = label.strip_prefix(&carrier)?.strip_prefix(' ')?;
        Some(format!("{}({inner})", carrier.split('-').next().unwrap_or(&carrier)))
    });
    inner.unwrap_or_else(|| label.into())
}
