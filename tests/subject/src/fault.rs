//! What can be wrong with this program, if one asks for it.

/// A fault that `--fault` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Each request is sent on twice.
    SendsOnTwice,
    /// The relay agents that a request has passed stay as many as they were.
    LeavesHops,
    /// The address of the relay agent (giaddr) becomes the balancer's own.
    RewritesGiaddr,
    /// The balancer's relay-forward names a link that it is not on.
    OtherLinkAddress,
    /// Relay-replies go no further.
    DropsRelayReplies,
    /// REQUESTs go no further, and are not answered.
    DropsRequests,
    /// Each answer is sent twice.
    AnswersTwice,
    /// The addresses that are leased are not in the range.
    OutsideThePool,
    /// Leases name no router.
    LeavesOutRouter,
    /// Answers leave by the loopback interface.
    WrongLink,
    /// The server identifier is that of another server.
    WrongServerId,
    /// Leases are for no time at all.
    LeaseTimeZero,
    /// The first packet is lost.
    LosesFirst,
    /// The 20th packet is lost, and so is every 20th after it.
    LosesEvery20th,
    /// The first packet ends it.
    Crashes,
    /// It runs, but listens to nothing.
    NeverListens,
    /// It ends at once.
    ExitsAtOnce,
    /// It listens after four seconds.
    StartsLate,
}

use Fault::*;

const NAMES: [(&str, Fault); 18] = [
    ("sends-on-twice", SendsOnTwice),
    ("leaves-hops", LeavesHops),
    ("rewrites-giaddr", RewritesGiaddr),
    ("other-link-address", OtherLinkAddress),
    ("drops-relay-replies", DropsRelayReplies),
    ("drops-requests", DropsRequests),
    ("answers-twice", AnswersTwice),
    ("outside-the-pool", OutsideThePool),
    ("leaves-out-router", LeavesOutRouter),
    ("wrong-link", WrongLink),
    ("wrong-server-id", WrongServerId),
    ("lease-time-zero", LeaseTimeZero),
    ("loses-first", LosesFirst),
    ("loses-every-20th", LosesEvery20th),
    ("crashes", Crashes),
    ("never-listens", NeverListens),
    ("exits-at-once", ExitsAtOnce),
    ("starts-late", StartsLate),
];

impl Fault {
    /// The fault called `name`.
    pub fn named(name: &str) -> Result<Fault, String> {
        let known = NAMES.iter().find(|(known, _)| *known == name).map(|(_, fault)| *fault);
        known.ok_or_else(|| {
            let names: Vec<&str> = NAMES.iter().map(|(name, _)| *name).collect();
            format!("there is no fault {name}, only {}", names.join(", "))
        })
    }
}
