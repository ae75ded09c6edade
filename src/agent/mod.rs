//! What runs inside a lab that is up.

#[cfg(target_os = "linux")]
pub mod capturer;
#[cfg(target_os = "linux")]
pub mod ring;
#[cfg(target_os = "linux")]
pub mod ring_frame;
