//! What labrun and its agent say to each other: one JSON object a line, of bounded length, labrun's
//! on the agent's standard input, the agent's on its standard output.
//!
//! Each of the agent's bears the nonce that labrun chose for the session. Nothing else in a lab
//! knows it, or can get at the pipe: the agent is in no PID namespace that the lab could look into,
//! and nothing that it starts inherits a descriptor.

use crate::event::{Service, of_service};
use crate::packet::bpf::Instruction;
use crate::steps::StepKind;
use crate::topology::layout::Layout;
use base64::Engine;
use serde::{Deserialize, Serialize};

/// No line is longer than this, whoever writes it.
pub const LONGEST: usize = 1 << 20;
/// How many bytes of a file a message carries.
pub const CHUNK: usize = 48 << 10;

/// What labrun asks for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "request", rename_all = "kebab-case")]
pub enum Request {
    /// The first: what the lab is like.
    Hello {
        /// What each answer must bear.
        nonce: String,
        /// The lab.
        layout: Box<Layout>,
        /// Whether the state of a lab that is lost is to be reported.
        gather: bool,
    },
    /// A test begins, and the capture in these namespaces: [`Event::Begun`].
    Begin {
        /// By their names in the sandbox.
        nodes: Vec<String>,
        /// What one of these programs accepts is kept; all, if there are none.
        #[serde(default)]
        keep: Vec<Vec<Instruction>>,
    },
    /// The capture ends: [`Event::Output`] and [`Event::Captured`], or [`Event::NoCapture`].
    Captured,
    /// The packets of the capture from this one on: [`Event::Output`] and [`Event::Seen`].
    Seen {
        /// How many are known already.
        from: usize,
    },
    /// Runs a step: [`Event::Output`] and [`Event::Step`].
    Step {
        /// Which.
        step: Box<StepKind>,
    },
    /// What the services printed since the test began: [`Event::Log`] and [`Event::Told`].
    Tell,
    /// The state of everything: [`Event::Output`] and [`Event::Gathered`].
    Gather,
    /// Puts the lab back as set-up left it: [`Event::Restored`] or [`Event::Broken`].
    Restore {
        /// Report the state first if a service has died.
        gather: bool,
    },
    /// The services' output as it comes, from now on: [`Event::Log`].
    Follow,
    /// Leave the lab up when the session ends.
    Keep,
}

/// What the agent answers.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// It is at work, whatever else it does not say. Comes every second.
    Alive,
    /// The capture of a test has begun.
    Begun,
    /// It has ended, and all of it was told.
    Captured {
        /// How many packets are in it.
        packets: u64,
        /// How many the kernel dropped.
        lost: u64,
        /// How many were left out because it had reached its size.
        left_out: u64,
        /// How many frames of bulk data were dropped or left out.
        bulk_left_out: u64,
    },
    /// No capture is made, now or from now on.
    NoCapture {
        /// Why.
        reason: String,
    },
    /// Part of what a step printed or found, of a capture, or of a file that was gathered.
    Output {
        /// Of what.
        stream: Stream,
        /// The name of the file, in the test's folder of artifacts.
        #[serde(default)]
        name: String,
        /// The bytes.
        #[serde(with = "base64_bytes")]
        data: Vec<u8>,
    },
    /// The packets that were seen so far.
    Seen {
        /// How many.
        packets: usize,
        /// The time by the clock of the capture, in nanoseconds.
        now: u64,
    },
    /// A step ended.
    Step {
        /// Its exit status; 124 if its time was over.
        exit: i32,
        /// Why nothing of what was to remain unanswered can have left the node.
        #[serde(default)]
        unsent: Option<String>,
        /// When it began and ended by the clock of the capture, in nanoseconds.
        span: (u64, u64),
    },
    /// A service is not up though it should be.
    Service(Service),
    /// A line of a service's output.
    Log {
        /// Whose.
        #[serde(deserialize_with = "of_service")]
        service: String,
        /// The line.
        line: String,
    },
    /// All that the services printed during the test has been reported.
    Told,
    /// The state of the lab has been reported, as far as it could be.
    Gathered,
    /// What labrun's own steps did has been taken back.
    Restored {
        /// What is other than before the test all the same, in words.
        #[serde(default)]
        changes: Vec<String>,
        /// The services that were found stopped by a signal.
        #[serde(default)]
        halted: Vec<String>,
        /// The services that failed and were started again since the last time, with the exit statuses.
        #[serde(default)]
        restarted: Vec<(String, Vec<i32>)>,
    },
    /// It could not be put back.
    Broken,
    /// The sandbox is gone though nobody here ended it.
    Lost,
    /// Something else went wrong.
    Error {
        /// What.
        message: String,
    },
}

/// What an output is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stream {
    /// Standard output of a step.
    Stdout,
    /// Standard error of a step.
    Stderr,
    /// What a DHCP client left.
    Lease,
    /// The addresses of its link.
    Addresses,
    /// The packets of a test, as pcapng.
    Capture,
    /// A file of the lab's state.
    File,
}

/// An event and the nonce that proves whose it is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Signed<T> {
    /// The session's.
    pub nonce: String,
    /// The event.
    #[serde(flatten)]
    pub event: T,
}

/// Reads a line of the agent's; `None` if it is not one, or none of this session's.
pub fn parse(line: &str, nonce: &str) -> Option<Event> {
    let signed: Signed<Event> = serde_json::from_str(line).ok()?;
    (!nonce.is_empty() && signed.nonce == nonce).then_some(signed.event)
}

mod base64_bytes {
    use super::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD.encode(bytes))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
        STANDARD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_bears_the_nonce_counts() {
        let line = |nonce: &str| {
            serde_json::to_string(&Signed {
                nonce: nonce.into(),
                event: Event::Step { exit: 0, unsent: None, span: (1, 2) },
            })
            .unwrap()
        };
        assert_eq!(
            parse(&line("a1"), "a1"),
            Some(Event::Step { exit: 0, unsent: None, span: (1, 2) })
        );
        for (forged, nonce) in [
            (line("a2"), "a1"),
            (line(""), ""),
            (r#"{"event":"step","exit":0}"#.into(), "a1"),
            ("{".into(), "a1"),
        ] {
            assert_eq!(parse(&forged, nonce), None, "{forged}");
        }
    }

    #[test]
    fn bytes_travel_whole() {
        let data: Vec<u8> = (0..=255).collect();
        let event = Event::Output { stream: Stream::File, name: "a\nb".into(), data };
        let line =
            serde_json::to_string(&Signed { nonce: "n".into(), event: event.clone() }).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(parse(&line, "n"), Some(event));
    }
}
