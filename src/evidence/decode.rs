//! What a frame is, in a few words. A stand-in that knows only Ethernet.

/// A frame in a few words.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// `DHCPv4`.
    pub protocol: String,
    /// `DISCOVER`.
    pub label: String,
    /// `xid 1f2e3d4c`.
    pub detail: String,
    /// `0.0.0.0:68`.
    pub source: String,
    /// `255.255.255.255:67`.
    pub destination: String,
}

/// What the frame is that begins with `data`.
pub fn summary(data: &[u8]) -> Summary {
    let mac = |at: usize| data.get(at..at + 6).unwrap_or_default().iter().map(|b| format!("{b:02x}")).collect::<Vec<_>>().join(":");
    let protocol = data.get(12..14).map(|b| format!("0x{:02x}{:02x}", b[0], b[1])).unwrap_or_default();
    Summary { protocol, detail: format!("{} bytes", data.len()), source: mac(6), destination: mac(0), ..Summary::default() }
}
