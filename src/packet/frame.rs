//! A frame as the stack of messages that it holds, one in the other.

use crate::packet::PROTOCOLS;
use crate::packet::ethernet::ETHERNET;
use crate::packet::headers::Headers;
use crate::packet::protocol::{Exchange, Identity, Layer, Protocol, Purpose, Value};
use crate::packet::summary::Summary;
use crate::packet::tunnel;

/// A frame, taken apart.
#[derive(Debug)]
pub struct Frame<'a> {
    /// The highest first. What a tunnel carries is higher than the tunnel.
    layers: Vec<Box<dyn Layer + 'a>>,
}

impl<'a> Frame<'a> {
    /// Takes apart the frame that begins with the Ethernet header `data`. It may be cut short or be
    /// no sensible frame at all.
    pub fn of(data: &'a [u8]) -> Frame<'a> {
        let mut all = vec![Headers::of(data)];
        while all.len() <= tunnel::DEEPEST
            && let Some(inside) = tunnel::inside(&all[all.len() - 1])
        {
            all.push(inside);
        }
        let layers =
            |headers| PROTOCOLS.iter().filter_map(move |protocol| (protocol.read)(headers));
        Frame {
            layers: all.iter().rev().flat_map(layers).chain((ETHERNET.read)(&all[0])).collect(),
        }
    }

    /// What it holds in the end.
    fn top(&self) -> &dyn Layer {
        self.layers.first().expect("any frame is one of Ethernet").as_ref()
    }

    /// What it holds of `protocol`, which may be more than one thing where tunnels are.
    pub fn layers(&self, protocol: &Protocol) -> impl Iterator<Item = &dyn Layer> {
        self.layers.iter().map(AsRef::as_ref).filter(move |layer| layer.protocol() == protocol)
    }

    /// The highest of these.
    pub fn layer(&self, protocol: &Protocol) -> Option<&dyn Layer> {
        self.layers(protocol).next()
    }

    /// What is in the field `name`, in the highest layer that has it.
    pub fn field(&self, name: &str) -> Option<Value> {
        self.layers.iter().find_map(|layer| layer.field(name))
    }

    /// All that can be read of it, from the outside in: of each protocol the fields that are there.
    pub fn fields(
        &self,
    ) -> impl Iterator<Item = (&'static Protocol, impl Iterator<Item = (&'static str, Value)>)>
    {
        self.layers.iter().rev().map(|layer| {
            let fields = layer.protocol().fields.iter();
            (layer.protocol(), fields.filter_map(|f| Some((f.name, layer.field(f.name)?))))
        })
    }

    /// What tells its message from all others, and stays the same on the message's way: routers
    /// count the time to live down, NAT writes other addresses and ports, relay agents of DHCP
    /// write a message of their own around it.
    pub fn identity(&self) -> Identity {
        let mut identity = Identity::default();
        identity.add(self.top().protocol().name.as_bytes());
        self.top().identity(&mut identity);
        identity
    }

    /// Its part in an exchange.
    pub fn exchange(&self) -> Option<Exchange> {
        Exchange::of(self.top())
    }

    /// What it is sent for.
    pub fn purpose(&self) -> Purpose {
        self.top().purpose()
    }

    /// It in a few words.
    pub fn summary(&self) -> Summary {
        let (label, detail) = self.top().words();
        let [source, destination] = ["source", "destination"].map(|end| self.end(end));
        Summary { protocol: self.top().protocol(), label, detail, source, destination }
    }

    /// `10.0.0.1:67`, or as much of it as there is.
    fn end(&self, end: &str) -> String {
        match (self.field(end), self.field(&format!("{end}-port"))) {
            (Some(Value::Address(address)), Some(Value::Number(port))) => {
                std::net::SocketAddr::new(address, port as u16).to_string()
            }
            (Some(address), _) => address.to_string(),
            (None, _) => {
                self.field(&format!("{end}-mac")).map(|mac| mac.to_string()).unwrap_or_default()
            }
        }
    }
}
