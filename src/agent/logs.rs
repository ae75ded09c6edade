//! What the services print.

use super::message::Event;
use super::pipe::Speaker;
use crate::sandbox::{Gone, Mark, Sandbox, end_of, lines, part_of};
use std::path::PathBuf;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

/// How many lines of a service a failure shows: the last, and the first that sound like the
/// trouble, which a stack trace would push out.
const LAST: usize = 5;
const TROUBLE: usize = 5;
const TELLING: [&str; 7] = ["panic", "fatal", "error", "fail", "refuse", "denied", "cannot"];
/// How often logs that are followed are looked at, how much is taken at a time, and how long a line
/// may be.
const LOOK: Duration = Duration::from_millis(50);
const PIECE: u64 = 64 << 10;
const LONGEST: usize = 1500;
/// How far behind may be who follows.
const BEHIND: u64 = 1 << 20;

/// Says what each service has printed since `mark`. One that died is reported when the lab is put
/// back.
///
/// # Errors
/// If the session or the sandbox ended.
pub fn tell(sandbox: &Sandbox, mark: &Mark, speaker: &Speaker) -> Result<(), Gone> {
    for service in &sandbox.layout.services {
        if sandbox.dead(&service.id)?.is_some() {
            continue;
        }
        for line in telling(&lines(&sandbox.printed_since(mark, &service.id))) {
            speaker.say(Event::Log { service: service.id.clone(), line: line.clone() });
        }
    }
    Ok(())
}

fn telling(lines: &[String]) -> Vec<&String> {
    let sounds = |line: &str| {
        let line = line.to_lowercase();
        TELLING.iter().any(|word| line.contains(word))
    };
    let mut left = TROUBLE;
    let mut kept = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let is_trouble = left > 0 && sounds(line);
        left -= usize::from(is_trouble);
        if is_trouble || index + LAST >= lines.len() {
            kept.push(line);
        }
    }
    kept
}

/// From a thread of its own that begins when `started` says so: says what comes to `logs`, each a
/// service and its file.
pub fn follow(logs: Vec<(String, PathBuf)>, speaker: Speaker, started: Receiver<()>) {
    thread::spawn(move || {
        let mut followed: Vec<Followed> = logs
            .into_iter()
            .map(|(service, path)| Followed { service, path, at: 0, rest: Vec::new() })
            .collect();
        // An error is the end of the session.
        if started.recv().is_ok() {
            loop {
                followed.iter_mut().for_each(|one| one.news(&speaker));
                thread::sleep(LOOK);
            }
        }
    });
}

struct Followed {
    service: String,
    path: PathBuf,
    at: u64,
    /// A line that has not ended yet.
    rest: Vec<u8>,
}

impl Followed {
    fn news(&mut self, speaker: &Speaker) {
        let Ok((size, _)) = end_of(&self.path, 0) else { return };
        // Whoever prints faster than that is not followed line by line.
        if size.saturating_sub(self.at) > BEHIND {
            let next = size - PIECE;
            self.lines(speaker, true);
            let line = format!("({} bytes are left out here)", next - self.at);
            speaker.say(Event::Log { service: self.service.clone(), line });
            self.at = next;
        }
        let news = part_of(&self.path, self.at, PIECE).unwrap_or_default();
        self.at += news.len() as u64;
        self.rest.extend(news);
        self.lines(speaker, false);
    }

    /// Says the lines that have ended, or `all` there is.
    fn lines(&mut self, speaker: &Speaker, all: bool) {
        let mut rest = self.rest.as_slice();
        loop {
            let end = rest.iter().take(LONGEST).position(|byte| *byte == b'\n');
            let (line, after) = match end {
                Some(end) => (&rest[..end], &rest[end + 1..]),
                None if rest.len() >= LONGEST => rest.split_at(LONGEST),
                None if all && !rest.is_empty() => (rest, &[][..]),
                None => break,
            };
            let line = String::from_utf8_lossy(line).into_owned();
            speaker.say(Event::Log { service: self.service.clone(), line });
            rest = after;
        }
        self.rest = rest.to_vec();
    }
}

#[cfg(test)]
mod tests {
    use super::telling;

    #[test]
    fn the_last_lines_and_the_first_that_sound_like_trouble() {
        let lines: Vec<String> = (0..20)
            .map(|n| if n % 2 == 0 && n < 14 { format!("{n} Error") } else { n.to_string() })
            .collect();
        let told: Vec<&str> = telling(&lines).into_iter().map(String::as_str).collect();
        assert_eq!(
            told,
            ["0 Error", "2 Error", "4 Error", "6 Error", "8 Error", "15", "16", "17", "18", "19"]
        );
        assert_eq!(telling(&lines[..3]).len(), 3);
    }
}
