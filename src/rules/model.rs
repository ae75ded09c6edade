//! The path rules of a checked test: which packets must go which way.

use crate::packet::protocol::Value;
use crate::rules::kind::Kind;
use crate::rules::value::Wanted;
use crate::topology::places::Location;
use crate::yaml::diagnostic::Spanned;

/// A rule: what holds of all packets that it is about.
#[derive(Clone, Debug)]
pub struct Rule {
    /// Line of the lab file.
    pub line: u64,
    /// What messages call the packets: `dhcp4 offer`.
    pub name: String,
    /// The packets it is about; any if `None`.
    pub packet: Option<Kind>,
    /// A tcpdump expression that holds of them, too.
    pub filter: Option<Spanned<String>>,
    /// The places that it looks at; all if empty.
    pub at: Vec<Location>,
    /// What every message crosses, in this order.
    pub crosses: Vec<Location>,
    /// Where none is seen.
    pub avoids: Vec<Location>,
    /// How often one is seen in any place in any direction.
    pub at_most: Option<u64>,
    /// How often they are seen in each of [`Rule::at`], in the direction that most go; in some place if
    /// that is empty. No fewer than the first, no more than the second.
    pub count: Option<(u64, Option<u64>)>,
    /// How many per cent of all that are seen at these places are seen at each of them.
    pub share: Vec<(Location, (u64, u64))>,
    /// What they hold.
    pub fields: Vec<FieldCheck>,
    /// Whether it is enough that one holds all of that.
    pub some: bool,
}

impl Rule {
    /// Whether it only says which packets there must not be, so that none at all would keep it.
    pub fn only_forbids(&self) -> bool {
        let avoids = !self.avoids.is_empty() && self.crosses.is_empty();
        let asks = self.at_most.is_some() || self.count.is_some() || !self.share.is_empty();
        self.at_most == Some(0) || avoids && self.fields.is_empty() && !asks
    }
}

/// A field of a packet and what it may be.
#[derive(Clone, Debug)]
pub struct FieldCheck {
    /// Its name.
    pub field: &'static str,
    /// One of these.
    pub wanted: Vec<Wanted>,
}

impl FieldCheck {
    /// Whether `found` is one of what is wanted.
    pub fn holds(&self, found: &Value) -> bool {
        self.wanted.iter().any(|wanted| wanted.is(found))
    }

    /// What is wanted, for messages.
    pub fn wanted(&self) -> String {
        self.wanted.iter().map(Wanted::to_string).collect::<Vec<_>>().join(" or ")
    }
}
