//! SIGINT, SIGTERM, SIGHUP and SIGQUIT ask labrun to stop: it ends what runs in good order, writes
//! its reports and leaves with 130. Who asks again does not want to wait: then what still runs is
//! killed, and only what it left is cleaned up.

use signal_hook::consts::{SIGHUP, SIGINT, SIGQUIT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// Signals that follow each other sooner are one: timeout(1) and process supervisors send theirs to
/// labrun and then to its process group, and a busy machine delivers the two apart.
const ONE: Duration = Duration::from_secs(1);
/// How long killing and cleaning up may take. Each part of it has a deadline of its own; this one
/// is for what nobody thought of.
const LAST: Duration = Duration::from_secs(30);

/// How urgently labrun was asked: 0 not at all, 1 to stop, 2 to kill.
static URGENCY: AtomicU8 = AtomicU8::new(0);

type Handler = Box<dyn FnOnce() + Send>;
/// What is called, once, when it is asked so urgently.
static HANDLERS: Mutex<Vec<(u8, Handler)>> = Mutex::new(Vec::new());

type Receiver = Box<dyn Fn(i32) + Send>;
/// Whom signals are for instead, while labrun only waits for it.
static RECEIVER: Mutex<Option<Receiver>> = Mutex::new(None);

/// What is made of signals as they come.
#[derive(Default)]
struct Asked {
    last: Option<Instant>,
    urgency: u8,
}

impl Asked {
    /// How urgent it has become by a signal at `now`, if that changes anything.
    fn signal(&mut self, now: Instant) -> Option<u8> {
        let same = self.last.is_some_and(|last| now.saturating_duration_since(last) < ONE);
        self.last = Some(now);
        if same || self.urgency == 2 {
            return None;
        }
        self.urgency += 1;
        Some(self.urgency)
    }
}

/// Handles signals from now on.
///
/// # Errors
/// If the system refuses.
pub fn install() -> std::io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP, SIGQUIT])?;
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        let mut asked = Asked::default();
        for signal in signals.forever() {
            if let Some(receiver) = &*RECEIVER.lock().expect("not poisoned") {
                receiver(signal);
            } else if let Some(urgency) = asked.signal(Instant::now()) {
                ask(urgency);
            }
        }
    })?;
    Ok(())
}

fn ask(urgency: u8) {
    if urgency == 2 {
        // The terminal may have gone.
        let _ = writeln!(
            std::io::stderr(),
            "labrun: interrupted again: killing what still runs, and cleaning up"
        );
        std::thread::spawn(|| {
            std::thread::sleep(LAST);
            let _ = writeln!(
                std::io::stderr(),
                "labrun: not everything could be cleaned up in {LAST:?}: run `labrun clean`"
            );
            std::process::exit(130);
        });
    }
    URGENCY.fetch_max(urgency, Ordering::SeqCst);
    call_handlers();
}

/// Stops as an interrupt would: whoever reads our output has gone.
pub fn stop() {
    URGENCY.fetch_max(1, Ordering::SeqCst);
    call_handlers();
}

fn call_handlers() {
    let urgency = URGENCY.load(Ordering::SeqCst);
    let due: Vec<(u8, Handler)> = {
        let mut handlers = HANDLERS.lock().expect("not poisoned");
        handlers.extract_if(.., |(level, _)| *level <= urgency).collect()
    };
    due.into_iter().for_each(|(_, handler)| handler());
}

fn on(urgency: u8, handler: impl FnOnce() + Send + 'static) {
    HANDLERS.lock().expect("not poisoned").push((urgency, Box::new(handler)));
    call_handlers();
}

/// Whether it has been asked to stop.
pub fn interrupted() -> bool {
    URGENCY.load(Ordering::SeqCst) > 0
}

/// Whether it has been asked to kill what does not stop.
pub fn insisted() -> bool {
    URGENCY.load(Ordering::SeqCst) > 1
}

/// Has `handler` called on an interrupt, at once if there was one.
pub fn on_interrupt(handler: impl FnOnce() + Send + 'static) {
    on(1, handler);
}

/// Has `handler` called when the user insists, at once if that was.
pub fn on_insistence(handler: impl FnOnce() + Send + 'static) {
    on(2, handler);
}

/// While it lives, signals are for a program that has labrun's terminal.
pub struct Passed(());

/// Hands signals over to `receiver`: they are no interrupts of labrun's own.
pub fn pass_to(receiver: impl Fn(i32) + Send + 'static) -> Passed {
    *RECEIVER.lock().expect("not poisoned") = Some(Box::new(receiver));
    Passed(())
}

impl Drop for Passed {
    fn drop(&mut self) {
        *RECEIVER.lock().expect("not poisoned") = None;
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

#[cfg(test)]
mod tests {
    use super::*;

    /// What becomes of signals at these milliseconds.
    fn urgencies(times: &[u64]) -> Vec<Option<u8>> {
        let (mut asked, start) = (Asked::default(), Instant::now());
        times.iter().map(|time| asked.signal(start + Duration::from_millis(*time))).collect()
    }

    #[test]
    fn signals_within_a_second_of_each_other_are_one() {
        // timeout(1): to the child, then to its group, however late that one comes.
        assert_eq!(urgencies(&[0, 0]), [Some(1), None]);
        assert_eq!(urgencies(&[0, 999]), [Some(1), None]);
        // Somebody who keeps pressing is still asking once.
        assert_eq!(urgencies(&[0, 900, 1800, 2700]), [Some(1), None, None, None]);
    }

    #[test]
    fn who_asks_again_insists_and_more_than_that_changes_nothing() {
        assert_eq!(urgencies(&[0, 1000, 1001, 5000]), [Some(1), Some(2), None, None]);
        assert_eq!(urgencies(&[0, 10, 1500, 9000]), [Some(1), None, Some(2), None]);
    }
}
