//! What most protocols need to say of a message: its kind, a few fields, and its bytes.

use crate::packet::headers::Ip;
use crate::packet::protocol::{Identity, Layer, Protocol, Purpose, Value};

/// A message that has been read as a whole.
#[derive(Debug)]
pub(crate) struct Plain<'a> {
    pub protocol: &'static Protocol,
    /// Its kind, if it is one of [`Protocol::kinds`].
    pub kind: Option<&'static str>,
    /// Those of [`Protocol::fields`] that it has and what else is worth showing, in the order to show it.
    pub fields: Vec<(&'static str, Value)>,
    /// The IP header in front of it, which tells it from another that says the same.
    pub ip: Option<Ip>,
    pub data: &'a [u8],
    pub purpose: Purpose,
}

impl Layer for Plain<'_> {
    fn protocol(&self) -> &'static Protocol {
        self.protocol
    }

    fn is(&self, kind: &str) -> bool {
        self.kind == Some(kind)
    }

    fn field(&self, name: &str) -> Option<Value> {
        self.fields.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    fn words(&self) -> (String, String) {
        let label = self.kind.map_or("?".into(), str::to_uppercase);
        let fields: Vec<String> =
            self.fields.iter().map(|(name, value)| format!("{name} {value}")).collect();
        (label, fields.join(" "))
    }

    fn identity(&self, identity: &mut Identity) {
        if let Some(ip) = &self.ip {
            ip.identity(identity);
        }
        identity.add(self.data);
    }

    fn purpose(&self) -> Purpose {
        self.purpose
    }
}
