//! Validating by JSON Schema.

use boon::{Compiler, SchemaIndex, Schemas};
use serde_json::Value;
use std::sync::LazyLock;

/// A compiled schema.
pub struct Validator(Schemas, SchemaIndex);

impl Validator {
    /// Fails if `schema` is none.
    pub fn new(schema: Value) -> Validator {
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("http://labrun/schema.json", schema).unwrap();
        let index = compiler.compile("http://labrun/schema.json", &mut schemas).unwrap();
        Validator(schemas, index)
    }

    pub fn accepts(&self, value: &Value) -> Result<(), String> {
        self.0.validate(value, self.1).map_err(|error| format!("{error:#}"))
    }
}

/// `text`, the lines that labrun prints with `--format json`, each of which must be as its schema says.
pub fn events(text: &str) -> Vec<Value> {
    static EVENT: LazyLock<Validator> =
        LazyLock::new(|| Validator::new(labrun::record::event::schema()));
    let events = crate::common::labs::json_lines(text);
    for event in &events {
        EVENT.accepts(event).unwrap_or_else(|error| panic!("{error}\n{event}"));
    }
    events
}
