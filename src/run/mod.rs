//! Running a lab: the session with the runtime, and the judging of what it saw.

mod capture;
pub(crate) mod describe;
mod gather;
pub(crate) mod options;
pub mod path;
pub(crate) mod session;
pub(crate) mod subject;
mod test;
