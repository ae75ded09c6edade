//! One JSON object a line, as docs/json.md describes them.

use super::Message;

pub fn tell(message: &Message) {
    println!("{}", serde_json::to_string(message).expect("messages are plain data"));
}
