//! One JSON object a line, as docs/json.md describes them.

use crate::report::Message;

pub fn tell(message: &Message) {
    crate::report::print_line(&serde_json::to_string(message).expect("messages are plain data"));
}
