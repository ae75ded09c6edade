//! Where things are in a drawing, so that ways can be drawn over it.

use serde::{Deserialize, Serialize};

/// A drawing's measures, in pixels.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    pub width: usize,
    pub height: usize,
    /// Where the boxes of all nodes begin.
    pub left: usize,
    pub plugs: Vec<Plug>,
}

/// Where an interface is plugged into its network.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plug {
    /// NODE/LINK.
    pub place: String,
    /// How far right the network runs downwards.
    pub lane: usize,
    /// How far down the interface is.
    pub y: usize,
}

/// No lab has a drawing that is wider or higher.
const MOST: usize = 1_000_000;

impl Plan {
    /// Whether it can be that of a drawing; one that was read from a report may hold anything.
    pub fn is_sound(&self) -> bool {
        let plugs = self.plugs.iter().flat_map(|plug| [plug.lane, plug.y]);
        plugs.chain([self.width, self.height, self.left]).all(|number| number <= MOST)
    }

    /// The interface at `place`.
    pub fn plug(&self, place: &str) -> Option<&Plug> {
        self.plugs.iter().find(|plug| plug.place == place)
    }
}
