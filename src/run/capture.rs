//! A test's packets: from before its first to behind its last step.

use crate::analysis::ladder::Ladder;
use crate::event;
use crate::event::Event;
use crate::packet::pcapng;
use crate::record::result::TestResult;
use crate::run::session::Session;
use crate::topology::model::{GLOBAL, Test};

impl Session<'_> {
    /// Begins `test`: from here on, all that it causes is captured.
    pub(crate) fn begin(&mut self, test: &Test) {
        // Inside, nodes are known by their namespaces only.
        let nodes = self.lab.nodes.iter().filter(|node| node.name != GLOBAL && test.capture.contains(&node.name));
        let handles: Vec<&str> = std::iter::once(GLOBAL).chain(nodes.map(|node| node.handle.0.as_str())).collect();
        self.process.requests.send(&format!("begin {}", handles.join(" ")));
        while self.no_capture.is_none() {
            match self.next() {
                Some(Event::Begun) | None => break,
                Some(_) => {}
            }
        }
    }

    /// Ends the capture of the test, into `result`.
    pub(crate) fn captured(&mut self, result: &mut TestResult) {
        let mut file = Vec::new();
        self.process.requests.send("captured");
        while self.no_capture.is_none() {
            match self.next() {
                Some(Event::Output { stream, data, .. }) if stream == "capture" => file.extend(event::bytes(&data)),
                Some(Event::Captured { .. }) => match pcapng::read(&file) {
                    Ok(mut capture) => {
                        for packet in &mut capture.packets {
                            if let Some(node) = self.lab.nodes.iter().find(|node| node.handle.0 == packet.place.node) {
                                packet.place.node.clone_from(&node.name);
                            }
                        }
                        result.evidence.ladder = Some(Ladder::of(self.lab, &capture));
                        result.evidence.capture = Some(capture);
                        return;
                    }
                    Err(error) => self.no_capture = Some(format!("{error:#}")),
                },
                Some(_) => {}
                None => break,
            }
        }
        result.evidence.no_capture = self.no_capture.clone();
    }
}
