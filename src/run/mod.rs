//! Running a lab: the session with the runtime, and the judging of what it saw.

mod capture;
pub mod describe;
pub mod gather;
pub mod options;
pub mod path;
pub mod session;
pub mod subject;
mod test;
