//! Ctrl-C, SIGTERM and SIGHUP: end every running script in good order, then leave with 130.

use crate::host::Requests;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);
static RUNNING: Mutex<Vec<Requests>> = Mutex::new(Vec::new());

/// Installs the handler.
///
/// # Errors
/// If the system refuses.
pub fn install() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        if INTERRUPTS.fetch_add(1, Ordering::SeqCst) > 0 {
            // Whoever asks twice does not want to wait; `labrun clean` does the rest.
            eprintln!("labrun: interrupted twice, not waiting for the clean-up: run `labrun clean`");
            std::process::exit(130);
        }
        close_all();
    })
}

/// Stops as an interrupt would: whoever reads our output has gone.
pub fn stop() {
    if INTERRUPTS.fetch_add(1, Ordering::SeqCst) == 0 {
        close_all();
    }
}

fn close_all() {
    for requests in RUNNING.lock().expect("not poisoned").drain(..) {
        requests.close();
    }
}

/// Whether it has been asked to stop.
pub fn interrupted() -> bool {
    INTERRUPTS.load(Ordering::SeqCst) > 0
}

/// Ends the input of `requests` on an interrupt, at once if there was one.
pub fn on_interrupt(requests: &Requests) {
    RUNNING.lock().expect("not poisoned").push(requests.clone());
    if interrupted() {
        requests.close();
    }
}

/// Sleeps, but not through an interrupt.
pub fn sleep(time: Duration) {
    let end = Instant::now() + time;
    while !interrupted() {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() {
            break;
        }
        std::thread::sleep(left.min(Duration::from_millis(20)));
    }
}
