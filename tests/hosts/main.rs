//! Real labs, and everything that there is on their host: each of these tests has one of its own,
//! or, run by an ordinary user, the real one, one test after the other.

#[path = "../common/mod.rs"]
mod common;

mod agent;
mod below;
mod capture;
mod clean;
mod disaster;
mod full;
mod held;
mod hung;
mod interrupt;
mod kill;
mod lack;
mod login;
mod noexec;
mod parallel;
mod reuse;
mod ssh;
mod stacked;
mod state;
mod tun;
mod untouched;
mod user;
