//! VLANs on a link (IEEE 802.1Q): read, checked and named.
//!
//! Each becomes an interface of its own, called LINK.ID as vlan devices are called everywhere.

use crate::topology::check::Check;
use crate::topology::fields::ADDRESSES;
use crate::topology::file::{LinkFile, NodeFile};
use crate::topology::model::Vlan;
use crate::yaml::decode::Reader;
use crate::yaml::diagnostic::Spanned;
use crate::yaml::values;
use ipnet::IpNet;

/// Kernel feature that a lab with a VLAN needs.
pub const FEATURE: &str = "vlan";

/// An entry of `vlans`.
#[derive(Debug, Default)]
pub struct VlanFile {
    /// 1 to 4094; 0 if what was written is none.
    pub id: u16,
    /// Its interface, at the place of the number.
    pub name: Spanned<String>,
    pub addresses: Vec<Spanned<Option<IpNet>>>,
}

/// Reads `vlans` of the link `link`: a mapping from numbers to addresses.
pub fn vlans(link: &str, reader: Reader) -> Vec<VlanFile> {
    reader.entries(|number, r| {
        let id = number.parse().ok().filter(|id| (1..=4094).contains(id)).unwrap_or_default();
        if id == 0 {
            r.wrong(format!("`{}` is not the number of a VLAN: 1 to 4094", number.value));
        }
        let fields = r.fields(&[ADDRESSES]);
        let address = |r: Reader| r.at(r.parsed(|t| values::interface_address(t).map(Some)));
        let addresses = fields.get("addresses", |r| r.one_or_more(address)).unwrap_or_default();
        let name = number.with(format!("{link}.{id}"));
        VlanFile { id, name, addresses }
    })
}

impl LinkFile {
    /// Its own addresses and those of its VLANs.
    pub(crate) fn all_addresses(&self) -> impl Iterator<Item = &Spanned<Option<IpNet>>> {
        self.addresses.iter().chain(self.vlans.iter().flat_map(|vlan| &vlan.addresses))
    }
}

/// The VLANs of a checked link.
pub(crate) fn model(link: &LinkFile) -> Vec<Vlan> {
    let addresses = |vlan: &VlanFile| vlan.addresses.iter().filter_map(|a| a.value).collect();
    link.vlans
        .iter()
        .map(|v| Vlan { id: v.id, name: v.name.value.clone(), addresses: addresses(v) })
        .collect()
}

impl NodeFile {
    /// The names of all interfaces that its links make.
    pub(crate) fn interfaces(&self) -> impl Iterator<Item = &str> + Clone {
        self.links
            .iter()
            .flat_map(|link| [&link.name].into_iter().chain(link.vlans.iter().map(|v| &v.name)))
            .map(|name| name.as_str())
    }
}

impl Check<'_> {
    /// VLANs are interfaces of their node, so their names are as short and as unique.
    pub(crate) fn vlan_names(&self, node: &NodeFile) {
        for vlan in node.links.iter().flat_map(|link| &link.vlans).filter(|vlan| vlan.id > 0) {
            if let Err(message) = values::link_name(&vlan.name) {
                self.diagnostics.wrong(&vlan.name, message);
            } else if node.interfaces().filter(|name| *name == vlan.name.as_str()).count() > 1 {
                self.diagnostics.wrong(
                    &vlan.name,
                    format!(
                        "the interface of this VLAN is called `{}`, as another of this node",
                        vlan.name.value
                    ),
                );
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::compile::plan::{Action, plan};
    use crate::lab::check::lab;

    const LAB: &str = "
lab: trunk
nodes:
  a: {links: {t: {peer: b/t, vlans: {10: {addresses: 10.0.10.1/24}, 20: {addresses: 10.0.10.1/24}}}}}
  b: {links: {t: {peer: a/t, vlans: {10: {addresses: 10.0.10.2/24}}}}, routes: [{to: default, via: 10.0.10.1}, {to: 10.1.0.0/16, dev: t.10}]}
tests: {v: {steps: [{dhcp: {node: a, link: t.20, family: 4}}]}}
";

    #[test]
    fn a_vlan_is_an_interface_that_is_made_before_its_addresses() {
        let lab = lab(LAB, "f").unwrap();
        assert_eq!(lab.topology.kernel, ["vlan"]);
        let actions = plan(&lab.topology).actions;
        let made: Vec<String> = actions
            .iter()
            .filter_map(|a| {
                if let Action::Devices(_, lines) = a { Some(lines[0].join(" ")) } else { None }
            })
            .collect();
        assert_eq!(made, ["link add link t name t.10 type vlan id 10"; 2]);
        let of_a = |a: &Action| matches!(a, Action::Addresses(node, _) if node.0 == "a");
        let Some(Action::Addresses(_, lines)) = actions.iter().find(|a| of_a(a)) else {
            panic!("no addresses")
        };
        let lines: Vec<String> = lines.iter().map(|line| line.join(" ")).collect();
        assert!(
            lines.contains(&"link set dev t.20 up".to_string())
                && lines.contains(&"addr add 10.0.10.1/24 brd + dev t.20".to_string())
        );
    }

    #[test]
    fn mistakes_have_their_place() {
        let wrong = |from: &str, to: &str| {
            let text = LAB.replacen(from, to, 1);
            assert_ne!(text, LAB);
            lab(&text, "f")
                .unwrap_err()
                .iter()
                .map(|p| format!("{}: {}", p.path, p.message))
                .collect::<Vec<_>>()
                .join("\n")
        };
        assert_eq!(
            wrong("{10:", "{0:"),
            "nodes.a.links.t.vlans.0: `0` is not the number of a VLAN: 1 to 4094"
        );
        assert!(wrong("{10:", "{4095:").contains("`4095` is not the number"));
        assert!(wrong("{10:", "{x:").contains("`x` is not the number"));
        assert!(
            wrong("10.0.10.2/24", "10.0.10.1/24")
                .contains("`10.0.10.1` is taken in the same network already")
        );
        assert!(wrong("link: t.20", "link: t.30").contains("there is no link of `a` `t.30`"));
        assert!(wrong("dev: t.10", "dev: t.11").contains("there is no link of `b` `t.11`"));
        assert!(
            wrong("{links: {t: {peer: b/t", "{links: {t.10: {peer: b/x}, t: {peer: b/t")
                .contains("called `t.10`")
        );
    }
}
