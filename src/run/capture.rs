//! A test's packets: from before its first to behind its last step.

use super::session::Session;
use crate::event::{self, Event};
use crate::evidence::pcapng;
use crate::lab::model::{GLOBAL, Test};
use crate::report::TestResult;

impl Session<'_> {
    /// Begins `test`: from here on, all that it causes is captured.
    pub(super) fn begin(&mut self, test: &Test) {
        let nodes: Vec<&str> = std::iter::once(GLOBAL).chain(test.capture.iter().map(String::as_str)).collect();
        self.process.requests.send(&format!("begin {}", nodes.join(" ")));
        while self.no_capture.is_none() {
            match self.next() {
                Some(Event::Begun) | None => break,
                Some(_) => {}
            }
        }
    }

    /// Ends the capture of the test, into `result`.
    pub(super) fn captured(&mut self, result: &mut TestResult) {
        let mut file = Vec::new();
        self.process.requests.send("captured");
        while self.no_capture.is_none() {
            match self.next() {
                Some(Event::Output { stream, data, .. }) if stream == "capture" => file.extend(event::bytes(&data)),
                Some(Event::Captured { .. }) => match pcapng::read(&file) {
                    Ok(capture) => {
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
