//! The exchange of a test as a ladder: a column a node, a row a message.

use serde::{Deserialize, Serialize};

/// A ladder.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ladder {
    /// The nodes, left to right.
    pub nodes: Vec<String>,
    /// The messages, first to last.
    pub rows: Vec<Row>,
    /// How many messages were left out to keep it readable.
    pub left_out: usize,
}

/// A message on its way from one node to its neighbours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Microseconds since the first message.
    pub at: u64,
    /// Index of the node that sent it.
    pub from: usize,
    /// Indices of the nodes that it reached, more than one for a broadcast.
    pub to: Vec<usize>,
    /// What it is: `DISCOVER`.
    pub label: String,
    /// What else matters of it: `xid 1f2e3d4c, giaddr 192.168.100.1`.
    pub detail: String,
}
