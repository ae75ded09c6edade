//! One JSON object a line, as docs/json.md describes them.

use crate::record::event::RunEvent;

pub fn tell(message: &RunEvent) {
    crate::report::print_json(&serde_json::to_string(message).expect("messages are plain data"));
}
