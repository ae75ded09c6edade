//! A link that is an interface of the machine: lent to the lab, and given back.

use crate::topology::check::Check;
use crate::topology::fields::{DEVICE, INTERFACE, LINK, SWITCH};
use crate::topology::file_device::DeviceFile;
use crate::topology::model::LOOPBACK;
use crate::yaml::decode::Fields;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::values;

/// What such a link is called among the kinds of those that no cable leads to.
pub const KIND: &str = "device";

/// Reads which interface a link is.
pub fn lent(fields: &Fields) -> Option<Spanned<String>> {
    let name = fields.get("device", |r| r.at(r.text())).filter(|name| !name.is_empty())?;
    let all = [&LINK[..], &INTERFACE, &DEVICE, &SWITCH].concat();
    let known = |name: &str| ["device", "addresses", "vlans", "duplicate"].contains(&name);
    let alien: Vec<&str> = all.iter().map(|(name, ..)| *name).filter(|name| !known(name)).collect();
    for name in fields.present(&alien) {
        let message = format!("a `device` has no `{name}`: it is the machine's, as it is");
        fields.get(name, |r| r.wrong(message));
    }
    Some(name)
}

/// What such a link is.
pub fn device(name: &Spanned<String>) -> DeviceFile {
    DeviceFile { kind: name.with(KIND.into()), ..DeviceFile::default() }
}

impl Check<'_> {
    /// The interfaces of the machine that the lab is to have.
    pub(super) fn lent(&self) -> Vec<Spanned<String>> {
        let links = self.file.nodes.iter().flat_map(|node| &node.links);
        let all: Vec<Spanned<String>> = links.filter_map(|link| link.lent.clone()).collect();
        for (index, name) in all.iter().enumerate() {
            if name.value == LOOPBACK {
                let message = "each namespace has its own `lo`, which cannot be moved";
                self.diagnostics.wrong(name, message);
            } else if let Err(message) = values::link_name(name) {
                self.diagnostics.wrong(name, message);
            } else if let Some(first) = all[..index].iter().find(|first| first.value == name.value)
            {
                let message =
                    format!("`{}` is lent already, in line {}", name.value, first.position.line);
                self.diagnostics.wrong(name, message);
            }
        }
        all
    }
}
