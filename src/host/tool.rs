//! Programs on this machine that are no lab's, such as limactl.

use crate::interrupt;
use anyhow::{Context, Result};
use duct::{Expression, cmd};
use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// What a program printed, and its exit status, 255 if a signal ended it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Captured {
    /// Exit status.
    pub status: i32,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

/// Runs `words` to their end, with nothing to read.
///
/// # Errors
/// If the program cannot be started.
pub fn capture(words: &[String]) -> Result<Captured> {
    let output = expression(words).stdout_capture().stderr_capture().run().with_context(|| format!("cannot run {}", words[0]))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Captured { status: output.status.code().unwrap_or(255), stdout: text(&output.stdout), stderr: text(&output.stderr) })
}

/// Runs `words` and hands over every line that they print, from both outputs, as it comes; the exit
/// status. An interrupt ends the program with SIGTERM.
///
/// # Errors
/// If the program cannot be started.
pub fn watch(words: &[String], line: &mut dyn FnMut(&str)) -> Result<i32> {
    let handle = expression(words).stderr_to_stdout().reader().with_context(|| format!("cannot run {}", words[0]))?;
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                if interrupt::interrupted() {
                    for pid in handle.pids() {
                        // The group, because what the program started may hold its output open.
                        let _ = cmd!("bash", "-c", format!("kill -s TERM -- -{pid}")).stderr_null().unchecked().run();
                    }
                    return;
                }
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let mut lines = BufReader::new(&handle);
        let mut bytes = Vec::new();
        while lines.read_until(b'\n', &mut bytes).is_ok_and(|length| length > 0) {
            line(String::from_utf8_lossy(&bytes).trim_end());
            bytes.clear();
        }
        done.store(true, Ordering::SeqCst);
    });
    Ok(handle.try_wait()?.and_then(|output| output.status.code()).unwrap_or(255))
}

/// In a process group of its own: a Ctrl-C in the terminal is for labrun, which ends it in good order.
fn expression(words: &[String]) -> Expression {
    cmd(&words[0], &words[1..]).stdin_null().unchecked().before_spawn(|command| {
        command.process_group(0);
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Vec<String> {
        ["sh", "-c", script].map(String::from).to_vec()
    }

    #[test]
    fn both_outputs_and_the_status_are_told_apart() {
        let seen = capture(&shell("echo out; echo error >&2; exit 7")).unwrap();
        assert_eq!(seen, Captured { status: 7, stdout: "out\n".into(), stderr: "error\n".into() });
        assert_eq!(capture(&shell("kill -9 $$")).unwrap().status, 255);
        assert!(capture(&["/nonexistent/program".to_string()]).unwrap_err().to_string().contains("/nonexistent/program"));
    }

    #[test]
    fn lines_come_from_both_outputs() {
        let mut lines = Vec::new();
        let status = watch(&shell("echo one; echo two >&2; printf three; exit 3"), &mut |line| lines.push(line.to_string())).unwrap();
        assert_eq!((lines.join(" "), status), ("one two three".into(), 3));
    }
}
