//! Ctrl-C, SIGTERM and SIGHUP: end what runs in good order, then leave with 130.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

static INTERRUPTS: AtomicUsize = AtomicUsize::new(0);
/// What an interrupt calls, once.
static HANDLERS: Mutex<Vec<Box<dyn FnOnce() + Send>>> = Mutex::new(Vec::new());

/// Installs the handler.
///
/// # Errors
/// If the system refuses.
pub fn install() -> Result<(), ctrlc::Error> {
    ctrlc::set_handler(|| {
        if INTERRUPTS.fetch_add(1, Ordering::SeqCst) > 0 {
            // Whoever asks twice does not want to wait; `labrun clean` does the rest.
            eprintln!(
                "labrun: interrupted twice, not waiting for the clean-up: run `labrun clean`"
            );
            std::process::exit(130);
        }
        call_handlers();
    })
}

/// Stops as an interrupt would: whoever reads our output has gone.
pub fn stop() {
    if INTERRUPTS.fetch_add(1, Ordering::SeqCst) == 0 {
        call_handlers();
    }
}

fn call_handlers() {
    for handler in HANDLERS.lock().expect("not poisoned").drain(..) {
        handler();
    }
}

/// Whether it has been asked to stop.
pub fn interrupted() -> bool {
    INTERRUPTS.load(Ordering::SeqCst) > 0
}

/// Has `handler` called on an interrupt, at once if there was one.
pub fn on_interrupt(handler: impl FnOnce() + Send + 'static) {
    HANDLERS.lock().expect("not poisoned").push(Box::new(handler));
    if interrupted() {
        call_handlers();
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
