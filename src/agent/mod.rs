//! What labrun does inside a sandbox.

pub mod net;
