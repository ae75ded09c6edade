//! What a program in the sandbox must know of the lab.

use crate::topology::model::{NetnsName, Service};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// A lab as it was set up.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Layout {
    /// Its name.
    pub lab: String,
    pub services: Vec<Service>,
    /// The files that set-up writes, by the service, if they are of one, and as its description names
    /// them.
    pub files: Vec<(String, String)>,
    /// Folders that are its own and begin empty, besides those that always are.
    pub private: Vec<String>,
    /// Folders of the machine that it can write to.
    pub writable: Vec<PathBuf>,
    /// For each network namespace the `ip -batch` text that gives it its addresses and routes.
    pub addresses: Vec<(NetnsName, String)>,
    /// The `ip -batch` text that puts all cables back.
    pub ports: String,
    /// The queues of the ends of cables that are impaired: namespace, link, and the words of tc(8).
    pub queues: Vec<(NetnsName, String, String)>,
    /// The network namespaces that some test is captured in, besides the lab's own.
    pub captured: Vec<NetnsName>,
    /// The commands it needs, each with its Debian package.
    pub commands: Vec<(String, String)>,
    /// The name of its program under test, and that of the stand-in.
    pub subject: Option<(String, String)>,
    /// Where steps run: the user's repository.
    pub folder: PathBuf,
}

impl Layout {
    /// The text that gives `node` its addresses.
    pub fn addresses_of(&self, node: &str) -> &str {
        self.addresses.iter().find(|(handle, _)| handle.0 == node).map_or("", |(_, text)| text)
    }
}
