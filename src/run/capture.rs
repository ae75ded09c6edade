//! A test's packets: from before its first to after its last step.

use crate::agent::message::{Event, Request, Stream};
use crate::analysis::ladder::Ladder;
use crate::lab::model::Test;
use crate::packet::capture::Capture;
use crate::packet::pcapng;
use crate::packet::tcpdump;
use crate::record::result::TestResult;
use crate::run::session::Session;
use crate::topology::model::GLOBAL;
use anyhow::Result;

/// How many bytes a capture may have; the agent sends fewer.
const MOST: usize = 64 << 20;

impl Session<'_> {
    /// Begins `test`: from here on, all that it causes is captured.
    pub(crate) fn begin(&mut self, test: &Test) {
        // Inside, nodes are known by their namespaces only.
        let nodes = self
            .lab
            .topology
            .nodes
            .iter()
            .filter(|node| node.name != GLOBAL && test.capture.contains(&node.name));
        let handles: Vec<&str> = std::iter::once(GLOBAL)
            .filter(|_| test.captured)
            .chain(nodes.map(|node| node.netns.0.as_str()))
            .collect();
        let nodes = handles.into_iter().map(String::from).collect();
        let programs = test.keep.iter().flat_map(|_| test.filters());
        // Expressions have been compiled before; where that fails now, all is kept.
        let keep = programs.map(|text| tcpdump::compile(text)).collect::<Result<_>>();
        self.process.ask(&Request::Begin { nodes, keep: keep.unwrap_or_default() });
        while !matches!(
            self.agent(),
            Some(Event::Begun | Event::NoCapture { .. } | Event::Lost) | None
        ) {}
    }

    /// Inside, nodes are known by their namespaces.
    fn name_nodes(&self, capture: &mut Capture) {
        for packet in &mut capture.packets {
            let nodes = &self.lab.topology.nodes;
            if let Some(node) = nodes.iter().find(|node| node.netns.0 == packet.interface.node) {
                packet.interface.node.clone_from(&node.name);
            }
        }
    }

    /// Adds to `capture` what has been seen since there were `from` packets; how many there are now and
    /// at what time by its clock. `None`: nothing is captured, or the lab is gone.
    pub(crate) fn seen(&mut self, from: usize, capture: &mut Capture) -> Option<(usize, u64)> {
        let mut file = Vec::new();
        self.process.ask(&Request::Seen { from });
        loop {
            match self.agent()? {
                Event::Output { stream: Stream::Capture, data, .. } => file.extend(data),
                Event::Seen { packets, now } => {
                    let mut news = pcapng::read(&file).ok()?;
                    self.name_nodes(&mut news);
                    capture.packets.append(&mut news.packets);
                    return Some((packets, now));
                }
                Event::NoCapture { .. } | Event::Lost => return None,
                _ => {}
            }
        }
    }

    /// Ends the capture of `test`, into `result`.
    pub(crate) fn captured(&mut self, test: &Test, result: &mut TestResult) {
        if !test.captured {
            return;
        }
        let mut file = Vec::new();
        self.process.ask(&Request::Captured);
        loop {
            match self.agent() {
                Some(Event::Output { stream: Stream::Capture, data, .. }) => {
                    file.extend(&data[..data.len().min(MOST.saturating_sub(file.len()))]);
                }
                Some(Event::Captured { .. }) => match pcapng::read(&file) {
                    Ok(mut capture) => {
                        self.name_nodes(&mut capture);
                        result.evidence.ladder = Some(Ladder::of(&self.lab.topology, &capture));
                        result.evidence.capture = Some(capture);
                        return;
                    }
                    Err(error) => {
                        self.no_capture = Some(format!("{error:#}"));
                        break;
                    }
                },
                Some(Event::NoCapture { .. } | Event::Lost) | None => break,
                Some(_) => {}
            }
        }
        result.evidence.no_capture = self.no_capture.clone();
    }
}
