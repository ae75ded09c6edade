//! One JSON object a line, as docs/json.md describes them.

use super::Message;

pub fn tell(message: &Message) {
    super::print_line(&serde_json::to_string(message).expect("messages are plain data"));
}
